"""The read model: each incident as it stands, for lists and for single readers."""

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import asyncpg

from domain.incident.state import State
from domain.plan import Plan
from store.errors import BadCursor
from store.plan_rows import plan_of
from store.pool import Pool, connection
from store.watch import Watcher

LIST_MOST = 200
"""At most so many incidents a page."""

Order = Literal["urgency", "newest"]

_SUMMARY = (
    "incident, seq, head, phase, ended, level, response_level, kind, title, drug, place,"
    " received_at, updated, due, statutory_due, unrecorded, waiting,"
    " (SELECT count(*) FROM unnest(dues) AS one WHERE one <= $1)::int AS overdue"
)
_ORDERS: dict[Order, tuple[str, str]] = {
    "urgency": (
        "(coalesce(due, 'infinity'::timestamptz), incident)"
        " > (coalesce({at}::timestamptz, 'infinity'::timestamptz), {incident}::text)",
        "coalesce(due, 'infinity'::timestamptz), incident",
    ),
    "newest": (
        "(received_at, incident) < ({at}::timestamptz, {incident}::text)",
        "received_at DESC, incident DESC",
    ),
}


@dataclass(frozen=True)
class Filters:
    """What a list is narrowed to; None and empty narrow nothing."""

    phases: Sequence[str] = ()
    levels: Sequence[str] = ()
    ended: bool | None = None
    overdue: bool | None = None
    """Whether a clock is open past its due moment."""
    waiting_for: str | None = None
    """A body that something of the incident waits for."""
    text: str | None = None
    """Part of the number, title, drug or place."""
    changed_since: datetime | None = None
    incidents: Sequence[str] = ()


@dataclass(frozen=True)
class Summary:
    """An incident in a list. Times are UTC; ``overdue`` counts open clocks past due."""

    incident: str
    seq: int
    head: str
    phase: str
    ended: bool
    level: str | None
    response_level: str | None
    kind: str | None
    title: str | None
    drug: str | None
    place: str | None
    received_at: datetime | None
    updated: datetime
    due: datetime | None
    statutory_due: datetime | None
    unrecorded: int
    waiting: tuple[str, ...]
    overdue: int


@dataclass(frozen=True)
class Page:
    """A part of a list; ``cursor`` gives the next part, None ends it."""

    items: tuple[Summary, ...]
    cursor: str | None


@dataclass(frozen=True)
class Counts:
    """How many incidents there are: not ended, overdue among them, and by phase and level."""

    open: int
    overdue: int
    phases: dict[str, int]
    levels: dict[str, int]


async def get(pool: Pool, incident: str) -> tuple[State, str] | None:
    """The state of ``incident`` and the digest of its plan; None when it is not on record.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        row = await conn.fetchrow("SELECT state, plan FROM board WHERE incident = $1", incident)
    return None if row is None else (State.model_validate_json(row["state"]), row["plan"])


async def seq_of(pool: Pool, incident: str) -> int:
    """The sequence that the board shows of ``incident``; 0 when it is not on record.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        seq = await conn.fetchval("SELECT seq FROM board WHERE incident = $1", incident)
    return int(seq or 0)


async def numbers(pool: Pool) -> list[tuple[str, bool]]:
    """Every incident on the board with whether it has ended, by number.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch("SELECT incident, ended FROM board ORDER BY incident")
    return [(row["incident"], row["ended"]) for row in rows]


async def get_plan(pool: Pool, digest: str) -> Plan:
    """The plan with this digest, as incidents were started under it.

    Raises:
        NotFound: no incident was.
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        return await plan_of(conn, digest)


