"""``yaoan drill``: scenarios listed, checked and rehearsed; drills run, opened and directed."""

import json
from pathlib import Path
from typing import Annotated

import typer

from commands import drill_live, drill_run, rehearse
from commands.scenarios import PlanOption, explained, plan_of, said
from domain.drill.scenario import Scenario
from settings import ROOT
from store.scenarios import ScenarioError, list_scenarios, load_scenario

DRILLS = ROOT / "drills"
app = typer.Typer(help="Rehearse incidents: tabletop drills.", no_args_is_help=True)
app.command("rehearse")(rehearse.run)
app.command("papers")(rehearse.papers)
app.command("run")(drill_run.run)
app.command("open")(drill_live.open_)
app.command("show")(drill_live.show)
app.command("order")(drill_live.order)
app.command("suspend")(drill_live.suspend)


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(help="Folder of scenarios.")] = DRILLS,
    plan: PlanOption = None,
) -> None:
    """List the scenarios of a folder.

    Ends with status 1 when one of them, or the plan, cannot be used.
    """
    faulty: list[ScenarioError] = []
    for path, scenario in list_scenarios(folder, plan_of(plan), faulty.append):
        said(
            f"{path.name}: {scenario.title.zh} · {scenario.title.en} "
            f"({scenario.length.days} d, {len(scenario.injects)} injects)"
        )
    for error in faulty:
        explained(error)
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
        scenario = load_scenario(file, plan_of(plan))
    except ScenarioError as error:
        explained(error)
        raise typer.Exit(1) from None
    expected = sum(len(inject.expected) for inject in scenario.injects)
    said(
        f"{file}: {scenario.title.zh} ({scenario.id} v{scenario.version}) is complete: "
        f"{len(scenario.injects)} injects, {expected} expected actions, "
        f"{len(scenario.script())} scripted actions, {len(scenario.objectives)} objectives, "
        f"{len(scenario.sources)} sources"
    )


@app.command()
def schema() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    said(schema_text().removesuffix("\n"))


def schema_text() -> str:
    """The JSON Schema of a scenario file, as ``drills/scenario.schema.json`` holds it."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
