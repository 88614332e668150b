"""6.5: a drill's time: halted and going on, advanced, broken off for the real thing, ended."""

import pytest

from domain.drill.course import PassTime, stopped, told
from domain.drill.orders import Advance, Deliver, End, Pace, Pause, Resume, Start, Suspend
from domain.drill.play import By, record
from tests.drills.playing import (
    EVALUATOR,
    OFFICER,
    PLAYER,
    REAL,
    START,
    Playing,
    following,
    hours,
    minutes,
    usual,
)

pytestmark = pytest.mark.clause("6.5")


def halfway() -> Playing:
    """A drill with somebody to play it, ten minutes after its first call."""
    return Playing(people=OFFICER).begun().go(minutes(10))


# --- paused ---


def test_after_a_pause_everything_comes_as_much_later() -> None:
    game = halfway()
    before = game.due
    game.order(Pause()).wait(hours(1)).order(Resume())
    assert game.due == {key: due + hours(1) for key, due in before.items()}
    game.go()
    assert game.came == {
        "inject 1": hours(0),
        "inject 2": hours(2),
        "action 1": hours(2.5),
        "inject 3": hours(3),
        "inject 4": hours(3) + minutes(10),
    }


def test_nothing_is_played_during_a_pause_though_its_time_goes_on() -> None:
    game = halfway().order(Pause()).wait(hours(3))
    assert game.now == START + minutes(10) + hours(3)
    assert game.go().next is None
    assert set(game.came) == {"inject 1"}


def test_to_pause_again_is_the_same_pause() -> None:
    game = halfway()
    before = game.due["inject 2"]
    game.order(Pause()).wait(minutes(30)).order(Pause()).wait(minutes(30)).order(Resume())
    assert game.due["inject 2"] == before + hours(1)


def test_each_pause_counts_once() -> None:
    game = halfway()
    before = game.due["inject 2"]
    for _ in range(2):
        game.order(Pause()).wait(minutes(20)).order(Resume(), Resume()).wait(minutes(1))
    assert game.due["inject 2"] == before + minutes(40)
    assert game.play.halted is None


def test_what_followed_an_inject_keeps_its_distance_over_a_pause() -> None:
    game = halfway().order(Deliver(number=3)).go(minutes(12))
    assert game.due["inject 4"] == minutes(20)
    game.order(Pause()).wait(hours(1)).order(Resume())
    assert game.due["inject 4"] == hours(1) + minutes(20)


def test_what_follows_an_inject_that_came_during_a_pause_keeps_its_distance_too() -> None:
    game = halfway().order(Pause()).wait(minutes(30)).order(Deliver(number=3)).go()
    assert game.came["inject 3"] == minutes(40)
    # Ten minutes after it, not forty: of the pause only half an hour is left.
    game.wait(minutes(30)).order(Resume())
    assert game.due["inject 4"] == minutes(40) + minutes(10) + minutes(30)


def test_a_drill_that_was_paused_does_not_lose_its_last_lines() -> None:
    game = Playing().begun().go(minutes(10))
    game.order(Pause()).wait(hours(3)).order(Resume()).go()
    assert game.surprises == []


def test_the_pace_is_changed_and_time_goes_by_it() -> None:
    game = halfway().order(Pace(minutes_per_hour=6))
    assert game.next == PassTime(START + hours(1), 6, until_due=False)
    began = game.real
    game.go(hours(1))
    assert game.real - began == minutes(5)


def test_a_pace_that_was_set_before_the_beginning_is_kept() -> None:
    assert Playing().order(Pace(minutes_per_hour=6), Start()).play.minutes_per_hour == 6


# --- advanced ---


def test_time_is_advanced_by_a_duration_and_the_drill_stands_as_it_stood() -> None:
    running = halfway().order(Advance(by=minutes(20)))
    assert running.next == PassTime(START + minutes(30), 0, until_due=False)
    real = running.real
    running.go(minutes(30)).arrive()
    assert (running.play.goal, running.play.mode, running.real) == (None, "running", real)
    paused = halfway().order(Pause(), Advance(by=minutes(20))).go()
    assert (paused.play.goal, paused.play.mode, paused.now) == (
        None,
        "paused",
        START + minutes(30),
    )
    # The seats that somebody plays are not played by the script.
    assert paused.came == {"inject 1": hours(0)}


