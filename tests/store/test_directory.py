"""The directory on record: all or none, with who changed it; and its last good copy on disk."""

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator
from datetime import time, timedelta
from itertools import pairwise
from pathlib import Path

import asyncpg
import pytest

from domain.base import Refusal
from domain.directory import Address, Contact, Directory, Shift, Substitution, Trial
from store import directory as kept
from store.directory import Keeper, load, record_trial
from store.directory_changes import (
    Hand,
    hand_over,
    list_changes,
    put_contacts,
    put_shifts,
    put_substitution,
    retire_contact,
)
from store.errors import Conflict, NotFound, Unavailable
from store.pool import Pool, connection, open_pool
from tests.conftest import Clone
from tests.store.conftest import NOW

HOUR = timedelta(hours=1)
BY = Hand(at=NOW, seat="duty", person="张三")
SECRET = "13900001111"


@pytest.fixture
async def pool(clone_database: Clone) -> AsyncIterator[Pool]:
    """A directory of each test's own."""
    database = await clone_database()
    opened = await open_pool(database.application_url, database.space)
    yield opened
    opened.terminate()


def person(id: str, body: str = "county-health", to: str = SECRET) -> Contact:
    """A contact with a telephone and a mailbox."""
    return Contact(
        id=id,
        body=body,
        role="duty_officer",
        position=3,
        name="李四",
        addresses=(Address(channel="phone", to=to), Address(channel="mail", to="li@health.cn")),
        quiet_from=time(22),
        quiet_to=time(7, 30),
    )


def shift(contact: str, start: float, end: float, body: str = "county-health") -> Shift:
    """A shift by hours from NOW."""
    return Shift(body=body, contact=contact, starts=NOW + start * HOUR, ends=NOW + end * HOUR)


async def test_what_was_put_in_is_read_again(pool: Pool) -> None:
    assert await load(pool) == Directory()
    contacts = (person("li"), person("wang"), person("zhao", "county-police"))
    assert await put_contacts(pool, contacts, BY) == 3
    await put_shifts(pool, [shift("li", 0, 8), shift("wang", 8, 16)], BY)
    absence = Substitution(
        contact="li", substitute="wang", starts=NOW, ends=NOW + HOUR, reason="外出"
    )
    await put_substitution(pool, absence, BY)
    await record_trial(pool, "li", "mail", NOW, True)

    assert await load(pool) == Directory(
        contacts=contacts,
        shifts=(shift("li", 0, 8), shift("wang", 8, 16)),
        substitutions=(absence,),
        trials=(Trial(contact="li", channel="mail", at=NOW, ok=True),),
    )


async def test_putting_the_same_in_again_changes_nothing_and_says_nothing(pool: Pool) -> None:
    assert await put_contacts(pool, [person("li")], BY) == 1
    assert await put_contacts(pool, [person("li"), person("wang")], BY) == 1
    assert [one.subject for one in await list_changes(pool)] == ["wang", "li"]


async def test_an_id_is_not_taken_from_another_body_and_then_nothing_is_put_in(pool: Pool) -> None:
    await put_contacts(pool, [person("li")], BY)
    with pytest.raises(Conflict, match="li is a contact of county-health: retire it there first"):
        await put_contacts(pool, [person("new"), person("li", "county-police")], BY)
    assert [one.id for one in (await load(pool)).contacts] == ["li"]

    await retire_contact(pool, "li", BY)
    assert await put_contacts(pool, [person("li", "county-police")], BY) == 1
    assert [one.body for one in (await load(pool)).contacts] == ["county-police"]


async def test_whoever_is_retired_is_gone_with_shifts_substitutions_and_trials(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("wang")], BY)
    await put_shifts(pool, [shift("li", 0, 8), shift("wang", 8, 16)], BY)
    await record_trial(pool, "li", "mail", NOW, True)
    for who, other in (("li", "wang"), ("wang", "li")):
        absence = Substitution(contact=who, substitute=other, starts=NOW, ends=NOW + HOUR)
        await put_substitution(pool, absence, BY)

    await retire_contact(pool, "li", BY)

    assert await load(pool) == Directory(contacts=(person("wang"),), shifts=(shift("wang", 8, 16),))
    with pytest.raises(NotFound):
        await retire_contact(pool, "li", BY)
    # An older copy of the directory may still name it.
    await record_trial(pool, "li", "mail", NOW, True)
    assert (await load(pool)).trials == ()
    # Nor is the number kept.
    async with connection(pool) as conn:
        row = await conn.fetchrow("SELECT * FROM contact WHERE id = 'li'")
    assert SECRET not in str(row)


