"""``yaoan directory``: who can be reached now, and the directory as tables.

All end with status 0 when all is well, 1 when something was found, and 2 with one sentence when
they could not do their work.
"""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.database import CannotTell, Data, database_url
from domain.directory_csv import read_contacts, read_roster, write_contacts
from domain.readiness import readiness
from domain.sheet import Sheet
from settings import Settings, channel_names
from store import directory_changes as changes
from store.directory import load
from store.errors import StoreError
from store.plans import PlanError, load_plan
from store.pool import Pool, open_pool

DATA = Path("data")
WELL, FOUND, FAILED = 0, 1, 2
SEAT = "yaoan directory"
"""What the log of changes names in place of a seat: whoever runs this holds the database."""

File = Annotated[
    Path, typer.Argument(help="A CSV file, UTF-8 or as Excel saves it.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file and take nothing.")]
Person = Annotated[
    str | None, typer.Option(help="Who is changing this; the login name unless given.")
]

app = typer.Typer(help="Whom to reach in each body, and whether one can.", no_args_is_help=True)


@app.command()
def check(data: Data = DATA) -> None:
    """Name every body that could not be reached now, a line each."""

    async def work(pool: Pool, config: Settings) -> int:
        plan, now = load_plan(config.plan_file), datetime.now(UTC)
        gaps = readiness(plan, await load(pool), channel_names(config), now)
        for gap in gaps:
            _say(f"{gap.body}  {gap.problem}  {gap.text.zh}  {gap.text.en}")
        if not gaps:
            _say("都能联系上。 every body can be reached")
        return FOUND if gaps else WELL

    _run(data, work)


@app.command("import")
def import_contacts(
    file: File, dry_run: DryRun = False, person: Person = None, data: Data = DATA
) -> None:
    """Take contacts from FILE, all or none; every faulty row is named."""

    async def work(pool: Pool, config: Settings) -> int:
        content, plan = file.read_bytes(), load_plan(config.plan_file)
        sheet = read_contacts(content, plan, await load(pool), channel_names(config))
        if _faulty(file, sheet):
            return FOUND
        changed = 0 if dry_run else await changes.put_contacts(pool, sheet.found, _hand(person))
        _say(f"{len(sheet.found)} contacts read, {changed} new or changed")
        return WELL

    _run(data, work)


@app.command()
def roster(file: File, dry_run: DryRun = False, person: Person = None, data: Data = DATA) -> None:
    """Take shifts from FILE, all or none: they replace what stood in their span."""

    async def work(pool: Pool, config: Settings) -> int:
        content, plan = file.read_bytes(), load_plan(config.plan_file)
        sheet = read_roster(content, plan, await load(pool))
        if _faulty(file, sheet):
            return FOUND
        if not dry_run:
            await changes.put_shifts(pool, sheet.found, _hand(person))
        _say(f"{len(sheet.found)} shifts read, {'none' if dry_run else 'all'} taken")
        return WELL

    _run(data, work)


@app.command()
def export(data: Data = DATA) -> None:
    """Print every contact as CSV that ``import`` takes back and Excel opens."""

    async def work(pool: Pool, config: Settings) -> int:
        text = write_contacts((await load(pool)).contacts)
        # The mark tells Excel that it is UTF-8.
        typer.echo(text.encode("utf-8-sig"), nl=False)
        return WELL

    _run(data, work)


@app.command("test")
def try_out(
    bodies: Annotated[
        list[str] | None, typer.Argument(help="Only these bodies of the county, by id.")
    ] = None,
    data: Data = DATA,
) -> None:
    """Send every contact of the county a test by each of its channels; keep which accepted it."""

    async def work(pool: Pool, config: Settings) -> int:
        # Only here: no other command needs the channels.
        from activities.outward.providers import channels_of
        from commands.trial import ours, try_contacts

        chosen = ours(load_plan(config.plan_file), frozenset(bodies or ()))
        channels = channels_of(config)
        tried = await try_contacts(pool, config, await load(pool), channels, chosen)
        for one in tried:
            _say(f"{one.contact.body}  {one.contact.id}  {one.channel}  {one.fault or 'accepted'}")
        if not tried:
            _say("没有可测试的地址。 no address on a configured channel to test", err=True)
        return FOUND if not tried or any(one.fault for one in tried) else WELL

    _run(data, work)


def _hand(person: str | None) -> changes.Hand:
    return changes.Hand(at=datetime.now(UTC), seat=SEAT, person=person or _login())


def _login() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run a user without a name
        return None


def _faulty(file: Path, sheet: Sheet[Any]) -> bool:
    """Print what was found in the rows; whether nothing may be taken."""
    marked = [("warning: ", one) for one in sheet.warnings] + [("", one) for one in sheet.errors]
    for mark, one in marked:
        where = f"{file}:{one.row}: " + (f"{one.column}: " if one.column else "")
        _say(f"{where}{mark}{one.message.zh}  {one.message.en}", err=True)
    if sheet.errors:
        _say(f"{file}: {len(sheet.errors)} faults, nothing was taken", err=True)
    return bool(sheet.errors)


def _say(text: str, *, err: bool = False) -> None:
    # The directory is Chinese whatever the terminal's locale says.
    typer.echo(text.encode("utf-8", "backslashreplace"), err=err)


def _run(data: Path, work: Callable[[Pool, Settings], Awaitable[int]]) -> None:
    """Do ``work`` with a pool and end with its status; what cannot be done is one sentence."""

    async def within() -> int:
        config = Settings()
        pool = await open_pool(
            database_url(config, data), config.space, size=2, name="yaoan directory"
        )
        try:
            return await work(pool, config)
        finally:
            pool.terminate()

    try:
        status = asyncio.run(within())
    except PlanError as error:
        _say(f"yaoan: {error.lines()[0]}: run `yaoan plan check`", err=True)
        status = FAILED
    except (StoreError, CannotTell, ValueError, OSError) as error:
        _say(f"yaoan: {error}", err=True)
        status = FAILED
    raise typer.Exit(status)
