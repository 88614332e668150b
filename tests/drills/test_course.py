"""6.5: the course of a drill: what happens next, and what has become of it."""

from datetime import timedelta

import pytest

from domain.drill.course import PassTime, PlayLine, Result, branched, failed
from domain.drill.orders import (
    Act,
    Advance,
    Deliver,
    End,
    Pause,
    Resume,
    Retry,
    Save,
    Skip,
    Suspend,
)
from domain.drill.play import played_of
from domain.drill.schedule import NEVER_CAME
from domain.drill.script import Created
from tests.drills.exercise import inject
from tests.drills.playing import (
    OFFICER,
    REPORT,
    START,
    VERIFY,
    Playing,
    following,
    hours,
    minutes,
    usual,
)

pytestmark = pytest.mark.clause("6.5")

NEVER = {"event": "response.terminated"}


def halfway(minutes_per_hour: float = 60) -> Playing:
    """A drill that its script plays, ten minutes after its first call."""
    return Playing().begun(minutes_per_hour).go(minutes(10))


# --- what happens next ---


def test_what_is_due_is_played_before_time_passes() -> None:
    game = Playing().begun()
    assert game.step() == PlayLine("inject 1", game.play.lines["inject 1"])
    assert game.next == PassTime(START + minutes(30), 60, until_due=False)


def test_time_passes_to_whatever_comes_first() -> None:
    game = halfway()
    assert game.next == PassTime(START + minutes(30), 60, until_due=False)
    game.order(Advance(by=minutes(5)))
    assert game.next == PassTime(START + minutes(15), 0, until_due=False)
    game.go(minutes(15)).arrive().go(hours(3))
    assert game.next == PassTime(START + hours(4), 60, until_due=False)


@pytest.mark.parametrize("pace", [0.0, 5.0, 60.0])
def test_time_passes_at_its_pace_but_an_advance_is_at_once(pace: float) -> None:
    game = halfway(pace)
    assert game.next == PassTime(START + minutes(30), pace, until_due=False)
    game.order(Advance(by=hours(1)))
    assert game.next == PassTime(START + minutes(30), 0, until_due=False)


def test_where_time_cannot_be_advanced_it_passes_as_ours_does() -> None:
    game = Playing(capable=False).begun(5)
    game.step()
    assert isinstance(game.next, PassTime)
    assert game.next.minutes_per_hour == 60


def test_where_it_turns_out_that_no_time_can_be_advanced_the_clock_is_ours_from_then_on() -> None:
    game = halfway(0).order(Advance(by=hours(1)))
    wait = game.due["inject 2"] - (game.play.now(game.real) - START)
    game.look(stuck="incapable")
    play = game.play
    assert (play.capable, play.goal, play.ahead) == (False, None, timedelta())
    assert play.now(game.real) == game.real
    # What was to come in so many minutes still is.
    assert play.progress.schedule.due["inject 2"] - game.real == wait
    assert isinstance(game.next, PassTime)
    assert game.next.minutes_per_hour == 60


@pytest.mark.parametrize("stuck", ["pending", "behind", "silent"])
def test_what_holds_time_up_is_shown_and_passes(stuck: str) -> None:
    game = halfway()
    version = game.play.version
    game.look(stuck=stuck)
    assert (game.play.stuck, game.play.capable, game.play.version) == (stuck, True, version + 1)
    game.look()
    assert (game.play.stuck, game.play.version) == (None, version + 2)


def test_nothing_happens_by_itself_unless_it_is_running() -> None:
    assert Playing().next is None
    for order in (Pause(), Suspend(reason="实战"), End()):
        # Not even what is long due.
        assert halfway().order(order).wait(hours(2)).next is None


def test_what_is_to_come_at_once_comes_first_even_during_a_pause() -> None:
    act = Act(seat="duty", command="submit_report")
    game = halfway().wait(minutes(30)).order(Pause(), Deliver(number=3), act)
    played = [game.step(), game.step(), game.step()]
    assert [step.key for step in played if isinstance(step, PlayLine)] == ["inject 3", "action 3"]
    assert played[-1] is None
    game.order(Resume(), Deliver(number=2))
    assert isinstance(game.next, PlayLine)
    assert game.next.key == "inject 2"


# --- late ---


def test_a_line_that_comes_very_late_takes_the_later_ones_along() -> None:
    game = halfway()
    before = game.due
    # Nothing else is due yet: the worker was away until just before the next line.
    game.wait(minutes(49)).step()
    assert game.came["action 1"] == minutes(59)
    del before["action 1"]
    assert game.due == {key: due + minutes(29) for key, due in before.items()}


def test_lines_that_are_overdue_together_come_in_their_order_and_at_their_distance() -> None:
    game = halfway().wait(minutes(20) + hours(2)).go()
    assert game.came == {
        "inject 1": hours(0),
        "action 1": hours(2.5),
        "inject 2": hours(3),
        "action 2": hours(3.5),
        "inject 3": hours(4),
        "inject 4": hours(4) + minutes(10),
    }


