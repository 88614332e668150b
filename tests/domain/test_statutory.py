"""No statutory clock is lost: whatever happens in whatever order, each is met, open, or lifted.

The expectations are worked out from the events in the plainest way, apart from domain/duties.py
and domain/deeds.py on purpose, so that a mistake there shows.
"""

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.base import Refusal, beijing_day, day_start
from domain.incident.commands import Dismiss, VoidEntry
from domain.incident.entries import Clock
from domain.incident.record import Event
from tests.domain.story import COUNTS, QUALIFIED, Story

BOTH = ("county-government", "city-msa")
WHOLE = {"county-government-duty": "county-government"}
LEADS = {"I": "nation-command", "II": "province-command", "III": "city-command"}
LIFTS = {
    "incident.dismissed": {"report-2h", "report-2h-determined", "daily-i-iii", "daily-iv"},
    "response.adjusted": {"daily-i-iii", "daily-iv", "daily-iv-command"},
    "response.ended": {"daily-i-iii", "daily-iv", "daily-iv-command"},
    "incident.reopened": {"summary"},
}
"""What may lift a statutory duty, and which."""
LATER = {"entry.voided", "order.recorded", "incident.reopened"}
"""What may move a due moment later: decisions on record."""

minutes = st.integers(min_value=0, max_value=300)
levels = st.sampled_from(["I", "II", "III", "IV"])
bodies = st.sampled_from([*BOTH, "county-government-duty", "city-health", "command-office"])
kinds = st.sampled_from(["initial", "progress", "urgent", "summary"])
orders = st.sampled_from(["start", "adjust", "end"])


def report(story: Story, kind: str, to: str, ago: int) -> None:
    """A report is entered so many minutes after it was given."""
    story.report(kind, to, given=story.now - timedelta(minutes=ago), late_reason="补录")


def void(story: Story, which: int) -> None:
    """One of the entries is voided."""
    entries = [e.seq for e in story.events if e.type in ("report.submitted", "facts.corrected")]
    if entries:
        story.do(VoidEntry(seq=entries[which % len(entries)], reason="录错"))


def order(story: Story, kind: str, level: str) -> None:
    """Whoever leads at a level orders, at level II with an hour for the daily report."""
    hour = 17 if level == "II" else None
    story.order(kind, LEADS.get(level, "city-command"), level, daily_hour=hour)


STEPS: dict[str, tuple[Callable[..., object], tuple[st.SearchStrategy[Any], ...]]] = {
    "wait": (lambda s, m: s.pass_time(minutes=m), (minutes,)),
    "wait long": (lambda s, h: s.pass_time(hours=h), (st.integers(6, 80),)),
    "report": (report, (kinds, bodies, minutes)),
    "grade": (lambda s, level: s.graded(level), (levels,)),
    "learned": (lambda s, m: s.correct(learned_at=s.now - timedelta(minutes=m)), (minutes,)),
    "void": (void, (st.integers(0, 9),)),
    "order": (order, (orders, levels)),
    "activate": (lambda s: s.activate("IV"), ()),
    "end": (lambda s: s.terminate(), ()),
    "adjust": (
        lambda s, to, by: s.propose_adjustment(to).decide_adjustment(by),
        (levels, st.sampled_from(["county-government", *LEADS.values()])),
    ),
    "dismiss": (lambda s: s.do(Dismiss(reasons="误报")), ()),
    "reopen": (lambda s: s.reopen(), ()),
}
steps = st.one_of([st.tuples(st.just(name), *args) for name, (_, args) in STEPS.items()])


class Told(Story):
    """A story that looks at every commit."""

    def _commit(self, envelope: Any) -> Any:
        before = self.state
        super()._commit(envelope)
        for clock in before.clocks.values():
            if clock.kind == "statutory":
                _changed(self, clock, self.state.clocks[clock.id], self.last)
        for clock in self.state.clocks.values():
            _stands(self, clock)
        return self


def _changed(story: Story, old: Clock, new: Clock, events: tuple[Event, ...]) -> None:
    types = {e.type for e in events}
    if old.status != "cancelled" and new.status == "cancelled":
        lifting = [e for e in events if old.obligation in LIFTS.get(e.type, ())]
        assert lifting, f"{old.id} was lifted by {types}"
        for event in lifting:
            assert event.by is not None
            if event.type.startswith("response."):
                led = [level for level in LEADS if old.obligation == "daily-i-iii"]
                who = {LEADS[level] for level in led} or {"county-government", *LEADS.values()}
                assert event.by.decider in who, f"{event.by.decider} lifted {old.id}"
    if new.due > old.due:
        assert types & LATER, f"{old.id} moved later by {types}"


