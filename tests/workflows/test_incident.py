"""Whole incidents on the real server, with the record read back from PostgreSQL."""

from datetime import timedelta

import pytest

from domain.base import beijing_day
from domain.incident.chain import verify
from domain.incident.commands import (
    Assess,
    CorrectFacts,
    DecideActivation,
    Dismiss,
    FactChanges,
    Merge,
    ProposeActivation,
    ProposeTermination,
    RecordOrder,
    SubmitReport,
)
from domain.incident.entries import Delivery
from tests.workflows import stories
from tests.workflows.conftest import Open
from tests.workflows.harness import IncidentDriver, Refused, findings


async def kept_whole(incident: IncidentDriver) -> None:
    """The record in PostgreSQL is what the workflow holds, and its chain is unbroken."""
    events = await incident.events()
    receipt = await incident.state()
    rows = [(event.seq, event.canonical(), event.hash) for event in events]
    assert [event.seq for event in events] == list(range(1, receipt.seq + 1))
    assert events[-1].hash == receipt.head
    assert list(verify(incident.number, rows)) == []


@pytest.mark.clause("3.2.2(1)", "4.2", "4.6.1", "4.6.2", "4.6.4", "4.7.2", "3.2.3(3)", "5.1", "5.3")
async def test_a_county_incident_runs_from_its_first_report_to_closed(open_incident: Open) -> None:
    incident = await open_incident()

    await stories.iv_incident(incident)

    final = await incident.ended()
    await kept_whole(incident)
    events = await incident.events()
    state = await incident.state()
    assert final.last == len(events)
    assert state.phase == "closed"
    assert [e.type for e in events if e.type.startswith("response.")] == [
        "response.started",
        "response.ended",
    ]
    late = [c.id for c in state.clocks.values() if c.status == "met" and c.verdict == "late"]
    assert late == []
    left = [c.id for c in state.clocks.values() if c.kind == "statutory" and c.status == "open"]
    assert left == []


@pytest.mark.clause("4.3", "3.2.3(2)", "3.2.3(3)", "2.2", "4.6.4")
async def test_a_superior_leads_a_level_one_incident(open_incident: Open) -> None:
    """The nation orders and ends; the county reports every day and cannot end by itself."""
    incident = await open_incident()

    await stories.report(incident, "initial", *stories.UPWARD)
    await incident.send(Assess(findings=findings(affected=60), reasons="60例"))
    with pytest.raises(Refused) as by_county:
        await incident.send(
            ProposeActivation(
                level="I", area="全县", scope="某注射液", reasons="60例", expected_duration="未定",
                measures="救治",
            ),
            "command-office",
        )  # fmt: skip
    await incident.send(
        RecordOrder(kind="start", level="I", text="启动Ⅰ级响应", daily_hour=17), "nation-command"
    )
    for _ in range(3):
        await incident.acknowledge()
        await incident.fast_forward(await stories.at_beijing(incident, 16, days=1))
        await stories.report(incident, "progress", "county-government", "city-msa")
    with pytest.raises(Refused) as ended_by_county:
        await incident.send(ProposeTermination(conditions={}, reasons="好转"), "command-office")
    await incident.send(RecordOrder(kind="end", level="I", text="终止响应"), "nation-command")

    state = await incident.state()
    assert by_county.value.code == ended_by_county.value.code == "superior_leads"
    assert by_county.value.clause == "4.3"
    assert state.phase == "aftermath"
    days = {
        key: clock.verdict
        for key, clock in state.clocks.items()
        if clock.obligation == "daily-i-iii" and clock.recipient == "city-msa"
    }
    assert len(days) == 4
    assert set(days.values()) == {"on_time"}
    first_day = [c for c in state.clocks.values() if c.obligation == "daily-i-iii"][-1]
    assert stories.beijing(first_day.due).hour == 17, "the superior's hour, not midnight"
    assert all(c.due - c.basis == timedelta(days=14) for c in state.open_clocks
               if c.obligation == "summary")  # fmt: skip
    await kept_whole(incident)


