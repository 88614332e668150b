"""Telephone calls of the duty seat: they answer for bodies, and give superiors what is owed."""

from datetime import timedelta

import pytest

from domain.incident.commands import (
    Dismiss,
    ReassignTask,
    RecordCall,
)
from domain.incident.view import waiting_for
from tests.domain.later import Story
from tests.domain.telling import (
    DUTY,
    HEALTH,
    OFFICE,
    informed,
    passing,
    sent,
)

# --- the telephone --------------------------------------------------------------------------


@pytest.mark.clause("3.2.4")
def test_what_no_channel_takes_falls_to_the_telephone() -> None:
    story = Story().intake()
    story.fail_notice(informed(story).id)
    (call,) = story.state.open_calls
    assert (call.recipient, call.reason) == (HEALTH, "failed")
    assert story.notices(DUTY, "call")
    assert informed(story).status == "failed"
    assert DUTY in waiting_for(story.plan, story.state)


@pytest.mark.clause("3.2.4")
def test_who_is_reached_by_telephone_alone_is_telephoned() -> None:
    story = Story().intake()
    message = next(m for m in story.state.messages.values() if m.recipient == HEALTH)
    story.arrived(message.id, channels=("inbox",), phone_only=True)
    (call,) = story.state.open_calls
    assert (call.recipient, call.reason) == (HEALTH, "phone_only")


@pytest.mark.clause("2.1.1(2)")
def test_who_does_not_answer_in_writing_is_telephoned_once() -> None:
    story = passing(sent(Story().intake()), minutes=45)
    calls = [c for c in story.state.open_calls if c.recipient == HEALTH]
    assert [c.reason for c in calls] == ["unanswered"]
    assert calls[0].at == story.events[0].recorded + timedelta(minutes=10)
    assert DUTY not in {c.recipient for c in story.state.calls.values()}, "nobody calls himself"


@pytest.mark.clause("3.2.4")
def test_a_call_answers_everything_that_is_read_out_in_it() -> None:
    story = passing(sent(Story().intake()), minutes=9)
    call = RecordCall(recipient=HEALTH, taken_by="值班员李某")
    notices = story.notices(HEALTH)
    story.at("14:13").do(call, DUTY, means="phone", when="14:12")
    notices = [story.state.notices[n.id] for n in notices]
    assert all(n.acknowledged_at == story.moment("14:12") for n in notices)
    assert {n.acknowledged_by for n in notices} == {HEALTH}
    assert HEALTH not in {c.recipient for c in story.state.open_calls}
    assert [n for n in story.notices(DUTY, "call") if n.open and HEALTH in n.ref] == []
    (made,) = [e for e in story.last if e.type == "call.made"]
    assert made.data["taken_by"] == "值班员李某"


@pytest.mark.clause("3.2.4")
def test_a_call_that_nobody_takes_is_on_record_and_leaves_everything_open() -> None:
    story = passing(sent(Story().intake()), minutes=11)
    story.do(RecordCall(recipient=HEALTH, answered=False), DUTY)
    assert all(n.unanswered for n in story.notices(HEALTH) if n.pursued)
    (call,) = [c for c in story.state.open_calls if c.recipient == HEALTH]
    assert call.attempts == 1
    story.refuses("taken_by_missing", "3.2.4", RecordCall(recipient=HEALTH), DUTY)


@pytest.mark.clause("3.2.2(1)", "3.2.4")
def test_a_call_upward_gives_the_first_report_and_meets_every_duty_to_its_recipient() -> None:
    story = Story().intake(learned="13:50").at("14:20")
    story.do(RecordCall(recipient="city-msa", taken_by="市局值班员"), DUTY, means="phone")
    story.expect_met("report-2h/city-msa")
    (report,) = story.state.reports.values()
    assert (report.kind, report.given[0].taken_by) == ("initial", "市局值班员")
    story.at("14:22").do(RecordCall(recipient="county-government", taken_by="值班室"), DUTY)
    story.expect_met("report-2h/county-government")
    assert len(story.state.reports) == 1, "the same report, given to one more"
    assert {g.recipient for g in story.state.reports[report.id].given} == {
        "city-msa",
        "county-government",
    }


@pytest.mark.clause("3.2.3(2)")
def test_a_call_of_a_later_day_gives_a_progress_report() -> None:
    story = Story().intake().graded("III")
    for body in ("city-msa", "county-government"):
        story.do(RecordCall(recipient=body, taken_by="值班员"), DUTY)
    story.at("2026-10-07 15:00")
    owed = [c.id for c in story.state.open_clocks if c.recipient == "city-msa" and c.day]
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY)
    assert owed
    for clock in owed:
        if clock.endswith("2026-10-07"):
            story.expect_met(clock)
    assert [r.kind for r in story.state.reports.values()] == ["initial", "progress"]


