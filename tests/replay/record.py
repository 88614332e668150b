"""``python -m tests.replay.record``: record runs that every later version must replay.

A recorded history is never made anew to make a test pass: it stands for incidents that are
running somewhere. New behaviour gets a new ``rules_version`` and a new recording beside the old.
Names that exist already are left alone.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from temporalio.client import Client, WorkflowHistory
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.journal import Journal
from activities.notify import Notify, asking
from domain.directory import Directory
from domain.incident.commands import Dismiss, RecordCall, StopNotice
from domain.incident.envelope import Envelope
from domain.incident.observations import Delivered
from domain.incident.state import State
from embedded.temporal import set_current_version
from settings import build_id
from store.pool import Pool, open_pool
from tests.replay import corpus, fixtures
from tests.workflows import stories
from tests.workflows.conftest import Open, open_incident, opening, pool, queue
from tests.workflows.harness import IncidentDriver, Silent, directory_of, number, working
from workflows.calls import notices_queue
from workflows.contracts import DEPLOYMENT
from workflows.incident import Incident
from workflows.sandbox import workflow_runner

__all__ = ["open_incident", "pool", "queue"]  # the fixtures

Story = Callable[[IncidentDriver], Awaitable[None]]

PEOPLE = directory_of({"county-health": {"duty_phone": "1"}}, channel="silent")


async def pursued(incident: IncidentDriver) -> None:
    """Told, reminded, telephoned, stopped; nobody answers but by telephone (rules version 2)."""
    await incident.fast_forward(timedelta(minutes=11))
    state = await incident.state()
    told = [n for n in state.notices.values() if n.recipient == "county-health"]
    heard = Delivered(notices=(told[0].id,))
    envelope = Envelope(request_id="delivered", received=await incident.now(), command=heard)
    await incident.deliver(envelope)
    stop = StopNotice(notice=told[0].id, reason="已当面告知")
    await incident.send(stop, "command-office", recorder="command-office")
    await incident.send(RecordCall(recipient="county-health", answered=False), "duty")
    call = RecordCall(recipient="county-health", taken_by="值班员")
    await incident.send(call, "duty", means="phone")
    await incident.send(RecordCall(recipient="city-msa", taken_by="值班员"), "duty", means="phone")
    await incident.fast_forward(timedelta(minutes=25))
    await incident.acknowledge()
    await incident.send(Dismiss(reasons="登记错误"))
    await incident.fast_forward(timedelta(minutes=1))


STORIES: dict[str, tuple[Story, dict[str, object]]] = {
    "county-iv": (lambda i: stories.iv_incident(i, days=1), {}),
    "superior-i": (lambda i: stories.under_superior(i, days=2), {}),
    "odds-and-ends": (stories.odds_and_ends, {}),
    "nothing-done": (stories.nothing_done, {}),
    "continued": (stories.started, {"continue_after": 150}),
    # The same under rules version 2, and what only it knows.
    "told-county-iv": (lambda i: stories.iv_incident(i, days=1), {}),
    "told-continued": (stories.started, {"continue_after": 150}),
}


async def save(incident: IncidentDriver, name: str) -> None:
    """Save every run of the incident with the state it ended in, and examples of its events."""
    query = f"WorkflowId = '{incident.number}'"
    found = [run async for run in incident.client.list_workflows(query)]
    runs = sorted(found, key=lambda run: run.start_time)
    for index, run in enumerate(runs, start=1):
        handle = incident.client.get_workflow_handle(incident.number, run_id=run.run_id)
        history: WorkflowHistory = await handle.fetch_history()
        state: State = await handle.query("state", result_type=State)
        corpus.save(name if len(runs) == 1 else f"{name}-{index}", history, state)
    fixtures.keep(name, await incident.events(), await incident.state())


def missing(name: str) -> bool:
    """Whether there is no recording of this name yet."""
    return all(old != name and not old.startswith(f"{name}-") for old in corpus.names())


async def record_runs(open_incident: Open, temporal_client: Client, pool: Pool) -> None:
    """Tell each story once on the real server, and keep what it left."""
    for name, (story, options) in STORIES.items():
        if missing(name):
            incident = await open_incident(options=options)
            await incident.settled()
            await story(incident)
            await incident.settled()
            await save(incident, name)
    if missing("merged"):
        into, merged = await open_incident(), await open_incident()
        await stories.merge(merged, into)
        await into.settled()
        await save(merged, "merged-from")
        await save(into, "merged-into")
    await pursuit_runs(temporal_client, pool)
    if missing("unheard"):
        name = f"q-unheard-{number()}"
        silent = {"silent": Silent(retryable=False)}
        async with working(temporal_client, pool, name, channels=silent):
            incident = IncidentDriver(temporal_client, pool, number(), queue=name)
            await incident.start(opening(incident.number))
            await incident.settled()
            await save(incident, "unheard")


async def pursuit_runs(client: Client, pool: Pool) -> None:
    """What needs workers of its own: channels that refuse, and messages that nobody sends."""
    silent = {"silent": Silent(retryable=False)}
    if missing("pursued"):
        queue = f"q-pursued-{number()}"
        async with working(client, pool, queue, channels=silent, directory=PEOPLE):
            incident = IncidentDriver(client, pool, number(), queue=queue)
            await incident.start(opening(incident.number))
            await pursued(incident)
            await save(incident, "pursued")
    if missing("withdrawn"):
        queue = f"q-withdrawn-{number()}"
        incident = IncidentDriver(client, pool, number(), queue=queue)
        async with without_senders(client, pool, queue):
            await incident.start(opening(incident.number))
            while not (await incident.state()).messages:
                await asyncio.sleep(0.05)
            await incident.acknowledge()
        async with working(client, pool, queue):
            await incident.settled()
            await save(incident, "withdrawn")
    if missing("failed"):
        queue = f"q-failed-{number()}"
        incident = IncidentDriver(client, pool, number(), queue=queue)
        # PostgreSQL is there for the record, and away for the inbox.
        down = await open_pool("postgresql://yaoan_app@127.0.0.1:9/yaoan", "incidents")
        async with without_senders(client, pool, queue, sender=down):
            await incident.start(opening(incident.number))
            async with asyncio.timeout(400):
                # One loss brings news of it, which is lost as well; then there is a pause.
                while (await incident.state()).messages:
                    await asyncio.sleep(0.2)
            await incident.settled()
            await save(incident, "failed")
        down.terminate()


@asynccontextmanager
async def without_senders(
    client: Client, pool: Pool, queue: str, sender: "Pool | None" = None
) -> AsyncIterator[None]:
    """A worker whose messages go nowhere: nobody takes them, or ``sender`` is down."""
    version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id())
    async with AsyncExitStack() as stack:
        worker = Worker(
            client,
            task_queue=queue,
            workflows=[Incident],
            activities=[Journal(pool).append_events],
            workflow_runner=workflow_runner(),
            deployment_config=WorkerDeploymentConfig(version=version, use_worker_versioning=True),
        )
        await stack.enter_async_context(worker)
        if sender is not None:

            async def nobody() -> Directory:
                return Directory()

            notify = Notify(sender, nobody, {}, asking(client))
            senders = Worker(
                client, task_queue=notices_queue(queue), activities=[notify.deliver_notice]
            )
            await stack.enter_async_context(senders)
        await set_current_version(client, DEPLOYMENT, build_id(), (queue,))
        yield


if __name__ == "__main__":
    # The servers come from the fixtures of the tests, so the recording runs as one of them.
    arguments = ["-q", "-p", "no:cacheprovider", "-o", "python_functions=record_*", __file__]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606
