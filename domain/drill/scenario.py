"""A scenario: who plays, what happens when, and what is expected of the players (6.5).

Times are offsets from the start of the exercise, in the exercise's own time. An inject comes at
its offset, or so long after something has happened. Scripted actions let a scenario run with
nobody there; in a live drill the players act, and only the system's own lines are spoken.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, model_validator

from domain.base import Strict, Text

Channel = Literal["phone", "fax", "mail", "chat", "media", "in_person", "document"]


class Source(Strict):
    """A public case or document that the scenario rests on."""

    title: str
    published: str
    """Where and when: an authority's notice, a court's judgment, a newspaper."""
    url: str | None = None
    used: Text
    """What was taken from it, and what was changed."""


class Objective(Strict):
    """Something that the exercise shall show."""

    id: str
    text: Text
    clauses: tuple[str, ...]


class Player(Strict):
    """A role of the exercise: the seat from which it is played."""

    id: str
    seat: str
    text: Text


class Opening(Strict):
    """The first report that starts an incident: the facts as the API takes them."""

    by: str = "duty"
    """The seat that takes it down."""
    caller: dict[str, Any]
    facts: dict[str, Any]
    learned: timedelta = timedelta()
    """When it was learned: an offset, negative for earlier than the report."""


class After(Strict):
    """A moment that depends on what happens: an event of an incident, or another inject."""

    event: str | None = None
    """The type of an event in the record, as ``response.started``."""
    where: dict[str, Any] = {}
    """What the event's content must hold at the top level."""
    inject: int | None = None
    by: timedelta = timedelta()

    @model_validator(mode="after")
    def _one(self) -> "After":
        if (self.event is None) == (self.inject is None):
            raise ValueError("say either which event or which inject it follows")
        return self


class Action(Strict):
    """A command that a role gives by itself when nobody plays it, so that a drill runs unattended.

    ``fields`` are those of the API's body. A value ``$name`` stands for what an earlier action
    was named by ``as_``: the id of what it created (a proposal, a report, a release).
    """

    at: timedelta | None = None
    after: After | None = None
    incident: str = "main"
    command: str
    seat: str
    fields: dict[str, Any] = {}
    occurred: timedelta | None = None
    """When it happened, if earlier than it is entered: an offset."""
    refused: str | None = None
    """The code of the refusal that is expected, for what shall not be allowed."""
    as_: str | None = Field(default=None, alias="as")

    @model_validator(mode="after")
    def _when(self) -> "Action":
        if (self.at is None) == (self.after is None):
            raise ValueError("say either at which offset or after what")
        return self


class Expected(Strict):
    """What players are expected to do about an inject: shown to evaluators alone."""

    text: Text
    objective: str
    event: str | None = None
    """The event that shows it in the record; None where an evaluator must see it."""
    where: dict[str, Any] = {}
    within: timedelta | None = None
    """How long after the inject; None: at any time until the end."""
    clause: str


class Inject(Strict):
    """One line of the master scenario events list."""

    number: int = Field(ge=1)
    at: timedelta | None = None
    after: After | None = None
    from_: Text = Field(alias="from")
    to: tuple[str, ...]
    """The roles that receive it."""
    channel: Channel
    text: Text
    discussion: bool = False
    """A question to talk about, rather than something to act on."""
    opens: str | None = None
    """The incident that starts with it, by its name among ``openings``."""
    expected: tuple[Expected, ...] = ()

    @model_validator(mode="after")
    def _when(self) -> "Inject":
        if (self.at is None) == (self.after is None):
            raise ValueError("say either at which offset or after what")
        return self


class Scenario(Strict):
    """A drill's script, complete."""

    id: str = Field(pattern=r"^[a-z0-9-]{3,60}$")
    version: int = 1
    title: Text
    summary: Text
    plan: str
    """The id of the plan that is exercised."""
    starts: datetime | None = None
    """The moment at which the exercise begins, with zone; None: when it is run."""
    length: timedelta
    sources: tuple[Source, ...] = Field(min_length=1)
    objectives: tuple[Objective, ...] = Field(min_length=1)
    players: tuple[Player, ...] = Field(min_length=1)
    openings: dict[str, Opening] = Field(min_length=1)
    injects: tuple[Inject, ...] = Field(min_length=1)
    actions: tuple[Action, ...] = ()
