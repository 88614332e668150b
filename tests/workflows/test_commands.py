"""How a command reaches an incident: as an Update, as a Signal, once, and what is turned away."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError

from domain.incident.commands import (
    Assess,
    Close,
    CorrectFacts,
    Dismiss,
    FactChanges,
    Reopen,
    SubmitReport,
    Verify,
)
from domain.incident.observations import Refused as RefusedCommand
from domain.incident.observations import Tick
from store.pool import Pool
from tests.workflows import stories
from tests.workflows.conftest import Open, opening
from tests.workflows.harness import IncidentDriver, Refused, findings, number, working
from workflows.contracts import IncidentStart, Receipt, update_id

VERIFIED = Verify(outcome="confirmed", text="现场核实属实")


async def test_a_receipt_names_the_events_and_the_head(open_incident: Open) -> None:
    incident = await open_incident()

    receipt = await incident.send(VERIFIED, request="call-1")

    caused = [e for e in await incident.events() if e.request and e.request.id == "call-1"]
    assert receipt.incident == incident.number
    assert receipt.request_id == "call-1"
    assert [caused[0].seq, caused[-1].seq] == [receipt.first, receipt.last]
    assert caused[-1].hash == receipt.head
    assert caused[0].type == "report.verified"


async def test_the_same_request_is_carried_out_once(open_incident: Open) -> None:
    """Whatever Temporal makes of the Update's id, the incident knows its request ids."""
    incident = await open_incident()
    envelope = await incident.envelope(VERIFIED, request="call-1")

    first = await incident.deliver(envelope)
    same_id = await incident.deliver(envelope)
    other_id = await incident.deliver(envelope, id="another-update")
    later = envelope.model_copy(update={"received": envelope.received + timedelta(minutes=1)})
    received_again = await incident.deliver(later, id="a-third-update")

    assert first == same_id == other_id == received_again
    assert len(await incident.events("report.verified")) == 1


async def test_a_request_id_is_not_used_for_something_else(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.send(VERIFIED, request="call-1")

    with pytest.raises(Refused) as refused:
        await incident.send(Verify(outcome="ruled_out", text="误报"), request="call-1")

    assert refused.value.code == "request_reused"


@pytest.mark.clause("5.3")
async def test_a_refusal_names_its_clause_and_leaves_no_trace(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    before = (await incident.handle.describe()).history_length

    with pytest.raises(Refused) as refused:
        await incident.send(
            Assess(findings=findings(), level="IV", reasons="13例"), "county-health"
        )
    with pytest.raises(Refused) as too_early:
        await incident.send(Close(text="办结"), "command-office")

    assert refused.value.code == "no_authority"
    assert refused.value.clause == "3.2.2(2)"
    assert "县市场监管局" in refused.value.zh
    assert too_early.value.code == "wrong_phase"
    assert (await incident.handle.describe()).history_length == before
    state = await incident.state()
    assert len(state.handled) == 1, "only the intake"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("verify", []),
        ("verify", [{"received": "2026-01-31T06:32:00Z", "command": {"name": "verify"}}] * 2),
        ("verify", ["nonsense"]),
        ("verify", [{"received": "2026-01-31T06:32:00", "command": {"name": "verify"}}]),
        ("verify", [{"received": "2026-01-31T06:32:00Z", "command": {"name": "张三13800000000"}}]),
        ("no_such_command", [{"received": "2026-01-31T06:32:00Z", "command": {"name": "tick"}}]),
    ],
)
async def test_a_malformed_command_is_refused_without_repeating_it(
    open_incident: Open, name: str, arguments: list[Any]
) -> None:
    """What was typed may hold personal data; an error must not carry it into a log."""
    incident = await open_incident()

    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await incident.handle.execute_update(name, args=arguments)

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == "bad_command"
    assert "13800000000" not in f"{cause.message}{cause.details}"


async def test_an_update_carries_the_command_it_is_named_for(open_incident: Open) -> None:
    incident = await open_incident()
    envelope = await incident.envelope(VERIFIED)

    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await incident.handle.execute_update("dismiss", envelope)

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_command"


async def test_nobody_outside_gives_the_incidents_own_commands(open_incident: Open) -> None:
    incident = await open_incident()

    for command in (Tick(), RefusedCommand(command="verify", refusal={})):
        with pytest.raises(Refused) as refused:
            await incident.send(command)
        assert refused.value.code == "bad_command"
    await incident.signal(await incident.envelope(Tick(), request="sly"))

    (kept,) = await incident.events("command.refused")
    assert kept.request is not None
    assert kept.request.id == "sly"
    assert kept.data["refusal"]["code"] == "bad_command"


