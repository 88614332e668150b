"""The whole stack: started in order, watched, and ended in reverse order."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from pydantic import ValidationError
from pydantic_settings import SettingsError
from temporalio.service import RPCError

from activities.outward.providers import channels_of
from domain.drill.play import STAFF_SEATS
from domain.plan import Plan
from embedded import binaries, ports, processes
from embedded.credentials import ensure_credentials, known_digests
from embedded.folder import DataFolder
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, MIGRATOR, Postgres
from embedded.problem import Problem
from embedded.supervisor import Program, Ready, Report, Supervisor
from embedded.temporal import (
    TIME_SKIPPING,
    Temporal,
    ensure_namespace,
    ensure_search_attributes,
    set_current_version,
)
from embedded.user import server_user
from settings import DRILL, ROOT, Settings, build_id
from store.credentials import load_digests, put_digests, revoke
from store.plans import PlanError, load_plan
from store.pool import open_pool
from workflows.contracts import DEPLOYMENT, SEARCH_ATTRIBUTES
from workflows.drill_contracts import drills_queue

START_SECONDS = 120.0
"""How long a server may take to answer; after a crash PostgreSQL first repairs itself."""


@dataclass(frozen=True)
class Options:
    """What ``yaoan up`` was asked for; port 0 means any that is free."""

    data: Path
    api_port: int = 8000
    temporal_port: int = 7233
    ui_port: int = 8233
    pg_port: int = 5433
    drill_temporal_port: int = 0


class Stack:
    """PostgreSQL, Temporal, worker, API and watchdog on one data folder, and the drill space.

    The drill space has a Temporal server and a worker of its own. They are started last and kept
    running for ever; whatever becomes of them, the others go on.

    ``report`` is called with the name of a part and what happened to it. ``start`` and
    ``stop`` run within one event loop, in the main thread: the kernel ties the children's
    lives to the thread that started them.
    """

    def __init__(self, options: Options, report: Report) -> None:
        self._options = options
        self._report = report
        self.folder = DataFolder(options.data)
        self._postgres: Postgres | None = None
        self._supervisor: Supervisor | None = None
        self.api_port = 0
        self.ui_port = 0

    async def start(self) -> None:
        """Start everything; returns when the API answers. The drill space comes after that.

        Raises ``Problem`` when something cannot be started; ``stop`` is to be called then too.
        """
        config = _settings()
        found = binaries.find()
        plan = _plan(config.plan_file)
        seats = [(seat.id, seat.body) for seat in plan.seats]
        staff = [(seat, plan.government) for seat in STAFF_SEATS]
        folder = self.folder
        folder.open()
        for name in processes.end_leftovers(folder.run):
            self._report(name, "was left over from an earlier start and has been ended")
        binaries.forget_copy(folder.run / "binaries")
        chosen = ports.choose(
            {
                "PostgreSQL": ("--pg-port", self._options.pg_port),
                "the Temporal server": ("--temporal-port", self._options.temporal_port),
                "the Temporal UI": ("--ui-port", self._options.ui_port),
                "the API": ("--api-port", self._options.api_port),
                "the watchdog": ("", 0),
                "the Temporal server of drills": (
                    "--drill-temporal-port",
                    self._options.drill_temporal_port,
                ),
            }
        )
        self.api_port, self.ui_port = chosen["the API"], chosen["the Temporal UI"]
        postgres = self._postgres = self._make_postgres(found, chosen["PostgreSQL"])
        vault_key = config.vault_key_file or folder.ensure_vault_key()
        temporal = Temporal(
            found.temporal,
            chosen["the Temporal server"],
            config.space,
            database=folder.temporal(config.space),
            ui_port=self.ui_port,
        )
        temporal.check()
        drill = Temporal(
            found.temporal,
            chosen["the Temporal server of drills"],
            DRILL,
            database=folder.temporal(DRILL),
            dynamic_config=TIME_SKIPPING,
            name="temporal-drill",
        )
        # Up to here nothing was started, and nothing but the lock was touched.
        supervisor = self._supervisor = Supervisor(folder.run, self._report)
        await self._start_postgres(supervisor, postgres, found.dbmate, config.space)
        url = postgres.url(APPLICATION, space=config.space)
        await self._store_credentials(url, config.space, seats)
        prepared = partial(self._drill_record, found.dbmate, seats + staff)
        # Before the API reads which tokens are good. What fails is reported when it is tried again.
        with contextlib.suppress(Exception):
            await prepared()
        await self._start_temporal(supervisor, temporal)
        env = self._environment(config, url, temporal.address, vault_key)
        env["YAOAN_DRILL_ADDRESS"] = drill.address
        env["YAOAN_DRILL_NAMESPACE"] = DRILL
        env["YAOAN_DRILL_DATABASE_URL"] = postgres.url(APPLICATION, space=DRILL)
        await self._start_worker(supervisor, temporal, env, config.task_queue)
        await self._start_api(supervisor, env)
        await self._start_watchdog(supervisor, env, chosen["the watchdog"])
        self._start_drill(supervisor, drill, prepared, env)

    async def broken(self) -> None:
        """Wait until a part has died too often; raises ``Problem`` then."""
        assert self._supervisor is not None  # noqa: S101 - called after start
        await asyncio.shield(self._supervisor.failed)

    async def stop(self) -> None:
        """End everything, the drill space first and PostgreSQL last."""
        if self._supervisor is not None:
            await self._supervisor.stop()
        if self._postgres is not None:
            self._postgres.close()
        if self.folder.held:
            binaries.forget_copy(self.folder.run / "binaries")
        self.folder.close()

    def hurry(self) -> None:
        """End what still runs without waiting for it."""
        if self._supervisor is not None:
            self._supervisor.hurry()

    def pid(self, name: str) -> int | None:
        """The process id of ``postgresql``, ``temporal``, ``worker``, ``api``, ``watchdog``,
        ``temporal-drill``, ``worker-drill``.
        """
        return self._supervisor.pid(name) if self._supervisor is not None else None

    def _make_postgres(self, found: binaries.Binaries, port: int) -> Postgres:
        folder = self.folder
        passwords = folder.passwords()
        user = server_user(folder.postgres)
        programs = binaries.reachable(found.postgres, user, folder.run / "binaries")
        return Postgres(programs, folder.postgres, folder.sockets, port, passwords, user)

    async def _start_postgres(
        self, supervisor: Supervisor, server: Postgres, dbmate: Path, space: str
    ) -> None:
        """PostgreSQL with its roles, migrated."""
        folder = self.folder
        if server.initialise():
            self._report("postgresql", "made its files")
        program = server.program(folder.log("postgresql"))
        await supervisor.start(program, server.ready, START_SECONDS)
        await server.prepare([space, DRILL])
        self._report("postgresql", f"started on {server.address}")
        await migrate(dbmate, server.url(MIGRATOR, space=space), space, folder.log("migrations"))
        self._report("migrations", "applied")

    async def _store_credentials(self, url: str, space: str, seats: list[tuple[str, str]]) -> None:
        """Make the file's tokens the ones that are valid, and no others.

        Whoever removes the file because a token leaked has new ones made, and the leaked one
        must not live on in the database.
        """
        credentials = ensure_credentials(self.folder.root, seats)
        in_file = known_digests(self.folder.root)
        pool = await open_pool(url, space, size=1, name="yaoan up")
        try:
            await put_digests(pool, [(one.digest, one.seat, one.body) for one in credentials])
            stale = [row.digest for row in await load_digests(pool) if row.digest not in in_file]
            if stale:
                count = await revoke(pool, stale, datetime.now(UTC))
                self._report("credentials", f"{count} tokens that left the file were revoked")
        finally:
            await pool.close()

    async def _start_temporal(self, supervisor: Supervisor, server: Temporal) -> None:
        program = server.program(self.folder.log("temporal"))
        await supervisor.start(program, server.ready, START_SECONDS)
        client = await server.connect()
        await ensure_namespace(client)
        await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
        self._report("temporal", f"started on {server.address}")

    async def _start_worker(
        self,
        supervisor: Supervisor,
        temporal: Temporal,
        env: Mapping[str, str],
        task_queue: str,
    ) -> None:
        async def ready() -> None:
            client = await temporal.connect()
            while True:
                # Read anew each time: the worker runs the code that is there when it starts.
                with contextlib.suppress(Problem):
                    await set_current_version(client, DEPLOYMENT, build_id(), [task_queue], 3.0)
                    return

        await supervisor.start(self._python("worker", "worker", env, 20.0), ready, START_SECONDS)
        self._report("worker", f"started, build {build_id()}")

    async def _start_api(self, supervisor: Supervisor, env: Mapping[str, str]) -> None:
        address = f"http://{ports.HOST}:{self.api_port}/healthz"
        program = self._python("api", "embedded.serve_api", env, 15.0)
        await supervisor.start(program, partial(_answers, address), START_SECONDS)
        self._report("api", f"started on {ports.HOST}:{self.api_port}")

    async def _start_watchdog(
        self, supervisor: Supervisor, env: Mapping[str, str], port: int
    ) -> None:
        # Ready when it serves its metrics, whatever it finds: it is there for the bad days.
        address = f"http://{ports.HOST}:{port}/metrics"
        arguments = ("watchdog", "--metrics-port", str(port))
        program = self._python("watchdog", "cli", env, 5.0, *arguments)
        await supervisor.start(program, partial(_answers, address), START_SECONDS)
        self._report("watchdog", f"started, metrics on {address}")

    def _start_drill(
        self, supervisor: Supervisor, server: Temporal, prepared: Ready, env: Mapping[str, str]
    ) -> None:
        """The drill space: nobody waits for it, and its failures are its own."""

        async def serves() -> None:
            # Again with each start, for all of it does nothing the second time.
            server.check()
            await prepared()
            await server.ready()
            client = await server.connect()
            await ensure_namespace(client)
            await ensure_search_attributes(client, SEARCH_ATTRIBUTES)

        queues = [DRILL, drills_queue(DRILL)]

        async def works() -> None:
            while True:
                with contextlib.suppress(Problem, RPCError, RuntimeError):
                    client = await server.connect()
                    await set_current_version(client, DEPLOYMENT, build_id(), queues, 3.0)
                    return
                await asyncio.sleep(0.25)

        supervisor.maintain(
            server.program(self.folder.log("temporal-drill")), serves, START_SECONDS
        )
        own = {
            name: value
            for name, value in env.items()
            # What an exercise must not use it need not know.
            if not name.startswith(("YAOAN_CHANNELS", "YAOAN_SMTP_", "YAOAN_DRILL_"))
        } | {
            "YAOAN_SPACE": DRILL,
            "YAOAN_TASK_QUEUE": DRILL,
            "YAOAN_DATABASE_URL": env["YAOAN_DRILL_DATABASE_URL"],
            "TEMPORAL_ADDRESS": server.address,
            "TEMPORAL_NAMESPACE": DRILL,
        }
        worker = self._python("worker-drill", "worker", own, 20.0)
        supervisor.maintain(worker, works, START_SECONDS)

    async def _drill_record(self, dbmate: Path, seats: list[tuple[str, str]]) -> None:
        """The schema of drills, migrated, with the tokens of the live space."""
        assert self._postgres is not None  # noqa: S101 - called after start
        server, log = self._postgres, self.folder.logs / "migrations.log"
        await migrate(dbmate, server.url(MIGRATOR, space=DRILL), DRILL, log)
        await self._store_credentials(server.url(APPLICATION, space=DRILL), DRILL, seats)

    def _python(
        self, name: str, module: str, env: Mapping[str, str], stop_seconds: float, *arguments: str
    ) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "-m", module, *arguments],
            log=self.folder.log(name),
            env=env,
            cwd=ROOT,
            stop_seconds=stop_seconds,
        )

    def _environment(
        self, config: Settings, url: str, temporal: str, vault_key: Path
    ) -> dict[str, str]:
        """What our programs are told; their further settings pass through as they are."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TEMPORAL_", "PG")) and name != "YAOAN_DATA_DIR"
        }
        return inherited | {
            "PYTHONUNBUFFERED": "1",
            "YAOAN_SPACE": config.space,
            "YAOAN_DATABASE_URL": url,
            "YAOAN_DATA": str(self.folder.root),
            "YAOAN_VAULT_KEY_FILE": str(vault_key.absolute()),
            "YAOAN_PLAN_FILE": str(config.plan_file.absolute()),
            "YAOAN_API_HOST": ports.HOST,
            "YAOAN_API_PORT": str(self.api_port),
            "TEMPORAL_ADDRESS": temporal,
            "TEMPORAL_NAMESPACE": config.space,
            # Not the profile of whoever starts us, which may point to another cluster.
            "TEMPORAL_CONFIG_FILE": os.devnull,
        }


async def _answers(address: str) -> None:
    """Return once a server of ours answers there."""
    # Not through a proxy that the environment may name: it is our own loopback.
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        while True:
            try:
                if (await client.get(address)).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)


def _settings() -> Settings:
    try:
        config = Settings()
    except (ValidationError, SettingsError) as error:
        first = str(error).splitlines()
        if isinstance(error, ValidationError):
            fault = error.errors()[0]
            name = "_".join(str(part) for part in fault["loc"][:1]).upper()
            first = [f"YAOAN_{name}: {fault['msg']}"]
        raise Problem(f"A setting in the environment is wrong: {first[0]}.") from None
    if config.space == DRILL:
        raise Problem(
            f"YAOAN_SPACE={DRILL} names the space of exercises, which is there beside the real "
            "one: leave YAOAN_SPACE away."
        )
    try:
        channels_of(config)
    except ValueError as error:
        raise Problem(f"A channel in the settings cannot be used: {error}.") from None
    return config


def _plan(path: Path) -> Plan:
    try:
        return load_plan(path)
    except PlanError as error:
        raise Problem(
            f"The plan cannot be used: {error.lines()[0]}; `yaoan plan check {path}` lists "
            "everything that is wrong with it."
        ) from None
