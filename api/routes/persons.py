"""People harmed: data go to the vault, the record gets a reference (突发事件应对法 83, 85)."""

import hashlib
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.audit import deny
from api.deps import dependencies
from api.examples import PERSON, PURGE
from api.intake import Key, reused
from api.preflight import preflight
from api.problems import Problem, documented, not_found, unavailable
from api.routes.commands import COMMAND_RESPONSES, carry_out
from api.schemas import PersonRequest, PurgePersonsRequest
from api.security import Actor
from api.space import Space
from api.views import Answer
from domain.incident.commands import PurgePersons, RegisterPerson
from store.errors import Conflict, Purged
from store.vault import Reader

VICTIM: Final = "victim"
NO_DIGEST: Final = "0" * 64
CLAUSE: Final = "突发事件应对法 83"
Reason = Annotated[
    str,
    Query(
        min_length=2,
        max_length=200,
        pattern=r"^[^\x00]*\S[^\x00]*$",
        description="查阅原因，记入查阅日志。",
        examples=["回访患者"],
    ),
]


class PersonView(BaseModel):
    """Personal data as read for a reason; ``data`` is None once the key was destroyed."""

    reference: str
    kind: str
    purged: bool
    data: dict[str, Any] | None


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["persons"])
    deps = dependencies(space)
    caller = Annotated[Actor, deps.actor]
    visible = Annotated[str, deps.visible]
    requested = Annotated[Key, deps.key]

    @made.post(
        "/incidents/{incident}/persons",
        operation_id=f"{space.name}_register_person",
        summary="登记受害者（加密另存）",
        response_model=Answer,
        responses=COMMAND_RESPONSES,
    )
    async def register_person(
        actor: caller,
        incident: visible,
        key: requested,
        body: Annotated[PersonRequest, Body(examples=[PERSON])],
    ) -> Answer | JSONResponse:
        """Store a person's data in the vault, then name the reference in the record."""
        by, reference = body.attribution(actor), _reference(space, incident, actor, key)
        await preflight(space, incident, by, RegisterPerson(reference=reference, digest=NO_DIGEST))
        received = await space.now_of(incident)
        try:
            stored = await space.vault().put_person(
                await space.pool(),
                incident,
                VICTIM,
                body.person.model_dump(mode="json", exclude_none=True),
                received,
                reference,
            )
        except (Conflict, Purged) as error:
            raise reused() from error
        command = RegisterPerson(reference=stored.reference, digest=stored.digest)
        return await carry_out(space, base, incident, key, by, command, received=received)

    @made.get(
        "/incidents/{incident}/persons",
        operation_id=f"{space.name}_list_persons",
        summary="查阅个人信息（留痕）",
        responses=documented(401, 403, 404, 422, 503),
    )
    async def list_persons(actor: caller, incident: visible, reason: Reason) -> list[PersonView]:
        """All personal data of an incident; each reading is kept with its reason."""
        await _may_read(space, actor, incident)
        vault, pool, found = space.vault(), await space.pool(), list[PersonView]()
        reader = Reader(actor.seat, reason, await space.now_of(incident), actor.person)
        for place in await _places(space, incident):
            for entry in await vault.list_persons(pool, place):
                if entry.purged is not None:
                    gone = PersonView(
                        reference=entry.reference,
                        kind=entry.kind or VICTIM,
                        purged=True,
                        data=None,
                    )
                    found.append(gone)
                    continue
                person = await vault.read_person(pool, place, entry.reference, reader)
                found.append(
                    PersonView(
                        reference=person.reference,
                        kind=person.kind,
                        purged=False,
                        data=person.data,
                    )
                )
        return found

    @made.get(
        "/incidents/{incident}/persons/{reference}",
        operation_id=f"{space.name}_get_person",
        summary="查阅一人的个人信息（留痕）",
        responses=documented(401, 403, 404, 410, 422, 503),
    )
    async def get_person(
        actor: caller, incident: visible, reference: str, reason: Reason
    ) -> PersonView:
        """One person's data; the reading is kept with its reason."""
        await _may_read(space, actor, incident)
        vault, pool = space.vault(), await space.pool()
        reader = Reader(actor.seat, reason, await space.now_of(incident), actor.person)
        for place in await _places(space, incident):
            known = {entry.reference for entry in await vault.list_persons(pool, place)}
            if reference in known:
                person = await vault.read_person(pool, place, reference, reader)
                return PersonView(
                    reference=person.reference, kind=person.kind, purged=False, data=person.data
                )
        raise not_found("该人员", "such person", "no_person")

    @made.post(
        "/incidents/{incident}/purge-persons",
        operation_id=f"{space.name}_purge_persons",
        summary="销毁个人信息密钥（办结后）",
        response_model=Answer,
        responses=documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    async def purge_persons(
        actor: caller,
        incident: visible,
        key: requested,
        body: Annotated[PurgePersonsRequest, Body(examples=[PURGE])],
    ) -> Answer | JSONResponse:
        """Record the purge, then destroy the keys; a repetition with the same key finishes it."""
        vault, pool = space.vault(), await space.pool()
        places = await _places(space, incident)
        # Those destroyed before are named too, so that a repeated request says the same.
        references = sorted(
            {entry.reference for place in places for entry in await vault.list_persons(pool, place)}
        )
        answer = await carry_out(
            space,
            base,
            incident,
            key,
            body.attribution(actor),
            PurgePersons(references=tuple(references), files=body.files),
        )
        if isinstance(answer, JSONResponse):
            raise unavailable(
                "not_purged_yet",
                "已受理但尚未办理，密钥未销毁；请稍后以同一请求编号重试。",
                "taken but not carried out, no key was destroyed: repeat it with the same key",
            )
        by = Reader(
            actor.seat,
            body.late_reason or "purge-persons",
            await space.now_of(incident),
            actor.person,
        )
        for place in places:
            await vault.purge(pool, place, by, files=body.files)
        return answer

    return made


def _reference(space: Space, incident: str, actor: Actor, key: Key) -> str:
    """The vault's reference for this request: the same for a repetition."""
    seed = "\x00".join((space.name, incident, actor.seat, key.value))
    return "p-" + hashlib.sha256(seed.encode()).hexdigest()[:24]


async def _places(space: Space, incident: str) -> tuple[str, ...]:
    """The incident and all that were merged into it, whose people are its people too."""
    found, ahead = [], [incident]
    while ahead:
        place = ahead.pop()
        found.append(place)
        state = (await space.record.standing(place)).state
        ahead.extend(one for one in state.merged_from if one not in found)
    return tuple(found)


async def _may_read(space: Space, actor: Actor, incident: str) -> None:
    """Let those read who lead the response, and departments that have a part in it.

    Raises:
        Problem: 403.
    """
    if actor.reads_persons:
        return
    if actor.kind == "department":
        state = (await space.record.standing(incident)).state
        part = {task.owner for task in state.tasks.values()} | {space.plan.regulator}
        for group in state.groups.values():
            part |= {*group.leads, *group.members}
        if actor.body in part:
            return
    problem = Problem(
        403,
        "no_access_to_persons",
        "本席位不能查阅个人信息。",
        "this seat may not read personal data",
        clause=CLAUSE,
    )
    await deny(space, actor, incident, "read_persons", problem)
