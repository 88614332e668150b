"""An incident outlives its histories: nothing is lost or done twice at any turn-over."""

import asyncio
from datetime import timedelta

import pytest

from domain.incident.chain import verify
from domain.incident.commands import CorrectFacts, FactChanges, Merge, Verify
from tests.workflows import stories
from tests.workflows.conftest import Open
from tests.workflows.harness import IncidentDriver, Refused

SHORT = 45
"""History events of a run: about what three or four commands make."""
VERIFIED = Verify(outcome="confirmed", text="现场核实属实")


async def runs(incident: IncidentDriver) -> int:
    """How many runs the incident has had so far, the present one included."""
    listing = incident.client.list_workflows(f"WorkflowId = '{incident.number}'")
    return len([run async for run in listing])


async def rolled_over(incident: IncidentDriver) -> None:
    """Turn the run over now, by giving it harmless commands until it does."""
    before = (await incident.handle.describe()).run_id
    while (await incident.handle.describe()).run_id == before:
        await incident.send(CorrectFacts(changes=FactChanges(trend="平稳"), reason="补充"))
    await incident.settled()


async def whole(incident: IncidentDriver) -> None:
    events = await incident.events()
    state = await incident.state()
    assert [e.seq for e in events] == list(range(1, state.seq + 1))
    rows = [(e.seq, e.canonical(), e.hash) for e in events]
    assert list(verify(incident.number, rows)) == []


@pytest.mark.clause("3.2.2(1)", "4.6.1", "4.6.4", "3.2.3(3)")
async def test_a_whole_incident_over_many_runs_is_the_same_incident(open_incident: Open) -> None:
    """Turned over in every phase: no clock late, no notice twice, no event missing."""
    one = await open_incident()
    many = await open_incident(options={"continue_after": SHORT})

    await stories.iv_incident(one)
    await stories.iv_incident(many)
    await one.ended()
    await many.ended()

    assert await runs(one) == 1
    assert await runs(many) > 8
    await whole(many)
    first, other = await one.state(), await many.state()
    assert other.phase == first.phase == "closed"
    assert {c.id.partition("/")[0] for c in other.clocks.values()} == {
        c.id.partition("/")[0] for c in first.clocks.values()
    }
    verdicts = {c.verdict for c in other.clocks.values() if c.status == "met"}
    assert verdicts == {"on_time"}
    # Told, or over before it was to be told; and nobody twice on the same step.
    assert all(n.status != "queued" or n.ended for n in other.notices.values())
    steps = [
        step
        for event in await many.events("message.composed")
        for step in event.data["message"]["notices"].items()
    ]
    assert len(steps) == len(set(steps))


@pytest.mark.parametrize(
    "phase", ["reported", "early_handling", "responding", "aftermath", "dismissed", "closed"]
)
async def test_each_phase_is_carried_over(open_incident: Open, phase: str) -> None:
    incident = await open_incident(options={"continue_after": SHORT})
    if phase != "reported":
        await stories.report(incident, "initial", *stories.UPWARD)
    if phase in ("responding", "aftermath", "closed"):
        await stories.started(incident)
    if phase in ("aftermath", "closed"):
        await stories.do_tasks(incident, "response-iv")
        await stories.terminated(incident)
    if phase == "dismissed":
        await stories.dismissed(incident)
    if phase == "closed":
        await stories.wound_up(incident)
        final = await incident.ended()
        assert final.last == (await incident.state()).seq
    else:
        before = await incident.state()
        assert before.phase == phase
        if phase != "dismissed":
            await rolled_over(incident)
        after = await incident.state()
        assert after.phase == phase
        assert set(before.clocks) == set(after.clocks)
        await incident.skip(timedelta(hours=30))
    assert await runs(incident) > 1
    await whole(incident)


async def test_a_request_is_known_in_later_runs(open_incident: Open) -> None:
    incident = await open_incident(options={"continue_after": SHORT})
    envelope = await incident.envelope(VERIFIED, request="call-1")
    signalled = await incident.envelope(VERIFIED, "county-health", request="call-2")

    receipt = await incident.deliver(envelope)
    await incident.signal(signalled)
    await rolled_over(incident)
    again = await incident.deliver(envelope, id="another-update")
    with pytest.raises(Refused) as refused:
        await incident.deliver(signalled)

    assert again == receipt
    assert refused.value.code == "no_authority"
    assert len(await incident.events("report.verified")) == 1


async def test_commands_that_arrive_while_a_run_turns_over_are_not_lost(
    open_incident: Open,
) -> None:
    """Updates and Signals in a burst that spans several turn-overs: each exactly once."""
    incident = await open_incident(options={"continue_after": SHORT})
    envelopes = [
        await incident.envelope(
            CorrectFacts(changes=FactChanges(measures=f"措施{n}"), reason="补充"), request=f"c{n}"
        )
        for n in range(60)
    ]

    async def send(n: int) -> None:
        await asyncio.sleep(n * 0.02)
        if n % 3:
            await incident.deliver(envelopes[n])
        else:
            await incident.signal(envelopes[n])

    await asyncio.gather(*(send(n) for n in range(60)))
    corrected = await incident.events("facts.corrected")

    assert await runs(incident) > 2
    assert sorted(e.request.id for e in corrected if e.request) == sorted(
        f"c{n}" for n in range(60)
    )
    await whole(incident)


@pytest.mark.clause("3.2.2(1)")
async def test_a_clock_keeps_its_moment_from_run_to_run(open_incident: Open) -> None:
    incident = await open_incident(options={"continue_after": SHORT})
    due = (await incident.state()).clocks["report-2h/city-msa"].due
    await incident.fast_forward(timedelta(minutes=30))
    await rolled_over(incident)
    await incident.fast_forward(timedelta(minutes=20))
    await rolled_over(incident)

    await incident.fast_forward(due - timedelta(seconds=20))
    assert (await incident.state()).clocks["report-2h/city-msa"].unrecorded_at is None
    await incident.fast_forward(due + timedelta(seconds=5))

    clock = (await incident.state()).clocks["report-2h/city-msa"]
    assert clock.due == due
    assert clock.unrecorded_at is not None
    assert clock.unrecorded_at - due < timedelta(seconds=5)


async def test_a_merge_survives_a_turn_over_on_either_side(open_incident: Open) -> None:
    into = await open_incident(options={"continue_after": SHORT})
    incident = await open_incident(options={"continue_after": SHORT})
    await rolled_over(into)
    await rolled_over(incident)

    await incident.send(Merge(into=into.number, reasons="同一批号"))
    await incident.ended()

    assert (await incident.state()).phase == "merged"
    assert incident.number in (await into.state()).merged_from
    await whole(into)
    await whole(incident)
