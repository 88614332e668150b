"""A drill as it is being played: what is due, what came, where its clock stands (6.5).

The exercise's clock runs ahead of the wall clock by ``ahead`` and never backwards, except where
a saved point is taken up again. Nothing can stop it: while a drill is paused it goes on at the
pace of ours, and what was due then comes as much later as the pause was long.
"""

from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import Field

from domain import numbers
from domain.base import Model, Moment, Refusal, Text
from domain.drill.record import DrillRecord, Improvement, Observed, Overridden, Played, Remark
from domain.drill.scenario import Action, Channel, Inject, Scenario
from domain.drill.schedule import Line, Schedule, Surprise, inject_key, lines_of
from domain.drill.script import Created
from domain.plan import Plan

SPACE: Final = "drill"
REAL_TIME: Final = 60.0
"""So many of our minutes to an hour of the exercise when nothing is hurried."""
WEEK: Final = timedelta(days=7)
ROOM: Final = timedelta(days=1)
"""How far an exercise lies ahead of the wall clock at least, so that a saved point can be taken
up again: an incident's clock cannot be set to what has passed."""
LATE: Final = timedelta(minutes=1)
"""A line that comes later than this takes the later ones along, so that none come at once."""

Staff = Literal["director", "evaluator"]
STAFF_SEATS: Final[dict[str, Staff]] = {
    "drill-director": "director",
    "drill-evaluator": "evaluator",
}
"""The seats of an exercise's staff: no plan has them, and no real incident knows them."""

Mode = Literal["opened", "running", "paused", "suspended", "ended"]
Role = Literal["director", "evaluator", "player"]
Target = Literal["moment", "inject", "due"]


class By(Model):
    """Who acts on the drill: as what, from which seat, and by which name."""

    role: Role
    seat: str
    person: str | None = None

    @property
    def name(self) -> str:
        """The name that is kept: the person's where it was given."""
        return self.person or self.seat


class Goal(Model):
    """How far to go at once: to ``to``, or as its ``target`` says if that comes earlier."""

    to: Moment
    target: Target = "moment"
    through: bool = False
    """Past injects, which otherwise end it: players have to act on them first."""


class Branch(Model):
    """An incident to be made anew from another one's record, up to ``until`` of its time."""

    old: str
    until: Moment


class Entry(Model):
    """Something that was done to the drill: by whom, at which time of ours and its own."""

    real: Moment
    at: Moment | None
    by: By
    what: str
    request: str | None = None


class Progress(Model):
    """How far a drill has come: what a saved point keeps."""

    schedule: Schedule = Schedule()
    slip: timedelta = timedelta()
    """By how much everything comes later than the script says."""
    added: tuple[Inject, ...] = ()
    """Injects that were written during play; one of them may replace one of the script."""
    acts: tuple[Action, ...] = ()
    """What the director did in somebody's place."""
    played: tuple[Played, ...] = ()
    incidents: dict[str, str] = {}
    seqs: dict[str, int] = {}
    """Up to where each incident's record has been looked at, by the name of its opening."""
    names: dict[str, Created] = {}
    refused: tuple[Surprise, ...] = ()
    """What was refused as the script says it should be."""
    surprises: tuple[Surprise, ...] = ()


class Point(Model):
    """A saved point, to which one may return and try again."""

    name: str
    at: Moment
    real: Moment
    halted: Moment | None
    """Since when nothing had been played, if it was saved during a pause."""
    progress: Progress


class Earlier(Model):
    """An attempt that was given up for another from a saved point."""

    attempt: int
    ended: Moment
    real_ended: Moment
    progress: Progress
    observations: tuple[Observed, ...]


