"""What an incident costs, measured, against the budgets that docs/budgets.md states."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from domain.incident.commands import CorrectFacts, FactChanges
from domain.incident.engine import apply, decide
from tests.workflows import stories
from tests.workflows.conftest import Open
from tests.workflows.harness import IncidentDriver
from workflows.contracts import IncidentStart

PAGE = Path(__file__).parents[2] / "docs" / "budgets.md"


def budgets(column: int) -> dict[str, int]:
    """One column of the table, by what it limits."""
    rows = [line.split("|") for line in PAGE.read_text(encoding="utf-8").splitlines()]
    cells = [[cell.strip() for cell in row[1:-1]] for row in rows if len(row) > 3]
    return {row[0]: int(row[column]) for row in cells[2:]}


def largest_payload(message: Message) -> int:
    """The size in bytes of the largest payload anywhere within ``message``."""
    if message.DESCRIPTOR.full_name == "temporal.api.common.v1.Payload":
        return message.ByteSize()
    found = 0
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        inner: Any = [value] if isinstance(value, Message) else value
        if field.message_type.GetOptions().map_entry:
            inner = [v for v in value.values() if isinstance(v, Message)]
        found = max([found, *(largest_payload(item) for item in inner)])
    return found


async def measured(incident: IncidentDriver) -> dict[str, int]:
    history = await incident.handle.fetch_history()
    state = await incident.state()
    start = IncidentStart(
        incident=incident.number, space="incidents", plan=incident.plan, state=state
    )
    return {
        "history events": len(history.events),
        "history bytes": sum(event.ByteSize() for event in history.events),
        "largest payload, bytes": max(largest_payload(event) for event in history.events),
        "start arguments, bytes": len(start.model_dump_json().encode())
        - len(state.model_dump_json().encode()),
        "state, bytes": len(state.model_dump_json().encode()),
        "events waiting for the journal, bytes": await waiting(incident),
    }


async def waiting(incident: IncidentDriver, commands: int = 50) -> int:
    """The events that so many commands leave behind while the journal is down."""
    state, total = await incident.state(), 0
    if state.phase == "closed":
        return 0
    for number in range(commands):
        envelope = await incident.envelope(
            CorrectFacts(changes=FactChanges(measures=f"措施{number}"), reason="补充"),
            request=f"w{number}",
        )
        events = decide(incident.plan, state, envelope, await incident.now())
        state = apply(state, events)
        total += sum(len(event.model_dump_json().encode()) for event in events)
    return total


@pytest.mark.parametrize(
    ("story", "column"),
    [(stories.iv_incident, 1), (lambda i: stories.under_superior(i, days=30), 2)],
    ids=["county IV", "superior's I"],
)
async def test_an_incident_stays_within_its_budgets(
    open_incident: Open, story: Callable[[IncidentDriver], Awaitable[None]], column: int
) -> None:
    incident = await open_incident()
    await story(incident)
    await incident.settled()

    found = await measured(incident)

    print(found)  # noqa: T201 - shown with -s, for whoever moves a budget
    stated = budgets(column)
    assert found.keys() == stated.keys()
    assert {what: size for what, size in found.items() if size > stated[what]} == {}
    # A budget far above what is needed would not notice a change for the worse.
    assert found["history events"] > stated["history events"] / 2
