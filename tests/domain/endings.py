"""Stories that have ended, and what is still to be done before they can be closed."""

import pytest

from domain.base import Refusal
from domain.incident.commands import (
    Close,
    DetermineCause,
)
from tests.domain.later import Story

GOVERNMENT, OFFICE = "county-government", "command-office"
UPWARD = ("county-government", "city-government", "city-msa")


def cause(kind: str, crime: bool = False) -> DetermineCause:
    return DetermineCause(cause=kind, conclusion="经调查和专家论证认定", crime_suspected=crime)


def ended() -> Story:
    """A level IV response, from report to its end."""
    return Story().intake().graded("IV").activate().terminate().expect_phase("aftermath")


def settled() -> Story:
    """After the end: all that closing asks for is done."""
    story = ended()
    for task in [t for t in story.state.tasks.values() if t.status == "open"]:
        story.complete(task.id)
    story.report("initial", *UPWARD, "command-office").report("summary", *UPWARD)
    story.do(cause("new-serious-reaction")).complete(story.task("policy"))
    return story


def close(story: Story) -> Story:
    return story.do(Close(text="各项工作办结"), OFFICE, seat=OFFICE)


def left(story: Story) -> str:
    """What the refusal to close says is still to be done."""
    with pytest.raises(Refusal) as raised:
        close(story)
    assert (raised.value.code, raised.value.clause) == ("not_ready_to_close", "5.3")
    return f"{raised.value.message.zh} {raised.value.message.en}"
