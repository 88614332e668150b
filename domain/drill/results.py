"""What an evaluation of a drill finds, as values that can be kept and compared (6.5)."""

from datetime import date, timedelta
from typing import Literal

from domain.base import Model, Moment, Text
from domain.drill.record import Improvement, Overridden, Rating

Status = Literal["met", "late", "missed", "unseen", "not_due", "not_played"]
"""``unseen`` waits for an evaluator; ``not_due``: the drill ended before the limit did."""
Verdict = Literal["on_time", "on_time_entered_late", "late", "unmet", "running", "cancelled"]
"""As in the record; ``unmet``: still open at the end though due, ``running``: not yet due then."""


class Attempt(Model):
    """A command that was refused; ``incident`` is its number, None for a refused intake."""

    at: Moment
    incident: str | None = None
    command: str
    seat: str | None = None
    decider: str | None = None
    code: str
    clause: str


class Judged(Model):
    """An expected action, with what shows it: an event of an incident, or an observation.

    ``margin`` is what was left of the time allowed, negative when it was exceeded.
    """

    inject: int
    expected: int
    objective: str
    clause: str
    text: Text
    status: Status
    limit: Moment | None = None
    at: Moment | None = None
    margin: timedelta | None = None
    incident: str | None = None
    """The incident whose record shows it, by its name among the openings."""
    seq: int | None = None
    observation: str | None = None


class ClockResult(Model):
    """A clock of an incident with its verdict; ``margin`` as in Judged, to the end if unmet."""

    incident: str
    id: str
    clause: str
    kind: Literal["statutory", "internal"]
    name: Text
    owner: str
    due: Moment
    met_at: Moment | None = None
    verdict: Verdict
    margin: timedelta | None = None

    @property
    def broken(self) -> bool:
        """Whether the limit was exceeded."""
        return self.verdict in ("late", "unmet")


class BodyResult(Model):
    """How one body answered its notices, over all incidents; a refusal is an answer."""

    body: str
    notices: int
    answered: int
    unanswered: int
    first: timedelta | None = None
    """The longest, over the incidents, from intake to its first answer; None: no answer."""
    typical: timedelta | None = None
    """The median from a notice to its answer."""
    slowest: timedelta | None = None


class Rated(Model):
    """An objective with its rating, None while nobody can tell."""

    id: str
    text: Text
    rating: Rating | None
    by_rule: Rating | None
    rule: Text
    met: int
    late: int
    missed: int
    unseen: int
    broken: tuple[str, ...] = ()
    """The statutory clocks on its clauses that were exceeded, as ``incident/clock``."""
    overridden: Overridden | None = None

    @property
    def provisional(self) -> bool:
        """Rated by rule on what was seen so far, while something still waits for an evaluator."""
        return self.rating is not None and self.overridden is None and self.unseen > 0


class Evaluation(Model):
    """A drill evaluated; a value that can be kept and compared with other drills'."""

    drill: str
    scenario: str
    title: Text
    held: date
    """The Beijing day on which it was held, by the wall clock."""
    until: Moment
    """Up to when it is judged: the drill's end, or the newest entry while it goes on."""
    ended: bool
    suspended: str | None = None
    judged: tuple[Judged, ...]
    clocks: tuple[ClockResult, ...]
    bodies: tuple[BodyResult, ...]
    attempts: tuple[Attempt, ...]
    objectives: tuple[Rated, ...]
    clauses: tuple[str, ...]
    """The clauses exercised, in the order of the plan's numbering."""
    improvements: tuple[Improvement, ...]
    """The corrective actions still open, next due first."""


class OpenImprovement(Model):
    """A corrective action still open, and the drill that it comes from."""

    drill: str
    title: Text
    improvement: Improvement
