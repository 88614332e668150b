"""What drives a story: Beijing time that passes as the workflow lets it, and commands.

Time passes with a tick at every next moment, none left out. Every command is decided twice on a
state that must not change, so each story also shows that ``decide`` is deterministic and pure,
and that its events fold onto the state they came from.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest

from domain import clocks
from domain.base import BEIJING, Refusal
from domain.incident import engine
from domain.incident.entries import Clock, Notice, Proposal
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.observations import Tick
from domain.incident.record import Attribution, Event
from domain.incident.state import State
from domain.plan import Plan
from store.plans import load_plan

ROOT = Path(__file__).parents[2]
DAY = "2026-10-06"
"""A Tuesday; stories start on it at 14:00 unless they say otherwise."""


@cache
def gaoqing() -> Plan:
    """The county's plan as it ships."""
    return load_plan(ROOT / "plans" / "gaoqing-2023.yaml")


@cache
def tiny() -> Plan:
    """The invented county's plan."""
    return load_plan(ROOT / "tests" / "plans" / "tiny.yaml")


def beijing(text: str, day: str | date = DAY) -> datetime:
    """A moment written as ``HH:MM`` on ``day`` or as ``YYYY-MM-DD HH:MM``, Beijing time; UTC."""
    full = text if " " in text else f"{day} {text}"
    return datetime.fromisoformat(full).replace(tzinfo=BEIJING).astimezone(UTC)


