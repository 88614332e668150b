"""The course of a drill: what happens next, and what has become of it. Pure, like all of it.

The workflow asks ``next_step``, has it done outside, and tells the outcome here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.base import Model, Moment
from domain.drill.play import LATE, REAL_TIME, Play, noted, played_of, spoken_by
from domain.drill.record import Played
from domain.drill.scenario import Action, Inject
from domain.drill.schedule import (
    NEVER_CAME,
    NOT_MADE,
    Line,
    Schedule,
    Surprise,
    line_name,
    not_refused,
    nothing_refused,
)
from domain.drill.script import Created, created
from domain.drill.steering import halted, over


@dataclass(frozen=True)
class PlayLine:
    """A line is to be played now."""

    key: str
    line: Line


@dataclass(frozen=True)
class PassTime:
    """Nothing is to be played until ``to``: let time pass, so many minutes of ours an hour."""

    to: datetime
    minutes_per_hour: float
    until_due: bool


Step = PlayLine | PassTime | None


class Looked(Model):
    """What an activity saw when it had done its work.

    ``ahead`` is how far the exercise's clock runs ahead of ours by now, ``seqs`` up to where each
    record was read, ``seen`` the lines whose event was found, and when it was recorded.
    """

    ahead: timedelta
    seqs: dict[str, int] = {}
    seen: dict[str, Moment] = {}
    stuck: str | None = None
    """Why time does not pass, as activities/timekeeper.py says it."""
    due: Moment | None = None
    """The next clock's due moment, if that is how far to go."""


class Result(Model):
    """What became of one command of an action."""

    first: int = 0
    code: str | None = None
    """The refusal's, if it was refused."""
    clause: str = ""
    text: str = ""


def next_step(play: Play, real: datetime) -> Step:
    """What happens next; None when nothing does until somebody gives an order."""
    lines = play.lines
    if play.branching or play.mode == "ended":
        return None
    for key in play.at_once:
        return PlayLine(key, lines[key])
    if play.end is None or (play.mode != "running" and play.goal is None):
        return None
    now, schedule = play.now(real), play.progress.schedule
    for key in schedule.ready(now):
        return PlayLine(key, lines[key])
    to = play.goal.to if play.goal is not None else play.end
    if (due := schedule.next_due()) is not None:
        to = min(to, due)
    pace = 0 if play.goal is not None else play.minutes_per_hour
    if not play.capable:
        pace = REAL_TIME
    until_due = play.goal is not None and play.goal.target == "due"
    return PassTime(to, pace, until_due)


def arrived(play: Play, real: datetime) -> Play:
    """The drill where it has come to the end of its goal or of its length, else as it is."""
    now = play.now(real)
    if play.end is None or play.progress.schedule.ready(now):
        return play
    if play.goal is not None:
        return _at_goal(play, real) if now >= play.goal.to else play
    if play.mode not in ("running", "paused") or play.standing(now) < play.end:
        return play
    if not play.unattended and play.mode == "paused":
        return play
    if not play.unattended:
        # Whoever directs it ends it: there may be something left to talk about.
        return _changed(halted(play, "paused", real))
    missing = tuple(
        Surprise(line=line_name(key, play.lines[key]), at=now, what=NEVER_CAME)
        for key in play.progress.schedule.waiting
    )
    told = play.with_progress(surprises=play.progress.surprises + missing)
    return _changed(over(told, now, real))


def _changed(play: Play) -> Play:
    return play.model_copy(update={"version": play.version + 1})


def _at_goal(play: Play, real: datetime) -> Play:
    there = play.model_copy(update={"goal": None})
    return _changed(there if play.mode == "running" else halted(there, play.mode, real))


def looked(play: Play, seen: Looked, real: datetime) -> Play:
    """Time has passed, and the records have been read."""
    if seen.stuck == "incapable":
        return _changed(_in_real_time(play))
    progress = play.progress
    known = play.model_copy(
        update={"ahead": seen.ahead if play.capable else play.ahead, "stuck": seen.stuck}
    )
    known = known.with_progress(
        seqs={**progress.seqs, **seen.seqs}, schedule=_seen(known, seen.seen, known.now(real))
    )
    if seen.due is not None and play.goal is not None:
        goal = play.goal.model_copy(update={"to": seen.due, "target": "moment"})
        known = known.model_copy(update={"goal": goal})
    changed = (known.stuck, known.progress.schedule) != (play.stuck, progress.schedule)
    return _changed(known) if changed else known


def _seen(play: Play, seen: Mapping[str, datetime], now: datetime) -> Schedule:
    """The schedule once what lines waited for was seen; seen late, they keep their distances."""
    lines, schedule = play.lines, play.progress.schedule
    found = schedule.happened(lines, {key: play.standing(at) for key, at in seen.items()})
    new = {key: found.due[key] for key in seen if key in found.due and key not in schedule.due}
    late = max((play.standing(now) - due for due in new.values()), default=timedelta())
    if late <= LATE:
        return found
    return found.model_copy(
        update={"due": {**found.due, **{key: due + late for key, due in new.items()}}}
    )


