"""6.5: saved points: kept, returned to, and the incidents that are made anew for them."""

from datetime import datetime
from functools import cache

import pytest

from domain.drill.branch import anew
from domain.drill.course import PassTime, branched, next_step
from domain.drill.orders import Act, Deliver, End, Observe, Pause, Resume, Retry, Save
from domain.drill.play import SPACE, Branch, record
from domain.incident import engine
from domain.incident.chain import verify
from domain.incident.record import GENESIS, Event
from tests.drills.playing import EVALUATOR, OFFICER, REAL, START, Playing, hours, minutes
from tests.drills.small import played
from tests.plans.files import gaoqing

pytestmark = pytest.mark.clause("6.5")


def saved(at: int = 10) -> Playing:
    """A drill that saved a point after so many minutes and went on to the inject at one hour."""
    game = Playing(people=OFFICER).begun().go(minutes(at)).order(Save(point="起点"))
    return game.go(hours(1) + minutes(5))


def back(game: Playing, point: str = "起点") -> Playing:
    """The same, returned to that point, its incidents made anew."""
    game.order(Retry(point=point))
    while game.play.branching:
        game.play = branched(game.play, next(iter(game.play.branching)), True, game.real)
    return game


# --- saved points ---


def test_a_point_keeps_how_far_the_drill_has_come() -> None:
    game = saved()
    [point] = game.play.points
    assert (point.name, point.at, point.real) == ("起点", START + minutes(10), REAL + minutes(10))
    assert [one.number for one in point.progress.played] == [1]
    assert point.progress.incidents == game.play.progress.incidents
    assert (game.play.mode, game.play.attempt) == ("running", 1)


def test_a_points_name_is_taken_once() -> None:
    assert saved().refused(Save(point="起点")).code == "point_taken"
    assert saved().refused(Retry(point="终点")).code == "no_such_point"


def test_the_drill_stands_at_the_point_again_and_waits() -> None:
    game = saved()
    left_at = game.real
    game = back(game)
    assert (game.play.mode, game.now) == ("paused", START + minutes(10))
    assert game.real == left_at
    assert [one.number for one in game.play.progress.played] == [1]
    assert game.due["inject 2"] == hours(1)
    assert game.next is None


def test_from_there_everything_comes_in_its_time_once_more() -> None:
    game = back(saved()).wait(minutes(20)).order(Resume())
    assert game.due["inject 2"] == hours(1) + minutes(20)
    game.came.clear()
    game.go(hours(2) - minutes(1))
    assert game.came == {"inject 2": hours(1) + minutes(20), "action 1": hours(1) + minutes(50)}


def test_another_attempt_has_incidents_of_its_own_made_from_the_old_ones() -> None:
    game = saved()
    old = game.play.progress.incidents["main"]
    game.order(Retry(point="起点"))
    new = game.play.progress.incidents["main"]
    assert game.play.attempt == 2
    assert new != old
    assert new.startswith("GQ-")
    assert game.play.branching == {"main": Branch(old=old, until=START + minutes(10))}
    assert game.play.retired == (old,)
    # Until they are there, nothing happens, however the drill stands.
    assert game.next is None
    assert next_step(game.play.model_copy(update={"mode": "running"}), game.real) is None
    game.play = branched(game.play, "main", True, game.real)
    assert game.play.branching == {}
    # Its own inject is not played again, nor is the incident opened twice.
    game.order(Resume()).go(hours(1) + minutes(5))
    assert game.play.progress.incidents == {"main": new}


def test_every_attempt_is_made_from_what_was_there_at_the_point() -> None:
    game = saved()
    first = game.play.progress.incidents["main"]
    game = back(game).order(Resume()).go(hours(1) + minutes(5))
    second = game.play.progress.incidents["main"]
    game.order(Retry(point="起点"))
    third = game.play.progress.incidents["main"]
    assert len({first, second, third}) == 3
    assert game.play.branching["main"].old == first
    assert game.play.retired == (first, second)
    assert game.play.attempt == 3


def test_an_incident_opened_after_the_point_begins_anew_with_its_inject() -> None:
    game = Playing(people=OFFICER).begun().order(Save(point="起点")).go(minutes(10))
    old = game.play.progress.incidents["main"]
    game.order(Retry(point="起点"))
    assert (game.play.branching, game.play.progress.incidents) == ({}, {})
    assert game.play.retired == (old,)
    game.order(Resume()).go(minutes(20))
    assert game.play.progress.incidents["main"] != old


def test_a_retry_ends_what_was_under_way() -> None:
    game = saved().order(Deliver(number=3), Retry(point="起点"))
    assert (game.play.at_once, game.play.goal) == ((), None)


def test_points_that_came_later_are_gone() -> None:
    game = saved().order(Save(point="后来"))
    game = back(game)
    assert [point.name for point in game.play.points] == ["起点"]
    assert game.order(Save(point="后来")).play.points[-1].at == START + minutes(10)


