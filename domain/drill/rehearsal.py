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
from domain.drill.play import SPACE
from domain.drill.scenario import Action, Expected, Inject, Scenario
from domain.drill.schedule import (
    NEVER_CAME,
    Schedule,
    Surprise,
    line_name,
    lines_of,
    not_opened,
    not_refused,
    nothing_refused,
)
from domain.drill.script import Created, ScriptError, commands, created, opening, shows
from domain.incident import engine
from domain.incident.envelope import Envelope
from domain.incident.observations import MessageOutcome, Tick
from domain.incident.record import Event
from domain.incident.state import State
from domain.incident.telling import INBOX
from domain.plan import Plan


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
        self.lines = lines_of(scenario.injects, scenario.script())
        self.schedule = Schedule.of(self.lines, started)
        self.names: dict[str, Created] = {}
        self.ticked: dict[str, tuple[datetime, int]] = {}

    def play(self) -> Rehearsal:
        while (moment := min(self._moments(), default=None)) is not None and moment <= self.end:
            self.now = max(self.now, moment)
            for name in self.went.states:
                self._tick(name)
            for key in self.schedule.ready(self.now):
                self._line(key)
        for key in self.schedule.waiting:
            self._surprise(key, None, NEVER_CAME)
        return self.went

    def _moments(self) -> Iterator[datetime]:
        if (due := self.schedule.next_due()) is not None:
            yield due
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

    def _line(self, key: str) -> None:
        self.schedule = self.schedule.without(key)
        line = self.lines[key]
        try:
            if isinstance(line, Inject):
                self._deliver(line)
            else:
                self._act(key, line)
        except ScriptError as error:
            self._surprise(key, self.now, str(error))

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
        self.schedule = self.schedule.delivered(self.lines, inject.number, self.now)

    def _act(self, key: str, action: Action) -> None:
        state = self.went.states.get(action.incident)
        if state is None:
            raise ScriptError(not_opened(action.incident))
        given = commands(self.plan, state, action, self.names, self.went.started, self.now, key)
        if action.refused is not None and not given:
            self._surprise(key, self.now, nothing_refused(action.refused))
        for envelope in given:
            first = self.went.states[action.incident].seq + 1
            try:
                self._commit(action.incident, envelope)
            except Refusal as refusal:
                self._refused(key, action, refusal)
                continue
            if action.refused is not None:
                self._surprise(key, self.now, not_refused(action.refused))
            if action.as_ is not None:
                self.names[action.as_] = created(action.command, first)

    def _refused(self, key: str, action: Action, refusal: Refusal) -> None:
        if refusal.code == action.refused:
            what = f"{refusal.code} ({refusal.clause})"
            self.went.refused.append(Surprise(line=line_name(key, action), at=self.now, what=what))
        else:
            self._surprise(key, self.now, f"refused: {refusal.code}: {refusal}")

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
        watched = self.schedule.watched(self.lines)
        seen = {
            key: self.now
            for key, watch in watched.items()
            if any(watch.seen(name, event) for event in events)
        }
        self.schedule = self.schedule.happened(self.lines, seen)

    def _surprise(self, key: str, at: datetime | None, what: str) -> None:
        self.went.surprises.append(Surprise(line=line_name(key, self.lines[key]), at=at, what=what))
