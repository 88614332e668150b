"""Check the record against itself, from the stored bytes: nothing that was derived is believed.

What a chain cannot prove is that its newest events were cut off; heads kept elsewhere show that.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from domain.incident import chain
from domain.incident.chain import Finding
from domain.incident.engine import ChainBroken, apply, initial, read
from domain.incident.record import canonical_json, digest
from domain.incident.state import State
from domain.plan import Plan
from store import fold
from store.errors import NotFound
from store.heads import Heads
from store.plan_rows import plan_of
from store.pool import LONG_SECONDS, Conn, Pool, schema_of, transaction
from store.rebuild import FETCH, lift_limits

COLUMNS = ("incident", "seq", "type", "v", "occurred", "received", "recorded", "clause", "prev")
"""The columns that repeat what the stored bytes say."""


@dataclass
class Verified:
    """What was checked, and what is wrong: nothing, if ``findings`` is empty."""

    incidents: int = 0
    events: int = 0
    plans: int = 0
    heads: int = 0
    findings: list[Finding] = field(default_factory=list)


async def verify(pool: Pool, incident: str | None = None, heads: Heads | None = None) -> Verified:
    """Check hashes, links, sequences, columns, plans, the board, and the heads if given.

    Args:
        incident: only this one; None is every incident.
        heads: exported before, to find what was cut off since.

    Raises:
        NotFound: the incident is neither on record nor among the heads.
        ValueError: the heads are of another space.
        Unavailable: PostgreSQL cannot answer.
    """
    result = Verified()
    async with transaction(pool, isolation="repeatable_read", readonly=True) as conn:
        await lift_limits(conn)
        space = await schema_of(conn)
        async for plan_finding in _plans(conn, result):
            result.findings.append(plan_finding)
        seen: set[str] = set()
        async for name, rows in _chains(conn, incident):
            seen.add(name)
            result.incidents += 1
            result.events += len(rows)
            found = list(_chain(name, rows))
            # What is broken does not fold, and saying so as well would help nobody.
            result.findings += found or await _board(conn, space, name, rows)
        if heads is not None:
            result.heads = sum(incident in (None, one) for one in heads.heads)
            result.findings += await check_heads(conn, heads, incident)
        result.findings += await _strays(conn, incident, seen)
    if incident is not None and not seen and not result.findings:
        raise NotFound(f"{incident} is not on record")
    return result


async def _chains(
    conn: Conn, incident: str | None
) -> AsyncIterator[tuple[str, list[asyncpg.Record]]]:
    """Each incident with its rows in order of sequence."""
    cursor = await conn.cursor(
        f"SELECT {', '.join(COLUMNS)}, hash, body FROM event"  # noqa: S608 — constants of ours
        " WHERE $1::text IS NULL OR incident = $1 ORDER BY incident, seq",
        incident,
    )
    rows: list[asyncpg.Record] = []
    while batch := await cursor.fetch(FETCH, timeout=LONG_SECONDS):
        for row in batch:
            if rows and row["incident"] != rows[0]["incident"]:
                yield rows[0]["incident"], rows
                rows = []
            rows.append(row)
    if rows:
        yield rows[0]["incident"], rows


def _chain(incident: str, rows: list[asyncpg.Record]) -> Iterator[Finding]:
    yield from chain.verify(incident, ((row["seq"], row["body"], row["hash"]) for row in rows))
    for row in rows:
        yield from _columns(row)


def _columns(row: asyncpg.Record) -> Iterator[Finding]:
    """Whether the columns beside the stored bytes say the same as these."""
    incident, seq, body = row["incident"], row["seq"], row["body"]
    try:
        content: dict[str, Any] = json.loads(body)
        if canonical_json(content) != body:
            yield Finding(incident, seq, "edited: the content is not in its one spelling")
    except (ValueError, TypeError):
        return  # the chain's own check has said that it is unreadable
    # Place and predecessor are the chain's own checks.
    for column in COLUMNS[2:-1]:
        said = content.get(column)
        if not _same(row[column], said):
            what = f"edited: column {column} says {row[column]!s}, the content {said!s}"
            yield Finding(incident, seq, what)
    if row["prev"] != content.get("prev"):
        yield Finding(incident, seq, "edited: column prev is not what the content says")


def _same(column: object, said: object) -> bool:
    if isinstance(column, datetime):
        try:
            return isinstance(said, str) and datetime.fromisoformat(said) == column
        except (ValueError, TypeError):
            return False
    return column == said


async def check_heads(conn: Conn, heads: Heads, incident: str | None = None) -> list[Finding]:
    """Whether the record still holds what it held when ``heads`` were exported.

    Raises:
        ValueError: the heads are of another space.
    """
    space = await schema_of(conn)
    if heads.space != space:
        raise ValueError(f"the heads are of space {heads.space}, this is {space}")
    expected = sorted((one, *head) for one, head in heads.heads.items() if incident in (None, one))
    rows = await conn.fetch(
        "SELECT head.incident, head.seq, head.hash AS known, event.hash AS found,"
        " (SELECT max(seq) FROM event WHERE event.incident = head.incident) AS last"
        " FROM unnest($1::text[], $2::int[], $3::text[]) AS head (incident, seq, hash)"
        " LEFT JOIN event USING (incident, seq) ORDER BY head.incident",
        [one for one, _, _ in expected],
        [seq for _, seq, _ in expected],
        [head for _, _, head in expected],
        timeout=LONG_SECONDS,
    )
    findings = [_against_head(row) for row in rows]
    return [one for one in findings if one is not None]


def _against_head(row: asyncpg.Record) -> Finding | None:
    incident, seq, last = row["incident"], row["seq"], row["last"]
    if last is None:
        return Finding(incident, seq, "cut off: nothing of the incident is on record any more")
    if last < seq:
        missing = f"#{seq}" if last + 1 == seq else f"#{last + 1} to #{seq}"
        return Finding(incident, last + 1, f"cut off: {missing} were on record and are gone")
    if row["found"] != row["known"]:
        return Finding(incident, seq, "rewritten: the exported head names another event here")
    return None


async def _plans(conn: Conn, result: Verified) -> AsyncIterator[Finding]:
    for row in await conn.fetch("SELECT digest, id, version, body FROM plan ORDER BY digest"):
        result.plans += 1
        name = f"plan {row['id']} v{row['version']}"
        if digest(row["body"]) != row["digest"]:
            yield Finding(name, 0, "edited: the content does not match its digest")
        try:
            plan = Plan.model_validate_json(row["body"])
        except ValueError:
            yield Finding(name, 0, "unreadable: the content is no plan")
        else:
            if (plan.id, plan.version) != (row["id"], row["version"]):
                yield Finding(name, 0, "edited: its id or version is not what the content says")


async def _board(
    conn: Conn, space: str, incident: str, rows: list[asyncpg.Record]
) -> list[Finding]:
    """Whether the board shows what the events give; if not, `yaoan rebuild` mends it."""
    seq, head = rows[-1]["seq"], rows[-1]["hash"]
    board = await conn.fetchrow(
        "SELECT seq, head, plan, state FROM board WHERE incident = $1", incident
    )
    if board is None:
        return [Finding(incident, seq, "board: the incident is not shown; run `yaoan rebuild`")]
    if (board["seq"], board["head"]) != (seq, head):
        what = f"board: it shows #{board['seq']} with another head; run `yaoan rebuild`"
        return [Finding(incident, seq, what)]
    try:
        events = [read(row["body"]) for row in rows]
        named = str(events[0].data.get("plan_digest", ""))
        plan = await plan_of(conn, named)
        state = apply(initial(incident, plan, space), events)
    except (ChainBroken, KeyError, ValueError) as error:
        return [Finding(incident, seq, f"the events do not fold: {error}")]
    except NotFound as error:
        return [Finding(incident, 1, str(error))]
    if board["plan"] != named or State.model_validate_json(board["state"]) != state:
        what = "board: it does not show what the events give; run `yaoan rebuild`"
        return [Finding(incident, seq, what)]
    shown = await conn.fetch(
        f"SELECT {', '.join(fold.NOTICE_COLUMNS)} FROM notice"  # noqa: S608 — constants of ours
        " WHERE incident = $1",
        incident,
    )
    if {row["notice"]: tuple(row) for row in shown} != fold.notice_rows(plan, state):
        what = "board: the notices are not what the events give; run `yaoan rebuild`"
        return [Finding(incident, seq, what)]
    return []


async def _strays(conn: Conn, incident: str | None, seen: set[str]) -> list[Finding]:
    """Rows of the board for which there is no event."""
    rows = await conn.fetch(
        "SELECT incident, seq FROM board WHERE $1::text IS NULL OR incident = $1 ORDER BY incident",
        incident,
    )
    what = "board: shown, and nothing is on record"
    return [Finding(row[0], row[1], what) for row in rows if row[0] not in seen]