def test_an_inject_that_comes_very_late_does_so_too() -> None:
    game = Playing(people=OFFICER).begun().go(minutes(10)).wait(minutes(50) + hours(1))
    game.go(hours(2))
    assert game.came["inject 2"] == hours(2)
    assert (game.due["action 1"], game.due["inject 3"]) == (hours(2.5), hours(3))
    # As it was due and as it came: both are kept.
    played = played_of(game.play, 2)
    assert (played.due, played.at) == (START + hours(1), START + hours(2))


def test_lines_of_one_moment_that_come_late_still_come_together() -> None:
    given = usual(inject(5, 1), actions=[])
    game = Playing(given).begun().go(minutes(10)).wait(hours(2)).go(hours(3))
    assert game.came["inject 2"] == game.came["inject 5"] == hours(2) + minutes(10)
    assert game.due["inject 3"] == hours(3) + minutes(10)


@pytest.mark.parametrize(("late", "shifted"), [(0.04, 0), (60, 0), (61, 61)])
def test_a_moment_late_is_not_late(late: float, shifted: float) -> None:
    game = halfway()
    before = game.due["inject 2"]
    game.wait(minutes(20) + minutes(late / 60)).step()
    assert game.came["action 1"] == minutes(30) + minutes(late / 60)
    assert game.due["inject 2"] == before + minutes(shifted / 60)


def test_what_comes_by_hand_moves_nothing() -> None:
    game = halfway()
    before = game.due
    game.order(Deliver(number=3)).step()
    del before["inject 3"]
    assert game.due == {**before, "inject 4": minutes(20)}
    # Nor does it when its time has passed during a pause.
    game.order(Pause()).wait(hours(2)).order(Deliver(number=2)).step()
    del before["inject 2"]
    assert game.due == {**before, "inject 4": minutes(20)}


# --- the end ---


def test_an_unattended_drill_ends_by_itself_and_says_what_never_came() -> None:
    given = usual(following(5, NEVER), actions=[{"after": NEVER, **VERIFY}])
    game = Playing(given).begun(0).go()
    assert (game.play.mode, game.play.ended) == ("ended", START + hours(4))
    assert game.surprises == [("inject 5", NEVER_CAME), ("action 1: verify", NEVER_CAME)]
    assert game.play.retired == tuple(game.play.progress.incidents.values()) != ()


def test_what_was_skipped_is_no_surprise() -> None:
    game = halfway(0).order(Skip(number=2)).go()
    assert (game.play.mode, game.surprises) == ("ended", [])


def test_what_is_due_at_the_very_end_still_comes() -> None:
    game = Playing(usual(inject(5, 4))).begun(0).go()
    assert game.came["inject 5"] == hours(4)
    assert (game.play.mode, game.surprises) == ("ended", [])


def test_where_people_play_it_is_paused_at_the_end_and_may_go_on() -> None:
    given = usual(following(5, NEVER))
    game = Playing(given, people=OFFICER).begun(0).go()
    assert (game.play.mode, game.play.halted, game.play.ended) == ("paused", START + hours(4), None)
    assert (game.surprises, game.play.retired) == ([], ())
    game.order(Advance(by=hours(1))).go()
    assert (game.play.mode, game.now) == ("paused", START + hours(5))


def test_a_drill_that_is_not_at_its_end_is_as_it_is() -> None:
    for game in (Playing(), halfway(), halfway().order(Advance(by=hours(1)))):
        before = game.play
        assert game.arrive().play is before
    # Over the end, but paused or broken off: people decide.
    for order in (Pause(), Suspend(reason="实战")):
        late = halfway().go(hours(3)).order(order).wait(hours(2))
        before = late.play
        assert late.arrive().play is before


# --- what has become of a line ---


def test_an_inject_that_opens_an_incident_gives_it_its_number() -> None:
    game = Playing().begun()
    assert game.play.progress.incidents == {}
    version = game.play.version
    game.step()
    number = game.play.progress.incidents["main"]
    assert number.startswith("GQ-")
    assert game.play.version == version + 1
    # Whoever asks again gets the same.
    again = Playing().begun()
    again.step()
    assert again.play.progress.incidents == {"main": number}


def test_what_an_action_created_is_known_by_its_name() -> None:
    game = halfway()
    game.answers["action 1"] = (Result(first=12),)
    game.go(minutes(90))
    assert game.play.progress.names == {"first": Created(12, "r12")}
    assert (game.surprises, game.play.progress.refused) == ([], ())


def test_a_refusal_that_the_script_tells_of_is_none_that_surprises() -> None:
    line = {"at": minutes(30), "as": "first", "refused": "wrong_phase", **REPORT}
    game = Playing(usual(actions=[line])).begun().go(minutes(10))
    game.answers["action 1"] = (Result(code="wrong_phase", clause="3.2.2(1)", text="已结束"),)
    game.go(hours(1))
    [refused] = game.play.progress.refused
    assert (refused.line, refused.what) == ("action 1: submit_report", "wrong_phase (3.2.2(1))")
    assert refused.at == START + minutes(30)
    assert (game.surprises, game.play.progress.names) == ([], {})


