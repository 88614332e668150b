"""Drills as they were last, one row each; what happened is in their incidents' records."""

import json
from datetime import datetime

from domain.drill.play import Play
from store.pool import Pool, clean, connection, transaction
from store.watch import CHANNEL


async def put(pool: Pool, play: Play) -> None:
    """Keep ``play`` unless a later version is kept already.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await conn.execute(
            "INSERT INTO drill (id, version, mode, scenario, opened, started, ended, play)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
            " ON CONFLICT (id) DO UPDATE SET version = excluded.version, mode = excluded.mode,"
            " started = excluded.started, ended = excluded.ended, play = excluded.play"
            " WHERE drill.version <= excluded.version",
            play.drill,
            play.version,
            play.mode,
            play.scenario.id,
            play.opened,
            play.real_started,
            play.real_ended,
            clean(play.model_dump_json(by_alias=True)),
        )
        await conn.execute(
            "SELECT pg_notify($1 || current_schema(), $2)",
            CHANNEL,
            json.dumps([play.drill, play.version]),
        )


async def get(pool: Pool, drill: str) -> Play | None:
    """The drill as it was last; None when there is none.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        found = await conn.fetchval("SELECT play FROM drill WHERE id = $1", drill)
    return None if found is None else Play.model_validate_json(found)


async def list_drills(pool: Pool, limit: int = 200) -> list[Play]:
    """Drills, the last opened first.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch("SELECT play FROM drill ORDER BY opened DESC, id LIMIT $1", limit)
    return [Play.model_validate_json(row["play"]) for row in rows]


async def unfinished(pool: Pool) -> list[str]:
    """The numbers of the drills that have not ended.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch("SELECT id FROM drill WHERE mode <> 'ended' ORDER BY id")
    return [row["id"] for row in rows]


async def copy_inbox(pool: Pool, old: str, new: str, until: datetime) -> None:
    """Let the inboxes hold of the incident ``new`` what they held of ``old`` at ``until``, UTC.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with transaction(pool) as conn:
        await conn.execute(
            "INSERT INTO inbox (key, body, incident, notice, statutory, title_zh, title_en,"
            " text_zh, text_en, queued_at)"
            " SELECT replace(key, $1, $2), body, $2, notice, statutory, replace(title_zh, $1, $2),"
            " replace(title_en, $1, $2), replace(text_zh, $1, $2), replace(text_en, $1, $2),"
            " queued_at FROM inbox WHERE incident = $1 AND queued_at <= $3 ORDER BY id"
            " ON CONFLICT (key) DO NOTHING",
            old,
            new,
            until,
        )