async def test_the_newest_trial_stands_until_the_address_changes(pool: Pool) -> None:
    await put_contacts(pool, [person("li")], BY)
    for at, ok in ((NOW, True), (NOW - HOUR, False)):
        await record_trial(pool, "li", "phone", at, ok)
        await record_trial(pool, "li", "mail", at, ok)
    assert {(one.at, one.ok) for one in (await load(pool)).trials} == {(NOW, True)}
    await record_trial(pool, "li", "phone", NOW + HOUR, False)

    await put_contacts(pool, [person("li", to="0533-2")], BY)

    assert (await load(pool)).trials == (Trial(contact="li", channel="mail", at=NOW, ok=True),)


async def test_a_roster_replaces_its_span_of_its_own_body_alone(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("wang"), person("zhao", "county-police")], BY)
    police = shift("zhao", 0, 8, "county-police")
    old = shift("li", -800, -799)
    await put_shifts(pool, [old, shift("li", 0, 8), shift("wang", 8, 16), police], BY)

    assert old in (await load(pool)).shifts

    await put_shifts(pool, [shift("wang", 4, 8)], BY)

    assert set((await load(pool)).shifts) == {
        police,
        shift("li", 0, 4),
        shift("wang", 4, 8),
        shift("wang", 8, 16),
    }, "what ended more than a month ago goes as well"
    with pytest.raises(Conflict, match="zhao is no contact of county-health"):
        await put_shifts(pool, [shift("li", 4, 5), shift("zhao", 5, 6)], BY)
    assert shift("wang", 4, 8) in (await load(pool)).shifts


async def test_a_handover_moves_the_shift_and_keeps_the_note(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("wang"), person("zhao", "county-police")], BY)
    await put_shifts(pool, [shift("li", -8, 1), shift("wang", 1, 9)], BY)
    by = Hand(at=NOW, seat="duty", person="李四", note="两项待办已交代")

    await hand_over(pool, "county-health", "li", "wang", by)

    assert (await load(pool)).shifts == (shift("li", -8, 0), shift("wang", 0, 9))
    newest = (await list_changes(pool, body="county-health"))[0]
    assert (newest.what, newest.note, newest.person, newest.seat, newest.at) == (
        "shift_handed_over",
        "两项待办已交代",
        "李四",
        "duty",
        NOW,
    )
    assert newest.detail == {"outgoing": "li", "incoming": "wang", "at": NOW.isoformat()}
    with pytest.raises(Conflict):
        await hand_over(pool, "county-health", "wang", "zhao", by)
    with pytest.raises(Refusal):
        await hand_over(pool, "county-health", "li", "li", Hand(at=NOW + 20 * HOUR, seat="duty"))


async def test_a_substitution_can_be_cut_short(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("wang")], BY)
    absence = Substitution(contact="li", substitute="wang", starts=NOW, ends=NOW + 9 * HOUR)
    await put_substitution(pool, absence, BY)
    shorter = absence.model_copy(update={"ends": NOW + HOUR})
    await put_substitution(pool, shorter, BY)
    assert (await load(pool)).substitutions == (shorter,)
    with pytest.raises(NotFound, match="nobody"):
        await put_substitution(pool, absence.model_copy(update={"substitute": "nobody"}), BY)


async def test_a_substitute_of_another_body_is_refused(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("zhao", "city-msa")], BY)
    absence = Substitution(contact="li", substitute="zhao", starts=NOW, ends=NOW + HOUR)
    with pytest.raises(Conflict, match="zhao is no contact of county-health: choose a substitute"):
        await put_substitution(pool, absence, BY)
    assert (await load(pool)).substitutions == ()
    assert "substitution_put" not in {one.what for one in await list_changes(pool)}


