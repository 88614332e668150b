"""A provider that hangs: whoever can be told is told, and the record is kept meanwhile."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ActivityError, RetryState, TimeoutError, TimeoutType
from temporalio.worker import UnsandboxedWorkflowRunner

from activities import notify
from activities.channel import Outgoing
from domain.directory import Directory
from domain.incident.commands import ReleasePack
from store import journal
from store.pool import Pool
from tests.workflows.conftest import opening
from tests.workflows.harness import IncidentDriver, directory_of, number, working
from tests.workflows.test_many_notices import AT_ONCE, DEPARTMENTS, TO_ALL
from worker import CONCURRENT_ACTIVITIES
from workflows import calls
from workflows import contracts as c

HEALTH = "county-health"
INCIDENTS = 5


class Provider:
    """A channel, a real one: it takes what it gets, at once or when it is told to."""

    def __init__(self, name: str, *, hangs: bool = False) -> None:
        self.name = name
        self.asked = 0
        self.took: list[Outgoing] = []
        self.open = asyncio.Event()
        if not hangs:
            self.open.set()

    async def send(self, message: Outgoing) -> bool:
        self.asked += 1
        await self.open.wait()
        self.took.append(message)
        return False


def both(*directories: Directory) -> Directory:
    return Directory(contacts=tuple(c for one in directories for c in one.contacts))


async def told(incident: IncidentDriver, provider: Provider, within: float) -> tuple[float, float]:
    """Open ``incident``; after how many seconds it is on record, and health has been told.

    Raises:
        builtins.TimeoutError: that took longer than ``within``.
    """
    begun, recorded = time.monotonic(), 0.0
    await incident.start(opening(incident.number))
    async with asyncio.timeout(within):
        while not await journal.read_events(incident.pool, incident.number):
            await asyncio.sleep(0.02)
        recorded = time.monotonic() - begun
        while not any(m.incident == incident.number and m.statutory for m in provider.took):
            await asyncio.sleep(0.02)
    return recorded, time.monotonic() - begun


async def test_a_provider_that_hangs_for_five_incidents_delays_no_sixth(
    temporal_client: Client, pool: Pool
) -> None:
    queue = f"q-slow-{number()}"
    taking, hanging = Provider("taking"), Provider("hanging", hangs=True)
    people = both(
        directory_of({HEALTH: {"duty_phone": "1"}}, "taking"),
        directory_of({b: {"duty_phone": "2"} for b in DEPARTMENTS if b != HEALTH}, "hanging"),
    )
    first, last, *others = (
        IncidentDriver(temporal_client, pool, number(), plan=AT_ONCE, queue=queue)
        for _ in range(2 + INCIDENTS)
    )
    channels = {"taking": taking, "hanging": hanging}
    async with working(temporal_client, pool, queue, directory=people, channels=channels):
        alone = await told(first, taking, 60)
        for incident in others:
            await incident.start(opening(incident.number))
            await incident.send(ReleasePack(pack=TO_ALL.id), "command-office")
        async with asyncio.timeout(60):
            while hanging.asked < CONCURRENT_ACTIVITIES:
                await asyncio.sleep(0.05)

        await told(last, taking, 5 + 5 * max(alone))

        assert not hanging.took, "it hung all the while"
        hanging.open.set()
        for incident in (first, last, *others):
            await incident.settled(120)
            state = await incident.state()
            assert state.messages == {}
            assert all(n.status != "failed" for n in state.notices.values())
    sent = [message.key for message in hanging.took]
    assert len(sent) == len(set(sent)), "no message twice"
    for incident in others:
        reached = {m.recipient for m in hanging.took if m.incident == incident.number}
        assert reached == {*DEPARTMENTS} - {HEALTH}


# --- the server loses patience --------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A message has some seconds instead of minutes; options of a worker that knows of it."""
    monkeypatch.setattr(c, "NOTICE_TIMEOUT", timedelta(seconds=5))
    monkeypatch.setattr(calls, "NOTICE_HEARTBEAT", timedelta(seconds=1))
    monkeypatch.setattr(notify, "HEARTBEAT_SECONDS", 0.2)
    # The sandbox would import the workflow anew, with its usual patience.
    return {"workflow_runner": UnsandboxedWorkflowRunner()}


@pytest.mark.parametrize(("answering", "called"), [({"duty_phone": "1"}, []), ({}, ["phone_only"])])
async def test_who_was_told_counts_when_the_next_contacts_channel_never_answers(
    temporal_client: Client,
    pool: Pool,
    impatient: dict[str, Any],
    answering: dict[str, str],
    called: list[str],
) -> None:
    queue = f"q-impatient-{number()}"
    people = both(
        directory_of({HEALTH: answering}, "taking"),
        directory_of({HEALTH: {"duty_officer": "2"}}, "hanging"),
    )
    channels = {"taking": Provider("taking"), "hanging": Provider("hanging", hangs=True)}
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    options = {"channels": channels, "directory": people, **impatient}
    async with working(temporal_client, pool, queue, **options):
        await incident.start(opening(incident.number))
        sent = await incident.events("message.sent")
        state = await incident.state()

    health = [n.id for n in state.notices.values() if n.recipient == HEALTH]
    (event,) = [e for e in sent if set(e.data["notices"]) <= set(health)]
    assert set(event.data["channels"]) == ({"inbox", "taking"} if answering else {"inbox"})
    assert event.data.get("contacts", []) == [f"{HEALTH}-{role}" for role in answering]
    assert [call.reason for call in state.open_calls if call.recipient == HEALTH] == called


def test_where_nobody_had_accepted_the_message_has_failed() -> None:
    beats: list[list[dict[str, str]]] = [[], [{}]]
    for details in beats:
        error = ActivityError(
            "activity timed out",
            scheduled_event_id=1,
            started_event_id=2,
            identity="",
            activity_type=c.DELIVER_NOTICE,
            activity_id="message-m1",
            retry_state=RetryState.TIMEOUT,
        )
        error.__cause__ = TimeoutError(
            "heartbeat", type=TimeoutType.HEARTBEAT, last_heartbeat_details=details
        )

        assert calls.unfinished(error) == c.MessageResult(failure="heartbeat")
