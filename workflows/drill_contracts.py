"""What the workflow of a drill, its activities and its clients agree on."""

from datetime import timedelta
from typing import Final

from domain.base import Model, Moment
from domain.drill.course import Looked, Result
from domain.drill.orders import AnyOrder
from domain.drill.play import By, Play
from domain.drill.scenario import Action, Opening
from domain.drill.schedule import Watch
from domain.drill.script import Created
from domain.plan import Plan

DRILL_WORKFLOW: Final = "Drill"
"""The workflow type. A workflow's id is the number of its drill."""
ORDER_UPDATE: Final = "order"
EMERGENCY_SIGNAL: Final = "emergency"
"""The signal that carries an order when no worker took its Update."""
PLAY_QUERY: Final = "play"

ADVANCE_TIME: Final = "advance_time"
OPEN_INCIDENT: Final = "open_incident"
GIVE_COMMANDS: Final = "give_commands"
BRANCH_INCIDENT: Final = "branch_incident"
STOP_INCIDENTS: Final = "stop_incidents"
KEEP_DRILL: Final = "keep_drill"
TELL_PLAYERS: Final = "tell_players"

HEARTBEAT: Final = timedelta(seconds=10)
"""An activity of a worker that was killed is taken up by another one after so long."""
STRETCH: Final = timedelta(minutes=30)
"""So long, of our time, time is let pass by one activity at most."""


def drills_queue(task_queue: str) -> str:
    """The queue of drills beside ``task_queue``, that of their incidents."""
    return f"{task_queue}-drills"


class DrillStart(Model):
    """The start arguments of a drill, also after continue-as-new, and when it is taken up again."""

    plan: Plan
    play: Play
    task_queue: str
    """Where its incidents are worked on."""
    continue_after: int | None = None
    """Continue as new after so many history events; None follows the server's suggestion."""


class GivenOrder(Model):
    """An order, who gives it, and the id of the request that carried it."""

    order: AnyOrder
    by: By
    request: str


class Ordered(Model):
    """What the giver of an order gets."""

    drill: str
    version: int
    mode: str
    kept: bool
    """Whether it is in PostgreSQL yet."""


class Looking(Model):
    """Which records to look at, and for what."""

    incidents: dict[str, str]
    """Numbers by the names of their openings."""
    seqs: dict[str, int]
    watched: dict[str, Watch]
    ahead: timedelta
    alone: bool = False
    """Nobody but the drill acts on the incidents, so they stand as its last step left them."""


class AdvanceOrder(Model):
    """Let time pass until ``to`` of the exercise, or less; see domain.drill.course.PassTime."""

    looking: Looking
    to: Moment
    minutes_per_hour: float
    until_due: bool


class OpenOrder(Model):
    """Start an incident at ``at`` of the exercise, from the first report ``facts``."""

    looking: Looking
    plan: Plan
    drill: str
    name: str
    number: str
    facts: Opening
    started: Moment
    at: Moment
    task_queue: str


class GiveOrder(Model):
    """Give the commands of an action to the incident of that number."""

    looking: Looking
    number: str
    action: Action
    names: dict[str, Created]
    started: Moment
    request: str


class LineOutcome(Model):
    """What became of a line, and what was seen afterwards."""

    looked: Looked
    results: tuple[Result, ...] = ()
    problem: str | None = None
    """Why the line means nothing that can be done."""


class BranchOrder(Model):
    """Make an incident anew from the record of ``old`` up to ``until``, to go on at ``at``."""

    old: str
    number: str
    until: Moment
    at: Moment
    task_queue: str


class StopOrder(Model):
    """Stop incidents that no longer take part."""

    numbers: tuple[str, ...]


class TellOrder(Model):
    """Tell the players that this is no exercise any more; ``key`` once for every occasion."""

    drill: str
    key: str
    bodies: tuple[str, ...]
    reason: str
    at: Moment
