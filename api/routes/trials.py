"""Recording that somebody tried to reach a contact, as by telephone (6.4)."""

from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel

from api.audit import deny
from api.deps import dependencies
from api.intake import Key
from api.problems import Problem, documented, not_found
from api.routes.directory import WRITES_ALL
from api.schemas import Sent
from api.security import Actor
from api.space import Space
from domain.base import Moment
from domain.incident.commands import Short
from store.directory import load, record_trial

ANSWERS: Final = documented(400, 401, 403, 404, 413, 415, 422, 503)


class TrialRequest(Sent):
    """Which channel was tried, and whether the contact was reached."""

    channel: Short
    ok: bool


class TrialView(BaseModel):
    """A trial as it is kept; the newest stands."""

    contact: str
    channel: str
    at: Moment
    ok: bool


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["directory"])
    deps = dependencies(space)

    @made.post(
        "/directory/contacts/{contact}/trial",
        operation_id=f"{space.name}_record_trial",
        summary="登记联络测试结果",
        responses=ANSWERS,
    )
    async def trial(
        actor: Annotated[Actor, deps.actor],
        _key: Annotated[Key, deps.key],
        contact: Annotated[str, Path(max_length=64)],
        body: TrialRequest,
    ) -> TrialView:
        """Keep whether a contact was reached by one of its channels, as by telephone, just now."""
        found = (await load(await space.pool())).find(contact)
        if found is None:
            raise not_found("该联系人", "such contact", "no_contact")
        if actor.staff or (actor.kind not in WRITES_ALL and actor.body != found.body):
            problem = Problem(
                403,
                "not_ours",
                "联络测试由值班、办公室、系统管理席位或本单位席位登记。",
                "a duty, office or administrator seat records trials, or the body's own",
            )
            await deny(space, actor, None, "record_trial", problem)
        if not found.has(body.channel):
            raise Problem(
                422,
                "no_such_channel",
                f"该联系人没有“{body.channel}”地址，请先登记。",
                f"channel: the contact has no address on {body.channel}: enter one first",
            )
        now = space.now()
        await record_trial(await space.pool(), contact, body.channel, now, body.ok)
        return TrialView(contact=contact, channel=body.channel, at=now, ok=body.ok)

    return made
