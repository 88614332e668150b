"""Whether the process lives, and whether everything that it needs does."""

import asyncio
import time
from datetime import UTC, timedelta
from typing import Final

from fastapi import APIRouter, Response
from pydantic import BaseModel
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from api.space import Space
from api.temporal import Late, NotRunning, TemporalDown
from store.errors import NotMigrated, StoreError
from store.pool import ping

PART_SECONDS: Final = 3.0
FRESH_SECONDS: Final = 120
"""A worker asks for work at least once a minute; one not seen for longer is gone."""


class Health(BaseModel):
    """The process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Each part, ``ok`` or what is wrong with it; ``drill`` of the drill space, if there is one.

    Nobody is turned away because drills are not ready.
    """

    status: str
    parts: dict[str, str]
    drill: dict[str, str] | None = None


def router(space: Space, drill: Space | None = None) -> APIRouter:
    """The routes of this slice, for ``space``; without authentication, and without secrets."""
    made = APIRouter(tags=["health"])

    @made.get("/healthz", operation_id=f"{space.name}_healthz", summary="进程存活")
    async def healthz() -> Health:
        """The process is alive; nothing else is asked."""
        return Health()

    @made.get(
        "/readyz",
        operation_id=f"{space.name}_readyz",
        summary="各部件就绪",
        responses={503: {"model": Ready, "description": "至少一个部件未就绪"}},
    )
    async def readyz(response: Response) -> Ready:
        """Temporal, PostgreSQL and the workers, each with what is wrong with it."""
        parts, beside = await asyncio.gather(_parts(space), _parts(drill))
        ready = all(state == "ok" for state in parts.values())
        if not ready:
            response.status_code = 503
        return Ready(status="ready" if ready else "not ready", parts=parts, drill=beside or None)

    return made


async def _parts(space: Space | None) -> dict[str, str]:
    if space is None:
        return {}
    postgres, temporal = await asyncio.gather(_postgres(space), _temporal(space))
    worker = await _worker(space) if temporal == "ok" else "unknown"
    return {"postgres": postgres, "temporal": temporal, "worker": worker}


async def _postgres(space: Space) -> str:
    try:
        async with asyncio.timeout(PART_SECONDS):
            await ping(await space.pool())
    except NotMigrated:
        return "not migrated"
    except (StoreError, TimeoutError):
        return "unavailable"
    return "ok"


async def _temporal(space: Space) -> str:
    return "ok" if await space.temporal.alive(PART_SECONDS) else "unavailable"


async def _worker(space: Space) -> str:
    async def pollers(client: Client) -> int:
        found = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=space.settings.task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=timedelta(seconds=PART_SECONDS),
        )
        now = time.time()
        return sum(
            now - poller.last_access_time.ToDatetime(UTC).timestamp() < FRESH_SECONDS
            for poller in found.pollers
        )

    try:
        seen = await space.temporal.ask(pollers, PART_SECONDS)
    except (Late, NotRunning, TemporalDown, RPCError):
        return "unknown"
    return "ok" if seen else "none seen"
