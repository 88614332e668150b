"""The application: ``uvicorn --factory api.app:create_app``."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, get_args

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.staticfiles import StaticFiles
from temporalio.client import Client

from api import docs, metrics, problems
from api.middleware import Guard
from api.pages import STATIC
from api.routes import (
    attachments,
    audit,
    commands,
    directory,
    figures,
    grading,
    health,
    incidents,
    links,
    notices,
    persons,
    plan,
    reports,
    stream,
    trials,
)
from api.space import Space, connect
from api.starter import Starter
from domain.plan import Plan
from settings import Settings
from settings import settings as process_settings
from store.links import Purpose
from store.plans import load_plan

log = logging.getLogger(__name__)

PREFIX: Final = "/api/v1"
MAX_BODY: Final = 1024 * 1024
"""The largest JSON body, in bytes; attachments have their own limit."""
TOKEN: Final = re.compile(rf"(/(?:{'|'.join(get_args(Purpose))})/).+")
"""The path of a link, with what makes it work."""
SLICES = (
    incidents,
    # Before the uniform commands come those with a vault, for their paths are alike.
    attachments,
    persons,
    reports,
    commands,
    notices,
    links,
    directory,
    trials,
    figures,
    grading,
    plan,
    audit,
    stream,
)


def space_router(space: Space, base: str = PREFIX) -> APIRouter:
    """Every route of ``space`` as mounted under ``base``; a drill mounts them a second time."""
    made = APIRouter(prefix=base)
    for part in SLICES:
        made.include_router(part.router(space, base))
    return made


def create_app(
    settings: Settings | None = None,
    *,
    plan_in_force: Plan | None = None,
    connect_temporal: Callable[[], Awaitable[Client]] = connect,
) -> FastAPI:
    """The API of one space.

    Args:
        settings: those of the process unless given.
        plan_in_force: the plan for new incidents; read from ``settings.plan_file`` unless given.
        connect_temporal: gives a client; it may be lazy, so that no server is needed yet.

    Raises:
        store.plans.PlanError: the plan file is not a valid plan.
    """
    chosen = settings or process_settings()
    logging.getLogger("uvicorn.access").addFilter(without_secrets)
    space = Space(chosen, plan_in_force or load_plan(chosen.plan_file), connect_temporal)
    starter = Starter(space)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await space.start()
        await space.tokens.refresh()
        refreshing = asyncio.create_task(space.tokens.keep_fresh(), name="tokens")
        starter.start()
        try:
            yield
        finally:
            refreshing.cancel()
            await starter.stop()
            await space.close()

    app = FastAPI(
        title="药安 yaoan",
        version=_version(),
        description=(
            "县药品安全事件应急响应。错误一律为 application/problem+json,"
            "预案不允许的操作注明条款。Durable incident response for a county's "
            "drug-safety emergency plan."
        ),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.space = space
    app.include_router(health.router(space, ""))
    app.include_router(metrics.router(space))
    app.include_router(space_router(space))
    app.include_router(docs.router(chosen.swagger_ui))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, max_body=MAX_BODY, max_upload=chosen.attachment_max_bytes)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def without_secrets(record: logging.LogRecord) -> bool:
    """Cut out of a line of uvicorn's access log what lets its reader act, or names people.

    A link's token acts for whoever has it; a query may hold the reason for reading.
    """
    if isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, *rest = record.args
        record.args = (client, method, TOKEN.sub(r"\1…", str(path).partition("?")[0]), *rest)
    return True


def _version() -> str:
    try:
        return version("yaoan")
    except PackageNotFoundError:
        return "0"


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description, with the problem's schema that every operation refers to."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        template = "#/components/schemas/{model}"
        problem = problems.ProblemBody.model_json_schema(ref_template=template)
        schemas.update(problem.pop("$defs", {}))
        schemas["ProblemBody"] = problem
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = made
    return app.openapi_schema
