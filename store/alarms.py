"""What an operator must see and act on; alarms are added and never taken away."""

from dataclasses import dataclass
from datetime import datetime

from store.pool import Pool, connection


@dataclass(frozen=True)
class Alarm:
    """Something that is wrong with ``incident`` at ``seq``; ``at`` is the record's time, UTC."""

    id: int
    at: datetime
    kind: str
    incident: str
    seq: int
    detail: str


async def raise_alarm(
    pool: Pool, *, kind: str, incident: str, seq: int, detail: str, at: datetime
) -> None:
    """Record an alarm, once for the same kind, place and detail.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "INSERT INTO alarm (at, kind, incident, seq, detail) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (kind, incident, seq, detail) DO NOTHING",
            at,
            kind,
            incident,
            seq,
            detail,
        )


async def list_alarms(pool: Pool, after: int = 0, limit: int = 100) -> list[Alarm]:
    """The alarms past id ``after``, oldest first.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT id, at, kind, incident, seq, detail FROM alarm WHERE id > $1"
            " ORDER BY id LIMIT $2",
            after,
            limit,
        )
    return [Alarm(*row) for row in rows]
