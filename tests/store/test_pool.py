"""What callers see when PostgreSQL is away: one type of error, soon, and all is well afterwards."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from embedded import binaries, ports
from embedded.folder import ROLES
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, MIGRATOR, Postgres
from embedded.supervisor import Supervisor
from embedded.user import server_user
from store import board, credentials, journal
from store.errors import NotMigrated, Unavailable
from store.pool import Pool, connection, open_pool, ping, transaction
from store.watch import Watcher
from tests.conftest import SPACE, Database
from tests.store.conftest import Tell


async def test_a_pool_opens_while_nothing_is_there() -> None:
    port = ports.choose({"nothing": ("", 0)})["nothing"]
    pool = await open_pool(f"postgresql://yaoan_app:x@127.0.0.1:{port}/yaoan", SPACE)
    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(Unavailable, match="PostgreSQL is unavailable"):
        await ping(pool)
    with pytest.raises(Unavailable):
        await credentials.load_digests(pool)
    assert clock() - began < 5
    await pool.close()
    with pytest.raises(Unavailable):
        await ping(pool)


async def test_a_space_without_migrations_says_so(postgres: Database) -> None:
    pool = await open_pool(postgres.application_url, "nowhere")
    try:
        with pytest.raises(NotMigrated):
            await ping(pool)
    finally:
        await pool.close()


async def test_a_wrong_password_is_no_crash(postgres: Database) -> None:
    url = postgres.application_url.replace("known-to-the-tests", "wrong")
    pool = await open_pool(url, SPACE)
    with pytest.raises(Unavailable):
        await ping(pool)
    await pool.close()


async def sleep_in(pool: Pool) -> None:
    """A statement that takes longer than it may."""
    async with transaction(pool) as conn:
        await conn.execute("SET LOCAL statement_timeout = 50")
        await conn.execute("SELECT pg_sleep(5)")


async def ping_for(pool: Pool, times: int) -> None:
    """Ask again and again."""
    for _ in range(times):
        await ping(pool)
        await asyncio.sleep(0.01)


async def test_a_statement_that_takes_too_long_is_unavailable(postgres: Database) -> None:
    pool = await open_pool(postgres.application_url, SPACE)
    try:
        with pytest.raises(Unavailable):
            await sleep_in(pool)
        await ping(pool)
    finally:
        await pool.close()


async def test_a_bug_is_not_taken_for_an_outage(postgres: Database) -> None:
    pool = await open_pool(postgres.application_url, SPACE)
    try:
        with pytest.raises(ValueError, match="a bug"):
            async with connection(pool):
                raise ValueError("a bug")
    finally:
        await pool.close()


async def test_after_kill_9_nothing_is_lost_and_all_goes_on(tmp_path: Path, tell: Tell) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    found = binaries.find()
    user = server_user(folder / "data")
    server = Postgres(
        binaries.reachable(found.postgres, user, folder / "copy"),
        folder / "data",
        folder / "sockets",
        ports.choose({"PostgreSQL": ("", 0)})["PostgreSQL"],
        dict.fromkeys(ROLES, "known-to-the-tests"),
        user,
    )
    server.initialise()
    keeper = Supervisor(tmp_path, lambda name, event: None)
    program = server.program(tmp_path / "log")
    try:
        await keeper.start(program, server.ready, 60)
        await server.prepare([SPACE])
        url = server.url(MIGRATOR, space=SPACE)
        await migrate(found.dbmate, url, SPACE, tmp_path / "migrations")
        pool = await open_pool(server.url(APPLICATION), SPACE)
        async with Watcher(server.url(APPLICATION), SPACE) as watcher:
            await asyncio.wait_for(watcher.connected.wait(), 10)
            story = tell()
            half = len(story.events) // 2
            await journal.append(pool, SPACE, story.incident, story.plan, story.events[:half])
            pid = keeper.pid(program.name)
            assert pid is not None
            waiting = asyncio.create_task(board.wait_for(pool, watcher, story.incident, half, 30))
            assert await waiting == half

            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable):
                await ping_for(pool, 100)

            # As the activity does it: again and again, until it works.
            for _ in range(600):
                try:
                    await journal.append(pool, SPACE, story.incident, story.plan, story.events)
                    break
                except Unavailable:
                    await asyncio.sleep(0.05)
            assert await journal.read_events(pool, story.incident) == story.events
            assert await board.get(pool, story.incident) == (
                story.state,
                story.state.plan_digest,
            )
            reached = await board.wait_for(pool, watcher, story.incident, story.state.seq, 30)
            assert reached == story.state.seq
        pool.terminate()
    finally:
        await keeper.stop()
        server.close()
        binaries.forget_copy(folder / "copy")
