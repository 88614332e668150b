"""Keeping refusals: who wanted what, and which clause forbade it."""

import logging
from datetime import datetime
from typing import Final, NoReturn

from api.patience import within
from api.problems import Problem
from api.security import Actor
from api.space import Space
from domain.incident.envelope import Envelope
from store import audit
from store.errors import StoreError

log = logging.getLogger(__name__)

AUDIT_SECONDS: Final = 3.0
"""How long an answer waits for its refusal to be kept."""


async def note_refusal(
    space: Space, incident: str | None, envelope: Envelope, problem: Problem
) -> None:
    """Keep ``problem`` if the plan or the state refused a command."""
    if problem.status_code not in (403, 409, 422) or problem.clause is None:
        return
    by = envelope.by
    await _keep(
        space,
        problem,
        at=await space.now_of(incident),
        incident=incident,
        command=envelope.command.name,
        request_id=envelope.request_id,
        seat=by.recorder if by else None,
        person=by.recorder_person if by else None,
        decider=by.decider if by else None,
    )


async def deny(
    space: Space, actor: Actor, incident: str | None, what: str, problem: Problem
) -> NoReturn:
    """Keep that ``actor`` wanted to read ``what`` and may not; then say so.

    Raises:
        Problem: ``problem``.
    """
    await _keep(
        space,
        problem,
        at=await space.now_of(incident),
        incident=incident,
        command=what,
        request_id=None,
        seat=actor.seat,
        person=actor.person,
        decider=actor.body,
    )
    raise problem


async def _keep(
    space: Space,
    problem: Problem,
    *,
    at: datetime,
    incident: str | None,
    command: str,
    request_id: str | None,
    seat: str | None,
    person: str | None,
    decider: str | None,
) -> None:
    """Keep a refusal; the audit failing never stands in the answer's way."""
    try:
        keeping = audit.append_refusal(
            await space.pool(),
            at=at,
            incident=incident,
            command=command,
            request_id=request_id,
            seat=seat,
            person=person,
            decider=decider,
            code=problem.code,
            clause=problem.clause or "",
            message=problem.text,
        )
        await within(AUDIT_SECONDS, keeping)
    except StoreError as error:
        log.error(
            "a refusal could not be kept: %s %s %s (%s)",
            incident,
            command,
            problem.code,
            type(error).__name__,
        )
