"""Grading by 附件1 without creating anything."""

from typing import Annotated

from fastapi import APIRouter, Body

from api.deps import dependencies
from api.examples import GRADE
from api.problems import FieldError, documented, malformed
from api.security import Actor
from api.space import Space
from domain.grading import CheckedFindings, Grade, grade


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``."""
    made = APIRouter(tags=["grading"])
    deps = dependencies(space)

    @made.post(
        "/grade",
        operation_id=f"{space.name}_grade",
        summary="按附件1研判级别",
        responses=documented(400, 401, 413, 415, 422),
    )
    async def grade_findings(
        _actor: Annotated[Actor, deps.actor],
        findings: Annotated[CheckedFindings, Body(examples=[GRADE])],
    ) -> Grade:
        """Grade findings; true, false and null are yes, no and unknown."""
        try:
            return grade(space.plan, findings)
        except ValueError as error:
            field, _, message = str(error).partition(": ")
            raise malformed([FieldError(field=field, message=message)]) from error

    return made