@pytest.mark.clause("3.2.4")
def test_who_may_not_report_upward_may_not_do_so_by_telephone_either() -> None:
    story = Story().intake()
    call = RecordCall(recipient="city-msa", taken_by="值班员")
    story.refuses("no_authority", "3.2.4", call, HEALTH)


@pytest.mark.clause("3.2.4")
def test_a_call_answers_nothing_that_came_up_after_it() -> None:
    """Made at 14:10, keyed in at 14:30: what was queued at 14:20 has not been read out."""
    story = passing(sent(Story().intake()), minutes=20)
    task = story.task("inspect")
    story.do(ReassignTask(task=task, owner=HEALTH, reason="属地"), OFFICE, seat=OFFICE)
    passing(story, minutes=10)
    call = RecordCall(recipient=HEALTH, taken_by="李某")
    story.do(call, DUTY, means="phone", when="14:10")
    late = [n for n in story.notices(HEALTH, "tasks") if n.queued_at > story.moment("14:16")]
    assert late
    assert all(n.unanswered for n in late)
    assert informed(story).acknowledged_at == story.moment("14:10")


@pytest.mark.clause("3.2.4")
def test_a_call_answers_what_the_sheet_named_and_no_more() -> None:
    story = sent(Story().intake())
    tasks, told = story.notices(HEALTH, "tasks")[0], informed(story)
    story.do(RecordCall(recipient=HEALTH, taken_by="李某", notices=(tasks.id,)), DUTY)
    assert not story.state.notices[tasks.id].unanswered
    assert story.state.notices[told.id].unanswered
    unknown = RecordCall(recipient=HEALTH, taken_by="李某", notices=("n99.1",))
    story.refuses("unknown_notice", "2.1.1(4)", unknown, DUTY)


@pytest.mark.clause("3.2.2(1)")
def test_what_a_hospital_owes_is_not_ours_to_give_by_telephone() -> None:
    story = sent(Story().intake(caller="hospital", discovered="13:00"))
    theirs = [c for c in story.state.open_clocks if c.recipient == HEALTH]
    assert {c.owner for c in theirs} == {"reporter"}
    story.do(RecordCall(recipient=HEALTH, taken_by="李某"), DUTY)
    assert story.state.reports == {}
    assert all(story.clock(c.id).status == "open" for c in theirs)


@pytest.mark.clause("3.2.3(2)")
def test_after_a_dismissal_a_call_gives_the_correction() -> None:
    story = sent(Story().intake())
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY)
    story.do(Dismiss(reasons="误报"))
    (owed,) = [c.id for c in story.clocks("correction-dismissed") if c.recipient == "city-msa"]
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY).expect_met(owed)
    assert [r.about for r in story.state.reports.values() if r.kind == "correction"] == [
        "dismissal"
    ]


@pytest.mark.clause("3.2.3(2)")
def test_a_call_corrects_the_report_that_was_voided() -> None:
    story = Story().intake().report("initial", "city-msa").report("progress", "city-msa")
    wrong = story.last_report
    story.void(story.state.reports[wrong].seq)
    (owed,) = [c.id for c in story.clocks("correction-voided") if c.status == "open"]
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY).expect_met(owed)
    assert story.state.reports[story.last_report].about == wrong


def test_a_report_that_was_voided_is_not_given_once_more() -> None:
    story = Story().intake().report("initial", "county-government")
    story.void(story.state.reports[story.last_report].seq)
    story.do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY)
    assert [(r.kind, r.voided) for r in story.state.reports.values()] == [
        ("initial", True),
        ("initial", False),
    ]


def test_yesterdays_progress_report_is_not_given_for_today() -> None:
    story = Story().intake().graded("III")
    for body in ("city-msa", "county-government"):
        story.do(RecordCall(recipient=body, taken_by="值班员"), DUTY)
    for day in ("2026-10-07 15:00", "2026-10-08 15:00"):
        story.at(day).do(RecordCall(recipient="city-msa", taken_by="值班员"), DUTY)
    days = [c for c in story.state.clocks.values() if c.day and c.recipient == "city-msa"]
    assert {c.status for c in days if str(c.day) in ("2026-10-07", "2026-10-08")} == {"met"}
    assert [r.kind for r in story.state.reports.values()].count("progress") == 2


@pytest.mark.clause("3.2.2(2)")
def test_a_call_to_a_duty_room_reaches_the_whole_it_belongs_to() -> None:
    story = Story().intake()
    story.do(RecordCall(recipient="county-government-duty", taken_by="值班员"), DUTY)
    story.expect_met("report-2h/county-government")
