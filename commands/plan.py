"""``yaoan plan``: check a plan file, print the schema that editors use."""

import json
from pathlib import Path
from typing import Annotated

import typer

from domain.plan import Plan, plan_digest
from store.plans import PlanError, load_plan

app = typer.Typer(help="Check emergency plans.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The plan, a YAML file.", show_default=False)],
) -> None:
    """Say what is wrong with a plan, line by line, or that nothing is.

    Ends with status 1 when the plan cannot be used.
    """
    try:
        plan = load_plan(file)
    except PlanError as error:
        for line in error.lines():
            typer.echo(_bytes(line), err=True)
        raise typer.Exit(1) from None
    pending = sum(reading.confirmed_by is None for reading in plan.readings)
    typer.echo(
        _bytes(
            f"{file}: {plan.jurisdiction.title.zh} ({plan.id} v{plan.version}) is complete: "
            f"{len(plan.bodies)} bodies, {len(plan.obligations)} obligations, "
            f"{len(plan.packs)} task packs, {pending} readings to be confirmed (待解释); "
            f"sha256 {plan_digest(plan)}"
        )
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of plan files, for editors."""
    typer.echo(_bytes(schema_text()), nl=False)


def schema_text() -> str:
    """The JSON Schema of a plan file, as ``plans/plan.schema.json`` holds it."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "yaoan emergency plan",
        **Plan.model_json_schema(),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _bytes(text: str) -> bytes:
    # A plan is Chinese whatever the terminal's locale says.
    return text.encode("utf-8", "backslashreplace")
