"""The journal: events go in whole, once, in order, and in few round trips."""

import asyncio
import json

import asyncpg
import pytest

from domain.incident.record import Event, digest
from store import alarms, board, journal
from store.errors import Diverged
from store.pool import Pool, connection, open_pool
from tests.conftest import Database
from tests.store.conftest import NOW, Story, Tell

SPACE = "incidents"


async def put(pool: Pool, story: Story, first: int = 0, last: int | None = None) -> tuple[int, str]:
    """Append a slice of the story."""
    events = story.events[first:last]
    plan = story.plan if first == 0 else None
    return await journal.append(pool, SPACE, story.incident, plan, events)


async def stored_of(pool: Pool, incident: str) -> list[journal.Stored]:
    """What lies in the record."""
    async with connection(pool) as conn:
        return await journal.read_bytes(conn, incident)


def forged(event: Event, **changes: object) -> Event:
    """``event`` changed and sealed anew, as someone would who covers his tracks."""
    return event.model_copy(update=changes).sealed()


async def test_what_is_appended_comes_back_byte_for_byte(pool: Pool, tell: Tell) -> None:
    story = tell()
    story.correct("7人发热")

    seq, head = await put(pool, story)

    assert (seq, head) == (story.state.seq, story.state.head)
    stored = await stored_of(pool, story.incident)
    assert [one.body for one in stored] == [event.canonical() for event in story.events]
    assert all(digest(one.body) == one.hash for one in stored)
    assert await journal.read_events(pool, story.incident) == story.events
    assert await journal.read_events(pool, story.incident, after=2, limit=1) == [story.events[2]]


