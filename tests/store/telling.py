"""Stories in which bodies are told: what is sent, who answers, what time brings."""

from datetime import datetime, timedelta

from domain.incident.commands import AcknowledgeNotice
from domain.incident.engine import apply, decide
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.observations import MessageOutcome, Tick
from domain.incident.record import Attribution
from store import journal
from store.pool import Pool
from tests.store.conftest import Story


async def record(pool: Pool, story: Story) -> Story:
    """Put what is new of ``story`` on record."""
    known = (await journal.tip_of(pool, story.incident)).seq
    if new := story.events[known:]:
        plan = None if known else story.plan
        await journal.append(pool, "incidents", story.incident, plan, new)
    return story


def observe(story: Story, command: AnyCommand, at: datetime, by: Attribution | None = None) -> None:
    """What the incident itself notices at ``at``, or what is decided by somebody."""
    request = f"t{len(story.events)}" if by else None
    envelope = Envelope(request_id=request, received=at, by=by, command=command)
    new = decide(story.plan, story.state, envelope, at)
    story.state = apply(story.state, new)
    story.events += new
    story.now = max(story.now, at)


def tick(story: Story, at: datetime) -> None:
    """Let time pass until ``at``: reminders, missed deadlines, messages."""
    observe(story, Tick(), at)


def sent(story: Story, at: datetime, *bodies: str, delivered: bool = False) -> None:
    """The mail server takes what is on its way to ``bodies``, to all of them unless named."""
    for message in list(story.state.messages.values()):
        if not bodies or message.recipient in bodies:
            outcome = MessageOutcome(
                message=message.id, channels=("mail",), contacts=("c1",), delivered=delivered
            )
            observe(story, outcome, at)


def lost(story: Story, at: datetime, body: str) -> None:
    """Nothing takes what is on its way to ``body``."""
    for message in list(story.state.messages.values()):
        if message.recipient == body:
            observe(story, MessageOutcome(message=message.id, failure="refused"), at)


def answered(
    story: Story, body: str, after: timedelta, *, refuse: bool = False, which: int = 0
) -> str:
    """``body`` answers one of its notices, ``after`` the last thing; returns the notice's id."""
    notice = [one for one in story.state.unanswered if one.recipient == body][which]
    command = AcknowledgeNotice(notice=notice.id, refuse=refuse, comment="已收到,见批注")
    at = story.now + after
    duty = next(seat for seat in story.plan.seats if seat.kind == "duty")
    by = Attribution(decider=body, recorder=duty.id, occurred_at=at)
    observe(story, command, at, by)
    return notice.id
