"""What evaluators and players say of a drill: observations, ratings, remarks, improvements."""

from datetime import datetime

from domain.drill.orders import Comment, Complete, Improve, Observe, Override
from domain.drill.play import By, Play, refusal
from domain.drill.record import Improvement, Observed, Overridden, Remark


def observe(play: Play, order: Observe, by: By, real: datetime) -> Play:
    if order.inject is not None:
        inject = next((i for i in play.injects if i.number == order.inject), None)
        if inject is None:
            raise refusal(
                play,
                "no_such_inject",
                f"没有第{order.inject}条情景。",
                f"there is no inject {order.inject}",
            )
        if order.expected is not None and order.expected >= len(inject.expected):
            raise refusal(
                play,
                "no_such_expected_action",
                f"第{order.inject}条情景没有该项预期行动。",
                f"inject {order.inject} has {len(inject.expected)} expected actions, "
                "counted from 0",
            )
    elif order.expected is not None:
        raise refusal(
            play,
            "which_inject",
            "请说明是第几条情景的预期行动。",
            "say which inject's expected action this is",
        )
    if order.objective is not None:
        _known_objective(play, order.objective)
    if play.started is None:
        raise refusal(
            play,
            "drill_stands_otherwise",
            "演练尚未开始，没有可观察的内容。",
            "the drill has not begun: there is nothing to observe",
        )
    latest = play.ended or play.now(real)
    at = order.at or latest
    if at > latest:
        raise refusal(
            play,
            "in_the_future",
            "观察时间晚于演练的当前时间，请核对（应为演练时间）。",
            "at: later than the exercise has come; give its own time",
        )
    seen = Observed(
        id=f"o{len(play.observations) + 1}-{play.attempt}",
        at=at,
        entered=real,
        by=by.name,
        text=order.text,
        inject=order.inject,
        expected=order.expected,
        objective=order.objective,
        met=order.met,
    )
    return play.model_copy(update={"observations": (*play.observations, seen)})


def _known_objective(play: Play, objective: str) -> None:
    if objective not in {known.id for known in play.scenario.objectives}:
        raise refusal(
            play,
            "no_such_objective",
            f"演练没有目标“{objective}”。",
            f"the exercise has no objective {objective!r}",
        )


def override(play: Play, order: Override, by: By, real: datetime) -> Play:
    _known_objective(play, order.objective)
    others = tuple(one for one in play.overridden if one.objective != order.objective)
    given = Overridden(
        objective=order.objective, rating=order.rating, reason=order.reason, by=by.name
    )
    return play.model_copy(update={"overridden": (*others, given)})


def comment(play: Play, order: Comment, by: By, real: datetime) -> Play:
    said = Remark(by=by.name, text=order.text, lesson=order.lesson)
    return play.model_copy(update={"remarks": (*play.remarks, said)})


def improve(play: Play, order: Improve, by: By, real: datetime) -> Play:
    if order.objective is not None:
        _known_objective(play, order.objective)
    given = Improvement(
        id=f"i{len(play.improvements) + 1}",
        text=order.text,
        owner=order.owner,
        due=order.due,
        objective=order.objective,
    )
    return play.model_copy(update={"improvements": (*play.improvements, given)})


def complete(play: Play, order: Complete, by: By, real: datetime) -> Play:
    if order.improvement not in {one.id for one in play.improvements}:
        raise refusal(
            play,
            "no_such_improvement",
            f"没有改进事项“{order.improvement}”。",
            f"there is no corrective action {order.improvement!r}",
        )
    return play.model_copy(
        update={
            "improvements": tuple(
                one.model_copy(update={"done": order.day}) if one.id == order.improvement else one
                for one in play.improvements
            )
        }
    )
