"""How a drill went: what was expected against what the record and the evaluators show (6.5).

Everything is judged in the exercise's own time, by when a thing occurred. Where an evaluator has
entered something about an expected action, that goes before the record: people see what no record
holds. What nobody has seen is never counted as done, nor as left undone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from domain.base import Text, beijing_day
from domain.drill.play import injects_of
from domain.drill.rating import rated
from domain.drill.record import DrillRecord, Observed, Played
from domain.drill.results import (
    Attempt,
    BodyResult,
    ClockResult,
    Evaluation,
    Judged,
    OpenImprovement,
    Rated,
    Status,
    Verdict,
)
from domain.drill.scenario import Expected
from domain.drill.script import shows
from domain.incident.entries import Clock
from domain.incident.notices import duty_name
from domain.incident.record import Event
from domain.incident.state import State
from domain.plan import Plan

WRONG_AUTHORITY: Final = frozenset(
    {"no_authority", "no_power", "no_release_authority", "not_on_behalf", "superior_leads"}
)
"""The refusals that say: this was not for you to decide, to publish or to record."""


def evaluate(
    plan: Plan,
    record: DrillRecord,
    events: Mapping[str, Sequence[Event]],
    states: Mapping[str, State],
    refusals: Sequence[Attempt] = (),
) -> Evaluation:
    """The drill as it went, judged up to its end.

    Args:
        events: each incident's record, by its name among the scenario's openings.
        states: each incident as it stands, by the same names.
        refusals: what the audit holds of these incidents; refusals that the record itself holds
            are added.
    """
    until = record.ended or max(
        (event.recorded for one in events.values() for event in one), default=record.started
    )
    judged = tuple(_judged(record, events, until))
    clocks = tuple(
        _clock(plan, name, state, clock, until)
        for name, state in states.items()
        for clock in sorted(state.clocks.values(), key=lambda clock: (clock.due, clock.id))
    )
    objectives = tuple(rated(record, judged, clocks))
    return Evaluation(
        drill=record.drill,
        scenario=record.scenario.id,
        title=record.scenario.title,
        held=beijing_day(record.real_started),
        until=until,
        ended=record.ended is not None,
        suspended=record.suspended,
        judged=judged,
        clocks=clocks,
        bodies=_bodies(states),
        attempts=_attempts(events, refusals),
        objectives=objectives,
        clauses=_clauses(record, events, judged, objectives),
        improvements=tuple(
            sorted((i for i in record.improvements if i.done is None), key=lambda i: i.due)
        ),
    )


# --- expected actions ---------------------------------------------------------------------------


def _judged(
    record: DrillRecord, events: Mapping[str, Sequence[Event]], until: datetime
) -> Iterator[Judged]:
    played = {inject.number: inject for inject in record.played}
    standing = {name: _standing(one) for name, one in events.items()}
    for inject in injects_of(record.scenario, record.added):
        for position, expected in enumerate(inject.expected):
            known = Judged(
                inject=inject.number,
                expected=position,
                objective=expected.objective,
                clause=expected.clause,
                text=expected.text,
                status="not_played",
            )
            delivered = _delivered(played.get(inject.number))
            if delivered is None:
                yield known
                continue
            seen = _seen(record.observations, inject.number, position)
            found = _found(expected, delivered, standing)
            yield known.model_copy(
                update=_judgement(record, expected, delivered, until, seen, found)
            )


def _delivered(played: Played | None) -> datetime | None:
    return played.at if played is not None and played.status == "delivered" else None


def _standing(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events that were not voided afterwards."""
    voided = {event.data["target"] for event in events if event.type == "entry.voided"}
    return tuple(event for event in events if event.seq not in voided)


def _seen(observations: Sequence[Observed], inject: int, expected: int) -> Observed | None:
    """The newest verdict of an evaluator about one expected action."""
    about = [
        seen
        for seen in observations
        if (seen.inject, seen.expected) == (inject, expected) and seen.met is not None
    ]
    return max(about, key=lambda seen: seen.entered, default=None)


def _found(
    expected: Expected, delivered: datetime, events: Mapping[str, Sequence[Event]]
) -> tuple[str, Event] | None:
    """What was entered since the inject and shows the action; of several, what occurred first."""
    shown = [
        (name, event)
        for name, one in events.items()
        for event in one
        if event.recorded >= delivered and shows(event, expected.event, expected.where)
    ]
    return min(shown, key=lambda found: found[1].occurred, default=None)


def _judgement(
    record: DrillRecord,
    expected: Expected,
    delivered: datetime,
    until: datetime,
    seen: Observed | None,
    found: tuple[str, Event] | None,
) -> dict[str, object]:
    limit = None if expected.within is None else delivered + expected.within
    shown: dict[str, object] = {"limit": limit}
    if seen is not None:
        shown["observation"] = seen.id
        if not seen.met:
            return {**shown, "status": "missed"}
        at = seen.at
    elif found is not None:
        shown |= {"incident": found[0], "seq": found[1].seq}
        at = found[1].occurred
    elif expected.event is None:
        return {**shown, "status": "unseen"}
    else:
        return {**shown, "status": _undone(record, limit, until)}
    late = limit is not None and at > limit
    margin = None if limit is None else limit - at
    return {**shown, "status": "late" if late else "met", "at": at, "margin": margin}