def test_what_was_seen_after_the_point_belongs_to_the_earlier_attempt() -> None:
    game = Playing(people=OFFICER).begun().go(minutes(5))
    game.order(Observe(text="甲"), by=EVALUATOR).go(minutes(10)).order(Save(point="起点"))
    game.go(minutes(30)).order(Observe(text="乙"), by=EVALUATOR)
    game = back(game)
    assert [one.text for one in game.play.observations] == ["甲"]
    [earlier] = game.play.earlier
    assert [one.text for one in earlier.observations] == ["甲", "乙"]
    # What is entered now is not taken for what was seen then.
    game.order(Observe(text="丙"), by=EVALUATOR)
    assert not {game.play.observations[-1].id} & {one.id for one in earlier.observations}


def test_an_earlier_attempt_can_still_be_evaluated() -> None:
    game = saved()
    act = Act(seat="duty", command="submit_report", fields={"kind": "initial"})
    game.order(act).step()
    first = game.play.progress
    left_at = game.now, game.real
    game = back(game).wait(minutes(5)).order(Resume()).go(minutes(50)).order(End())
    earlier, last = record(game.play, attempt=1), record(game.play)
    assert earlier is not None
    assert last is not None
    assert (earlier.ended, earlier.real_ended) == left_at
    assert earlier.incidents == first.incidents
    assert [one.number for one in earlier.played] == [1, 2]
    assert last.incidents == game.play.progress.incidents != first.incidents
    assert [one.number for one in last.played] == [1]
    assert (last.ended, last.real_ended) == (game.now, game.real)
    assert record(game.play, attempt=2) == last
    # What the director did in somebody's place after the point was not done this time.
    assert game.play.progress.acts == ()


def test_a_point_whose_moment_has_come_goes_on_from_now() -> None:
    game = saved().wait(hours(24 * 7))
    assert game.real > START + minutes(10)
    game = back(game)
    assert game.now == game.real
    began = game.real - START
    game.wait(minutes(3)).order(Resume())
    # Fifty minutes lay between the point and the inject, and three were waited.
    assert game.due["inject 2"] == began + minutes(53)


def test_a_point_saved_during_a_pause_keeps_the_distances() -> None:
    game = Playing(people=OFFICER).begun().go(minutes(10)).order(Pause()).wait(hours(2))
    game.order(Save(point="起点"), Resume())
    assert game.due["inject 2"] == hours(3)
    game = back(game).order(Resume())
    assert game.due["inject 2"] == hours(3)


def test_a_drill_that_returns_can_be_broken_off_or_ended() -> None:
    game = saved().order(Retry(point="起点"), End())
    assert (game.play.branching, game.play.mode) == ({}, "ended")
    assert set(game.play.retired) >= set(game.play.progress.incidents.values())
    assert isinstance(back(saved()).order(Resume()).next, PassTime)


# --- incidents made anew ---


@cache
def source() -> tuple[Event, ...]:
    """The record of a small exercise's incident."""
    return tuple(played().events["main"])


def copied(until: datetime | None = None) -> tuple[Event, ...]:
    """The same as the record of another incident, up to then."""
    kept = (e for e in source() if until is None or e.recorded <= until)
    return tuple(anew(kept, "GQ-2"))


def test_a_copied_record_is_whole() -> None:
    events = copied()
    assert len(events) == len(source()) > 10
    assert events[0].prev == GENESIS
    rows = [(event.seq, event.canonical(), event.hash) for event in events]
    assert list(verify("GQ-2", rows)) == []


def test_it_is_the_other_incidents_and_all_else_is_as_it_was() -> None:
    changed = {"incident", "prev", "hash"}
    for event, old in zip(copied(), source(), strict=True):
        assert event.incident == "GQ-2"
        assert event.hash != old.hash
        assert event.model_dump(exclude=changed) == old.model_dump(exclude=changed)


def test_an_incident_made_anew_stands_as_the_old_one_stood() -> None:
    def folded(number: str, events: tuple[Event, ...]) -> dict[str, object]:
        state = engine.apply(engine.initial(number, gaoqing(), SPACE), events)
        assert (state.incident, state.head) == (number, events[-1].hash)
        # What was asked before is known again, at its own place in the chain.
        heads = {request: {"head"} for request in state.handled}
        return state.model_dump(exclude={"incident": True, "head": True, "handled": heads})

    moment = source()[len(source()) // 2].recorded
    part = tuple(event for event in source() if event.recorded <= moment)
    assert folded("GQ-2", copied()) == folded("main", source())
    assert folded("GQ-2", copied(moment)) == folded("main", part)


def test_nothing_makes_nothing() -> None:
    assert list(anew((), "GQ-2")) == []
