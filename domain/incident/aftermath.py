"""Chapter 5 and E11: cause, ledger, improvements, closing, dismissing, reopening."""

from collections.abc import Sequence

from domain.base import Refusal
from domain.incident.commands import (
    AddCorrectiveAction,
    Close,
    CompleteCorrectiveAction,
    DetermineCause,
    Dismiss,
    LogResource,
    Reopen,
)
from domain.incident.entries import TAKEN, Clock, CorrectiveAction, Occasion, Resource
from domain.incident.events import (
    ActionAdded,
    ActionCompleted,
    CauseDetermined,
    Closed,
    Dismissed,
    Reopened,
    ResourceLogged,
    ResourceSettled,
)
from domain.incident.levels import hold
from domain.incident.merging import refuse_while_merging
from domain.incident.record import Event
from domain.incident.rules import (
    Context,
    Fact,
    decides,
    evolves,
    holds,
    missing,
    put,
    with_occasion,
)
from domain.incident.state import State
from domain.incident.tasks import given_items, make_tasks
from domain.plan import WarningLevel

SETTLES = {
    "goods": ("return", "compensate"),
    "labour": ("compensate",),
    "store": ("replenish",),
}
"""What settles each kind of resource: 5.2, 6.5 及时归还或给予补偿; 6.2 使用储备物资后需及时补充."""
FILED = frozenset({"report.filing"})
_ACTION_ZH = {"return": "归还", "compensate": "补偿", "replenish": "补充"}
WORKING = ("reported", "early_handling", "responding", "aftermath")


@decides(DetermineCause)
def determine_cause(ctx: Context, command: DetermineCause) -> Sequence[Fact]:
    """What follows depends on the cause; a suspected crime goes to the police (5.1)."""
    ctx.in_phase(*WORKING)
    cause = next((c for c in ctx.plan.causes if c.id == command.cause), None)
    if cause is None:
        raise missing(ctx.plan, "原因类别", "cause", command.cause)
    ctx.require("determine_cause")
    determined = CauseDetermined(
        cause=cause.id,
        conclusion=command.conclusion,
        experts=command.experts,
        crime_suspected=command.crime_suspected,
    )
    facts = [Fact(determined, cause.clause)]
    given = given_items(ctx.state)
    suspected = command.crime_suspected or holds(ctx.state, "crime")
    items = [
        item
        for item in cause.follow_up
        if (cause.id, item.id) not in given
        and all(suspected if c == "crime" else holds(ctx.state, c) for c in item.when)
    ]
    if items:
        seq = ctx.state.seq + 2
        tasks = make_tasks(ctx.plan, ctx.state, cause.id, items, seq, ctx.occurred, None)
        facts.append(Fact(tasks, cause.clause))
    return facts


@evolves(CauseDetermined)
def _(state: State, event: Event, p: CauseDetermined) -> State:
    suspected = True if p.crime_suspected else state.reported.crime_suspected
    state = state.model_copy(
        update={
            "cause": p.cause,
            "cause_seq": event.seq,
            "conclusion": p.conclusion,
            "facts": state.reported.model_copy(update={"crime_suspected": suspected}),
        }
    )
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=state.level)
    return with_occasion(state, "concluded", occasion)


@decides(LogResource)
def log_resource(ctx: Context, command: LogResource) -> Sequence[Fact]:
    """Goods and labour taken are returned or compensated, stores replenished (5.2, 6.2, 6.5)."""
    ctx.in_phase(*WORKING)
    clause = ctx.require("log_resource")
    if command.action in ("requisition", "use"):
        if command.kind is None or not (command.what and command.quantity and command.source):
            raise Refusal(
                "resource_incomplete",
                clause,
                "请写明类别(kind)、名称(what)、数量(quantity)和来源(source)。",
                "kind, what, quantity and source: say what was taken, how much, from whom",
            )
        if (command.kind == "store") != (command.action == "use"):
            raise Refusal(
                "wrong_kind",
                clause,
                "动用储备(use)的类别为储备物资(store);征用(requisition)的类别为物资(goods)或劳务(labour)。",
                "kind: stores are used; goods and labour are requisitioned",
            )
        resource = Resource(
            id=ctx.id("g"),
            kind=command.kind,
            what=command.what,
            quantity=command.quantity,
            source=command.source,
            at=ctx.occurred,
            value=command.value,
        )
        return [Fact(ResourceLogged(resource=resource), clause)]
    entry = ctx.state.ledger.get(command.resource or "")
    if entry is None or entry.voided:
        raise missing(ctx.plan, "物资劳务登记", "ledger entry", command.resource or "")
    if command.action not in SETTLES[entry.kind]:
        ways = SETTLES[entry.kind]
        raise Refusal(
            "wrong_settlement",
            clause,
            f"“{entry.what}”应以{'或'.join(_ACTION_ZH[way] for way in ways)}结清。",
            f"action: {entry.kind} are settled by {' or '.join(ways)}",
        )
    settled = ResourceSettled(resource=entry.id, action=command.action, value=command.value)
    return [Fact(settled, clause)]


