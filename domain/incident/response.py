"""Chapters 4.3-4.6: superiors' orders; activation, adjustment and termination of the response."""

from collections.abc import Sequence
from datetime import datetime

from domain.base import Refusal
from domain.incident.commands import (
    DecideActivation,
    DecideAdjustment,
    DecideTermination,
    ProposeActivation,
    ProposeAdjustment,
    ProposeTermination,
    RecordOrder,
)
from domain.incident.entries import Determination, Occasion, Order
from domain.incident.events import (
    EarlyHandlingBegan,
    OrderRecorded,
    ResponseAdjusted,
    ResponseEnded,
    ResponseStarted,
)
from domain.incident.levels import hold
from domain.incident.proposals import decided, open_proposal, propose
from domain.incident.record import Event
from domain.incident.rules import (
    Context,
    Fact,
    decides,
    evolves,
    missing,
    put,
    with_occasion,
)
from domain.incident.state import State

EARLY = ("reported", "early_handling")
ACTIVE = (*EARLY, "responding")


@evolves(EarlyHandlingBegan)
def _(state: State, event: Event, p: EarlyHandlingBegan) -> State:
    return state.model_copy(update={"phase": "early_handling"})


# --- orders of superiors (4.3-4.5) ---------------------------------------------------------


@decides(RecordOrder)
def record_order(ctx: Context, command: RecordOrder) -> Sequence[Fact]:
    """The superior leads at its levels: its order starts, adjusts or ends the response."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("record_order")
    order = Order(
        id=ctx.id("o"),
        seq=ctx.state.seq + 1,
        by=ctx.by.decider,
        kind=command.kind,
        level=command.level,
        text=command.text,
        at=ctx.occurred,
        daily_hour=command.daily_hour,
    )
    facts = [Fact(OrderRecorded(order=order, expected_duration=command.expected_duration), clause)]
    current = ctx.state.response_level
    if command.kind in ("start", "adjust"):
        if command.level is None:
            raise Refusal(
                "level_missing", clause, "请写明上级决定的级别。", "level: name the level ordered"
            )
        target = ctx.level(command.level)
        if command.kind == "adjust" and _gravest(ctx) is None:
            raise _no_response(ctx, clause)
        held = _gravest(ctx) if command.kind == "adjust" else None
        _decides_at(ctx, ctx.plan.gravest(target, held) or target)
        at_level = ctx.plan.level_by_id[target].clause
        if current is None and command.kind == "start":
            facts.append(
                Fact(
                    ResponseStarted(
                        level=target,
                        expected_duration=command.expected_duration,
                        measures=command.text,
                        raises=_raises(ctx, target),
                    ),
                    at_level,
                )
            )
        else:
            facts.append(
                Fact(
                    ResponseAdjusted(
                        old=current or ctx.state.level, new=target, raises=_raises(ctx, target)
                    ),
                    at_level,
                )
            )
    elif command.kind == "end":
        if current is None:
            raise _no_response(ctx, clause)
        _decides_at(ctx, _gravest(ctx) or current)
        facts.append(Fact(ResponseEnded(level=current), ctx.plan.level_by_id[current].clause))
    return facts


def _raises(ctx: Context, level: str | None) -> bool:
    return ctx.plan.rank(level) > ctx.plan.rank(ctx.state.level)


def _gravest(ctx: Context) -> str | None:
    """The level at which the incident is led: its finding's or its response's, if graver."""
    return ctx.plan.gravest(ctx.state.response_level, ctx.state.level)


def _decides_at(ctx: Context, level: str) -> None:
    """Refuse unless the decider decides at ``level`` (4.3-4.6)."""
    ctx.require("decide_adjustment", level)


def _no_response(ctx: Context, clause: str) -> Refusal:
    return Refusal("no_response", clause, "应急响应尚未启动。", "no response has been started")


@evolves(OrderRecorded)
def _(state: State, event: Event, p: OrderRecorded) -> State:
    state = put(state, "orders", p.order.id, p.order)
    if p.order.daily_hour is not None:
        state = state.model_copy(update={"daily_hour": p.order.daily_hour})
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=p.order.level, ref=p.order.id)
    return with_occasion(state, "order_given", occasion)


# --- activation, adjustment, termination (4.6.1, 4.6.3, 4.6.4) -----------------------------


@decides(ProposeActivation)
def propose_activation(ctx: Context, command: ProposeActivation) -> Sequence[Fact]:
    """Only the level that the county leads can be proposed here (4.6.1)."""
    ctx.in_phase(*EARLY)
    clause = ctx.require("propose_activation")
    level = ctx.plan.level_by_id[ctx.level(command.level)]
    if not level.own:
        raise Refusal(
            "superior_leads",
            level.clause,
            f"{level.name.zh}响应由上级启动和指挥,本县只能记录上级决定(record_order)并做好先期处置。",
            f"a response at level {level.id} is started by superiors: "
            "record their order (record_order) and go on with early handling",
        )
    warnings = []
    if ctx.plan.rank(ctx.state.level) > ctx.plan.rank(level.id):
        warnings.append("graver_level_awaits_superior")
    elif ctx.plan.rank(ctx.state.level) < ctx.plan.rank(level.id):
        warnings.append("trending_towards_level")
    content = command.model_dump(mode="json", exclude={"name", "level"})
    return propose(ctx, "activation", level.id, content, clause, tuple(warnings))


@decides(ProposeAdjustment)
def propose_adjustment(ctx: Context, command: ProposeAdjustment) -> Sequence[Fact]:
    """A proposed level changes no duty until the competent decision (4.6.3)."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("propose_adjustment")
    level = ctx.level(command.level)
    # A response of ours may run under a graver finding: either may be what is adjusted.
    running = {ctx.state.response_level, ctx.state.level} - {None}
    if not running:
        raise _no_response(ctx, clause)
    if running == {level}:
        raise Refusal("same_level", clause, "级别没有变化。", f"the level is {level} already")
    return propose(ctx, "adjustment", level, {"reasons": command.reasons}, clause)


