"""Tokens, refusals, the inbox and the outbox."""

import stat
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import asyncpg
import pytest

from domain.base import Text
from store import audit, credentials, inbox, outbox
from store.errors import Conflict, NotFound
from store.pool import Pool, connection
from tests.store.conftest import NOW

LATER = NOW + timedelta(minutes=5)


def order(key: str, recipient: str = "county-health", incident: str = "GQ-D-1") -> inbox.Entry:
    """A notice as the worker puts it there."""
    return inbox.Entry(
        incident=incident,
        notice="n7",
        key=key,
        recipient=recipient,
        statutory=True,
        title=Text(zh="请立即救治", en="start medical rescue"),
        text=Text(zh="县医院6人发热。", en="six people with fever"),
        queued_at=NOW,
    )


async def test_a_notice_is_in_the_inbox_once_however_often_it_is_sent(pool: Pool) -> None:
    assert await inbox.put(pool, order("k1"))
    assert not await inbox.put(pool, order("k1"))

    [message] = await inbox.list_messages(pool, body="county-health")

    assert (message.key, message.title.zh, message.text.en, message.queued_at) == (
        "k1",
        "请立即救治",
        "six people with fever",
        NOW,
    )
    assert message.statutory
    assert await inbox.list_messages(pool, body="county-police") == []


async def test_the_first_reading_stands(pool: Pool) -> None:
    await inbox.put(pool, order("k2", "town"))
    [message] = await inbox.list_messages(pool, body="town", unread=True)
    await inbox.mark_read(pool, message.id, "town", LATER, "李四")
    await inbox.mark_read(pool, message.id, "town", LATER + timedelta(hours=1), "王五")
    [read] = await inbox.list_messages(pool, body="town", unread=False)
    assert (read.read_at, read.read_by) == (LATER, "李四")
    assert await inbox.list_messages(pool, body="town", unread=True) == []
    with pytest.raises(NotFound):
        await inbox.mark_read(pool, message.id, "county-health", LATER, "别的单位")


async def test_the_inbox_comes_in_pages_newest_first(pool: Pool) -> None:
    for number in range(5):
        await inbox.put(pool, order(f"page{number}", "pages", "GQ-D-2"))
    first = await inbox.list_messages(pool, incident="GQ-D-2", limit=3)
    second = await inbox.list_messages(pool, incident="GQ-D-2", limit=3, before=first[-1].id)
    assert [one.key for one in (*first, *second)] == [f"page{n}" for n in (4, 3, 2, 1, 0)]


async def refuse(pool: Pool, command: str, seat: str = "duty") -> None:
    """Keep a refusal."""
    await audit.append_refusal(
        pool,
        at=NOW,
        incident="GQ-D-3",
        command=command,
        request_id="r1",
        seat=seat,
        person="张三",
        decider="county-msa",
        code="no_authority",
        clause="4.6.1",
        message=Text(zh="无权决定", en="may not decide"),
    )


async def test_refusals_are_kept_with_actor_command_and_clause(pool: Pool) -> None:
    await refuse(pool, "decide_activation")
    await refuse(pool, "publish_release", "office")

    newest, oldest = await audit.list_refusals(pool, incident="GQ-D-3")

    assert (newest.command, newest.seat) == ("publish_release", "office")
    assert (oldest.at, oldest.person, oldest.decider, oldest.code, oldest.clause) == (
        NOW,
        "张三",
        "county-msa",
        "no_authority",
        "4.6.1",
    )
    assert oldest.message == Text(zh="无权决定", en="may not decide")
    assert await audit.list_refusals(pool, before=newest.id, limit=1) == [oldest]
    assert await audit.list_refusals(pool, seat="office") == [newest]


async def test_a_refusal_is_kept_whatever_was_sent(pool: Pool) -> None:
    await refuse(pool, "no\0such", "nul")
    [kept] = await audit.list_refusals(pool, seat="nul")
    assert kept.command == "no\N{REPLACEMENT CHARACTER}such"


async def test_a_report_waits_until_it_is_started(pool: Pool) -> None:
    start = {"start": {"incident": "GQ-D-4", "drug": "刺五加"}, "memo": {"a": "b"}}
    await outbox.put(pool, "GQ-D-4", start, LATER)
    await outbox.put(pool, "GQ-D-4", start, LATER)
    await outbox.put(pool, "GQ-D-5", {"start": {}}, NOW)

    assert [one.workflow_id for one in await outbox.waiting(pool)] == ["GQ-D-5", "GQ-D-4"]
    assert (await outbox.waiting(pool))[1].start == start
    with pytest.raises(Conflict):
        await outbox.put(pool, "GQ-D-4", {"start": "another"}, LATER)

    await outbox.mark_started(pool, "GQ-D-4", LATER)
    await outbox.mark_failed(pool, "GQ-D-5", "the number is taken")

    assert await outbox.waiting(pool) == []
    assert await outbox.find(pool, "GQ-D-4") == start
    assert await outbox.find(pool, "GQ-D-6") is None
    assert await outbox.list_failed(pool) == [("GQ-D-5", "the number is taken")]


DIGEST = sha256(b"a token of this test").hexdigest()


async def test_tokens_are_known_by_digest_until_they_are_revoked(pool: Pool) -> None:
    rows = [(DIGEST, "duty", "county-msa"), ("a" * 64, "health", "county-health")]
    await credentials.put_digests(pool, rows)
    await credentials.put_digests(pool, rows, NOW)

    known = await credentials.load_digests(pool)
    assert sorted(known) == sorted(rows)

    assert await credentials.revoke(pool, [DIGEST, "c" * 64], LATER) == 1
    assert await credentials.revoke(pool, [DIGEST], LATER) == 0
    await credentials.put_digests(pool, rows)
    assert await credentials.load_digests(pool) == [credentials.Row(*rows[1])]


async def test_a_token_itself_is_never_stored(pool: Pool) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await credentials.put_digests(pool, [("yaoan_a-token-by-mistake", "duty", "x")])
    async with connection(pool) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await conn.execute("DELETE FROM credential")


def test_the_last_good_copy_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tokens.json"
    assert credentials.load_copy(path) == []
    rows = [credentials.Row(DIGEST, "duty", "county-msa")]
    credentials.save_copy(path, rows)
    credentials.save_copy(path, rows)
    assert credentials.load_copy(path) == rows
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    path.write_text('{"no": 1}')
    with pytest.raises(ValueError, match=r"no list|unpack"):
        credentials.load_copy(path)
