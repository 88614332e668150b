"""Personal data: encrypted with a key per person, read for a reason, destroyed with the key.

Events carry a reference and a salted digest and nothing else. The salt is sealed with the data,
so after a purge nobody can test a guess against the digest. 突发事件应对法 83-85.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.incident.record import canonical_json
from store.errors import Conflict, NotFound, Purged, Unreadable
from store.keys import KeyRing, new_key, seal, unseal
from store.pool import Conn, Pool, clean, connection, transaction

SALT_BYTES = 16


@dataclass(frozen=True)
class PersonRef:
    """What may stand in events: where the data are, and their salted digest."""

    reference: str
    digest: str


@dataclass(frozen=True)
class Person:
    """Personal data in the clear; for the eyes of the reader who gave a reason."""

    reference: str
    kind: str
    digest: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Listed:
    """An entry without its content. ``purged`` is when its key was destroyed, UTC."""

    reference: str
    kind: str | None
    digest: str | None
    created: datetime | None
    purged: datetime | None


@dataclass(frozen=True)
class Reader:
    """Who reads or purges, at which seat, when (UTC), and why; every reading is kept.

    Raises:
        ValueError: seat or reason is blank.
    """

    seat: str
    reason: str
    at: datetime
    person: str | None = None

    def __post_init__(self) -> None:
        if not self.seat.strip() or not self.reason.strip():
            raise ValueError("reading personal data takes a seat and a reason")


class Vault:
    """Seals and opens what is personal. Every method takes the pool of the space."""

    def __init__(self, keys: bytes) -> None:
        """Work with the master keys ``keys``: 32 bytes each, the newest first.

        Raises:
            ValueError: the bytes are no whole number of keys.
        """
        self.keys = KeyRing(keys)

    async def put_person(
        self,
        pool: Pool,
        incident: str,
        kind: str,
        data: Mapping[str, Any],
        at: datetime,
        reference: str | None = None,
    ) -> PersonRef:
        """Seal ``data`` under a new key.

        Args:
            kind: what the person is to the incident: victim, caller, …
            at: when, UTC.
            reference: given by a caller who may come again with the same data: the second time
                returns what the first did.

        Raises:
            Conflict: the reference stands for other data.
            Purged: the reference stood for data that were destroyed.
            Unavailable: PostgreSQL cannot answer.
        """
        place = reference or "p-" + secrets.token_hex(12)
        plain = canonical_json(
            {"data": dict(data), "kind": kind, "salt": secrets.token_hex(SALT_BYTES)}
        )
        digest = hashlib.sha256(plain).hexdigest()
        async with transaction(pool) as conn:
            key = await self.take_key(conn, incident, place)
            added = await conn.fetchval(
                "INSERT INTO vault_person (incident, reference, kind, digest, sealed, created)"
                " VALUES ($1, $2, $3, $4, $5, $6)"
                " ON CONFLICT (incident, reference) DO NOTHING RETURNING reference",
                incident,
                place,
                kind,
                digest,
                seal(key, plain, _person(incident, place)),
                at,
            )
            if added is None:
                known = await self._open(conn, incident, place)
                if (known.kind, known.data) != (kind, json.loads(plain)["data"]):
                    raise Conflict(f"{place} of {incident} stands for other data")
                return PersonRef(place, known.digest)
        return PersonRef(place, digest)

    async def read_person(
        self, pool: Pool, incident: str, reference: str, reader: Reader
    ) -> Person:
        """The data in the clear; who read them, and why, is kept in the same transaction.

        Raises:
            NotFound: the incident has no such entry.
            Purged: the key was destroyed.
            Unreadable: wrong master key, or the row was changed.
            Unavailable: PostgreSQL cannot answer.
        """
        async with transaction(pool) as conn:
            await log_reading(conn, incident, reference, reader)
            return await self._open(conn, incident, reference)

    async def list_persons(self, pool: Pool, incident: str) -> list[Listed]:
        """The incident's entries without content, those destroyed included, oldest first.

        Raises:
            Unavailable: PostgreSQL cannot answer.
        """
        async with connection(pool) as conn:
            rows = await conn.fetch(
                "SELECT reference, p.kind, p.digest, p.created, k.purged"
                " FROM vault_key k LEFT JOIN vault_person p USING (incident, reference)"
                " WHERE incident = $1 AND reference NOT LIKE 'f-%'"
                " ORDER BY p.created NULLS FIRST, reference",
                incident,
            )
        return [Listed(*row) for row in rows]

    async def purge(
        self,
        pool: Pool,
        incident: str,
        by: Reader,
        references: Sequence[str] | None = None,
        *,
        files: bool = False,
    ) -> tuple[str, ...]:
        """Destroy the keys, and the sealed rows with them; a record of it stays.

        PostgreSQL overwrites the old row versions when it next vacuums the table, and copies of
        the database keep theirs as long as they are kept.

        Args:
            references: only these, which may name files; None is every person.
            files: with ``references`` None, the incident's files as well.

        Returns:
            The references whose keys were destroyed now; none when they were before.

        Raises:
            Unavailable: PostgreSQL cannot answer; nothing was destroyed.
        """
        async with transaction(pool) as conn:
            rows = await conn.fetch(
                "UPDATE vault_key SET wrapped = NULL, purged = $2"
                " WHERE incident = $1 AND wrapped IS NOT NULL"
                " AND CASE WHEN $3::text[] IS NOT NULL THEN reference = ANY($3)"
                "     ELSE $4 OR reference NOT LIKE 'f-%' END"
                " RETURNING reference",
                incident,
                by.at,
                None if references is None else list(references),
                files,
            )
            gone = tuple(sorted(row["reference"] for row in rows))
            if not gone:
                return ()
            for table in ("vault_person", "attachment"):
                await conn.execute(
                    f"DELETE FROM {table} WHERE incident = $1 AND reference = ANY($2)",  # noqa: S608
                    incident,
                    list(gone),
                )
            await conn.execute(
                "INSERT INTO purge_log (at, incident, refs, seat, person, reason)"
                " VALUES ($1, $2, $3, $4, $5, $6)",
                by.at,
                incident,
                list(gone),
                by.seat,
                clean(by.person),
                clean(by.reason),
            )
        return gone

    async def rewrap(self, pool: Pool, limit: int = 500) -> int:
        """Wrap keys that an older master key holds under the current one; how many were.

        Called until it returns 0, after which the older master keys can be put away.

        Raises:
            Unreadable: an older master key is not among those given.
            Unavailable: PostgreSQL cannot answer.
        """
        async with transaction(pool) as conn:
            rows = await conn.fetch(
                "SELECT incident, reference, master, wrapped FROM vault_key"
                " WHERE master <> $1 AND wrapped IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED",
                self.keys.current,
                limit,
            )
            fresh = []
            for row in rows:
                place = _key(row["incident"], row["reference"])
                key = self.keys.unwrap(row["master"], row["wrapped"], place)
                wrapped = self.keys.wrap(key, place)
                fresh.append((row["incident"], row["reference"], self.keys.current, wrapped))
            await conn.executemany(
                "UPDATE vault_key SET master = $3, wrapped = $4"
                " WHERE incident = $1 AND reference = $2",
                fresh,
            )
        return len(rows)

    async def take_key(self, conn: Conn, incident: str, reference: str) -> bytes:
        """The key of ``reference``, made now if there is none.

        Raises:
            Purged: it was destroyed.
        """
        key = new_key()
        added = await conn.fetchval(
            "INSERT INTO vault_key (incident, reference, master, wrapped) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (incident, reference) DO NOTHING RETURNING reference",
            incident,
            reference,
            self.keys.current,
            self.keys.wrap(key, _key(incident, reference)),
        )
        return key if added is not None else await self.find_key(conn, incident, reference)

    async def find_key(self, conn: Conn, incident: str, reference: str) -> bytes:
        """The key of ``reference``, held against a purge until the transaction ends.

        Raises:
            NotFound: there never was one.
            Purged: it was destroyed.
            Unreadable: wrong master key, or the row was changed.
        """
        row = await conn.fetchrow(
            "SELECT master, wrapped, purged FROM vault_key"
            " WHERE incident = $1 AND reference = $2 FOR SHARE",
            incident,
            reference,
        )
        if row is None:
            raise NotFound(f"{incident} has no entry {reference}")
        if row["wrapped"] is None:
            raise Purged(f"{reference} of {incident} was destroyed on {row['purged']:%Y-%m-%d}")
        return self.keys.unwrap(row["master"], row["wrapped"], _key(incident, reference))

    async def _open(self, conn: Conn, incident: str, reference: str) -> Person:
        key = await self.find_key(conn, incident, reference)
        row = await conn.fetchrow(
            "SELECT kind, digest, sealed FROM vault_person WHERE incident = $1 AND reference = $2",
            incident,
            reference,
        )
        if row is None:
            raise NotFound(f"{incident} has no entry {reference}")
        plain = unseal(key, row["sealed"], _person(incident, reference))
        content = json.loads(plain)
        if (hashlib.sha256(plain).hexdigest(), content["kind"]) != (row["digest"], row["kind"]):
            raise Unreadable(f"{reference} of {incident}: digest or kind was changed")
        return Person(reference, row["kind"], row["digest"], content["data"])


async def log_reading(conn: Conn, incident: str, reference: str, reader: Reader) -> None:
    """Keep that ``reader`` read ``reference``, in the transaction of the reading."""
    await conn.execute(
        "INSERT INTO access_log (at, incident, reference, seat, person, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        reader.at,
        incident,
        reference,
        reader.seat,
        clean(reader.person),
        clean(reader.reason),
    )


def _key(incident: str, reference: str) -> bytes:
    return f"{incident}\0{reference}".encode()


def _person(incident: str, reference: str) -> bytes:
    return f"yaoan person\0{incident}\0{reference}".encode()
