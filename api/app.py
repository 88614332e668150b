"""The application: ``uvicorn --factory api.app:create_app``."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, get_args
from urllib.parse import unquote

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
    drills,
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
    drills,
)


def space_router(space: Space) -> APIRouter:
    """Every route of ``space`` under its path; a drill mounts them a second time."""
    base = space.settings.base
    made = APIRouter(prefix=base)
    for part in SLICES:
        made.include_router(part.router(space, base))
    return made


def create_app(
    settings: Settings | None = None,
    *,
    plan_in_force: Plan | None = None,
    connect_temporal: Callable[[], Awaitable[Client]] | None = None,
    connect_drill: Callable[[], Awaitable[Client]] | None = None,
) -> FastAPI:
    """The API of a space, and of the drill space beside it if the settings have one.

    Args:
        settings: those of the process unless given.
        plan_in_force: the plan for new incidents; read from ``settings.plan_file`` unless given.
        connect_temporal: gives a client; it may be lazy, so that no server is needed yet.
        connect_drill: the same for the drill space.

    Raises:
        store.plans.PlanError: the plan file is not a valid plan.
    """
    chosen = settings or process_settings()
    logging.getLogger("uvicorn.access").addFilter(without_secrets)
    in_force = plan_in_force or load_plan(chosen.plan_file)
    space = Space(chosen, in_force, connect_temporal or partial(connect, chosen))
    drill = None
    if (other := chosen.drill) is not None:
        drill = Space(other, in_force, connect_drill or partial(connect, other))
    spaces = [space, drill] if drill else [space]

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await space.tokens.refresh()
        async with AsyncExitStack() as stack:
            for one in spaces:
                await stack.enter_async_context(_open(one))
            yield

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
    app.state.space, app.state.drill = space, drill
    for one in spaces:
        prefix = one.settings.prefix
        app.include_router(health.router(one, drill if one is space else None), prefix=prefix)
        app.include_router(metrics.router(one), prefix=prefix)
        app.include_router(space_router(one))
    app.include_router(docs.router(chosen.swagger_ui))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Guard, max_body=MAX_BODY, max_upload=chosen.attachment_max_bytes)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _open(space: Space) -> AsyncIterator[None]:
    """Within this, ``space`` hears of changes, knows its tokens and empties its outbox."""
    starter = Starter(space)
    await space.start()
    refreshing = asyncio.create_task(space.tokens.keep_fresh(), name=f"tokens {space.name}")
    starter.start()
    try:
        yield
    finally:
        refreshing.cancel()
        await starter.stop()
        await space.close()


def without_secrets(record: logging.LogRecord) -> bool:
    """Cut out of a line of uvicorn's access log what lets its reader act, or names people.

    A link's token acts for whoever has it; a query may hold the reason for reading.
    """
    if isinstance(record.args, tuple) and len(record.args) == 5:
        client, method, path, *rest = record.args
        record.args = (
            client,
            method,
            TOKEN.sub(r"\1…", unquote(str(path).partition("?")[0])),
            *rest,
        )
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
