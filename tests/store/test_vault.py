"""The vault: sealed per person, read for a reason, gone for good after a purge."""

import asyncio
import os
from datetime import timedelta

import asyncpg
import pytest

from store import audit
from store.attachments import (
    find_attachment,
    get_attachment,
    list_attachments,
    put_attachment,
)
from store.errors import Conflict, NotFound, Purged, TooLarge, Unreadable, UnsupportedMedia
from store.pool import Pool, connection
from store.vault import Reader, Vault
from tests.store.conftest import NOW

KEY = os.urandom(32)
PLANTED = {"name": "欧阳种子", "id_number": "370322199901010011", "phone": "13800001111"}
READER = Reader("duty", "回访患者", NOW + timedelta(hours=1), "张三")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
MOST = 1 << 20


async def everything(conn: "asyncpg.Connection[asyncpg.Record]") -> bytes:
    """Every row of every table of the space, as text and with binary columns as they are."""
    tables = await conn.fetch(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    )
    found: list[bytes] = []
    for table in tables:
        for row in await conn.fetch(f"SELECT * FROM {table[0]}"):
            found += [v if isinstance(v, bytes) else str(v).encode() for v in row.values()]
    assert len(found) > 20
    return b"\n".join(found)


@pytest.mark.clause("突发事件应对法 83")
async def test_what_was_put_is_read_and_the_reading_is_kept(pool: Pool) -> None:
    vault = Vault(KEY)
    ref = await vault.put_person(pool, "GQ-V-1", "victim", PLANTED, NOW)

    person = await vault.read_person(pool, "GQ-V-1", ref.reference, READER)

    assert (person.kind, person.data, person.digest) == ("victim", PLANTED, ref.digest)
    [reading] = await audit.list_readings(pool, incident="GQ-V-1")
    assert (reading.seat, reading.person, reading.reason, reading.at, reading.reference) == (
        "duty",
        "张三",
        "回访患者",
        READER.at,
        ref.reference,
    )


async def test_two_people_with_the_same_data_have_different_digests(pool: Pool) -> None:
    vault = Vault(KEY)
    one = await vault.put_person(pool, "GQ-V-2", "victim", PLANTED, NOW)
    other = await vault.put_person(pool, "GQ-V-2", "victim", PLANTED, NOW)
    assert one.digest != other.digest
    assert one.reference != other.reference


