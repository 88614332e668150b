"""What the plan demands of an incident: which clocks ought to run, and until when.

A pure function of plan, state and now; domain/clocks.py compares it with what was done.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.base import beijing_day, day_start
from domain.incident.entries import Clock, Held, Occasion
from domain.incident.rules import holds
from domain.incident.state import State
from domain.plan import Obligation, Plan

REPORTER = "reporter"
"""As an owner: whoever reported the incident, for its own duty (3.2.2(1))."""
TASK = "task"
"""The obligation id of the clocks of tasks."""
FIRST = "first"
"""As the reference of an occasion: the first determination, or the first day of a daily duty."""


@dataclass(frozen=True)
class Wanted:
    """A clock as the plan wants it."""

    id: str
    duty: str
    clause: str
    kind: str
    owner: str
    recipient: str | None
    basis: datetime
    due: datetime
    readings: dict[str, datetime]
    remind: tuple[timedelta, ...]
    ref: str | None = None
    day: date | None = None
    first_day: bool = False
    since: datetime | None = None

    def clock(self, now: datetime) -> Clock:
        """The clock as it is opened at ``now``; reminders already past are not sent."""
        return Clock.model_validate(
            {
                "id": self.id,
                "obligation": self.duty,
                "clause": self.clause,
                "kind": self.kind,
                "owner": self.owner,
                "recipient": self.recipient,
                "basis": self.basis,
                "due": self.due,
                "readings": self.readings,
                "remind_at": self.remind_at(now),
                "ref": self.ref,
                "day": self.day,
                "first_day": self.first_day,
            }
        )

    def remind_at(self, now: datetime) -> tuple[datetime, ...]:
        """The moments, after ``now``, at which the owner is reminded."""
        return tuple(sorted(at for r in self.remind if (at := self.due - r) > now))


def wanted(plan: Plan, state: State, now: datetime) -> dict[str, Wanted]:
    """The clocks that ought to exist at ``now``, met or not."""
    found: dict[str, Wanted] = {}
    if state.phase in ("merged", "closed") or state.received_at is None:
        return found
    for duty in plan.obligations:
        if state.phase == "dismissed" and not _corrects(duty):
            continue
        if not applies(state, duty):
            continue
        for occasion in occasions(plan, state, duty, now):
            for recipient in recipients(plan, state, duty, occasion):
                clock = _wanted(plan, state, duty, occasion, recipient)
                found[clock.id] = clock
    if state.phase != "dismissed":
        for task in state.tasks.values():
            if task.due is not None:
                found[f"{TASK}:{task.id}"] = _task_clock(plan, task.id, state)
    for key, carried in state.carried.items():
        if state.phase != "dismissed" or _corrects(plan.obligation_by_id[carried.obligation]):
            found.setdefault(key, _carried(plan, key, carried))
    return found


def _corrects(duty: Obligation) -> bool:
    """Whether ``duty`` outlives a dismissal: what was said upward still has to be put right."""
    return duty.basis in ("dismissed", "voided")


def applies(state: State, duty: Obligation) -> bool:
    """Whether ``duty`` is in force for this incident at all (levels apart)."""
    facts = state.facts
    if not duty.enabled and (facts is None or duty.id not in facts.other_rules):
        return False
    if duty.reporters and (state.caller is None or state.caller.kind not in duty.reporters):
        return False
    return all(holds(state, condition) for condition in duty.when)


def occasions(plan: Plan, state: State, duty: Obligation, now: datetime) -> Iterator[Occasion]:
    """The moments that start ``duty``, each with the key of its clock."""
    found: tuple[Occasion, ...] = ()
    match duty.basis:
        case "day":
            yield from _days(state, duty, now)
            return
        case "discovered":
            if state.discovered_at:
                found = (Occasion(key="", at=state.discovered_at, level=state.level),)
        case "learned" | "received":
            # Whoever reports to us makes us know: 接报 is never later than 获知, however late
            # it was typed.
            if (at := known_at(state)) is not None:
                found = (Occasion(key="", at=at, level=state.level),)
        case "determined" | "occurred_level":
            found = tuple(
                Occasion(key=str(d.seq), at=d.at, level=d.level, ref=FIRST if d.first else None)
                for d in state.determinations
                if d.occurred or duty.basis == "determined"
                if not d.merged
            )
        case basis:
            found = state.occasions.get(basis, ())
    for occasion in found:
        level = _response_at(state, occasion.at) if duty.responding else occasion.level
        if not duty.levels or level in duty.levels:
            yield occasion


def known_at(state: State) -> datetime | None:
    """The earliest moment at which we found out, learned or were told (3.2.2(1)).

    A report that we gave proves that we knew by then, whatever knowledge time was claimed.
    """
    if state.received_at is None:
        return None
    told = (g.at for r in state.reports.values() if not r.voided for g in r.given if not g.voided)
    return min((*(claim.at for claim in state.learned), *told, state.received_at))


def _response_at(state: State, at: datetime) -> str | None:
    """The level of the response that was running at that moment."""
    for period in reversed(state.held):
        if period.since <= at and (period.until is None or at < period.until):
            return period.response
    return None


def _days(state: State, duty: Obligation, now: datetime) -> Iterator[Occasion]:
    """Every Beijing calendar day on which the level holds, up to today (3.2.3(2), 4.6.2(1))."""
    seen: set[date] = set()
    for span in _spans(state, duty):
        day = beijing_day(span.since)
        last = beijing_day(span.until or now)
        while day <= last:
            start = max(span.since, day_start(day))
            # The day on which the level ends asks for no report any more, unless it was due.
            if day not in seen and (
                span.until is None or _day_due(state, day, start) <= span.until
            ):
                ref = None if seen else FIRST
                seen.add(day)
                yield Occasion(key=day.isoformat(), at=start, level=span.level, ref=ref)
            day += timedelta(days=1)


def _spans(state: State, duty: Obligation) -> list[Held]:
    """The times in which a daily duty runs; one that goes on at another level is one."""
    spans: list[Held] = []
    for period in state.held:
        if (period.response if duty.responding else period.level) not in duty.levels:
            continue
        if spans and spans[-1].until is not None and period.since <= spans[-1].until:
            last = spans.pop()
            period = period.model_copy(update={"since": min(last.since, period.since)})
        spans.append(period)
    return spans


def _day_due(state: State, day: date, start: datetime) -> datetime:
    """The end of ``day`` in Beijing, or the hour that a superior set for it beforehand."""
    in_force = None
    orders = [(o.at, o.daily_hour) for o in state.orders.values() if o.daily_hour is not None]
    for ordered_at, set_hour in sorted(orders):
        hour = day_start(day) + timedelta(hours=set_hour)
        if ordered_at < hour:
            in_force = hour
    # An hour that had passed before the duty of that day began asks for nothing.
    return in_force if in_force and in_force > start else day_start(day + timedelta(days=1))


def recipients(
    plan: Plan, state: State, duty: Obligation, occasion: Occasion
) -> tuple[str | None, ...]:
    """To whom ``duty`` is owed; a duty to nobody in particular is owed to None."""
    found: list[str | None] = []
    for recipient in duty.recipients or (None,):
        if recipient == "told":
            report = state.reports.get(occasion.ref or "")
            told = state.told
            if report is not None:
                told = frozenset(g.recipient for g in report.given if not g.voided)
            found.extend(sorted(b for b in told if plan.body_by_id[b].tier != "county"))
            found.extend(sorted(b for b in told if plan.body_by_id[b].tier == "county"))
        elif recipient == "filing":
            for rule in plan.releases:
                if rule.level == (occasion.level or plan.level_ids[-1]):
                    found.extend(rule.file_with)
        else:
            found.append(recipient)
    return tuple(found)


def _wanted(
    plan: Plan, state: State, duty: Obligation, occasion: Occasion, recipient: str | None
) -> Wanted:
    day = date.fromisoformat(occasion.key) if duty.basis == "day" else None
    readings: dict[str, datetime] = {}
    if day is not None:
        due = _day_due(state, day, occasion.at)
    else:
        within = duty.within or timedelta()
        due = occasion.at + within
        first = duty.basis == "determined" and occasion.ref == FIRST
        if first and (known := known_at(state)):
            readings = {"receipt": known + within, "determination": due}
            choice = plan.choice(duty.reading) if duty.reading else "determination"
            due = min(readings.values()) if choice == "earlier" else readings[choice or "receipt"]
    remind = duty.remind if duty.remind is not None else getattr(plan.reminders, duty.kind)
    return Wanted(
        id="/".join(part for part in (duty.id, recipient, occasion.key) if part),
        duty=duty.id,
        clause=duty.clause,
        kind=duty.kind,
        owner=duty.owner,
        recipient=recipient,
        basis=occasion.at,
        due=due,
        readings=readings,
        remind=remind,
        ref=occasion.ref if occasion.ref != FIRST else None,
        day=day,
        first_day=day is not None and occasion.ref == FIRST,
        since=occasion.at if duty.since == "basis" and day is None else None,
    )


def _task_clock(plan: Plan, task_id: str, state: State) -> Wanted:
    task = state.tasks[task_id]
    return Wanted(
        id=f"{TASK}:{task.id}",
        duty=TASK,
        clause=task.clause,
        kind="internal",
        owner=task.owner,
        recipient=None,
        basis=task.assigned_at,
        due=task.due or task.assigned_at,
        readings={},
        remind=plan.reminders.internal,
        ref=task.id,
    )


def _carried(plan: Plan, key: str, clock: Clock) -> Wanted:
    duty = plan.obligation_by_id[clock.obligation]
    return Wanted(
        id=key,
        duty=clock.obligation,
        clause=clock.clause,
        kind=clock.kind,
        owner=clock.owner,
        recipient=clock.recipient,
        basis=clock.basis,
        due=clock.due,
        readings=clock.readings,
        remind=getattr(plan.reminders, clock.kind),
        ref=clock.ref,
        day=clock.day,
        first_day=clock.first_day,
        since=clock.basis if duty.since == "basis" and clock.day is None else None,
    )
