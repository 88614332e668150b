"""``yaoan token``: the API token of a seat, for a shell that wants to call the API."""

import json
from pathlib import Path
from typing import Annotated

import typer


def token(
    seat: Annotated[str, typer.Argument(help="The seat, as the plan names it.")],
    data: Annotated[Path, typer.Option(envvar="YAOAN_DATA", help="The data folder.")] = Path(
        "data"
    ),
) -> None:
    """Print the token of SEAT from the data folder's credentials.json.

    Ends with status 2 and one sentence when the file or the seat is not there.
    """
    path = data / "credentials.json"
    try:
        held = json.loads(path.read_text(encoding="utf-8"))["credentials"]
    except FileNotFoundError:
        typer.echo(f"{path} is not there: start the stack once with `yaoan up`", err=True)
        raise typer.Exit(2) from None
    except (OSError, ValueError, KeyError):
        typer.echo(f"{path} cannot be read: restore it, or delete it for new tokens", err=True)
        raise typer.Exit(2) from None
    found = {row["seat"]: row["token"] for row in held}
    if seat not in found:
        typer.echo(f"no seat {seat!r} in {path}: use one of {', '.join(sorted(found))}", err=True)
        raise typer.Exit(2)
    typer.echo(found[seat])
