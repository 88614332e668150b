"""One incident that is given commands, and what must hold of the outcome of each."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine
from pydantic import ValidationError

from domain.base import Refusal
from domain.incident import engine
from domain.incident.envelope import AnyCommand, Envelope, command_adapter
from domain.incident.record import Attribution, Event
from domain.incident.state import TERMINAL, State
from domain.plan import Plan
from tests.domain import asking, oracle
from tests.domain.asking import Dice

START = datetime(2026, 10, 6, 6, 0, tzinfo=UTC)
UNDOES = {
    # A clock may end unmet by these alone: competent decisions, and corrections on record.
    "incident.dismissed",
    "incident.merged",
    "incident.closed",
    "incident.reopened",
    "response.started",
    "response.adjusted",
    "response.ended",
    "entry.voided",
    "facts.corrected",
    "merge.accepted",
    "order.recorded",
}


class Checked(RuleBasedStateMachine):
    """The incident under test, its record so far, and the checks that every command meets."""

    plan: ClassVar[Plan]
    accepted: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.state = engine.initial("GQ-1", self.plan, "incidents")
        self.now = START
        self.events: list[Event] = []
        self.handled: list[Envelope] = []
        self.requests = 0
        self.sources = 0
        self.done: set[str] = set()
        self.rolls = 0

    def dice(self, seed: int) -> Dice:
        """The same seed falls otherwise at another moment, for small ones come often."""
        self.rolls += 1
        return Dice(seed + self.rolls * 2**32)

    # --- giving a command, and what must hold of its outcome ------------------------------

    def ask_for(self, dice: Dice, name: str) -> None:
        content = asking.command(dice, name, self.plan, self.state, self.now)
        command = self.parse({"name": name, **content})
        if command is None:
            return
        allowed = sorted(oracle.competent(self.plan, self.state, command))
        anyone = sorted(self.plan.body_by_id)
        fitting = allowed and not dice.one_in(5)
        decider = dice.choice(allowed if fitting else anyone)
        seats = sorted(oracle.recorders(self.plan, decider))
        every = sorted(self.plan.seat_by_id)
        seat = dice.choice(every if dice.one_in(10) else seats)
        late = dice.one_in(2)
        by = Attribution(
            decider=decider,
            recorder=seat,
            means="phone",
            occurred_at=dice.moment(self.now, forward=True) if late else None,
            late_reason="夜间电话办理" if late else None,
        )
        back = dice.choice([timedelta(), timedelta(), timedelta(minutes=9)])
        envelope = self.envelope(command, by, max(START, self.now - back))
        before = self.state
        try:
            self.give(envelope)
        except Refusal as refusal:
            self.leaves_nothing(before, envelope, refusal)

    def leaves_nothing(self, before: State, envelope: Envelope, refusal: Refusal) -> None:
        """A refusal says what is wrong in both languages, and nothing has happened."""
        assert refusal.message.zh
        assert refusal.message.en
        assert refusal.clause
        assert asking.MOBILE not in str(refusal)
        assert self.state is before
        assert envelope.request_id not in before.handled

    def parse(self, content: dict[str, Any]) -> AnyCommand | None:
        try:
            return command_adapter.validate_python(content)
        except ValidationError:
            return None

    def act(self, content: dict[str, Any], decider: str) -> None:
        """A sensible act of ``decider``, recorded by the duty seat; it may be refused."""
        by = Attribution(decider=decider, recorder=self.plan.recording.seats[0])
        command = self.parse(content)
        try:
            if command is not None:
                self.give(self.envelope(command, by))
        except Refusal:
            return

    def envelope(
        self, command: AnyCommand, by: Attribution, received: datetime | None = None
    ) -> Envelope:
        self.requests += 1
        return Envelope(
            request_id=f"r{self.requests}",
            received=received or self.now,
            by=by,
            command=command,
        )

    def refused(self, envelope: Envelope, code: str) -> None:
        with pytest.raises(Refusal) as raised:
            engine.decide(self.plan, self.state, envelope, self.now)
        assert raised.value.code == code

    def give(self, envelope: Envelope) -> tuple[Event, ...]:
        old = self.state
        events = engine.decide(self.plan, old, envelope, self.now)
        self.state = engine.apply(old, events)
        self.events.extend(events)
        name = envelope.command.name
        if events:
            self.accepted[name] += 1
            self.done.add(name)
        if envelope.request_id is not None and events:
            self.handled.append(envelope)
            outcome = self.state.handled[envelope.request_id]
            assert (outcome.first, outcome.last) == (events[0].seq, events[-1].seq)
        if not envelope.command.internal:
            self.by_authority(old, envelope)
        self.by_decision(old, envelope, events)
        return events

    def by_authority(self, old: State, envelope: Envelope) -> None:
        by, command = envelope.by, envelope.command
        assert by is not None
        assert by.recorder in oracle.recorders(self.plan, by.decider)
        if command.name == "intake":
            return
        assert by.decider in oracle.competent(self.plan, old, command), command.name
        if old.phase in TERMINAL:
            assert command.name in engine.AFTER_THE_END
        if command.name == "publish_release":
            assert oracle.released(self.plan, old, envelope), "released without authority"

    def by_decision(self, old: State, envelope: Envelope, events: tuple[Event, ...]) -> None:
        """Levels, ends and clocks change by whoever may change them, and by nothing else."""
        types = {event.type for event in events}
        if self.rank(self.state.level) < self.rank(old.level):
            assert "response.adjusted" in types, "the level fell without a decision"
        if self.rank(self.state.response_level) < self.rank(old.response_level):
            assert types & {"response.adjusted", "response.ended", "incident.merged"}
        if "response.ended" in types:
            assert envelope.command.name in ("decide_termination", "record_order")
        if envelope.command.name == "decide_termination" and "response.ended" in types:
            stated = old.proposals[envelope.command.proposal].content["conditions"]
            for condition in self.plan.termination.conditions:
                assert stated[condition.id]["met"], "ended with a condition unmet"
        for event in events:
            if event.type == "clock.cancelled":
                clock = old.clocks.get(event.data["clock"])
                if clock is not None and clock.kind == "statutory":
                    assert types & UNDOES, f"{clock.id} is lost"
        if "incident.closed" in types:
            assert not [c for c in self.state.open_clocks if c.kind == "statutory"]
            assert all(t.status == "done" for t in old.tasks.values())
            assert not any(entry.open for entry in old.ledger.values())
            assert old.cause is not None

    def rank(self, level: str | None) -> int:
        return self.plan.rank(level)