@decides(ProposeTermination)
def propose_termination(ctx: Context, command: ProposeTermination) -> Sequence[Fact]:
    """Every condition of 4.6.4 is demanded, and the opinion of units and experts."""
    ctx.in_phase("early_handling", "responding")
    clause = ctx.require("propose_termination")
    _county_ends(ctx)
    known = {condition.id for condition in ctx.plan.termination.conditions}
    unknown = sorted(set(command.conditions) - known)
    if unknown:
        raise missing(ctx.plan, "终止条件", "termination condition", unknown[0])
    unmet = [
        condition
        for condition in ctx.plan.termination.conditions
        if (stated := command.conditions.get(condition.id)) is None or not stated.met
    ]
    if unmet:
        raise Refusal(
            "conditions_unmet",
            ctx.plan.termination.clause,
            f"终止条件尚未满足:{'、'.join(condition.text.zh for condition in unmet)}。",
            "conditions: not met: " + "; ".join(f"{c.id} ({c.text.en})" for c in unmet),
        )
    warnings = _observation(ctx)
    content = command.model_dump(mode="json", exclude={"name"})
    return propose(ctx, "termination", ctx.state.response_level, content, clause, warnings)


def _observation(ctx: Context) -> tuple[str, ...]:
    """The observation window is internal: it warns and never bars (4.6.4 states none)."""
    window = ctx.plan.termination.observe
    if window is not None and any(ctx.occurred - at < window for at in _setbacks(ctx.state)):
        return ("within_observation_window",)
    return ()


def _setbacks(state: State) -> list[datetime]:
    """When new or graver cases became known: 没有新发类似病例 did not hold then (4.6.4)."""
    return [
        occasion.at
        for kind in ("worsened", "new_cases")
        for occasion in state.occasions.get(kind, ())
    ]


def _county_ends(ctx: Context) -> None:
    """Refuse where superiors lead: there the county does not end (4.3-4.5)."""
    level = _gravest(ctx)
    if level is not None and not ctx.plan.level_by_id[level].own:
        raise Refusal(
            "superior_leads",
            ctx.plan.level_by_id[level].clause,
            f"{ctx.plan.level_by_id[level].name.zh}响应由上级终止,请记录上级决定(record_order)。",
            f"superiors end what is at level {level}: record their order (record_order)",
        )