async def test_the_log_of_changes_only_grows_and_holds_no_number(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await put_contacts(pool, [person("li")], BY)
    await put_contacts(pool, [person("li", to="0533-7654321")], BY)
    await retire_contact(pool, "li", BY)
    changes = await list_changes(pool)
    assert [(one.what, one.subject) for one in changes] == [
        ("contact_retired", "li"),
        ("contact_put", "li"),
        ("contact_put", "li"),
    ]
    assert changes[1].detail == {
        "new": False,
        "changed": ["addresses"],
        "role": "duty_officer",
        "channels": ["phone", "mail"],
    }
    assert await list_changes(pool, before=changes[1].id) == changes[2:]
    text = json.dumps([one.detail for one in changes], ensure_ascii=False) + caplog.text
    assert [one for one in (SECRET, "0533-7654321", "li@health.cn", "李四") if one in text] == []
    for statement in ("UPDATE directory_change SET note = ''", "DELETE FROM directory_change"):
        async with connection(pool) as conn:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await conn.execute(statement)


async def test_changes_at_once_go_one_after_the_other(pool: Pool) -> None:
    await put_contacts(pool, [person("li"), person("wang")], BY)
    rosters = [
        [shift("li", hour, hour + 2), shift("wang", hour + 2, hour + 4)] for hour in range(8)
    ]
    await asyncio.gather(*(put_shifts(pool, roster, BY) for roster in rosters))
    shifts = (await load(pool)).shifts
    for who in ("li", "wang"):
        mine = sorted((one.starts, one.ends) for one in shifts if one.contact == who)
        assert all(a[1] <= b[0] for a, b in pairwise(mine)), mine


# --- the last known good copy ---


@pytest.fixture
async def nowhere() -> AsyncIterator[Pool]:
    """A PostgreSQL that cannot be reached."""
    opened = await open_pool("postgresql://a:b@127.0.0.1:1/x", "incidents")
    yield opened
    opened.terminate()


async def test_the_copy_serves_a_process_that_starts_without_postgresql(
    pool: Pool, nowhere: Pool, tmp_path: Path
) -> None:
    copy = tmp_path / "deep" / "directory.json"
    await put_contacts(pool, [person("li")], BY)
    await put_shifts(pool, [shift("li", 0, 8)], BY)
    known = await Keeper(pool, copy).get()
    assert known.contacts == (person("li"),)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert list(copy.parent.iterdir()) == [copy]

    with pytest.raises(Unavailable):
        await load(nowhere)
    assert await Keeper(nowhere, copy).get() == known


async def test_what_is_held_outlives_postgresql_and_the_copy(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "REFRESH_SECONDS", 0.0)
    await put_contacts(pool, [person("li")], BY)
    keeper = Keeper(pool, tmp_path / "directory.json")
    known = await keeper.get()
    (tmp_path / "directory.json").unlink()
    await pool.close()
    assert await keeper.get() == known


async def test_a_change_is_seen_after_a_few_seconds_and_not_asked_for_each_time(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = Keeper(pool, tmp_path / "directory.json")
    assert await keeper.get() == Directory()
    await put_contacts(pool, [person("li")], BY)
    assert await keeper.get() == Directory()
    monkeypatch.setattr(kept, "REFRESH_SECONDS", 0.0)
    assert (await keeper.get()).contacts == (person("li"),)
    assert (
        person("li")
        in Directory.model_validate_json((tmp_path / "directory.json").read_bytes()).contacts
    )


@pytest.mark.parametrize("content", ["", "{", '{"contacts": [{"id": "13900001111"}]}', "[]"])
async def test_a_damaged_copy_is_logged_without_what_it_says(
    nowhere: Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    copy = tmp_path / "directory.json"
    copy.write_text(content)
    assert await Keeper(nowhere, copy).get() == Directory()
    assert "copy of the directory cannot be read: ValidationError" in caplog.text
    assert SECRET not in caplog.text


async def test_without_copy_and_postgresql_nobody_is_known_and_that_is_logged(
    nowhere: Pool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await Keeper(nowhere, tmp_path / "none.json").get() == Directory()
    assert "no copy of the directory" in caplog.text


async def test_a_database_that_hangs_holds_up_one_caller_at_most_and_not_for_long(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_contacts(pool, [person("li")], BY)
    keeper = Keeper(pool, tmp_path / "directory.json")
    known = await keeper.get()
    monkeypatch.setattr(kept, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(kept, "LOAD_SECONDS", 0.5)
    async with connection(pool) as conn, conn.transaction():
        await conn.execute("LOCK TABLE contact IN ACCESS EXCLUSIVE MODE")
        looking = asyncio.create_task(keeper.get())
        async with asyncio.timeout(10):
            while not keeper._looking.locked():
                await asyncio.sleep(0)
            assert await keeper.get() == known
            assert not looking.done(), "the others did not wait for the one that looks"
            assert await looking == known
