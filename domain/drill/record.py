"""What a drill leaves: which injects came when, and what evaluators and players entered.

Times named ``at`` are the exercise's own, UTC; ``real`` is the wall clock's.
"""

from datetime import date
from typing import Literal

from domain.base import Model, Moment
from domain.drill.scenario import Inject, Scenario

Rating = Literal["P", "S", "M", "U"]
"""Performed without challenges, with some, with major ones, unable to be performed (HSEEP)."""


class Played(Model):
    """An inject as it was played."""

    number: int
    status: Literal["waiting", "delivered", "skipped"] = "waiting"
    due: Moment | None = None
    at: Moment | None = None
    real: Moment | None = None
    by: str | None = None
    """The seat that delivered or skipped it by hand; None: the drill itself."""


class Observed(Model):
    """What an evaluator saw at ``at``, about an inject's expected action or an objective."""

    id: str
    at: Moment
    entered: Moment
    by: str
    text: str
    inject: int | None = None
    expected: int | None = None
    """The position of the expected action within the inject, from 0."""
    objective: str | None = None
    met: bool | None = None


class Overridden(Model):
    """An objective rated by an evaluator instead of by rule."""

    objective: str
    rating: Rating
    reason: str
    by: str


class Remark(Model):
    """What a player says of the exercise afterwards; ``lesson`` for what should change."""

    by: str
    text: str
    lesson: bool = False


class Improvement(Model):
    """A corrective action, with an owner and a due day."""

    id: str
    text: str
    owner: str
    due: date
    objective: str | None = None
    done: date | None = None


class DrillRecord(Model):
    """A drill as it went; with the incidents' own records, all that an evaluation needs."""

    drill: str
    scenario: Scenario
    started: Moment
    """The exercise's own beginning."""
    ended: Moment | None = None
    real_started: Moment
    real_ended: Moment | None = None
    incidents: dict[str, str] = {}
    """The number of each incident, by its name among the scenario's openings."""
    added: tuple[Inject, ...] = ()
    """Injects that were written during play."""
    played: tuple[Played, ...] = ()
    players: dict[str, tuple[str, ...]] = {}
    """Who played each role, by name."""
    observations: tuple[Observed, ...] = ()
    overridden: tuple[Overridden, ...] = ()
    remarks: tuple[Remark, ...] = ()
    improvements: tuple[Improvement, ...] = ()
    suspended: str | None = None
    """Why it was broken off for a real emergency (实战)."""