@pytest.mark.parametrize(
    ("results", "what"),
    [
        ((), "asked nothing, so nothing was refused (wrong_phase)"),
        ((Result(first=9),), "was allowed, not refused (wrong_phase)"),
        ((Result(code="no_authority", text="无权"),), "refused: no_authority: 无权"),
    ],
)
def test_what_should_be_refused_and_is_not_so_surprises(
    results: tuple[Result, ...], what: str
) -> None:
    line = {"at": minutes(30), "refused": "wrong_phase", **REPORT}
    game = Playing(usual(actions=[line])).begun()
    game.answers["action 1"] = results
    game.go(hours(1))
    assert game.surprises == [("action 1: submit_report", what)]
    assert game.play.progress.refused == ()


def test_every_refusal_of_what_is_given_for_each_counts() -> None:
    game = halfway()
    game.answers["action 1"] = (Result(first=9), Result(code="no_authority", text="无权"))
    game.go(hours(1))
    assert game.surprises == [("action 1: submit_report", "refused: no_authority: 无权")]
    assert game.play.progress.names["first"].seq == 9


def test_nothing_asked_of_an_ordinary_line_is_no_surprise() -> None:
    game = halfway()
    game.answers["action 1"] = ()
    assert game.go(hours(1)).surprises == []


def test_what_means_nothing_surprises_and_the_drill_goes_on() -> None:
    early = {"at": minutes(0), "incident": "other", **REPORT}
    game = Playing(usual(actions=[early, {"at": minutes(5), **VERIFY}])).begun().go(minutes(10))
    assert game.surprises == [
        ("action 1: submit_report", "the incident 'other' has not been opened yet")
    ]
    assert set(game.came) == {"inject 1", "action 1", "action 2"}


def test_an_inject_that_could_not_come_may_be_delivered_later() -> None:
    game = Playing(people=OFFICER).begun()
    game.play = failed(game.play, "inject 1", game.play.lines["inject 1"], "无法立案", game.real)
    assert game.surprises == [("inject 1", "无法立案")]
    assert game.go(minutes(10)).came == {}
    game.order(Deliver(number=1)).go(minutes(20))
    assert game.came == {"inject 1": minutes(10)}


# --- what was seen ---


def test_an_event_that_was_seen_makes_its_line_due_from_when_it_was_recorded() -> None:
    after = {"event": "report.submitted", "by": minutes(5)}
    game = Playing(usual(following(5, after)), people=OFFICER).begun().go(minutes(10))
    version = game.play.version
    game.look(seen={"inject 5": START + minutes(8)}, seqs={"main": 20})
    assert game.due["inject 5"] == minutes(13)
    assert game.play.version == version + 1
    # It happens once: what is recorded later changes nothing.
    game.look(seen={"inject 5": START + minutes(9)})
    assert game.due["inject 5"] == minutes(13)
    assert game.go(minutes(15)).came["inject 5"] == minutes(13)


def test_how_far_the_records_were_read_is_kept_for_each_incident() -> None:
    game = halfway().look(seqs={"main": 20, "other": 3})
    version = game.play.version
    game.look(seqs={"main": 25})
    assert game.play.progress.seqs == {"main": 25, "other": 3}
    # Nothing anybody could see: it need not be kept again.
    assert game.play.version == version


def test_the_clock_is_where_it_was_seen() -> None:
    game = halfway()
    game.look(ahead=game.play.ahead + minutes(7))
    assert game.now == START + minutes(17)
    fixed = Playing(capable=False).begun()
    began = fixed.now
    assert fixed.look(ahead=hours(5)).now == began


def test_what_followed_events_and_is_seen_late_keeps_its_distances() -> None:
    """The worker was away for hours: three injects after one event, and none at once."""
    after = [
        inject(number, 0, at=None, after={"event": "response.started", "by": minutes(by)})
        for number, by in ((5, 10), (6, 20), (7, 60))
    ]
    game = Playing(usual(*after, actions=[])).begun().go(minutes(5))
    happened = START + minutes(6)
    game.wait(hours(3))
    seen = {f"inject {number}": happened for number in (5, 6, 7)}
    game.look(seen=seen)
    now = game.play.now(game.real)
    due = [game.play.progress.schedule.due[f"inject {number}"] for number in (5, 6, 7)]
    assert due == [now, now + minutes(10), now + minutes(50)]


def test_what_happened_during_a_pause_is_followed_as_long_after_it() -> None:
    after = inject(5, 0, at=None, after={"event": "response.started", "by": minutes(10)})
    game = Playing(usual(after, actions=[])).begun().go(minutes(5)).order(Pause())
    game.wait(minutes(30))
    game.look(seen={"inject 5": game.play.now(game.real) - minutes(20)})
    game.wait(minutes(30)).order(Resume())
    assert game.play.progress.schedule.due["inject 5"] == game.play.now(game.real) + minutes(10)


def test_an_incident_that_cannot_be_made_anew_is_left_out_and_named() -> None:
    game = halfway()
    game.order(Save(point="a")).order(Retry(point="a"))
    game.play = branched(game.play, "main", False, game.real)
    assert game.play.progress.incidents == {}
    assert [one.line for one in game.play.progress.surprises] == ["main"]
