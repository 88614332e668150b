"""Who decided, who recorded, when it happened and when it was typed (E1, E2, E8)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.incident import engine
from domain.incident.commands import (
    CompleteTask,
    CorrectFacts,
    DecideActivation,
    Dismiss,
    FactChanges,
    SubmitReport,
    Verify,
)
from domain.incident.entries import Delivery
from domain.incident.envelope import AnyCommand
from tests.domain.story import Story, beijing

CITY = "report-2h/city-msa"
RECORDING = "2.1.1(4)"
VERIFIED = Verify(outcome="pending", text="待核实")
AHEAD = beijing("14:06")


def given(to: str, at: datetime | None = None) -> SubmitReport:
    """An initial report to one body."""
    return SubmitReport(kind="initial", given=(Delivery(recipient=to, at=at, channel="phone"),))


# --- E1: leaders never log in ----------------------------------------------------------------


@pytest.mark.clause("2.1.1(4)", "4.6.1")
@pytest.mark.parametrize(
    ("seat", "means"),
    [("duty", "phone"), ("command-office", "written_instruction"), ("duty", "meeting")],
)
def test_the_governments_decision_counts_whoever_records_it(seat: str, means: str) -> None:
    story = Story().intake().graded("IV").propose_activation()
    evidence = ("a" * 64,)
    story.decide_activation(
        seat=seat,
        means=means,
        decider_person="分管副县长",
        recorder_person="值班员",
        evidence=evidence,
    )
    story.expect_phase("responding")
    started = next(e for e in story.last if e.type == "response.started")
    assert started.by is not None
    assert (started.by.decider, started.by.recorder) == ("county-government", seat)
    assert (started.by.means, started.by.evidence) == (means, evidence)


@pytest.mark.clause("2.1.1(4)", "4.6.1")
@pytest.mark.parametrize("seat", ["duty", "command-office", "county-government-duty"])
@pytest.mark.parametrize("decider", ["county-msa", "command-office", "city-msa"])
def test_the_recorder_lends_no_authority_to_the_decider(seat: str, decider: str) -> None:
    story = Story().intake().graded("IV").propose_activation()
    decision = DecideActivation(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", "4.6.1", decision, decider, seat=seat)


@pytest.mark.clause("2.1.1(4)")
def test_a_department_records_for_itself_alone() -> None:
    story = Story().intake()
    rescue = CompleteTask(task=story.task("rescue"), result="救护车已出发")
    story.refuses("not_on_behalf", RECORDING, rescue, "county-health", seat="county-police")
    story.do(rescue, "county-health", seat="county-health")


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize(
    ("seat", "code"),
    [
        ("observer", "seat_reads_only"),
        ("administrator", "seat_reads_only"),
        ("nobody", "unknown_seat"),
    ],
)
def test_not_every_seat_records(seat: str, code: str) -> None:
    Story().intake().refuses(code, RECORDING, VERIFIED, seat=seat)


@pytest.mark.clause("2.1.1(4)")
def test_a_command_without_an_actor_is_refused() -> None:
    story = Story().intake()
    nobody = story.envelope(VERIFIED).model_copy(update={"by": None})
    story.refuses_envelope("no_actor", RECORDING, nobody)


# --- E2: phoned in time, typed later ---------------------------------------------------------


@pytest.mark.clause("2.1.1(4)", "4.6.1")
def test_a_decision_by_telephone_counts_from_the_call() -> None:
    story = Story().intake().at("14:20").graded("IV").at("18:00").propose_activation()
    story.decide_activation(
        when="15:00", means="phone", late_reason="县领导在现场,返回后补录", seat="command-office"
    )
    started = next(e for e in story.last if e.type == "response.started")
    assert (started.occurred, started.recorded) == (beijing("15:00"), beijing("18:00"))
    # Its duties run from the decision: overdue at birth, and said so in the same breath.
    story.expect_due("activation-reported/city-government/" + str(started.seq), "16:00")
    story.expect_unrecorded("activation-reported/city-government/" + str(started.seq))


@pytest.mark.clause("4.6.2(1)", "4.2")
def test_work_begun_before_it_was_assigned_on_paper_is_legal() -> None:
    story = Story().intake().at("14:40").graded("IV").activate().release("response-iv")
    task = story.task("trace")
    story.complete(task, when="14:10")
    assert story.state.tasks[task].done_at == beijing("14:10")


@pytest.mark.clause("2.1.1(4)")
def test_an_entry_an_hour_old_is_no_late_entry() -> None:
    Story().intake(learned="12:00").do(VERIFIED, when="13:00")


LATE: list[Any] = [
    pytest.param(VERIFIED, None, id="verify"),
    pytest.param(Dismiss(reasons="误报"), None, id="dismiss"),
    pytest.param(CorrectFacts(changes=FactChanges(abroad=True)), None, id="correct_facts"),
    pytest.param(given("city-msa"), None, id="submit_report"),
]


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize(("command", "by"), LATE)
def test_a_later_entry_says_why_it_is_late(command: AnyCommand, by: str | None) -> None:
    story = Story().intake(learned="12:00")
    story.refuses("late_reason_missing", RECORDING, command, by, when="12:59")
    story.do(command, by, when="12:59", late_reason="停电,先记于纸上")
    assert all(e.by is not None and e.by.late_reason for e in story.last[:1])


@pytest.mark.clause("2.1.1(4)", "3.2.2(1)")
def test_a_delivery_of_hours_ago_says_why_it_is_typed_only_now() -> None:
    story = Story().intake(learned="11:00").at("15:00")
    told = given("city-msa", at=beijing("12:00"))
    story.refuses("late_reason_missing", RECORDING, told)
    story.do(told, late_reason="先报告后补录").expect_met(CITY, "on_time_entered_late")


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize(("command", "by"), LATE)
def test_what_lies_in_the_future_has_not_happened(command: AnyCommand, by: str | None) -> None:
    Story().intake().refuses("in_the_future", RECORDING, command, by, when=AHEAD)


@pytest.mark.clause("2.1.1(4)", "3.2.2(1)")
def test_no_time_within_a_command_lies_in_the_future_either() -> None:
    story = Story().intake().refuses("in_the_future", RECORDING, given("city-msa", at=AHEAD))
    for field in ("learned_at", "discovered_at"):
        changes = FactChanges.model_validate({field: AHEAD})
        story.refuses("in_the_future", RECORDING, CorrectFacts(changes=changes))


@pytest.mark.clause("2.1.1(4)")
def test_a_callers_clock_may_run_a_little_ahead() -> None:
    Story().intake().do(VERIFIED, when=AHEAD - timedelta(minutes=1))


@pytest.mark.clause("3.2.1")
def test_a_first_report_is_never_turned_away_for_its_times() -> None:
    story = Story().intake(learned="2026-10-07 09:00", discovered="2026-10-07 09:00")
    assert set(story.state.flags) == {"learned_in_the_future", "discovered_in_the_future"}
    story.expect_due(CITY, "16:00")
    assert story.state.discovered_at == beijing("14:00")


# --- one request, one effect -----------------------------------------------------------------


@pytest.mark.clause("2.1.1(4)")
def test_the_same_request_twice_happens_once() -> None:
    story = Story().intake()
    envelope = story.envelope(VERIFIED, request="r-1")
    story.send(envelope)
    before = story.state
    again = envelope.model_copy(update={"received": story.now + timedelta(minutes=3)})
    story.pass_time(minutes=3).send(again)
    assert story.last == ()
    outcome = story.state.handled["r-1"]
    assert [e.seq for e in story.events if e.request and e.request.id == "r-1"] == list(
        range(outcome.first, outcome.last + 1)
    )
    assert outcome.head == before.head


@pytest.mark.clause("2.1.1(4)")
@pytest.mark.parametrize("change", ["command", "attribution"])
def test_the_same_request_id_with_something_else_is_refused(change: str) -> None:
    story = Story().intake().do(VERIFIED, request="r-1")
    other = (
        story.envelope(Verify(outcome="confirmed", text="属实"), request="r-1")
        if change == "command"
        else story.envelope(VERIFIED, request="r-1", means="phone")
    )
    story.refuses_envelope("request_reused", RECORDING, other)


@pytest.mark.clause("2.1.1(4)")
def test_a_refused_command_leaves_its_id_free() -> None:
    story = Story().intake()
    story.refuses("no_authority", "3.2.2(2)", VERIFIED, "county-police", request="r-1")
    story.do(VERIFIED, request="r-1")
    assert (
        engine.decide(story.plan, story.state, story.envelope(VERIFIED, request="r-1"), story.now)
        == ()
    )
