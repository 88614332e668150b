"""``python -m tests.replay.record``: record runs that every later version must replay.

A recorded history is never made anew to make a test pass: it stands for incidents that are
running somewhere. New behaviour gets a new ``rules_version`` and a new recording beside the old.
Names that exist already are left alone.
"""

import os
import sys
from collections.abc import Awaitable, Callable

from temporalio.client import Client, WorkflowHistory

from domain.incident.state import State
from store.pool import Pool
from tests.replay import corpus, fixtures
from tests.workflows import stories
from tests.workflows.conftest import Open, open_incident, opening, pool, queue
from tests.workflows.harness import IncidentDriver, Silent, number, working

__all__ = ["open_incident", "pool", "queue"]  # the fixtures

Story = Callable[[IncidentDriver], Awaitable[None]]

STORIES: dict[str, tuple[Story, dict[str, object]]] = {
    "county-iv": (lambda i: stories.iv_incident(i, days=1), {}),
    "superior-i": (lambda i: stories.under_superior(i, days=2), {}),
    "odds-and-ends": (stories.odds_and_ends, {}),
    "nothing-done": (stories.nothing_done, {}),
    "continued": (stories.started, {"continue_after": 150}),
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
    if missing("unheard"):
        name = f"q-unheard-{number()}"
        async with working(temporal_client, pool, name, channels=(Silent(retryable=False),)):
            incident = IncidentDriver(temporal_client, pool, number(), queue=name)
            await incident.start(opening(incident.number))
            await incident.settled()
            await save(incident, "unheard")


if __name__ == "__main__":
    # The servers come from the fixtures of the tests, so the recording runs as one of them.
    arguments = ["-q", "-p", "no:cacheprovider", "-o", "python_functions=record_*", __file__]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606
