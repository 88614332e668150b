"""Files that people write in YAML: read with the line of every field, faults named by it."""

from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.faults import Fault, Loc, field_name

TAG = "tag:yaml.org,2002:"
M = TypeVar("M", bound=BaseModel)


class FileFault(NamedTuple):
    """One mistake in a file: where it stands (line 0: the file itself) and what is wrong."""

    line: int
    field: str
    message: str


class FileError(Exception):
    """A file that cannot be used.

    ``faults`` names every mistake that was found, in the order of the file; ``str()`` gives one
    line for each, as editors and compilers write them.
    """

    def __init__(self, name: str, faults: list[FileFault]) -> None:
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


class YamlFile:
    """One file; every fault in it is raised as the ``error`` of its kind.

    Args:
        name: the file, for messages.
        what: what it ought to be, for messages: ``plan``.
    """

    def __init__(self, name: str, what: str, error: type[FileError]) -> None:
        self.name, self.what, self.error = name, what, error
        self._reader = _Reader(what)

    def read_text(self, path: Path) -> str:
        """The text of the file ``path``.

        Raises:
            FileError: it cannot be read or is not UTF-8.
        """
        try:
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise self.fault(0, "", error.strerror or "it cannot be read") from error
        except UnicodeDecodeError as error:
            raise self.fault(0, "", "it is not UTF-8 text") from error

    def parse(self, text: str, model: type[M]) -> M:
        """What ``text`` (YAML, or JSON, which is YAML) holds.

        Raises:
            FileError: not YAML, a duplicate key, or a wrong field.
        """
        article = f"{'an' if self.what[0] in 'aeiou' else 'a'} {self.what}"
        try:
            value = self._reader.read(text)
        except YAMLError as error:
            mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
            line = mark.line + 1 if mark is not None else 1
            problem = getattr(error, "problem", None) or str(error).splitlines()[0]
            raise self.fault(line, "", f"not YAML: {problem}") from error
        except RecursionError as error:
            raise self.fault(1, "", f"it is nested too deeply to be {article}") from error
        if self._reader.faults:
            raise self.error(self.name, self._reader.faults)
        if not isinstance(value, dict):
            raise self.fault(1, "", f"{article} is a mapping that begins with `id:`")
        try:
            return model.model_validate(value)
        except ValidationError as error:
            faults = []
            for found in error.errors(include_url=False):
                loc = tuple(part for part in found["loc"] if part != "[key]")
                faults.append(Fault(loc, explain(found, article)))
            raise self.faulty(faults) from error

    def fault(self, line: int, field: str, message: str) -> FileError:
        """The error of a single fault."""
        return self.error(self.name, [FileFault(line, field, message)])

    def faulty(self, faults: list[Fault]) -> FileError:
        """The error that names ``faults``, each with its line."""
        return self.error(
            self.name,
            [FileFault(self._reader.line(f.loc), field_name(f.loc), f.message) for f in faults],
        )


def explain(error: ErrorDetails, article: str) -> str:
    """What pydantic found, in the words of someone who writes YAML."""
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return f"is no field of {article} here: check the spelling"
        case _:
            given = error["input"]
            shown = f", not {given!r}" if isinstance(given, str | int | float) else ""
            return f"{error['msg'][0].lower()}{error['msg'][1:]}{shown}"


class _Reader:
    """YAML nodes to plain values; remembers the line of every field and finds duplicates."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.faults: list[FileFault] = []
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
        self.faults.append(FileFault(node.start_mark.line + 1, field_name(loc), message))

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
                self._fault(node, loc, f"has the tag {tag!r}, which no {self.what} needs")
                return None