@pytest.mark.clause("3.2.2(2)", "4.6.3", "4.5")
async def test_an_upgrade_starts_a_second_two_hour_clock(open_incident: Open) -> None:
    incident = await open_incident()
    await stories.report(incident, "initial", *stories.UPWARD)
    await incident.send(Assess(findings=findings(), reasons="13例"))
    await incident.fast_forward(timedelta(hours=5))

    before = await incident.now()
    await incident.send(Assess(findings=findings(affected=22), reasons="增至22例"))

    state = await incident.state()
    clocks = [c for c in state.open_clocks if c.obligation == "report-2h-determined"]
    assert state.level == "III"
    assert {c.recipient for c in clocks} == {"county-government", "city-msa"}
    assert all(abs(c.due - before - timedelta(hours=2)) < timedelta(seconds=30) for c in clocks)

    await incident.fast_forward(timedelta(hours=1))
    await stories.report(incident, "urgent", "county-government", "city-msa")
    await incident.send(RecordOrder(kind="start", level="III", text="启动Ⅲ级响应"), "city-command")

    state = await incident.state()
    met = [c for c in state.clocks.values() if c.obligation == "report-2h-determined"]
    assert {c.verdict for c in met} == {"on_time"}
    assert state.response_level == "III"
    await kept_whole(incident)


@pytest.mark.clause("3.2.3(2)")
async def test_a_dismissal_is_corrected_upward_before_the_incident_ends(
    open_incident: Open,
) -> None:
    incident = await open_incident()
    given = await stories.report(incident, "initial", *stories.UPWARD)

    await incident.send(Dismiss(reasons="复核为输液反应登记错误,无同类病例"))
    state = await incident.state()
    owed = {c.recipient for c in state.open_clocks if c.obligation == "correction-dismissed"}
    assert owed == set(stories.UPWARD)
    assert (await incident.overview()).phase == "dismissed"

    await incident.send(
        SubmitReport(kind="correction", about="dismissal", given=stories.to(*stories.UPWARD))
    )
    final = await incident.ended()

    assert given
    assert final.last == len(await incident.events())
    (dismissed,) = await incident.events("incident.dismissed")
    assert set(dismissed.data["told"]) == set(stories.UPWARD)
    await kept_whole(incident)


@pytest.mark.clause("3.2.2(1)", "3.2.2(2)")
async def test_a_merge_keeps_the_earliest_clock(open_incident: Open) -> None:
    """The other incident takes over before this one ends, and no time is won by merging."""
    second = await open_incident(learned=timedelta(minutes=20))
    first = await open_incident(learned=timedelta(minutes=90))
    await stories.report(second, "initial", "county-government")
    learned = (await first.state()).learned[0].at

    await first.send(Merge(into=second.number, reasons="同一批号,同一起事件"))
    await first.ended()

    merged, taken = await first.state(), await second.state()
    assert merged.phase == "merged"
    assert merged.merged_into == second.number
    due = taken.clocks["report-2h/city-msa"].due
    assert due == learned + timedelta(hours=2)
    assert taken.merged_from[first.number] > 0
    # While the answer was under way a notice was accepted, so the offer was made once more.
    offers = [event.request for event in await second.events("merge.accepted")]
    ids = [request.id for request in offers if request is not None]
    assert ids
    assert len(set(ids)) == len(offers)
    assert all(name.startswith(f"merge:{first.number}:") for name in ids)
    await kept_whole(first)
    await kept_whole(second)


@pytest.mark.clause("3.2.2(2)")
async def test_a_refused_merge_changes_nothing(open_incident: Open) -> None:
    gone = await open_incident()
    await gone.send(Dismiss(reasons="登记错误"))
    incident = await open_incident()
    before = await incident.state()

    await incident.send(Merge(into=gone.number, reasons="疑为同一起"))
    await incident.settled()

    after = await incident.state()
    assert after.merging_into is None
    assert after.phase == before.phase
    assert {k: c.due for k, c in after.clocks.items()} == {
        k: c.due for k, c in before.clocks.items()
    }
    (refused,) = await incident.events("merge.refused")
    assert refused.data["reason"]
    assert not await gone.events("merge.accepted")


@pytest.mark.clause("3.2.2(1)")
async def test_a_report_phoned_in_time_and_entered_late_is_on_time(open_incident: Open) -> None:
    """At the due moment nothing is on record; the later entry settles it (E2)."""
    incident = await open_incident()
    phoned = await incident.now() + timedelta(minutes=50)
    written = await stories.report(incident, "initial", "county-government", "city-government")
    await incident.fast_forward(timedelta(hours=3))

    clock = (await incident.state()).clocks["report-2h/city-msa"]
    assert clock.unrecorded_at is not None
    assert clock.verdict is None
    assert (await incident.overview()).overdue > 0

    await stories.late_entry(incident, written, "city-msa", phoned)

    clock = (await incident.state()).clocks["report-2h/city-msa"]
    assert clock.verdict == "on_time_entered_late"
    assert clock.met_at == phoned
    unrecorded = await incident.events("clock.unrecorded")
    assert "report-2h/city-msa" in {event.data["clock"] for event in unrecorded}
    (entry,) = await incident.events("report.given")
    assert entry.recorded - entry.occurred > timedelta(hours=2)
    await kept_whole(incident)