@evolves(ResourceLogged)
def _(state: State, event: Event, p: ResourceLogged) -> State:
    state = put(state, "ledger", p.resource.id, p.resource)
    occasion = Occasion(key=p.resource.id, at=event.occurred, level=state.level, ref=p.resource.id)
    return with_occasion(state, TAKEN[p.resource.kind], occasion)


@evolves(ResourceSettled)
def _(state: State, event: Event, p: ResourceSettled) -> State:
    entry = state.ledger[p.resource]
    update = {
        "settled": (*entry.settled, p.action),
        "settled_at": entry.settled_at or event.occurred,
        "settled_recorded": entry.settled_recorded or event.received,
    }
    return put(state, "ledger", entry.id, entry.model_copy(update=update))


@decides(AddCorrectiveAction)
def add_corrective_action(ctx: Context, command: AddCorrectiveAction) -> Sequence[Fact]:
    """Lessons become actions with an owner and a due day (5.3)."""
    ctx.in_phase(*WORKING)
    clause = ctx.require("add_corrective_action")
    action = CorrectiveAction(
        id=ctx.id("c"), text=command.text, owner=ctx.body(command.owner), due=command.due
    )
    return [Fact(ActionAdded(action=action), clause)]


@evolves(ActionAdded)
def _(state: State, event: Event, p: ActionAdded) -> State:
    return put(state, "actions", p.action.id, p.action)


@decides(CompleteCorrectiveAction)
def complete_corrective_action(ctx: Context, command: CompleteCorrectiveAction) -> Sequence[Fact]:
    """An improvement may be made long after the incident was closed (5.3)."""
    action = ctx.state.actions.get(command.action)
    if action is None:
        raise missing(ctx.plan, "整改措施", "corrective action", command.action)
    clause = ctx.require("complete_corrective_action", None, action.owner)
    if action.done_at is not None:
        raise Refusal("action_done", clause, "该整改措施已完成。", f"{action.id} is done already")
    return [Fact(ActionCompleted(action=action.id, result=command.result), clause)]


@evolves(ActionCompleted)
def _(state: State, event: Event, p: ActionCompleted) -> State:
    action = state.actions[p.action].model_copy(
        update={"done_at": event.occurred, "result": p.result}
    )
    return put(state, "actions", action.id, action)


@decides(Close)
def close(ctx: Context, command: Close) -> Sequence[Fact]:
    """Nothing statutory may be left open behind a closed incident (3.2.3(3), 5.1-5.3)."""
    ctx.in_phase("aftermath")
    clause = ctx.require("close")
    refuse_while_merging(ctx, clause)
    summary = ctx.plan.report_by_kind["summary"]
    left: list[tuple[str, str]] = []
    bodies = ctx.plan.body_by_id
    left.extend(
        (
            f"{c.clause}尚未履行({bodies[c.recipient].name.zh if c.recipient in bodies else ''})",
            f"clock {c.id} is open",
        )
        for c in ctx.state.open_clocks
        if _binds(ctx, c)
    )
    if not any(r.kind == "summary" and not r.voided for r in ctx.state.reports.values()):
        left.append(
            (f"缺{summary.name.zh}({summary.clause})", f"no summary report ({summary.clause})")
        )
    if ctx.state.cause is None:
        left.append(("原因未认定", "the cause is not determined"))
    open_tasks = [task.id for task in ctx.state.tasks.values() if task.status == "open"]
    if open_tasks:
        left.append((f"{len(open_tasks)}项任务未办结", f"tasks open: {', '.join(open_tasks)}"))
    left.extend(
        (f"{rule.name.zh}尚未解除({rule.clause})", f"{rule.name.en} still stands ({rule.clause})")
        for rule in _open_warnings(ctx)
    )
    unsettled = [entry.id for entry in ctx.state.ledger.values() if entry.open]
    if unsettled:
        left.append(("征用物资劳务未归还或补偿", f"ledger entries open: {', '.join(unsettled)}"))
    if left:
        raise Refusal(
            "not_ready_to_close",
            clause,
            "尚不能办结:" + ";".join(zh for zh, _ in left) + "。",
            "cannot close yet: " + "; ".join(en for _, en in left),
        )
    return [Fact(Closed(text=command.text), clause)]


