"""kill -9 between sending and completion: the same message twice, and never none."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.incident.state import RULES_VERSION
from store.directory_changes import Hand, put_contacts
from store.pool import Pool, open_pool
from tests.activities.conftest import Postbox, postbox
from tests.api.stack import QUEUE, Stack
from tests.conftest import SPACE
from tests.workflows.conftest import opening
from tests.workflows.harness import PLAN, IncidentDriver, directory_of, number
from workflows.contracts import INCIDENT_WORKFLOW, IncidentStart

__all__ = ["postbox"]

HEALTH = "county-health"
PEOPLE = directory_of({HEALTH: {"duty_phone": "room@health.invalid"}})


@pytest.fixture
async def stack(tmp_path: Path, postbox: Postbox) -> AsyncIterator[Stack]:
    """PostgreSQL, Temporal and a worker that mails health, each a process of its own."""
    (tmp_path / "vault.key").write_bytes(secrets.token_bytes(32))
    made = Stack(tmp_path, YAOAN_SMTP_HOST="127.0.0.1", YAOAN_SMTP_PORT=str(postbox.port))
    await made.prepare()
    yield made
    await made.stop()


@pytest.fixture
async def pool(stack: Stack) -> AsyncIterator[Pool]:
    made = await open_pool(stack.database_url, SPACE)
    await put_contacts(made, PEOPLE.contacts, Hand(at=datetime.now(UTC), seat="duty"))
    yield made
    made.terminate()


async def begun(stack: Stack, pool: Pool) -> IncidentDriver:
    """An incident on a server whose time nobody moves."""
    incident = IncidentDriver(await stack.temporal.connect(), pool, number())
    await incident.client.start_workflow(
        INCIDENT_WORKFLOW,
        IncidentStart(
            incident=incident.number,
            space=SPACE,
            plan=PLAN,
            opening=opening(incident.number),
            rules_version=RULES_VERSION,
        ),
        id=incident.number,
        task_queue=QUEUE,
    )
    return incident


async def test_a_worker_killed_after_the_mail_left_sends_the_same_one_again(
    stack: Stack, pool: Pool, postbox: Postbox
) -> None:
    postbox.answers = ["taken"]
    await stack.start("worker")
    incident = await begun(stack, pool)
    async with asyncio.timeout(60):
        while not postbox.mails:
            await asyncio.sleep(0.05)

    await stack.kill("worker")
    (first,) = postbox.mails
    await stack.start("worker")

    async with asyncio.timeout(90):
        while len(postbox.mails) < 2:
            await asyncio.sleep(0.2)
    await incident.settled(60)
    again = postbox.mails[1]
    assert again["Message-ID"] == first["Message-ID"]
    assert again["X-Yaoan-Key"] == first["X-Yaoan-Key"]
    assert again.as_bytes() == first.as_bytes()
    assert len(postbox.mails) == 2
    state = await incident.state()
    assert {n.status for n in state.notices.values() if n.recipient == HEALTH} == {"accepted"}
    assert state.messages == {}


async def test_everything_killed_with_notices_waiting_loses_none(
    stack: Stack, pool: Pool, postbox: Postbox
) -> None:
    """Started while nobody works; then the server that holds them is killed as well."""
    incident = await begun(stack, pool)
    async with stack.without("temporal", "postgres"):
        pass
    await stack.start("worker")
    incident = IncidentDriver(await stack.temporal.connect(), pool, incident.number)
    async with asyncio.timeout(90):
        while not postbox.mails:
            await asyncio.sleep(0.2)
    await incident.settled(60)
    state = await incident.state()
    told = [n for n in state.notices.values() if n.recipient == HEALTH]
    assert told
    assert all(set(n.channels) == {"inbox", "mail"} for n in told)
    keys = [mail["X-Yaoan-Key"] for mail in postbox.mails]
    assert len(keys) == len(set(keys))
