"""6.5: who may do what to a drill, and while it stands how; each order's table written by hand."""

import json
from datetime import date
from typing import Final

import pytest

from domain.drill.direction import decide
from domain.drill.orders import (
    ORDERS,
    Act,
    Advance,
    Assign,
    Comment,
    Complete,
    Deliver,
    End,
    Improve,
    Observe,
    Order,
    Override,
    Pace,
    Pause,
    Resume,
    Retry,
    Save,
    Say,
    Skip,
    Start,
    Suspend,
    Write,
)
from domain.drill.play import By, Mode, Play, Role
from domain.drill.scenario import Inject
from tests.drills.exercise import inject, text
from tests.drills.playing import (
    DIRECTOR,
    EVALUATOR,
    OFFICER,
    PLAYER,
    REAL,
    START,
    Playing,
    hours,
    minutes,
)

pytestmark = pytest.mark.clause("6.5")

BY: Final[dict[Role, By]] = {"director": DIRECTOR, "evaluator": EVALUATOR, "player": PLAYER}

SAYING: Final = Say.model_validate(
    {"sender": text("市民"), "to": ["officer"], "channel": "phone", "text": text("听说出事了")}
)
GIVEN: Final[dict[str, Order]] = {
    "start": Start(),
    "pause": Pause(),
    "resume": Resume(),
    "pace": Pace(minutes_per_hour=5),
    "advance": Advance(by=minutes(20)),
    "deliver": Deliver(number=2),
    "skip": Skip(number=3),
    "write": Write(inject=Inject.model_validate(inject(9, 3))),
    "say": SAYING,
    "act": Act(seat="duty", command="submit_report", fields={"kind": "initial"}),
    "save": Save(point="午后"),
    "retry": Retry(point="起点"),
    "assign": Assign(role="officer", people=("李四",)),
    "suspend": Suspend(reason="真实事件"),
    "end": End(),
    "observe": Observe(text="处置及时"),
    "override": Override(objective="report", rating="S", reason="口头报告不完整"),
    "comment": Comment(text="通讯录要更新", lesson=True),
    "improve": Improve(text="更新通讯录", owner="county-msa", due=date(2026, 12, 1)),
    "complete": Complete(improvement="i1", day=date(2026, 11, 1)),
}

WHO: Final[dict[str, set[Role]]] = {
    "start": {"director"},
    "pause": {"director"},
    "resume": {"director"},
    "pace": {"director"},
    "advance": {"director"},
    "deliver": {"director"},
    "skip": {"director"},
    "write": {"director"},
    "say": {"director"},
    "act": {"director"},
    "save": {"director"},
    "retry": {"director"},
    "assign": {"director"},
    "suspend": {"director", "evaluator", "player"},
    "end": {"director"},
    "observe": {"director", "evaluator"},
    "override": {"director", "evaluator"},
    "comment": {"director", "evaluator", "player"},
    "improve": {"director", "evaluator"},
    "complete": {"director", "evaluator"},
}
WHEN: Final[dict[str, set[Mode]]] = {
    "start": {"opened"},
    "pause": {"running", "paused"},
    "resume": {"running", "paused", "suspended"},
    "pace": {"opened", "running", "paused", "suspended"},
    "advance": {"running", "paused"},
    "deliver": {"running", "paused"},
    "skip": {"running", "paused"},
    "write": {"opened", "running", "paused", "suspended"},
    "say": {"running", "paused"},
    "act": {"running", "paused"},
    "save": {"running", "paused"},
    "retry": {"running", "paused"},
    "assign": {"opened", "running", "paused", "suspended"},
    "suspend": {"opened", "running", "paused", "suspended"},
    "end": {"opened", "running", "paused", "suspended"},
    "observe": {"running", "paused", "suspended", "ended"},
    "override": {"running", "paused", "suspended", "ended"},
    "comment": {"running", "paused", "suspended", "ended"},
    "improve": {"running", "paused", "suspended", "ended"},
    "complete": {"running", "paused", "suspended", "ended"},
}
STANDS: Final[dict[Mode, tuple[str, str]]] = {
    "opened": ("演练尚未开始", "the drill has not begun"),
    "running": ("演练正在进行", "the drill is going on"),
    "paused": ("演练已暂停", "the drill is paused"),
    "suspended": ("演练已因实战中止", "the drill was broken off for a real emergency"),
    "ended": ("演练已结束", "the drill has ended"),
}
WAITS: Final = {"resume", "advance", "deliver", "say", "act", "save", "retry"}
"""What has to wait while a drill returns to a saved point."""

every_order = pytest.mark.parametrize("name", list(GIVEN))


def standing(mode: Mode) -> Playing:
    """A drill that stands so; once begun it has a saved point and a corrective action."""
    game = Playing(people=OFFICER)
    if mode == "opened":
        return game
    game.begun().go(minutes(15)).order(Save(point="起点"), GIVEN["improve"])
    last: dict[Mode, Order] = {"paused": Pause(), "suspended": GIVEN["suspend"], "ended": End()}
    return game.order(last[mode]) if mode in last else game


