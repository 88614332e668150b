"""Asking the domain first, where something is stored before the command is sent."""

from api.audit import note_refusal
from api.problems import Problem, refused
from api.space import Space
from domain.base import Refusal
from domain.incident.engine import decide
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.record import Attribution

REPEATED = frozenset({"already_attached", "already_registered"})
"""Refusals that a repeated request would meet here; the incident itself tells it apart."""


async def preflight(
    space: Space, incident: str, attribution: Attribution, command: AnyCommand
) -> None:
    """Refuse now what the incident would refuse, so that nothing is stored in vain.

    The board may be a moment behind, so the incident still decides for itself.

    Raises:
        Problem: the refusal; or 404, there is no such incident.
        Unavailable: PostgreSQL cannot answer, so nothing could be stored either.
    """
    standing = await space.record.standing(incident)
    now = await space.now_of(incident)
    envelope = Envelope(received=now, by=attribution, command=command)
    try:
        decide(standing.plan, standing.state, envelope, now)
    except Refusal as refusal:
        if refusal.code in REPEATED:
            return
        message = refusal.message
        problem: Problem = refused(refusal.code, refusal.clause, message.zh, message.en)
        await note_refusal(space, incident, envelope, problem)
        raise problem from refusal
