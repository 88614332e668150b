"""Chapters 3.2.1-3.2.2: taking a report, its facts, verification and grading."""

from collections.abc import Sequence
from typing import Any

from domain.base import Refusal
from domain.grading import Findings, grade
from domain.incident import privacy
from domain.incident.commands import (
    Assess,
    CorrectFacts,
    Intake,
    Verify,
)
from domain.incident.entries import Claim, Determination, Facts, Occasion
from domain.incident.events import (
    Assessed,
    FactsCorrected,
    IncidentReported,
    Verified,
)
from domain.incident.levels import hold
from domain.incident.record import Event
from domain.incident.rules import (
    CLOCK_SKEW,
    Context,
    Fact,
    decides,
    evolves,
    missing,
    with_occasion,
)
from domain.incident.state import State
from domain.plan import Plan

ACTIVE = ("reported", "early_handling", "responding")


@decides(Intake)
def intake(ctx: Context, command: Intake) -> Sequence[Fact]:
    """Nothing in a first report is refused; what is doubtful is flagged (3.2.2, E5, E6)."""
    facts, flags = command.facts, []
    received = ctx.envelope.received
    # What was taken down on paper or by telephone is keyed in with its real time (E8).
    taken = min(ctx.occurred, received)
    if facts.learned_at > received + CLOCK_SKEW:
        flags.append("learned_in_the_future")
        facts = facts.model_copy(update={"learned_at": received})
    if facts.discovered_at is not None and facts.discovered_at > received + CLOCK_SKEW:
        flags.append("discovered_in_the_future")
        facts = facts.model_copy(update={"discovered_at": received})
    reporter = {kind.id: kind for kind in ctx.plan.reporters}.get(command.caller.kind)
    if reporter is None:
        flags.append("unknown_reporter")
    seat = ctx.plan.seat_by_id.get(ctx.by.recorder)
    outside = seat is not None and seat.kind == "reporter"
    if outside and not (reporter and reporter.regulator):
        # An outside reporter tells of its own discovery; the county knows since it was told.
        discovered = min(facts.discovered_at or facts.learned_at, facts.learned_at)
        facts = facts.model_copy(update={"learned_at": received, "discovered_at": discovered})
    else:
        facts = facts.model_copy(update={"learned_at": min(facts.learned_at, taken)})
    if not facts.findings.severe_includes_deaths:
        flags.append("deaths_exceed_severe")
    if facts.in_scope is False:
        flags.append("out_of_scope")
    kinds = {kind.id for kind in ctx.plan.kinds}
    if facts.kind not in kinds:
        flags.append("unknown_kind")
    flags.extend(_see(ctx.plan, facts.kind))
    unknown = [rule for rule in facts.other_rules if rule not in ctx.plan.obligation_by_id]
    if unknown:
        flags.append("unknown_rules")
        kept = tuple(rule for rule in facts.other_rules if rule not in unknown)
        facts = facts.model_copy(update={"other_rules": kept})
    if privacy.was_masked(command):
        flags.append("personal_data_masked")
    return [
        Fact(
            IncidentReported(
                caller=command.caller,
                facts=facts,
                flags=tuple(flags),
                plan_id=ctx.plan.id,
                plan_digest=ctx.state.plan_digest,
                rules_version=ctx.state.rules_version,
                space=ctx.state.space,
            ),
            ctx.require("intake"),
            facts.learned_at,
        )
    ]


@evolves(IncidentReported)
def _(state: State, event: Event, p: IncidentReported) -> State:
    state = state.model_copy(
        update={
            "caller": p.caller,
            "facts": p.facts,
            "flags": p.flags,
            "received_at": event.received,
            "learned": (Claim(seq=event.seq, at=p.facts.learned_at),),
            "discovered_at": p.facts.discovered_at,
            "rules_version": p.rules_version,
            "plan_id": p.plan_id,
            "plan_digest": p.plan_digest,
            "space": p.space,
        }
    )
    return _became_known(state, event, None, p.facts)


@decides(CorrectFacts)
def correct_facts(ctx: Context, command: CorrectFacts) -> Sequence[Fact]:
    """New facts supplement the report; knowledge times may only make a clock earlier."""
    ctx.in_phase(*ACTIVE, "aftermath")
    clause = ctx.require("correct_facts")
    changed = command.changes.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    if not changed:
        raise Refusal("nothing_changed", clause, "没有填写任何更正内容。", "name a fact to change")
    others = (command.changes.moments or {}).values()
    for moment in (command.changes.learned_at, command.changes.discovered_at, *others):
        if moment is not None:
            ctx.not_future(moment)
    for rule in command.changes.other_rules or ():
        if rule not in ctx.plan.obligation_by_id:
            raise missing(ctx.plan, "其他法定时限", "obligation", rule)
    flags = _see(ctx.plan, command.changes.kind)
    corrected = FactsCorrected(changes=changed, reason=command.reason, flags=flags)
    return [Fact(corrected, clause)]


def _see(plan: Plan, kind: str | None) -> tuple[str, ...]:
    """The provisions of other laws that an incident of this kind calls for, as flags."""
    return tuple(f"see:{law.id}" for law in plan.other_laws if kind in law.kinds)


