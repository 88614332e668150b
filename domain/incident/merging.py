"""Merging as a saga: the other incident accepts first, then carries the open clocks (E11)."""

from collections.abc import Sequence

from domain.base import Refusal
from domain.clocks import TASK
from domain.grading import Findings
from domain.incident.commands import AcceptMerge, ConcludeMerge, Merge, MergeOffer
from domain.incident.events import MergeAccepted, Merged, MergeRefused, MergeRequested
from domain.incident.levels import hold
from domain.incident.record import Event
from domain.incident.rules import Context, Fact, decides, evolves
from domain.incident.state import Claim, Clock, Determination, State
from domain.plan import Plan

ACTIVE = ("reported", "early_handling", "responding")
COUNTS = ("affected", "severe", "deaths")


@decides(Merge)
def merge(ctx: Context, command: Merge) -> Sequence[Fact]:
    """Asked for here, answered by the other incident; until then nothing changes."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("merge")
    if command.into == ctx.state.incident:
        raise Refusal("same_incident", clause, "不能并入自身。", "into: that is this incident")
    if ctx.state.merging_into is not None:
        raise Refusal(
            "merge_pending",
            clause,
            f"正在并入{ctx.state.merging_into},请等待其答复。",
            f"a merge into {ctx.state.merging_into} awaits its answer",
        )
    requested = MergeRequested(
        into=command.into,
        reasons=command.reasons,
        overlap={str(k): v for k, v in command.overlap.items()} if command.overlap else None,
    )
    return [Fact(requested, clause)]


@evolves(MergeRequested)
def _(state: State, event: Event, p: MergeRequested) -> State:
    return state.model_copy(update={"merging_into": p.into, "merge_overlap": p.overlap})


def offer(plan: Plan, state: State) -> MergeOffer:
    """What this incident brings: its clocks, open tasks and people, as of now."""
    shared = ("learned", "received", "discovered", "day")
    clocks = tuple(
        clock
        for clock in state.open_clocks
        if clock.obligation != TASK and plan.obligation_by_id[clock.obligation].basis not in shared
    )
    return MergeOffer(
        source=state.incident,
        seq=state.seq,
        drug=state.reported.drug,
        learned=min((c.at for c in state.learned), default=state.opened_at),
        received=state.opened_at,
        level=state.level,
        findings=state.reported.findings,
        overlap=state.merge_overlap,
        clocks=clocks,
        tasks=tuple(task for task in state.tasks.values() if task.status == "open"),
        persons=state.persons,
        told=tuple(sorted(state.told)),
    )


@decides(AcceptMerge)
def accept_merge(ctx: Context, command: AcceptMerge) -> Sequence[Fact]:
    """Take over clocks, tasks and people; repeated offers of one incident replace each other."""
    clause = next(p.clause for p in ctx.plan.powers if p.command == "accept_merge")
    if ctx.state.phase not in ACTIVE or ctx.state.merging_into is not None:
        raise Refusal(
            "cannot_accept",
            clause,
            "该事件已终止、办结或正在并案,不能并入。",
            f"incident {ctx.state.incident} is {ctx.state.phase} or merging itself: "
            "it cannot take over another",
        )
    given = command.offer
    if ctx.state.merged_from.get(given.source, 0) >= given.seq:
        return []
    first = given.source not in ctx.state.merged_from
    findings = (
        _together(ctx.state.reported.findings, given) if first else ctx.state.reported.findings
    )
    raised = ctx.plan.rank(given.level) > ctx.plan.rank(ctx.state.level)
    accepted = MergeAccepted(offer=given, findings=findings.model_dump(mode="json"), raised=raised)
    return [Fact(accepted, clause, ctx.envelope.received)]


def _together(ours: Findings, given: MergeOffer) -> Findings:
    """The counts of both, nobody twice: the overlap as stated, else the larger count."""
    update: dict[str, int | None] = {}
    for count in COUNTS:
        here, there = getattr(ours, count), getattr(given.findings, count)
        if here is None or there is None:
            update[count] = here if there is None else there
        elif given.overlap is not None:
            both = min(given.overlap.get(count, 0), here, there)
            update[count] = here + there - both
        else:
            update[count] = max(here, there)
    return ours.model_copy(update=update)


@evolves(MergeAccepted)
def _(state: State, event: Event, p: MergeAccepted) -> State:
    given = p.offer
    carried = {k: c for k, c in state.carried.items() if not k.startswith(f"{given.source}/")}
    carried |= {f"{given.source}/{c.id}": _carried(given.source, c) for c in given.clocks}
    tasks = {k: t for k, t in state.tasks.items() if not k.startswith(f"{given.source}/")}
    for task in given.tasks:
        key = f"{given.source}/{task.id}"
        tasks[key] = state.tasks.get(key) or task.model_copy(update={"id": key})
    state = state.model_copy(
        update={
            "facts": state.reported.model_copy(
                update={"findings": Findings.model_validate(p.findings)}
            ),
            "learned": (*state.learned, Claim(seq=event.seq, at=given.learned)),
            "received_at": min(state.opened_at, given.received),
            "carried": carried,
            "tasks": tasks,
            "persons": {**state.persons, **given.persons},
            "merged_from": {**state.merged_from, given.source: given.seq},
            "merged_told": tuple(sorted({*state.merged_told, *given.told})),
        }
    )
    if not p.raised or given.level is None:
        return state
    determination = Determination(
        seq=event.seq, level=given.level, at=event.occurred, first=not state.determinations
    )
    state = state.model_copy(
        update={"level": given.level, "determinations": (*state.determinations, determination)}
    )
    return hold(state, given.level, event.occurred)


def _carried(source: str, clock: Clock) -> Clock:
    return clock.model_copy(update={"id": f"{source}/{clock.id}", "status": "open"})


@decides(ConcludeMerge)
def conclude_merge(ctx: Context, command: ConcludeMerge) -> Sequence[Fact]:
    """Merged only once the other has everything; if more has happened, offer again."""
    if ctx.state.merging_into != command.into:
        return []
    clause = next(p.clause for p in ctx.plan.powers if p.command == "merge")
    if not command.accepted:
        refused = MergeRefused(into=command.into, reason=command.reason or "refused")
        return [Fact(refused, clause, ctx.now)]
    if command.offered_seq < ctx.state.substance:
        return []
    return [Fact(Merged(into=command.into), clause, ctx.now)]


@evolves(MergeRefused)
def _(state: State, event: Event, p: MergeRefused) -> State:
    return state.model_copy(update={"merging_into": None, "merge_overlap": None})


@evolves(Merged)
def _(state: State, event: Event, p: Merged) -> State:
    state = state.model_copy(
        update={"phase": "merged", "merged_into": p.into, "merging_into": None}
    )
    return hold(state, None, event.occurred)
