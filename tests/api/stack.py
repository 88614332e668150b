"""A PostgreSQL, a Temporal server and a worker that a test may kill, with the API before them."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from embedded import binaries, ports
from embedded.folder import ROLES
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, MIGRATOR, Postgres
from embedded.supervisor import Child, Program
from embedded.temporal import TIME_SKIPPING, Temporal, ensure_namespace, ensure_search_attributes
from embedded.user import server_user
from tests.conftest import SPACE
from workflows.contracts import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
QUEUE = "incidents"


class Stack:
    """The three parts, each a child of ours that can be killed and started again."""

    def __init__(self, folder: Path, space: str = SPACE, **settings: str) -> None:
        """Parts in ``folder`` for a space; ``settings`` go into the worker's environment."""
        self._folder = folder
        self._space = space
        self._settings = settings
        self._found = binaries.find()
        self._children: dict[str, Child] = {}
        chosen = ports.choose({"PostgreSQL": ("", 0), "Temporal": ("", 0)})
        user = server_user(folder / "postgres")
        self.postgres = Postgres(
            binaries.reachable(self._found.postgres, user, folder / "copy"),
            folder / "postgres",
            folder / "sockets",
            chosen["PostgreSQL"],
            dict.fromkeys(ROLES, "known-to-the-tests"),
            user,
        )
        self.temporal = Temporal(
            self._found.temporal,
            chosen["Temporal"],
            space,
            folder / "temporal.db",
            dynamic_config=None if space == SPACE else TIME_SKIPPING,
        )

    @property
    def database_url(self) -> str:
        """The database as the application's role."""
        return self.postgres.url(APPLICATION, space=self._space)

    async def connect(self) -> Client:
        """A client as the API makes it: it needs no server until the first call."""
        return await Client.connect(
            self.temporal.address,
            namespace=self._space,
            data_converter=pydantic_data_converter,
            lazy=True,
        )

    async def start(self, part: str) -> None:
        """Start a part and wait until it is of use."""
        child = self._children[part] = Child(self._program(part), self._folder)
        await child.start()
        async with asyncio.timeout(60):
            if part == "postgres":
                await self.postgres.ready()
            elif part == "temporal":
                await self.temporal.ready()

    async def kill(self, part: str) -> None:
        """kill -9, and wait until it is dead."""
        child = self._children.pop(part)
        child.signal(signal.SIGKILL)
        await child.ended()
        if part == "postgres":
            self.postgres.close()

    @asynccontextmanager
    async def without(self, *parts: str) -> AsyncIterator[None]:
        """Within this, ``parts`` are dead."""
        for part in parts:
            await self.kill(part)
        try:
            yield
        finally:
            for part in reversed(parts):
                await self.start(part)

    @contextmanager
    def hanging(self, part: str) -> Iterator[None]:
        """Within this, ``part`` takes connections and answers nothing."""
        pid = self._children[part].pid
        assert pid is not None
        server = psutil.Process(pid)
        family = [server, *server.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                process.resume()

    async def prepare(self) -> None:
        """Start the servers and make what a first start makes."""
        self.postgres.initialise()
        await self.start("postgres")
        await self.postgres.prepare([self._space])
        await migrate(
            self._found.dbmate,
            self.postgres.url(MIGRATOR, space=self._space),
            self._space,
            self._folder / "migrations",
        )
        await self.start("temporal")
        client = await self.temporal.connect()
        await ensure_namespace(client)
        await ensure_search_attributes(client, SEARCH_ATTRIBUTES)

    async def stop(self) -> None:
        """Kill what runs."""
        for part in ("worker", "temporal", "postgres"):
            if part in self._children:
                await self.kill(part)
        binaries.forget_copy(self._folder / "copy")

    def _program(self, part: str) -> Program:
        log = self._folder / f"{part}.log"
        if part == "postgres":
            return self.postgres.program(log)
        if part == "temporal":
            return self.temporal.program(log)
        return Program(
            name="worker",
            command=[sys.executable, "-m", "worker", "--set-current"],
            log=log,
            env={
                "PATH": os.defpath,
                "HOME": os.environ.get("HOME", "/"),
                "TEMPORAL_ADDRESS": self.temporal.address,
                "TEMPORAL_NAMESPACE": self._space,
                "YAOAN_SPACE": self._space,
                "YAOAN_DATABASE_URL": self.database_url,
                "YAOAN_DATA_DIR": str(self._folder),
                "YAOAN_TASK_QUEUE": QUEUE,
                **self._settings,
            },
            cwd=ROOT,
        )