@evolves(FactsCorrected)
def _(state: State, event: Event, p: FactsCorrected) -> State:
    moments = {**state.reported.moments, **p.changes.get("moments", {})}
    facts = Facts.model_validate({**state.reported.model_dump(), **p.changes, "moments": moments})
    flags = (*state.flags, *(flag for flag in p.flags if flag not in state.flags))
    update: dict[str, Any] = {"facts": facts, "flags": flags}
    if "learned_at" in p.changes:
        update["learned"] = (*state.learned, Claim(seq=event.seq, at=facts.learned_at))
    if "discovered_at" in p.changes and facts.discovered_at:
        known = state.discovered_at or facts.discovered_at
        update["discovered_at"] = min(known, facts.discovered_at)
    return _became_known(state.model_copy(update=update), event, state.reported, facts)


def _became_known(state: State, event: Event, old: Facts | None, new: Facts) -> State:
    """Facts that start duties of their own: 3.2.2(4), 4.6.2(3), 6.3, 3.2.3(2) 重要情况."""
    occasion = Occasion(key=str(event.seq), at=event.occurred, level=state.level)
    for basis, field in (
        ("foreign", "abroad"),
        ("compatriots", "compatriots"),
        ("outside_firm", "outside_firm"),
    ):
        if getattr(new, field) is True and (old is None or getattr(old, field) is not True):
            state = with_occasion(state, basis, occasion)
    if new.harm is not False and (old is None or old.harm is False):
        key = occasion.key if old is not None else ""
        state = with_occasion(state, "harmed", occasion.model_copy(update={"key": key}))
    for moment, at in new.moments.items():
        # The earliest moment stated governs; a later statement moves nothing.
        stated = min((at, *(o.at for o in state.occasions.get(moment, ()))))
        only = Occasion(key="", at=stated, level=state.level)
        state = state.model_copy(update={"occasions": {**state.occasions, moment: (only,)}})
    if old is not None and _worse(old.findings, new.findings):
        state = with_occasion(state, "worsened", occasion)
    elif old is not None and (new.findings.affected or 0) > (old.findings.affected or 0):
        state = with_occasion(state, "new_cases", occasion)
    return state


def _worse(old: Findings, new: Findings) -> bool:
    return (new.deaths or 0) > (old.deaths or 0) or (new.severe or 0) > (old.severe or 0)


@decides(Verify)
def verify(ctx: Context, command: Verify) -> Sequence[Fact]:
    """Verification pauses no clock; 待核实 is a result too (3.2.2(2))."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("verify")
    return [Fact(Verified(outcome=command.outcome, text=command.text), clause)]


@evolves(Verified)
def _(state: State, event: Event, p: Verified) -> State:
    return state.model_copy(update={"verified": p.outcome})


@decides(Assess)
def assess(ctx: Context, command: Assess) -> Sequence[Fact]:
    """The officer grades; lines that are met bind, and a lower grade only proposes (附件1)."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("assess")
    findings = command.findings or ctx.state.reported.findings
    if command.level is not None:
        ctx.level(command.level)
    if findings.judged_level is not None:
        ctx.level(findings.judged_level)
    result = grade(ctx.plan, findings)
    rank = ctx.plan.rank
    level = command.level or result.level
    if rank(level) < rank(result.level):
        met = "、".join(line.line for line in result.lines if line.met == "yes")
        raise Refusal(
            "below_lines",
            ctx.plan.grading.clause,
            f"事实已符合{met},不得低于{result.level}级;如事实有误,请先更正事实。",
            f"the facts meet {met}: not below level {result.level}; correct the facts if wrong",
        )
    return [
        Fact(
            Assessed(
                level=level,
                by_lines=result.level,
                candidate=result.candidate,
                needs_judgement=result.needs_judgement and command.level is None,
                reasons=command.reasons,
                raised=rank(level) > rank(ctx.state.level),
                proposed_lower=rank(level) < rank(ctx.state.level),
                readings=result.readings,
                findings=findings.model_dump(mode="json"),
            ),
            clause,
        )
    ]


@evolves(Assessed)
def _(state: State, event: Event, p: Assessed) -> State:
    old = state.reported
    facts = old.model_copy(update={"findings": Findings.model_validate(p.findings)})
    state = state.model_copy(
        update={
            "facts": facts,
            "assessed": p.level,
            "candidate": p.candidate,
            "needs_judgement": p.needs_judgement,
        }
    )
    if p.level is not None and (p.raised or _came_true(state, p.level)):
        determination = Determination(
            seq=event.seq, level=p.level, at=event.occurred, first=not state.determinations
        )
        state = state.model_copy(
            update={"level": p.level, "determinations": (*state.determinations, determination)}
        )
        state = hold(state, p.level, event.occurred)
    return _became_known(state, event, old, facts)


def _came_true(state: State, level: str) -> bool:
    """Whether a response had been started on the mere trend towards ``level`` (4.6.1)."""
    found = [d.occurred for d in state.determinations if d.level == level == state.level]
    return bool(found) and not any(found)
