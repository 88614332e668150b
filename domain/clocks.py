"""Obligations become clocks: what is owed, compared with what was done.

domain/duties.py says which clocks ought to run and until when; ``acts`` what has been done;
``changes`` compares both with the clocks on record and yields the events that make up the
difference. Nothing here sleeps: the workflow asks ``next_moments`` when to come back.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.base import beijing_day, day_start
from domain.duties import REPORTER, TASK, Wanted, wanted
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
from domain.incident.state import Clock, State
from domain.plan import Obligation, Plan

__all__ = ["DAY_TURN", "REPORTER", "TASK", "changes", "next_moments", "passing", "wanted"]

DAY_TURN = "day"
"""The pseudo clock that wakes the incident at midnight in Beijing."""

_REPORTS = frozenset({"report.initial", "report.progress", "report.urgent", "report.summary"})
_REFERRING = frozenset({"report.filing", "report.correction", "settlement", "notice", "task"})
"""Acts that meet a duty only about the very thing that started it."""
INFORMS = "informed"
"""The subject of a notice that itself does what the duty asks for; see notices.py."""


@dataclass(frozen=True)
class Done:
    """Something done that may meet a duty: what, to whom, when, and when it was recorded."""

    act: str
    recipient: str | None
    at: datetime
    recorded: datetime
    by: str
    ref: str
    day: date | None = None
    theirs: bool = False
    """Done by the reporter for its own duty, not by the county."""


def acts(plan: Plan, state: State) -> list[Done]:
    """Everything on record that may meet a duty, voided entries left out."""
    done: list[Done] = []
    for report in (*state.reports.values(), *state.merged_reports.values()):
        if report.voided:
            continue
        for given in report.given:
            if not given.voided:
                done.append(
                    Done(
                        act=f"report.{report.kind}",
                        recipient=given.recipient,
                        at=given.at,
                        recorded=given.recorded,
                        by=report.id,
                        ref=report.about or report.id,
                        day=report.day or beijing_day(given.at),
                    )
                )
    for release in state.releases.values():
        done.append(
            Done(
                "publication",
                None,
                release.at,
                release.recorded or release.at,
                release.id,
                release.id,
            )
        )
        done.extend(
            Done("report.filing", f.recipient, f.at, f.recorded, release.id, release.id)
            for f in release.filed
            if not f.voided
        )
    for resource in state.ledger.values():
        if resource.settled_at and resource.settled_recorded and not resource.voided:
            at, recorded = resource.settled_at, resource.settled_recorded
            done.append(Done("settlement", None, at, recorded, resource.id, resource.id))
    for notice in state.notices.values():
        # A reminder of a duty tells nobody what the duty is about.
        if notice.subject == INFORMS and notice.accepted_at and notice.accepted_recorded:
            at, recorded = notice.accepted_at, notice.accepted_recorded
            done.extend(
                Done("notice", notice.recipient, at, recorded, notice.id, ref)
                for ref in notice.ref.split()
            )
    for task in state.tasks.values():
        if task.done_at and task.done_recorded:
            done.append(Done("task", None, task.done_at, task.done_recorded, task.id, task.id))
    if state.caller and state.received_at and state.learned:
        # As it was first taken down: what we learned ourselves before is not the reporter's merit.
        at, recorded = state.learned[0].at, state.received_at
        done.append(Done("intake", plan.regulator, at, recorded, "intake", "", theirs=True))
    done.extend(
        Done("report.any", g.recipient, g.at, g.recorded, "reporter", "", theirs=True)
        for g in state.reporter_gave
        if not g.voided
    )
    return done


def meets(plan: Plan, clock: Wanted, done: Done) -> bool:
    """Whether ``done`` meets ``clock``: judged by kind, recipient, day and occurrence."""
    if clock.duty == TASK:
        return done.act == "task" and done.ref == clock.ref
    duty = plan.obligation_by_id[clock.duty]
    if done.theirs != (duty.owner == REPORTER):
        return False
    named = done.act in duty.met_by or (
        "report.any" in duty.met_by and (done.act in _REPORTS or done.act == "report.any")
    )
    if not named or (done.recipient is not None and done.recipient != clock.recipient):
        return False
    if done.act in _REFERRING:
        about = clock.id if done.act == "notice" else clock.ref
        if about is not None and done.ref != about:
            return False
    if clock.day is not None:
        if done.act == "report.initial" and not (clock.first_day and _initial_counts(plan, duty)):
            return False
        return done.day == clock.day <= beijing_day(done.at)
    return clock.since is None or done.at >= clock.since


def _initial_counts(plan: Plan, duty: Obligation) -> bool:
    """Whether the initial report meets a daily duty on its first day, by the reading in force."""
    return duty.reading is None or plan.choice(duty.reading) != "progress_only"


def changes(plan: Plan, state: State, now: datetime) -> list[Fact]:
    """The events that bring the clocks on record to what plan and facts demand."""
    want = wanted(plan, state, now)
    by_recipient: dict[str | None, list[Done]] = defaultdict(list)
    for done in acts(plan, state):
        by_recipient[done.recipient].append(done)
    facts: list[Fact] = []
    for key, clock in want.items():
        on_record = state.clocks.get(key)
        candidates = [*by_recipient[clock.recipient], *by_recipient[None]]
        if clock.recipient is None:
            candidates = [done for group in by_recipient.values() for done in group]
        met = min(
            (done for done in candidates if meets(plan, clock, done)),
            key=lambda done: _merit(done, clock.due),
            default=None,
        )
        facts.extend(_difference(clock, on_record, met, now))
    reason = {"dismissed": "dismissed", "merged": "merged", "closed": "closed"}.get(
        state.phase, "no longer owed"
    )
    for key, on_record in state.clocks.items():
        if on_record.status == "open" and key not in want:
            facts.append(Fact(ClockCancelled(clock=key, reason=reason), on_record.clause, now))
    return facts


def _merit(done: Done, due: datetime) -> tuple[object, ...]:
    """Best first: what was done in time and on record in time settles a duty beyond question."""
    return (done.at > due, done.at <= due < done.recorded, done.at, done.recorded)


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
    return moments
