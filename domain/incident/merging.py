"""Merging as a saga: the other incident accepts first, then carries the open clocks (E11)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from domain.base import Refusal
from domain.duties import TASK, known_at, wanted
from domain.grading import Findings, Spread, grade
from domain.incident.commands import Merge
from domain.incident.entries import (
    Claim,
    Clock,
    Determination,
    Occasion,
    Release,
    Report,
    Resource,
    Task,
    Warned,
)
from domain.incident.events import MergeAccepted, Merged, MergeRefused, MergeRequested
from domain.incident.levels import hold
from domain.incident.observations import AcceptMerge, ConcludeMerge, MergeOffer
from domain.incident.record import Event
from domain.incident.rules import Context, Fact, decides, evolves, with_occasion
from domain.incident.state import State
from domain.plan import Plan

ACTIVE = ("reported", "early_handling", "responding")
COUNTS = ("affected", "severe", "deaths")
CONDITIONS = ("harm", "abroad", "compatriots", "outside_firm", "crime_suspected")
SHARED = ("learned", "received", "day")
"""What the incident that takes over has clocks of its own for, once it knows the other's times."""


@decides(Merge)
def merge(ctx: Context, command: Merge) -> Sequence[Fact]:
    """Asked for here, answered by the other incident; until then nothing changes."""
    ctx.in_phase(*ACTIVE)
    clause = ctx.require("merge")
    if command.into == ctx.state.incident:
        raise Refusal("same_incident", clause, "不能并入自身。", "into: that is this incident")
    refuse_while_merging(ctx, clause)
    requested = MergeRequested(
        into=command.into,
        reasons=command.reasons,
        overlap=None
        if command.overlap is None
        else {str(count): people for count, people in command.overlap.items()},
    )
    return [Fact(requested, clause)]


def refuse_while_merging(ctx: Context, clause: str) -> None:
    """Refuse what would pull an incident away from the one that is taking it over."""
    if ctx.state.merging_into is not None:
        raise Refusal(
            "merge_pending",
            clause,
            f"正在并入{ctx.state.merging_into},请等待其答复。",
            f"a merge into {ctx.state.merging_into} awaits its answer",
        )


@evolves(MergeRequested)
def _(state: State, event: Event, p: MergeRequested) -> State:
    return state.model_copy(update={"merging_into": p.into, "merge_overlap": p.overlap})


def offer(plan: Plan, state: State) -> MergeOffer:
    """What this incident brings as of now: its clocks and what meets them, its people."""
    facts = state.reported
    return MergeOffer(
        source=state.incident,
        seq=state.seq,
        drug=facts.drug,
        learned=known_at(state) or state.opened_at,
        received=state.opened_at,
        level=state.level,
        response_level=state.response_level,
        findings=facts.findings,
        overlap=state.merge_overlap,
        conditions={name: getattr(facts, name) for name in CONDITIONS},
        other_rules=facts.other_rules,
        clocks=tuple(clock for clock in state.open_clocks if clock.obligation != TASK),
        tasks=tuple(task for task in state.tasks.values() if task.status == "open"),
        # What was said stays in this record; that it was said, to whom and when, meets duties.
        reports=tuple(
            report.model_copy(update={"fields": {}})
            for report in (*state.merged_reports.values(), *state.reports.values())
        ),
        releases=tuple(r.model_copy(update={"text": ""}) for r in state.releases.values()),
        ledger=tuple(entry for entry in state.ledger.values() if entry.open),
        warnings=tuple(w for w in state.warnings.values() if w.lifted_at is None),
        persons=state.persons,
        told=tuple(sorted(state.told)),
        daily_hour=state.daily_hour,
        command_established=state.command_established,
    )


