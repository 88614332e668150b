"""Server-sent events: which incident changed to which sequence. Readers fetch the rest."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from api.deps import dependencies
from api.problems import Problem, documented
from api.security import Actor
from api.space import Space

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies close a connection on which nothing is said for a minute."""


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``."""
    made = APIRouter(tags=["stream"])
    deps = dependencies(space)

    @made.get(
        "/stream",
        operation_id=f"{space.name}_stream",
        summary="变化推送（SSE）",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "text/event-stream：sync 表示须重新查询，changed 带事件编号与序号",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **documented(401),
        },
    )
    async def stream(
        actor: Annotated[Actor, deps.actor],
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    ) -> StreamingResponse:
        """What changes from now on.

        ``Last-Event-ID`` is taken as it comes: whoever was away gets ``sync`` first, which
        asks for fetching anew, so nothing that was missed is lost.
        """
        return StreamingResponse(
            _changes(space, actor),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    return made


async def _changes(space: Space, actor: Actor) -> AsyncIterator[str]:
    with space.watcher.subscribe() as changes:
        yield "retry: 2000\n" + _message("sync", {"reason": "start"})
        upcoming: asyncio.Task[tuple[str, int]] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(changes))
                done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT_SECONDS)
                if not done:
                    yield ": alive\n\n"
                    continue
                try:
                    incident, seq = upcoming.result()
                except StopAsyncIteration:
                    return
                upcoming = None
                if incident == "":
                    yield _message("sync", {"reason": "reconnected"})
                elif await _visible(space, actor, incident):
                    change: dict[str, str | int] = {"incident": incident, "seq": seq}
                    yield _message("changed", change, f"{incident}:{seq}")
        finally:
            if upcoming is not None:
                upcoming.cancel()


async def _visible(space: Space, actor: Actor, incident: str) -> bool:
    try:
        await space.owners.require(incident, actor)
    except Problem:
        return False
    return True


def _message(event: str, data: dict[str, str | int], id_: str | None = None) -> str:
    named = f"id: {id_}\n" if id_ else ""
    return f"{named}event: {event}\ndata: {json.dumps(data)}\n\n"
