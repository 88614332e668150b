"""The worker as a process: it waits for Temporal, runs without PostgreSQL, and stops when told."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from embedded import binaries, ports
from embedded.supervisor import Supervisor
from embedded.temporal import (
    TIME_SKIPPING,
    Temporal,
    current_version,
    ensure_namespace,
    ensure_search_attributes,
)
from settings import build_id
from store.pool import Pool
from tests.conftest import SPACE, Database
from tests.workflows.conftest import opening
from tests.workflows.harness import IncidentDriver, number
from workflows.contracts import DEPLOYMENT, SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
NOWHERE = "postgresql://yaoan_app:topsecret@127.0.0.1:9/yaoan"


class Process:
    """A worker of its own, and what it logged."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self._log = log

    def logged(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    async def says(self, event: str, seconds: float = 60.0) -> None:
        """Return once it has logged ``event``."""
        async with asyncio.timeout(seconds):
            while not any(str(line["event"]).startswith(event) for line in self.logged()):
                assert self.process.returncode is None, self._log.read_text(encoding="utf-8")
                await asyncio.sleep(0.05)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 30)


@asynccontextmanager
async def worker(
    folder: Path, address: str, database: str, queue: str, *arguments: str
) -> AsyncIterator[Process]:
    log = folder / f"{queue}.log"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TEMPORAL_ADDRESS": address,
        "YAOAN_SPACE": SPACE,
        "YAOAN_TASK_QUEUE": queue,
        "YAOAN_DATABASE_URL": database,
    }
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "worker", *arguments, cwd=ROOT, env=environment, stderr=output
        )
    try:
        yield Process(process, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worker_runs_without_postgresql_and_keeps_secrets_out_of_its_log(
    temporal_client: Client, temporal_address: str, pool: Pool, tmp_path: Path
) -> None:
    queue = f"q-process-{number()}"
    async with worker(tmp_path, temporal_address, NOWHERE, queue, "--set-current") as process:
        await process.says("current version")
        assert await current_version(temporal_client, DEPLOYMENT) == build_id()
        incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
        await incident.start(opening(incident.number, drug="某某注射液", people="李某等13人"))
        assert (await incident.overview()).unwritten > 0
        await asyncio.sleep(1.5)

        assert await process.stopped() == 0

        lines = process.logged()
        text = json.dumps(lines, ensure_ascii=False)
        assert any("append_events" in str(line) for line in lines), "the failing journal is logged"
        assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
        for secret in ("topsecret", "某某注射液", "李某"):
            assert secret not in text
        assert lines[-1]["event"] == "stopped"


async def test_a_worker_waits_for_temporal_and_then_catches_up(
    postgres: Database, pool: Pool, tmp_path: Path
) -> None:
    port = ports.choose({"Temporal": ("", 0)})["Temporal"]
    server = Temporal(binaries.find().temporal, port, SPACE, dynamic_config=TIME_SKIPPING)
    queue = f"q-waits-{number()}"
    arguments = (postgres.application_url, queue, "--set-current")
    async with worker(tmp_path, server.address, *arguments) as process:
        await process.says("Temporal cannot be reached yet")
        supervisor = Supervisor(tmp_path, lambda name, event: None)
        try:
            await supervisor.start(server.program(tmp_path / "temporal.log"), server.ready, 60)
            client = await server.connect()
            await ensure_namespace(client)
            await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
            await process.says("current version")
            incident = IncidentDriver(client, pool, number(), queue=queue)
            await incident.start(opening(incident.number))
            assert (await incident.events())[0].type == "incident.reported"
            assert await process.stopped(signal.SIGINT) == 0
        finally:
            await supervisor.stop()


async def test_a_worker_that_never_found_temporal_can_be_stopped(tmp_path: Path) -> None:
    async with worker(tmp_path, "127.0.0.1:9", NOWHERE, "q-alone") as process:
        await process.says("Temporal cannot be reached yet")
        assert await process.stopped() == 0
