"""The ``yaoan`` command."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands import directory, drill, plan, record
from commands.grade import grade
from commands.token import token
from commands.watchdog import watchdog

app = typer.Typer(
    name="yaoan",
    help="Durable incident response for a county's drug-safety emergency plan.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Durable incident response for a county's drug-safety emergency plan."""


@app.command()
def up(
    data: Annotated[
        Path, typer.Option(envvar="YAOAN_DATA", help="Folder of everything that must survive.")
    ] = Path("data"),
    api_port: Annotated[int, typer.Option(help="Port of the API; 0 for any.")] = 8000,
    temporal_port: Annotated[int, typer.Option(help="Port of the Temporal server.")] = 7233,
    ui_port: Annotated[int, typer.Option(help="Port of the Temporal UI.")] = 8233,
    pg_port: Annotated[int, typer.Option(help="Port of PostgreSQL.")] = 5433,
    drill_temporal_port: Annotated[
        int, typer.Option(help="Port of the drills' own Temporal server; 0 for any.")
    ] = 0,
) -> None:
    """Run the whole stack on this machine until Ctrl-C: PostgreSQL, Temporal, worker, API."""
    # Only here: no other command needs the servers.
    from embedded.stack import Options
    from embedded.up import up as run

    status = run(Options(data, api_port, temporal_port, ui_port, pg_port, drill_temporal_port))
    # The SDK's runtime may not survive the interpreter's finalisation.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


app.add_typer(plan.app, name="plan")
app.add_typer(drill.app, name="drill")
app.add_typer(directory.app, name="directory")
app.command()(grade)
app.command()(token)
app.command()(record.verify)
app.command()(record.heads)
app.command()(record.rebuild)
app.command()(watchdog)


def main() -> None:
    """Run the command that the arguments name."""
    app()


if __name__ == "__main__":
    main()
