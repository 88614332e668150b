"""Reports taken while Temporal was down: kept here until their workflows are started."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.errors import Conflict
from store.pool import Pool, as_json, connection


@dataclass(frozen=True)
class Waiting:
    """A report that waits: the workflow's id and what to start it with. Times are UTC."""

    workflow_id: str
    start: dict[str, Any]
    received: datetime


async def put(pool: Pool, workflow_id: str, start: Mapping[str, Any], received: datetime) -> None:
    """Keep a report; the same again changes nothing.

    Raises:
        Conflict: another report waits under this id.
        Unavailable: PostgreSQL cannot answer.
    """
    text = as_json(start)
    async with connection(pool) as conn:
        added = await conn.fetchval(
            "INSERT INTO intake_outbox (workflow_id, start, received) VALUES ($1, $2, $3)"
            " ON CONFLICT (workflow_id) DO NOTHING RETURNING workflow_id",
            workflow_id,
            text,
            received,
        )
    if added is None and await find(pool, workflow_id) != json.loads(text):
        raise Conflict(f"another report waits as {workflow_id}")


async def find(pool: Pool, workflow_id: str) -> dict[str, Any] | None:
    """What was kept under this id, started since or not; None when nothing was.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        text = await conn.fetchval(
            "SELECT start FROM intake_outbox WHERE workflow_id = $1", workflow_id
        )
    return None if text is None else dict(json.loads(text))


async def waiting(pool: Pool, limit: int = 100) -> list[Waiting]:
    """What is to be started, oldest first; what failed for good is left to people.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT workflow_id, start, received FROM intake_outbox"
            " WHERE started IS NULL AND failure IS NULL ORDER BY received, workflow_id LIMIT $1",
            limit,
        )
    return [Waiting(row[0], json.loads(row[1]), row[2]) for row in rows]


async def mark_started(pool: Pool, workflow_id: str, at: datetime) -> None:
    """Keep that the workflow was started at ``at``, UTC; the first time stands.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "UPDATE intake_outbox SET started = coalesce(started, $2), failure = NULL"
            " WHERE workflow_id = $1",
            workflow_id,
            at,
        )


async def mark_failed(pool: Pool, workflow_id: str, failure: str) -> None:
    """Keep why the report can never be started as it is; it is tried no more.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "UPDATE intake_outbox SET failure = $2 WHERE workflow_id = $1 AND started IS NULL",
            workflow_id,
            failure,
        )


async def list_failed(pool: Pool) -> list[tuple[str, str]]:
    """Reports that could not be started, with the reason, oldest first.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT workflow_id, failure FROM intake_outbox"
            " WHERE failure IS NOT NULL ORDER BY received, workflow_id"
        )
    return [(row[0], row[1]) for row in rows]
