"""Intake, the list, one incident, its events, clocks, tasks, notices and requests."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Header, Query, Request, Response
from pydantic import BaseModel

from api.deps import MinSeq, dependencies
from api.examples import INTAKE
from api.intake import Key, take
from api.problems import Problem, documented, no_record, not_found, refused
from api.schemas import IntakeRequest
from api.security import Actor
from api.space import Space
from api.temporal import NotRunning, TemporalDown
from api.views import (
    ClockView,
    IncidentView,
    ReceiptView,
    Taken,
    TaskView,
    clock_view,
    incident_view,
    links,
    mask,
    mask_event,
    task_view,
)
from domain import numbers
from domain.incident.entries import Notice, Outcome
from store import board, journal, outbox
from store.errors import StoreError, Unavailable

NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL takes no NUL in a text."""


class SummaryView(BaseModel):
    """An incident in a list; without a word of personal data."""

    incident: str
    seq: int
    phase: str
    ended: bool
    level: str | None
    response_level: str | None
    kind: str | None
    title: str | None
    drug: str | None
    place: str | None
    received_at: datetime | None
    updated: datetime
    due: datetime | None
    statutory_due: datetime | None
    overdue: int
    unrecorded: int
    waiting: list[str]


class IncidentPage(BaseModel):
    """A part of the list; ``cursor`` gives the next."""

    items: list[SummaryView]
    cursor: str | None


class EventPage(BaseModel):
    """A part of the record; ``after`` gives the next."""

    items: list[dict[str, Any]]
    after: int | None