def _in_real_time(play: Play) -> Play:
    """The drill where no time can be advanced after all: its clock is ours from now on."""
    assert play.started is not None  # noqa: S101 - its time was to be advanced
    back = -play.ahead
    real = play.model_copy(
        update={
            "capable": False,
            "minutes_per_hour": REAL_TIME,
            "goal": None,
            "stuck": None,
            "ahead": timedelta(),
            "started": play.started + back,
            "halted": None if play.halted is None else play.halted + back,
        }
    )
    return real.with_progress(schedule=play.progress.schedule.later(back))


def delivered(play: Play, key: str, inject: Inject, opened: str | None, real: datetime) -> Play:
    """An inject has come, and with it perhaps the incident of that number."""
    now = play.now(real)
    before = played_of(play, inject.number)
    played = Played(
        number=inject.number,
        status="delivered",
        due=play.progress.schedule.due.get(key, before.due),
        at=now,
        real=real,
        by=before.by or spoken_by(play, inject),
    )
    on_time = _taken(play, key, inject, now)
    incidents = play.progress.incidents
    if opened is not None and inject.opens is not None:
        incidents = {**incidents, inject.opens: opened}
    come = on_time.with_progress(
        played=noted(play, played),
        incidents=incidents,
        schedule=on_time.progress.schedule.delivered(play.lines, inject.number, play.standing(now)),
    )
    goal = play.goal
    if goal is not None and (goal.target == "inject" or not (goal.through or play.unattended)):
        return _at_goal(come, real)
    return _changed(come)


def _taken(play: Play, key: str, line: Line, now: datetime) -> Play:
    """``key`` is played; if it comes late, what follows keeps its distance."""
    due = play.progress.schedule.due.get(key)
    by_hand = key in play.at_once
    rest = tuple(other for other in play.at_once if other != key)
    taken = play.model_copy(update={"at_once": rest}).with_progress(
        schedule=play.progress.schedule.without(key)
    )
    # That something has happened may be seen late, and is no reason to wait with the rest.
    timed = line.at is not None or (line.after is not None and line.after.inject is not None)
    late = timed and due is not None and not by_hand and now - due > LATE
    return taken.later(now - due) if late and due is not None else taken


def acted(
    play: Play, key: str, action: Action, results: tuple[Result, ...], real: datetime
) -> Play:
    """An action's commands were given, or refused."""
    now = play.now(real)
    name = line_name(key, action)
    names: Mapping[str, Created] = play.progress.names
    refused, surprises = list(play.progress.refused), list(play.progress.surprises)

    def surprise(what: str) -> None:
        surprises.append(Surprise(line=name, at=now, what=what))

    if action.refused is not None and not results:
        surprise(nothing_refused(action.refused))
    for result in results:
        if result.code is None:
            if action.refused is not None:
                surprise(not_refused(action.refused))
            if action.as_ is not None:
                names = {**names, action.as_: created(action.command, result.first)}
        elif result.code == action.refused:
            what = f"{result.code} ({result.clause})"
            refused.append(Surprise(line=name, at=now, what=what))
        else:
            surprise(f"refused: {result.code}: {result.text}")
    done = _taken(play, key, action, now).with_progress(
        names=dict(names), refused=tuple(refused), surprises=tuple(surprises)
    )
    return _changed(done)


def failed(play: Play, key: str, line: Line, what: str, real: datetime) -> Play:
    """A line could not be played: it says nothing that can be done."""
    now = play.now(real)
    surprise = Surprise(line=line_name(key, line), at=now, what=what)
    done = _taken(play, key, line, now)
    return _changed(done.with_progress(surprises=(*play.progress.surprises, surprise)))


def branched(play: Play, name: str, made: bool, real: datetime) -> Play:
    """The incident called ``name`` has been made anew from its saved point, or cannot be."""
    left = {key: value for key, value in play.branching.items() if key != name}
    done = play.model_copy(update={"branching": left})
    if made:
        return _changed(done)
    others = {key: number for key, number in play.progress.incidents.items() if key != name}
    surprise = Surprise(line=name, at=play.now(real), what=NOT_MADE)
    return _changed(
        done.with_progress(incidents=others, surprises=(*play.progress.surprises, surprise))
    )


def stopped(play: Play, numbers: tuple[str, ...]) -> Play:
    """The incidents of these numbers no longer run."""
    left = tuple(number for number in play.retired if number not in numbers)
    return _changed(play.model_copy(update={"retired": left}))


def told(play: Play, key: str) -> Play:
    """The players have been told, under that key."""
    return _changed(play.model_copy(update={"untold": None})) if play.untold == key else play