def _stands(story: Story, clock: Clock) -> None:
    """What must be true of a clock at any time."""
    if clock.status == "open":
        assert (clock.unrecorded_at is not None) == (clock.due <= story.now), clock
        assert clock.verdict is None
    if clock.status == "met":
        assert clock.met_at is not None
        late = clock.met_at - clock.due if clock.met_at > clock.due else None
        assert clock.late_by == late
        assert (clock.verdict == "late") == (late is not None)


def _valid(story: Story, kind: str) -> list[Event]:
    return [e for e in story.events if e.type == kind and e.seq not in story.state.voided]


def _given(story: Story) -> list[tuple[str, datetime, str]]:
    """(kind, when, to whom) of every report that stands."""
    found = []
    for event in _valid(story, "report.submitted"):
        report = event.data["report"]
        for g in report["given"]:
            to = WHOLE.get(g["recipient"], g["recipient"])
            found.append((report["kind"], datetime.fromisoformat(g["at"]), to))
    return found


def _known(story: Story) -> datetime:
    first = story.events[0]
    stated = [
        datetime.fromisoformat(e.data["changes"]["learned_at"])
        for e in _valid(story, "facts.corrected")
        if "learned_at" in e.data["changes"]
    ]
    return min(first.occurred, first.received, *stated, *(at for _, at, _ in _given(story)))


def _check_two_hours(story: Story) -> None:
    due = _known(story) + timedelta(hours=2)
    for recipient in BOTH:
        clock = story.clock(f"report-2h/{recipient}")
        told = [at for _, at, to in _given(story) if to == recipient]
        if story.state.phase == "dismissed":
            # Nothing is owed any more; what had been met by then stays as it was judged.
            continue
        assert clock.status != "cancelled"
        assert clock.due == due
        assert (clock.status == "met") == bool(told), clock
        if told:
            assert (clock.verdict == "late") == (min(told) > due)


def _check_findings(story: Story) -> None:
    """Every finding that raised the level into I-III has its second two hours, to both."""
    raised = [
        e
        for e in story.events
        if (e.type == "incident.assessed" and e.data["raised"])
        or (e.type in ("response.started", "response.adjusted") and e.data.get("raises"))
    ]
    for event in raised:
        level = event.data["level"] if "level" in event.data else event.data["new"]
        for recipient in BOTH:
            clock = story.state.clocks.get(f"report-2h-determined/{recipient}/{event.seq}")
            assert (clock is not None) == (level in LEADS)
            judged = story.state.phase != "dismissed"
            if clock is not None and judged and clock.status != "cancelled":
                told = [at for _, at, to in _given(story) if to == recipient]
                assert (clock.status == "met") == any(at >= event.occurred for at in told)


def _check_days(story: Story) -> None:
    """Every whole day on which I-III held has its report, to both."""
    for period in story.state.held:
        if period.level not in LEADS or story.state.phase == "dismissed":
            continue
        day, last = beijing_day(period.since), beijing_day(period.until or story.now)
        while day < last or (day == last and period.until is None):
            for recipient in BOTH:
                clock = story.clock(f"daily-i-iii/{recipient}/{day}")
                assert clock.status != "cancelled"
                assert day_start(day) < clock.due <= day_start(day + timedelta(days=1))
            day += timedelta(days=1)


@pytest.mark.clause("3.2.2(1)", "3.2.2(2)", "3.2.3(2)", "3.2.3(3)", "4.6.3", "4.6.4")
@settings(max_examples=80)
@given(minutes, st.lists(steps, max_size=14))
def test_no_statutory_clock_is_lost(before: int, told: list[tuple[Any, ...]]) -> None:
    story = Told(careful=False)
    story.intake(learned=story.now - timedelta(minutes=before))
    for name, *args in told:
        # What the plan refuses has not happened; the story goes on.
        with contextlib.suppress(Refusal):
            STEPS[name][0](story, *args)
    _check_two_hours(story)
    _check_findings(story)
    _check_days(story)
    assert len(story.clocks("report-2h")) == 2


@pytest.mark.clause("3.2.2(2)")
def test_the_counts_of_the_stories_grade_as_they_say() -> None:
    for level in COUNTS:
        Story().intake().assess(findings={**QUALIFIED, "affected": COUNTS[level]}).expect_level(
            level
        )
