"""The record: events are appended here and nowhere else, and never changed.

A batch goes in whole or not at all. What is already there must be the same, hash for hash:
equal is a replay of an activity and is skipped, unequal is an alarm.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.incident.engine import read
from domain.incident.record import GENESIS, Event
from domain.incident.state import State
from domain.plan import Plan
from store import alarms, fold
from store.errors import Diverged, NotMigrated
from store.plan_rows import plan_of, put_plan
from store.pool import Conn, Pool, connection, transaction
from store.watch import CHANNEL

READ_MOST = 1000
"""At most so many events are read at once."""

_INSERT = """
    INSERT INTO event (incident, seq, type, v, occurred, received, recorded, clause, prev, hash,
                       body)
    SELECT $1, * FROM unnest($2::int[], $3::text[], $4::int[], $5::timestamptz[],
                             $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[],
                             $10::text[], $11::bytea[])
"""


@dataclass(frozen=True)
class _Batch:
    """Events of one incident in order of sequence; ``plan`` with the batch that has the first."""

    space: str
    incident: str
    plan: Plan | None
    events: Sequence[Event]


@dataclass(frozen=True)
class Tip:
    """The last sequence and the head of the chain that the record holds."""

    seq: int = 0
    head: str = GENESIS


@dataclass(frozen=True)
class Stored:
    """An event as it lies in the record: its place, its hash and the exact bytes hashed."""

    seq: int
    hash: str
    body: bytes


async def append(
    pool: Pool, space: str, incident: str, plan: Plan | None, events: Sequence[Event]
) -> tuple[int, str]:
    """Append ``events``, in order of sequence, and fold them into the board; one transaction.

    Args:
        space: the space the events belong to, which must be the pool's.
        plan: the plan of the incident, with the batch that holds its first event.

    Returns:
        The last sequence and the head that the record holds now.

    Raises:
        Diverged: the record holds other events at these sequences, the batch leaves a gap, its
            chain or a hash does not hold, or it belongs to another space. An alarm is recorded,
            in a transaction of its own.
        Unavailable: nothing was appended; try again.
    """
    if not events:
        raise ValueError("a batch holds at least one event")
    batch = _Batch(space, incident, plan, events)
    try:
        _check(batch)
        async with transaction(pool) as conn:
            last = await _append(conn, batch)
    except Diverged as error:
        await alarms.raise_alarm(
            pool,
            kind="journal_diverged",
            incident=error.incident,
            seq=error.seq,
            detail=error.detail,
            # The record's own time: the store has no clock that means anything in a drill.
            at=events[-1].recorded,
        )
        raise
    return last.seq, last.head


def _check(batch: _Batch) -> None:
    """Refuse a batch that contradicts itself, before PostgreSQL sees it."""
    before: Event | None = None
    for event in batch.events:
        if event.incident != batch.incident:
            raise Diverged(batch.incident, event.seq, f"the event belongs to {event.incident}")
        if event.sealed().hash != event.hash:
            raise Diverged(batch.incident, event.seq, "the hash does not fit the event")
        if before is not None and event.seq != before.seq + 1:
            raise Diverged(batch.incident, event.seq, f"follows #{before.seq} in its batch")
        if before is not None and event.prev != before.hash:
            raise Diverged(batch.incident, event.seq, "does not chain to the event before it")
        before = event
    first = batch.events[0]
    if first.seq < 1 or (first.seq == 1 and first.prev != GENESIS):
        raise Diverged(batch.incident, first.seq, "is no beginning of a chain")


async def _append(conn: Conn, batch: _Batch) -> Tip:
    incident, events = batch.incident, batch.events
    # The board's row may not exist yet, so the incident itself is locked, by its name.
    space = await conn.fetchval(
        "SELECT current_schema() FROM"
        " pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || $1, 0))",
        incident,
    )
    if space is None:
        raise NotMigrated("the schema of this space does not exist: run the migrations")
    if batch.space != space:
        raise Diverged(
            incident, events[0].seq, f"the batch is of space {batch.space}, this is {space}"
        )
    # Locked also when there is no row: a rebuild waits for us, or we for it.
    board = await conn.fetchrow(
        "SELECT seq, head, plan, state FROM board WHERE incident = $1 FOR UPDATE", incident
    )
    tip = await _tip(conn, incident)
    new = await _new(conn, incident, tip, events)
    if new:
        await _insert(conn, incident, new)
        tip = Tip(new[-1].seq, new[-1].hash)
    elif board is not None and (board["seq"], board["head"]) == (tip.seq, tip.head):
        return tip
    await _show(conn, batch, board, tip, new)
    await conn.execute("SELECT pg_notify($1, $2)", CHANNEL + space, json.dumps([incident, tip.seq]))
    return tip


async def _tip(conn: Conn, incident: str) -> Tip:
    row = await conn.fetchrow(
        "SELECT seq, hash FROM event WHERE incident = $1 ORDER BY seq DESC LIMIT 1", incident
    )
    return Tip() if row is None else Tip(row["seq"], row["hash"])


async def _new(conn: Conn, incident: str, tip: Tip, events: Sequence[Event]) -> tuple[Event, ...]:
    """The events that are not on record yet; those that are must be the same."""
    first = events[0].seq
    if first > tip.seq + 1:
        raise Diverged(incident, first, f"the record ends at #{tip.seq}: events are missing")
    if first <= tip.seq:
        known = await conn.fetch(
            "SELECT seq, hash FROM event WHERE incident = $1 AND seq BETWEEN $2 AND $3",
            incident,
            first,
            events[-1].seq,
        )
        stored = {row["seq"]: row["hash"] for row in known}
        for event in events:
            if event.seq <= tip.seq and stored.get(event.seq) != event.hash:
                raise Diverged(incident, event.seq, "the record holds another event here")
    new = tuple(event for event in events if event.seq > tip.seq)
    if new and new[0].prev != tip.head:
        raise Diverged(incident, new[0].seq, "does not chain to the last event on record")
    return new


async def _insert(conn: Conn, incident: str, events: Sequence[Event]) -> None:
    await conn.execute(
        _INSERT,
        incident,
        [event.seq for event in events],
        [event.type for event in events],
        [event.v for event in events],
        [event.occurred for event in events],
        [event.received for event in events],
        [event.recorded for event in events],
        [event.clause for event in events],
        [event.prev for event in events],
        [event.hash for event in events],
        [event.canonical() for event in events],
    )


async def _show(conn: Conn, batch: _Batch, board: Any, tip: Tip, new: Sequence[Event]) -> None:
    """Fold what the board does not show yet, and write its row."""
    before = tip.seq - len(new)
    if new and board is not None and (board["seq"], board["head"]) == (before, new[0].prev):
        named = str(board["plan"])
        plan = await plan_of(conn, named)
        shown = State.model_validate_json(board["state"])
        await fold.write(conn, plan, named, fold.fold(shown, new), new[-1].recorded, shown)
        return
    # The first batch, or a board that was dropped or fell behind: fold the record itself.
    events = new
    if before:
        events = [read(one.body) for one in await read_bytes(conn, batch.incident, 0, tip.seq)]
    plan, named = await _plan(conn, batch, events[0])
    state = fold.fold(fold.start(plan, batch.incident, batch.space), events)
    await fold.write(conn, plan, named, state, events[-1].recorded)


async def _plan(conn: Conn, batch: _Batch, first: Event) -> tuple[Plan, str]:
    named = str(first.data.get("plan_digest", ""))
    if batch.plan is None:
        return await plan_of(conn, named), named
    kept = await put_plan(conn, batch.plan)
    if kept != named:
        raise Diverged(batch.incident, 1, f"names the plan {named}, and {kept} was sent")
    return batch.plan, named


async def read_bytes(
    conn: Conn, incident: str, after: int = 0, limit: int = READ_MOST
) -> list[Stored]:
    """The stored events of ``incident`` past sequence ``after``, as they lie there, in order."""
    rows = await conn.fetch(
        "SELECT seq, hash, body FROM event WHERE incident = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        incident,
        after,
        limit,
    )
    return [Stored(row["seq"], row["hash"], row["body"]) for row in rows]


async def read_events(
    pool: Pool, incident: str, after: int = 0, limit: int = READ_MOST
) -> list[Event]:
    """The events of ``incident`` past sequence ``after``, in order, hashed over stored bytes.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        stored = await read_bytes(conn, incident, after, limit)
    return [read(one.body) for one in stored]


async def tip_of(pool: Pool, incident: str) -> Tip:
    """The last sequence and head on record; sequence 0 when there is nothing.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        return await _tip(conn, incident)


async def hash_at(pool: Pool, incident: str, seq: int) -> str | None:
    """The hash of one event on record; None when there is none.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        found = await conn.fetchval(
            "SELECT hash FROM event WHERE incident = $1 AND seq = $2", incident, seq
        )
    return None if found is None else str(found)
