"""``yaoan verify``, ``heads`` and ``rebuild``: the record checked, its heads kept, its board made.

All three end with status 0 when all is well, 1 when something was found, and 2 with one sentence
when they could not do their work.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from commands.database import CannotTell, Data, database_url
from domain.incident.chain import Finding
from settings import Settings
from store.alarms import list_alarms
from store.errors import StoreError
from store.heads import Heads, export_heads
from store.pool import Pool, open_pool, transaction
from store.rebuild import rebuild as rebuild_board
from store.verify import check_heads
from store.verify import verify as verify_record

DATA = Path("data")
WELL, FOUND, FAILED = 0, 1, 2


def verify(
    incident: Annotated[str | None, typer.Argument(help="Only this incident.")] = None,
    heads: Annotated[
        Path | None, typer.Option(help="Heads exported before: shows what was cut off since.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare with what the workflows hold as well.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Check every event on record: hashes, links, sequences, columns, plans, the board."""
    known = _read_heads(heads) if heads is not None else None

    async def work(pool: Pool) -> int:
        result = await verify_record(pool, incident, known)
        findings = list(result.findings)
        counted = f"{result.incidents} incidents, {result.events} events, {result.plans} plans"
        if known is not None:
            counted += f", {result.heads} exported heads"
        if live:
            asked, lasting = await _live(pool, incident)
            findings += lasting
            counted += f", {asked} workflows"
        _show(findings)
        alarms = [a for a in await list_alarms(pool) if incident in (None, a.incident)]
        for alarm in alarms:
            typer.echo(f"note: alarm {alarm.kind}  {alarm.incident}  #{alarm.seq}  {alarm.detail}")
        verdict = f"{len(findings)} findings" if findings else "nothing wrong"
        typer.echo(f"checked {counted}: {verdict}")
        return FOUND if findings else WELL

    # The SDK's runtime may not survive the interpreter's finalisation.
    _run(data, work, end_at_once=live)


def heads(
    file: Annotated[Path | None, typer.Argument(help="Where to write them; else printed.")] = None,
    data: Data = DATA,
) -> None:
    """Write down the head of every incident's chain, to be kept where the database is not.

    A FILE that is there already is replaced only if the record still holds what it says.
    """
    earlier = _read_heads(file) if file is not None and file.exists() else None

    async def work(pool: Pool) -> int:
        if earlier is not None:
            async with transaction(pool, readonly=True) as conn:
                findings = await check_heads(conn, earlier)
            if findings:
                _show(findings)
                typer.echo(f"{file} was left as it is: the record no longer holds it", err=True)
                return FOUND
        found = await export_heads(pool)
        if file is None:
            typer.echo(found.to_json(), nl=False)
        else:
            _write(file, found.to_json())
            typer.echo(f"{len(found.heads)} heads of {found.space} written to {file}")
        return WELL

    _run(data, work)


def rebuild(data: Data = DATA) -> None:
    """Drop the read model and fold it anew from the events."""

    async def work(pool: Pool) -> int:
        made = await rebuild_board(pool)
        for incident, reason in sorted(made.broken.items()):
            typer.echo(f"{incident}  does not fold: {reason}")
        typer.echo(f"rebuilt {made.incidents} incidents from {made.events} events")
        return FOUND if made.broken else WELL

    _run(data, work)


async def _live(pool: Pool, incident: str | None) -> tuple[int, list[Finding]]:
    # Only here: the SDK takes its time to load, and no other command needs it.
    from commands.live import connect, live_findings

    return await live_findings(pool, await connect(), incident)


def _run(data: Path, work: Callable[[Pool], Awaitable[int]], *, end_at_once: bool = False) -> None:
    """Do ``work`` with a pool and end with its status; what cannot be done is one sentence."""

    async def within() -> int:
        config = Settings()
        pool = await open_pool(
            database_url(config, data), config.space, size=2, name="yaoan record"
        )
        try:
            return await work(pool)
        finally:
            pool.terminate()

    try:
        status = asyncio.run(within())
    except (StoreError, CannotTell, ValueError, OSError) as error:
        typer.echo(f"yaoan: {error}", err=True)
        status = FAILED
    if end_at_once:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    raise typer.Exit(status)


def _show(findings: list[Finding]) -> None:
    for one in findings:
        typer.echo(f"{one.incident}  #{one.seq}  {one.what}")


def _read_heads(path: Path) -> Heads:
    try:
        return Heads.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        typer.echo(f"yaoan: {path}: {error}", err=True)
        raise typer.Exit(FAILED) from error


def _write(path: Path, text: str) -> None:
    """Whole or not at all: what stood there before is the only witness until this one stands."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
