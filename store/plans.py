"""Plan files: read, checked as a whole, and every fault named by line and field."""

from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.plan import Plan, Template
from domain.plan_check import Loc, contradictions, field_name
from store import texts
from store.texts import FOLDER

TAG = "tag:yaml.org,2002:"


class PlanFault(NamedTuple):
    """One mistake in a plan file: where it stands (line 0: the file itself) and what is wrong."""

    line: int
    field: str
    message: str


class PlanError(Exception):
    """A plan file that cannot be used.

    ``faults`` names every mistake that was found, in the order of the file; ``str()`` gives one
    line for each, as editors and compilers write them.
    """

    def __init__(self, name: str, faults: list[PlanFault]) -> None:
        self.name = name
        self.faults = sorted(faults)
        super().__init__("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The faults as ``file:line: field: message``."""
        return [
            ": ".join(
                part for part in (f"{self.name}:{line}" if line else self.name, *rest) if part
            )
            for line, *rest in self.faults
        ]


def load_plan(path: Path) -> Plan:
    """The plan in the file ``path``.

    Raises:
        PlanError: the file cannot be read or is not a valid plan.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise PlanError(str(path), [PlanFault(0, "", reason)]) from error
    except UnicodeDecodeError as error:
        raise PlanError(str(path), [PlanFault(0, "", "it is not UTF-8 text")]) from error
    folder = path.parent / FOLDER
    try:
        templates = texts.read_templates(folder)
    except (OSError, UnicodeDecodeError) as error:
        fault = PlanFault(0, FOLDER, f"a template cannot be read: {error}")
        raise PlanError(str(path), [fault]) from error
    return parse_plan(text, str(path), templates)


def parse_plan(text: str, name: str = "plan", templates: dict[str, Template] | None = None) -> Plan:
    """The plan that ``text`` (YAML, or JSON, which is YAML) holds; ``name`` is for messages.

    Args:
        templates: what its notices say; those shipped unless given.

    Raises:
        PlanError: not YAML, a duplicate key, a wrong field, or entries that contradict.
    """
    reader = _Reader()
    try:
        value = reader.read(text)
    except YAMLError as error:
        mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
        line = mark.line + 1 if mark is not None else 1
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise PlanError(name, [PlanFault(line, "", f"not YAML: {problem}")]) from error
    except RecursionError as error:
        fault = PlanFault(1, "", "it is nested too deeply to be a plan")
        raise PlanError(name, [fault]) from error
    if reader.faults:
        raise PlanError(name, reader.faults)
    if not isinstance(value, dict):
        raise PlanError(name, [PlanFault(1, "", "a plan is a mapping that begins with `id:`")])
    try:
        plan = Plan.model_validate(value)
    except ValidationError as error:
        faults = []
        for found in error.errors(include_url=False):
            loc = tuple(part for part in found["loc"] if part != "[key]")
            faults.append(PlanFault(reader.line(loc), field_name(loc), _explain(found)))
        raise PlanError(name, faults) from error
    plan = plan.model_copy(update={"texts": {**(templates or texts.shipped()), **plan.texts}})
    unfit = texts.faults(plan.texts)
    if unfit:
        raise PlanError(
            name,
            [PlanFault(0, f"{FOLDER}/{f.file}:{f.line}", f.message) for f in unfit],
        )
    wrong = contradictions(plan)
    if wrong:
        raise PlanError(
            name, [PlanFault(reader.line(f.loc), field_name(f.loc), f.message) for f in wrong]
        )
    return plan


def _explain(error: ErrorDetails) -> str:
    """What pydantic found, in the words of someone who writes YAML."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no field of a plan here: check the spelling"
        case _:
            given = error["input"]
            shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
            return f"{error['msg'][0].lower()}{error['msg'][1:]}{shown}"


class _Reader:
    """YAML nodes to plain values; remembers the line of every field and finds duplicates."""

    def __init__(self) -> None:
        self.faults: list[PlanFault] = []
        self._lines: dict[Loc, int] = {(): 1}
        self._seen: set[int] = set()

    def read(self, text: str) -> Any:
        yaml = YAML(typ="safe", pure=True)
        node = yaml.compose(text)
        return None if node is None else self._value(node, ())

    def line(self, loc: Loc) -> int:
        """The line of the field at ``loc``, or of the nearest entry around it."""
        while loc not in self._lines:
            loc = loc[:-1]
        return self._lines[loc]

    def _fault(self, node: Node, loc: Loc, message: str) -> None:
        self.faults.append(PlanFault(node.start_mark.line + 1, field_name(loc), message))

    def _value(self, node: Node, loc: Loc) -> Any:
        self._lines.setdefault(loc, node.start_mark.line + 1)
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc)
        # An alias would let one entry stand for many, and a few lines for a billion.
        if id(node) in self._seen:
            self._fault(node, loc, "is an alias: write the entry out")
            return None
        self._seen.add(id(node))
        if isinstance(node, SequenceNode):
            return [self._value(item, (*loc, index)) for index, item in enumerate(node.value)]
        if isinstance(node, MappingNode):
            return self._mapping(node, loc)
        raise TypeError(f"YAML knows no other node: {node!r}")

    def _mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._fault(key_node, loc, "has a key that is not a word")
                continue
            key = str(key_node.value)
            at = (*loc, key)
            if key in found:
                self._fault(key_node, at, f"stands here twice, first in line {self._lines[at]}")
                continue
            self._lines[at] = key_node.start_mark.line + 1
            found[key] = self._value(value_node, at)
        return found

    def _scalar(self, node: ScalarNode, loc: Loc) -> Any:
        text = str(node.value)
        match str(node.tag).removeprefix(TAG):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                try:
                    return int(text)
                except ValueError:
                    self._fault(node, loc, f"{text[:40]!r} is no plain whole number")
                    return None
            case "str" | "timestamp":
                return text
            case "float":
                self._fault(node, loc, f"{text[:40]!r} is no whole number; put texts in quotes")
                return None
            case tag:
                self._fault(node, loc, f"has the tag {tag!r}, which no plan needs")
                return None
