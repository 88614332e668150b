"""Drills: opened, directed, evaluated; what players see of one is only what has come to them."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query, Response

from api.deps import dependencies
from api.drill_views import (
    DrillFigures,
    DrillLine,
    DrillView,
    OpenRequest,
    OrderedView,
    PaperView,
    ScenarioView,
    StaffView,
    Suspended,
    SuspendRequest,
    drill_view,
    marked,
)
from api.drills import Drills
from api.intake import Key
from api.problems import Problem, documented, not_found, refused
from api.security import Actor
from api.space import Space
from domain.base import Refusal, Strict, Text, beijing_day
from domain.drill import direction
from domain.drill.evaluation import clauses_exercised, open_improvements
from domain.drill.orders import ORDERS, Order, order_adapter
from domain.drill.papers import Content, clause_of, papers_after, papers_before
from domain.drill.play import Play, Role
from domain.drill.results import Evaluation
from settings import INCIDENTS
from store import drills as store
from store.papers import markdown
from store.papers_docx import document

DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``; none for real incidents."""
    made = APIRouter(tags=["drills"])
    if space.name == INCIDENTS:
        return made
    deps, held = dependencies(space), Drills(space)
    caller = Annotated[Actor, deps.actor]
    named = Annotated[
        str, Path(max_length=40, description="演练编号。", examples=["D-7K4-M2Q-X9C"])
    ]
    live_intake = f"{base.removeprefix(space.settings.prefix)}/incidents"

    def require(actor: Actor, roles: frozenset[Role]) -> None:
        try:
            direction.require(clause_of(space.plan), actor.by, roles)
        except Refusal as refusal:
            message = refusal.message
            raise refused(refusal.code, refusal.clause, message.zh, message.en) from refusal

    async def shown(play: Play, actor: Actor) -> DrillView:
        return drill_view(play, actor, await held.now(play), live_intake)

    @made.get(
        "/scenarios",
        operation_id=f"{space.name}_list_scenarios",
        summary="可用情景（导调）",
        responses=documented(401, 403),
    )
    async def list_scenarios(actor: caller) -> list[ScenarioView]:
        """The scenarios that ship: for the exercise's staff, since they tell what will happen."""
        require(actor, direction.STAFF)
        return [
            ScenarioView(
                id=scenario.id,
                version=scenario.version,
                title=scenario.title,
                summary=scenario.summary,
                length_hours=scenario.length.total_seconds() / 3600,
                injects=len(scenario.injects),
                roles=list(scenario.players),
            )
            for scenario in await asyncio.to_thread(held.scenarios)
        ]

    @made.post(
        "/drills",
        status_code=201,
        operation_id=f"{space.name}_open_drill",
        summary="开设演练（导调）",
        response_model=StaffView,
        responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    async def open_drill(
        response: Response,
        actor: caller,
        key: Annotated[Key, deps.key],
        body: Annotated[OpenRequest, Body(examples=[{"scenario": "county-iv-cluster"}])],
    ) -> DrillView:
        """Open a drill. It begins with the order `start`."""
        require(actor, direction.DIRECTOR)
        if (body.scenario is None) == (body.text is None):
            raise Problem(
                422,
                "which_scenario",
                "请给出 scenario（情景编号）或 text（情景全文）之一。",
                "give either `scenario` or `text`",
            )
        # To read a scenario takes a while, and real reports are taken in the same process.
        scenario = await asyncio.to_thread(held.scenario, body.scenario, body.text)
        play, new = await held.open(actor, key, scenario, body.players)
        response.status_code = 201 if new else 200
        response.headers["Location"] = f"{base}/drills/{play.drill}"
        return await shown(play, actor)

    @made.get(
        "/drills",
        operation_id=f"{space.name}_list_drills",
        summary="演练列表",
        responses=documented(401, 503),
    )
    async def list_drills(actor: caller) -> list[DrillLine]:
        """The drills, the last opened first."""
        return [
            DrillLine(
                drill=play.drill,
                title=marked(play.scenario.title),
                mode=play.mode,
                opened=play.opened,
                started=play.started,
                ended=play.ended,
            )
            for play in await store.list_drills(await space.pool())
        ]

    @made.post(
        "/drills/suspend",
        operation_id=f"{space.name}_suspend_drills",
        summary="实战：中止全部演练",
        responses=documented(400, 401, 403, 413, 415, 422, 503),
    )
    async def suspend(
        actor: caller, key: Annotated[Key, deps.key], body: SuspendRequest
    ) -> Suspended:
        """A real emergency: suspend every drill, tell its players, and say where to go."""
        found = await held.suspend(body.reason, actor, key)
        return Suspended(
            drills=found,
            live_intake=live_intake,
            text=Text(
                zh="演练已中止，请立即转入实战。",
                en="Exercises are suspended: this is real.",
            ),
        )

    @made.get(
        "/drills/figures",
        operation_id=f"{space.name}_drill_figures",
        summary="历次演练：涉及条款与未完成的改进事项",
        responses=documented(401, 403, 422, 503),
    )
    async def figures(
        actor: caller, year: Annotated[int | None, Query(ge=2000, le=2200)] = None
    ) -> DrillFigures:
        """Across all drills that have ended: what was exercised, and what is still to be done."""
        if not actor.sees_all_incidents:
            raise Problem(
                403,
                "reads_own_report",
                "报告人只能查看本人所报事件的情况。",
                "a reporter reads what it reported alone",
            )
        evaluations = [
            (await held.held(play)).evaluation
            for play in await store.list_drills(await space.pool())
            if play.mode == "ended" and play.started is not None
        ]
        chosen = year or beijing_day(space.now()).year
        return DrillFigures(
            year=chosen,
            clauses=clauses_exercised(evaluations, chosen),
            improvements=list(open_improvements(evaluations)),
        )

    @made.get(
        "/drills/{drill}",
        operation_id=f"{space.name}_get_drill",
        summary="演练现状",
        response_model=StaffView | DrillView,
        responses=documented(401, 404, 422, 503),
    )
    async def get_drill(actor: caller, drill: named) -> DrillView:
        """A drill as the seat may see it."""
        return await shown(await held.get(drill), actor)

    @made.get(
        "/drills/{drill}/evaluation",
        operation_id=f"{space.name}_evaluate_drill",
        summary="演练评估",
        responses=documented(401, 403, 404, 409, 422, 503),
    )
    async def evaluation(
        actor: caller,
        drill: named,
        attempt: Annotated[int | None, Query(ge=1, le=1000)] = None,
    ) -> Evaluation:
        """How it went so far; for players once it has ended."""
        play = await held.get(drill)
        require(actor, direction.readers(play))
        return (await held.held(play, attempt)).evaluation

    async def papers(play: Play, actor: Actor) -> list[Content]:
        """The papers that ``actor`` may have now."""
        ended = play.mode == "ended" and play.started is not None
        found = list(papers_before(space.plan, play.scenario))
        if ended:
            done = await held.held(play)
            found += papers_after(done.plan, done.record, done.evaluation)
        return [paper for paper in found if paper.kind.audience != "staff" or actor.staff or ended]

    @made.get(
        "/drills/{drill}/papers",
        operation_id=f"{space.name}_list_papers",
        summary="演练文书",
        responses=documented(401, 404, 422, 503),
    )
    async def list_papers(actor: caller, drill: named) -> list[PaperView]:
        """The papers that can be had now."""
        where = f"{base}/drills/{drill}/papers"
        return [
            PaperView(
                name=paper.kind.name,
                language=paper.language,
                title=marked(paper.kind.title),
                warning=None if paper.warning is None else Text(zh=paper.warning, en=paper.warning),
                markdown=f"{where}/{paper.kind.name}.{paper.language}.md",
                docx=f"{where}/{paper.kind.name}.{paper.language}.docx",
            )
            for paper in await papers(await held.get(drill), actor)
        ]

    @made.get(
        "/drills/{drill}/papers/{name}.{language}.{form}",
        operation_id=f"{space.name}_get_paper",
        summary="下载演练文书",
        response_class=Response,
        responses={
            200: {"content": {"text/markdown": {}, DOCX: {}}},
            **documented(401, 404, 422, 503),
        },
    )
    async def get_paper(
        actor: caller,
        drill: named,
        name: Annotated[str, Path(max_length=40)],
        language: Annotated[str, Path(pattern="^(zh|en)$")],
        form: Annotated[str, Path(pattern="^(md|docx)$")],
    ) -> Response:
        """One paper, as Markdown or for Word."""
        play = await held.get(drill)
        for paper in await papers(play, actor):
            if (paper.kind.name, paper.language) == (name, language):
                break
        else:
            raise not_found("该文书，或演练结束后才能查看", "such paper, or not yet", "no_paper")
        if form == "md":
            content, kind = markdown(paper).encode(), "text/markdown; charset=utf-8"
        else:
            content, kind = document(paper, datetime.now(UTC)), DOCX
        file = f"{play.drill}-{name}.{language}.{form}"
        return Response(
            content,
            media_type=kind,
            headers={"Content-Disposition": f'attachment; filename="{file}"'},
        )

    for name, model in ORDERS.items():
        _add(made, space, held, name, model)
    return made


def _add(made: APIRouter, space: Space, held: Drills, name: str, model: type[Strict]) -> None:
    deps = dependencies(space)

    async def endpoint(
        actor: Annotated[Actor, deps.actor],
        drill: Annotated[str, Path(max_length=40, description="演练编号。")],
        key: Annotated[Key, deps.key],
        body: Strict,
    ) -> OrderedView:
        order: Order = order_adapter.validate_python(body)
        done = await held.order(drill, order, actor, key)
        return OrderedView(**done.model_dump())

    # The model is known only now, and FastAPI reads it from the annotation.
    endpoint.__annotations__["body"] = model
    endpoint.__doc__ = model.__doc__
    made.add_api_route(
        f"/drills/{{drill}}/{name}",
        endpoint,
        methods=["POST"],
        operation_id=f"{space.name}_drill_{name}",
        summary=f"演练：{name}",
        response_model=OrderedView,
        responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
