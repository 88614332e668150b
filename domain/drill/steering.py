"""The time of a drill: begun, halted, advanced, taken back, ended; its real emergencies."""

from datetime import datetime, timedelta

from domain.base import Refusal
from domain.drill.orders import Advance, End, Pace, Pause, Resume, Retry, Save, Start, Suspend
from domain.drill.play import (
    REAL_TIME,
    Branch,
    By,
    Earlier,
    Goal,
    Mode,
    Play,
    Point,
    Target,
    begins,
    dropped,
    number_of,
    numbers_of,
    refusal,
)
from domain.drill.schedule import Schedule


def start(play: Play, order: Start, by: By, real: datetime) -> Play:
    started = begins(play.scenario, real, play.capable)
    pace = play.minutes_per_hour if order.minutes_per_hour is None else order.minutes_per_hour
    begun = play.model_copy(
        update={
            "mode": "running",
            "minutes_per_hour": pace if play.capable else REAL_TIME,
            "started": started,
            "real_started": real,
            "ahead": started - real,
        }
    )
    return begun.with_progress(schedule=Schedule.of(begun.lines, started))


def pause(play: Play, order: Pause, by: By, real: datetime) -> Play:
    return halted(play, "paused", real)


def halted(play: Play, mode: Mode, real: datetime) -> Play:
    """Nothing is played from now on."""
    since = play.halted if play.halted is not None else play.now(real)
    return play.model_copy(update={"mode": mode, "goal": None, "halted": since})


def moving(play: Play, real: datetime) -> Play:
    """Played from now on: what was due meanwhile comes as much later as that was long."""
    if play.halted is None:
        return play
    by = max(play.now(real) - play.halted, timedelta())
    return play.model_copy(update={"halted": None}).later(by)


def resume(play: Play, order: Resume, by: By, real: datetime) -> Play:
    begun = play.started is not None
    going = moving(play, real) if begun else play.model_copy(update={"halted": None})
    mode: Mode = "running" if begun else "opened"
    return going.model_copy(update={"mode": mode, "suspended": None, "untold": None})


def pace(play: Play, order: Pace, by: By, real: datetime) -> Play:
    if not play.capable and order.minutes_per_hour != REAL_TIME:
        raise _incapable(play)
    return play.model_copy(update={"minutes_per_hour": order.minutes_per_hour})


def _incapable(play: Play) -> Refusal:
    return refusal(
        play,
        "real_time_only",
        "此服务器不允许拨动时间，演练只能按实际时间进行。",
        "this server does not let time be advanced: the drill runs in real time",
    )


def advance(play: Play, order: Advance, by: By, real: datetime) -> Play:
    if not play.capable:
        raise _incapable(play)
    if (order.by is None) == (order.to is None):
        raise refusal(
            play,
            "how_far",
            "请说明拨动多少时间，或者拨到下一条情景（inject）、下一个时限（due）。",
            "say by how much, or `inject` or `due`: one of them",
        )
    if order.to == "inject" and play.progress.schedule.next_due("inject") is None:
        raise refusal(
            play,
            "no_inject",
            "没有已定时间的下一条情景。",
            "no inject has a time of its own any more: advance by a duration, or deliver one",
        )
    assert play.end is not None  # noqa: S101 - it has begun
    now = play.now(real)
    to = now + order.by if order.by is not None else max(play.end, now)
    target: Target = order.to or "moment"
    going = moving(play, real)
    return going.model_copy(update={"goal": Goal(to=to, target=target, through=order.through)})


# --- saved points -------------------------------------------------------------------------------


def save(play: Play, order: Save, by: By, real: datetime) -> Play:
    if any(point.name == order.point for point in play.points):
        raise refusal(
            play,
            "point_taken",
            f"保存点“{order.point}”已经存在，请换一个名称。",
            f"there is a saved point {order.point!r} already: choose another name",
        )
    point = Point(
        name=order.point,
        at=play.now(real),
        real=real,
        halted=play.halted,
        progress=dropped(play).progress,
    )
    return play.model_copy(update={"points": (*play.points, point)})


def retry(play: Play, order: Retry, by: By, real: datetime) -> Play:
    found = next((point for point in play.points if point.name == order.point), None)
    if found is None:
        raise refusal(
            play,
            "no_such_point",
            f"没有保存点“{order.point}”。",
            f"there is no saved point {order.point!r}",
        )
    attempt = play.attempt + 1
    made = {name: number_of(play, name, attempt) for name in found.progress.incidents}
    earlier = Earlier(
        attempt=play.attempt,
        ended=play.now(real),
        real_ended=real,
        progress=play.progress,
        observations=play.observations,
    )
    back = max(found.at, real)
    return play.model_copy(
        update={
            "mode": "paused",
            "goal": None,
            "stuck": None,
            "at_once": (),
            "halted": found.halted or found.at,
            "ahead": back - real,
            "attempt": attempt,
            "earlier": (*play.earlier, earlier),
            "observations": tuple(seen for seen in play.observations if seen.at <= found.at),
            "points": tuple(point for point in play.points if point.at <= found.at),
            "progress": found.progress.model_copy(update={"incidents": made}),
            "branching": {
                name: Branch(old=old, until=found.at)
                for name, old in found.progress.incidents.items()
            },
            "retired": (*play.retired, *numbers_of(play)),
        }
    )


# --- the end ------------------------------------------------------------------------------------


def suspend(play: Play, order: Suspend, by: By, real: datetime) -> Play:
    if play.mode == "suspended":
        return play
    stopped = dropped(halted(play, "suspended", real))
    return stopped.model_copy(
        update={"suspended": order.reason, "untold": f"{play.drill}:{play.version}"}
    )


def end(play: Play, order: End, by: By, real: datetime) -> Play:
    return over(play, play.now(real), real)


def over(play: Play, at: datetime, real: datetime) -> Play:
    """The drill has ended, at ``at`` of its own time."""
    return play.model_copy(
        update={
            "mode": "ended",
            "goal": None,
            "at_once": (),
            "branching": {},
            "ended": at if play.started is not None else None,
            "real_ended": real,
            "retired": (*play.retired, *(numbers_of(play) if play.started else ())),
        }
    )