def _undone(record: DrillRecord, limit: datetime | None, until: datetime) -> Status:
    if limit is not None:
        return "missed" if limit <= until else "not_due"
    # Without a limit there was time until the end, unless it was broken off before.
    return "missed" if record.ended is not None and record.suspended is None else "not_due"


# --- clocks, answers, authority -----------------------------------------------------------------


def _clock(plan: Plan, name: str, state: State, clock: Clock, until: datetime) -> ClockResult:
    zh, en = duty_name(plan, state, clock)
    verdict: Verdict
    at: datetime | None = clock.met_at
    if clock.status == "met" and clock.verdict is not None:
        verdict = clock.verdict
    elif clock.status == "cancelled":
        verdict, at = "cancelled", None
    else:
        verdict, at = ("unmet", until) if clock.due <= until else ("running", None)
    return ClockResult(
        incident=name,
        id=clock.id,
        clause=clock.clause,
        kind=clock.kind,
        name=Text(zh=zh, en=en),
        owner=clock.owner,
        due=clock.due,
        met_at=clock.met_at if clock.status == "met" else None,
        verdict=verdict,
        margin=None if at is None else clock.due - at,
    )


def _bodies(states: Mapping[str, State]) -> tuple[BodyResult, ...]:
    """The bodies that were to answer something, those that never did first."""
    told = {
        notice.recipient
        for state in states.values()
        for notice in state.notices.values()
        if notice.pursued
    }
    found = [_body(body, states) for body in sorted(told)]
    return tuple(sorted(found, key=lambda one: (one.answered > 0, -one.unanswered)))


def _body(body: str, states: Mapping[str, State]) -> BodyResult:
    notices, unanswered = 0, 0
    firsts: list[timedelta] = []
    replies: list[timedelta] = []
    for state in states.values():
        answers: list[datetime] = []
        for notice in state.notices.values():
            if notice.recipient != body or not notice.pursued:
                continue
            notices += 1
            unanswered += notice.unanswered
            if notice.acknowledged_at is not None:
                answers.append(notice.acknowledged_at)
                replies.append(notice.acknowledged_at - notice.queued_at)
        if answers:
            firsts.append(min(answers) - state.opened_at)
    return BodyResult(
        body=body,
        notices=notices,
        answered=len(replies),
        unanswered=unanswered,
        first=max(firsts, default=None),
        typical=_median(replies),
        slowest=max(replies, default=None),
    )


def _median(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None


def _attempts(
    events: Mapping[str, Sequence[Event]], refusals: Sequence[Attempt]
) -> tuple[Attempt, ...]:
    """What was tried without the authority, oldest first."""
    # A command that came as a signal is refused within the record; the audit has the others.
    recorded = [
        Attempt(
            at=event.received,
            incident=event.incident,
            command=event.data["command"],
            seat=event.by.recorder if event.by else None,
            decider=event.by.decider if event.by else None,
            code=str(event.data["refusal"].get("code", "")),
            clause=event.clause,
        )
        for one in events.values()
        for event in one
        if event.type == "command.refused"
    ]
    tried = [one for one in (*refusals, *recorded) if one.code in WRONG_AUTHORITY]
    return tuple(sorted(tried, key=lambda one: one.at))


def _clauses(
    record: DrillRecord,
    events: Mapping[str, Sequence[Event]],
    judged: Sequence[Judged],
    objectives: Sequence[Rated],
) -> tuple[str, ...]:
    """What was really exercised: in the records, by injects that came, by objectives rated."""
    known = {one.id for one in objectives if one.rating is not None}
    found = {event.clause for one in events.values() for event in one}
    found.update(one.clause for one in judged if one.status != "not_played")
    for objective in record.scenario.objectives:
        if objective.id in known:
            found.update(objective.clauses)
    return tuple(sorted(found, key=_numbering))


def _numbering(clause: str) -> tuple[tuple[int, int, str], ...]:
    """So that 3.10 comes after 3.2, and other documents after the plan's own clauses."""
    parts = clause.replace("(", ".").replace(")", "").split(".")
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


# --- across drills ------------------------------------------------------------------------------


def clauses_exercised(evaluations: Sequence[Evaluation], year: int) -> dict[str, tuple[str, ...]]:
    """Every clause exercised in the Beijing calendar ``year``, with the drills that did so."""
    found: dict[str, list[str]] = {}
    for one in sorted(evaluations, key=lambda one: (one.held, one.drill)):
        if one.held.year == year:
            for clause in one.clauses:
                found.setdefault(clause, []).append(one.drill)
    return {clause: tuple(found[clause]) for clause in sorted(found, key=_numbering)}


def open_improvements(evaluations: Sequence[Evaluation]) -> tuple[OpenImprovement, ...]:
    """The corrective actions of all drills that are still open, next due first."""
    found = [
        OpenImprovement(drill=one.drill, title=one.title, improvement=improvement)
        for one in evaluations
        for improvement in one.improvements
    ]
    return tuple(sorted(found, key=lambda one: (one.improvement.due, one.drill)))
