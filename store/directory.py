"""The directory as it is read: whom to reach in each body, and its last good copy on disk.

Addresses are personal data of officials: none is ever logged.
"""

import asyncio
import json
import logging
import os
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from domain.directory import Contact, Directory, Shift, Substitution, Trial
from store.errors import StoreError
from store.pool import Pool, connection, transaction

log = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 5.0
"""How old the directory may be that a notice is sent by."""
LOAD_SECONDS: Final = 3.0
"""How long a notice waits for PostgreSQL before it goes by the last known good copy."""
CONTACT: Final = "id, body, role, position, name, addresses, quiet_from, quiet_to"
SHIFT: Final = "body, contact, starts, ends"


async def load(pool: Pool) -> Directory:
    """Everybody who can be reached, as of one moment; retired contacts are left out.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool, isolation="repeatable_read", readonly=True) as conn:
        contacts = await conn.fetch(f"SELECT {CONTACT} FROM contact WHERE retired IS NULL")  # noqa: S608
        shifts = await conn.fetch(f"SELECT {SHIFT} FROM shift ORDER BY starts, contact")  # noqa: S608
        substitutions = await conn.fetch(
            "SELECT contact, substitute, starts, ends, reason FROM substitution"
            " ORDER BY starts, contact"
        )
        trials = await conn.fetch(
            "SELECT contact, channel, at, ok FROM channel_trial ORDER BY contact, channel"
        )
    return Directory(
        contacts=tuple(sorted(map(contact_of, contacts), key=lambda one: (one.body, one.id))),
        shifts=tuple(Shift(**dict(row)) for row in shifts),
        substitutions=tuple(Substitution(**dict(row)) for row in substitutions),
        trials=tuple(Trial(**dict(row)) for row in trials),
    )


def contact_of(row: asyncpg.Record) -> Contact:
    """The contact in a row of the columns CONTACT."""
    return Contact(**{**dict(row), "addresses": json.loads(row["addresses"])})


async def record_trial(pool: Pool, contact: str, channel: str, at: datetime, ok: bool) -> None:
    """Keep whether ``channel`` reached a contact at ``at``, UTC; the newest trial stands.

    A contact that is gone, which an older copy of the directory may still name, is passed over.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "INSERT INTO channel_trial (contact, channel, at, ok)"
            " SELECT id, $2, $3, $4 FROM contact WHERE id = $1 AND retired IS NULL"
            " ON CONFLICT (contact, channel) DO UPDATE SET at = $3, ok = $4"
            " WHERE channel_trial.at <= $3",
            contact,
            channel,
            at,
            ok,
        )


# --- the last known good copy ---


class Keeper:
    """The directory for whoever sends: at most a few seconds old, or the last known good one.

    ``copy`` survives the process, so that an unreachable PostgreSQL does not stop a statutory
    notice even right after a start.
    """

    def __init__(self, pool: Pool, copy: Path) -> None:
        self._pool = pool
        self._copy = copy
        self._held: Directory | None = None
        self._looked = -REFRESH_SECONDS
        self._looking = asyncio.Lock()

    async def get(self) -> Directory:
        """The directory, never older than need be; an empty one when nothing was ever known."""
        # While one looks, the others go by what is held: nobody queues for a database that hangs.
        held = self._held
        if held is not None and self._looking.locked():
            return held
        async with self._looking:
            held = self._held
            if held is None or time.monotonic() - self._looked >= REFRESH_SECONDS:
                held = self._held = await self._look()
                self._looked = time.monotonic()
        return held

    async def _look(self) -> Directory:
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                found = await load(self._pool)
        except (StoreError, TimeoutError, ValueError) as error:
            log.warning("the directory is not refreshed: %s", type(error).__name__)
            if self._held is None:
                return await asyncio.to_thread(self._read_copy)
            return self._held
        if found != self._held:
            await asyncio.to_thread(self._write_copy, found)
        return found

    def _read_copy(self) -> Directory:
        try:
            return Directory.model_validate_json(self._copy.read_bytes())
        except FileNotFoundError:
            log.error("there is no copy of the directory: nobody can be reached but by inbox")
        except (OSError, ValueError) as error:
            # The error itself would show what it could not read.
            log.error("the copy of the directory cannot be read: %s", type(error).__name__)
        return Directory()

    def _write_copy(self, found: Directory) -> None:
        try:
            save_copy(self._copy, found)
        except OSError as error:
            log.error("the copy of the directory cannot be written: %s", type(error).__name__)


def save_copy(path: Path, directory: Directory) -> None:
    """Write the last good copy, whole or not at all, for its owner's eyes (mode 0600).

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives mode 0600 from the first moment on.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(directory.model_dump_json(exclude_defaults=True))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