@pytest.mark.clause("突发事件应对法 83")
async def test_nothing_personal_lies_anywhere_in_the_clear(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    vault = Vault(KEY)
    await vault.put_person(pool, "GQ-V-3", "victim", PLANTED, NOW)
    text = "病历:欧阳种子,电话13800001111".encode()
    await put_attachment(vault, pool, "GQ-V-3", text, "欧阳种子.txt", NOW, MOST)

    rows = await everything(superuser)

    for value in PLANTED.values():
        for spelling in (value.encode(), value.encode("unicode_escape"), value.encode("utf-16-le")):
            assert spelling not in rows
    assert KEY not in rows


@pytest.mark.clause("突发事件应对法 83")
async def test_nobody_reads_without_seat_and_reason() -> None:
    with pytest.raises(ValueError, match="reason"):
        Reader("duty", "  ", NOW)
    with pytest.raises(ValueError, match="seat"):
        Reader("", "回访", NOW)


async def test_a_caller_who_comes_again_gets_the_same_entry(pool: Pool) -> None:
    vault = Vault(KEY)
    first = await vault.put_person(pool, "GQ-V-4", "caller", PLANTED, NOW, "p-again")
    again = await vault.put_person(pool, "GQ-V-4", "caller", PLANTED, NOW, "p-again")
    assert first == again
    with pytest.raises(Conflict):
        await vault.put_person(pool, "GQ-V-4", "caller", {"name": "别人"}, NOW, "p-again")
    together = await asyncio.gather(
        *(vault.put_person(pool, "GQ-V-4", "caller", PLANTED, NOW, "p-race") for _ in range(4))
    )
    assert len(set(together)) == 1


@pytest.mark.clause("突发事件应对法 85")
async def test_after_a_purge_nothing_can_be_read_and_the_purge_is_kept(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    vault = Vault(KEY)
    refs = [await vault.put_person(pool, "GQ-V-5", "victim", PLANTED, NOW) for _ in range(2)]
    spared = await vault.put_person(pool, "GQ-V-6", "victim", PLANTED, NOW)
    file = await put_attachment(vault, pool, "GQ-V-5", PNG, "照片", NOW, MOST)
    by = Reader("office", "应急处置结束", NOW + timedelta(days=30))

    gone = await vault.purge(pool, "GQ-V-5", by)

    assert gone == tuple(sorted(ref.reference for ref in refs))
    for ref in refs:
        with pytest.raises(Purged):
            await vault.read_person(pool, "GQ-V-5", ref.reference, READER)
        with pytest.raises(Purged):
            await vault.put_person(pool, "GQ-V-5", "victim", PLANTED, NOW, ref.reference)
    assert [one.purged for one in await vault.list_persons(pool, "GQ-V-5")] == [by.at] * 2
    assert (await vault.read_person(pool, "GQ-V-6", spared.reference, READER)).data == PLANTED
    # The photograph is evidence and stays until it is named.
    assert (await get_attachment(vault, pool, "GQ-V-5", file.sha256, READER)).data == PNG
    rows = await superuser.fetch("SELECT * FROM purge_log WHERE incident = 'GQ-V-5'")
    assert [(row["refs"], row["seat"], row["reason"], row["at"]) for row in rows] == [
        (list(gone), "office", "应急处置结束", by.at)
    ]
    assert (
        await superuser.fetchval(
            "SELECT count(*) FROM vault_key WHERE incident = 'GQ-V-5' AND wrapped IS NOT NULL"
            " AND reference LIKE 'p-%'"
        )
        == 0
    )
    assert (
        await superuser.fetchval("SELECT count(*) FROM vault_person WHERE incident = 'GQ-V-5'") == 0
    )
    assert await vault.purge(pool, "GQ-V-5", by) == ()


@pytest.mark.clause("突发事件应对法 85")
async def test_a_purged_key_is_not_brought_back(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    vault = Vault(KEY)
    ref = await vault.put_person(pool, "GQ-V-7", "victim", PLANTED, NOW)
    backup = await superuser.fetchval(
        "SELECT wrapped FROM vault_key WHERE reference = $1", ref.reference
    )
    await vault.purge(pool, "GQ-V-7", READER, [ref.reference])
    async with connection(pool) as conn:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="stays so"):
            await conn.execute(
                "UPDATE vault_key SET wrapped = $2, purged = NULL WHERE reference = $1",
                ref.reference,
                backup,
            )


async def test_a_master_key_can_be_changed(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    old, new = os.urandom(32), os.urandom(32)
    ref = await Vault(old).put_person(pool, "GQ-V-8", "victim", PLANTED, NOW)
    with pytest.raises(Unreadable, match="not among those given"):
        await Vault(new).read_person(pool, "GQ-V-8", ref.reference, READER)

    both = Vault(new + old)
    assert (await both.read_person(pool, "GQ-V-8", ref.reference, READER)).data == PLANTED
    ring = Vault(new + old + KEY)
    while await ring.rewrap(pool, limit=2):
        pass

    assert (await Vault(new).read_person(pool, "GQ-V-8", ref.reference, READER)).data == PLANTED
    masters = await superuser.fetch("SELECT DISTINCT master FROM vault_key WHERE wrapped <> ''")
    assert [row[0] for row in masters] == [both.keys.current]
    # Everyone else in this module still uses the first key.
    while await Vault(KEY + new).rewrap(pool):
        pass


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE vault_person SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)"
        " WHERE reference = $1",
        "UPDATE vault_person SET digest = repeat('0', 64) WHERE reference = $1",
        "UPDATE vault_person SET kind = 'caller' WHERE reference = $1",
        "UPDATE vault_person SET sealed = (SELECT sealed FROM vault_person"
        " WHERE reference <> $1 LIMIT 1) WHERE reference = $1",
        "UPDATE vault_key SET wrapped = (SELECT wrapped FROM vault_key"
        " WHERE reference <> $1 AND wrapped IS NOT NULL LIMIT 1) WHERE reference = $1",
    ],
)
async def test_a_changed_row_is_not_believed(
    pool: Pool, superuser: "asyncpg.Connection[asyncpg.Record]", sql: str
) -> None:
    vault = Vault(KEY)
    await vault.put_person(pool, "GQ-V-9", "victim", PLANTED, NOW)
    ref = await vault.put_person(pool, "GQ-V-9", "victim", PLANTED, NOW)
    await superuser.execute(sql, ref.reference)
    with pytest.raises(Unreadable):
        await vault.read_person(pool, "GQ-V-9", ref.reference, READER)


