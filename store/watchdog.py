"""What the record itself shows to be wrong, and what the watchdog last found.

Every question is put to the read model first, so that of ten thousand incidents only those are
read that something is wrong with. ``now`` is always the space's time, never the database's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from domain.incident.state import State
from store.pool import Pool, connection

Kind = Literal[
    "clock_missed",
    "notice_stuck",
    "notice_overdue",
    "journal_behind",
    "not_on_board",
    "no_workflow",
    "postgresql",
    "temporal",
    "worker",
    "intake_waiting",
    "intake_failed",
    "alarm",
    "unchecked",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

GRACE = timedelta(minutes=2)
"""How long past its moment a thing may be before it is missing: workers restart, queues drain."""
OUTCOME = timedelta(minutes=15)
"""How long a notice may be on its way; the workflow itself gives up after ten minutes."""
INTAKE = timedelta(minutes=1)
"""How long a report may wait to be started."""
ALARMS = timedelta(hours=1)
"""How long an alarm of the journal counts as news."""
MOST = 200
"""At most so many findings of one kind: when everything stands still, the first are enough."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong; never who or what an incident is about.

    ``since`` is when it should have been otherwise, UTC; None where nobody can tell. Two
    findings are the same when all but ``since`` is.
    """

    kind: Kind
    incident: str | None = None
    ref: str = ""
    """The clock, the notice, the part: whatever the kind speaks of."""
    clause: str = ""
    since: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it the same finding in the next round."""
        return self.kind, self.incident or "", self.ref


@dataclass(frozen=True)
class Run:
    """When the watchdog last looked, UTC, and how much it found, by kind."""

    at: datetime
    findings: Mapping[str, int]


async def clocks_missed(pool: Pool, now: datetime) -> list[Finding]:
    """Open clocks past due without the event that says so, longest ago first.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        # Passing time marks every clock that is due, so the two counts are equal but for
        # clocks that nobody has marked; the grace is looked at once their names are known.
        rows = await conn.fetch(
            "SELECT state FROM board WHERE due <= $2"
            " AND (SELECT count(*) FROM unnest(dues) AS one WHERE one <= $1) > unrecorded"
            " ORDER BY due, incident LIMIT $3",
            now,
            now - GRACE,
            MOST,
        )
    found: list[Finding] = []
    for row in rows:
        state = State.model_validate_json(row["state"])
        found += [
            Finding("clock_missed", state.incident, clock.id, clock.clause, clock.due)
            for clock in state.open_clocks
            if clock.unrecorded_at is None and clock.due <= now - GRACE
        ]
    return sorted(found, key=lambda one: (one.since or now, one.key))[:MOST]


async def notices_stuck(pool: Pool, now: datetime) -> list[Finding]:
    """Notices whose outcome never came, and those whose next message is overdue.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        stuck = await conn.fetch(
            "SELECT incident, notice, clause, coalesce(composed, queued) AS since FROM notice"
            " WHERE (composed IS NOT NULL OR (status = 'queued' AND next IS NULL"
            " AND acknowledged IS NULL AND ended IS NULL))"
            " AND coalesce(composed, queued) <= $1 ORDER BY since, incident, notice LIMIT $2",
            now - OUTCOME,
            MOST,
        )
        overdue = await conn.fetch(
            "SELECT incident, notice, clause, next AS since FROM notice"
            " WHERE next <= $1 AND composed IS NULL ORDER BY since, incident, notice LIMIT $2",
            now - GRACE,
            MOST,
        )
    return [
        *(Finding("notice_stuck", *row) for row in stuck),
        *(Finding("notice_overdue", *row) for row in overdue),
    ]


async def intakes_stuck(pool: Pool, now: datetime) -> list[Finding]:
    """Reports that wait to be started for too long, and those that never can be.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT workflow_id, failure IS NOT NULL AS failed, received FROM intake_outbox"
            " WHERE started IS NULL AND (failure IS NOT NULL OR received <= $1)"
            " ORDER BY received, workflow_id LIMIT $2",
            now - INTAKE,
            MOST,
        )
    return [
        Finding(
            "intake_failed" if row["failed"] else "intake_waiting",
            row["workflow_id"],
            since=row["received"],
        )
        for row in rows
    ]


async def alarms(pool: Pool, now: datetime) -> list[Finding]:
    """The journal's alarms of the last hour.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        rows = await conn.fetch(
            "SELECT id, kind, incident, at FROM alarm WHERE at > $1 ORDER BY id LIMIT $2",
            now - ALARMS,
            MOST,
        )
    return [Finding("alarm", row[2], f"{row[1]} {row[0]}", since=row[3]) for row in rows]


CHECKS = {
    "clocks": clocks_missed,
    "notices": notices_stuck,
    "intake": intakes_stuck,
    "alarms": alarms,
}
"""The questions that the record alone answers, by name."""


async def keep_run(pool: Pool, run: Run) -> None:
    """Keep what was found, in the place of what was found before.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        await conn.execute(
            "INSERT INTO watchdog (at, findings) VALUES ($1, $2) ON CONFLICT (only_row)"
            " DO UPDATE SET at = excluded.at, findings = excluded.findings",
            run.at,
            json.dumps(dict(run.findings)),
        )


async def last_run(pool: Pool) -> Run | None:
    """What was found last; None when the watchdog never looked.

    Raises:
        Unavailable: PostgreSQL cannot answer.
    """
    async with connection(pool) as conn:
        row = await conn.fetchrow("SELECT at, findings FROM watchdog")
    return None if row is None else Run(row["at"], json.loads(row["findings"]))
