"""6.5: what comes to the players: delivered, skipped, written, said; and what each of them sees."""

from typing import Any, Final

import pytest

from domain.drill.course import PlayLine
from domain.drill.orders import (
    Act,
    Assign,
    Deliver,
    End,
    Order,
    Pause,
    Resume,
    Say,
    Skip,
    Suspend,
    Write,
)
from domain.drill.play import cues, played_of, record
from domain.drill.record import Played
from domain.drill.scenario import Inject
from tests.drills.exercise import GRADED, inject, text
from tests.drills.playing import (
    OFFICER,
    START,
    VERIFY,
    Playing,
    following,
    hours,
    minutes,
    usual,
)

pytestmark = pytest.mark.clause("6.5")

ACTING: Final = Act(seat="county-msa", command="verify", fields={"outcome": "pending"})


def halfway() -> Playing:
    """A drill with somebody to play it, ten minutes after its first call."""
    return Playing(people=OFFICER).begun().go(minutes(10))


def written(*given: Any, **more: Any) -> Write:
    """The order to write an inject."""
    return Write(inject=Inject.model_validate(inject(*given, **more)))


def waiting_for(number: int, after: dict[str, Any]) -> Write:
    """The order to write an inject that waits for something."""
    return Write(inject=Inject.model_validate(following(number, after)))


def saying(*to: str) -> Say:
    """The order to say something at once."""
    given = {"sender": text("市民"), "to": to, "channel": "phone", "text": text("听说出事了")}
    return Say.model_validate(given)


# --- delivered and skipped ---


def test_an_inject_is_delivered_by_hand_before_its_time() -> None:
    game = halfway().order(Deliver(number=3))
    assert isinstance(game.next, PlayLine)
    game.go(minutes(10))
    assert played_of(game.play, 3) == Played(
        number=3,
        status="delivered",
        due=START + hours(2),
        at=START + minutes(10),
        real=game.real,
        by="导调员",
    )
    # What comes by the script has nobody who delivered it.
    assert played_of(game.play, 1).by is None
    game.go(hours(3))
    assert game.came["inject 3"] == minutes(10)
    assert len(game.play.progress.played) == 4


def test_to_deliver_it_twice_is_once() -> None:
    game = halfway().order(Deliver(number=3), Deliver(number=3)).go(hours(3))
    assert [one.number for one in game.play.progress.played].count(3) == 1


def test_a_skipped_inject_does_not_come_nor_what_follows_it() -> None:
    game = halfway().order(Skip(number=3)).go()
    assert set(game.came) == {"inject 1", "inject 2", "action 1"}
    skipped = played_of(game.play, 3)
    assert (skipped.status, skipped.due, skipped.at) == ("skipped", START + hours(2), None)
    assert skipped.by == "导调员"


def test_an_inject_may_still_be_skipped_when_it_was_to_be_delivered() -> None:
    game = halfway().order(Deliver(number=3), Skip(number=3)).go(minutes(20))
    assert played_of(game.play, 3).status == "skipped"
    assert "inject 3" not in game.came


@pytest.mark.parametrize(
    ("number", "code"), [(1, "inject_played"), (2, "inject_played"), (99, "no_such_inject")]
)
def test_only_what_has_not_come_can_be_delivered_or_skipped(number: int, code: str) -> None:
    game = halfway().order(Skip(number=2))
    assert game.refused(Deliver(number=number)).code == code
    assert game.refused(Skip(number=number)).code == code


def test_what_was_to_be_delivered_and_then_came_by_itself_was_not_delivered_by_hand() -> None:
    game = halfway().order(Deliver(number=3), Suspend(reason="实战"), Resume()).go(hours(2))
    assert game.came["inject 3"] == hours(2)
    assert played_of(game.play, 3).by is None


# --- written ---


def test_an_inject_is_written_and_comes_in_its_time() -> None:
    game = halfway().order(written(9, 1.5)).go(hours(2))
    assert game.came["inject 9"] == hours(1.5)
    left = record(game.play)
    assert left is not None
    assert [one.number for one in left.added] == [9]


