"""Clocks: reminders, due moments, verdicts; judged by when a thing occurred (E2, E3)."""

from datetime import timedelta

import pytest

from domain import clocks
from domain.base import beijing_text
from domain.incident import view
from domain.incident.commands import Close, DetermineCause, Dismiss, VoidEntry
from domain.incident.envelope import Envelope
from domain.incident.observations import NoticeOutcome
from domain.plan import Plan
from store.texts import notice_text
from tests.domain.story import Story, beijing, gaoqing

BOTH = ("county-government", "city-msa")
CITY = "report-2h/city-msa"
GOVERNMENT = "report-2h/county-government"
MINUTE = timedelta(minutes=1)


def events(story: Story, kind: str, clock: str = CITY) -> list[str]:
    """The Beijing hours at which events of a kind about a clock were recorded."""
    return [
        beijing_text(event.recorded).partition(" ")[2]
        for event in story.events
        if event.type == kind and event.data["clock"] == clock
    ]


# --- before the due moment -------------------------------------------------------------------


@pytest.mark.clause("3.2.2")
def test_reminders_of_a_statutory_clock_come_at_60_30_and_10_minutes() -> None:
    story = Story().intake().at("16:30")
    assert events(story, "clock.reminded") == ["15:00", "15:30", "15:50"]
    assert events(story, "clock.unrecorded") == ["16:00"]


@pytest.mark.clause("3.2.2")
def test_an_internal_target_is_reminded_of_once_and_says_that_it_is_internal() -> None:
    story = Story().intake().at("14:10")
    assert events(story, "clock.reminded", "report-city/city-health") == ["14:10"]
    (notice,) = [
        n
        for n in story.notices("duty", "reminder")
        if "report-city/city-health" in n.ref.split() and not n.statutory
    ]
    title, text = notice_text(story.plan, story.state, notice)
    assert "内控" in text.zh
    assert "internal target" in text.en
    assert "GQ-1" in title.zh


@pytest.mark.clause("3.2.2", "3.2.2(1)")
def test_the_statutory_clock_is_not_called_internal() -> None:
    story = Story().intake().at("15:00")
    (notice,) = [n for n in story.notices("duty", "reminder") if n.statutory]
    text = notice_text(story.plan, story.state, notice)[1]
    assert "时限2026-10-06 16:00" in text.zh
    assert "内控" not in text.zh
    # 立即 and 及时 are marked wherever clocks are listed.
    lines = view.details(story.plan, story.state, story.now).splitlines()
    assert any("内控" in line and "4.2(5)" in line for line in lines)
    assert not any("内控" in line and "3.2.2(1)" in line for line in lines)


@pytest.mark.clause("3.2.2")
def test_reminders_that_had_passed_when_the_clock_began_are_not_sent() -> None:
    story = Story().intake(learned="12:20").at("14:20")
    assert events(story, "clock.reminded") == ["14:10"]


@pytest.mark.clause("3.2.2")
def test_a_met_clock_reminds_nobody() -> None:
    story = Story().intake().report("initial", *BOTH).at("17:00")
    assert events(story, "clock.reminded") == events(story, "clock.unrecorded") == []


@pytest.mark.clause("3.2.2")
def test_reminders_and_alarms_go_to_our_own_people_never_upward() -> None:
    story = Story().intake("hospital", discovered="13:00").graded("III").at("2026-10-08 09:00")
    told = {n.recipient for n in story.state.notices.values()}
    assert {story.plan.body_by_id[body].tier for body in told} == {"county"}
    late = {n.recipient for n in story.state.notices.values() if n.subject == "unrecorded"}
    assert {"duty", "county-msa", "command-office"} <= late


@pytest.mark.clause("3.2.2")
def test_the_next_moments_are_the_reminder_then_the_due_moment() -> None:
    story = Story().intake()

    def moment() -> object:
        return clocks.next_moments(story.plan, story.state, story.now).get(CITY)

    assert moment() == beijing("15:00")
    story.at("15:50")
    assert moment() == beijing("16:00")
    story.at("16:00")
    assert moment() is None
    assert "day" not in clocks.next_moments(story.plan, story.state, story.now)


@pytest.mark.clause("3.2.3(2)")
def test_midnight_wakes_the_incident_while_days_count() -> None:
    story = Story().intake().graded("III")
    assert clocks.next_moments(story.plan, story.state, story.now)["day"] == beijing(
        "2026-10-07 00:00"
    )


# --- at the due moment and after it ----------------------------------------------------------


@pytest.mark.clause("3.2.2(1)", "突发事件应对法 61")
def test_at_the_due_moment_the_record_says_that_nothing_is_recorded_not_that_it_is_late() -> None:
    story = Story().intake().at("16:00").expect_unrecorded(CITY)
    assert events(story, "clock.unrecorded") == ["16:00"]
    assert [c.id for c in view.overdue(story.state, story.now)].count(CITY) == 1
    story.at("2026-10-09 09:00")
    assert events(story, "clock.unrecorded") == ["16:00"], "it is said once"


