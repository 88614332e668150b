"""What stands still in the record is found, and what moves is not."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from domain.incident.outbox import next_moments
from store import alarms, fold, outbox, watchdog
from store.pool import Pool, connection, open_pool
from store.watchdog import GRACE, INTAKE, MOST, OUTCOME, Finding, Run
from tests.conftest import Clone, Database
from tests.store.conftest import NOW, Tell
from tests.store.telling import answered, lost, record, sent, tick

MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test: each asks what is wrong in the whole of it."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    await opened.close()


def overdue(found: list[Finding]) -> set[str]:
    return {one.ref for one in found if one.kind == "notice_overdue"}


def stuck(found: list[Finding]) -> set[str]:
    return {one.ref for one in found if one.kind == "notice_stuck"}


# --- clocks ---


async def test_a_deadline_that_passed_unmarked_is_found_after_a_grace(
    pool: Pool, tell: Tell
) -> None:
    story = await record(pool, tell())
    first = story.state.open_clocks[0]

    assert await watchdog.clocks_missed(pool, first.due + GRACE - MOMENT) == []

    found = await watchdog.clocks_missed(pool, first.due + GRACE)
    same = [clock for clock in story.state.open_clocks if clock.due == first.due]
    assert {one.ref for one in found} == {clock.id for clock in same}
    assert found[0] == Finding(
        "clock_missed", story.incident, found[0].ref, found[0].clause, first.due
    )
    assert found[0].clause == story.state.clocks[found[0].ref].clause


async def test_a_deadline_that_was_marked_is_no_finding_however_long_it_is_open(
    pool: Pool, tell: Tell
) -> None:
    story = tell()
    first = story.state.open_clocks[0]
    tick(story, first.due + GRACE)
    await record(pool, story)
    assert story.state.clocks[first.id].status == "open"
    assert await watchdog.clocks_missed(pool, first.due + GRACE + MINUTE / 2) == []


async def test_one_unmarked_deadline_shows_behind_marked_ones(pool: Pool, tell: Tell) -> None:
    story = tell()
    first, last = story.state.open_clocks[0], story.state.open_clocks[-1]
    tick(story, first.due)
    await record(pool, story)
    found = {one.ref for one in await watchdog.clocks_missed(pool, last.due + GRACE)}
    assert last.id in found
    assert first.id not in found


async def test_the_longest_missed_come_first_and_not_more_than_can_be_read(
    pool: Pool, tell: Tell
) -> None:
    late = await record(pool, tell(at=NOW))
    later = await record(pool, tell(at=NOW + timedelta(hours=1)))
    now = later.state.open_clocks[-1].due + GRACE
    found = await watchdog.clocks_missed(pool, now)
    assert [one.since for one in found] == sorted(one.since or now for one in found)
    assert {found[0].incident, found[-1].incident} == {late.incident, later.incident}
    assert len(found) <= MOST


# --- notices ---


async def test_a_message_without_an_outcome_is_found(pool: Pool, tell: Tell) -> None:
    story = await record(pool, tell())
    flying = {one for message in story.state.messages.values() for one in message.notices}
    composed = {message.at for message in story.state.messages.values()}
    assert flying
    assert len(composed) == 1
    late = composed.pop() + OUTCOME

    assert stuck(await watchdog.notices_stuck(pool, late - MOMENT)) == set()
    found = await watchdog.notices_stuck(pool, late)
    assert stuck(found) == flying
    assert {one.since for one in found} == {late - OUTCOME}
    # On its way, it is not overdue as well.
    assert overdue(found) == set()

    sent(story, late)
    await record(pool, story)
    assert stuck(await watchdog.notices_stuck(pool, late + MINUTE)) == set()


async def test_a_message_that_failed_has_an_outcome(pool: Pool, tell: Tell) -> None:
    story = tell()
    lost(story, story.now, "county-health")
    sent(story, story.now)
    await record(pool, story)
    assert {n.status for n in story.state.notices.values()} >= {"failed", "accepted"}
    assert stuck(await watchdog.notices_stuck(pool, NOW + timedelta(days=1))) == set()


async def test_a_queued_notice_of_an_older_incident_is_found(
    pool: Pool, postgres: Database, tell: Tell
) -> None:
    story = tell()
    older = story.state.model_copy(
        update={
            "rules_version": 1,
            "messages": {},
            "notices": {
                one.id: one.model_copy(update={"climbed": 0})
                for one in story.state.notices.values()
            },
        }
    )
    await record(pool, story)
    async with connection(pool) as conn:
        await fold.write(conn, story.plan, story.state.plan_digest, older, NOW)
    since = min(one.queued_at for one in older.notices.values())

    assert stuck(await watchdog.notices_stuck(pool, since + OUTCOME - MOMENT)) == set()
    found = await watchdog.notices_stuck(pool, since + OUTCOME)
    assert stuck(found) == {one.id for one in older.notices.values() if one.queued_at == since}
    assert overdue(await watchdog.notices_stuck(pool, since + timedelta(days=1))) == set()


async def test_an_unanswered_notice_whose_next_message_does_not_come_is_found(
    pool: Pool, tell: Tell
) -> None:
    story = tell()
    sent(story, story.now)
    await record(pool, story)
    moments = next_moments(story.plan, story.state)
    body, moment = min(moments.items(), key=lambda one: (one[1], one[0]))
    waiting = {one.id for one in story.state.unanswered if moments[one.recipient] == moment}
    assert body in {one.recipient for one in story.state.unanswered}

    assert overdue(await watchdog.notices_stuck(pool, moment + GRACE - MOMENT)) == set()
    assert overdue(await watchdog.notices_stuck(pool, moment + GRACE)) == waiting

    # It goes out, and the next one has its own moment.
    tick(story, moment)
    sent(story, moment)
    await record(pool, story)
    assert overdue(await watchdog.notices_stuck(pool, moment + GRACE)) == set()


async def test_who_has_answered_is_waited_for_no_more(pool: Pool, tell: Tell) -> None:
    story = tell()
    sent(story, story.now)
    while any(one.recipient == "duty" for one in story.state.unanswered):
        answered(story, "duty", MINUTE)
    await record(pool, story)
    found = overdue(await watchdog.notices_stuck(pool, NOW + timedelta(days=1)))
    of_duty = {one.id for one in story.state.notices.values() if one.recipient == "duty"}
    assert of_duty
    assert found == {one.id for one in story.state.unanswered}
    assert not found & of_duty


# --- the outbox of reports, and alarms ---


async def test_a_report_that_waits_and_one_that_cannot_be_started(pool: Pool) -> None:
    for name, received in (("GQ-W", NOW), ("GQ-F", NOW), ("GQ-S", NOW), ("GQ-N", NOW + INTAKE)):
        await outbox.put(pool, name, {"some": "report"}, received)
    await outbox.mark_started(pool, "GQ-S", NOW)
    await outbox.mark_failed(pool, "GQ-F", "does not parse")

    early = await watchdog.intakes_stuck(pool, NOW + INTAKE - MOMENT)
    assert early == [Finding("intake_failed", "GQ-F", since=NOW)]
    assert await watchdog.intakes_stuck(pool, NOW + INTAKE) == [
        Finding("intake_failed", "GQ-F", since=NOW),
        Finding("intake_waiting", "GQ-W", since=NOW),
    ]
    await outbox.mark_started(pool, "GQ-W", NOW + INTAKE)
    assert await watchdog.intakes_stuck(pool, NOW + INTAKE) == early


async def test_an_alarm_is_news_for_an_hour(pool: Pool) -> None:
    await alarms.raise_alarm(
        pool, kind="journal_diverged", incident="GQ-A", seq=3, detail="another event", at=NOW
    )
    [found] = await watchdog.alarms(pool, NOW + timedelta(hours=1) - MOMENT)
    assert (found.kind, found.incident, found.since) == ("alarm", "GQ-A", NOW)
    assert found.ref.startswith("journal_diverged ")
    assert "another event" not in str(found)
    assert await watchdog.alarms(pool, NOW + timedelta(hours=1)) == []


# --- the whole ---


async def test_nothing_says_whom_or_what_an_incident_is_about(pool: Pool, tell: Tell) -> None:
    story = await record(pool, tell(drug="刺五加注射液", place="县医院"))
    now = NOW + timedelta(days=1)
    found = [
        *await watchdog.clocks_missed(pool, now),
        *await watchdog.notices_stuck(pool, now),
    ]
    assert {one.kind for one in found} >= {"clock_missed", "notice_stuck"}
    told = str(found)
    assert story.incident in told
    for word in ("刺五加", "县医院", "6人", "张三"):
        assert word not in told


async def test_the_last_run_is_kept_in_place_of_the_one_before(pool: Pool) -> None:
    assert await watchdog.last_run(pool) is None
    for run in (Run(NOW, {"worker": 1}), Run(NOW + MINUTE, {"worker": 0, "alarm": 2})):
        await watchdog.keep_run(pool, run)
        assert await watchdog.last_run(pool) == run


BULK = """
    INSERT INTO board (incident, seq, head, plan, phase, ended, received_at, updated, due, dues,
                       statutory_dues, unrecorded, waiting, state)
    SELECT 'GQ-B-' || n, seq, head, plan, phase, ended, received_at, updated, due, dues,
           statutory_dues, cardinality(dues), waiting, '{"no": "state"}'
    FROM board, generate_series(1, 10000) AS n WHERE incident = $1
"""
BULK_NOTICES = """
    INSERT INTO notice SELECT board.incident, notice, body, subject, notice.clause, statutory,
        'accepted', opened, queued, NULL, queued, NULL, queued, false, NULL, 1, false, NULL
    FROM board, notice WHERE notice.incident = $1 AND board.incident LIKE 'GQ-B-%'
"""


async def test_of_ten_thousand_sound_incidents_none_is_read(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]", tell: Tell
) -> None:
    story = await record(pool, tell())
    await superuser.execute(BULK, story.incident)
    await superuser.execute(BULK_NOTICES, story.incident)
    await superuser.execute("ANALYZE board, notice")
    now = NOW + timedelta(days=1)
    # Their states are no states: reading a single one would fail.
    missed = await watchdog.clocks_missed(pool, now)
    waiting = await watchdog.notices_stuck(pool, now)
    assert {one.incident for one in (*missed, *waiting)} == {story.incident}
