"""``yaoan verify``, ``heads`` and ``rebuild`` as an operator runs them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from temporalio.client import Client

from commands.live import live_findings
from domain.incident.chain import Finding
from store import journal
from store.pool import Pool, open_pool
from tests.conftest import Clone, Database
from tests.store.conftest import Story, Tell, plan, tell
from tests.workflows.conftest import opening
from tests.workflows.harness import IncidentDriver, number, working

__all__ = ["plan", "tell"]  # fixtures of the store's tests, which tell incidents


class Ended(NamedTuple):
    """How a command ended."""

    status: int | None
    out: str
    err: str


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    """The application's pool on it."""
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    opened.terminate()


@pytest.fixture
async def story(pool: Pool, tell: Tell) -> Story:
    """One incident on record."""
    told = tell()
    told.correct("7人")
    await journal.append(pool, "incidents", told.incident, told.plan, told.events)
    return told


async def yaoan(*arguments: str, **environment: str) -> Ended:
    """Run ``yaoan`` with nothing of ours in its environment but ``environment``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("YAOAN_", "TEMPORAL_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *arguments,
        env=kept | environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


async def cut_off(postgres: Database, story: Story) -> None:
    """Take the newest event away, as only a superuser can, and mend what would show it."""
    root = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    await root.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await root.execute(
        "DELETE FROM event WHERE incident = $1 AND seq = $2", story.incident, story.state.seq
    )
    await root.close()


async def test_a_sound_record(postgres: Database, story: Story, tmp_path: Path) -> None:
    url, file = postgres.application_url, tmp_path / "heads.json"

    written = await yaoan("heads", str(file), YAOAN_DATABASE_URL=url)
    assert (written.status, written.err) == (0, "")
    content = json.loads(file.read_text())
    assert content["heads"] == {story.incident: [story.state.seq, story.state.head]}

    ended = await yaoan("verify", "--heads", str(file), YAOAN_DATABASE_URL=url)
    assert (ended.status, ended.err) == (0, "")
    assert f"1 incidents, {len(story.events)} events, 1 plans, 1 exported heads" in ended.out
    assert "nothing wrong" in ended.out

    printed = await yaoan("heads", YAOAN_DATABASE_URL=url)
    assert printed.out == file.read_text()


async def test_a_tail_cut_off_is_found_and_the_witness_is_kept(
    postgres: Database, story: Story, tmp_path: Path
) -> None:
    url, file = postgres.application_url, tmp_path / "heads.json"
    await yaoan("heads", str(file), YAOAN_DATABASE_URL=url)
    witness = file.read_text()
    await cut_off(postgres, story)
    rebuilt = await yaoan("rebuild", YAOAN_DATABASE_URL=url)
    assert (rebuilt.status, rebuilt.err) == (0, "")
    assert f"rebuilt 1 incidents from {len(story.events) - 1} events" in rebuilt.out

    assert (await yaoan("verify", YAOAN_DATABASE_URL=url)).status == 0
    ended = await yaoan("verify", story.incident, "--heads", str(file), YAOAN_DATABASE_URL=url)
    assert ended.status == 1
    assert f"{story.incident}  #{story.state.seq}  cut off" in ended.out

    again = await yaoan("heads", str(file), YAOAN_DATABASE_URL=url)
    assert again.status == 1
    assert "left as it is" in again.err
    assert file.read_text() == witness


async def test_what_cannot_be_done_is_one_sentence(
    postgres: Database, story: Story, tmp_path: Path
) -> None:
    url, damaged = postgres.application_url, tmp_path / "damaged.json"
    damaged.write_text('{"format": "yaoan-heads/1", "heads": []}')
    for ended, words in [
        (await yaoan("verify", "GQ-0000", YAOAN_DATABASE_URL=url), "not on record"),
        (await yaoan("verify", YAOAN_DATABASE_URL=f"{url}x&"), "yaoan: "),
        (await yaoan("verify", "--data", str(tmp_path)), "start it with `yaoan up`"),
        (await yaoan("rebuild", YAOAN_DATABASE_URL="postgresql://a@127.0.0.1:1/x"), "unavailable"),
        (await yaoan("verify", "--heads", str(damaged), YAOAN_DATABASE_URL=url), "damaged"),
        (await yaoan("verify", "--heads", str(tmp_path / "none"), YAOAN_DATABASE_URL=url), "none"),
        (
            await yaoan("verify", "--live", YAOAN_DATABASE_URL=url, TEMPORAL_ADDRESS="127.0.0.1:1"),
            "Temporal cannot be reached",
        ),
    ]:
        assert ended.status == 2, ended
        assert ended.out == ""
        assert words in ended.err
        assert ended.err.count("\n") == 1


async def test_the_stack_that_runs_here_is_found_by_its_folder(
    postgres: Database, story: Story, tmp_path: Path
) -> None:
    port = postgres.application_url.rpartition("@127.0.0.1:")[2].partition("/")[0]
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"1\n/x\n1\n{port}\n")
    passwords = {"yaoan_app": "known-to-the-tests"}
    (tmp_path / "secrets.json").write_text(json.dumps({"postgres_passwords": passwords}))

    ended = await yaoan("verify", "--data", str(tmp_path))

    # The session's own database is reached, which holds nothing.
    assert ended.status == 0, ended
    assert "0 incidents" in ended.out


async def test_record_and_workflow_are_compared(
    postgres: Database, pool: Pool, temporal_client: Client, temporal_address: str
) -> None:
    incident = IncidentDriver(temporal_client, pool, number(), queue="q-live")
    async with working(temporal_client, pool, "q-live"):
        await incident.start(opening(incident.number))
        await incident.settled()

        assert await live_findings(pool, temporal_client, incident.number) == (1, [])
        environment = {
            "YAOAN_DATABASE_URL": postgres.application_url,
            "TEMPORAL_ADDRESS": temporal_address,
        }
        ended = await yaoan("verify", incident.number, "--live", **environment)
        assert (ended.status, ended.err) == (0, "")
        assert "1 workflows: nothing wrong" in ended.out

        state = await incident.state()
        root = await asyncpg.connect(
            postgres.superuser_url, server_settings={"search_path": postgres.space}
        )
        await root.execute("ALTER TABLE event DISABLE TRIGGER ALL")
        await root.execute("DELETE FROM event WHERE seq = $1", state.seq)
        await root.close()
        _, findings = await live_findings(pool, temporal_client, incident.number, 0.5)
        assert [(one.incident, one.seq) for one in findings] == [(incident.number, state.seq)]
        assert "its end was cut off" in findings[0].what


async def test_an_incident_that_temporal_does_not_know_is_named(
    pool: Pool, story: Story, temporal_client: Client
) -> None:
    found = await live_findings(pool, temporal_client, story.incident, 0.5)
    assert found == (0, [Finding(story.incident, 0, "live: Temporal has no workflow of it")])
