"""6.5: when each line of a drill is due, and when a drill begins."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.base import BEIJING
from domain.drill.orders import Pace, Start
from domain.drill.play import begins, injects_of
from domain.drill.scenario import Inject
from domain.drill.schedule import Schedule, Watch, line_name, lines_of
from domain.incident.record import Event
from tests.domain.story import beijing
from tests.drills.exercise import Exercise, inject, scenario
from tests.drills.playing import REAL, START, VERIFY, Playing, following, hours, minutes, usual

pytestmark = pytest.mark.clause("6.5")


def asked(text: str | None, real: str, capable: bool = True) -> datetime:
    """When an exercise begins, in Beijing."""
    starts = None if text is None else beijing(text)
    found = begins(scenario(inject(1, 0), starts=starts), beijing(real), capable)
    return found.astimezone(BEIJING)


def scheduled() -> tuple[dict[str, Any], Schedule]:
    """The usual lines, all of which wait."""
    lines = lines_of(usual().injects, usual().script())
    return lines, Schedule.of(lines, START)


def submitted() -> Event:
    """An initial report on record."""
    exercise = Exercise(scenario(inject(1, 0)))
    exercise.story.at("14:30").report("initial", "city-msa")
    return next(e for e in exercise.story.events if e.type == "report.submitted")


# --- when a drill begins ---


def test_a_moment_that_is_still_to_come_is_kept() -> None:
    assert asked("2026-10-06 14:00", "2026-10-01 09:00") == beijing("2026-10-06 14:00")
    assert asked("2026-10-06 14:00", "2026-10-06 13:59") == beijing("2026-10-06 14:00")
    assert asked("2026-10-06 14:00", "2026-10-06 14:00") == beijing("2026-10-06 14:00")


@pytest.mark.parametrize(
    ("real", "begin"),
    [
        ("2026-10-06 14:01", "2026-10-13 14:00"),
        ("2026-10-12 13:59", "2026-10-13 14:00"),
        ("2026-10-12 14:00", "2026-10-13 14:00"),
        # Not even a day would be left: a saved point could hardly be taken up again.
        ("2026-10-12 14:01", "2026-10-20 14:00"),
        ("2026-10-13 14:00", "2026-10-20 14:00"),
        ("2027-03-01 09:00", "2027-03-02 14:00"),
    ],
)
def test_a_moment_that_has_passed_moves_by_whole_weeks_to_a_day_ahead(
    real: str, begin: str
) -> None:
    assert asked("2026-10-06 14:00", real) == beijing(begin)


def test_nights_and_weekends_fall_as_the_scenario_says() -> None:
    # Saturday, one o'clock at night in Beijing, is still Friday in Greenwich.
    found = asked("2026-10-10 01:00", "2027-01-15 20:00")
    assert (found.isoweekday(), found.strftime("%H:%M")) == (6, "01:00")
    assert found >= beijing("2027-01-16 20:00")
    assert found < beijing("2027-01-23 20:00")


def test_without_a_moment_it_begins_a_week_from_now() -> None:
    assert asked(None, "2026-10-01 09:17") == beijing("2026-10-08 09:17")


@pytest.mark.parametrize("starts", [None, "2026-10-06 14:00", "2026-01-01 14:00"])
def test_where_time_cannot_be_advanced_it_begins_now(starts: str | None) -> None:
    assert asked(starts, "2026-10-01 09:17", capable=False) == beijing("2026-10-01 09:17")


def test_starting_sets_the_exercises_clock() -> None:
    game = Playing().begun(6)
    assert game.now == game.play.started == START
    assert game.play.real_started == REAL
    assert game.play.end == START + hours(4)
    assert (game.play.mode, game.play.minutes_per_hour) == ("running", 6)
    assert game.wait(hours(1)).now == START + hours(1)


def test_where_time_cannot_be_advanced_it_starts_in_real_time() -> None:
    game = Playing(capable=False).order(Start(minutes_per_hour=0))
    assert game.play.started == game.now == REAL
    assert game.play.minutes_per_hour == 60
    assert game.refused(Pace(minutes_per_hour=59)).code == "real_time_only"
    assert game.order(Pace(minutes_per_hour=60)).play.minutes_per_hour == 60


# --- what is due when ---


def test_injects_come_before_actions_and_by_number() -> None:
    injects = [Inject.model_validate(inject(number, 0)) for number in (12, 2)]
    actions = usual(actions=[{"at": hours(0), **VERIFY}] * 2).script()
    lines = lines_of(injects, actions)
    assert list(lines) == ["inject 2", "inject 12", "action 1", "action 2"]
    assert Schedule.of(lines, START).ready(START) == tuple(lines)


def test_what_has_an_offset_is_due_and_what_follows_is_not_yet() -> None:
    _, schedule = scheduled()
    assert schedule.due["action 2"] == START + minutes(90)
    assert "inject 4" not in schedule.due
    assert "inject 4" in schedule.waiting
    assert schedule.ready(START - minutes(1)) == ()
    assert set(schedule.ready(START + hours(1))) == {"inject 1", "inject 2", "action 1"}


def test_what_was_due_earlier_is_played_earlier() -> None:
    _, schedule = scheduled()
    assert schedule.ready(START + hours(1)) == ("inject 1", "action 1", "inject 2")


def test_the_next_line_is_the_earliest_that_still_waits() -> None:
    _, schedule = scheduled()
    left = schedule.without("inject 1")
    assert left.next_due() == START + minutes(30)
    assert left.next_due("inject") == START + hours(1)
    assert left.without("action 1").next_due() == START + hours(1)
    assert Schedule().next_due() is None
    assert Schedule(waiting=("inject 1",)).next_due() is None


def test_what_follows_an_inject_is_due_so_long_after_it_came() -> None:
    lines, schedule = scheduled()
    at = START + hours(3)
    assert schedule.delivered(lines, 3, at).due["inject 4"] == at + minutes(10)
    assert "inject 4" not in schedule.delivered(lines, 2, at).due


def test_what_has_come_is_not_due_again() -> None:
    lines, schedule = scheduled()
    came = schedule.without("inject 4")
    assert "inject 4" not in came.delivered(lines, 3, START).due
    assert "inject 4" not in came.happened(lines, {"inject 4": START}).due
    # An inject that follows waits for the first time that it happens.
    first = schedule.delivered(lines, 3, START)
    assert first.delivered(lines, 3, START + hours(1)).due == first.due


def test_a_line_watches_for_its_event_until_it_is_due() -> None:
    after = {"event": "report.submitted", "where": {"report": {"kind": "initial"}}, "by": "PT5M"}
    found = usual(following(5, after), actions=[{"after": after, **VERIFY}])
    lines = lines_of(found.injects, found.script())
    schedule = Schedule.of(lines, START)
    watched = schedule.watched(lines)
    # Anybody's event will do for an inject; an action asks for its own incident's.
    assert {key: watch.incident for key, watch in watched.items()} == {
        "inject 5": None,
        "action 1": "main",
    }
    happened = schedule.happened(lines, {"action 1": START + hours(1)})
    assert happened.due["action 1"] == START + hours(1) + minutes(5)
    assert set(happened.watched(lines)) == {"inject 5"}
    assert set(schedule.without("inject 5").watched(lines)) == {"action 1"}


def test_an_event_is_seen_by_its_type_its_content_and_its_incident() -> None:
    def sees(incident: str | None, **after: Any) -> bool:
        return Watch.model_validate({"after": after, "incident": incident}).seen("main", event)

    event = submitted()
    assert sees(None, event="report.submitted")
    assert sees("main", event="report.submitted", where={"report": {"kind": "initial"}})
    assert not sees("other", event="report.submitted")
    assert not sees(None, event="report.submitted", where={"report": {"kind": "summary"}})
    assert not sees(None, event="report.verified")
    assert not sees(None, inject=1)


def test_all_that_waits_can_come_later_and_what_came_stays() -> None:
    _, schedule = scheduled()
    later = schedule.without("inject 1").later(hours(2))
    assert later.due["inject 1"] == START
    assert {key: later.due[key] - schedule.due[key] for key in ("inject 2", "action 2")} == {
        "inject 2": hours(2),
        "action 2": hours(2),
    }
    assert "inject 4" not in later.due


def test_one_line_can_be_set_to_another_moment_or_to_wait() -> None:
    lines, schedule = scheduled()
    set_anew = schedule.without("inject 2").at(lines, "inject 2", START + hours(3))
    assert set_anew.waiting == schedule.waiting
    assert set_anew.due == {**schedule.due, "inject 2": START + hours(3)}
    waits = schedule.at(lines, "inject 2", None)
    assert waits.waiting == schedule.waiting
    assert "inject 2" not in waits.due


def test_an_inject_that_was_written_later_replaces_that_of_the_script() -> None:
    new = Inject.model_validate(inject(2, 3))
    more = Inject.model_validate(inject(9, 3))
    injects = injects_of(usual(), (more, new))
    assert [one.number for one in injects] == [1, 2, 3, 4, 9]
    assert injects[1].at == timedelta(hours=3)


def test_a_line_is_named_as_people_count_it() -> None:
    lines, _ = scheduled()
    assert line_name("inject 2", lines["inject 2"]) == "inject 2"
    assert line_name("action 2", lines["action 2"]) == "action 2: verify"
