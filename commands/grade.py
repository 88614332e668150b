"""``yaoan grade``: grade findings by the plan's 附件1 without creating anything."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.grading import CheckedFindings
from domain.grading import grade as grade_findings
from settings import settings
from store.plans import PlanError, load_plan

_SAYS = {
    "extra_forbidden": "is no field of the findings",
    "int_type": "must be a whole number, or null where unknown",
    "int_from_float": "must be a whole number, or null where unknown",
    "bool_type": "must be true, false, or null where unknown",
    "string_type": "must be a level's name, or null where nobody has judged",
    "greater_than_equal": "must not be negative",
    "model_type": "must be an object",
}


class Refused(Exception):
    """Input that cannot be graded; the message is one sentence that names the field."""


def grade(
    file: Annotated[
        str, typer.Argument(help="Findings as JSON; - reads standard input.", show_default=False)
    ],
    plan: Annotated[
        Path | None, typer.Option(help="Grade by this plan.", show_default="the plan in force")
    ] = None,
) -> None:
    """Grade an incident by the plan's criteria (附件1); nothing is created.

    Ends with status 2 and one sentence on standard error when the findings are refused.
    """
    try:
        findings = read_findings(_text(file))
        result = grade_findings(load_plan(plan or settings().plan_file), findings)
    except (Refused, PlanError, ValueError) as error:
        typer.echo(str(error).encode("utf-8", "backslashreplace"), err=True)
        raise typer.Exit(2) from None
    lines = [line.model_dump(exclude={"measure"}) for line in result.lines]
    shown = json.dumps({**result.model_dump(), "lines": lines}, ensure_ascii=False, indent=2)
    typer.echo(shown.encode())


def read_findings(text: str) -> CheckedFindings:
    """The findings in ``text``.

    Raises:
        Refused: not one JSON object, a repeated key, or a field that is wrong.
    """
    try:
        # NaN stays a float here, so that the check below refuses it by its field.
        value = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(f"the findings are not JSON: {error.msg.lower()} at {where}") from error
    except RecursionError as error:
        raise Refused("the findings are nested too deeply to be findings") from error
    except ValueError as error:
        raise Refused(f"the findings are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Refused('the findings must be one JSON object, as in {"affected": 13}')
    try:
        return CheckedFindings.model_validate(value)
    except ValidationError as error:
        raise Refused(_sentence(error.errors(include_url=False)[0])) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"{_name(key)}: stands there twice")
        if not _is_text(key):
            raise Refused(f"{_name(key)}: is no field of the findings")
        found[key] = value
    return found


def _sentence(error: ErrorDetails) -> str:
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    field = ".".join(_name(str(part)) for part in error["loc"])
    return f"{field}: {_SAYS.get(error['type'], error['msg'])}"


def _is_text(key: str) -> bool:
    """False for half of a surrogate pair, which JSON can escape and no field is called."""
    return not any("\ud800" <= letter <= "\udfff" for letter in key)


def _name(key: str) -> str:
    """``key`` on one line, whatever it is."""
    return key if key.isidentifier() else json.dumps(key, ensure_ascii=False)


def _text(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"{file}: {(error.strerror or 'cannot be read').lower()}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{file}: is not UTF-8 text") from error