def test_what_lies_on_the_way_is_played_in_its_time() -> None:
    game = Playing().begun().order(Pause(), Advance(by=hours(3))).go()
    assert game.now == START + hours(3)
    assert game.came == {
        "inject 1": hours(0),
        "action 1": minutes(30),
        "inject 2": hours(1),
        "action 2": minutes(90),
        "inject 3": hours(2),
        "inject 4": hours(2) + minutes(10),
    }


def test_where_people_play_it_stops_at_the_first_inject() -> None:
    game = halfway().order(Pause(), Advance(by=hours(3))).go()
    assert game.now == START + hours(1)
    assert list(game.came) == ["inject 1", "inject 2"]
    assert (game.play.mode, game.play.goal) == ("paused", None)


def test_it_goes_through_injects_when_it_is_told_to() -> None:
    game = halfway().order(Pause(), Advance(by=hours(2.5), through=True)).go()
    assert game.now == START + minutes(10) + hours(2.5)
    assert {"inject 2", "inject 3", "inject 4"} < set(game.came)


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("people", [{}, OFFICER])
def test_to_the_next_inject_ends_when_it_has_come(
    through: bool, people: dict[str, tuple[str]]
) -> None:
    game = Playing(people=people).begun().go(minutes(10))
    game.order(Pause(), Advance(to="inject", through=through)).go()
    assert game.now == START + hours(1)
    assert "inject 3" not in game.came
    assert game.play.goal is None


def test_to_what_is_due_ends_at_the_clock_that_was_found() -> None:
    game = halfway().order(Pause(), Advance(to="due"))
    assert game.next == PassTime(START + hours(1), 0, until_due=True)
    game.look(due=START + minutes(45))
    assert game.next == PassTime(START + minutes(45), 0, until_due=False)
    game.go()
    assert (game.now, game.play.goal, game.play.mode) == (START + minutes(45), None, "paused")


def test_to_what_is_due_ends_at_an_inject_too_unless_it_goes_through() -> None:
    game = halfway().order(Pause(), Advance(to="due")).go()
    assert game.now == START + hours(1)
    game = halfway().order(Pause(), Advance(to="due", through=True)).go(hours(1) + minutes(1))
    assert isinstance(game.next, PassTime)
    assert game.next.until_due


def test_a_clock_found_without_a_goal_moves_nothing() -> None:
    game = halfway().look(due=START + minutes(45))
    assert game.play.goal is None


def test_without_anything_due_it_goes_to_the_end() -> None:
    game = halfway().order(Pause(), Advance(to="due", through=True)).go()
    assert game.now == game.play.end


def test_an_advance_ends_the_pause_and_begins_another() -> None:
    game = halfway()
    before = game.due["inject 2"]
    game.order(Pause()).wait(minutes(20)).order(Advance(by=minutes(10)))
    assert game.due["inject 2"] == before + minutes(20)
    game.go().wait(minutes(5)).order(Resume())
    assert game.due["inject 2"] == before + minutes(25)


def test_a_pause_ends_an_advance() -> None:
    game = halfway().order(Advance(by=hours(3))).go(minutes(20)).order(Pause())
    assert (game.play.goal, game.next, game.play.halted) == (None, None, START + minutes(20))


def test_an_advance_says_how_far() -> None:
    assert halfway().refused(Advance()).code == "how_far"
    assert halfway().refused(Advance(by=minutes(1), to="due")).code == "how_far"


def test_there_is_no_next_inject_when_none_has_a_time() -> None:
    given = usual(following(5, {"event": "response.started"}))
    game = Playing(given, people=OFFICER).begun().go(hours(3))
    assert "inject 5" in game.play.progress.schedule.waiting
    assert game.refused(Advance(to="inject")).code == "no_inject"
    game.look(seen={"inject 5": game.now + minutes(5)})
    assert game.order(Advance(to="inject")).play.goal is not None


def test_where_time_cannot_be_advanced_it_is_not() -> None:
    game = Playing(capable=False).begun()
    assert game.refused(Advance(by=minutes(1))).code == "real_time_only"