def _binds(ctx: Context, clock: Clock) -> bool:
    """Whether a clock must be met before closing: statute, and what corrects or files (E11).

    Filing and correcting have no number in the text; they are duties to superiors all the same.
    """
    return clock.kind == "statutory" or bool(_met_by(ctx, clock) & {*FILED, "report.correction"})


def _met_by(ctx: Context, clock: Clock) -> frozenset[str]:
    duty = ctx.plan.obligation_by_id.get(clock.obligation)
    return frozenset(duty.met_by if duty is not None else ())


def _open_warnings(ctx: Context) -> list[WarningLevel]:
    """The levels of our own warnings that still stand (3.3.6)."""
    rules = {rule.level: rule for rule in ctx.plan.warnings}
    return [
        rules[warning.level]
        for warning in ctx.state.warnings.values()
        if warning.lifted_at is None and ctx.plan.body_by_id[warning.by].tier == "county"
    ]


@evolves(Closed)
def _(state: State, event: Event, p: Closed) -> State:
    return state.model_copy(update={"phase": "closed"})


@decides(Dismiss)
def dismiss(ctx: Context, command: Dismiss) -> Sequence[Fact]:
    """Found to be no incident: whoever was told is told so (E11)."""
    ctx.in_phase("reported", "early_handling")
    clause = ctx.require("dismiss")
    refuse_while_merging(ctx, clause)
    if warnings := _open_warnings(ctx):
        raise Refusal(
            "warning_open",
            warnings[0].clause,
            "本县发布的预警尚未解除,请先解除预警(lift_warning),再排除事件。",
            "our own warning still stands: lift it first (lift_warning)",
        )
    if unfiled := [clock for clock in ctx.state.open_clocks if _met_by(ctx, clock) & FILED]:
        raise Refusal(
            "release_unfiled",
            unfiled[0].clause,
            "已发布的信息尚未报上级备案,请先备案(file_release),再排除事件。",
            "what was published is not filed yet: file it first (file_release)",
        )
    return [Fact(Dismissed(reasons=command.reasons, told=tuple(sorted(ctx.state.told))), clause)]


@evolves(Dismissed)
def _(state: State, event: Event, p: Dismissed) -> State:
    state = hold(state.model_copy(update={"phase": "dismissed"}), None, event.occurred)
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=state.level, ref="dismissal")
    return with_occasion(state, "dismissed", occasion) if p.told else state


@decides(Reopen)
def reopen(ctx: Context, command: Reopen) -> Sequence[Fact]:
    """What was ended, closed or dismissed may prove not to be over (E11)."""
    ctx.in_phase("aftermath", "closed", "dismissed")
    clause = ctx.require("reopen")
    return [Fact(Reopened(reason=command.reason, phase=ctx.state.phase), clause)]


@evolves(Reopened)
def _(state: State, event: Event, p: Reopened) -> State:
    # Taken back: a dismissal owes no correction any more, an end no summary before the next.
    undone = ("dismissed", "terminated")
    occasions = {basis: at for basis, at in state.occasions.items() if basis not in undone}
    state = state.model_copy(
        update={
            "phase": "early_handling",
            "occasions": occasions,
            "reopened_at": event.occurred,
        }
    )
    return hold(state, state.level, event.occurred)
