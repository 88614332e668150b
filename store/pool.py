"""Connections to the schema of one space, and what their failures mean."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, overload

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from store.errors import NotMigrated, Unavailable

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Conn: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

CONNECT_SECONDS = 3.0
"""How long to wait for a connection before saying that PostgreSQL is unavailable."""

STATEMENT_SECONDS = 15.0
"""How long one statement may take; rebuild and verify lift it for themselves."""

LONG_SECONDS = 3600.0
"""How long one statement of a rebuild or a verification may take."""

_GONE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,  # shutdown, crash, cannot connect now, cancelled
    asyncpg.InsufficientResourcesError,  # no connection slot, no memory, no room on the disk
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidCachedStatementError,  # a migration ran meanwhile
)
_UNMIGRATED = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


async def open_pool(database_url: str, space: str, *, size: int = 8, name: str = "yaoan") -> Pool:
    """A pool on the schema ``space``; it opens also while PostgreSQL is down.

    Args:
        size: at most so many connections.
        name: the application's name, as PostgreSQL's activity view shows it.

    Raises:
        ValueError: the address cannot be read.
    """
    return await asyncpg.create_pool(
        database_url,
        # No connection is opened ahead: a process must start while the database is down.
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        max_inactive_connection_lifetime=60.0,
        server_settings=server_settings(space, name),
    )


def server_settings(space: str, name: str) -> dict[str, str]:
    """What every session of ours sets: its schema, UTC, and limits on waiting."""
    return {
        "application_name": name,
        "search_path": f'"{space}"',
        "timezone": "UTC",
        "statement_timeout": f"{STATEMENT_SECONDS:.0f}s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    }


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn the driver's failures of connection into Unavailable, those of schema into NotMigrated.

    Raises:
        Unavailable: PostgreSQL cannot be reached or cannot answer now.
        NotMigrated: a table or a column is missing.
    """
    try:
        yield
    except _UNMIGRATED as error:
        raise NotMigrated(f"the schema is not migrated: {error}") from error
    except _GONE as error:
        raise Unavailable(
            f"PostgreSQL is unavailable: {str(error) or type(error).__name__}"
        ) from error
    except asyncpg.InterfaceError as error:
        # The driver has one class for a closed connection and for wrong use of its API.
        if "closed" in str(error) or "closing" in str(error):
            raise Unavailable(f"PostgreSQL is unavailable: {error}") from error
        raise


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Conn]:
    """A connection for single statements; failures come out as Unavailable."""
    async with translated(), pool.acquire(timeout=CONNECT_SECONDS) as conn:
        yield conn


@asynccontextmanager
async def transaction(pool: Pool, **options: Any) -> AsyncIterator[Conn]:
    """A connection within one transaction; failures come out as Unavailable.

    Args:
        options: as for ``asyncpg.Connection.transaction``: isolation, readonly, deferrable.
    """
    async with connection(pool) as conn, conn.transaction(**options):
        yield conn


async def ping(pool: Pool) -> None:
    """Ask PostgreSQL for a sign of life in this space.

    Raises:
        Unavailable: there is none, or the schema is not migrated.
    """
    async with connection(pool) as conn:
        await conn.fetchval("SELECT 1 FROM board LIMIT 1", timeout=CONNECT_SECONDS)


async def schema_of(conn: Conn) -> str:
    """The schema that unqualified names reach, which is the space's name.

    Raises:
        NotMigrated: the schema does not exist.
    """
    name = await conn.fetchval("SELECT current_schema()")
    if name is None:
        raise NotMigrated("the schema of this space does not exist: run the migrations")
    return str(name)


@overload
def clean(text: str) -> str: ...
@overload
def clean(text: None) -> None: ...
def clean(text: str | None) -> str | None:
    """``text`` as PostgreSQL can hold it: it has no place for NUL, and people may send one."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def as_json(value: Any) -> str:
    """``value`` as JSON text for a json column, Chinese left readable."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
