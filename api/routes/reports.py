"""Reports, all versions, and the printable pages: the call sheet and each report."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from api.deps import MinSeq, dependencies
from api.middleware import FORM_CSP
from api.pages import call_sheet
from api.pages import report as report_page
from api.problems import Problem, documented, not_found
from api.record import Standing
from api.routes.links import CALL_LIFETIME, Seen, latest
from api.security import Actor
from api.space import Space
from api.views import mask
from domain.authority import require, require_recorder
from domain.base import Refusal
from domain.incident.commands import ReportKind
from domain.incident.entries import Report
from domain.incident.state import State
from domain.plan import Plan

_HTML: dict[str, object] = {"text/html": {"schema": {"type": "string"}}}


class Draft(BaseModel):
    """The beginnings of a ``submit-report`` body."""

    kind: ReportKind
    fields: dict[str, str]


class ReportView(BaseModel):
    """A report with its place among its versions."""

    report: Report
    superseded_by: str | None
    page: str


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["reports"])
    deps = dependencies(space)
    visible = Annotated[str, deps.visible]
    position = Annotated[int, Path(ge=1, le=100_000, description="报告的顺序号，从 1 起。")]

    def view(state: State, report: Report) -> ReportView:
        newer = report_page.superseded_by(state, report)
        return ReportView(
            report=report,
            superseded_by=newer.id if newer else None,
            page=f"{base}/incidents/{state.incident}/reports/{report.number}",
        )

    def no_reporters(actor: Actor) -> None:
        if not actor.sees_all_incidents:
            raise Problem(
                403,
                "reads_own_report",
                "报告人只能查看本人所报事件的情况。",
                "a reporter reads what it reported, not the county's own papers",
            )

    @made.get(
        "/incidents/{incident}/reports",
        operation_id=f"{space.name}_list_reports",
        summary="报告（含各版本）",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def list_reports(
        actor: Annotated[Actor, deps.actor],
        incident: visible,
        kind: ReportKind | None = None,
        min_seq: MinSeq = None,
    ) -> list[ReportView]:
        """Every report in every version; a later one supersedes, none is edited (3.2.3)."""
        no_reporters(actor)
        state = mask((await space.record.standing(incident, min_seq)).state, actor)
        reports = sorted(state.reports.values(), key=lambda report: report.number)
        return [view(state, report) for report in reports if kind in (None, report.kind)]

    @made.get(
        "/incidents/{incident}/report-draft",
        operation_id=f"{space.name}_draft_report",
        summary="报告草稿（由已知事实填好）",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def draft_report(
        actor: Annotated[Actor, deps.actor],
        incident: visible,
        kind: ReportKind = "initial",
        min_seq: MinSeq = None,
    ) -> Draft:
        """What is known, filled into the form's fields; nothing is kept; to be looked over."""
        no_reporters(actor)
        standing = await space.record.standing(incident, min_seq)
        return Draft(kind=kind, fields=report_page.draft(standing.plan, standing.state, kind))

    @made.get(
        "/incidents/{incident}/reports/{number}",
        operation_id=f"{space.name}_get_report",
        summary="报告（打印页或 JSON）",
        response_model=ReportView,
        responses={
            200: {"model": ReportView, "content": _HTML, "description": "打印页或 JSON"},
            **documented(401, 403, 404, 422, 503),
        },
    )
    async def get_report(
        request: Request,
        actor: Annotated[Actor, deps.page_actor],
        incident: Annotated[str, deps.page_visible],
        number: position,
        min_seq: MinSeq = None,
    ) -> ReportView | Response:
        """The report with this number: a page to print, or JSON for whoever accepts only that."""
        no_reporters(actor)
        standing = await space.standing(incident, min_seq)
        state = mask(standing.state, actor)
        found = next((r for r in state.reports.values() if r.number == number), None)
        if found is None:
            raise not_found("该报告", "such report", "no_report")
        if wants_json(request):
            return view(state, found)
        return HTMLResponse(
            report_page.page(
                standing.plan,
                state,
                found,
                await space.now_of(incident),
                names=actor.sees_names,
            )
        )

    @made.get(
        "/incidents/{incident}/call-sheet",
        operation_id=f"{space.name}_call_sheet",
        summary="电话报告单（打印页）",
        response_class=HTMLResponse,
        responses=documented(401, 403, 404, 422, 503),
    )
    async def get_call_sheet(
        actor: Annotated[Actor, deps.page_actor],
        incident: Annotated[str, deps.page_visible],
        min_seq: MinSeq = None,
        seen: Seen = None,
    ) -> HTMLResponse:
        """Whom to call, by when, what to read out, and boxes for time and who answered (E4)."""
        no_reporters(actor)
        if seen is not None:
            standing = await latest(space, incident, seen)
        else:
            standing = await space.standing(incident, min_seq)
        now, form = await space.now_of(incident), None
        if may_call(standing.plan, actor):
            form = _form_of(space, base, actor, standing, now)
        page = call_sheet.page(standing.plan, standing.state, now, await space.directory(), form)
        return HTMLResponse(page, headers={"Content-Security-Policy": FORM_CSP})

    return made


def may_call(plan: Plan, actor: Actor) -> bool:
    """Whether the seat of ``actor`` may record calls; the others get boxes to fill in by hand."""
    try:
        require(plan, "record_call", actor.body)
        require_recorder(plan, actor.seat, actor.body)
    except Refusal:
        return False
    return True


def _form_of(
    space: Space, base: str, actor: Actor, standing: Standing, now: datetime
) -> Callable[[str], str] | None:
    """Where the form of a call to a body is sent; None while links cannot be signed."""
    try:
        links = space.links()
    except Problem:
        return None
    links = replace(links, lifetime=CALL_LIFETIME)

    def form(body: str) -> str:
        shown = tuple(n.id for n in standing.state.to_be_read if n.recipient == body)
        who = {"seat": actor.seat, "person": actor.person}
        incident = standing.state.incident
        url = links.url("call", space.name, incident, shown, body, now, **who)
        # On this very host, by whatever name the reader reached it.
        return base + url.removeprefix(space.settings.link_base)

    return form


def wants_json(request: Request) -> bool:
    """Whether the client asks for JSON and would not rather have a page."""
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept
