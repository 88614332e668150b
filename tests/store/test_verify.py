"""Verification finds what a superuser does to the record, and a rebuild gives the same board."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypeAlias

import asyncpg
import pytest

from domain.incident.record import canonical_json, digest
from store import board, journal
from store.errors import NotFound
from store.heads import Heads, export_heads
from store.pool import Pool, connection, open_pool
from store.rebuild import rebuild
from store.verify import verify
from tests.conftest import Clone, Database
from tests.store.conftest import Story, Tell

Superuser: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test: what is done to it here cannot be undone."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    await opened.close()


@pytest.fixture
async def record(pool: Pool, tell: Tell) -> list[Story]:
    """Three incidents on record, of different lengths."""
    stories = [tell(), tell(drug="某疫苗"), tell(place="镇卫生院")]
    for number, story in enumerate(stories):
        for people in range(number * 3):
            story.correct(f"{people + 1}人")
        await journal.append(pool, "incidents", story.incident, story.plan, story.events)
    return stories


@pytest.fixture
async def tamper(postgres: Database, record: list[Story]) -> AsyncIterator[Superuser]:
    """Someone who can do everything and has switched off what would stop him."""
    conn = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    await conn.execute(
        "ALTER TABLE event DISABLE TRIGGER ALL; ALTER TABLE plan DISABLE TRIGGER ALL;"
        " ALTER TABLE event DROP CONSTRAINT event_hash;"
        " ALTER TABLE plan DROP CONSTRAINT plan_digest"
    )
    yield conn
    await conn.close()


async def findings(pool: Pool, heads: Heads | None = None) -> list[tuple[str, int, str]]:
    """What verification says, as plain values."""
    return [(one.incident, one.seq, one.what) for one in (await verify(pool, heads=heads)).findings]


def about(found: list[tuple[str, int, str]], words: str) -> set[tuple[str, int]]:
    """The places of the findings that say ``words``."""
    return {(incident, seq) for incident, seq, what in found if words in what}


async def test_a_sound_record_verifies(pool: Pool, record: list[Story]) -> None:
    result = await verify(pool, heads=await export_heads(pool))
    assert result.findings == []
    assert (result.incidents, result.plans, result.heads) == (3, 1, 3)
    assert result.events == sum(len(story.events) for story in record)
    one = await verify(pool, record[1].incident)
    assert (one.incidents, one.events, one.findings) == (1, len(record[1].events), [])


async def test_an_empty_record_verifies(pool: Pool) -> None:
    result = await verify(pool)
    assert (result.incidents, result.events, result.findings) == (0, 0, [])


async def test_an_unknown_incident_is_named(pool: Pool, record: list[Story]) -> None:
    with pytest.raises(NotFound, match="GQ-0000"):
        await verify(pool, "GQ-0000")


async def test_heads_of_another_space_are_refused(pool: Pool, record: list[Story]) -> None:
    heads = replace(await export_heads(pool), space="drill")
    with pytest.raises(ValueError, match="of space drill"):
        await verify(pool, heads=heads)


async def test_an_edited_content_is_found(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    story = record[2]
    event = story.events[4]
    changed = canonical_json({**json.loads(event.canonical()), "clause": "9.9"})
    await tamper.execute(
        "UPDATE event SET body = $3 WHERE incident = $1 AND seq = $2",
        story.incident,
        event.seq,
        changed,
    )
    found = await findings(pool)
    assert (story.incident, event.seq) in about(found, "does not match its hash")
    assert (story.incident, event.seq) in about(found, "column clause says")
    assert {incident for incident, _, _ in found} == {story.incident}


async def test_an_edit_that_covers_its_hash_breaks_the_next_link(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    story = record[2]
    event = story.events[4]
    changed = event.model_copy(update={"clause": "9.9"}).sealed()
    await tamper.execute(
        "UPDATE event SET body = $3, hash = $4, clause = '9.9' WHERE incident = $1 AND seq = $2",
        story.incident,
        event.seq,
        changed.canonical(),
        changed.hash,
    )
    found = await findings(pool)
    assert about(found, "does not follow") == {(story.incident, event.seq + 1)}


async def test_a_whole_chain_written_anew_is_found_by_the_exported_head(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    heads = await export_heads(pool)
    story = record[2]
    prev = story.events[3].hash
    for event in story.events[4:]:
        update = {"prev": prev, **({"clause": "9.9"} if event.seq == 5 else {})}
        forged = event.model_copy(update=update).sealed()
        prev = forged.hash
        await tamper.execute(
            "UPDATE event SET body = $3, hash = $4, prev = $5, clause = $6"
            " WHERE incident = $1 AND seq = $2",
            story.incident,
            event.seq,
            forged.canonical(),
            forged.hash,
            forged.prev,
            forged.clause,
        )
    assert (await rebuild(pool)).broken == {}

    assert await findings(pool) == []
    found = await findings(pool, heads)
    assert about(found, "rewritten") == {(story.incident, story.state.seq)}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("type", "'x.y'"),
        ("v", "7"),
        ("occurred", "occurred - interval '3 hours'"),
        ("received", "received - interval '1 microsecond'"),
        ("recorded", "recorded + interval '1 day'"),
        ("clause", "'9.9'"),
        ("prev", "repeat('a', 64)"),
        ("hash", "repeat('b', 64)"),
    ],
)
async def test_an_edited_column_is_found(
    pool: Pool, record: list[Story], tamper: Superuser, column: str, value: str
) -> None:
    story = record[1]
    await tamper.execute(
        f"UPDATE event SET {column} = {value} WHERE incident = $1 AND seq = 3", story.incident
    )
    found = await findings(pool)
    assert (story.incident, 3) in {(incident, seq) for incident, seq, _ in found}


async def test_a_deleted_event_is_found(pool: Pool, record: list[Story], tamper: Superuser) -> None:
    story = record[2]
    await tamper.execute("DELETE FROM event WHERE incident = $1 AND seq = 4", story.incident)
    assert about(await findings(pool), "missing up to 4") == {(story.incident, 4)}


async def test_a_deletion_with_the_rest_moved_up_is_found(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    story = record[2]
    await tamper.execute("DELETE FROM event WHERE incident = $1 AND seq = 4", story.incident)
    for seq in range(5, story.state.seq + 1):
        await tamper.execute(
            "UPDATE event SET seq = $2 - 1 WHERE incident = $1 AND seq = $2", story.incident, seq
        )
    found = await findings(pool)
    assert (story.incident, 4) in about(found, "misplaced")
    assert (story.incident, 4) in about(found, "does not follow")


async def test_an_inserted_event_is_found(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    story = record[2]
    last = story.state.seq
    for seq in range(last, 3, -1):
        await tamper.execute(
            "UPDATE event SET seq = $2 + 1 WHERE incident = $1 AND seq = $2", story.incident, seq
        )
    extra = story.events[3].model_copy(update={"clause": "9.9"}).sealed()
    await tamper.execute(
        "INSERT INTO event SELECT incident, 4, type, v, occurred, received, recorded, '9.9', prev,"
        " $2, $3 FROM event WHERE incident = $1 AND seq = 5",
        story.incident,
        extra.hash,
        extra.canonical(),
    )
    found = await findings(pool)
    assert (story.incident, 5) in about(found, "does not follow")


async def test_swapped_events_are_found(pool: Pool, record: list[Story], tamper: Superuser) -> None:
    story = record[2]
    for old, new in ((4, 1000), (5, 4), (1000, 5)):
        await tamper.execute(
            "UPDATE event SET seq = $3 WHERE incident = $1 AND seq = $2", story.incident, old, new
        )
    found = await findings(pool)
    assert {(story.incident, 4), (story.incident, 5)} <= about(found, "does not follow")


async def test_a_tail_cut_off_shows_with_the_exported_heads_alone(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    heads = Heads.from_json((await export_heads(pool)).to_json())
    story, last = record[2], record[2].state.seq
    await tamper.execute(
        "DELETE FROM event WHERE incident = $1 AND seq >= $2", story.incident, last - 1
    )
    await rebuild(pool)

    assert await findings(pool) == []
    found = await findings(pool, heads)
    assert about(found, f"cut off: #{last - 1} to #{last}") == {(story.incident, last - 1)}


async def test_an_incident_that_vanished_shows_with_the_exported_heads(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    heads = await export_heads(pool)
    story = record[0]
    await tamper.execute("DELETE FROM event WHERE incident = $1", story.incident)
    await tamper.execute("DELETE FROM board WHERE incident = $1", story.incident)
    assert await findings(pool) == []
    assert about(await findings(pool, heads), "nothing of the incident") == {
        (story.incident, story.state.seq)
    }


async def test_heads_that_grew_since_are_sound(pool: Pool, record: list[Story]) -> None:
    heads = await export_heads(pool)
    story = record[0]
    new = story.correct("20人")
    await journal.append(pool, "incidents", story.incident, None, new)
    assert await findings(pool, heads) == []


async def test_an_edited_plan_is_found(pool: Pool, record: list[Story], tamper: Superuser) -> None:
    body = await tamper.fetchval("SELECT body FROM plan")
    await tamper.execute("UPDATE plan SET body = $1", body.replace(b"PT2H", b"PT9H"))
    found = await findings(pool)
    assert any("does not match its digest" in what for _, _, what in found)


async def test_a_board_that_lies_is_found_and_mended(pool: Pool, record: list[Story]) -> None:
    story, second, third = record
    async with connection(pool) as conn:
        shown = await conn.fetchval("SELECT state FROM board WHERE incident = $1", story.incident)
        lie = story.state.model_copy(update={"level": "I"}).model_dump_json()
        assert lie != shown
        await conn.execute("UPDATE board SET state = $2 WHERE incident = $1", story.incident, lie)
        await conn.execute("DELETE FROM board WHERE incident = $1", second.incident)
        await conn.execute("UPDATE board SET seq = seq - 1 WHERE incident = $1", third.incident)
        await conn.execute(
            "INSERT INTO board SELECT 'GQ-STRAY', 1, head, plan, phase, ended, level,"
            " response_level, kind, title, drug, place, received_at, updated, due, statutory_due,"
            " dues, unrecorded, waiting, state FROM board WHERE incident = $1",
            story.incident,
        )
    found = await findings(pool)
    assert len(found) == 4
    assert all(what.startswith("board:") for _, _, what in found)
    assert {incident for incident, _, _ in found} == {
        *(one.incident for one in record),
        "GQ-STRAY",
    }

    await rebuild(pool)
    assert await findings(pool) == []


async def dump(pool: Pool) -> list[tuple[object, ...]]:
    """The whole board, byte for byte."""
    async with connection(pool) as conn:
        return [tuple(row) for row in await conn.fetch("SELECT * FROM board ORDER BY incident")]


async def test_a_rebuilt_board_is_identical(pool: Pool, record: list[Story], tell: Tell) -> None:
    # Grown batch by batch, as the workflow does it, not folded at once.
    story = tell()
    await journal.append(pool, "incidents", story.incident, story.plan, story.events[:2])
    for event in story.events[2:]:
        await journal.append(pool, "incidents", story.incident, None, [event])
    for people in range(5):
        new = story.correct(f"{people}人")
        await journal.append(pool, "incidents", story.incident, None, new)
    before = await dump(pool)

    made = await rebuild(pool)

    assert (made.incidents, made.broken) == (4, {})
    assert made.events == sum(len(one.events) for one in [*record, story])
    assert await dump(pool) == before


async def test_appending_goes_on_while_the_board_is_rebuilt(
    pool: Pool, record: list[Story]
) -> None:
    async def grow(story: Story) -> None:
        for people in range(12):
            new = story.correct(f"{people}人")
            await journal.append(pool, "incidents", story.incident, None, new)

    async def again() -> None:
        for _ in range(6):
            assert (await rebuild(pool)).broken == {}

    await asyncio.gather(again(), *(grow(story) for story in record))

    assert await findings(pool) == []
    for story in record:
        assert await board.get(pool, story.incident) == (story.state, story.state.plan_digest)


async def test_what_does_not_fold_is_named_and_the_rest_is_shown(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    story = record[2]
    await tamper.execute("DELETE FROM event WHERE incident = $1 AND seq = 2", story.incident)
    made = await rebuild(pool)
    assert set(made.broken) == {story.incident}
    assert made.incidents == 2
    assert await board.get(pool, story.incident) is None
    assert await board.get(pool, record[0].incident) is not None


async def test_the_hash_on_record_is_that_of_the_stored_bytes(
    pool: Pool, record: list[Story], tamper: Superuser
) -> None:
    for row in await tamper.fetch("SELECT body, hash FROM event"):
        assert digest(row["body"]) == row["hash"]
