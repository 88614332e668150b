"""What has been done, and whether it meets what is owed: judged by when it occurred (E2, E3)."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from domain.base import beijing_day
from domain.duties import REPORTER, TASK, Wanted
from domain.incident.state import State
from domain.plan import Obligation, Plan

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
                done.extend(
                    Done(
                        act=f"report.{report.kind}",
                        recipient=recipient,
                        at=given.at,
                        recorded=given.recorded,
                        by=report.id,
                        ref=report.about or report.id,
                        day=report.day or beijing_day(given.at),
                    )
                    for recipient in reached(plan, given.recipient)
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
        Done("report.any", recipient, g.at, g.recorded, "reporter", "", theirs=True)
        for g in state.reporter_gave
        if not g.voided
        for recipient in reached(plan, g.recipient)
    )
    return done


def reached(plan: Plan, recipient: str) -> tuple[str, ...]:
    """Whom a report reaches: its recipient, and the body whose duty room or office that is."""
    whole = plan.body_by_id[recipient].part_of
    return (recipient,) if whole is None else (recipient, whole)


def meets(plan: Plan, clock: Wanted, done: Done) -> bool:
    """Whether ``done`` meets ``clock``: judged by kind, recipient, day and occurrence."""
    if clock.duty == TASK:
        return done.act == "task" and done.ref == clock.ref
    duty = plan.obligation_by_id[clock.duty]
    if done.theirs != (duty.owner == REPORTER):
        return False
    named = done.act in _accepted(duty.met_by)
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


class Deeds:
    """Everything done, found by what a clock asks for: thirty days of reports are many."""

    def __init__(self, plan: Plan, state: State) -> None:
        self.plan = plan
        self.found: dict[tuple[object, ...], list[Done]] = defaultdict(list)
        for done in sorted(acts(plan, state), key=lambda done: (done.at, done.recorded)):
            self.found[done.act, done.recipient].append(done)
            if done.act in _REFERRING:
                self.found[done.act, "about", done.ref].append(done)
            if done.day is not None:
                self.found[done.act, done.recipient, done.day].append(done)

    def best(self, clock: Wanted) -> Done | None:
        """What meets ``clock``, and what settles it best if several things do."""
        best: Done | None = None
        for key in self._keys(clock):
            deeds = self.found.get(key, [])
            since = bisect_left(deeds, clock.since, key=lambda d: d.at) if clock.since else 0
            for done in deeds[since:]:
                if not meets(self.plan, clock, done):
                    continue
                if best is None or _merit(done, clock.due) < _merit(best, clock.due):
                    best = done
                if done.at > clock.due or done.recorded <= clock.due:
                    break  # in order of time, none that follows is better
        return best

    def _keys(self, clock: Wanted) -> Iterator[tuple[object, ...]]:
        if clock.duty == TASK:
            yield "task", "about", clock.ref
            return
        for act in _accepted(self.plan.obligation_by_id[clock.duty].met_by):
            about = clock.id if act == "notice" else clock.ref
            if act in _REFERRING and about is not None:
                yield act, "about", about
            elif clock.day is not None:
                yield act, clock.recipient, clock.day
            else:
                yield act, clock.recipient
                if clock.recipient is not None:
                    yield act, None


@cache
def _accepted(met_by: tuple[str, ...]) -> tuple[str, ...]:
    """The acts that ``met_by`` names; any report is any of the reports upward."""
    if "report.any" not in met_by:
        return met_by
    return tuple(sorted({*met_by, *_REPORTS}))


def _merit(done: Done, due: datetime) -> tuple[object, ...]:
    """Best first: what was done in time and on record in time settles a duty beyond question."""
    return (done.at > due, done.at <= due < done.recorded, done.at, done.recorded)
