"""Plan files: read, checked as a whole, and every fault named by line and field."""

from pathlib import Path

from domain.plan import Plan, Template
from domain.plan_check import contradictions
from store import texts
from store.texts import FOLDER
from store.yaml_files import FileError, FileFault, YamlFile

PlanFault = FileFault
"""One mistake in a plan file."""


class PlanError(FileError):
    """A plan file that cannot be used; see FileError."""


def load_plan(path: Path) -> Plan:
    """The plan in the file ``path``.

    Raises:
        PlanError: the file cannot be read or is not a valid plan.
    """
    file = YamlFile(str(path), "plan", PlanError)
    text = file.read_text(path)
    try:
        templates = texts.read_templates(path.parent / FOLDER)
    except (OSError, UnicodeDecodeError) as error:
        raise file.fault(0, FOLDER, f"a template cannot be read: {error}") from error
    return parse_plan(text, str(path), templates)


def parse_plan(text: str, name: str = "plan", templates: dict[str, Template] | None = None) -> Plan:
    """The plan that ``text`` (YAML, or JSON, which is YAML) holds; ``name`` is for messages.

    Args:
        templates: what its notices say; those shipped unless given.

    Raises:
        PlanError: not YAML, a duplicate key, a wrong field, or entries that contradict.
    """
    file = YamlFile(name, "plan", PlanError)
    plan = file.parse(text, Plan)
    plan = plan.model_copy(update={"texts": {**(templates or texts.shipped()), **plan.texts}})
    unfit = texts.faults(plan.texts)
    if unfit:
        raise PlanError(
            name,
            [PlanFault(0, f"{FOLDER}/{f.file}:{f.line}", f.message) for f in unfit],
        )
    wrong = contradictions(plan)
    if wrong:
        raise file.faulty(wrong)
    return plan
