"""6.5: what evaluators and players say of a drill, and what has to be improved."""

from datetime import date

import pytest

from domain.drill.orders import Comment, Complete, End, Improve, Observe, Override
from domain.drill.play import record
from domain.drill.record import DrillRecord, Overridden
from tests.drills.playing import (
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


def halfway() -> Playing:
    """A drill ten minutes after its first call, which was to be graded."""
    return Playing(people=OFFICER).begun().go(minutes(10))


def left(game: Playing) -> DrillRecord:
    """What the drill leaves."""
    found = record(game.play)
    assert found is not None
    return found


def test_an_observation_is_kept_with_both_times_and_who_made_it() -> None:
    seen = Observe(text="研判及时", inject=1, expected=0, objective="grade", met=True)
    [kept] = left(halfway().order(seen, by=EVALUATOR)).observations
    assert (kept.at, kept.entered) == (START + minutes(10), REAL + minutes(10))
    assert (kept.by, kept.text, kept.met) == ("评估员", "研判及时", True)
    assert (kept.inject, kept.expected, kept.objective) == (1, 0, "grade")


def test_an_observation_may_be_of_an_earlier_moment() -> None:
    game = halfway().order(Observe(text="电话占线", at=START + minutes(2)))
    [kept] = game.play.observations
    assert (kept.at, kept.entered) == (START + minutes(2), game.real)


def test_what_is_entered_after_the_end_was_seen_by_then() -> None:
    game = halfway().order(End()).wait(hours(20)).order(Observe(text="总体良好"))
    [kept] = game.play.observations
    assert (kept.at, kept.entered) == (game.play.ended, game.real)
    assert kept.at == START + minutes(10)


def test_observations_can_be_told_apart() -> None:
    game = halfway().order(Observe(text="甲"), Observe(text="乙"), by=EVALUATOR)
    assert len({one.id for one in game.play.observations}) == 2


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        (Observe(text="甲", inject=99), "no_such_inject"),
        (Observe(text="甲", inject=1, expected=1), "no_such_expected_action"),
        (Observe(text="甲", inject=2, expected=0), "no_such_expected_action"),
        (Observe(text="甲", expected=0), "which_inject"),
        (Observe(text="甲", objective="feed"), "no_such_objective"),
    ],
)
def test_an_observation_is_of_what_the_exercise_has(seen: Observe, code: str) -> None:
    assert halfway().refused(seen, EVALUATOR).code == code


def test_a_later_rating_replaces_an_earlier_one_of_the_same_objective() -> None:
    game = halfway().order(
        Override(objective="report", rating="S", reason="口头报告不完整"),
        Override(objective="grade", rating="U", reason="未研判"),
        Override(objective="report", rating="P", reason="已补充"),
        by=EVALUATOR,
    )
    assert left(game).overridden == (
        Overridden(objective="grade", rating="U", reason="未研判", by="评估员"),
        Overridden(objective="report", rating="P", reason="已补充", by="评估员"),
    )
    unknown = Override(objective="feed", rating="P", reason="无")
    assert game.refused(unknown, EVALUATOR).code == "no_such_objective"


def test_players_say_what_there_is_to_say_and_what_should_change() -> None:
    game = halfway().order(End())
    game.order(Comment(text="节奏合适"), Comment(text="通讯录要更新", lesson=True), by=PLAYER)
    assert [(one.by, one.text, one.lesson) for one in left(game).remarks] == [
        ("duty", "节奏合适", False),
        ("duty", "通讯录要更新", True),
    ]


def test_an_improvement_has_an_owner_and_a_day_until_it_is_carried_out() -> None:
    day = date(2026, 12, 1)
    game = (
        halfway()
        .order(End())
        .order(
            Improve(text="更新通讯录", owner="county-msa", due=day, objective="report"),
            Improve(text="加配传真", owner="county-health", due=day),
            by=EVALUATOR,
        )
    )
    first, second = left(game).improvements
    assert (first.text, first.owner, first.due, first.objective) == (
        "更新通讯录",
        "county-msa",
        day,
        "report",
    )
    game.order(Complete(improvement=second.id, day=date(2026, 11, 20)), by=EVALUATOR)
    assert [one.done for one in left(game).improvements] == [None, date(2026, 11, 20)]


def test_an_improvement_is_of_an_objective_and_is_known_when_it_is_carried_out() -> None:
    day = date(2026, 12, 1)
    game = halfway()
    unknown = Improve(text="甲", owner="county-msa", due=day, objective="feed")
    assert game.refused(unknown, EVALUATOR).code == "no_such_objective"
    assert game.refused(Complete(improvement="i1", day=day), EVALUATOR).code == (
        "no_such_improvement"
    )
