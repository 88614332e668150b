"""What directors, evaluators and players do to a drill, and what they may not (6.5).

A pure function: the drill, an order, who gives it and our time in, the changed drill out. What
then happens outside follows from the drill alone; see ``domain/drill/course.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args

from domain.base import Refusal, Text
from domain.drill import appraising, injecting, steering
from domain.drill.orders import (
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
from domain.drill.play import By, Entry, Mode, Play, Role, refusal

STAFF: Final[frozenset[Role]] = frozenset({"director", "evaluator"})
DIRECTOR: Final[frozenset[Role]] = frozenset({"director"})
ANYONE: Final[frozenset[Role]] = frozenset({"director", "evaluator", "player"})

GOING: Final[frozenset[Mode]] = frozenset({"running", "paused"})
BEGUN: Final[frozenset[Mode]] = frozenset({"running", "paused", "suspended", "ended"})
UNFINISHED: Final[frozenset[Mode]] = frozenset({"opened", "running", "paused", "suspended"})
ALWAYS: Final[frozenset[Mode]] = frozenset(get_args(Mode))

MOVES: Final = frozenset({"resume", "advance", "deliver", "say", "act", "save", "retry"})
"""What has to wait while the incidents of a saved point are being made anew."""

MODES: Final[dict[Mode, Text]] = {
    "opened": Text(zh="尚未开始", en="has not begun"),
    "running": Text(zh="正在进行", en="is going on"),
    "paused": Text(zh="已暂停", en="is paused"),
    "suspended": Text(zh="已因实战中止", en="was broken off for a real emergency"),
    "ended": Text(zh="已结束", en="has ended"),
}


@dataclass(frozen=True)
class Rule:
    """Who may give an order, while the drill stands how, and what it does."""

    roles: frozenset[Role]
    modes: frozenset[Mode]
    carry_out: Callable[[Play, Any, By, datetime], Play]


def require(clause: str, by: By, roles: frozenset[Role]) -> None:
    """Refuse what is not for whoever asks.

    Raises:
        Refusal: ``by`` is none of ``roles``.
    """
    if by.role not in roles:
        raise Refusal(
            "not_of_the_staff",
            clause,
            "只有本次演练的导调（部分操作含评估人员）可以进行此项操作，请与导调联系。",
            "this is for the exercise's director, or for its staff: ask the director",
        )


def readers(play: Play) -> frozenset[Role]:
    """Who may read what was expected and how it went: everybody once the drill has ended."""
    return ANYONE if play.mode == "ended" else STAFF


def decide(play: Play, order: Order, by: By, real: datetime, request: str | None = None) -> Play:
    """The drill after ``order``; unchanged if the same ``request`` was carried out before.

    Args:
        real: our time, UTC.

    Raises:
        Refusal: whoever gives it may not, the drill stands otherwise, or it names what is not.
    """
    if request is not None and any(entry.request == request for entry in play.log):
        return play
    rule = RULES[type(order)]
    require(play.clause, by, rule.roles)
    if play.mode not in rule.modes:
        stands = MODES[play.mode]
        raise refusal(
            play,
            "drill_stands_otherwise",
            f"演练{stands.zh}，不能进行此项操作。",
            f"the drill {stands.en}: this cannot be done now",
        )
    if play.branching and order.name in MOVES:
        raise refusal(
            play,
            "returning",
            "正在回到保存点，请稍候再试。",
            "the drill is returning to a saved point: try again in a moment",
        )
    changed = rule.carry_out(play, order, by, real)
    entry = Entry(
        real=real,
        at=play.now(real) if play.started else None,
        by=by,
        what=order.model_dump_json(by_alias=True, exclude_none=True),
        request=request,
    )
    return changed.model_copy(update={"log": (*play.log, entry), "version": play.version + 1})


RULES: Final[dict[type, Rule]] = {
    Start: Rule(DIRECTOR, frozenset({"opened"}), steering.start),
    Pause: Rule(DIRECTOR, GOING, steering.pause),
    Resume: Rule(DIRECTOR, GOING | {"suspended"}, steering.resume),
    Pace: Rule(DIRECTOR, UNFINISHED, steering.pace),
    Advance: Rule(DIRECTOR, GOING, steering.advance),
    Deliver: Rule(DIRECTOR, GOING, injecting.deliver),
    Skip: Rule(DIRECTOR, GOING, injecting.skip),
    Write: Rule(DIRECTOR, UNFINISHED, injecting.write),
    Say: Rule(DIRECTOR, GOING, injecting.say),
    Act: Rule(DIRECTOR, GOING, injecting.act),
    Save: Rule(DIRECTOR, GOING, steering.save),
    Retry: Rule(DIRECTOR, GOING, steering.retry),
    Assign: Rule(DIRECTOR, UNFINISHED, injecting.assign),
    Suspend: Rule(ANYONE, UNFINISHED, steering.suspend),
    End: Rule(DIRECTOR, UNFINISHED, steering.end),
    Observe: Rule(STAFF, BEGUN, appraising.observe),
    Override: Rule(STAFF, BEGUN, appraising.override),
    Comment: Rule(ANYONE, BEGUN, appraising.comment),
    Improve: Rule(STAFF, BEGUN, appraising.improve),
    Complete: Rule(STAFF, BEGUN, appraising.complete),
}
"""Who may give which order, and when; an emergency may be called by anyone."""
