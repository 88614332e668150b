"""What happens to running incidents when workers change or stay away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig

from domain.incident.commands import Verify
from embedded.temporal import set_current_version
from settings import Settings
from store import inbox
from store.pool import Pool
from tests.workflows import stories
from tests.workflows.conftest import opening
from tests.workflows.harness import IncidentDriver, number, working
from worker import make_workers
from workflows import calls
from workflows.incident import Incident
from workflows.sandbox import workflow_runner

VERIFIED = Verify(outcome="confirmed", text="现场核实属实")


@asynccontextmanager
async def build(client: Client, pool: Pool, queue: str, name: str) -> AsyncIterator[None]:
    """A worker under another build id, made the current one of a deployment of the test's own."""
    version = WorkerDeploymentVersion(deployment_name=queue, build_id=name)
    config = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    options: dict[str, Any] = {"deployment_config": config}
    settings = Settings(space="incidents", task_queue=queue)
    async with make_workers(client, settings, pool, **options):
        await set_current_version(client, queue, name, (queue,))
        yield


async def test_a_running_incident_moves_to_the_next_build(
    temporal_client: Client, pool: Pool
) -> None:
    """Its old worker is gone for good: a pinned incident would wait for ever, in silence."""
    queue = f"q-builds-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with build(temporal_client, pool, queue, "first"):
        await incident.start(opening(incident.number))
        await stories.report(incident, "initial", *stories.UPWARD)
        await incident.settled()

    async with build(temporal_client, pool, queue, "second"):
        await incident.send(VERIFIED)
        await incident.fast_forward(timedelta(hours=3))
        raw = (await incident.handle.describe()).raw_description
        events = await incident.events()

    versioning = raw.workflow_execution_info.versioning_info
    assert versioning.deployment_version.build_id == "second"
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert "report.verified" in {e.type for e in events}


async def test_a_continued_run_belongs_to_the_current_build(
    temporal_client: Client, pool: Pool
) -> None:
    queue = f"q-builds-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with build(temporal_client, pool, queue, "first"):
        await incident.start(opening(incident.number), continue_after=60)
        first = (await incident.handle.describe()).run_id
    async with build(temporal_client, pool, queue, "second"):
        await stories.report(incident, "initial", *stories.UPWARD)
        await stories.do_tasks(incident, "first-measures")
        await incident.settled()
        description = await incident.handle.describe()

    versioning = description.raw_description.workflow_execution_info.versioning_info
    assert description.run_id != first
    assert versioning.deployment_version.build_id == "second"


async def test_a_message_goes_out_by_whichever_build_is_there(
    temporal_client: Client, pool: Pool
) -> None:
    """Incidents wait for the current build; what they want said needs not."""
    queue = f"q-builds-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    version = WorkerDeploymentVersion(deployment_name=queue, build_id="first")
    deployment = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    options: dict[str, Any] = {"workflow_runner": workflow_runner(), "workflows": [Incident]}
    async with Worker(temporal_client, task_queue=queue, deployment_config=deployment, **options):
        await set_current_version(temporal_client, queue, "first", (queue,))
        await incident.start(opening(incident.number))
        assert (await incident.state()).messages

    version = WorkerDeploymentVersion(deployment_name=queue, build_id="second")
    deployment = WorkerDeploymentConfig(version=version, use_worker_versioning=True)
    settings = Settings(space="incidents", task_queue=queue)
    async with make_workers(temporal_client, settings, pool, deployment_config=deployment):
        async with asyncio.timeout(30):
            while not await inbox.list_messages(pool, incident=incident.number, limit=1):
                await asyncio.sleep(0.05)
        description = await incident.handle.describe()

    versioning = description.raw_description.workflow_execution_info.versioning_info
    assert versioning.deployment_version.build_id == "first"


async def test_a_message_in_the_queue_of_an_older_build_still_goes_out(
    temporal_client: Client, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages once shared the incidents' queue, and may have been waiting there."""
    monkeypatch.setattr(calls, "notices_queue", lambda task_queue: task_queue)
    queue = f"q-builds-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    # The sandbox would import the workflow anew, with the queue of today.
    runner = UnsandboxedWorkflowRunner()
    async with working(temporal_client, pool, queue, workflow_runner=runner):
        await incident.start(opening(incident.number))
        assert await incident.events("message.sent")
        assert not (await incident.state()).messages


@pytest.mark.clause("3.2.2(1)")
async def test_a_worker_that_was_away_over_a_due_moment_wrongs_nobody(
    temporal_client: Client, pool: Pool
) -> None:
    """A report made in time while no worker ran is on time: the API's clock counts, not ours."""
    queue = f"q-away-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(temporal_client, pool, queue):
        await incident.start(opening(incident.number, learned=timedelta(hours=2, seconds=-3)))
        due = (await incident.state()).clocks["report-2h/city-msa"].due
        await incident.settled()
    envelope = await incident.envelope(
        stories.initial("city-msa"), request="call-1", at=due - timedelta(seconds=1)
    )
    await incident.signal(envelope.model_copy(update={"received": due - timedelta(seconds=1)}))
    await stories.pass_by(due + timedelta(seconds=1))

    async with working(temporal_client, pool, queue):
        await incident.settled()
        clock = (await incident.state()).clocks["report-2h/city-msa"]
        (event,) = await incident.events("report.submitted")

    assert event.recorded > due
    assert clock.verdict == "on_time"
    assert clock.unrecorded_at is None
