"""Scenario files: read, checked against their plan, every fault named by line and field."""

from collections.abc import Callable, Iterator
from pathlib import Path

from domain.drill.scenario import Scenario
from domain.drill.scenario_check import contradictions
from domain.plan import Plan
from store.yaml_files import FileError, YamlFile

SUFFIX = "*.yaml"


class ScenarioError(FileError):
    """A scenario file that cannot be used; see FileError."""


def load_scenario(path: Path, plan: Plan) -> Scenario:
    """The scenario in the file ``path``, which exercises ``plan``.

    Raises:
        ScenarioError: the file cannot be read, is no scenario, or contradicts itself or the plan.
    """
    text = YamlFile(str(path), "scenario", ScenarioError).read_text(path)
    return parse_scenario(text, plan, str(path))


def parse_scenario(text: str, plan: Plan, name: str = "scenario") -> Scenario:
    """The scenario that ``text`` (YAML, or JSON) holds; ``name`` is for messages.

    Raises:
        ScenarioError: not YAML, a wrong field, or lines that contradict each other or the plan.
    """
    file = YamlFile(name, "scenario", ScenarioError)
    scenario = file.parse(text, Scenario)
    if wrong := contradictions(scenario, plan):
        raise file.faulty(wrong)
    return scenario


def list_scenarios(
    folder: Path, plan: Plan, faulty: Callable[[ScenarioError], None]
) -> Iterator[tuple[Path, Scenario]]:
    """The scenarios in ``folder``, by file name; each that cannot be used goes to ``faulty``."""
    for path in sorted(folder.glob(SUFFIX)):
        try:
            yield path, load_scenario(path, plan)
        except ScenarioError as error:
            faulty(error)