def test_the_tables_tell_of_every_order() -> None:
    assert set(GIVEN) == set(WHO) == set(WHEN) == set(ORDERS)
    assert {name: type(order) for name, order in GIVEN.items()} == ORDERS


@every_order
@pytest.mark.parametrize("role", list(BY))
def test_who_may_give_an_order(name: str, role: Role) -> None:
    for mode in sorted(WHEN[name]):
        game = standing(mode)
        assert game.play.mode == mode
        if role in WHO[name]:
            game.order(GIVEN[name], by=BY[role])
            assert game.play.log[-1].by == BY[role]
        else:
            assert game.refused(GIVEN[name], BY[role]).code == "not_of_the_staff"


@every_order
@pytest.mark.parametrize("mode", list(STANDS))
def test_when_an_order_may_be_given(name: str, mode: Mode) -> None:
    game = standing(mode)
    assert game.play.mode == mode
    if mode in WHEN[name]:
        version = game.play.version
        assert game.order(GIVEN[name]).play.version == version + 1
    else:
        refusal = game.refused(GIVEN[name])
        assert refusal.code == "drill_stands_otherwise"
        zh, en = STANDS[mode]
        assert zh in refusal.message.zh
        assert en in refusal.message.en


@every_order
def test_what_waits_while_a_drill_returns_to_a_saved_point(name: str) -> None:
    game = standing("running").order(Retry(point="起点"))
    assert (game.play.mode, set(game.play.branching)) == ("paused", {"main"})
    if name in WAITS:
        assert game.refused(GIVEN[name]).code == "returning"
        game.step()
        game.order(GIVEN[name])
    elif "paused" in WHEN[name]:
        game.order(GIVEN[name])


def test_who_may_not_is_told_so_before_how_the_drill_stands() -> None:
    assert standing("ended").refused(Start(), PLAYER).code == "not_of_the_staff"


def test_a_request_is_carried_out_once() -> None:
    play = standing("running").play
    once = decide(play, SAYING, DIRECTOR, REAL, "q1")
    assert decide(once, SAYING, DIRECTOR, REAL, "q1") is once
    # By its id alone: what was answered once is answered so again, even if it may not be now.
    assert decide(once, End(), PLAYER, REAL, "q1") is once
    twice = decide(once, SAYING, DIRECTOR, REAL, "q2")
    assert len(twice.progress.added) == 2
    assert twice.version == once.version + 1


def test_orders_without_a_request_are_carried_out_each() -> None:
    game = standing("running").order(GIVEN["comment"], GIVEN["comment"])
    assert len(game.play.remarks) == 2


def test_a_request_that_was_refused_may_be_given_again() -> None:
    game = Playing()
    with pytest.raises(Exception, match="has not begun"):
        decide(game.play, Pause(), DIRECTOR, REAL, "q1")
    assert decide(game.begun().play, Pause(), DIRECTOR, REAL, "q1").mode == "paused"


def test_every_order_is_kept_with_who_gave_it_and_both_times() -> None:
    game = Playing(people=OFFICER)
    game.order(Pace(minutes_per_hour=6), GIVEN["write"]).begun().wait(minutes(5))
    game.play = decide(game.play, Pause(), DIRECTOR, game.real, "q9")
    paced, wrote, started, paused = game.play.log
    assert (paced.real, paced.at, paced.request) == (REAL, None, None)
    assert (started.real, started.at) == (REAL, None)
    assert (paused.real, paused.at) == (REAL + minutes(5), START + minutes(5))
    assert (paused.by, paused.request) == (DIRECTOR, "q9")
    # In the words of the API, so that it can be read as an order again.
    assert Write.model_validate_json(wrote.what) == GIVEN["write"]
    assert json.loads(paused.what) == {"name": "pause"}


def test_a_drill_outlives_its_being_kept() -> None:
    game = standing("running")
    game.order(SAYING, GIVEN["act"], GIVEN["write"], GIVEN["skip"], GIVEN["observe"])
    game.go(hours(1)).order(Save(point="一点"), Advance(by=minutes(20)), Suspend(reason="实战"))
    assert game.play.progress.acts
    kept = game.play.model_dump_json(by_alias=True)
    assert Play.model_validate_json(kept) == game.play
    game.order(Resume(), Retry(point="起点"))
    assert Play.model_validate_json(game.play.model_dump_json(by_alias=True)) == game.play
    first = json.loads(kept)["scenario"]["actions"][0]
    assert (first["as"], json.loads(kept)["progress"]["added"][0]["from"]) == (
        "first",
        {"zh": "市民", "en": "EN 市民"},
    )


def test_a_name_is_the_persons_where_it_is_known() -> None:
    assert (DIRECTOR.name, PLAYER.name) == ("导调员", "duty")
    assert Playing().play.opened_by == "导调员"
