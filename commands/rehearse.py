"""``yaoan drill rehearse`` and ``papers``: a scenario tried by the rules alone, and its papers.

A rehearsal shows whether a script runs and what it would bring forth; it is no drill: no server,
no players, no clock. The exercise begins at the scenario's own moment, else now.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.scenarios import PlanOption, explained, plan_of, said
from domain.base import beijing_text
from domain.drill.papers import Content, papers_before
from domain.drill.rehearsal import Rehearsal, rehearse
from domain.drill.scenario import Scenario
from store.papers import markdown
from store.papers_docx import document
from store.scenarios import ScenarioError, load_scenario

File = Annotated[Path, typer.Argument(help="The scenario, a YAML file.", show_default=False)]


def run(
    file: File,
    plan: PlanOption = None,
    to: Annotated[
        Path | None, typer.Option("--json", help="Where to write what came of it.")
    ] = None,
) -> None:
    """Play a scenario by its script and the rules alone, and say what came of it.

    Ends with status 1 when something did not go as the script says.
    """
    exercised = plan_of(plan)
    try:
        scenario = load_scenario(file, exercised)
    except ScenarioError as error:
        explained(error)
        raise typer.Exit(1) from None
    went = rehearse(scenario, exercised, scenario.starts or datetime.now(UTC))
    for inject in scenario.injects:
        at = went.delivered.get(inject.number)
        when = beijing_text(at) if at else "-"
        said(f"{when}  {inject.number}. {inject.from_.zh} → {'、'.join(inject.to)}")
        for expected in inject.expected:
            if expected.event is not None:
                said(f"{'':18}{went.outcome(inject, expected):7}{expected.text.zh}")
    for refused in went.refused:
        said(f"refused as written: {refused.line}: {refused.what}")
    for surprise in went.surprises:
        said(f"surprise: {surprise.line}: {surprise.what}", err=True)
    for name, state in went.states.items():
        said(f"{name}: {state.phase}, {len(went.events[name])} events")
    if to is not None:
        text = json.dumps(_outcome(went), ensure_ascii=False, indent=2)
        to.write_text(text + "\n", encoding="utf-8")
    if went.surprises:
        raise typer.Exit(1)


def _outcome(went: Rehearsal) -> dict[str, Any]:
    return {
        "scenario": went.scenario.id,
        "started": went.started.isoformat(),
        "incidents": {
            name: {"phase": state.phase, "events": [e.type for e in went.events[name]]}
            for name, state in went.states.items()
        },
        "injects": {
            str(inject.number): {
                "delivered": at.isoformat() if (at := went.delivered.get(inject.number)) else None,
                "expected": [
                    went.outcome(inject, expected) if expected.event else "unseen"
                    for expected in inject.expected
                ],
            }
            for inject in went.scenario.injects
        },
        "refused": [f"{one.line}: {one.what}" for one in went.refused],
        "surprises": [f"{one.line}: {one.what}" for one in went.surprises],
    }


def papers(
    file: File,
    folder: Annotated[
        Path, typer.Argument(help="Where to put them; made if it is new.", show_default=False)
    ],
    plan: PlanOption = None,
) -> None:
    """Make the papers that an exercise needs beforehand, as Markdown and Word."""
    exercised = plan_of(plan)
    try:
        scenario = load_scenario(file, exercised)
    except ScenarioError as error:
        explained(error)
        raise typer.Exit(1) from None
    write_papers(folder, scenario, papers_before(exercised, scenario))


def write_papers(folder: Path, scenario: Scenario, papers: Iterable[Content]) -> None:
    """Put ``papers`` into a folder, made if it is new, and say where each is."""
    folder.mkdir(parents=True, exist_ok=True)
    for content in papers:
        name = f"{scenario.id}-{content.kind.name}.{content.language}"
        (folder / f"{name}.md").write_text(markdown(content), encoding="utf-8")
        (folder / f"{name}.docx").write_bytes(document(content, datetime.now(UTC)))
        warning = f"（{content.warning}）" if content.warning else ""
        said(f"{folder / name}.md, .docx  {content.kind.title.zh}{warning}")
