"""Changes of the directory, all or none, each with who made it when.

The log of changes can never be cleared, so it names the channels of a contact and not where they
lead, and no names.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from domain.directory import Contact, Shift, Substitution, handed_over, replaced
from store.directory import CONTACT, SHIFT, contact_of
from store.errors import Conflict, NotFound
from store.pool import Conn, Pool, as_json, clean, connection, transaction

KEPT_SHIFTS: Final = timedelta(days=31)
"""Shifts that ended longer ago go when their body gets a new roster; the log keeps them."""


@dataclass(frozen=True)
class Hand:
    """By whom and when, UTC, the directory is changed, and what they said about it."""

    at: datetime
    seat: str
    person: str | None = None
    note: str | None = None


@dataclass(frozen=True)
class Change:
    """An entry of the log of changes. Times are UTC."""

    id: int
    at: datetime
    seat: str
    person: str | None
    what: str
    body: str
    subject: str
    detail: dict[str, Any]
    note: str | None


async def list_changes(
    pool: Pool, *, body: str | None = None, before: int | None = None, limit: int = 50
) -> list[Change]:
    """Who changed what, newest first; ``before`` an id for the next page.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT id, at, seat, person, what, body, subject, detail, note FROM directory_change"
            " WHERE ($1::text IS NULL OR body = $1) AND ($2::bigint IS NULL OR id < $2)"
            " ORDER BY id DESC LIMIT $3",
            body,
            before,
            limit,
        )
    return [Change(**{**dict(row), "detail": json.loads(row["detail"])}) for row in rows]


# --- contacts ---


async def put_contacts(pool: Pool, contacts: Iterable[Contact], by: Hand) -> int:
    """Enter or change contacts, all or none; how many are new or different.

    A contact that was retired under the same id comes back. A changed address was never tried.

    Raises:
        Conflict: an id is that of a contact of another body.
        Unavailable: PostgreSQL cannot answer.
    """
    changed = 0
    async with transaction(pool) as conn:
        await _alone(conn)
        for contact in contacts:
            before = await conn.fetchrow(
                f"SELECT {CONTACT} FROM contact WHERE id = $1 AND retired IS NULL",  # noqa: S608
                contact.id,
            )
            known = contact_of(before) if before else None
            if known == contact:
                continue
            if known and known.body != contact.body:
                raise Conflict(
                    f"{contact.id} is a contact of {known.body}: retire it there first, "
                    "or choose another id"
                )
            await _put_contact(conn, contact, known, by)
            changed += 1
    return changed


async def _put_contact(conn: Conn, contact: Contact, known: Contact | None, by: Hand) -> None:
    addresses = [address.model_dump() for address in contact.addresses]
    await conn.execute(
        "INSERT INTO contact (id, body, role, position, name, addresses, quiet_from, quiet_to)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET"
        " body = $2, role = $3, position = $4, name = $5, addresses = $6, quiet_from = $7,"
        " quiet_to = $8, retired = NULL",
        contact.id,
        contact.body,
        contact.role,
        contact.position,
        contact.name,
        as_json(addresses),
        contact.quiet_from,
        contact.quiet_to,
    )
    before = known.addresses if known else ()
    other = {one.channel for one in {*before} ^ {*contact.addresses}}
    await conn.execute(
        "DELETE FROM channel_trial WHERE contact = $1 AND channel = ANY($2)",
        contact.id,
        list(other),
    )
    changed = [
        name
        for name in ("role", "position", "name", "quiet_from", "quiet_to", "addresses")
        if known is None or getattr(known, name) != getattr(contact, name)
    ]
    channels = [address.channel for address in contact.addresses]
    detail = {"new": known is None, "changed": changed, "role": contact.role, "channels": channels}
    await _note(conn, by, "contact_put", contact.body, contact.id, detail)


