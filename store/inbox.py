"""The inbox: notices as their recipients see them, each once however often it was sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.base import Text
from store.errors import NotFound
from store.pool import Pool, clean, connection


@dataclass(frozen=True)
class Entry:
    """A notice to one body; ``key`` is the same for every attempt to send it."""

    key: str
    recipient: str
    incident: str
    notice: str
    statutory: bool
    title: Text
    text: Text
    queued_at: datetime


@dataclass(frozen=True)
class Message:
    """A notice in the inbox of ``body``. Times are UTC."""

    id: int
    key: str
    body: str
    incident: str
    notice: str
    statutory: bool
    queued_at: datetime
    read_at: datetime | None
    read_by: str | None
    title: Text
    text: Text


_COLUMNS = (
    "id, key, body, incident, notice, statutory, queued_at, read_at, read_by,"
    " title_zh, title_en, text_zh, text_en"
)


async def put(pool: Pool, order: Entry) -> bool:
    """Put a notice into its recipient's inbox; False when it was there already.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        added = await conn.fetchval(
            "INSERT INTO inbox (key, body, incident, notice, statutory, title_zh, title_en,"
            " text_zh, text_en, queued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
            " ON CONFLICT (key) DO NOTHING RETURNING id",
            order.key,
            order.recipient,
            order.incident,
            order.notice,
            order.statutory,
            clean(order.title.zh),
            clean(order.title.en),
            clean(order.text.zh),
            clean(order.text.en),
            order.queued_at,
        )
    return added is not None


async def list_messages(
    pool: Pool,
    *,
    body: str | None = None,
    incident: str | None = None,
    unread: bool | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Message]:
    """Notices, newest first.

    Args:
        body: only this body's; None is every body's.
        before: only those with a smaller id, for the next page.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            f"SELECT {_COLUMNS} FROM inbox"  # noqa: S608 — a constant of this module
            " WHERE ($1::text IS NULL OR body = $1) AND ($2::text IS NULL OR incident = $2)"
            " AND ($3::boolean IS NULL OR (read_at IS NULL) = $3)"
            " AND ($4::bigint IS NULL OR id < $4) ORDER BY id DESC LIMIT $5",
            body,
            incident,
            unread,
            before,
            limit,
        )
    return [_message(dict(row)) for row in rows]


def _message(row: dict[str, Any]) -> Message:
    title = Text(zh=row.pop("title_zh"), en=row.pop("title_en"))
    text = Text(zh=row.pop("text_zh"), en=row.pop("text_en"))
    return Message(title=title, text=text, **row)


async def mark_read(pool: Pool, message: int, body: str, at: datetime, by: str) -> tuple[str, str]:
    """Keep that ``by`` read a notice of ``body`` at ``at``, UTC; the first reading stands.

    Returns:
        The incident and the notice.

    Raises:
        NotFound: the body has no such notice.
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        found = await conn.fetchrow(
            "UPDATE inbox SET read_at = coalesce(read_at, $3), read_by = coalesce(read_by, $4)"
            " WHERE id = $1 AND body = $2 RETURNING incident, notice",
            message,
            body,
            at,
            clean(by),
        )
    if found is None:
        raise NotFound(f"{body} has no notice {message}")
    return found["incident"], found["notice"]
