"""Figures, each beside a baseline of the same run: ``make bench``.

A drill of thirty days, every body answering, on servers of its own; beside it a workflow that
does nothing but wake up as often and ask for as many activities. Nothing here passes or fails.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from commands.drill_run import unattended
from domain.drill.rehearsal import rehearse
from embedded.stage import stage
from settings import ROOT, settings
from store.plans import load_plan
from store.scenarios import load_scenario

SCENARIO: Final = ROOT / "bench" / "thirty-days.yaml"
QUEUE: Final = "bench"
STEP: Final = timedelta(hours=4)


@activity.defn
async def nothing() -> None:
    """An activity that does nothing."""


@workflow.defn
class Bare:
    """Wakes up so often, and asks for so many activities in all: nothing else."""

    @workflow.run
    async def run(self, wakes: int, activities: int) -> None:
        """Sleep and ask, as often as told."""
        for wake in range(wakes):
            await workflow.sleep(STEP)
            for _ in range(activities * (wake + 1) // wakes - activities * wake // wakes):
                await workflow.execute_activity(nothing, start_to_close_timeout=STEP)


async def bare(client: Client, wakes: int, activities: int) -> float:
    """How many seconds the server and a worker need for that with time skipped."""
    config = TimeSkippingConfig(enabled=False, max_session_skip_count=10 * wakes)
    skipper = TimeSkipper(client, config=config)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Bare],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    async with worker:
        handle = await skipper.client.start_workflow(
            Bare.run, args=[wakes, activities], id="bare", task_queue=QUEUE
        )
        began = time.monotonic()
        await skipper.fast_forward(handle, STEP * wakes)
        await handle.result()
        return time.monotonic() - began


async def main() -> None:
    """Measure, and print."""
    plan = load_plan(settings().plan_file)
    scenario = load_scenario(SCENARIO, plan)
    went = rehearse(scenario, plan, datetime.now(UTC))
    events = went.events["main"]
    wakes = len({event.recorded for event in events})
    messages = sum(event.type == "message.sent" for event in events)
    # Each wake-up and each outcome of a message is written, and each message is sent.
    activities = wakes + 2 * messages

    play, done = await unattended(plan, scenario, lambda play, now: None)
    assert play.real_started is not None  # noqa: S101 - it has been played
    assert play.real_ended is not None  # noqa: S101 - to its end
    drill = (play.real_ended - play.real_started).total_seconds()
    async with stage() as there:
        base = await bare(there.client, wakes, activities)
    days, found, lines = scenario.length.days, len(done.events["main"]), len(scenario.script())
    print(f"{drill:6.1f} s  a drill of {days} days: {lines} scripted actions, {found} events")
    print(f"{base:6.1f} s  a bare workflow: {wakes} wake-ups, {activities} activities")
    print(f"{drill / base:6.2f}    ratio")


if __name__ == "__main__":
    asyncio.run(main())
    sys.stdout.flush()
    os._exit(0)
