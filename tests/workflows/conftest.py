"""A worker for the module, and incidents to be told about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from domain.incident.commands import Envelope
from domain.incident.record import Attribution
from store.pool import Pool, open_pool
from tests.conftest import Database
from tests.workflows.harness import IncidentDriver, intake, number, working

Open = Callable[..., Awaitable[IncidentDriver]]


@pytest.fixture(scope="module")
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    """Connections as the application's role."""
    pool = await open_pool(postgres.application_url, postgres.space)
    yield pool
    pool.terminate()


@pytest.fixture(scope="module")
async def queue(
    temporal_client: Client, pool: Pool, request: pytest.FixtureRequest
) -> AsyncIterator[str]:
    """A task queue that a worker of the module's own serves."""
    name = f"q-{request.module.__name__}"
    async with working(temporal_client, pool, name):
        yield name


@pytest.fixture
def open_incident(temporal_client: Client, pool: Pool, queue: str) -> Open:
    """Opens incidents: ``await open_incident(learned=…, drug=…)``."""

    async def opener(
        *, learned: timedelta = timedelta(), options: dict[str, Any] | None = None, **facts: Any
    ) -> IncidentDriver:
        driver = IncidentDriver(temporal_client, pool, number(), queue=queue)
        now = datetime.now(UTC)
        opening = Envelope(
            request_id=f"{driver.number}-r0",
            received=now,
            by=Attribution(decider="county-msa", recorder="duty"),
            command=intake(now - learned, **facts),
        )
        await driver.start(opening, **(options or {}))
        return driver

    return opener