async def test_the_board_shows_what_the_workflow_knows(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    story.correct("8人发热")
    await put(pool, story, story.state.seq - 1)

    found = await board.get(pool, story.incident)

    assert found == (story.state, story.state.plan_digest)
    assert await board.get_plan(pool, story.state.plan_digest) == story.plan


async def test_a_batch_that_comes_again_changes_nothing(pool: Pool, tell: Tell) -> None:
    story = tell()
    first = await put(pool, story)
    async with connection(pool) as conn:
        before = await conn.fetchrow(
            "SELECT b.*, b.xmin FROM board b WHERE incident = $1", story.incident
        )

    assert await put(pool, story) == first

    async with connection(pool) as conn:
        after = await conn.fetchrow(
            "SELECT b.*, b.xmin FROM board b WHERE incident = $1", story.incident
        )
    assert before == after
    assert len(await journal.read_events(pool, story.incident)) == len(story.events)


async def test_a_batch_may_overlap_what_is_on_record(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    known = len(story.events)
    story.correct("9人发热")

    assert await put(pool, story, known - 1) == (story.state.seq, story.state.head)
    assert await journal.read_events(pool, story.incident) == story.events


async def test_another_event_at_the_same_place_is_an_alarm(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    last = story.events[-1]
    other = forged(last, clause="0")

    with pytest.raises(Diverged, match="holds another event") as caught:
        await journal.append(pool, SPACE, story.incident, None, [other])
    with pytest.raises(Diverged):
        await journal.append(pool, SPACE, story.incident, None, [other])

    assert (caught.value.incident, caught.value.seq) == (story.incident, last.seq)
    raised = [one for one in await alarms.list_alarms(pool) if one.incident == story.incident]
    assert [(one.kind, one.seq) for one in raised] == [("journal_diverged", last.seq)]
    assert raised[0].at == last.recorded
    assert await journal.read_events(pool, story.incident) == story.events


async def test_nothing_of_a_diverging_batch_is_kept(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    known = len(story.events)
    story.correct("10人发热")
    batch = [forged(story.events[known - 1], clause="0"), *story.events[known:]]

    with pytest.raises(Diverged):
        await journal.append(pool, SPACE, story.incident, None, batch)

    assert await journal.read_events(pool, story.incident) == story.events[:known]


async def test_a_gap_is_refused(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story, 0, 2)

    with pytest.raises(Diverged, match="events are missing"):
        await put(pool, story, 3)

    assert (await journal.tip_of(pool, story.incident)).seq == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda events: [events[0], events[2]], "follows #1 in its batch"),
        (lambda events: [events[0], events[1].model_copy(update={"clause": "x"})], "hash"),
        (lambda events: [events[0], forged(events[1], prev="f" * 64)], "does not chain"),
        (lambda events: [forged(events[0], incident="GQ-2026-9999")], "belongs to"),
        (lambda events: [forged(events[0], prev="f" * 64)], "no beginning"),
        (lambda events: [events[1]], "events are missing"),
    ],
)
async def test_a_batch_that_contradicts_itself_is_refused(
    pool: Pool, tell: Tell, change: object, why: str
) -> None:
    story = tell()
    assert callable(change)

    with pytest.raises(Diverged, match=why):
        await journal.append(pool, SPACE, story.incident, story.plan, change(story.events))

    assert await board.get(pool, story.incident) is None


async def test_an_event_that_does_not_chain_to_the_record_is_refused(
    pool: Pool, tell: Tell
) -> None:
    story = tell()
    await put(pool, story)
    story.correct("11人发热")
    stray = forged(story.events[len(story.events) - 1], seq=story.events[-1].seq, prev="e" * 64)
    known = (await journal.tip_of(pool, story.incident)).seq

    with pytest.raises(Diverged):
        await journal.append(pool, SPACE, story.incident, None, [forged(stray, seq=known + 1)])


async def test_a_batch_of_another_space_is_refused(pool: Pool, tell: Tell) -> None:
    story = tell()
    with pytest.raises(Diverged, match="of space drill"):
        await journal.append(pool, "drill", story.incident, story.plan, story.events)


async def test_a_plan_that_the_first_event_does_not_name_is_refused(pool: Pool, tell: Tell) -> None:
    story = tell()
    other = story.plan.model_copy(update={"version": story.plan.version + 1})
    with pytest.raises(Diverged, match="names the plan"):
        await journal.append(pool, SPACE, story.incident, other, story.events)


async def test_many_append_at_once_and_each_event_is_there_once(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    for people in range(20):
        story.correct(f"{people}人")
    known = (await journal.tip_of(pool, story.incident)).seq

    # Attempts of the same activity may overlap when a worker was thought dead.
    await asyncio.gather(*(put(pool, story, known) for _ in range(6)))

    assert await journal.read_events(pool, story.incident) == story.events
    found = await board.get(pool, story.incident)
    assert found is not None
    assert found[0] == story.state


async def test_different_incidents_append_side_by_side(pool: Pool, tell: Tell) -> None:
    stories = [tell() for _ in range(8)]
    await asyncio.gather(*(put(pool, story) for story in stories))
    for story in stories:
        assert await board.get(pool, story.incident) == (story.state, story.state.plan_digest)


async def test_two_hundred_events_take_few_round_trips(postgres: Database, tell: Tell) -> None:
    story = tell()
    first = len(story.events)
    while len(story.events) < first + 200:
        story.correct(f"{len(story.events)}人")
    own = await open_pool(postgres.application_url, SPACE, size=1)
    try:
        # The driver asks about array types once for each connection.
        await put(own, story, 0, first)
        queries: list[object] = []
        async with own.acquire() as conn:
            conn.add_query_logger(queries.append)
        await put(own, story, first, first + 200)
    finally:
        await own.close()
    # BEGIN, lock, board, tip, insert, two upserts, notify, COMMIT, and two resets of the session.
    assert len(queries) <= 11, queries


async def test_a_board_that_was_lost_is_folded_anew(pool: Pool, tell: Tell) -> None:
    story = tell()
    await put(pool, story)
    async with connection(pool) as conn:
        await conn.execute("DELETE FROM board WHERE incident = $1", story.incident)
    known = len(story.events)
    story.correct("12人")

    await put(pool, story, known)

    assert await board.get(pool, story.incident) == (story.state, story.state.plan_digest)


async def test_a_nul_that_someone_sends_stops_nothing(pool: Pool, tell: Tell) -> None:
    story = tell(drug="某\0药", place="\0")
    story.correct("6人\0")

    await put(pool, story)

    assert await journal.read_events(pool, story.incident) == story.events
    assert await board.get(pool, story.incident) == (story.state, story.state.plan_digest)
    [shown] = (
        await board.list_incidents(pool, NOW, board.Filters(incidents=[story.incident]))
    ).items
    assert shown.drug == "某\N{REPLACEMENT CHARACTER}药"


CHANGES = [
    "UPDATE event SET clause = 'x'",
    "DELETE FROM event",
    "TRUNCATE event",
    "UPDATE plan SET id = 'x'",
    "DELETE FROM plan",
    "TRUNCATE plan CASCADE",
    "UPDATE alarm SET kind = 'x'",
    "DELETE FROM alarm",
    "DELETE FROM audit_refusal",
    "UPDATE audit_refusal SET code = 'x'",
    "UPDATE access_log SET reason = 'x'",
    "DELETE FROM access_log",
    "DELETE FROM purge_log",
    "DELETE FROM vault_key",
]


@pytest.mark.parametrize("sql", CHANGES)
@pytest.mark.parametrize("role", ["application", "migrator"])
async def test_nobody_changes_what_is_on_record(
    postgres: Database, pool: Pool, tell: Tell, sql: str, role: str
) -> None:
    await put(pool, tell())
    url = postgres.application_url if role == "application" else postgres.migrator_url
    conn = await asyncpg.connect(url, server_settings={"search_path": SPACE})
    try:
        # The application has no such right; the owner meets the trigger.
        reason = "permission denied" if role == "application" else "is refused"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match=reason):
            await conn.execute(sql)
    finally:
        await conn.close()


@pytest.mark.parametrize("sql", ["DROP TABLE event", "ALTER TABLE event DISABLE TRIGGER ALL"])
async def test_the_application_owns_nothing(pool: Pool, sql: str) -> None:
    async with pool.acquire() as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute(sql)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("CREATE TABLE mine ()")


async def test_even_a_session_that_plays_replica_meets_the_trigger(
    superuser: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    await superuser.execute("SET session_replication_role = replica")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.execute("DELETE FROM event")


async def test_a_row_whose_hash_does_not_fit_does_not_go_in(pool: Pool, tell: Tell) -> None:
    event = tell().events[0]
    async with pool.acquire() as conn:
        with pytest.raises(asyncpg.CheckViolationError):
            await conn.execute(
                "INSERT INTO event VALUES ($1, 1, $2, 1, $3, $3, $3, '1', $4, $4, $5)",
                event.incident,
                event.type,
                event.recorded,
                "0" * 64,
                json.dumps({}).encode(),
            )