# --- broken off for a real emergency ---


@pytest.mark.parametrize("by", [PLAYER, EVALUATOR])
def test_anyone_who_takes_part_may_break_it_off(by: By) -> None:
    game = halfway().order(Suspend(reason="县城发生真实事件"), by=by)
    assert (game.play.mode, game.play.suspended) == ("suspended", "县城发生真实事件")
    assert game.wait(hours(2)).next is None
    left = record(game.play)
    assert left is not None
    assert left.suspended == "县城发生真实事件"


def test_the_players_are_told_once() -> None:
    game = halfway().order(Suspend(reason="甲"))
    key = game.play.untold
    assert key is not None
    game.order(Suspend(reason="乙"))
    assert (game.play.untold, game.play.suspended) == (key, "甲")
    assert told(game.play, "another").untold == key
    game.play = told(game.play, key)
    assert game.play.untold is None
    # The next emergency is another occasion.
    game.order(Resume(), Suspend(reason="丙"))
    assert game.play.untold not in (None, key)


def test_breaking_off_ends_an_advance_and_what_was_to_come_at_once() -> None:
    game = halfway().order(Deliver(number=3), Advance(by=hours(1)), Suspend(reason="实战"))
    assert (game.play.goal, game.play.at_once, game.next) == (None, (), None)


@pytest.mark.parametrize("paused", [True, False])
def test_it_goes_on_where_it_was_broken_off(paused: bool) -> None:
    game = halfway()
    before = game.due["inject 2"]
    if paused:
        game.order(Pause())
    game.wait(minutes(10) if paused else hours(0)).order(Suspend(reason="实战"))
    game.wait(minutes(50)).order(Resume())
    assert (game.play.mode, game.play.suspended) == ("running", None)
    assert game.due["inject 2"] == before + (hours(1) if paused else minutes(50))
    left = record(game.play)
    assert left is not None
    assert left.suspended is None


def test_broken_off_before_it_began_it_may_begin_afterwards() -> None:
    game = Playing().order(Suspend(reason="实战"))
    assert (game.play.mode, record(game.play)) == ("suspended", None)
    game.wait(hours(5)).order(Resume())
    assert (game.play.mode, game.play.halted, game.play.suspended) == ("opened", None, None)
    game.begun()
    assert game.now == START
    assert game.due["inject 2"] == hours(1)


# --- ended ---


def test_at_the_end_its_incidents_are_stopped() -> None:
    game = halfway().order(Advance(by=hours(1)), Deliver(number=3), End())
    assert (game.play.mode, game.play.goal, game.play.at_once) == ("ended", None, ())
    assert (game.play.ended, game.play.real_ended) == (START + minutes(10), REAL + minutes(10))
    numbers = tuple(game.play.progress.incidents.values())
    assert game.play.retired == numbers != ()
    assert game.wait(hours(5)).next is None
    assert stopped(game.play, ("GQ-other",)).retired == numbers
    assert stopped(game.play, numbers).retired == ()


def test_a_drill_that_was_broken_off_may_be_ended() -> None:
    game = halfway().order(Suspend(reason="实战"), End())
    left = record(game.play)
    assert left is not None
    assert (game.play.mode, left.suspended) == ("ended", "实战")
    # They have yet to be told that it is none.
    assert game.play.untold is not None


def test_a_drill_that_never_began_leaves_no_record() -> None:
    game = Playing().order(End())
    assert (game.play.mode, game.play.ended, game.play.retired) == ("ended", None, ())
    assert game.play.real_ended == REAL
    assert record(game.play) is None


def test_what_a_drill_leaves() -> None:
    game = halfway().order(Deliver(number=2)).go(minutes(20)).order(End())
    left = record(game.play)
    assert left is not None
    assert (left.started, left.ended) == (START, START + minutes(20))
    assert (left.real_started, left.real_ended) == (REAL, REAL + minutes(20))
    assert left.incidents == game.play.progress.incidents
    assert left.players == OFFICER
    assert [(one.number, one.status) for one in left.played] == [
        (1, "delivered"),
        (2, "delivered"),
    ]