class Play(Model):
    """A drill, complete. ``version`` grows with every change."""

    drill: str
    clause: str
    prefix: str
    """What its incidents' numbers begin with."""
    scenario: Scenario
    opened: Moment
    opened_by: str
    players: dict[str, tuple[str, ...]] = {}
    """Who plays each role, by name; a role that nobody plays follows the script."""
    capable: bool = True
    """Whether the server lets time be advanced; if not, the drill runs in real time."""
    mode: Mode = "opened"
    minutes_per_hour: float = Field(default=REAL_TIME, ge=0, le=REAL_TIME)
    """So many of our minutes to an hour of the exercise; 0: as fast as it goes."""
    ahead: timedelta = timedelta()
    halted: Moment | None = None
    """Since when nothing is played, in the exercise's time."""
    goal: Goal | None = None
    stuck: str | None = None
    """Why time does not pass, as activities/timekeeper.py says it."""
    started: Moment | None = None
    real_started: Moment | None = None
    ended: Moment | None = None
    real_ended: Moment | None = None
    suspended: str | None = None
    at_once: tuple[str, ...] = ()
    """The lines that are played next, however the drill stands."""
    progress: Progress = Progress()
    points: tuple[Point, ...] = ()
    attempt: int = 1
    earlier: tuple[Earlier, ...] = ()
    branching: dict[str, Branch] = {}
    """The incidents that are to be made anew, by the names of their openings."""
    retired: tuple[str, ...] = ()
    """The numbers of incidents that no longer take part and are to be stopped."""
    untold: str | None = None
    """Under which key the players have yet to be told that this is no exercise any more."""
    observations: tuple[Observed, ...] = ()
    overridden: tuple[Overridden, ...] = ()
    remarks: tuple[Remark, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    log: tuple[Entry, ...] = ()
    version: int = 0

    def now(self, real: datetime) -> datetime:
        """The exercise's time at ``real``, UTC."""
        return real + self.ahead

    @property
    def end(self) -> datetime | None:
        """When the exercise is over by its length; None before it has begun."""
        if self.started is None:
            return None
        return self.started + self.scenario.length + self.progress.slip

    @property
    def unattended(self) -> bool:
        """Whether nobody plays, so that the script alone decides."""
        return not any(self.players.values())

    @property
    def automatic(self) -> tuple[Action, ...]:
        """The actions that the drill gives itself: of seats that nobody plays, and by hand."""
        played = {
            player.seat for player in self.scenario.players if self.players.get(player.id, ())
        }
        script = tuple(action for action in self.scenario.script() if action.seat not in played)
        return script + self.progress.acts

    @property
    def injects(self) -> tuple[Inject, ...]:
        """The injects by number, as last written."""
        return injects_of(self.scenario, self.progress.added)

    @property
    def lines(self) -> dict[str, Line]:
        """Every line by its key."""
        return lines_of(self.injects, self.automatic)

    def standing(self, at: datetime) -> datetime:
        """``at`` in the schedule's time, which stands still while nothing is played."""
        return at if self.halted is None else min(at, self.halted)

    def later(self, by: timedelta) -> "Play":
        """Everything that is still to come, and the end, comes so much later."""
        progress = self.progress
        return self.with_progress(schedule=progress.schedule.later(by), slip=progress.slip + by)

    def with_progress(self, **changes: object) -> "Play":
        """This drill, come further."""
        return self.model_copy(update={"progress": self.progress.model_copy(update=changes)})


def dropped(play: Play) -> Play:
    """``play`` without what was to be played at once, as if nobody had asked for it."""
    kept = tuple(one for one in play.progress.played if one.status != "waiting")
    return play.model_copy(update={"at_once": ()}).with_progress(played=kept)


def numbers_of(play: Play) -> tuple[str, ...]:
    """The numbers of all incidents that this attempt has opened, or may just be opening."""
    opening = (number_of(play, name, play.attempt) for name in play.scenario.openings)
    return tuple(dict.fromkeys((*play.progress.incidents.values(), *opening)))


def injects_of(scenario: Scenario, added: tuple[Inject, ...]) -> tuple[Inject, ...]:
    """The injects by number: one that was written later replaces that of the script."""
    latest = {inject.number: inject for inject in (*scenario.injects, *added)}
    return tuple(latest[number] for number in sorted(latest))


def begins(scenario: Scenario, real: datetime, capable: bool) -> datetime:
    """When an exercise begins that is started at ``real``, in its own time, UTC.

    At the scenario's moment if that is still to come. Else some weeks later, on the same day of
    the week and at the same time of day, so that nights and working days fall as it says. Where
    time cannot be advanced, now.
    """
    if not capable:
        return real
    if scenario.starts is not None and scenario.starts >= real:
        return scenario.starts
    base = scenario.starts or real
    weeks = -(-(real + ROOM - base) // WEEK)
    return base + max(weeks, 0) * WEEK


def told_of_emergency(plan: Plan, play: Play) -> tuple[str, ...]:
    """The bodies whose people play, or might: all of them hear that this is real."""
    return tuple(sorted({plan.seat_by_id[p.seat].body for p in play.scenario.players}))


def number_of(play: Play, name: str, attempt: int) -> str:
    """The number of the incident called ``name`` in an attempt: always the same."""
    return numbers.draw(play.prefix, SPACE, play.drill, name, str(attempt))


def opened(
    plan: Plan,
    scenario: Scenario,
    drill: str,
    clause: str,
    by: By,
    real: datetime,
    players: dict[str, tuple[str, ...]],
) -> Play:
    """A drill that has been opened and not begun."""
    return Play(
        drill=drill,
        clause=clause,
        prefix=plan.jurisdiction.prefix,
        scenario=scenario,
        opened=real,
        opened_by=by.name,
        players=players,
    )


def record(play: Play, attempt: int | None = None) -> DrillRecord | None:
    """What an evaluation needs of the drill, of its last attempt or another; None: not begun."""
    if play.started is None or play.real_started is None:
        return None
    progress, observations = play.progress, play.observations
    ended, real_ended = play.ended, play.real_ended
    for one in play.earlier:
        if one.attempt == attempt:
            progress, observations = one.progress, one.observations
            ended, real_ended = one.ended, one.real_ended
    return DrillRecord(
        drill=play.drill,
        scenario=play.scenario,
        started=play.started,
        ended=ended,
        real_started=play.real_started,
        real_ended=real_ended,
        incidents=progress.incidents,
        added=progress.added,
        played=progress.played,
        players=play.players,
        observations=observations,
        overridden=play.overridden,
        remarks=play.remarks,
        improvements=play.improvements,
        suspended=play.suspended,
    )


def refusal(play: Play, code: str, zh: str, en: str) -> Refusal:
    """Why something cannot be done to ``play``, by the clause that asks for exercises."""
    return Refusal(code, play.clause, zh, en)


def played_of(play: Play, number: int) -> Played:
    """What has become of the inject of that number."""
    for one in play.progress.played:
        if one.number == number:
            return one
    return Played(number=number, due=play.progress.schedule.due.get(inject_key(number)))


def noted(play: Play, played: Played) -> tuple[Played, ...]:
    """What became of the injects, ``played`` among them."""
    return (*(one for one in play.progress.played if one.number != played.number), played)


class Cue(Model):
    """An inject as a player gets it: neither what is expected of him nor why."""

    number: int
    at: Moment
    sender: Text
    channel: Channel
    text: Text
    discussion: bool
    speak: bool
    """Whether the player is to say it, rather than to hear it."""


def cues(play: Play, seat: str) -> tuple[Cue, ...]:
    """What the roles of ``seat`` have been told so far, or are to say, oldest first."""
    roles = {player.id for player in play.scenario.players if player.seat == seat}
    injects = {inject.number: inject for inject in play.injects}
    found = []
    for one in sorted(play.progress.played, key=lambda one: (one.at or play.opened, one.number)):
        inject = injects[one.number]
        speaker = spoken_by(play, inject)
        if one.status != "delivered" or one.at is None:
            continue
        # What somebody speaks is heard from him, not read here.
        if not (speaker in roles if speaker else roles & set(inject.to)):
            continue
        found.append(
            Cue(
                number=inject.number,
                at=one.at,
                sender=inject.from_,
                channel=inject.channel,
                text=inject.text,
                discussion=inject.discussion,
                speak=speaker is not None,
            )
        )
    return tuple(found)


def spoken_by(play: Play, inject: Inject) -> str | None:
    """The role that speaks ``inject``, if somebody plays it; None: the system does."""
    return inject.sender if inject.sender and play.players.get(inject.sender) else None
