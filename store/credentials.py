"""Tokens, of which only SHA-256 digests are ever stored, and their last good copy on disk."""

import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from store.pool import Pool, connection


class Row(NamedTuple):
    """The digest of a token in hexadecimal, and the seat and body it speaks for."""

    digest: str
    seat: str
    body: str


async def put_digests(
    pool: Pool, rows: Iterable[tuple[str, str, str]], at: datetime | None = None
) -> None:
    """Make tokens known, by digest, seat and body; those known already stay as they are.

    Args:
        at: when they were made, UTC; now unless given. A token is no part of the record.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    created = at or datetime.now(UTC)
    async with connection(pool) as conn:
        await conn.executemany(
            "INSERT INTO credential (digest, seat, body, created) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (digest) DO NOTHING",
            [(*row, created) for row in rows],
        )


async def load_digests(pool: Pool) -> list[Row]:
    """Every token that is not revoked, in a stable order.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT digest, seat, body FROM credential WHERE revoked IS NULL"
            " ORDER BY seat, body, digest"
        )
    return [Row(*row) for row in rows]


async def revoke(pool: Pool, digests: Sequence[str], at: datetime) -> int:
    """Revoke tokens at ``at``, UTC; how many were valid until now.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "UPDATE credential SET revoked = $2 WHERE digest = ANY($1) AND revoked IS NULL"
            " RETURNING digest",
            list(digests),
            at,
        )
    return len(rows)


def save_copy(path: Path, rows: Iterable[tuple[str, str, str]]) -> None:
    """Write the last good copy, whole or not at all, for its owner's eyes (mode 0600).

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 0600 from the first moment on.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            json.dump([list(row) for row in rows], file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_copy(path: Path) -> list[Row]:
    """The last good copy; empty when there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no such copy.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    try:
        return [Row(str(digest), str(seat), str(body)) for digest, seat, body in content]
    except TypeError as error:
        raise ValueError(f"{path} is no list of digests") from error
