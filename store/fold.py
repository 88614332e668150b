"""The read model, folded from events: an incident's row of the board, a row for each notice.

Appending and rebuilding both make it here.

Nothing here depends on when or by whom it is run, so the same events give the same row.
"""

from collections.abc import Iterable
from datetime import datetime

from domain.incident.engine import evolve, initial
from domain.incident.outbox import next_moments
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
    "statutory_dues",
    "unrecorded",
    "waiting",
    "state",
)
NOTICE_COLUMNS = (
    "incident",
    "notice",
    "body",
    "subject",
    "clause",
    "statutory",
    "status",
    "opened",
    "queued",
    "composed",
    "accepted",
    "delivered",
    "acknowledged",
    "refused",
    "ended",
    "climbed",
    "unanswered",
    "next",
)


def _upsert(table: str, columns: tuple[str, ...], key: int) -> str:
    """The statement that puts a row in the place of one with the same first ``key`` columns."""
    # The names above, nothing else.
    return (
        f"INSERT INTO {table} ({', '.join(columns)})"  # noqa: S608
        f" VALUES ({', '.join(f'${n}' for n in range(1, len(columns) + 1))})"
        f" ON CONFLICT ({', '.join(columns[:key])}) DO UPDATE SET "
        + ", ".join(f"{column} = excluded.{column}" for column in columns[key:])
    )


UPSERT = _upsert("board", COLUMNS, 1)
UPSERT_NOTICE = _upsert("notice", NOTICE_COLUMNS, 2)

NoticeRow = tuple[object, ...]
"""A notice's row, in the order of NOTICE_COLUMNS."""


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
        [clock.due for clock in clocks if clock.kind == "statutory"],
        sum(clock.unrecorded_at is not None for clock in clocks),
        [clean(body) for body in waiting_for(plan, state)],
        state.model_dump_json(),
    )


def notice_rows(plan: Plan, state: State) -> dict[str, NoticeRow]:
    """The row of each notice of ``state``, by its id. A notice names nobody, nor do these."""
    unanswered = {notice.id for notice in state.unanswered}
    moments = next_moments(plan, state)
    composed = {
        notice: message.at for message in state.messages.values() for notice in message.notices
    }
    return {
        notice.id: (
            state.incident,
            notice.id,
            clean(notice.recipient),
            notice.subject,
            clean(notice.clause),
            notice.statutory,
            notice.status,
            state.opened_at,
            notice.queued_at,
            composed.get(notice.id),
            notice.accepted_at,
            notice.delivered_at,
            notice.acknowledged_at,
            notice.refused,
            notice.ended,
            notice.climbed,
            notice.id in unanswered,
            moments.get(notice.recipient) if notice.id in unanswered else None,
        )
        for notice in state.notices.values()
    }


async def write(
    conn: Conn,
    plan: Plan,
    plan_digest: str,
    state: State,
    updated: datetime,
    before: State | None = None,
) -> None:
    """Put the rows of ``state`` in the place of older ones.

    Args:
        updated: when the last event was recorded, UTC.
        before: the state whose rows are there; with it only what changed is written.
    """
    await conn.execute(UPSERT, *row(plan, plan_digest, state, updated))
    known = notice_rows(plan, before) if before is not None else {}
    changed = [new for id, new in notice_rows(plan, state).items() if known.get(id) != new]
    if changed:
        await conn.executemany(UPSERT_NOTICE, changed)
