"""How a chapter of the plan states its rules: deciders for commands, evolvers for events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from domain import authority
from domain.base import Refusal
from domain.incident.commands import Command
from domain.incident.entries import Clock, Occasion
from domain.incident.envelope import Envelope
from domain.incident.events import Payload
from domain.incident.record import Attribution, Event
from domain.incident.state import State
from domain.plan import Condition, Plan

C = TypeVar("C", bound=Command)
P = TypeVar("P", bound=Payload)

CLOCK_SKEW = timedelta(minutes=5)
"""How far ahead of ours a caller's clock may run before a time counts as in the future."""


@dataclass(frozen=True)
class Fact:
    """An event in the making: its content, its clause, and when it occurred if not as claimed."""

    payload: Payload
    clause: str
    occurred: datetime | None = None


@dataclass(frozen=True)
class Context:
    """Everything a decider may look at."""

    plan: Plan
    state: State
    envelope: Envelope
    now: datetime

    @property
    def by(self) -> Attribution:
        """Who decided and who recorded."""
        if self.envelope.by is None:
            raise Refusal(
                "no_actor",
                self.plan.recording.clause,
                "必须写明决定者和记录席位。",
                "say who decided and which seat records it",
            )
        return self.envelope.by

    @property
    def occurred(self) -> datetime:
        """When it happened: as claimed, else when the request came in."""
        claimed = self.envelope.by.occurred_at if self.envelope.by else None
        return claimed or self.envelope.received

    def id(self, letter: str, offset: int = 0) -> str:
        """An id that derives from the sequence of the event that creates the thing."""
        return f"{letter}{self.state.seq + 1 + offset}"

    def require(self, command: str, level: str | None = None, *concerned: str) -> str:
        """The clause that lets the decider do this; see authority.require."""
        return authority.require(self.plan, command, self.by.decider, level, frozenset(concerned))

    def in_phase(self, *phases: str) -> None:
        """Refuse unless the incident is in one of ``phases``."""
        if self.state.phase not in phases:
            raise Refusal(
                "wrong_phase",
                self.plan.recording.clause,
                f"事件目前处于“{PHASE_ZH[self.state.phase]}”阶段,不能办理此项。",
                f"the incident is in phase {self.state.phase}; "
                f"this can be done in {', '.join(phases)}",
            )

    def level(self, level: str) -> str:
        """``level`` if the plan knows it."""
        if level not in self.plan.level_ids:
            raise Refusal(
                "unknown_level",
                self.plan.grading.clause,
                f"没有“{level}”这一级别,请从{'、'.join(self.plan.level_ids)}中选择。",
                f"no level {level!r}: use one of {', '.join(self.plan.level_ids)}",
            )
        return level

    def body(self, body: str) -> str:
        """``body`` if the plan knows it."""
        if body not in self.plan.body_by_id:
            raise missing(self.plan, "单位", "body", body)
        return body

    def not_future(self, moment: datetime) -> None:
        """Refuse a time that lies ahead."""
        if moment > self.envelope.received + CLOCK_SKEW:
            raise Refusal(
                "in_the_future",
                self.plan.recording.clause,
                "发生时间晚于现在,请核对日期和时间。",
                f"the time {moment.isoformat()} lies in the future: check date and zone",
            )

    def late_entry(self, moment: datetime) -> None:
        """Refuse a late entry (补录) that does not say why it is late."""
        self.not_future(moment)
        if self.envelope.received - moment <= self.plan.recording.late_after:
            return
        if not self.by.late_reason:
            raise Refusal(
                "late_reason_missing",
                self.plan.recording.clause,
                "补录以前发生的事项,请填写补录原因(late_reason)。",
                "this happened earlier: give late_reason, why it is entered only now",
            )


PHASE_ZH = {
    "reported": "已接报",
    "early_handling": "先期处置",
    "responding": "应急响应",
    "aftermath": "善后与总结",
    "closed": "已办结",
    "dismissed": "已排除",
    "merged": "已并案",
}

Decider = Callable[[Context, Any], Sequence[Fact]]
Evolver = Callable[[State, Event, Any], State]
DECIDERS: dict[type[Command], Decider] = {}
EVOLVERS: dict[type[Payload], Evolver] = {}


def decides(
    kind: type[C],
) -> Callable[[Callable[[Context, C], Sequence[Fact]]], Callable[[Context, C], Sequence[Fact]]]:
    """Register the decider of a command."""

    def register(function: Callable[[Context, C], Sequence[Fact]]) -> Callable[..., Sequence[Fact]]:
        DECIDERS[kind] = function
        return function

    return register


def evolves(
    kind: type[P],
) -> Callable[[Callable[[State, Event, P], State]], Callable[[State, Event, P], State]]:
    """Register the evolver of an event type."""

    def register(function: Callable[[State, Event, P], State]) -> Callable[..., State]:
        EVOLVERS[kind] = function
        return function

    return register


def missing(plan: Plan, zh: str, en: str, key: str) -> Refusal:
    """The refusal for a reference to something that does not exist."""
    return Refusal(
        f"unknown_{en.replace(' ', '_')}",
        plan.recording.clause,
        f"没有编号为“{key}”的{zh}。",
        f"there is no {en} {key!r}",
    )


def with_occasion(state: State, basis: str, occasion: Occasion) -> State:
    """``state`` with one more moment that starts duties."""
    known = state.occasions.get(basis, ())
    return state.model_copy(update={"occasions": {**state.occasions, basis: (*known, occasion)}})


def put(state: State, field: str, key: str, value: object) -> State:
    """``state`` with ``key`` of the mapping ``field`` set."""
    return state.model_copy(update={field: {**getattr(state, field), key: value}})


def holds(state: State, condition: Condition) -> bool:
    """Whether a condition of the plan's data holds; unknown harm counts as harm (6.3)."""
    facts = state.facts
    match condition:
        case "harm":
            return facts is None or facts.harm is not False
        case "command":
            return state.command_established
        case "no_command":
            return not state.command_established
        case "crime":
            return facts is not None and facts.crime_suspected is True
        case "abroad" | "compatriots" | "outside_firm":
            return facts is not None and getattr(facts, condition) is True


def set_clock(state: State, clock: str, **changes: object) -> State:
    """``state`` with fields of one clock changed."""
    changed: Clock = state.clocks[clock].model_copy(update=changes)
    return put(state, "clocks", clock, changed)
