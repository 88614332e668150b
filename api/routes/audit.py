"""What was refused and by which clause, and who read personal data and why."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.deps import dependencies, read_number
from api.problems import Problem, documented
from api.security import Actor
from api.space import Space
from domain.base import Text
from store import audit

Before = Annotated[int | None, Query(ge=1, le=2**53, description="只取编号更小的，用于翻页。")]
Limit = Annotated[int, Query(ge=1, le=200)]
Incident = Annotated[str | None, Query(max_length=40)]


class RefusalView(BaseModel):
    """A command that was refused."""

    id: int
    at: datetime
    incident: str | None
    command: str
    request_id: str | None
    seat: str | None
    person: str | None
    decider: str | None
    code: str
    clause: str
    message: Text


class ReadingView(BaseModel):
    """Someone read personal data or a file."""

    id: int
    at: datetime
    incident: str
    reference: str
    seat: str
    person: str | None
    reason: str


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["audit"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]

    def allow(actor: Actor) -> None:
        if not actor.reads_audit:
            raise Problem(
                403, "no_access_to_audit", "本席位不能查看审计记录。", "this seat reads no audit"
            )

    @made.get(
        "/audit/refusals",
        operation_id=f"{space.name}_list_refusals",
        summary="被拒绝的操作",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def list_refusals(
        actor: caller, incident: Incident = None, before: Before = None, limit: Limit = 50
    ) -> list[RefusalView]:
        """Commands that were refused, newest first."""
        allow(actor)
        number = read_number(space, incident) if incident is not None else None
        found = await audit.list_refusals(
            await space.pool(), incident=number, before=before, limit=limit
        )
        return [RefusalView.model_validate(one, from_attributes=True) for one in found]

    @made.get(
        "/audit/readings",
        operation_id=f"{space.name}_list_access",
        summary="个人信息和附件的查阅记录",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def list_access(
        actor: caller, incident: Incident = None, before: Before = None, limit: Limit = 50
    ) -> list[ReadingView]:
        """Who read what from the vault and why, newest first."""
        allow(actor)
        number = read_number(space, incident) if incident is not None else None
        found = await audit.list_readings(
            await space.pool(), incident=number, before=before, limit=limit
        )
        return [ReadingView.model_validate(one, from_attributes=True) for one in found]

    return made
