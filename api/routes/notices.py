"""The inbox of one's own body."""

import contextlib
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from api.deps import dependencies
from api.intake import Key
from api.problems import Problem, documented
from api.security import Actor
from api.space import Space
from domain.base import Text
from domain.incident.envelope import Envelope
from domain.incident.observations import Delivered
from store import inbox
from store.errors import NotFound


class InboxItem(BaseModel):
    """A notice as its recipient sees it."""

    id: int
    incident: str
    notice: str
    statutory: bool
    title: Text
    text: Text
    queued_at: datetime
    read_at: datetime | None
    read_by: str | None


class InboxPage(BaseModel):
    """A part of the inbox, newest first; ``before`` gives the next."""

    items: list[InboxItem]
    before: int | None


async def _arrived(space: Space, incident: str, notice: str) -> None:
    """Tell the incident that its notice was opened; reading goes on when nobody listens."""
    try:
        state = (await space.record.standing(incident)).state
    except Problem:
        # Word to the players of a drill belongs to no incident.
        return
    known = state.notices.get(notice)
    if known is None or known.delivered_at is not None or state.done or not state.pursues:
        return
    envelope = Envelope(
        request_id=f"read-{notice}",
        received=await space.now_of(incident),
        command=Delivered(notices=(notice,)),
    )
    with contextlib.suppress(Problem):
        await space.gateway.send(incident, envelope)


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["inbox"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]

    def bodies(actor: Actor) -> list[str]:
        """The body of the seat, and the one that it is part of: its duty room reads its mail."""
        above = space.plan.body_by_id[actor.body].part_of
        return [actor.body, above] if above else [actor.body]

    @made.get(
        "/inbox",
        operation_id=f"{space.name}_list_inbox",
        summary="本单位收件箱",
        responses=documented(401, 403, 422, 503),
    )
    async def list_inbox(
        actor: caller,
        body: Annotated[
            str | None, Query(max_length=100, description="本单位或其所属单位；缺省为本单位。")
        ] = None,
        unread: bool | None = None,
        before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> InboxPage:
        """The notices to one's own body, newest first."""
        if body not in (None, *bodies(actor)):
            raise Problem(
                403, "not_ours", "只能查看本单位的收件箱。", "read the inbox of your own body"
            )
        found = await inbox.list_messages(
            await space.pool(), body=body or actor.body, unread=unread, before=before, limit=limit
        )
        items = [InboxItem.model_validate(message, from_attributes=True) for message in found]
        return InboxPage(items=items, before=items[-1].id if len(items) == limit else None)

    @made.post(
        "/inbox/{message}/read",
        status_code=204,
        operation_id=f"{space.name}_mark_read",
        summary="标记已读",
        responses=documented(400, 401, 404, 413, 422, 503),
    )
    async def mark_read(
        actor: caller,
        _key: Annotated[Key, deps.key],
        message: Annotated[int, Path(ge=1, le=2**53)],
    ) -> None:
        """Keep who read a notice first. To acknowledge it on record, use acknowledge-notice."""
        if actor.staff:
            raise Problem(
                403,
                "staff_reads_only",
                "导调、评估人员只能查看，不能代参演单位签阅。",
                "the exercise's staff looks on: it does not read in a player's place",
            )
        by, pool = actor.person or actor.seat, await space.pool()
        own, *above = bodies(actor)
        try:
            read = await inbox.mark_read(pool, message, own, space.now(), by)
        except NotFound:
            if not above:
                raise
            read = await inbox.mark_read(pool, message, above[0], space.now(), by)
        await _arrived(space, *read)

    return made
