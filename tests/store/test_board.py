"""The board: lists by urgency, in pages, and whoever waits is told."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from store import board, journal
from store.board import Filters
from store.errors import BadCursor, NotFound
from store.pool import Pool, connection, open_pool
from store.watch import Watcher
from tests.conftest import Clone, Database
from tests.store.conftest import NOW, Story, Tell

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
async def postgres(clone_database: Clone) -> Database:
    return await clone_database()


@pytest.fixture
async def empty(postgres: Database) -> AsyncIterator[Pool]:
    """The module's database with nothing on the board."""
    opened = await open_pool(postgres.application_url, postgres.space)
    async with connection(opened) as conn:
        await conn.execute("DELETE FROM board")
    yield opened
    await opened.close()


async def record(pool: Pool, story: Story) -> Story:
    known = (await journal.tip_of(pool, story.incident)).seq
    await journal.append(
        pool, "incidents", story.incident, None if known else story.plan, story.events[known:]
    )
    return story


async def names(pool: Pool, filters: Filters | None = None, **options: object) -> list[str]:
    """The numbers on all pages of a list, two a page."""
    found: list[str] = []
    cursor: str | None = None
    order: board.Order = "newest" if options.get("newest") else "urgency"
    while True:
        page = await board.list_incidents(
            pool, NOW + HOUR, filters, order=order, cursor=cursor, limit=2
        )
        found += [item.incident for item in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_what_is_due_first_comes_first_so_the_overdue_lead(empty: Pool, tell: Tell) -> None:
    late, later, soon = [await record(empty, tell(at=NOW + shift * HOUR)) for shift in (-5, 3, 0)]
    assert await names(empty) == [late.incident, soon.incident, later.incident]
    assert await names(empty, newest=True) == [later.incident, soon.incident, late.incident]

    [first] = (await board.list_incidents(empty, NOW, limit=1)).items
    clocks = late.state.open_clocks
    assert first.due == clocks[0].due
    assert first.overdue == sum(clock.due <= NOW for clock in clocks) > 0
    assert first.statutory_due == min(c.due for c in clocks if c.kind == "statutory")
    assert set(first.waiting) >= {clock.owner for clock in clocks}


async def test_time_makes_overdue_without_any_event(empty: Pool, tell: Tell) -> None:
    story = await record(empty, tell())
    due = story.state.open_clocks[0].due
    for now, expected in ((due - HOUR, []), (due, [story.incident])):
        page = await board.list_incidents(empty, now, Filters(overdue=True))
        assert [item.incident for item in page.items] == expected
    assert (await board.counts(empty, due)).overdue == 1
    assert (await board.counts(empty, due - timedelta(microseconds=1))).overdue == 0


async def test_filters(empty: Pool, tell: Tell) -> None:
    one = await record(empty, tell(drug="刺五加注射液", place="县医院"))
    other = await record(empty, tell(drug="100%葡萄糖", place="镇卫生院"))
    both = {one.incident, other.incident}
    for filters, expected in [
        (Filters(text="刺五加"), {one.incident}),
        (Filters(text="卫生院"), {other.incident}),
        (Filters(text=other.incident), {other.incident}),
        (Filters(text="0%葡"), {other.incident}),
        (Filters(text="1_0"), set()),
        (Filters(text="%"), {other.incident}),
        (Filters(text="\\"), set()),
        (Filters(phases=[one.state.phase]), both),
        (Filters(phases=["closed"]), set()),
        (Filters(levels=["I"]), set()),
        (Filters(ended=False), both),
        (Filters(ended=True), set()),
        (Filters(waiting_for=one.state.open_clocks[0].owner), both),
        (Filters(waiting_for="nobody"), set()),
        (Filters(incidents=[one.incident]), {one.incident}),
        (Filters(changed_since=one.now + HOUR), set()),
        (Filters(changed_since=NOW), both),
    ]:
        assert set(await names(empty, filters)) == expected, filters
    counted = await board.counts(empty, NOW)
    assert (counted.open, counted.phases) == (2, {one.state.phase: 2})
    assert await board.numbers(empty) == [(number, False) for number in sorted(both)]


@pytest.mark.parametrize(
    "cursor", ["", "x", "bm8=", "WyJ1cmdlbmN5Il0", "WyJuZXdlc3QiLG51bGwsIkEiXQ", "é", "\0"]
)
async def test_a_cursor_from_elsewhere_is_refused(empty: Pool, cursor: str) -> None:
    with pytest.raises(BadCursor):
        await board.list_incidents(empty, NOW, cursor=cursor)


async def test_what_is_not_there(empty: Pool) -> None:
    assert await board.get(empty, "GQ-0000") is None
    assert await board.seq_of(empty, "GQ-0000") == 0
    with pytest.raises(NotFound):
        await board.get_plan(empty, "0" * 64)


async def test_ten_thousand_incidents_are_listed_by_the_index(
    empty: Pool, postgres: Database, tell: Tell
) -> None:
    story = await record(empty, tell())
    root = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    try:
        await root.execute(
            "INSERT INTO board SELECT incident || '-' || n, seq, head, plan, phase, n % 3 = 0,"
            " level, response_level, kind, title, drug, place, received_at + n * interval '1 min',"
            " updated, due + n * interval '1 min', statutory_due, dues, unrecorded, waiting, state"
            " FROM board, generate_series(1, 12000) AS n"
        )
        await root.execute("ANALYZE board")
        plan = "\n".join(
            row[0]
            for row in await root.fetch(
                "EXPLAIN SELECT incident FROM board WHERE ended = false"
                " ORDER BY coalesce(due, 'infinity'::timestamptz), incident LIMIT 50"
            )
        )
        assert "board_urgency" in plan
        assert "Sort" not in plan
    finally:
        await root.close()
    clock = asyncio.get_running_loop().time
    cursor, seen, began = None, 0, clock()
    for _ in range(20):
        page = await board.list_incidents(
            empty, NOW, Filters(ended=False), cursor=cursor, limit=100
        )
        cursor, seen = page.cursor, seen + len(page.items)
    assert seen == 2000
    # Twenty pages in a second leave room for a busy machine; a sort of all would not fit.
    assert clock() - began < 5, story


async def test_whoever_waits_for_his_own_write_is_woken(
    empty: Pool, postgres: Database, tell: Tell
) -> None:
    story = tell()
    async with Watcher(postgres.application_url, postgres.space) as watcher:
        await asyncio.wait_for(watcher.connected.wait(), 10)
        waiting = asyncio.create_task(
            board.wait_for(empty, watcher, story.incident, story.state.seq, 20)
        )
        await asyncio.sleep(0.05)
        assert not waiting.done()

        await record(empty, story)

        assert await waiting == story.state.seq
        assert await board.wait_for(empty, watcher, story.incident, 1, 20) == story.state.seq
        assert await board.wait_for(empty, watcher, story.incident, 999, 0.1) == story.state.seq


async def test_a_slow_reader_gets_the_newest_of_each_incident(
    empty: Pool, postgres: Database, tell: Tell
) -> None:
    one, other = tell(), tell()
    async with Watcher(postgres.application_url, postgres.space) as watcher:
        await asyncio.wait_for(watcher.connected.wait(), 10)
        with watcher.subscribe() as changes:
            for people in range(3):
                await record(empty, one)
                one.correct(f"{people}人")
            await record(empty, one)
            await record(empty, other)
            await board.wait_for(empty, watcher, other.incident, other.state.seq, 10)
            seen: dict[str, int] = {}
            while len(seen) < 2:
                incident, seq = await asyncio.wait_for(anext(changes), 10)
                if incident:
                    seen[incident] = seq
    assert seen == {one.incident: one.state.seq, other.incident: other.state.seq}


async def test_a_lost_connection_is_made_again_and_everybody_looks_for_himself(
    empty: Pool, postgres: Database, tell: Tell
) -> None:
    story = tell()
    root = await asyncpg.connect(postgres.superuser_url)
    try:
        async with Watcher(postgres.application_url, postgres.space) as watcher:
            await asyncio.wait_for(watcher.connected.wait(), 10)
            waiting = asyncio.create_task(
                board.wait_for(empty, watcher, story.incident, story.state.seq, 20)
            )
            await asyncio.sleep(0.05)
            # The notification falls into the time without a connection.
            await root.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'yaoan watch' AND datname = $1",
                postgres.name,
            )
            await record(empty, story)
            assert await waiting == story.state.seq
    finally:
        await root.close()


async def test_iterating_ends_when_the_watcher_stops(postgres: Database) -> None:
    watcher = Watcher(postgres.application_url, postgres.space)
    await watcher.start()
    await asyncio.wait_for(watcher.connected.wait(), 10)

    async def read() -> list[tuple[str, int]]:
        return [change async for change in watcher.changes()]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0.05)
    await watcher.stop()
    assert await asyncio.wait_for(reading, 10) == []
