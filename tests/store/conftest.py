"""Pools as the application opens them, and incidents made by the domain itself."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from domain.incident.commands import CorrectFacts, FactChanges, Intake
from domain.incident.engine import apply, decide, initial
from domain.incident.entries import Caller, Facts
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.record import Attribution, Event
from domain.incident.state import State
from domain.plan import Plan
from store.plans import load_plan
from store.pool import Pool, open_pool
from tests.conftest import Database

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
"""A moment long past or to come, so that a wall clock anywhere would show."""

_numbers = count(1)


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The county's own plan."""
    return load_plan(Path(__file__).parents[2] / "plans" / "gaoqing-2023.yaml")


@pytest.fixture(scope="module")
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    """The application's pool on the module's database."""
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    await opened.close()


@dataclass
class Story:
    """An incident as it grows: what was decided, and what to append of it."""

    plan: Plan
    state: State
    events: list[Event]
    now: datetime

    @property
    def incident(self) -> str:
        return self.state.incident

    def do(self, command: AnyCommand, after: timedelta = timedelta(minutes=1)) -> list[Event]:
        """Decide ``command`` in the duty seat's name, ``after`` the one before."""
        self.now += after
        duty = next(seat for seat in self.plan.seats if seat.kind == "duty")
        by = Attribution(
            decider=self.plan.regulator,
            recorder=duty.id,
            recorder_person="张三",
            occurred_at=self.now,
        )
        envelope = Envelope(
            request_id=f"r{len(self.events)}", received=self.now, by=by, command=command
        )
        new = list(decide(self.plan, self.state, envelope, self.now))
        self.state = apply(self.state, new)
        self.events += new
        return new

    def correct(self, people: str) -> list[Event]:
        """A small command that is always allowed."""
        return self.do(CorrectFacts(changes=FactChanges(people=people), reason="补充"))


Tell = Callable[..., Story]


@pytest.fixture
def tell(plan: Plan) -> Tell:
    """Starts a story: an incident reported at NOW unless said otherwise."""

    def begin(*, drug: str = "刺五加注射液", place: str = "县医院", at: datetime = NOW) -> Story:
        number = f"GQ-2026-{next(_numbers):04d}"
        story = Story(plan, initial(number, plan, "incidents"), [], at)
        facts = Facts(
            kind=plan.kinds[0].id, drug=drug, people="6人发热", place=place, learned_at=at
        )
        story.do(Intake(caller=Caller(kind=plan.reporters[0].id), facts=facts))
        return story

    return begin


@pytest.fixture
async def superuser(postgres: Database) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Someone who may do everything, which PostgreSQL cannot prevent and verify must find."""
    conn = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    yield conn
    await conn.close()


Fresh = Callable[[], Awaitable[Pool]]
