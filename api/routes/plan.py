"""The plan in force: its readings, bodies and seats."""

from typing import Annotated

from fastapi import APIRouter, Header, Response
from pydantic import BaseModel

from api.deps import dependencies
from api.problems import documented
from api.security import Actor
from api.space import Space
from domain.plan import Body, Plan, Reading, Seat, plan_digest


class ReadingView(Reading):
    """A reading; ``pending`` until the interpreting body has confirmed it (7.2)."""

    pending: bool


class WhoView(BaseModel):
    """Who the holder of this token is."""

    seat: Seat | None
    """None for the staff of an exercise, whose seats no plan has."""
    body: Body | None
    person: str | None


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``."""
    made = APIRouter(tags=["plan"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]
    tag = f'"{plan_digest(space.plan)}"'

    @made.get(
        "/plan",
        operation_id=f"{space.name}_get_plan",
        summary="现行预案",
        response_model=Plan,
        responses={304: {"description": "未变化"}, **documented(401)},
    )
    async def get_plan(
        response: Response,
        _actor: caller,
        if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
    ) -> Plan | Response:
        """The plan that new incidents start under; a running incident keeps its own."""
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return space.plan

    @made.get(
        "/plan/readings",
        operation_id=f"{space.name}_list_readings",
        summary="条款读法",
        responses=documented(401),
    )
    async def list_readings(_actor: caller) -> list[ReadingView]:
        """How ambiguous provisions are read, and who confirmed it."""
        return [
            ReadingView(**dict(reading), pending=space.plan.pending(reading.id))
            for reading in space.plan.readings
        ]

    @made.get(
        "/bodies",
        operation_id=f"{space.name}_list_bodies",
        summary="单位名录",
        responses=documented(401),
    )
    async def list_bodies(_actor: caller) -> list[Body]:
        """The bodies that the plan names, with their duties."""
        return list(space.plan.bodies)

    @made.get(
        "/seats",
        operation_id=f"{space.name}_list_seats",
        summary="席位",
        responses=documented(401),
    )
    async def list_seats(_actor: caller) -> list[Seat]:
        """The seats from which people act."""
        return list(space.plan.seats)

    @made.get(
        "/me",
        operation_id=f"{space.name}_who_am_i",
        summary="本席位",
        responses=documented(401),
    )
    async def who_am_i(actor: caller) -> WhoView:
        """The seat of this token."""
        return WhoView(
            seat=space.plan.seat_by_id.get(actor.seat),
            body=space.plan.body_by_id.get(actor.body),
            person=actor.person,
        )

    return made
