"""Drop the read model and fold it anew from the record, an incident at a time."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from domain.incident.engine import ChainBroken, read
from domain.incident.record import Event
from store import fold
from store.errors import NotFound
from store.plan_rows import plan_of
from store.pool import LONG_SECONDS, Conn, Pool, schema_of, transaction

FETCH = 500
"""So many events travel at once."""


@dataclass(frozen=True)
class Rebuilt:
    """How much was folded, and the incidents whose record does not fold, with the reason."""

    incidents: int
    events: int
    broken: dict[str, str]


async def rebuild(pool: Pool, progress: Callable[[int], None] | None = None) -> Rebuilt:
    """Replace every row of board and notices by what the events give, in one transaction.

    Readers see the old board until it is done; appending waits. An incident whose record does
    not fold is left out and named, so that the others can be read.

    Args:
        progress: called with the number of incidents done so far.

    Raises:
        Unavailable: PostgreSQL cannot answer; the board is as it was.
    """
    async with transaction(pool, isolation="repeatable_read") as conn:
        await lift_limits(conn)
        # Before the snapshot is taken: a batch under way is either complete in it or waits.
        await conn.execute("LOCK TABLE board IN EXCLUSIVE MODE", timeout=LONG_SECONDS)
        space = await schema_of(conn)
        # The notices go with their incidents.
        await conn.execute("DELETE FROM board", timeout=LONG_SECONDS)
        incidents = events = 0
        broken: dict[str, str] = {}
        async for incident, chain in chains(conn):
            try:
                await _fold(conn, space, incident, chain)
                incidents += 1
                events += len(chain)
            except (ChainBroken, NotFound, KeyError, ValueError) as error:
                broken[incident] = str(error) or type(error).__name__
            if progress is not None:
                progress(incidents)
    return Rebuilt(incidents, events, broken)


async def _fold(conn: Conn, space: str, incident: str, bodies: list[bytes]) -> None:
    events: list[Event] = [read(body) for body in bodies]
    named = str(events[0].data.get("plan_digest", ""))
    plan = await plan_of(conn, named)
    state = fold.fold(fold.start(plan, incident, space), events)
    await fold.write(conn, plan, named, state, events[-1].recorded)


async def chains(conn: Conn) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Each incident with the stored bytes of its events in order, without holding all of them."""
    cursor = await conn.cursor("SELECT incident, body FROM event ORDER BY incident, seq")
    incident, bodies = "", list[bytes]()
    while rows := await cursor.fetch(FETCH, timeout=LONG_SECONDS):
        for row in rows:
            if row["incident"] != incident:
                if bodies:
                    yield incident, bodies
                incident, bodies = row["incident"], []
            bodies.append(row["body"])
    if bodies:
        yield incident, bodies


async def lift_limits(conn: Conn) -> None:
    """Let this transaction take as long as the record is long."""
    await conn.execute(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';"
        " SET LOCAL idle_in_transaction_session_timeout = 0"
    )
