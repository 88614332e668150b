"""A worker for the module, and incidents to be told about."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from domain.incident.envelope import Envelope
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


def opening(incident: str, *, learned: timedelta = timedelta(), **facts: Any) -> Envelope:
    """The intake of ``incident``, as the duty seat enters it now."""
    now = datetime.now(UTC)
    return Envelope(
        request_id=f"{incident}-r0",
        received=now,
        by=Attribution(decider="county-msa", recorder="duty"),
        command=intake(now - learned, **facts),
    )


@pytest.fixture
def open_incident(temporal_client: Client, pool: Pool, queue: str) -> Open:
    """Opens incidents: ``await open_incident(learned=timedelta(hours=1), drug=…)``."""

    async def opener(*, options: dict[str, Any] | None = None, **facts: Any) -> IncidentDriver:
        driver = IncidentDriver(temporal_client, pool, number(), queue=queue)
        await driver.start(opening(driver.number, **facts), **(options or {}))
        return driver

    return opener
