"""How soon departments are told, and how soon they answer."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.deps import dependencies
from api.problems import Problem, documented
from api.security import Actor
from api.space import Space
from domain.base import Moment, Text
from store import figures


class SpreadView(BaseModel):
    """How many were measured, and their spread; all times in seconds."""

    count: int
    median: float
    p90: float
    max: float


class BodyFigures(BaseModel):
    """One body's figures. A refusal is an answer and counts as acknowledged."""

    body: str
    name: Text
    notices: int
    unanswered: int = Field(description="现仍未签收、仍在催告的通知数。")
    acknowledged: int
    refused: int
    failed: int
    first: SpreadView | None = Field(description="接报至首个通知被通道接收，每起事件一次。")
    answered: SpreadView | None = Field(description="接报至签收。")
    replied: SpreadView | None = Field(description="通知生成至签收。")


class NoticeFigures(BaseModel):
    """The figures of every body that was told anything of the incidents asked for."""

    since: Moment | None
    until: Moment | None
    statutory: bool | None
    bodies: list[BodyFigures]


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["figures"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]

    @made.get(
        "/figures/notices",
        operation_id=f"{space.name}_notice_figures",
        summary="通知时效",
        responses=documented(401, 403, 422, 503),
    )
    async def notice_figures(
        actor: caller,
        since: Annotated[
            Moment | None, Query(description="只计此时及以后接报的事件，须带时区。")
        ] = None,
        until: Annotated[Moment | None, Query(description="只计此时以前接报的事件。")] = None,
        statutory: Annotated[
            bool | None, Query(description="只计法定（true）或内控（false）通知。")
        ] = None,
    ) -> NoticeFigures:
        """From intake to the first notice and to acknowledgement, for each department."""
        if not actor.sees_all_incidents:
            raise Problem(
                403,
                "no_access_to_figures",
                "报告单位不能查看通知时效。",
                "a reporter reads no figures",
            )
        found = await figures.notice_figures(
            await space.pool(), since=since, until=until, statutory=statutory
        )
        return NoticeFigures(
            since=since,
            until=until,
            statutory=statutory,
            bodies=[
                BodyFigures.model_validate(
                    {**vars(one), "name": _name(space, one.body)}, from_attributes=True
                )
                for one in found
            ],
        )

    return made


def _name(space: Space, body: str) -> Text:
    """The name in the plan in force; a body of an older plan is called by its id."""
    known = space.plan.body_by_id.get(body)
    return known.name if known is not None else Text(zh=body, en=body)