@decides(AcceptMerge)
def accept_merge(ctx: Context, command: AcceptMerge) -> Sequence[Fact]:
    """Take over clocks, tasks and people; repeated offers of one incident replace each other."""
    clause = next(p.clause for p in ctx.plan.powers if p.command == "accept_merge")
    state, given = ctx.state, command.offer
    known = given.source in state.merged_from
    if state.phase not in ACTIVE or (state.merging_into is not None and not known):
        raise Refusal(
            "cannot_accept",
            clause,
            "该事件已终止、办结或正在并案,不能并入。",
            f"incident {state.incident} is {state.phase} or merging itself: "
            "it cannot take over another",
        )
    if state.merged_from.get(given.source, 0) >= given.seq:
        return []
    if strange := _strange(ctx.plan, given):
        raise Refusal(
            "other_plan",
            clause,
            f"两个事件适用的预案不同,本事件的预案没有“{strange}”,不能并入。",
            f"the incidents run under different plans: this one's has no {strange!r}",
        )
    findings = _together(ctx.plan, state.reported.findings, given, state)
    level = ctx.plan.gravest(state.level, given.level)
    accepted = MergeAccepted(
        offer=given,
        findings=findings.model_dump(mode="json"),
        raised=level != state.level,
        response_level=ctx.plan.gravest(state.response_level, given.response_level),
        candidate=grade(ctx.plan, findings).candidate,
        setback=_setback(state.reported.findings, findings),
    )
    after = _taken_over(state, accepted, state.seq + 1, ctx.envelope.received)
    ours = wanted(ctx.plan, after, ctx.now)
    kept = tuple(
        clock
        for clock in given.clocks
        if clock.id not in ours or ctx.plan.obligation_by_id[clock.obligation].basis not in SHARED
    )
    accepted = accepted.model_copy(update={"offer": given.model_copy(update={"clocks": kept})})
    return [Fact(accepted, clause, ctx.envelope.received)]


def _strange(plan: Plan, given: MergeOffer) -> str | None:
    """Something in the offer that ``plan`` does not know, if there is any."""
    bodies = {clock.owner for clock in given.clocks} | {task.owner for task in given.tasks}
    bodies |= {clock.recipient for clock in given.clocks if clock.recipient} | {*given.told}
    levels = {level for level in (given.level, given.response_level) if level}
    for names, known in (
        (bodies, {*plan.body_by_id}),
        (levels, {*plan.level_ids}),
        ({clock.obligation for clock in given.clocks}, {*plan.obligation_by_id}),
        ({warning.level for warning in given.warnings}, {rule.level for rule in plan.warnings}),
        (
            {f"{task.pack}/{task.item}" for task in given.tasks},
            {f"{pack}/{item}" for pack, item in plan.item_by_id},
        ),
    ):
        if names - known:
            return min(names - known)
    return None


def _together(plan: Plan, ours: Findings, given: MergeOffer, state: State) -> Findings:
    """The counts of both, nobody twice: the overlap as stated, else the larger count."""
    theirs, before = given.findings, state.merged_findings.get(given.source)
    update: dict[str, Any] = {}
    for count in COUNTS:
        here, there = getattr(ours, count), getattr(theirs, count)
        if here is None or there is None:
            update[count] = here if there is None else there
        elif given.overlap is None:
            update[count] = max(here, there)
        elif before is not None and (counted := getattr(before, count)) is not None:
            # Offered again: only what has come since is new.
            update[count] = max(here + there - counted, there)
        else:
            both = min(given.overlap.get(count, 0), here, there)
            update[count] = here + there - both
    if isinstance(update["severe"], int) and isinstance(update["deaths"], int):
        update["severe"] = max(update["severe"], update["deaths"])
    for answer in Findings.model_fields.keys() - {*COUNTS, "spread", "judged_level"}:
        here, there = getattr(ours, answer), getattr(theirs, answer)
        known = {value for value in (here, there) if value is not None}
        # Contradicting answers leave the question open: unknown never lowers a level.
        update[answer] = known.pop() if len(known) == 1 else None
    update["judged_level"] = plan.gravest(ours.judged_level, theirs.judged_level)
    update["spread"] = Spread.model_validate(
        {
            area: _larger(getattr(ours.spread, area), getattr(theirs.spread, area))
            for area in Spread.model_fields
        }
    )
    return ours.model_copy(update=update)