async def retire_contact(pool: Pool, contact: str, by: Hand) -> None:
    """Take a contact out of the directory, with its shifts, substitutions and trials.

    Raises:
        NotFound: there is no such contact.
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await _alone(conn)
        body = await conn.fetchval(
            "UPDATE contact SET retired = $2, name = NULL, addresses = '[]'"
            " WHERE id = $1 AND retired IS NULL RETURNING body",
            contact,
            by.at,
        )
        if body is None:
            raise NotFound(f"there is no contact {contact}")
        await conn.execute("DELETE FROM shift WHERE contact = $1", contact)
        await conn.execute(
            "DELETE FROM substitution WHERE contact = $1 OR substitute = $1", contact
        )
        await conn.execute("DELETE FROM channel_trial WHERE contact = $1", contact)
        await _note(conn, by, "contact_retired", body, contact, {})


# --- roster and substitutes ---


async def put_shifts(pool: Pool, shifts: Sequence[Shift], by: Hand) -> None:
    """Put in a roster, all or none: of each body, it replaces what stood in its span.

    Raises:
        Conflict: a contact is not one of the body.
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await _alone(conn)
        for body in sorted({shift.body for shift in shifts}):
            new = [shift for shift in shifts if shift.body == body]
            for contact in sorted({shift.contact for shift in new}):
                await _require(conn, contact, body)
            since = by.at - KEPT_SHIFTS
            kept = [shift for shift in await _roster(conn, body) if shift.ends > since]
            await _put_roster(conn, body, replaced(kept, new))
            detail = {"shifts": [one.model_dump(mode="json", exclude={"body"}) for one in new]}
            await _note(conn, by, "roster_put", body, body, detail)


async def hand_over(
    pool: Pool, body: str, outgoing: str, incoming: str, by: Hand, at: datetime | None = None
) -> None:
    """End the outgoing's shift and begin the incoming's; the note is kept.

    Args:
        at: when, UTC; when it was entered unless given.

    Raises:
        domain.base.Refusal: ``not_on_duty``, neither of them is on shift.
        Conflict: one of them is not a contact of the body.
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await _alone(conn)
        for contact in (outgoing, incoming):
            await _require(conn, contact, body)
        roster = await _roster(conn, body)
        moment = at or by.at
        await _put_roster(conn, body, handed_over(roster, outgoing, incoming, moment))
        detail = {"outgoing": outgoing, "incoming": incoming, "at": moment.isoformat()}
        await _note(conn, by, "shift_handed_over", body, incoming, detail)


async def put_substitution(pool: Pool, substitution: Substitution, by: Hand) -> None:
    """Enter who answers for whom; the same contact and start again changes the rest of it.

    Raises:
        NotFound: one of them is not in the directory.
        Conflict: the substitute is a contact of another body.
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await _alone(conn)
        body = await _body_of(conn, substitution.contact)
        if await _body_of(conn, substitution.substitute) != body:
            raise Conflict(
                f"{substitution.substitute} is no contact of {body}: choose a substitute there"
            )
        await conn.execute(
            "INSERT INTO substitution (contact, substitute, starts, ends, reason)"
            " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (contact, starts) DO UPDATE SET"
            " substitute = $2, ends = $4, reason = $5",
            substitution.contact,
            substitution.substitute,
            substitution.starts,
            substitution.ends,
            clean(substitution.reason),
        )
        detail = substitution.model_dump(mode="json", exclude={"contact", "reason"})
        await _note(conn, by, "substitution_put", body, substitution.contact, detail)


async def _alone(conn: Conn) -> None:
    """Changes of the directory go one after the other; whoever reads it is not held up."""
    await conn.execute("LOCK TABLE contact IN SHARE ROW EXCLUSIVE MODE")


async def _body_of(conn: Conn, contact: str) -> str:
    body = await conn.fetchval(
        "SELECT body FROM contact WHERE id = $1 AND retired IS NULL", contact
    )
    if body is None:
        raise NotFound(f"there is no contact {contact}")
    return str(body)


async def _require(conn: Conn, contact: str, body: str) -> None:
    found = await conn.fetchval(
        "SELECT true FROM contact WHERE id = $1 AND body = $2 AND retired IS NULL", contact, body
    )
    if found is None:
        raise Conflict(f"{contact} is no contact of {body}: enter it first")


async def _roster(conn: Conn, body: str) -> tuple[Shift, ...]:
    rows = await conn.fetch(f"SELECT {SHIFT} FROM shift WHERE body = $1", body)  # noqa: S608
    return tuple(Shift(**dict(row)) for row in rows)


async def _put_roster(conn: Conn, body: str, shifts: Iterable[Shift]) -> None:
    await conn.execute("DELETE FROM shift WHERE body = $1", body)
    await conn.executemany(
        f"INSERT INTO shift ({SHIFT}) VALUES ($1, $2, $3, $4)",  # noqa: S608
        [(one.body, one.contact, one.starts, one.ends) for one in shifts],
    )


async def _note(
    conn: Conn, by: Hand, what: str, body: str, subject: str, detail: dict[str, Any]
) -> None:
    await conn.execute(
        "INSERT INTO directory_change (at, seat, person, what, body, subject, detail, note)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        by.at,
        by.seat,
        clean(by.person),
        what,
        body,
        subject,
        as_json(detail),
        clean(by.note),
    )
