"""What the tests of 附件1 start from: everything answered yes, nobody harmed."""

from typing import Any

import pytest

from domain.grading import Findings, Grade, LineResult, grade
from domain.plan import Plan
from tests.plans.files import gaoqing

QUALIFIERS = (
    "unexpected",
    "similar_symptoms",
    "clustered",
    "lots_close",
    "same_drug",
    "same_lot",
    "short_term",
    "similar_cases",
)
YES: dict[str, Any] = dict.fromkeys(QUALIFIERS, True)
NOBODY: dict[str, Any] = {"affected": 0, "severe": 0, "deaths": 0}


def graded(plan: Plan | None = None, **known: Any) -> Grade:
    """The grade when nobody was harmed but for what is ``known``."""
    return grade(plan or gaoqing(), Findings.model_validate({**NOBODY, **known}))


def line(result: Grade, name: str) -> LineResult:
    """The result of the line ``name`` of 附件1."""
    [found] = [entry for entry in result.lines if entry.line == f"附件1 {name}"]
    return found


def clause(*names: str) -> pytest.MarkDecorator:
    """The mark of a test that shows the lines ``names`` of 附件1."""
    return pytest.mark.clause(*(f"附件1 {name}" for name in names))
