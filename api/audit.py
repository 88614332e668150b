"""Keeping refusals: who wanted what, and which clause forbade it."""

import logging

from api.problems import Problem
from api.space import Space
from domain.incident.commands import Envelope
from store import audit
from store.errors import StoreError

log = logging.getLogger(__name__)


async def note_refusal(
    space: Space, incident: str | None, envelope: Envelope, problem: Problem
) -> None:
    """Keep ``problem`` if the plan or the state refused; never stands in the answer's way."""
    if problem.status_code not in (403, 409, 422) or problem.clause is None:
        return
    by = envelope.by
    try:
        await audit.append_refusal(
            await space.pool(),
            at=space.now(),
            incident=incident,
            command=envelope.command.name,
            request_id=envelope.request_id,
            seat=by.recorder if by else None,
            person=by.recorder_person if by else None,
            decider=by.decider if by else None,
            code=problem.code,
            clause=problem.clause,
            message=problem.text,
        )
    except StoreError as error:
        log.error(
            "a refusal could not be kept: %s %s %s (%s)",
            incident,
            envelope.command.name,
            problem.code,
            type(error).__name__,
        )