@pytest.mark.clause("4.6.1", "2.1.1(4)")
async def test_a_decision_by_telephone_is_recorded_by_the_office(open_incident: Open) -> None:
    """The deputy magistrate never logs in: authority is the decider's, the entry the office's."""
    incident = await open_incident()
    await stories.report(incident, "initial", *stories.UPWARD)
    await incident.send(Assess(findings=findings(), reasons="13例"))
    proposal = await incident.send(
        ProposeActivation(
            level="IV", area="某镇", scope="两个批号", reasons="13例", expected_duration="10日",
            measures="救治、封存",
        ),
        "command-office",
    )  # fmt: skip
    called = await incident.now() + timedelta(minutes=10)
    await incident.fast_forward(timedelta(minutes=40))

    with pytest.raises(Refused) as by_itself:
        await incident.send(
            DecideActivation(proposal=f"p{proposal.first}", approve=True),
            "command-office",
            recorder="command-office",
        )
    await incident.send(
        DecideActivation(proposal=f"p{proposal.first}", approve=True),
        "county-government",
        recorder="command-office",
        decider_person="分管副县长",
        means="phone",
        at=called,
    )

    (started,) = await incident.events("response.started")
    assert by_itself.value.code == "no_authority"
    assert by_itself.value.clause.startswith("4.6.1")
    assert started.by is not None
    assert (started.by.decider, started.by.recorder) == ("county-government", "command-office")
    assert started.occurred == called
    assert started.recorded - started.occurred > timedelta(minutes=25)


@pytest.mark.clause("4.6.2(1)", "3.2.3(2)")
async def test_every_beijing_day_of_a_response_owes_its_report(open_incident: Open) -> None:
    """Midnight in Beijing wakes the incident by itself and opens the day's clocks."""
    incident = await open_incident()
    await stories.started(incident)
    begun = beijing_day(await incident.now())

    await incident.fast_forward(await stories.at_beijing(incident, 1, days=3))

    state = await incident.state()
    days = {
        clock.id.rpartition("/")[2]: clock.unrecorded_at is not None
        for clock in state.clocks.values()
        if clock.obligation == "daily-iv"
    }
    expected = [begun + timedelta(days=n) for n in range(4)]
    assert sorted(days) == [day.isoformat() for day in expected]
    assert not days[expected[-1].isoformat()], "today's is not due yet"
    assert days[expected[1].isoformat()], "yesterday's and the day before are noticed as missing"


@pytest.mark.clause("3.2.3(2)", "3.2.2(4)")
async def test_facts_that_come_later_start_their_own_clocks(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.fast_forward(timedelta(minutes=30))
    found = await incident.now()

    await incident.send(CorrectFacts(changes=FactChanges(abroad=True), reason="患者中有外籍人员"))
    await incident.settled()
    await incident.acknowledge("county-commerce")

    clock = (await incident.state()).clocks
    (foreign,) = [c for c in clock.values() if c.obligation == "foreign-affairs"]
    assert foreign.basis - found < timedelta(seconds=30)
    assert foreign.status == "met", "the body that handles it has answered the notice"


@pytest.mark.clause("3.2.2(1)")
async def test_an_incident_may_be_overdue_at_birth(open_incident: Open) -> None:
    """Knowledge long before entry is legitimate, and visible at once (trap 23)."""
    incident = await open_incident(learned=timedelta(hours=5))
    await incident.settled()

    clock = (await incident.state()).clocks["report-2h/city-msa"]
    overview = await incident.overview()
    assert clock.due < await incident.now() - timedelta(hours=2)
    assert clock.unrecorded_at is not None
    assert overview.overdue >= 2
    given = Delivery(recipient="city-msa", at=clock.due - timedelta(hours=1), channel="phone")
    await incident.send(SubmitReport(kind="initial", given=(given,)), late_reason="当时以电话报告")
    assert (await incident.state()).clocks["report-2h/city-msa"].verdict == "on_time_entered_late"
