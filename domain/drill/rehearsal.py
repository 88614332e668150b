"""A scenario played by its script alone, by the pure rules: no server, no worker, no clock.

What comes out here is what the real drill must bring forth, event type by event type. Time
passes as the workflow lets it: at every next moment a tick, messages into the inbox at once.
At one moment ticks come first, then injects by number, then actions in the order of the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain import clocks
from domain.base import Refusal
from domain.drill.scenario import Action, After, Expected, Inject, Scenario
from domain.drill.script import Created, ScriptError, commands, created, opening, shows
from domain.incident import engine
from domain.incident.envelope import Envelope
from domain.incident.observations import MessageOutcome, Tick
from domain.incident.record import Event
from domain.incident.state import State
from domain.incident.telling import INBOX
from domain.plan import Plan

SPACE = "drill"


@dataclass(frozen=True)
class Surprise:
    """Something that did not go as the script says: which line, and what happened instead."""

    line: str
    """``action 3: decide_activation`` (counted from 1, repeated ones each) or ``inject 7``."""
    at: datetime | None
    what: str


@dataclass
class Rehearsal:
    """How a scenario went; ``states`` and ``events`` by the names of its openings."""

    scenario: Scenario
    started: datetime
    states: dict[str, State] = field(default_factory=dict)
    events: dict[str, list[Event]] = field(default_factory=dict)
    delivered: dict[int, datetime] = field(default_factory=dict)
    """When each inject came, by its number."""
    refused: list[Surprise] = field(default_factory=list)
    """What was refused as the script says it should be."""
    surprises: list[Surprise] = field(default_factory=list)

    def seen(self, inject: Inject, expected: Expected) -> Event | None:
        """The first event on record since ``inject`` that shows ``expected``; None if none does."""
        since = self.delivered.get(inject.number)
        if since is None:
            return None
        shown = (
            event
            for events in self.events.values()
            for event in events
            if event.recorded >= since and shows(event, expected.event, expected.where)
        )
        return min(shown, key=lambda event: event.recorded, default=None)

    def outcome(self, inject: Inject, expected: Expected) -> str:
        """Whether ``expected`` was met, late or missed, judged by when it occurred."""
        event = self.seen(inject, expected)
        if event is None:
            return "missed"
        if expected.within is None:
            return "met"
        due = self.delivered[inject.number] + expected.within
        return "met" if event.occurred <= due else "late"


def rehearse(
    scenario: Scenario, plan: Plan, started: datetime, numbers: Mapping[str, str] | None = None
) -> Rehearsal:
    """Play ``scenario`` from ``started`` (UTC) to the end of its length.

    Args:
        numbers: the incidents' numbers by the names of their openings; those names unless given.
    """
    return _Player(scenario, plan, started, numbers or {}).play()


class _Player:
    def __init__(
        self, scenario: Scenario, plan: Plan, started: datetime, numbers: Mapping[str, str]
    ) -> None:
        self.plan = plan
        self.scenario = scenario
        self.numbers = numbers
        self.now = started
        self.end = started + scenario.length
        self.went = Rehearsal(scenario, started)
        self.lines: list[Inject | Action] = [
            *sorted(scenario.injects, key=lambda inject: inject.number),
            *scenario.script(),
        ]
        self.due: dict[int, datetime] = {
            place: started + line.at for place, line in enumerate(self.lines) if line.at is not None
        }
        """When each line is to be played, as far as that is known, by its place."""
        self.waiting = set(range(len(self.lines)))
        self.names: dict[str, Created] = {}
        self.ticked: dict[str, tuple[datetime, int]] = {}

    def play(self) -> Rehearsal:
        while (moment := min(self._moments(), default=None)) is not None and moment <= self.end:
            self.now = max(self.now, moment)
            for name in self.went.states:
                self._tick(name)
            ready = sorted(p for p in self.waiting if p in self.due and self.due[p] <= self.now)
            for place in ready:
                self._line(place)
        for place in sorted(self.waiting):
            self._surprise(place, None, "never came: what it waits for did not happen in time")
        return self.went

    def _moments(self) -> Iterator[datetime]:
        yield from (self.due[place] for place in self.waiting if place in self.due)
        for name, state in self.went.states.items():
            spent = self.ticked.get(name) == (self.now, state.seq)
            for moment in clocks.next_moments(self.plan, state, self.now).values():
                # A wake-up that changed nothing is not repeated at the same moment.
                if moment > self.now or not spent:
                    yield moment

    def _tick(self, name: str) -> None:
        moments = clocks.next_moments(self.plan, self.went.states[name], self.now).values()
        if any(moment <= self.now for moment in moments):
            self._commit(name, Envelope(received=self.now, command=Tick()))
            self.ticked[name] = (self.now, self.went.states[name].seq)

    def _line(self, place: int) -> None:
        self.waiting.discard(place)
        line = self.lines[place]
        try:
            if isinstance(line, Inject):
                self._deliver(line)
            else:
                self._act(place, line)
        except ScriptError as error:
            self._surprise(place, self.now, str(error))

    def _deliver(self, inject: Inject) -> None:
        self.went.delivered[inject.number] = self.now
        if inject.opens is not None:
            name = inject.opens
            facts = self.scenario.openings[name]
            started = self.went.started
            envelope = opening(self.plan, facts, started, self.now, f"opening-{name}")
            number = self.numbers.get(name, name)
            self.went.states[name] = engine.initial(number, self.plan, SPACE)
            self.went.events[name] = []
            self._commit(name, envelope)
        for place in self.waiting:
            after = self.lines[place].after
            if after is not None and after.inject == inject.number:
                self.due.setdefault(place, self.now + after.by)

    def _act(self, place: int, action: Action) -> None:
        state = self.went.states.get(action.incident)
        if state is None:
            raise ScriptError(f"the incident {action.incident!r} has not been opened yet")
        given = commands(
            self.plan, state, action, self.names, self.went.started, self.now, f"line-{place}"
        )
        if action.refused is not None and not given:
            self._surprise(
                place, self.now, f"asked nothing, so nothing was refused ({action.refused})"
            )
        for envelope in given:
            first = self.went.states[action.incident].seq + 1
            try:
                self._commit(action.incident, envelope)
            except Refusal as refusal:
                self._refused(place, action, refusal)
                continue
            if action.refused is not None:
                self._surprise(place, self.now, f"was allowed, not refused ({action.refused})")
            if action.as_ is not None:
                self.names[action.as_] = created(action.command, first)

    def _refused(self, place: int, action: Action, refusal: Refusal) -> None:
        if refusal.code == action.refused:
            what = f"{refusal.code} ({refusal.clause})"
            self.went.refused.append(Surprise(self._name(place), self.now, what))
        else:
            self._surprise(place, self.now, f"refused: {refusal.code}: {refusal}")

    def _commit(self, name: str, envelope: Envelope) -> None:
        """Decide, fold in, and let what was composed reach the inbox."""
        self._fold(name, envelope)
        while messages := self.went.states[name].messages:
            outcome = MessageOutcome(message=next(iter(messages)), channels=(INBOX,))
            self._fold(name, Envelope(received=self.now, command=outcome))

    def _fold(self, name: str, envelope: Envelope) -> None:
        state = self.went.states[name]
        events = engine.decide(self.plan, state, envelope, self.now)
        self.went.states[name] = engine.apply(state, events)
        self.went.events[name] += events
        for place in self.waiting - self.due.keys():
            line = self.lines[place]
            if isinstance(line, Action) and line.incident != name:
                continue
            if line.after is not None and any(_follows(line.after, event) for event in events):
                self.due[place] = self.now + line.after.by

    def _surprise(self, place: int, at: datetime | None, what: str) -> None:
        self.went.surprises.append(Surprise(self._name(place), at, what))

    def _name(self, place: int) -> str:
        line = self.lines[place]
        if isinstance(line, Inject):
            return f"inject {line.number}"
        return f"action {place - len(self.scenario.injects) + 1}: {line.command}"


def _follows(after: After, event: Event) -> bool:
    return shows(event, after.event, after.where)
