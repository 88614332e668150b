"""A row of the board, folded from events; appending and rebuilding both make it here.

Nothing here depends on when or by whom it is run, so the same events give the same row.
"""

from collections.abc import Iterable
from datetime import datetime

from domain.incident.engine import evolve, initial
from domain.incident.record import Event
from domain.incident.state import TERMINAL, State
from domain.incident.view import waiting_for
from domain.plan import Plan
from store.pool import Conn, clean

COLUMNS = (
    "incident",
    "seq",
    "head",
    "plan",
    "phase",
    "ended",
    "level",
    "response_level",
    "kind",
    "title",
    "drug",
    "place",
    "received_at",
    "updated",
    "due",
    "statutory_due",
    "dues",
    "unrecorded",
    "waiting",
    "state",
)

UPSERT = (
    f"INSERT INTO board ({', '.join(COLUMNS)})"  # noqa: S608 — the names above, nothing else
    f" VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))})"
    " ON CONFLICT (incident) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in COLUMNS[1:])
)


def start(plan: Plan, incident: str, space: str) -> State:
    """The state before the first event."""
    return initial(incident, plan, space)


def fold(state: State, events: Iterable[Event]) -> State:
    """``state`` after ``events``, by the domain's own evolve."""
    for event in events:
        state = evolve(state, event)
    return state


def row(plan: Plan, plan_digest: str, state: State, updated: datetime) -> tuple[object, ...]:
    """The row of ``state``, in the order of COLUMNS.

    Args:
        updated: when the last event was recorded, UTC.
    """
    clocks = state.open_clocks
    facts = state.facts
    return (
        state.incident,
        state.seq,
        state.head,
        plan_digest,
        state.phase,
        state.phase in TERMINAL,
        state.level,
        state.response_level,
        clean(facts.kind) if facts else None,
        clean(facts.name) if facts else None,
        clean(facts.drug) if facts else None,
        clean(facts.place) if facts else None,
        state.received_at,
        updated,
        min((clock.due for clock in clocks), default=None),
        min((clock.due for clock in clocks if clock.kind == "statutory"), default=None),
        [clock.due for clock in clocks],
        sum(clock.unrecorded_at is not None for clock in clocks),
        [clean(body) for body in waiting_for(plan, state)],
        state.model_dump_json(),
    )


async def write(conn: Conn, plan: Plan, plan_digest: str, state: State, updated: datetime) -> None:
    """Put the row of ``state`` in the place of an older one."""
    await conn.execute(UPSERT, *row(plan, plan_digest, state, updated))
