"""Obligations become clocks: what is owed, compared with what was done.

domain/duties.py says which clocks ought to run and until when; domain/deeds.py what has been
done; ``changes`` compares both with the clocks on record and yields the events that make up the
difference. Nothing here sleeps: the workflow asks ``next_moments`` when to come back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain.base import beijing_day, day_start
from domain.deeds import Deeds, Done
from domain.duties import REPORTER, TASK, Wanted, wanted
from domain.incident import outbox
from domain.incident.entries import Clock
from domain.incident.events import (
    ClockCancelled,
    ClockMet,
    ClockMoved,
    ClockOpened,
    ClockReminded,
    ClockReopened,
    ClockUnrecorded,
)
from domain.incident.rules import Fact
from domain.incident.state import State
from domain.plan import Plan

__all__ = ["DAY_TURN", "REPORTER", "TASK", "changes", "next_moments", "passing", "wanted"]

MESSAGE = "message"
"""The pseudo clock that wakes the incident to send the next message, whoever gets it."""
DAY_TURN = "day"
"""The pseudo clock that wakes the incident at midnight in Beijing."""


def changes(plan: Plan, state: State, now: datetime) -> list[Fact]:
    """The events that bring the clocks on record to what plan and facts demand."""
    want = wanted(plan, state, now)
    deeds = Deeds(plan, state)
    facts: list[Fact] = []
    for key, clock in want.items():
        on_record = state.clocks.get(key)
        met = deeds.best(clock)
        facts.extend(_difference(clock, on_record, met, now))
    reason = {"dismissed": "dismissed", "merged": "merged", "closed": "closed"}.get(
        state.phase, "no longer owed"
    )
    for key, on_record in state.clocks.items():
        if on_record.status == "open" and key not in want:
            facts.append(Fact(ClockCancelled(clock=key, reason=reason), on_record.clause, now))
    return facts


def _difference(
    clock: Wanted, on_record: Clock | None, met: Done | None, now: datetime
) -> Iterator[Fact]:
    if on_record is None:
        yield Fact(ClockOpened(clock=clock.clock(now)), clock.clause, clock.basis)
    elif on_record.due != clock.due or on_record.basis != clock.basis:
        yield Fact(
            ClockMoved(
                clock=clock.id,
                basis=clock.basis,
                due=clock.due,
                readings=clock.readings,
                remind_at=clock.remind_at(now),
                reason=_moved(clock.due, on_record.due),
            ),
            clock.clause,
            now,
        )
    if met is None:
        if on_record is not None and on_record.status != "open":
            reopened = ClockReopened(
                clock=clock.id,
                reason=f"was {on_record.status}",
                remind_at=clock.remind_at(now),
            )
            yield Fact(reopened, clock.clause, now)
        return
    late_by = met.at - clock.due if met.at > clock.due else None
    entered_late = met.recorded > clock.due
    verdict = "late" if late_by else "on_time_entered_late" if entered_late else "on_time"
    # A basis corrected later judges anew what was met before.
    judged = (met.at, verdict, late_by)
    if (
        on_record is None
        or on_record.status != "met"
        or (on_record.met_at, on_record.verdict, on_record.late_by) != judged
    ):
        yield Fact(
            ClockMet.model_validate(
                {
                    "clock": clock.id,
                    "at": met.at,
                    "by": met.by,
                    "verdict": verdict,
                    "late_by": late_by,
                }
            ),
            clock.clause,
            met.at,
        )


def _moved(due: datetime, before: datetime) -> str:
    if due == before:
        return "basis corrected"
    return "earlier" if due < before else "by decision"


def passing(state: State, now: datetime) -> list[Fact]:
    """What the mere passing of time up to ``now`` brings: reminders, and due moments."""
    facts: list[Fact] = []
    for clock in state.open_clocks:
        if clock.unrecorded_at is not None:
            continue
        if clock.due <= now:
            facts.append(
                Fact(ClockUnrecorded(clock=clock.id, due=clock.due), clock.clause, clock.due)
            )
        elif any(at <= now for at in clock.remind_at):
            facts.append(
                Fact(
                    ClockReminded(clock=clock.id, due=clock.due, remaining=clock.due - now),
                    clock.clause,
                    now,
                )
            )
    return facts


def next_moments(plan: Plan, state: State, now: datetime) -> dict[str, datetime]:
    """When each open clock next asks for attention, and the next midnight while days count."""
    moments = {clock.id: at for clock in state.open_clocks if (at := clock.next_moment) is not None}
    daily = {level for duty in plan.obligations if duty.basis == "day" for level in duty.levels}
    if any(period.until is None and period.level in daily for period in state.held):
        moments[DAY_TURN] = day_start(beijing_day(now) + timedelta(days=1))
    messages = [*outbox.next_moments(plan, state).values()]
    if (rise := outbox.next_rise(plan, state)) is not None:
        messages.append(rise)
    if messages:
        moments[MESSAGE] = min(messages)
    return moments
