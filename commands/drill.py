"""``yaoan drill``: list and check scenarios, print the schema that editors use."""

import json
from pathlib import Path
from typing import Annotated

import typer

from domain.drill.scenario import Scenario
from domain.plan import Plan
from settings import ROOT, settings
from store.plans import PlanError, load_plan
from store.scenarios import ScenarioError, list_scenarios, load_scenario
from store.yaml_files import FileError

DRILLS = ROOT / "drills"
app = typer.Typer(help="Rehearse incidents: tabletop drills.", no_args_is_help=True)

PlanOption = Annotated[
    Path | None,
    typer.Option("--plan", help="The plan to exercise.", show_default="the plan in force"),
]


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder of scenarios.")] = DRILLS,
    plan: PlanOption = None,
) -> None:
    """List the scenarios of a folder.

    Ends with status 1 when one of them, or the plan, cannot be used.
    """
    faulty: list[ScenarioError] = []
    for path, scenario in list_scenarios(folder, _plan(plan), faulty.append):
        typer.echo(
            _bytes(
                f"{path.name}: {scenario.title.zh} · {scenario.title.en} "
                f"({scenario.length.days} d, {len(scenario.injects)} injects)"
            )
        )
    for error in faulty:
        _explain(error)
    if faulty:
        raise typer.Exit(1)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The scenario, a YAML file.", show_default=False)],
    plan: PlanOption = None,
) -> None:
    """Say what is wrong with a scenario, line by line, or that nothing is.

    Ends with status 1 when the scenario, or the plan, cannot be used.
    """
    try:
        scenario = load_scenario(file, _plan(plan))
    except ScenarioError as error:
        _explain(error)
        raise typer.Exit(1) from None
    expected = sum(len(inject.expected) for inject in scenario.injects)
    typer.echo(
        _bytes(
            f"{file}: {scenario.title.zh} ({scenario.id} v{scenario.version}) is complete: "
            f"{len(scenario.injects)} injects, {expected} expected actions, "
            f"{len(scenario.script())} scripted actions, {len(scenario.objectives)} objectives, "
            f"{len(scenario.sources)} sources"
        )
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    typer.echo(_bytes(schema_text()), nl=False)


def schema_text() -> str:
    """The JSON Schema of a scenario file, as ``drills/scenario.schema.json`` holds it."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _plan(path: Path | None) -> Plan:
    try:
        return load_plan(path or settings().plan_file)
    except PlanError as error:
        _explain(error)
        raise typer.Exit(1) from None


def _explain(error: FileError) -> None:
    for line in error.lines():
        typer.echo(_bytes(line), err=True)


def _bytes(text: str) -> bytes:
    # A scenario is Chinese whatever the terminal's locale says.
    return text.encode("utf-8", "backslashreplace")