@pytest.mark.clause("3.2.2(1)")
def test_phoned_in_time_and_typed_later_is_on_time_and_both_times_stay() -> None:
    story = Story().intake().at("17:00").expect_unrecorded(CITY)
    story.report("initial", "city-msa", given="15:50", late_reason="值班人员先处置后补录")
    story.expect_met(CITY, "on_time_entered_late")
    clock = story.clock(CITY)
    assert (clock.met_at, clock.met_recorded) == (beijing("15:50"), beijing("17:00"))
    assert clock.unrecorded_at == beijing("16:00")
    met = next(e for e in story.last if e.type == "clock.met")
    assert (met.occurred, met.recorded) == (beijing("15:50"), beijing("17:00"))


@pytest.mark.clause("3.2.2(1)", "突发事件应对法 61")
def test_given_late_is_late_by_so_much() -> None:
    story = Story().intake().at("16:25").report("initial", "city-msa")
    story.expect_met(CITY, "late", late=25 * MINUTE)


@pytest.mark.clause("3.2.2(1)")
def test_received_in_time_and_recorded_late_by_the_worker_is_on_time() -> None:
    # No worker took the signal until 18:00; the API had it at 15:55.
    story = Story().intake().at("15:50")
    story.now = beijing("18:00")
    story.report("initial", "city-msa", received="15:55").expect_met(CITY)
    assert GOVERNMENT in {e.data["clock"] for e in story.last if e.type == "clock.unrecorded"}


@pytest.mark.clause("3.2.2(1)")
def test_an_earlier_report_entered_late_does_not_tarnish_one_given_in_time() -> None:
    story = Story().intake().at("15:00").report("initial", "city-msa").at("17:00")
    story.give(story.last_report, "city-msa", given="14:30", late_reason="补录第一次电话")
    story.expect_met(CITY, "on_time")


@pytest.mark.clause("3.2.2(1)")
def test_a_late_entry_of_a_call_in_time_lifts_the_verdict_late() -> None:
    story = Story().intake().at("16:30").report("initial", "city-msa")
    story.expect_met(CITY, "late", late=30 * MINUTE).at("17:00")
    story.give(story.last_report, "city-msa", given="15:30", late_reason="查到通话记录")
    story.expect_met(CITY, "on_time_entered_late")


@pytest.mark.clause("3.2.2(1)", "3.2.2")
def test_knowledge_long_before_the_entry_is_overdue_at_birth_and_heard_of_at_once() -> None:
    story = Story().intake(learned="09:00")
    story.expect_unrecorded(CITY).expect_due(CITY, "11:00")
    kinds = [e.type for e in story.last if e.data.get("clock") == CITY or e.type == "clock.opened"]
    assert kinds.index("clock.opened") < kinds.index("clock.unrecorded")
    assert any(CITY in n.ref.split() for n in story.notices("duty", "unrecorded"))
    assert any(CITY in n.ref.split() for n in story.notices("county-msa", "unrecorded"))
    assert not events(story, "clock.reminded")
    opened = next(e for e in story.last if e.type == "clock.opened")
    assert (opened.occurred, opened.recorded) == (beijing("09:00"), beijing("14:00"))


@pytest.mark.clause("3.2.2(1)")
def test_knowledge_long_before_and_reported_in_time_is_settled_by_the_late_entry() -> None:
    story = Story().intake(learned="09:00")
    story.report("initial", *BOTH, given="10:30", late_reason="外勤,返回后补录")
    story.expect_met(CITY, "on_time_entered_late").expect_met(GOVERNMENT, "on_time_entered_late")


@pytest.mark.clause("3.2.2(1)")
def test_a_clock_moved_before_now_is_heard_of_at_once() -> None:
    story = Story().intake().at("14:30").correct(learned_at=beijing("10:00"))
    story.expect_unrecorded(CITY)
    assert {"clock.moved", "clock.unrecorded", "notices.queued"} <= set(story.types())


@pytest.mark.clause("3.2.2(1)")
def test_a_clock_moved_earlier_reminds_anew_of_what_still_lies_ahead() -> None:
    story = Story().intake().at("14:05").correct(learned_at=beijing("13:30")).at("16:00")
    assert events(story, "clock.reminded") == ["14:30", "15:00", "15:20"]


# --- voided, cancelled, reopened -------------------------------------------------------------