def _larger(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _setback(old: Findings, new: Findings) -> Literal["worsened", "new_cases"] | None:
    grown = {c for c in COUNTS if (getattr(new, c) or 0) > (getattr(old, c) or 0)}
    if grown & {"severe", "deaths"}:
        return "worsened"
    return "new_cases" if grown else None


@evolves(MergeAccepted)
def _(state: State, event: Event, p: MergeAccepted) -> State:
    return _taken_over(state, p, event.seq, event.occurred)


def _taken_over(state: State, p: MergeAccepted, seq: int, at: datetime) -> State:
    """``state`` with what was offered; an earlier offer of the same incident is replaced."""
    given, source = p.offer, p.offer.source
    facts = state.reported
    tasks = {task.id: task for task in (_task(source, task) for task in given.tasks)}
    update: dict[str, Any] = {
        "facts": facts.model_copy(
            update={
                "findings": Findings.model_validate(p.findings),
                "other_rules": tuple(dict.fromkeys((*facts.other_rules, *given.other_rules))),
                **{
                    name: _either(getattr(facts, name), theirs)
                    for name, theirs in given.conditions.items()
                },
            }
        ),
        "learned": (
            *(claim for claim in state.learned if claim.source != source),
            Claim(seq=seq, at=given.learned, source=source),
        ),
        "received_at": min(state.opened_at, given.received),
        "carried": _replaced(state.carried, source, (_clock(source, c) for c in given.clocks)),
        # What was done here about a task since the first offer stands.
        "tasks": _replaced(state.tasks, source, ())
        | {key: state.tasks.get(key, task) for key, task in tasks.items()},
        "ledger": _replaced(state.ledger, source, ())
        | {
            key: state.ledger.get(key, entry.model_copy(update={"id": key}))
            for entry in given.ledger
            for key in (f"{source}/{entry.id}",)
        },
        "warnings": _replaced(state.warnings, source, ())
        | {
            key: state.warnings.get(key, warning.model_copy(update={"id": key}))
            for warning in given.warnings
            for key in (f"{source}/{warning.id}",)
        },
        "merged_reports": _replaced(
            state.merged_reports, source, (_report(source, r) for r in given.reports)
        ),
        "releases": {**state.releases, **_releases(state, source, given.releases)},
        "persons": {**given.persons, **state.persons},
        "merged_from": {**state.merged_from, source: given.seq},
        "merged_findings": {**state.merged_findings, source: given.findings},
        "merged_told": tuple(sorted({*state.merged_told, *given.told})),
        "daily_hour": given.daily_hour if state.daily_hour is None else state.daily_hour,
        "command_established": state.command_established or given.command_established,
        "candidate": p.candidate,
        # Two incidents counted as one are graded anew, by a person.
        "needs_judgement": True,
    }
    if p.response_level is not None:
        update |= {"response_level": p.response_level, "phase": "responding"}
    if p.raised and given.level is not None:
        # The duties that its determination started come along with its clocks.
        determination = Determination(
            seq=seq, level=given.level, at=at, first=not state.determinations, merged=True
        )
        update |= {
            "level": given.level,
            "determinations": (*state.determinations, determination),
        }
    state = state.model_copy(update=update)
    if p.setback is not None:
        occasion = Occasion(key=str(seq), at=at, level=state.level)
        state = with_occasion(state, p.setback, occasion)
    return hold(state, state.level, at)


def _either(ours: bool | None, theirs: bool | None) -> bool | None:
    """Yes if either says so, no if both do; otherwise nobody knows."""
    if ours is True or theirs is True:
        return True
    return False if ours is False and theirs is False else None


K = TypeVar("K", Clock, Task, Report, Resource, Warned)


def _replaced(known: dict[str, K], source: str, new: Iterable[K]) -> dict[str, K]:
    """``known`` with everything of ``source`` replaced."""
    kept = {key: value for key, value in known.items() if not key.startswith(f"{source}/")}
    return kept | {value.id: value for value in new}


def _clock(source: str, clock: Clock) -> Clock:
    ref = f"{source}/{clock.ref}" if clock.ref else None
    return clock.model_copy(update={"id": f"{source}/{clock.id}", "ref": ref})


def _task(source: str, task: Task) -> Task:
    return task.model_copy(update={"id": f"{source}/{task.id}"})


def _report(source: str, report: Report) -> Report:
    about = report.about if report.about in (None, "dismissal") else f"{source}/{report.about}"
    return report.model_copy(update={"id": f"{source}/{report.id}", "about": about})


def _releases(state: State, source: str, given: Iterable[Release]) -> dict[str, Release]:
    """Its releases, with what was filed here since the first offer."""
    found: dict[str, Release] = {}
    for release in given:
        key = f"{source}/{release.id}"
        # Sequences of the other record name nothing in this one.
        theirs = tuple(filed.model_copy(update={"seq": 0}) for filed in release.filed)
        here = tuple(f for f in state.releases[key].filed if f.seq) if key in state.releases else ()
        found[key] = release.model_copy(update={"id": key, "filed": (*theirs, *here)})
    return found


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