async def list_incidents(
    pool: Pool,
    now: datetime,
    filters: Filters | None = None,
    *,
    order: Order = "urgency",
    cursor: str | None = None,
    limit: int = 50,
) -> Page:
    """A page of incidents: what is due next first, so overdue before all, or newest first.

    Args:
        now: the space's time, against which clocks are overdue.
        cursor: the previous page's; its order must be the same.

    Raises:
        BadCursor: the cursor is not one of this list.
        Unavailable: PostgreSQL cannot answer.
    """
    limit = max(1, min(limit, LIST_MOST))
    arguments: list[Any] = [now]

    def place(value: Any) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    after, by = _ORDERS[order]
    where = _conditions(filters or Filters(), place)
    if order == "newest":
        where.append("received_at IS NOT NULL")
    if cursor is not None:
        at, incident = _read_cursor(cursor, order)
        where.append(after.format(at=place(at), incident=place(incident)))
    # Every word of the statement stands in this module; values go as arguments.
    sql = (
        f"SELECT {_SUMMARY} FROM board WHERE {' AND '.join(where) or 'true'}"  # noqa: S608
        f" ORDER BY {by} LIMIT {place(limit + 1)}"
    )
    async with connection(pool) as conn:
        rows = await conn.fetch(sql, *arguments)
    items = tuple(_summary(row) for row in rows[:limit])
    more = len(rows) > limit
    return Page(items, _cursor(items[-1], order) if more else None)


def _conditions(filters: Filters, place: Any) -> list[str]:
    where: list[str] = []
    if filters.phases:
        where.append(f"phase = ANY({place(list(filters.phases))})")
    if filters.levels:
        where.append(f"level = ANY({place(list(filters.levels))})")
    if filters.incidents:
        where.append(f"incident = ANY({place(list(filters.incidents))})")
    if filters.ended is not None:
        where.append(f"ended = {place(filters.ended)}")
    if filters.overdue is not None:
        where.append("due <= $1" if filters.overdue else "(due IS NULL OR due > $1)")
    if filters.waiting_for is not None:
        where.append(f"waiting @> ARRAY[{place(filters.waiting_for)}::text]")
    if filters.changed_since is not None:
        where.append(f"updated >= {place(filters.changed_since)}")
    if filters.text:
        found = place("%" + _literal(filters.text) + "%")
        where.append(f"concat_ws(' ', incident, title, drug, place) ILIKE {found}")
    return where


def _literal(text: str) -> str:
    """``text`` for ILIKE, where it means itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _summary(row: asyncpg.Record) -> Summary:
    return Summary(**{**dict(row), "waiting": tuple(row["waiting"])})


def _cursor(last: Summary, order: Order) -> str:
    at = last.due if order == "urgency" else last.received_at
    value = [order, at.isoformat() if at else None, last.incident]
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _read_cursor(cursor: str, order: Order) -> tuple[datetime | None, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        kind, at, incident = json.loads(base64.urlsafe_b64decode(padded.encode()))
        moment = None if at is None else datetime.fromisoformat(at)
        if kind != order or not isinstance(incident, str) or "\0" in incident:
            raise ValueError(kind)
        if moment is not None and moment.tzinfo is None:
            raise ValueError(at)
    except (ValueError, TypeError, binascii.Error) as error:
        raise BadCursor("the cursor was not given out by this list in this order") from error
    return moment, incident


async def counts(pool: Pool, now: datetime) -> Counts:
    """How many incidents there are at ``now``, the space's time.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT phase, level, ended, count(*) AS all,"
            " count(*) FILTER (WHERE due <= $1) AS overdue"
            " FROM board GROUP BY phase, level, ended",
            now,
        )
    phases: dict[str, int] = {}
    levels: dict[str, int] = {}
    for row in rows:
        phases[row["phase"]] = phases.get(row["phase"], 0) + row["all"]
        if row["level"] is not None and not row["ended"]:
            levels[row["level"]] = levels.get(row["level"], 0) + row["all"]
    live = [row for row in rows if not row["ended"]]
    return Counts(
        open=sum(row["all"] for row in live),
        overdue=sum(row["overdue"] for row in live),
        phases=phases,
        levels=levels,
    )


async def wait_for(
    pool: Pool, watcher: Watcher, incident: str, min_seq: int, timeout_seconds: float
) -> int:
    """Wait until the board shows ``incident`` at ``min_seq`` or later.

    Returns:
        The sequence that it shows now, less than ``min_seq`` when the time ran out.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    with watcher.subscribe() as changes:
        seq = await seq_of(pool, incident)
        if seq >= min_seq:
            return seq
        try:
            async with asyncio.timeout(timeout_seconds):
                async for changed, _ in changes:
                    # "" is a connection made anew: anything may have changed meanwhile.
                    if changed in ("", incident):
                        seq = await seq_of(pool, incident)
                        if seq >= min_seq:
                            return seq
        except TimeoutError:
            pass
    return await seq_of(pool, incident)