@pytest.mark.clause("3.2.3(2)")
def test_a_voided_report_opens_the_clock_it_had_met() -> None:
    story = Story().intake().at("14:20").report("initial", "city-msa").expect_met(CITY)
    seq = story.state.reports[story.last_report].seq
    story.at("14:40").do(VoidEntry(seq=seq, reason="报错事件"))
    story.expect_open(CITY, due="16:00").at("16:10").expect_unrecorded(CITY)
    assert events(story, "clock.reminded") == ["15:00", "15:30", "15:50"]


@pytest.mark.clause("3.2.3(2)")
def test_a_voided_delivery_opens_only_what_it_had_met() -> None:
    story = Story().intake().report("initial", "county-government").at("14:20")
    story.give(story.last_report, "city-msa").expect_met(CITY)
    given = next(e.seq for e in story.last if e.type == "report.given")
    story.do(VoidEntry(seq=given, reason="电话未接通"))
    story.expect_open(CITY).expect_met(GOVERNMENT)


@pytest.mark.clause("3.2.3(2)")
def test_a_clock_opened_again_past_its_due_moment_is_heard_of_again() -> None:
    story = Story().intake().at("17:00")
    story.report("initial", "city-msa", given="15:50", late_reason="补录")
    seq = story.state.reports[story.last_report].seq
    story.at("17:30").do(VoidEntry(seq=seq, reason="并未报出"))
    story.expect_unrecorded(CITY)
    assert events(story, "clock.unrecorded") == ["16:00", "17:30"]


@pytest.mark.clause("3.2.2(2)")
def test_a_dismissal_cancels_what_was_owed_and_says_so() -> None:
    story = Story().intake().at("15:00").do(Dismiss(reasons="经核实不属药品安全事件"))
    story.expect_cancelled(CITY, "dismissed").at("17:00")
    assert events(story, "clock.unrecorded") == []


@pytest.mark.clause("3.2.2(2)")
def test_a_breach_stays_on_record_through_a_dismissal() -> None:
    story = Story().intake().at("17:00").do(Dismiss(reasons="经核实不属药品安全事件"))
    story.expect_cancelled(CITY, "dismissed")
    assert story.clock(CITY).unrecorded_at == beijing("16:00")


@pytest.mark.clause("4.1", "3.2.2(2)")
def test_a_dismissed_incident_reopened_owes_again_what_it_owed() -> None:
    story = Story().intake().report("initial", "city-msa").at("15:00")
    story.do(Dismiss(reasons="误报")).at("2026-10-08 09:00").reopen()
    story.expect_met(CITY).expect_unrecorded(GOVERNMENT)
    assert any(GOVERNMENT in n.ref.split() for n in story.notices("duty", "unrecorded"))


@pytest.mark.clause("5.3")
def test_nothing_statutory_is_closed_away() -> None:
    story = Story().intake().at("17:00").graded("IV").activate().terminate()
    story.do(DetermineCause(cause="other", conclusion="偶合"))
    story.refuses("not_ready_to_close", "5.3", Close(text="办结"), "command-office")
    assert story.clock(CITY).status == "open"


# --- notices that meet a duty ----------------------------------------------------------------


@pytest.mark.clause("4.2(5)")
def test_only_the_notice_about_a_duty_meets_it_and_only_once_a_channel_took_it() -> None:
    story = Story().intake().at("14:05")
    told = "county-health-told/county-health"
    story.expect_open(told)
    informed = story.notices("county-health", "informed")
    assert {ref for n in informed for ref in n.ref.split()} >= {told, "rescue/county-health"}
    # Neither the tasks nor a reminder of the duty do what the notice about it does.
    for notice in story.notices("county-health", "tasks"):
        outcome = NoticeOutcome(notice=notice.id, accepted=("inbox",))
        story.send(Envelope(received=story.now, command=outcome))
    story.expect_open(told)
    story.send(
        Envelope(
            received=story.now,
            command=NoticeOutcome(notice=informed[0].id, failure="no channel took it"),
        )
    )
    story.expect_open(told)
    assert story.notices("duty", "failed"), "people must telephone instead"


@pytest.mark.clause("4.2(5)")
def test_a_reminder_tells_its_hearer_nothing_of_the_matter() -> None:
    data = gaoqing().model_dump(mode="json")
    data["reminders"]["owner_hears"] = ["county-health"]
    story = Story(Plan.model_validate(data)).intake().at("14:56")
    (reminder,) = [
        n
        for n in story.notices("county-health", "reminder")
        if "county-health-told/county-health" in n.ref.split()
    ]
    accepted = NoticeOutcome(notice=reminder.id, accepted=("inbox",))
    story.send(Envelope(received=story.now, command=accepted))
    story.expect_open("county-health-told/county-health")


@pytest.mark.clause("4.2(5)")
def test_a_telephone_call_does_what_the_notice_would_have_done() -> None:
    story = Story().intake().report("initial", "county-health")
    story.expect_met("county-health-told/county-health").expect_met("rescue/county-health")
