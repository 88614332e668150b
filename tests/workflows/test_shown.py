"""What operators see in Temporal: lists, details, timers; never personal data."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.converter import default as default_converter

from domain.incident.commands import Assess, CorrectFacts, FactChanges
from tests.workflows import stories
from tests.workflows.conftest import Open
from tests.workflows.harness import IncidentDriver, findings
from workflows.contracts import LEVEL, NEXT_DUE, OVERDUE, PHASE, WAITING_FOR

STUCK = "YaoanPhase = 'responding' AND YaoanOverdue > 0"
"""Which responses are stuck; ``YaoanWaitingFor`` of each says on whom."""


async def listed(incident: IncidentDriver, query: str) -> bool:
    found = incident.client.list_workflows(f"({query}) AND WorkflowId = '{incident.number}'")
    return [run async for run in found] != []


async def becomes_listed(incident: IncidentDriver, query: str) -> None:
    """Visibility follows a moment behind."""
    for _ in range(100):
        if await listed(incident, query):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{incident.number} is not listed by {query}")


async def upserts(incident: IncidentDriver) -> int:
    history = await incident.handle.fetch_history()
    kind = EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
    return sum(event.event_type == kind for event in history.events)


@pytest.mark.clause("4.6.2(1)", "2.1.1(2)")
async def test_one_list_query_finds_the_responses_that_are_stuck_and_on_whom(
    open_incident: Open,
) -> None:
    incident = await open_incident()
    await stories.started(incident)
    await incident.settled()
    assert not await listed(incident, STUCK)

    await incident.fast_forward(await stories.at_beijing(incident, 1, days=1))

    await becomes_listed(incident, STUCK)
    await becomes_listed(incident, f"{STUCK} AND YaoanWaitingFor = 'county-msa'")
    await becomes_listed(incident, "YaoanLevel = 'IV' AND YaoanJournal = 'current'")
    attributes = (await incident.handle.describe()).typed_search_attributes
    assert attributes[PHASE] == "responding"
    assert attributes[LEVEL] == "IV"
    assert attributes[OVERDUE] > 0
    assert "command-office" in attributes[WAITING_FOR]
    now = await incident.now()
    assert now < attributes[NEXT_DUE] < now + timedelta(days=1)


async def test_a_burst_of_commands_is_shown_once_per_task(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    before = await upserts(incident)

    await asyncio.gather(
        *(
            incident.send(
                CorrectFacts(changes=FactChanges(measures=f"措施{n}"), reason="补充"),
                request=f"c{n}",
            )
            for n in range(20)
        )
    )
    await incident.settled()

    assert await upserts(incident) == before, "nothing that is listed has changed"
    await incident.send(Assess(findings=findings(), reasons="13例"))
    await incident.settled()
    assert await upserts(incident) == before + 1


@pytest.mark.clause("3.2.2(3)")
async def test_details_say_where_it_stands_what_is_next_and_on_whom_it_waits(
    open_incident: Open,
) -> None:
    incident = await open_incident()
    await incident.settled()

    metadata = await incident.handle.query("__temporal_workflow_metadata")
    text = metadata.current_details

    assert incident.number in text
    assert "已接报" in text
    assert "接下来 next" in text
    assert "3.2.2(3)" in text
    assert "县市场监管局" in text
    assert "内控" in text


@pytest.mark.clause("3.2.2(1)", "3.2.2(3)")
async def test_every_timer_names_clause_duty_and_due_in_beijing_time(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    history = await incident.handle.fetch_history()
    converter = default_converter().payload_converter

    summaries = [
        str(converter.from_payload(event.user_metadata.summary))
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]

    state = await incident.state()
    assert len(summaries) >= len([c for c in state.open_clocks if c.next_moment])
    assert all(len(summary.encode()) <= 200 for summary in summaries)
    two_hours = [s for s in summaries if s.startswith("3.2.2(1)")]
    assert len(two_hours) == 2
    due = stories.beijing(state.clocks["report-2h/city-msa"].due)
    assert any(f"{due:%Y-%m-%d %H:%M}" in s and "市市场监管局" in s for s in two_hours)


async def test_clocks_due_together_cause_one_tick(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    quarter = await incident.now() + timedelta(minutes=16)
    state = await incident.state()
    together = [c.id for c in state.open_clocks if c.due < quarter]
    assert len(together) > 3

    await incident.fast_forward(quarter)

    unrecorded = await incident.events("clock.unrecorded")
    assert {e.data["clock"] for e in unrecorded} == set(together)
    assert len({e.recorded for e in unrecorded}) == 1