class Driver:
    """One incident, driven by time and by commands; every step returns the driver."""

    def __init__(
        self,
        plan: Plan | None = None,
        at: str = "14:00",
        incident: str = "GQ-1",
        space: str = "incidents",
        careful: bool = True,
    ) -> None:
        self.plan = plan or gaoqing()
        self.state: State = engine.initial(incident, self.plan, space)
        self.now = beijing(at)
        self.events: list[Event] = []
        """Every event so far."""
        self.last: tuple[Event, ...] = ()
        """The events of the last command."""
        self.requests = 0
        self.careful = careful
        """Whether every decision is checked for purity; a long story may do without."""

    # --- time -----------------------------------------------------------------------------

    def moment(self, text: str | datetime) -> datetime:
        """``text`` as a moment of this story; an hour alone is an hour of its current day."""
        if isinstance(text, datetime):
            return text
        return beijing(text, self.now.astimezone(BEIJING).date())

    def at(self, text: str | datetime) -> Self:
        """Let time pass until then."""
        return self._pass_to(self.moment(text))

    def pass_time(self, **passing: float) -> Self:
        """Let time pass: ``hours=2``, ``days=14``; see timedelta."""
        return self._pass_to(self.now + timedelta(**passing))

    def _pass_to(self, target: datetime) -> Self:
        assert target >= self.now, "a story does not run backwards"
        while True:
            moments = clocks.next_moments(self.plan, self.state, self.now).values()
            due = [moment for moment in moments if moment <= target]
            if not due:
                break
            woken = min(due)
            self.now = max(self.now, woken)
            before = self.state.seq
            self.tick()
            left = clocks.next_moments(self.plan, self.state, self.now).values()
            # A wake-up that changes nothing and asks for another at once would spin for ever.
            assert self.state.seq > before or all(moment > self.now for moment in left)
        self.now = target
        return self

    def tick(self) -> Self:
        """One wake-up now, as the workflow's timer gives it."""
        return self._commit(Envelope(received=self.now, command=Tick()))

    # --- commands -------------------------------------------------------------------------

    def envelope(
        self,
        command: AnyCommand,
        by: str | None = None,
        seat: str = "duty",
        when: str | datetime | None = None,
        request: str | None = None,
        received: str | datetime | None = None,
        **attribution: Any,
    ) -> Envelope:
        """``command`` on its way; ``when`` is when it occurred, ``by`` the body that decided."""
        self.requests += 1
        occurred = self.moment(when) if when is not None else None
        return Envelope(
            request_id=request or f"request-{self.requests}",
            received=self.moment(received) if received is not None else self.now,
            by=Attribution(
                decider=by or self.plan.regulator,
                recorder=seat,
                occurred_at=occurred,
                **attribution,
            ),
            command=command,
        )

    def do(self, command: AnyCommand, by: str | None = None, **how: Any) -> Self:
        """Give a command; see envelope for how it may be attributed."""
        return self._commit(self.envelope(command, by, **how))

    def send(self, envelope: Envelope) -> Self:
        """Give a command exactly as it stands."""
        return self._commit(envelope)

    def refuses(
        self, code: str, clause: str, command: AnyCommand, by: str | None = None, **how: Any
    ) -> Self:
        """The command is refused with ``code`` and ``clause``, and nothing has happened."""
        return self.refuses_envelope(code, clause, self.envelope(command, by, **how))

    def refuses_envelope(self, code: str, clause: str, envelope: Envelope) -> Self:
        """The envelope is refused, in both languages, and nothing has happened."""
        before = self.state.model_dump_json()
        with pytest.raises(Refusal) as raised:
            engine.decide(self.plan, self.state, envelope, self.now)
        refusal = raised.value
        assert (refusal.code, refusal.clause) == (code, clause)
        assert refusal.message.zh.strip()
        assert refusal.message.en.strip()
        assert self.state.model_dump_json() == before
        return self

    def _commit(self, envelope: Envelope) -> Self:
        before = self.state.model_dump_json() if self.careful else ""
        self.last = engine.decide(self.plan, self.state, envelope, self.now)
        if self.careful:
            assert engine.decide(self.plan, self.state, envelope, self.now) == self.last
            assert self.state.model_dump_json() == before, "decide changed what it was given"
        self.state = engine.apply(self.state, self.last)
        self.events.extend(self.last)
        return self

    # --- looking --------------------------------------------------------------------------

    @property
    def proposal(self) -> Proposal:
        """The newest proposal."""
        return list(self.state.proposals.values())[-1]

    @property
    def last_report(self) -> str:
        """The id of the newest report."""
        return list(self.state.reports)[-1]

    def types(self) -> list[str]:
        """The types of the events of the last command."""
        return [event.type for event in self.last]

    def clock(self, clock: str) -> Clock:
        """A clock by its id."""
        assert clock in self.state.clocks, f"no clock {clock}: {sorted(self.state.clocks)}"
        return self.state.clocks[clock]

    def clocks(self, duty: str) -> list[Clock]:
        """All clocks of one obligation, by id."""
        return [c for _, c in sorted(self.state.clocks.items()) if c.obligation == duty]

    def opened(self, duty: str) -> Clock:
        """The only open clock of one obligation."""
        (found,) = [c for c in self.clocks(duty) if c.status == "open"]
        return found

    def opened_recipients(self, duty: str) -> set[str | None]:
        """To whom an obligation is still owed."""
        return {c.recipient for c in self.clocks(duty) if c.status == "open"}

    def task(self, item: str) -> str:
        """The id of the newest task made from an item of a pack."""
        found = [t.id for t in self.state.tasks.values() if t.item == item]
        assert found, f"no task {item}"
        return found[-1]

    def notices(self, recipient: str, subject: str | None = None) -> list[Notice]:
        """The notices to one body, all or of one subject."""
        return [
            n
            for n in self.state.notices.values()
            if n.recipient == recipient and subject in (None, n.subject)
        ]

    def expect_open(self, clock: str, due: str | datetime | None = None) -> Self:
        """The clock runs, with nothing said of its due moment yet."""
        found = self.clock(clock)
        assert (found.status, found.unrecorded_at) == ("open", None), found
        return self if due is None else self.expect_due(clock, due)

    def expect_due(self, clock: str, due: str | datetime) -> Self:
        """The clock falls due exactly then."""
        assert self.clock(clock).due == self.moment(due), self.clock(clock).due
        return self

    def expect_unrecorded(self, clock: str) -> Self:
        """The due moment passed with nothing on record; no verdict has been given."""
        found = self.clock(clock)
        assert found.status == "open"
        assert found.unrecorded_at is not None, found
        assert found.verdict is None
        return self

    def expect_met(
        self, clock: str, verdict: str = "on_time", late: timedelta | None = None
    ) -> Self:
        """The clock is met, and judged so."""
        found = self.clock(clock)
        assert (found.status, found.verdict, found.late_by) == ("met", verdict, late), found
        return self

    def expect_cancelled(self, clock: str, reason: str | None = None) -> Self:
        """The clock is cancelled."""
        found = self.clock(clock)
        assert found.status == "cancelled", found
        assert reason in (None, found.reason)
        return self

    def expect_no_clock(self, duty: str) -> Self:
        """The obligation has no clock at all."""
        assert self.clocks(duty) == []
        return self

    def expect_level(self, level: str | None) -> Self:
        """The level whose duties hold."""
        assert self.state.level == level, self.state.level
        return self

    def expect_judgement(self, needed: bool) -> Self:
        """Whether a person still has to grade."""
        assert self.state.needs_judgement is needed
        return self

    def expect_phase(self, phase: str) -> Self:
        """The phase of the incident."""
        assert self.state.phase == phase, self.state.phase
        return self