def test_an_inject_of_the_script_is_written_anew() -> None:
    game = halfway().order(written(2, 1.5, text=text("第一稿")))
    game.order(written(2, 3, text=text("第二稿")))
    assert len(game.play.progress.added) == 1
    assert [one.number for one in game.play.injects] == [1, 2, 3, 4]
    game.go(hours(3))
    assert game.came["inject 2"] == hours(3)
    assert cues(game.play, "duty")[-1].text.zh == "第二稿"
    # The scenario itself stays as it was.
    assert game.play.scenario == usual()


def test_what_is_written_before_the_beginning_comes_as_written() -> None:
    game = Playing(people=OFFICER).order(written(9, 0.5), written(2, 1.5))
    assert game.play.progress.schedule.waiting == ()
    game.begun()
    assert (game.due["inject 9"], game.due["inject 2"]) == (minutes(30), minutes(90))


def test_what_has_come_or_was_skipped_is_not_written_anew() -> None:
    game = halfway().order(Skip(number=2))
    assert game.refused(written(1, 3)).code == "inject_played"
    assert game.refused(written(2, 3)).code == "inject_played"


def test_nothing_is_written_into_the_past() -> None:
    game = halfway()
    assert game.refused(written(9, 0.1)).code == "inject_in_the_past"
    assert game.order(written(9, 1 / 6)).due["inject 9"] == minutes(10)


def test_what_follows_an_inject_that_came_is_due_from_then() -> None:
    game = halfway().order(waiting_for(9, {"inject": 1, "by": "PT25M"}))
    assert game.due["inject 9"] == minutes(25)
    game.go(hours(1) - minutes(1))
    assert game.came["inject 9"] == minutes(25)


def test_what_follows_an_inject_that_has_not_come_waits_for_it() -> None:
    game = halfway().order(waiting_for(9, {"inject": 2, "by": "PT25M"}))
    assert "inject 9" not in game.due
    game.go(hours(1.5))
    assert game.came["inject 9"] == hours(1) + minutes(25)


def test_an_inject_with_a_time_may_be_made_to_wait_for_an_event() -> None:
    game = halfway().order(waiting_for(2, {"event": "response.started", "by": "PT5M"}))
    assert "inject 2" not in game.due
    assert set(game.play.progress.schedule.watched(game.play.lines)) == {"inject 2"}
    game.look(seen={"inject 2": START + minutes(12)})
    assert game.due["inject 2"] == minutes(17)


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (written(9, 3, to=["officer", "cook"]), "to: cook"),
        (written(9, 3, sender="cook"), "sender: cook"),
        (written(9, 3, GRADED | {"objective": "feed"}), "objective: feed"),
        (written(9, 3, opens="other"), "opens: other"),
        (waiting_for(9, {"inject": 8}), "after: inject 8"),
        (waiting_for(9, {"inject": 9}), "after: inject 9"),
        (waiting_for(2, {"inject": 2}), "after: inject 2"),
        (saying("cook"), "to: cook"),
    ],
)
def test_an_inject_names_only_what_the_exercise_has(order: Order, named: str) -> None:
    refusal = halfway().refused(order)
    assert refusal.code == "unknown_to_the_exercise"
    assert named in refusal.message.en


# --- said, and done in somebody's place ---


def test_what_is_said_comes_at_once_even_during_a_pause() -> None:
    game = halfway().order(Pause(), saying("officer"), saying("officer")).go()
    assert [game.came["inject 5"], game.came["inject 6"]] == [minutes(10)] * 2
    heard = cues(game.play, "duty")[-1]
    assert (heard.number, heard.sender.zh, heard.text.zh) == (6, "市民", "听说出事了")
    assert heard.at == START + minutes(10)
    assert game.play.mode == "paused"
    left = record(game.order(End()).play)
    assert left is not None
    assert [one.number for one in left.added] == [5, 6]


def test_a_command_is_given_in_somebodys_place_at_once() -> None:
    game = Playing().begun().go(minutes(10)).order(Pause(), ACTING)
    step = game.step()
    assert isinstance(step, PlayLine)
    assert step.key == "action 3"
    assert (step.line.at, game.came["action 3"]) == (minutes(10), minutes(10))
    assert game.play.progress.acts == (step.line,)
    assert game.next is None
    # The lines of the script keep their places.
    game.order(Resume(), ACTING).go(minutes(95))
    assert game.came["action 2"] == minutes(90)
    assert game.came["action 4"] == minutes(10)