async def test_an_entry_belongs_to_its_incident(pool: Pool) -> None:
    vault = Vault(KEY)
    ref = await vault.put_person(pool, "GQ-V-10", "victim", PLANTED, NOW)
    with pytest.raises(NotFound):
        await vault.read_person(pool, "GQ-V-11", ref.reference, READER)


@pytest.mark.parametrize("keys", [b"", b"x" * 31, b"x" * 33])
def test_a_master_key_has_its_length(keys: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(keys)


async def test_a_file_comes_back_as_it_was(pool: Pool) -> None:
    vault = Vault(KEY)
    stored = await put_attachment(vault, pool, "GQ-V-12", PNG, "批号照片", NOW, MOST)

    file = await get_attachment(vault, pool, "GQ-V-12", stored.sha256, READER)

    assert (file.data, file.title, file.about) == (PNG, "批号照片", stored)
    assert (stored.media_type, stored.size, stored.created) == ("image/png", len(PNG), NOW)
    assert await list_attachments(pool, "GQ-V-12") == [stored]
    assert await find_attachment(pool, "GQ-V-12", stored.sha256) == stored
    [reading] = await audit.list_readings(pool, incident="GQ-V-12")
    assert reading.reference == stored.reference


async def test_the_same_file_is_kept_once_in_an_incident(pool: Pool) -> None:
    vault = Vault(KEY)
    first, *others = await asyncio.gather(
        *(put_attachment(vault, pool, "GQ-V-13", PNG, f"第{n}次", NOW, MOST) for n in range(4))
    )
    elsewhere = await put_attachment(vault, pool, "GQ-V-14", PNG, "同一张", NOW, MOST)
    assert all(other == first for other in others)
    assert elsewhere.sha256 == first.sha256
    assert len(await list_attachments(pool, "GQ-V-13")) == 1


@pytest.mark.clause("突发事件应对法 85")
async def test_a_purged_file_says_so(pool: Pool) -> None:
    vault = Vault(KEY)
    stored = await put_attachment(vault, pool, "GQ-V-15", PNG, "照片", NOW, MOST)
    assert await vault.purge(pool, "GQ-V-15", READER, files=True) == (stored.reference,)
    with pytest.raises(Purged):
        await get_attachment(vault, pool, "GQ-V-15", stored.sha256, READER)
    with pytest.raises(Purged):
        await find_attachment(pool, "GQ-V-15", stored.sha256)
    with pytest.raises(Purged):
        await put_attachment(vault, pool, "GQ-V-15", PNG, "照片", NOW, MOST)
    with pytest.raises(NotFound):
        await find_attachment(pool, "GQ-V-15", "0" * 64)


async def test_a_file_too_large_or_of_no_accepted_type_is_refused(pool: Pool) -> None:
    vault = Vault(KEY)
    with pytest.raises(TooLarge, match="at most 100"):
        await put_attachment(vault, pool, "GQ-V-16", PNG, "大", NOW, 100)
    with pytest.raises(TooLarge, match="empty"):
        await put_attachment(vault, pool, "GQ-V-16", b"", "空", NOW, 100)
    with pytest.raises(UnsupportedMedia, match="accepted are JPEG"):
        await put_attachment(vault, pool, "GQ-V-16", b"MZ\x90\0" * 99, "a.png", NOW, MOST)
    assert await list_attachments(pool, "GQ-V-16") == []
