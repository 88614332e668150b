"""The clocks of exercises: advanced to a moment, never twice, and not past what is unwritten."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from activities.timekeeper import WHY, CannotAdvance, Timekeeper
from store import journal
from store.pool import Pool, open_pool
from tests.conftest import SPACE, Database
from tests.workflows.conftest import Open, open_incident, opening, pool, queue
from tests.workflows.harness import PLAN, IncidentDriver, number, working
from workflows.contracts import IncidentStart

__all__ = ["open_incident", "pool", "queue"]

PLENTY = 1_000
QUIET = {"rules_version": 1}
"""Nobody is told again: what is shown of time is not shown sooner by a thousand reminders."""
NEAR = timedelta(seconds=2)
NOWHERE = "postgresql://yaoan_app:known-to-the-tests@127.0.0.1:9/yaoan"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def keeper(temporal_client: Client) -> Timekeeper:
    return Timekeeper(temporal_client, patience=3.0)


@pytest.fixture
async def alone(temporal_client: Client, postgres: Database) -> AsyncIterator[IncidentDriver]:
    """An incident with a worker and connections of its own, which a test may take away."""
    own = await open_pool(postgres.application_url, postgres.space)
    name = number()
    async with working(temporal_client, own, f"q-{name}"):
        driver = IncidentDriver(temporal_client, own, name, queue=f"q-{name}")
        await driver.start(opening(name), **QUIET)
        await driver.settled()
        yield driver
    own.terminate()


def begin(incident: str, at: datetime) -> IncidentStart:
    """An incident whose first report comes at ``at``."""
    first = opening(incident)
    return IncidentStart(
        incident=incident,
        space=SPACE,
        plan=PLAN,
        opening=first.model_copy(update={"received": at}),
        rules_version=QUIET["rules_version"],
    )


async def test_two_days_pass_and_what_fell_due_is_on_record(
    keeper: Timekeeper, open_incident: Open, pool: Pool
) -> None:
    incident = await open_incident(options=QUIET)
    to = datetime.now(UTC) + timedelta(days=2)
    reached = await keeper.advance(incident.number, to, PLENTY)
    assert to <= reached < to + NEAR
    # On record by the time we hear of it; nothing is left to wait for.
    events = await journal.read_events(pool, incident.number)
    unrecorded = [event for event in events if event.type == "clock.unrecorded"]
    assert unrecorded
    assert (await incident.overview()).unwritten == 0
    assert all(event.recorded <= reached for event in events)


async def test_to_repeat_an_advance_skips_only_what_is_left(
    keeper: Timekeeper, open_incident: Open
) -> None:
    incident = await open_incident(options=QUIET)
    to = datetime.now(UTC) + timedelta(days=1)
    await keeper.advance(incident.number, to, PLENTY)
    again = await keeper.advance(incident.number, to, PLENTY)
    assert to <= again < to + timedelta(minutes=1)
    earlier = await keeper.advance(incident.number, to - timedelta(hours=5), PLENTY)
    assert again <= earlier < again + timedelta(minutes=1)
    later = await keeper.advance(incident.number, to + timedelta(hours=1), PLENTY)
    assert timedelta() <= later - (to + timedelta(hours=1)) < NEAR


async def test_an_incident_begins_at_a_time_to_come(
    keeper: Timekeeper, pool: Pool, queue: str
) -> None:
    incident, at = number(), datetime.now(UTC) + timedelta(days=9)
    now = await keeper.start(begin(incident, at), at, queue, memo={"seat": "duty"})
    assert at <= now < at + NEAR
    # As an activity that is tried again would.
    again = await keeper.start(begin(incident, at), at, queue)
    assert at <= again < at + timedelta(minutes=1)
    reached = await keeper.advance(incident, at + timedelta(hours=1), PLENTY)
    assert timedelta() <= reached - (at + timedelta(hours=1)) < NEAR
    first, *_ = await journal.read_events(pool, incident)
    assert first.received == at
    assert timedelta() <= first.recorded - at < NEAR


async def test_the_time_of_one_incident_is_not_that_of_another(
    keeper: Timekeeper, open_incident: Open
) -> None:
    moved, other = [await open_incident(options=QUIET) for _ in range(2)]
    await keeper.advance(moved.number, datetime.now(UTC) + timedelta(days=1), PLENTY)
    assert abs(await keeper.now(other.number) - datetime.now(UTC)) < NEAR


async def test_an_incident_nobody_knows_has_no_time(keeper: Timekeeper) -> None:
    with pytest.raises(RPCError) as error:
        await keeper.now("GQ-NONE")
    assert error.value.status == RPCStatusCode.NOT_FOUND


async def refused(keeper: Timekeeper, incident: str, by: timedelta, budget: int) -> CannotAdvance:
    """Why the time of ``incident`` cannot be advanced, and how far it got."""
    to = await keeper.now(incident) + by
    with pytest.raises(CannotAdvance) as error:
        await keeper.advance(incident, to, budget)
    reached = error.value.reached
    assert reached is None or reached < to
    assert error.value.text == WHY[error.value.reason]
    return error.value


async def test_the_skips_allowed_are_a_limit(keeper: Timekeeper, open_incident: Open) -> None:
    incident = await open_incident(options=QUIET)
    began = await keeper.now(incident.number)
    async with asyncio.timeout(10):
        error = await refused(keeper, incident.number, timedelta(days=30), 3)
    assert error.reason == "budget"
    assert error.reached is not None
    assert error.reached > began + timedelta(minutes=5)
    to = began + timedelta(days=30)
    assert await keeper.advance(incident.number, to, PLENTY) >= to


async def test_an_ended_incident_is_not_advanced(
    keeper: Timekeeper, temporal_client: Client, open_incident: Open
) -> None:
    incident = await open_incident(options=QUIET)
    await temporal_client.get_workflow_handle(incident.number).terminate()
    assert (await refused(keeper, incident.number, timedelta(hours=1), PLENTY)).reason == "ended"


async def test_time_stands_while_events_are_unwritten(
    keeper: Timekeeper, temporal_client: Client
) -> None:
    nowhere = await open_pool(NOWHERE, SPACE)
    name = number()
    async with working(temporal_client, nowhere, f"q-{name}"):
        incident = IncidentDriver(temporal_client, nowhere, name, queue=f"q-{name}")
        await incident.start(opening(name), **QUIET)
        error = await refused(keeper, name, timedelta(days=2), PLENTY)
        assert error.reason == "behind"
        assert abs(await keeper.now(name) - datetime.now(UTC)) < NEAR
    nowhere.terminate()


async def test_time_stops_where_the_journal_begins_to_fail(
    keeper: Timekeeper, alone: IncidentDriver
) -> None:
    """Back-off is skipped as well, so a clock that is left alone creeps on without a record."""
    alone.pool.terminate()
    before = await keeper.now(alone.number)
    error = await refused(keeper, alone.number, timedelta(days=9), PLENTY)
    assert error.reason == "behind"
    stopped = await keeper.now(alone.number)
    assert before < stopped < before + timedelta(hours=3)
    await asyncio.sleep(1)
    assert await keeper.now(alone.number) - stopped < NEAR


async def test_nobody_advances_without_a_worker(
    keeper: Timekeeper, temporal_client: Client, pool: Pool
) -> None:
    name = number()
    incident = IncidentDriver(temporal_client, pool, name, queue=f"q-idle-{name}")
    await incident.start(opening(name), **QUIET)
    assert (await refused(keeper, name, timedelta(days=2), PLENTY)).reason == "silent"


async def test_a_cancelled_advance_stops_the_clock(keeper: Timekeeper, open_incident: Open) -> None:
    incident = await open_incident(options=QUIET)
    began = await keeper.now(incident.number)
    to = began + timedelta(days=365)
    advancing = asyncio.create_task(keeper.advance(incident.number, to, PLENTY))
    while await keeper.now(incident.number) < began + timedelta(hours=1):
        assert not advancing.done()
        await asyncio.sleep(0.01)
    advancing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await advancing
    stopped = await keeper.now(incident.number)
    assert stopped < to
    await asyncio.sleep(1)
    assert await keeper.now(incident.number) - stopped < NEAR


async def test_the_server_of_real_incidents_refuses_by_itself(
    live_client: Client, keeper: Timekeeper
) -> None:
    name = number()
    incident = IncidentDriver(live_client, None, name, queue="nobody")  # type: ignore[arg-type]
    at = datetime.now(UTC)
    timekeeper = Timekeeper(live_client)
    await timekeeper.start(begin(name, at), at, "nobody")
    with pytest.raises(RPCError, match="Time-Skipping feature is not enabled for namespace"):
        await TimeSkipper(live_client).fast_forward(incident.handle, timedelta(hours=1))
    assert await keeper.capable()
    assert not await timekeeper.capable()
    error = await refused(timekeeper, name, timedelta(hours=1), PLENTY)
    assert error.reason == "incapable"
    assert "Time-Skipping feature is not enabled" in str(error)
    assert "正式事件" in error.text.zh
    assert abs(await timekeeper.now(name) - datetime.now(UTC)) < NEAR


async def test_where_time_cannot_be_advanced_an_incident_begins_when_its_time_has_come(
    live_client: Client,
) -> None:
    name, at = number(), datetime.now(UTC) + timedelta(seconds=1)
    now = await Timekeeper(live_client).start(begin(name, at), at, "nobody")
    assert now < at
    described = (await live_client.get_workflow_handle(name).describe()).raw_description
    started = described.workflow_execution_info.execution_time.ToDatetime(UTC)
    assert abs(started - at) < NEAR


@pytest.mark.parametrize(
    ("path", "allowed"), [("activities/timekeeper.py", True), ("workflows/drill.py", False)]
)
@pytest.mark.parametrize(
    "line",
    [
        "from temporalio.testing import TimeSkipper",
        "import temporalio.testing",
        "from temporalio.api.common.v1 import TimeSkippingConfig",
    ],
)
def test_nothing_else_knows_how_time_is_skipped(path: str, allowed: bool, line: str) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    done = subprocess.run(
        [ruff, "check", "--select", "TID251", "--stdin-filename", path, "-"],
        input=f"{line}\n",
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode == 0) == allowed, done.stdout + done.stderr
    assert allowed or "TID251" in done.stdout