class RequestView(BaseModel):
    """What became of a request that was answered with 202."""

    incident: str
    request_id: str
    status: str
    receipt: ReceiptView | None = None
    refusal: dict[str, Any] | None = None


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["incidents"])
    deps = dependencies(space)
    visible = Annotated[str, deps.visible]
    caller = Annotated[Actor, deps.actor]

    @made.post(
        "/incidents",
        status_code=201,
        operation_id=f"{space.name}_intake",
        summary="接报（首报）",
        response_model=Taken,
        responses={
            200: {"model": Taken, "description": "重复请求，返回同一事件"},
            202: {"model": Taken, "description": "已保存，稍后启动"},
            **documented(400, 401, 403, 409, 413, 415, 422, 503),
        },
    )
    async def intake(
        response: Response,
        actor: caller,
        key: Annotated[Key, deps.key],
        body: Annotated[IntakeRequest, Body(examples=[INTAKE])],
    ) -> Taken:
        """Take a first report. Six fields suffice, and nothing in it is ever turned away."""
        opened = await take(space, actor, key, body)
        where = links(base, opened.incident)
        if not opened.started:
            response.status_code = 202
            response.headers["Location"] = f"{where.self}/requests/{key.value}"
        else:
            response.status_code = 201 if opened.new else 200
            response.headers["Location"] = where.self
        status = "pending" if not opened.started else "opened" if opened.new else "again"
        return Taken(
            incident=opened.incident,
            number=opened.incident,
            request_id=key.value,
            status=status,
            receipt=ReceiptView(**dict(opened.receipt)) if opened.receipt else None,
            warnings=list(opened.warnings),
            call_sheet=where.call_sheet,
            links=where,
        )

    @made.get(
        "/incidents",
        operation_id=f"{space.name}_list_incidents",
        summary="事件列表",
        responses=documented(400, 401, 422, 503),
    )
    async def list_incidents(
        actor: caller,
        phase: Annotated[list[str] | None, Query(max_length=10)] = None,
        level: Annotated[list[str] | None, Query(max_length=10)] = None,
        overdue: bool | None = None,
        ended: bool | None = None,
        waiting_for: Annotated[str | None, Query(max_length=100, pattern=NO_NUL)] = None,
        q: Annotated[str | None, Query(max_length=100, pattern=NO_NUL)] = None,
        order: board.Order = "urgency",
        cursor: Annotated[str | None, Query(max_length=500)] = None,
        limit: Annotated[int, Query(ge=1, le=board.LIST_MOST)] = 50,
    ) -> IncidentPage:
        """Incidents, what is due next first. Reporters see their own."""
        number = _number(space, q)
        filters = board.Filters(
            phases=_clean(phase),
            levels=_clean(level),
            ended=ended,
            overdue=overdue,
            waiting_for=waiting_for,
            text=None if number else q,
            incidents=(number,) if number else (),
        )
        pool, items = await space.pool(), list[SummaryView]()
        while True:
            page = await board.list_incidents(
                pool,
                space.now(),
                filters,
                order=order,
                cursor=cursor,
                limit=limit - len(items),
            )
            for item in page.items:
                if actor.sees_all_incidents or await space.owners.of(item.incident) == actor.seat:
                    items.append(SummaryView.model_validate(item, from_attributes=True))
            cursor = page.cursor
            if cursor is None or len(items) >= limit:
                return IncidentPage(items=items, cursor=cursor)

    @made.get(
        "/incidents/{incident}",
        operation_id=f"{space.name}_get_incident",
        summary="事件现状",
        response_model=IncidentView,
        responses={304: {"description": "未变化"}, **documented(401, 404, 422, 503)},
    )
    async def get_incident(
        response: Response,
        actor: caller,
        incident: visible,
        min_seq: MinSeq = None,
        if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
    ) -> Any:
        """One incident as it stands now, masked by seat."""
        standing = await space.record.standing(incident, min_seq)
        shown = incident_view(
            standing.plan, standing.state, await space.now_of(incident), actor, base
        )
        tag = f'"{shown.seq}-{shown.overdue}-{actor.kind}"'
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers={"ETag": tag})
        response.headers["ETag"] = tag
        return shown

    @made.get(
        "/incidents/{incident}/events",
        operation_id=f"{space.name}_list_events",
        summary="事件记录",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def list_events(
        actor: caller,
        incident: visible,
        after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        min_seq: MinSeq = None,
    ) -> EventPage:
        """The record, oldest first."""
        if not actor.sees_all_incidents:
            raise Problem(
                403,
                "reads_own_report",
                "报告人只能查看本人所报事件的情况。",
                "a reporter reads what it reported, not the whole record",
            )
        await space.record.standing(incident, min_seq)
        events = await journal.read_events(await space.pool(), incident, after, limit)
        last = events[-1].seq if len(events) == limit else None
        return EventPage(items=[mask_event(event, actor) for event in events], after=last)

    @made.get(
        "/incidents/{incident}/clocks",
        operation_id=f"{space.name}_list_clocks",
        summary="时限",
        responses=documented(401, 404, 422, 503),
    )
    async def list_clocks(
        actor: caller,
        incident: visible,
        status: Annotated[str | None, Query(pattern="^(open|met|cancelled)$")] = None,
        min_seq: MinSeq = None,
    ) -> list[ClockView]:
        """The clocks, next due first, with what they mean now."""
        standing = await space.record.standing(incident, min_seq)
        shown, now = mask(standing.state, actor), await space.now_of(incident)
        clocks = sorted(shown.clocks.values(), key=lambda clock: (clock.due, clock.id))
        return [
            clock_view(standing.plan, shown, clock, now)
            for clock in clocks
            if status in (None, clock.status)
        ]

    @made.get(
        "/incidents/{incident}/tasks",
        operation_id=f"{space.name}_list_tasks",
        summary="任务",
        responses=documented(401, 404, 422, 503),
    )
    async def list_tasks(
        actor: caller,
        incident: visible,
        owner: Annotated[str | None, Query(max_length=100)] = None,
        min_seq: MinSeq = None,
    ) -> list[TaskView]:
        """The tasks, in the order in which they were given."""
        standing = await space.record.standing(incident, min_seq)
        now, tasks = await space.now_of(incident), mask(standing.state, actor).tasks.values()
        return [
            task_view(standing.plan, task, now) for task in tasks if owner in (None, task.owner)
        ]

    @made.get(
        "/incidents/{incident}/notices",
        operation_id=f"{space.name}_list_notices",
        summary="通知",
        responses=documented(401, 404, 422, 503),
    )
    async def list_notices(
        actor: caller, incident: visible, min_seq: MinSeq = None
    ) -> list[Notice]:
        """The notices of an incident and what became of them."""
        standing = await space.record.standing(incident, min_seq)
        return list(mask(standing.state, actor).notices.values())

    @made.get(
        "/incidents/{incident}/requests/{request_id}",
        operation_id=f"{space.name}_get_request",
        summary="查询已受理请求的结果",
        responses=documented(401, 404, 422, 503),
    )
    async def get_request(request: Request, incident: visible, request_id: str) -> RequestView:
        """What became of a request: pending, done with its receipt, or refused."""
        outcome = await _outcome(space, incident, request_id)
        if outcome is None:
            return RequestView(incident=incident, request_id=request_id, status="pending")
        if outcome.refusal is not None:
            problem = refused(**outcome.refusal)
            return RequestView(
                incident=incident,
                request_id=request_id,
                status="refused",
                refusal=problem.body(getattr(request.state, "request_id", None)),
            )
        receipt = ReceiptView(
            incident=incident,
            request_id=request_id,
            first=outcome.first,
            last=outcome.last,
            head=outcome.head,
        )
        return RequestView(incident=incident, request_id=request_id, status="done", receipt=receipt)

    return made


def _number(space: Space, text: str | None) -> str | None:
    """The incident number that ``text`` is, however it was written down."""
    try:
        return numbers.read(space.plan.jurisdiction.prefix, text or "")
    except numbers.BadNumber:
        return None


def _clean(values: list[str] | None) -> tuple[str, ...]:
    return tuple(value.replace("\x00", "") for value in values or ())


async def _outcome(space: Space, incident: str, request_id: str) -> Outcome | None:
    """The outcome of a request; None while it is pending.

    Raises:
        Problem: 404 the incident does not know it; 503 nobody can tell.
    """
    gone: Unavailable | None = None
    try:
        found = await board.get(await space.pool(), incident)
        if found is not None and (outcome := found[0].handled.get(request_id)) is not None:
            return outcome
    except Unavailable as error:
        gone = error
    try:
        state = await space.gateway.state(incident)
    except NotRunning:
        if gone is not None:
            raise no_record() from gone
        if await _waits(space, incident):
            return None
    except TemporalDown as down:
        if gone is not None:
            raise no_record() from down
        return None
    else:
        if state is None:
            return None
        if request_id in state.handled:
            return state.handled[request_id]
    raise not_found("该请求", "such request", "no_request")


async def _waits(space: Space, incident: str) -> bool:
    try:
        return await outbox.find(await space.pool(), incident) is not None
    except StoreError:
        return False
