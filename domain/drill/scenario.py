"""A scenario: who plays, what happens when, and what is expected of the players (6.5).

Times are offsets from the start of the exercise, in the exercise's own time. An inject comes at
its offset, or so long after something has happened. Scripted actions let a scenario run with
nobody there; in a live drill the players act, and only the system's own lines are spoken.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from domain.base import Moment, Strict, Text
from domain.incident.state import Phase

LONGEST = timedelta(days=400)
Span = Annotated[timedelta, Field(ge=-LONGEST, le=LONGEST)]
"""An offset from the start of the exercise, or how long something takes."""

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
    learned: Span = timedelta()
    """When it was learned: an offset, negative for earlier than the report."""
    occurred: Span = timedelta()
    """When it was taken down, if it is entered only later: an offset from the entry."""
    late_reason: str | None = None
    """Why it is entered only later (补录)."""
    ends: Phase = "closed"
    """The phase in which the script leaves it."""


class After(Strict):
    """A moment that depends on what happens: an event of an incident, or another inject."""

    event: str | None = None
    """The type of an event in the record, as ``response.started``."""
    where: dict[str, Any] = {}
    """What the event's content must hold; a mapping is held when its entries are."""
    inject: int | None = None
    by: Span = timedelta()

    @model_validator(mode="after")
    def _one(self) -> "After":
        if (self.event is None) == (self.inject is None):
            raise ValueError("say either which event or which inject it follows")
        return self


class Action(Strict):
    """A command that a role gives by itself when nobody plays it, so that a drill runs unattended.

    ``fields`` are those of the API's body, ``decider``, ``means`` and ``late_reason`` among them.
    Values that stand for others are explained in domain/drill/script.py: ``$name``,
    ``$name.seq``, ``$all``, ``$pack/item``, ``@PT2H``, ``@P14D day``.
    """

    at: Span | None = None
    after: After | None = None
    incident: str = "main"
    command: str
    seat: str
    fields: dict[str, Any] = {}
    occurred: Span | None = None
    """When it happened, if earlier than it is entered: an offset."""
    refused: str | None = None
    """The code of the refusal that is expected, for what shall not be allowed."""
    as_: str | None = Field(default=None, alias="as", pattern=r"^[a-z][a-z0-9-]*$")
    every: Span | None = None
    """For what is done again and again, as daily reports: how long lies between."""
    times: int = Field(default=1, ge=1, le=60)

    @model_validator(mode="after")
    def _when(self) -> "Action":
        if (self.at is None) == (self.after is None):
            raise ValueError("say either at which offset or after what")
        if (self.every is None) != (self.times == 1):
            raise ValueError("say both how often and how long lies between: `every` and `times`")
        if self.times > 1 and (self.at is None or self.as_ is not None):
            raise ValueError("what is done again and again has an offset and no name")
        return self

    def each(self) -> Iterator["Action"]:
        """This action once for every time that it is given."""
        for number in range(self.times):
            later = number * (self.every or timedelta())
            yield self.model_copy(
                update={
                    "at": None if self.at is None else self.at + later,
                    "occurred": None if self.occurred is None else self.occurred + later,
                    "every": None,
                    "times": 1,
                }
            )


class Expected(Strict):
    """What players are expected to do about an inject: shown to evaluators alone."""

    text: Text
    objective: str
    event: str | None = None
    """The event that shows it in the record; None where an evaluator must see it."""
    where: dict[str, Any] = {}
    within: Span | None = None
    """How long after the inject; None: at any time until the end."""
    clause: str
    script: Literal["met", "late", "missed"] = "met"
    """What becomes of it when nobody plays: a script may err on purpose."""


class Inject(Strict):
    """One line of the master scenario events list."""

    number: int = Field(ge=1)
    at: Span | None = None
    after: After | None = None
    from_: Text = Field(alias="from")
    sender: str | None = None
    """The role that speaks it, where somebody plays it; None: the system does."""
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
    """What players read of it before it begins: it must not give the plot away."""
    summary: Text
    plan: str
    """The id of the plan that is exercised."""
    starts: Moment | None = None
    """The moment at which the exercise begins, with zone; None: when it is run."""
    length: Span
    sources: tuple[Source, ...] = Field(min_length=1)
    objectives: tuple[Objective, ...] = Field(min_length=1)
    players: tuple[Player, ...] = Field(min_length=1)
    openings: dict[str, Opening] = Field(min_length=1)
    injects: tuple[Inject, ...] = Field(min_length=1)
    actions: tuple[Action, ...] = ()

    def script(self) -> tuple[Action, ...]:
        """Every action, in the order of the file, repeated ones as often as they are given."""
        return tuple(once for action in self.actions for once in action.each())
