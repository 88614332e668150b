"""What the stories of notices share: when each went out, and who said what to it."""

from datetime import timedelta

from domain.incident import outbox
from domain.incident.entries import Message, Notice
from tests.domain.later import Story

HEALTH, OFFICE, DUTY = "county-health", "command-office", "duty"


def composed(story: Story, recipient: str) -> list[Message]:
    """Every message to ``recipient`` so far, oldest first."""
    found = [e.data["message"] for e in story.events if e.type == "message.composed"]
    return [Message.model_validate(m) for m in found if m["recipient"] == recipient]


def about(story: Story, notice: Notice) -> list[Message]:
    """The messages that ``notice`` was in."""
    return [m for m in composed(story, notice.recipient) if notice.id in m.notices]


def minutes(story: Story, notice: Notice) -> list[float]:
    """When ``notice`` went out, in minutes since it was queued."""
    return [(m.at - notice.queued_at).total_seconds() / 60 for m in about(story, notice)]


def sent(story: Story) -> Story:
    """Every message that is on its way is accepted by mail, at once."""
    for message in tuple(story.state.messages):
        story.arrived(message, channels=("inbox", "mail"), contacts=("c-1",))
    return story


def passing(story: Story, **time: float) -> Story:
    """Time passes; what goes out meanwhile is accepted at once, and nobody answers."""
    until = story.now + timedelta(**time)
    while True:
        moments = [m for m in outbox.next_moments(story.plan, story.state).values() if m <= until]
        if not moments:
            return sent(story.at(until))
        sent(story.at(max(min(moments), story.now)))


def informed(story: Story) -> Notice:
    (found,) = story.notices(HEALTH, "informed")
    return found
