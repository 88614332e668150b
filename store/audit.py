"""What people wanted and were refused, and who read what; both lists only grow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.base import Text
from store.pool import Pool, clean, connection


@dataclass(frozen=True)
class Refused:
    """A command that was refused: who wanted it, and which clause forbids it. Times are UTC."""

    id: int
    at: datetime
    incident: str | None
    command: str
    request_id: str | None
    seat: str | None
    person: str | None
    decider: str | None
    code: str
    clause: str
    message: Text


@dataclass(frozen=True)
class Reading:
    """Someone read personal data or a file, for a reason. Times are UTC."""

    id: int
    at: datetime
    incident: str
    reference: str
    seat: str
    person: str | None
    reason: str


async def append_refusal(
    pool: Pool,
    *,
    at: datetime,
    incident: str | None,
    command: str,
    request_id: str | None,
    seat: str | None,
    person: str | None,
    decider: str | None,
    code: str,
    clause: str,
    message: Text,
    once: bool = False,
) -> None:
    """Keep a refusal.

    Args:
        at: when it was refused, UTC.
        incident: None for a refused intake, which has no number.
        once: only if none of this request to the incident has been kept.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "INSERT INTO audit_refusal (at, incident, command, request_id, seat, person, decider,"
            " code, clause, message_zh, message_en)"
            " SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE NOT $12 OR NOT EXISTS"
            " (SELECT FROM audit_refusal WHERE incident = $2 AND request_id = $4)",
            at,
            clean(incident),
            clean(command),
            clean(request_id),
            clean(seat),
            clean(person),
            clean(decider),
            clean(code),
            clean(clause),
            clean(message.zh),
            clean(message.en),
            once,
        )


async def list_refusals(
    pool: Pool,
    *,
    incident: str | None = None,
    seat: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Refused]:
    """Refusals, newest first.

    Args:
        before: only those with a smaller id, for the next page.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT id, at, incident, command, request_id, seat, person, decider, code, clause,"
            " message_zh, message_en FROM audit_refusal"
            " WHERE ($1::text IS NULL OR incident = $1) AND ($2::text IS NULL OR seat = $2)"
            " AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
            incident,
            seat,
            before,
            limit,
        )
    return [_refused(dict(row)) for row in rows]


def _refused(row: dict[str, Any]) -> Refused:
    message = Text(zh=row.pop("message_zh"), en=row.pop("message_en"))
    return Refused(message=message, **row)


async def list_readings(
    pool: Pool, *, incident: str | None = None, before: int | None = None, limit: int = 50
) -> list[Reading]:
    """Who read what from the vault and why, newest first; ``before`` an id for the next page.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT id, at, incident, reference, seat, person, reason FROM access_log"
            " WHERE ($1::text IS NULL OR incident = $1) AND ($2::bigint IS NULL OR id < $2)"
            " ORDER BY id DESC LIMIT $3",
            incident,
            before,
            limit,
        )
    return [Reading(*row) for row in rows]
