"""What the drill's commands share: the plan that is exercised, and how they speak."""

from pathlib import Path
from typing import Annotated

import typer

from domain.plan import Plan
from settings import settings
from store.plans import PlanError, load_plan
from store.yaml_files import FileError

PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", help="The plan to exercise.", show_default="the plan in force"),
]


def plan_of(path: Path | None) -> Plan:
    """The plan in ``path``, else the one in force; ends with status 1 if it cannot be used."""
    try:
        return load_plan(path or settings().plan_file)
    except PlanError as error:
        explained(error)
        raise typer.Exit(1) from None


def explained(error: FileError) -> None:
    """Print what is wrong with a file, a line for each fault."""
    for line in error.lines():
        typer.echo(_bytes(line), err=True)


def said(text: str, *, err: bool = False) -> None:
    """Print a line; a scenario is Chinese whatever the terminal's locale says."""
    typer.echo(_bytes(text), err=err)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