def test_nothing_is_done_in_an_incident_that_is_not_there() -> None:
    game = Playing().begun()
    assert game.refused(ACTING).code == "no_such_incident"
    game.go(minutes(10))
    other = ACTING.model_copy(update={"incident": "other"})
    assert game.refused(other).code == "no_such_incident"


# --- who plays what ---


def test_the_script_plays_the_seats_that_nobody_plays() -> None:
    def commands(**people: tuple[str, ...]) -> list[str]:
        return [action.command for action in Playing(people=people).play.automatic]

    assert commands() == commands(officer=()) == ["submit_report", "verify"]
    assert commands(officer=("张三",)) == ["verify"]
    assert commands(leader=("王县长",)) == ["submit_report", "verify"]


def test_a_drill_is_unattended_while_nobody_plays() -> None:
    assert Playing().play.unattended
    assert Playing(people={"officer": ()}).play.unattended
    assert not Playing(people=OFFICER).play.unattended


def test_roles_are_given_out_until_it_begins() -> None:
    game = Playing().order(Assign(role="officer", people=("张三",)))
    assert game.play.players == {"officer": ("张三",)}
    assert set(game.begun().due) >= {"action 1"}
    assert "action 2" not in game.due
    assert game.refused(Assign(role="cook", people=("张三",))).code == "no_such_role"


def test_later_people_change_but_a_role_stays_with_people_or_the_script() -> None:
    game = halfway().order(Assign(role="officer", people=("李四", "王五")))
    assert game.play.players["officer"] == ("李四", "王五")
    assert game.refused(Assign(role="officer")).code == "role_fixed"
    assert game.refused(Assign(role="leader", people=("赵六",))).code == "role_fixed"
    assert game.order(Assign(role="leader")).play.players["leader"] == ()


# --- what players see ---


def told(**people: tuple[str, ...]) -> Playing:
    """A drill in which the officer's call to the leader is a line of its own."""
    given = usual(
        inject(7, 0.5, GRADED, to=["leader"], sender="officer", discussion=True),
        actions=[{"at": hours(2), **VERIFY}],
    )
    return Playing(given, people).begun().go(minutes(20))


def seen(game: Playing, seat: str) -> list[tuple[int, bool]]:
    """The injects of a seat, and whether it is to say them."""
    return [(cue.number, cue.speak) for cue in cues(game.play, seat)]


def test_a_player_sees_what_came_to_his_roles_oldest_first() -> None:
    game = told(leader=("王县长",))
    assert seen(game, "duty") == [(1, False)]
    assert seen(game, "county-government") == []
    game.order(Deliver(number=3), Skip(number=2)).go(hours(1))
    assert seen(game, "duty") == [(1, False), (3, False), (4, False)]
    assert seen(game, "county-government") == [(7, False)]
    assert seen(game, "county-msa") == []


def test_what_somebody_plays_is_spoken_by_him_and_heard_from_him() -> None:
    game = told(officer=("张三",), leader=("王县长",)).go(hours(0.5))
    assert seen(game, "duty") == [(1, False), (7, True)]
    assert seen(game, "county-government") == []
    assert played_of(game.play, 7).by == "officer"


def test_what_is_about_to_be_delivered_is_not_seen_yet() -> None:
    game = halfway().order(Deliver(number=3))
    assert seen(game, "duty") == [(1, False)]


def test_a_player_is_not_told_what_is_expected_of_him() -> None:
    game = told(leader=("王县长",)).go(hours(1))
    for seat in ("duty", "county-government"):
        cue = cues(game.play, seat)[0]
        assert set(cue.model_dump()) == {
            "number",
            "at",
            "sender",
            "channel",
            "text",
            "discussion",
            "speak",
        }
        kept = cue.model_dump_json()
        assert GRADED["text"]["zh"] not in kept
        assert "4.1" not in kept
        assert "grade" not in kept
    assert cues(game.play, "county-government")[0].discussion