async def test_a_signal_is_carried_out_and_known_to_a_later_update(open_incident: Open) -> None:
    """The API answered 202; when its client asks again the Update finds the work done."""
    incident = await open_incident()
    envelope = await incident.envelope(VERIFIED, request="call-1")

    await incident.signal(envelope)
    await incident.signal(envelope)
    receipt = await incident.deliver(envelope)

    (verified,) = await incident.events("report.verified")
    assert receipt.first == verified.seq


async def test_a_refused_signal_is_kept_and_told_to_whoever_asks_again(open_incident: Open) -> None:
    incident = await open_incident()
    envelope = await incident.envelope(Close(text="办结"), "command-office", request="call-1")

    await incident.signal(envelope)
    await incident.signal(envelope)

    (kept,) = await incident.events("command.refused")
    outcome = (await incident.state()).handled["call-1"]
    assert outcome.refusal is not None
    assert outcome.refusal["code"] == "wrong_phase"
    assert kept.by is not None
    assert kept.by.decider == "command-office"
    with pytest.raises(Refused) as refused:
        await incident.deliver(envelope)
    assert refused.value.code == "wrong_phase"
    with pytest.raises(Refused) as reused:
        await incident.send(VERIFIED, request="call-1")
    assert reused.value.code == "request_reused"


@pytest.mark.clause("3.2.2(1)")
async def test_a_command_survives_that_no_worker_is_there(
    temporal_client: Client, pool: Pool
) -> None:
    queue = f"q-away-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(temporal_client, pool, queue):
        await incident.start(opening(incident.number))
        await incident.settled()
        reported = await incident.envelope(
            SubmitReport(kind="initial", given=stories.to("city-msa")), request="call-1"
        )
    # The server holds a Signal; an Update that nobody takes would be lost with its caller.
    await incident.signal(reported)

    async with working(temporal_client, pool, queue):
        (event,) = await incident.events("report.submitted")

    assert event.request is not None
    assert event.request.id == "call-1"
    assert event.received == reported.received
    assert event.recorded > event.received


async def test_many_commands_at_once_are_each_carried_out_once(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    envelopes = [
        await incident.envelope(
            CorrectFacts(changes=FactChanges(measures=f"措施{n}"), reason="补充"), request=f"c{n}"
        )
        for n in range(30)
    ]

    receipts = await asyncio.gather(*(incident.deliver(envelope) for envelope in envelopes))

    sequences = sorted(n for r in receipts for n in range(r.first, r.last + 1))
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    assert len(await incident.events("facts.corrected")) == 30


async def test_a_cancelled_workflow_goes_on(open_incident: Open) -> None:
    """The plan knows dismissal and closing; a click in an operator's tool is neither."""
    incident = await open_incident()
    await incident.settled()

    await incident.handle.cancel()
    await incident.fast_forward(timedelta(hours=3))
    await incident.send(VERIFIED)

    state = await incident.state()
    assert state.phase == "early_handling"
    assert state.clocks["report-2h/city-msa"].unrecorded_at is not None


async def test_a_start_without_a_beginning_fails_at_once(open_incident: Open) -> None:
    incident = await open_incident()
    broken = IncidentDriver(incident.client, incident.pool, number(), queue=incident.queue)
    start = IncidentStart(incident=broken.number, space="incidents", plan=incident.plan)

    with pytest.raises(WorkflowFailureError) as failed:
        await incident.client.execute_workflow(
            "Incident", start, id=broken.number, task_queue=incident.queue
        )

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "bad_command"


@pytest.mark.clause("3.2.3(2)")
async def test_an_ended_incident_is_taken_up_again_by_the_command_that_reopens_it(
    open_incident: Open,
) -> None:
    incident = await open_incident()
    await incident.send(Dismiss(reasons="登记错误"))
    await incident.ended()
    ended = await incident.state()

    async def with_start(command: Any, by: str) -> Receipt:
        envelope = await incident.envelope(command, by)
        start: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
            "Incident",
            IncidentStart(
                incident=incident.number, space="incidents", plan=incident.plan, state=ended
            ),
            id=incident.number,
            task_queue=incident.queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        receipt: Receipt = await incident.client.execute_update_with_start_workflow(
            command.name,
            envelope,
            id=update_id(envelope),
            start_workflow_operation=start,
            result_type=Receipt,
        )
        return receipt

    with pytest.raises(WorkflowUpdateFailedError):
        await with_start(Close(text="办结"), "command-office")
    again = await asyncio.wait_for(incident.ended(), 5)
    assert again.head == ended.head, "nothing happened, and the run ended by itself"

    receipt = await with_start(Reopen(reason="发现同批号新病例"), "county-msa")

    assert receipt.first == ended.seq + 1
    assert (await incident.state()).phase == "early_handling"
    events = await incident.events()
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert datetime.now(UTC) - events[-1].recorded < timedelta(minutes=5)
