"""Files: content-addressed in an incident, sealed with a key each, and read for a reason."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime

from store.errors import NotFound, Purged, TooLarge, Unreadable
from store.keys import seal, unseal
from store.media import sniff
from store.pool import Pool, connection, transaction
from store.vault import Reader, Vault, log_reading

TITLE_MOST = 200
"""At most so many characters of a title are kept."""


@dataclass(frozen=True)
class Stored:
    """A file without its content: ``sha256`` of the plaintext names it in events; size in bytes."""

    sha256: str
    reference: str
    media_type: str
    size: int
    created: datetime


@dataclass(frozen=True)
class File:
    """A file in the clear, for the eyes of the reader who gave a reason."""

    about: Stored
    title: str
    data: bytes


async def put_attachment(
    vault: Vault, pool: Pool, incident: str, data: bytes, title: str, at: datetime, most: int
) -> Stored:
    """Keep ``data`` sealed; the same content again in the same incident changes nothing.

    Args:
        title: for people; sealed as well.
        at: when, UTC.
        most: the largest file accepted, in bytes.

    Raises:
        TooLarge: it has more bytes than ``most``, or none at all.
        UnsupportedMedia: its content is of no accepted type.
        Purged: this very file was destroyed in this incident, and stays so.
        Unavailable: PostgreSQL cannot answer.
    """
    if not data:
        raise TooLarge("the file is empty")
    if len(data) > most:
        raise TooLarge(f"the file has {len(data)} bytes; at most {most} are accepted")
    media_type = sniff(data)
    sha256 = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
    reference = _reference(sha256)
    name = title.strip()[:TITLE_MOST].encode()
    async with transaction(pool) as conn:
        # Two uploads of the same file meet here: the second waits for the first to commit.
        key = await vault.take_key(conn, incident, reference)
        known = await conn.fetchrow(
            "SELECT sha256, reference, media_type, size, created FROM attachment"
            " WHERE incident = $1 AND sha256 = $2",
            incident,
            sha256,
        )
        if known is not None:
            return Stored(*known)
        sealed = await asyncio.to_thread(seal, key, data, _content(incident, sha256, media_type))
        row = await conn.fetchrow(
            "INSERT INTO attachment"
            " (incident, sha256, reference, media_type, size, title, sealed, created)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            " RETURNING sha256, reference, media_type, size, created",
            incident,
            sha256,
            reference,
            media_type,
            len(data),
            seal(key, name, _title(incident, sha256)),
            sealed,
            at,
        )
    return Stored(*row) if row is not None else await find_attachment(pool, incident, sha256)


async def get_attachment(
    vault: Vault, pool: Pool, incident: str, sha256: str, reader: Reader
) -> File:
    """The file in the clear; who read it, and why, is kept in the same transaction.

    Raises:
        NotFound: the incident has no such file.
        Purged: its key was destroyed.
        Unreadable: wrong master key, or the row was changed.
        Unavailable: PostgreSQL cannot answer.
    """
    reference = _reference(sha256)
    async with transaction(pool) as conn:
        await log_reading(conn, incident, reference, reader)
        key = await vault.find_key(conn, incident, reference)
        row = await conn.fetchrow(
            "SELECT sha256, reference, media_type, size, created, title, sealed FROM attachment"
            " WHERE incident = $1 AND sha256 = $2",
            incident,
            sha256,
        )
    if row is None:
        raise NotFound(f"{incident} has no file {sha256}")
    about = Stored(*row[:5])
    bound_to = _content(incident, sha256, about.media_type)
    data = await asyncio.to_thread(unseal, key, row["sealed"], bound_to)
    if hashlib.sha256(data).hexdigest() != sha256 or len(data) != about.size:
        raise Unreadable(f"file {sha256} of {incident}: its row was changed")
    title = unseal(key, row["title"], _title(incident, sha256)).decode()
    return File(about, title, data)


async def find_attachment(pool: Pool, incident: str, sha256: str) -> Stored:
    """What is known of a file without opening it.

    Raises:
        NotFound: the incident has no such file.
        Purged: its key was destroyed.
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        row = await conn.fetchrow(
            "SELECT sha256, reference, media_type, size, created FROM attachment"
            " WHERE incident = $1 AND sha256 = $2",
            incident,
            sha256,
        )
        if row is not None:
            return Stored(*row)
        purged = await conn.fetchval(
            "SELECT purged FROM vault_key WHERE incident = $1 AND reference = $2",
            incident,
            _reference(sha256),
        )
    if purged is not None:
        raise Purged(f"file {sha256} of {incident} was destroyed on {purged:%Y-%m-%d}")
    raise NotFound(f"{incident} has no file {sha256}")


async def list_attachments(pool: Pool, incident: str) -> list[Stored]:
    """The incident's files that still exist, oldest first.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT sha256, reference, media_type, size, created FROM attachment"
            " WHERE incident = $1 ORDER BY created, sha256",
            incident,
        )
    return [Stored(*row) for row in rows]


def _reference(sha256: str) -> str:
    return f"f-{sha256}"


def _content(incident: str, sha256: str, media_type: str) -> bytes:
    return f"yaoan file\0{incident}\0{sha256}\0{media_type}".encode()


def _title(incident: str, sha256: str) -> bytes:
    return f"yaoan title\0{incident}\0{sha256}".encode()
