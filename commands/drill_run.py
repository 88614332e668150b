"""``yaoan drill run``: a drill by its script alone, on servers of its own, with nobody there."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from activities.sealing import sealed
from commands.rehearse import File, write_papers
from commands.scenarios import PlanOption, explained, plan_of, said
from domain.base import beijing_text
from domain.drill.orders import Start
from domain.drill.paper_words import RATINGS, STATUS
from domain.drill.papers import clause_of, papers_after, papers_before
from domain.drill.play import By, Play, opened, record
from domain.drill.scenario import Scenario
from domain.plan import Plan
from embedded.problem import Problem
from embedded.stage import stage
from embedded.temporal import set_current_version
from settings import build_id
from store.evaluations import Evaluated, evaluated
from store.scenarios import ScenarioError, load_scenario
from worker import make_workers, queues_of
from workflows.contracts import DEPLOYMENT
from workflows.drill_contracts import (
    DRILL_WORKFLOW,
    ORDER_UPDATE,
    PLAY_QUERY,
    DrillStart,
    GivenOrder,
    Ordered,
    drills_queue,
)

DRILL: Final = "D-1"
LOOK_SECONDS: Final = 0.5
NOBODY: Final = By(role="director", seat="drill-director", person="yaoan drill run")

Watch = Callable[[Play, datetime], None]


def run(
    file: File,
    plan: PlanOption = None,
    to: Annotated[Path | None, typer.Option("--json", help="Where to write the result.")] = None,
    papers: Annotated[
        Path | None, typer.Option(help="A folder for the papers, of before and after.")
    ] = None,
) -> None:
    """Play a drill by its script alone, and evaluate it: the real workflow, its time advanced.

    It needs nothing that runs, and touches nothing that does. Ends with status 1 when something
    did not go as the script says, and 2 when it could not be played.
    """
    exercised = plan_of(plan)
    try:
        scenario = load_scenario(file, exercised)
    except ScenarioError as error:
        explained(error)
        raise typer.Exit(2) from None
    began = time.monotonic()
    try:
        play, done = asyncio.run(_run(exercised, scenario))
    except Problem as problem:
        said(f"yaoan: {problem}", err=True)
        _leave(2)
    except (KeyboardInterrupt, asyncio.CancelledError):
        said("yaoan: stopped before its end", err=True)
        _leave(2)
    told(play, done)
    if to is not None:
        text = json.dumps(outcome(play, done), ensure_ascii=False, indent=2)
        to.write_text(text + "\n", encoding="utf-8")
    if papers is not None:
        after = papers_after(done.plan, done.record, done.evaluation)
        write_papers(papers, scenario, (*papers_before(exercised, scenario), *after))
    said(f"played in {time.monotonic() - began:.1f} s, servers included")
    _leave(1 if play.progress.surprises else 0)


def _leave(status: int) -> NoReturn:
    # The SDK's runtime may not survive the interpreter's finalisation.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def _run(plan: Plan, scenario: Scenario) -> tuple[Play, Evaluated]:
    # So that a request to stop ends our servers as Ctrl-C does.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with _display(scenario) as watch:
        return await unattended(plan, scenario, watch)


async def unattended(plan: Plan, scenario: Scenario, watch: Watch) -> tuple[Play, Evaluated]:
    """The drill of ``scenario`` by its script alone, to its end, and its evaluation.

    Args:
        watch: called every now and then with the drill and our time.

    Raises:
        Problem: a server cannot be started.
    """
    async with stage() as there, make_workers(there.client, there.settings, there.pool):
        await set_current_version(there.client, DEPLOYMENT, build_id(), queues_of(there.settings))
        client = sealed(there.client, there.settings.vault_key_path.read_bytes())
        real = datetime.now(UTC)
        queue = there.settings.task_queue
        play = opened(plan, scenario, DRILL, clause_of(plan), NOBODY, real, {})
        handle = await client.start_workflow(
            DRILL_WORKFLOW,
            DrillStart(plan=plan, play=play, task_queue=queue),
            id=DRILL,
            task_queue=drills_queue(queue),
        )
        start = GivenOrder(order=Start(minutes_per_hour=0), by=NOBODY, request="start")
        await handle.execute_update(ORDER_UPDATE, start, result_type=Ordered)
        while play.mode != "ended":
            await asyncio.sleep(LOOK_SECONDS)
            play = await handle.query(PLAY_QUERY, result_type=Play)
            watch(play, datetime.now(UTC))
        await handle.result()
        left = record(play)
        assert left is not None  # noqa: S101 - it was started
        return play, await evaluated(there.pool, plan, left)


@contextmanager
def _display(scenario: Scenario) -> Iterator[Watch]:
    """Within this what comes of a drill is shown at a terminal, and nothing elsewhere."""
    total = scenario.length.total_seconds()
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("正在准备服务器", total=total)

        def watch(play: Play, real: datetime) -> None:
            assert play.started is not None  # noqa: S101 - it was started
            now = play.ended or play.now(real)
            come = sum(one.status == "delivered" for one in play.progress.played)
            progress.update(
                bar,
                completed=min((now - play.started).total_seconds(), total),
                description=f"{beijing_text(now)}  情景 {come}/{len(play.injects)}",
            )

        yield watch


def told(play: Play, done: Evaluated) -> None:
    """Print how it went: expected actions, objectives, and what surprised."""
    evaluation = done.evaluation
    for judged in evaluation.judged:
        at = beijing_text(judged.at) if judged.at else "-"
        status = STATUS[judged.status].zh
        said(f"{judged.inject:>3}. {status}  {at:16}  {judged.clause}  {judged.text.zh}")
    for rated in evaluation.objectives:
        rating = RATINGS[rated.rating].zh if rated.rating else "待评"
        said(f"{rating}  {rated.text.zh}  {rated.rule.zh}")
    for refused in play.progress.refused:
        said(f"refused as written: {refused.line}: {refused.what}")
    for surprise in play.progress.surprises:
        said(f"surprise: {surprise.line}: {surprise.what}", err=True)
    for name, events in done.events.items():
        said(f"{name} {play.progress.incidents[name]}: {len(events)} events")


def outcome(play: Play, done: Evaluated) -> dict[str, Any]:
    """What came of it, for programs."""
    return {
        "drill": play.drill,
        "scenario": play.scenario.id,
        "evaluation": done.evaluation.model_dump(mode="json"),
        "incidents": {
            name: {
                "number": play.progress.incidents[name],
                "events": [event.model_dump(mode="json") for event in events],
            }
            for name, events in done.events.items()
        },
        "refused": [one.model_dump(mode="json") for one in play.progress.refused],
        "surprises": [one.model_dump(mode="json") for one in play.progress.surprises],
    }
