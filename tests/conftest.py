"""The real parts that tests run against: one PostgreSQL and one Temporal server a session.

Both are started as ``yaoan up`` starts them, on free ports, and end with the session. Each
test module gets a database of its own, cloned from a migrated one.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg
import pytest
from hypothesis import settings as hypothesis_settings
from temporalio.client import Client

from embedded import binaries, ports
from embedded.folder import ROLES
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, DATABASE, MIGRATOR, SUPERUSER, Postgres
from embedded.supervisor import Supervisor
from embedded.temporal import TIME_SKIPPING, Temporal, ensure_namespace, ensure_search_attributes
from embedded.user import server_user
from settings import DRILL
from workflows.contracts import SEARCH_ATTRIBUTES

SPACE = "incidents"

# The machine may be busy: time limits of single examples would make failures of it.
hypothesis_settings.register_profile("yaoan", deadline=None, print_blob=True)
hypothesis_settings.load_profile("yaoan")


@dataclass(frozen=True)
class Database:
    """A migrated, empty database on the session's server; addresses for each role."""

    name: str
    space: str
    application_url: str
    migrator_url: str
    superuser_url: str


Clone = Callable[[], Awaitable[Database]]


@pytest.fixture(scope="session")
async def supervisor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervisor]:
    """Keeps the session's servers running and ends them with it."""
    keeper = Supervisor(tmp_path_factory.mktemp("records"), lambda name, event: None)
    yield keeper
    await keeper.stop()


@pytest.fixture(scope="session")
async def postgres_server(
    supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Postgres]:
    """The session's PostgreSQL, with the migrated database that others are cloned from."""
    folder = tmp_path_factory.mktemp("postgres")
    found = binaries.find()
    user = server_user(folder / "data")
    programs = binaries.reachable(found.postgres, user, folder / "copy")
    port = ports.choose({"PostgreSQL": ("", 0)})["PostgreSQL"]
    server = Postgres(
        programs,
        folder / "data",
        folder / "sockets",
        port,
        dict.fromkeys(ROLES, "known-to-the-tests"),
        user,
        # What is written here need not survive the machine, only the tests.
        {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        },
    )
    server.initialise(durable=False)
    await supervisor.start(server.program(folder / "log"), server.ready, 60)
    await server.prepare([SPACE])
    await migrate(found.dbmate, server.url(MIGRATOR, space=SPACE), SPACE, folder / "migrations")
    yield server
    server.close()
    binaries.forget_copy(folder / "copy")


@pytest.fixture(scope="session")
async def clone_database(postgres_server: Postgres) -> AsyncIterator[Clone]:
    """Makes a fresh database, migrated and empty, for whoever needs one more."""
    async with AsyncExitStack() as stack:
        admin = await asyncpg.connect(postgres_server.url(SUPERUSER, SUPERUSER))
        stack.push_async_callback(admin.close)
        made: list[str] = []

        async def clone() -> Database:
            name = f"test_{len(made)}"
            made.append(name)
            await admin.execute(f"CREATE DATABASE {name} TEMPLATE {DATABASE}")
            await admin.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
            await admin.execute(f"GRANT CONNECT ON DATABASE {name} TO {MIGRATOR}, {APPLICATION}")
            return Database(
                name=name,
                space=SPACE,
                application_url=postgres_server.url(APPLICATION, name, SPACE),
                migrator_url=postgres_server.url(MIGRATOR, name, SPACE),
                superuser_url=postgres_server.url(SUPERUSER, name, SPACE),
            )

        yield clone


@pytest.fixture(scope="module")
async def postgres(clone_database: Clone) -> Database:
    """A database of the test module's own, migrated and empty."""
    return await clone_database()


Serve = Callable[..., Awaitable[Temporal]]


@pytest.fixture(scope="session")
def serve_temporal(supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Serve:
    """Starts Temporal servers with the namespace of a space; ``skipping`` lets time be advanced."""

    async def serve(space: str, *, skipping: bool, name: str = "temporal") -> Temporal:
        port = ports.choose({"Temporal": ("", 0)})["Temporal"]
        config = TIME_SKIPPING if skipping else None
        server = Temporal(binaries.find().temporal, port, space, dynamic_config=config, name=name)
        log = tmp_path_factory.mktemp(name) / "log"
        await supervisor.start(server.program(log), server.ready, 60)
        client = await server.connect()
        await ensure_namespace(client)
        await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
        return server

    return serve


@pytest.fixture(scope="session")
async def temporal_server(serve_temporal: Serve) -> Temporal:
    """The session's Temporal server; its workflows may skip time."""
    return await serve_temporal(SPACE, skipping=True)


@pytest.fixture(scope="session")
def temporal_address(temporal_server: Temporal) -> str:
    """``host:port`` of the session's Temporal server."""
    return temporal_server.address


@pytest.fixture(scope="session")
async def temporal_client(temporal_server: Temporal) -> Client:
    """A client of the namespace ``incidents`` with the pydantic converter."""
    return await temporal_server.connect()


@pytest.fixture(scope="module")
async def drill_database(
    postgres: Database, postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Database:
    """The schema of drills, beside that of real incidents in the module's database."""
    await postgres_server.prepare([DRILL], postgres.name)
    migrator = postgres_server.url(MIGRATOR, postgres.name, DRILL)
    log = tmp_path_factory.mktemp("log") / "log"
    await migrate(binaries.find().dbmate, migrator, DRILL, log)
    return Database(
        name=postgres.name,
        space=DRILL,
        application_url=postgres_server.url(APPLICATION, postgres.name, DRILL),
        migrator_url=migrator,
        superuser_url=postgres_server.url(SUPERUSER, postgres.name, DRILL),
    )


@pytest.fixture(scope="session")
async def drill_client(serve_temporal: Serve) -> Client:
    """A client of the server of drills, where time may be advanced."""
    return await (await serve_temporal(DRILL, skipping=True, name="temporal-drill")).connect()


@pytest.fixture(scope="session")
async def live_client(serve_temporal: Serve) -> Client:
    """A client of a server as real incidents have it: its time cannot be advanced."""
    return await (await serve_temporal(SPACE, skipping=False, name="live")).connect()


_exit_status = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the session ended."""
    session.config.stash[_exit_status] = int(session.exitstatus or exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End without the interpreter's finalisation, which the SDK's runtime may not survive."""
    status = config.stash.get(_exit_status, None)
    if status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
