"""Every uniform command as an operation of its own: POST /incidents/{id}/<command>."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from api.audit import note_refusal
from api.deps import dependencies, read_number
from api.examples import EXAMPLES
from api.gateway import Done
from api.intake import Key
from api.problems import Problem, documented, refused
from api.schemas import BODIES, Attributed, route_of
from api.security import Actor
from api.space import Space
from api.views import Answer, PendingAnswer, ReceiptView, links
from domain.base import Refusal, Text
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.privacy import guard
from domain.incident.record import Attribution

COMMAND_RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"model": PendingAnswer, "description": "已受理，稍后办理；结果见 Location"},
    **documented(400, 401, 403, 404, 409, 413, 415, 422, 503),
}


async def carry_out(
    space: Space,
    base: str,
    incident: str,
    key: Key,
    attribution: Attribution,
    command: AnyCommand,
    warnings: tuple[Text, ...] = (),
    received: datetime | None = None,
) -> Answer | JSONResponse:
    """Send ``command`` to ``incident`` and say what became of it.

    Raises:
        Problem: it was refused, which the audit keeps, or nothing can take it now.
    """
    envelope = Envelope(
        request_id=key.value,
        received=received or await space.now_of(incident),
        by=attribution,
        command=command,
    )
    try:
        sent = await space.gateway.send(incident, _guarded(space, envelope))
    except Problem as problem:
        await note_refusal(space, incident, envelope, problem)
        raise
    if isinstance(sent, Done):
        return Answer(
            incident=incident,
            request_id=key.value,
            receipt=ReceiptView(**dict(sent.receipt)),
            warnings=list(warnings),
        )
    where = f"{links(base, incident).self}/requests/{key.value}"
    pending = PendingAnswer(incident=incident, request_id=key.value, location=where)
    # A response of its own, since the operation's model is that of a command carried out.
    return JSONResponse(
        pending.model_dump(mode="json"),
        status_code=202,
        headers={"Location": where, "Idempotency-Key": key.value},
    )


def _guarded(space: Space, envelope: Envelope) -> Envelope:
    """``envelope`` if it may go on its way: a signal stands in history, refused or not."""
    try:
        return guard(space.plan, envelope)
    except Refusal as refusal:
        message = refusal.message
        raise refused(refusal.code, refusal.clause, message.zh, message.en) from refusal


def router(space: Space, base: str) -> APIRouter:
    """The routes of this slice, for ``space``, mounted under ``base``."""
    made = APIRouter(tags=["commands"])
    for name, body in BODIES.items():
        _add(made, space, base, name, body)
    return made


def _add(made: APIRouter, space: Space, base: str, name: str, model: type[Attributed]) -> None:
    deps = dependencies(space)

    async def endpoint(
        actor: Annotated[Actor, deps.actor],
        incident: Annotated[str, deps.visible],
        key: Annotated[Key, deps.key],
        body: Attributed,
    ) -> Answer | JSONResponse:
        command = body.as_command()
        if command.name == "merge":
            command = command.model_copy(update={"into": read_number(space, command.into)})
        return await carry_out(space, base, incident, key, body.attribution(actor), command)

    # The model is known only now, and FastAPI reads it from the annotation.
    endpoint.__annotations__["body"] = Annotated[model, Body(examples=[EXAMPLES[name]])]
    endpoint.__doc__ = model.__doc__
    made.add_api_route(
        f"/incidents/{{incident}}/{route_of(name)}",
        endpoint,
        methods=["POST"],
        operation_id=f"{space.name}_{name}",
        summary=route_of(name),
        response_model=Answer,
        responses=COMMAND_RESPONSES,
    )
