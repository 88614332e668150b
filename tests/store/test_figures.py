"""How long it took to tell a body and until it answered, folded from what happened."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.incident.outbox import next_moments
from store import figures, fold
from store.figures import BodyFigures, Spread
from store.pool import Pool, connection, open_pool
from store.rebuild import rebuild
from store.verify import verify
from tests.conftest import Clone, Database
from tests.store.conftest import NOW, Story, Tell
from tests.store.telling import answered, lost, record, sent, tick

MINUTE = timedelta(minutes=1)
MIGRATION = Path(fold.__file__).parent / "migrations" / "0006_notices.sql"


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test: figures are about everything in it."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    await opened.close()


async def rows(pool: Pool) -> dict[tuple[str, str], tuple[object, ...]]:
    """Every notice as the read model has it."""
    async with connection(pool) as conn:
        found = await conn.fetch(f"SELECT {', '.join(fold.NOTICE_COLUMNS)} FROM notice")
    return {(row["incident"], row["notice"]): tuple(row) for row in found}


def of(story: Story) -> dict[tuple[str, str], tuple[object, ...]]:
    """The rows that ``story`` folds to."""
    return {
        (story.incident, id): row for id, row in fold.notice_rows(story.plan, story.state).items()
    }


async def figures_of(pool: Pool, body: str, **filters: object) -> BodyFigures:
    found = await figures.notice_figures(pool, **filters)  # type: ignore[arg-type]
    return next(one for one in found if one.body == body)


# --- the read model ---


async def test_each_step_of_a_notice_is_shown(pool: Pool, tell: Tell) -> None:
    story = await record(pool, tell())
    column = {name: n for n, name in enumerate(fold.NOTICE_COLUMNS)}

    def shown(id: str, *names: str) -> tuple[object, ...]:
        row = fold.notice_rows(story.plan, story.state)[id]
        return tuple(row[column[name]] for name in names)

    steps = ("composed", "accepted", "acknowledged", "unanswered", "next", "climbed")
    [first] = [one for one in story.state.notices.values() if one.recipient == "duty"]
    composed = story.state.messages[next(iter(story.state.messages))].at
    assert shown(first.id, "opened", *steps) == (NOW + MINUTE, composed, None, None, True, None, 1)

    sent(story, composed + MINUTE, "duty")
    await record(pool, story)
    moment = next_moments(story.plan, story.state)["duty"]
    assert shown(first.id, *steps) == (None, composed + MINUTE, None, True, moment, 1)
    assert await rows(pool) == of(story)

    answered(story, "duty", MINUTE)
    await record(pool, story)
    at = story.now
    assert shown(first.id, *steps) == (None, composed + MINUTE, at, False, None, 1)
    assert await rows(pool) == of(story)


async def test_only_what_changed_is_written(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]", tell: Tell
) -> None:
    story = await record(pool, tell())
    before = {r[0]: r[1] for r in await superuser.fetch("SELECT notice, xmin::text FROM notice")}
    sent(story, story.now, "duty")
    await record(pool, story)
    after = {r[0]: r[1] for r in await superuser.fetch("SELECT notice, xmin::text FROM notice")}
    changed = {id for id, xmin in after.items() if before[id] != xmin}
    assert changed == {n.id for n in story.state.notices.values() if n.recipient == "duty"}
    assert set(after) - changed


async def test_a_rebuild_folds_the_same_notices(pool: Pool, tell: Tell) -> None:
    story = tell()
    await record(pool, story)
    for minutes in (5, 10, 20, 30, 60):
        tick(story, NOW + minutes * MINUTE)
        await record(pool, story)
    sent(story, story.now)
    answered(story, "county-health", MINUTE)
    await record(pool, story)
    other = await record(pool, tell())
    grown = await rows(pool)
    assert grown == {**of(story), **of(other)}

    assert (await rebuild(pool)).broken == {}

    assert await rows(pool) == grown


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE notice SET acknowledged = queued WHERE body = 'duty'",
        "UPDATE notice SET unanswered = false",
        "UPDATE notice SET next = 'infinity'",
        "DELETE FROM notice WHERE body = 'duty'",
        "INSERT INTO notice SELECT incident, 'n0.1', body, subject, clause, statutory, status,"
        " opened, queued, composed, accepted, delivered, acknowledged, refused, ended, climbed,"
        " unanswered, next FROM notice LIMIT 1",
    ],
)
async def test_notices_that_lie_are_found_and_mended(pool: Pool, tell: Tell, lie: str) -> None:
    story = await record(pool, tell())
    assert (await verify(pool)).findings == []
    async with connection(pool) as conn:
        await conn.execute(lie)
    [finding] = (await verify(pool)).findings
    assert finding.incident == story.incident
    assert finding.what == "board: the notices are not what the events give; run `yaoan rebuild`"
    await rebuild(pool)
    assert (await verify(pool)).findings == []


async def test_what_was_on_the_board_before_there_were_notices_is_taken_over(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]", tell: Tell
) -> None:
    story = await record(pool, tell())
    # As a database of the version before has it: nothing pursued, nothing in a message.
    older = story.state.model_copy(update={"rules_version": 1, "messages": {}})
    notices = {
        id: one.model_copy(
            update={"climbed": 0, "status": "accepted", "accepted_at": NOW + 2 * MINUTE}
        )
        for id, one in older.notices.items()
    }
    older = older.model_copy(update={"notices": notices})
    async with connection(pool) as conn:
        await fold.write(conn, story.plan, story.state.plan_digest, older, NOW)
    before = await rows(pool)
    dues = await superuser.fetchval("SELECT statutory_dues FROM board")
    assert before
    assert dues == [c.due for c in older.open_clocks if c.kind == "statutory"]

    up, _, down = MIGRATION.read_text().partition("-- migrate:down")
    await superuser.execute(down)
    await superuser.execute(up)

    assert await rows(pool) == before
    assert await superuser.fetchval("SELECT statutory_dues FROM board") == dues


# --- figures ---


async def test_one_body_in_one_incident(pool: Pool, tell: Tell) -> None:
    story = tell()
    intake = story.state.opened_at
    sent(story, intake + 3 * MINUTE, "county-health")
    answered(story, "county-health", 4 * MINUTE)
    await record(pool, story)
    [first, second] = [n for n in story.state.notices.values() if n.recipient == "county-health"]
    assert first.queued_at == intake

    found = await figures_of(pool, "county-health")
    once = Spread(1, 180.0, 180.0, 180.0)
    acknowledged = Spread(1, 420.0, 420.0, 420.0)
    assert found == BodyFigures(
        body="county-health",
        notices=2,
        unanswered=1,
        acknowledged=1,
        refused=0,
        failed=0,
        first=once,
        answered=acknowledged,
        replied=acknowledged,
    )
    assert second.id in {one.id for one in story.state.unanswered}


async def test_a_later_notice_is_answered_from_its_own_queueing(pool: Pool, tell: Tell) -> None:
    story = tell()
    intake = story.state.opened_at
    sent(story, intake)
    answered(story, "duty", MINUTE)
    due = story.state.open_clocks[0].due
    tick(story, due)
    [later] = [n for n in story.state.unanswered if n.recipient == "duty"][:1]
    assert later.queued_at == due
    answered(story, "duty", 5 * MINUTE)
    await record(pool, story)

    found = await figures_of(pool, "duty")
    assert found.answered is not None
    assert found.replied is not None
    assert found.answered.max == (due - intake).total_seconds() + 300
    assert found.replied.max == 300.0
    # Told a second time, it still was first told once.
    assert found.first == Spread(1, 0.0, 0.0, 0.0)


async def test_median_nine_in_ten_and_the_slowest(pool: Pool, tell: Tell) -> None:
    for minutes in range(11):
        story = tell()
        sent(story, story.state.opened_at + minutes * MINUTE, "duty")
        await record(pool, story)
    found = await figures_of(pool, "duty")
    assert found.first == Spread(11, 300.0, 540.0, 600.0)
    assert found.answered is None


async def test_a_refusal_is_an_answer_and_a_failure_is_none(pool: Pool, tell: Tell) -> None:
    story = tell()
    lost(story, story.now, "county-msa")
    sent(story, story.now)
    answered(story, "county-health", MINUTE, refuse=True)
    await record(pool, story)
    health, msa = [await figures_of(pool, body) for body in ("county-health", "county-msa")]
    assert (health.refused, health.acknowledged) == (1, 1)
    assert (msa.failed, msa.first, msa.acknowledged) == (1, None, 0)
    assert msa.unanswered == sum(n.recipient == "county-msa" for n in story.state.unanswered) > 0


async def test_filters_are_about_the_intake_and_the_statute(pool: Pool, tell: Tell) -> None:
    early, late = tell(at=NOW), tell(at=NOW + 60 * MINUTE)
    for story in (early, late):
        await record(pool, story)
    cut = late.state.opened_at
    cases: list[tuple[dict[str, Any], int]] = [
        ({}, 2),
        ({"since": cut}, 1),
        ({"since": cut + timedelta(microseconds=1)}, 0),
        ({"until": cut}, 1),
        ({"until": cut + timedelta(microseconds=1)}, 2),
        ({"since": NOW, "until": cut}, 1),
    ]
    for filters, expected in cases:
        found = await figures.notice_figures(pool, **filters)
        assert sum(one.notices for one in found if one.body == "duty") == expected, filters

    tick(late, late.state.open_clocks[0].due)
    await record(pool, late)
    told = [*early.state.notices.values(), *late.state.notices.values()]
    for statutory in (True, False):
        found = await figures.notice_figures(pool, statutory=statutory)
        expected = sum(one.statutory is statutory for one in told)
        assert sum(one.notices for one in found) == expected > 0


async def test_gauges_count_by_state_and_by_kind(pool: Pool, tell: Tell) -> None:
    story = tell()
    lost(story, story.now, "county-msa")
    sent(story, story.now, "duty", delivered=True)
    sent(story, story.now)
    answered(story, "county-health", MINUTE)
    answered(story, "county-health", MINUTE, refuse=True)
    await record(pool, story)
    now = story.state.open_clocks[-1].due

    counted = await figures.gauges(pool, now)

    states = {(body, state): count for body, state, count in counted.notices}
    assert states["duty", "delivered"] == 1
    assert states["county-health", "acknowledged"] == states["county-health", "refused"] == 1
    assert states["county-msa", "failed"] >= 1
    assert sum(states.values()) == len(story.state.notices)
    unanswered: dict[tuple[str, bool], int] = {}
    for one in story.state.unanswered:
        key = one.recipient, one.statutory
        unanswered[key] = unanswered.get(key, 0) + 1
    assert {(body, law): count for body, law, count in counted.unanswered} == unanswered
    statutory = sum(c.kind == "statutory" for c in story.state.open_clocks)
    assert 0 < statutory < len(story.state.open_clocks)
    assert counted.overdue == {
        "statutory": statutory,
        "internal": len(story.state.open_clocks) - statutory,
    }
    assert (await figures.gauges(pool, NOW)).overdue == {"statutory": 0, "internal": 0}


async def test_an_empty_record_has_no_figures(pool: Pool) -> None:
    assert await figures.notice_figures(pool) == []
    counted = await figures.gauges(pool, NOW)
    assert counted == figures.Gauges([], [], {"statutory": 0, "internal": 0})