@decides(DecideActivation)
def decide_activation(ctx: Context, command: DecideActivation) -> Sequence[Fact]:
    """The government decides (4.6.1); its telephone call counts once recorded (E1)."""
    proposal = open_proposal(ctx, command, "activation")
    ctx.in_phase(*EARLY)
    clause = ctx.require("decide_activation", proposal.level)
    facts = [decided(command, proposal, clause)]
    if command.approve:
        content = proposal.content
        facts.append(
            Fact(
                ResponseStarted(
                    level=proposal.level or "",
                    area=content.get("area"),
                    scope=content.get("scope"),
                    expected_duration=content.get("expected_duration"),
                    measures=content.get("measures"),
                    raises=_raises(ctx, proposal.level),
                    trending=_raises(ctx, proposal.level),
                ),
                clause,
            )
        )
    return facts


@decides(DecideAdjustment)
def decide_adjustment(ctx: Context, command: DecideAdjustment) -> Sequence[Fact]:
    """Whoever decides at the graver of both levels (4.6.3): a downgrade is theirs too."""
    proposal = open_proposal(ctx, command, "adjustment")
    ctx.in_phase(*ACTIVE)
    current = ctx.state.response_level or ctx.state.level
    clause = ctx.require("decide_adjustment", ctx.plan.gravest(_gravest(ctx), proposal.level))
    facts = [decided(command, proposal, clause)]
    if command.approve:
        new = proposal.level or ""
        facts.append(Fact(ResponseAdjusted(old=current, new=new, raises=_raises(ctx, new)), clause))
    return facts


@decides(DecideTermination)
def decide_termination(ctx: Context, command: DecideTermination) -> Sequence[Fact]:
    """Never automatic; new cases since the proposal undo it (4.6.4)."""
    proposal = open_proposal(ctx, command, "termination")
    ctx.in_phase("early_handling", "responding")
    _county_ends(ctx)
    level = ctx.state.response_level or ctx.plan.level_ids[-1]
    clause = ctx.require("decide_termination", level)
    # A decision made before they became known stands; what came after it is for a reopening.
    since = [at for at in _setbacks(ctx.state) if proposal.at < at <= ctx.occurred]
    if command.approve and since:
        raise Refusal(
            "conditions_unmet",
            ctx.plan.termination.clause,
            "提请终止后又有新发或加重病例,须重新研判并再次提请。",
            "new or graver cases came after the proposal: assess again and propose again",
        )
    facts = [decided(command, proposal, clause)]
    if command.approve:
        facts.append(Fact(ResponseEnded(level=ctx.state.response_level), clause))
    return facts


@evolves(ResponseStarted)
def _(state: State, event: Event, p: ResponseStarted) -> State:
    state = state.model_copy(update={"phase": "responding", "response_level": p.level})
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=p.level)
    return _at_level(
        with_occasion(state, "activated", occasion),
        event,
        p.level,
        p.raises,
        lower=False,
        occurred=not p.trending,
    )


@evolves(ResponseAdjusted)
def _(state: State, event: Event, p: ResponseAdjusted) -> State:
    if state.response_level is not None:
        state = state.model_copy(update={"response_level": p.new})
    return _at_level(state, event, p.new, p.raises, lower=True)


@evolves(ResponseEnded)
def _(state: State, event: Event, p: ResponseEnded) -> State:
    state = state.model_copy(update={"phase": "aftermath", "response_level": None})
    state = hold(state, None, event.occurred)
    if p.level is None:
        return state
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=p.level)
    return with_occasion(state, "terminated", occasion)


def _at_level(
    state: State, event: Event, level: str, raises: bool, lower: bool, occurred: bool = True
) -> State:
    """Set the level whose duties hold; raising it is a determination of its own (3.2.2(2))."""
    if raises:
        determination = Determination(
            seq=event.seq,
            level=level,
            at=event.occurred,
            first=not state.determinations,
            occurred=occurred,
        )
        state = state.model_copy(
            update={"level": level, "determinations": (*state.determinations, determination)}
        )
    elif lower:
        state = state.model_copy(update={"level": level})
    return hold(state, state.level, event.occurred)
