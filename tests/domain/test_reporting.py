"""Chapters 3.2.1-3.2.2: who reports to whom, from which moment, and what meets the duty."""

from datetime import timedelta
from typing import Any

import pytest

from domain.incident.commands import GiveReport, SubmitReport, Verify, VoidEntry
from domain.incident.entries import Delivery
from tests.domain.story import Story, beijing

BOTH = ("county-government", "city-msa")
CITY = "report-2h/city-msa"
GOVERNMENT = "report-2h/county-government"

# --- the reporter's own duty, 3.2.2(1) ------------------------------------------------------


@pytest.mark.clause("3.2.2(1)", "3.2.1(1)", "3.2.1(2)", "3.2.1(5)", "3.2.1(6)", "3.2.2", "7.1")
@pytest.mark.parametrize(
    ("caller", "owed"),
    [
        ("producer", {"firm-to-city/city-msa": "14:05", "firm-to-county/county-msa": "14:05"}),
        ("holder", {"firm-to-city/city-msa": "14:05", "firm-to-county/county-msa": "14:05"}),
        ("wholesaler", {"firm-to-city/city-msa": "14:05", "firm-to-county/county-msa": "14:05"}),
        ("chain-hq", {"firm-to-city/city-msa": "14:05", "firm-to-county/county-msa": "14:05"}),
        (
            "online-platform",
            {"firm-to-city/city-msa": "14:05", "firm-to-county/county-msa": "14:05"},
        ),
        ("pharmacy", {"pharmacy-to-county/county-msa": "14:05"}),
        (
            "hospital",
            {
                "hospital-to-county/county-msa": "14:05",
                "hospital-to-health/county-health": "14:05",
            },
        ),
        (
            "cdc",
            {
                "hospital-to-county/county-msa": "14:05",
                "hospital-to-health/county-health": "14:05",
            },
        ),
        ("county-health", {"health-to-county/county-msa": "14:50"}),
        ("laboratory", {"others-to-county/county-msa": "14:50"}),
        ("department", {"others-to-county/county-msa": "14:50"}),
        ("public", {"others-to-county/county-msa": "14:50"}),
        ("msa", {}),
        ("adr-body", {}),
    ],
)
def test_each_reporter_owes_its_own_route_from_its_own_discovery(
    caller: str, owed: dict[str, str]
) -> None:
    story = Story().intake(caller, discovered="13:50")
    theirs = {c.id: c for c in story.state.clocks.values() if c.owner == "reporter"}
    assert set(theirs) == set(owed)
    for clock, due in owed.items():
        story.expect_due(clock, due)
        assert theirs[clock].kind == "internal", "the two hours are not written for reporters"
        # The report that opened the incident is what the reporter owed to us, and nobody else.
        told_us = theirs[clock].recipient == "county-msa"
        assert theirs[clock].status == ("met" if told_us else "open")


@pytest.mark.clause("3.2.2(1)")
def test_what_the_county_reports_is_not_the_reporters_merit() -> None:
    story = Story().intake("producer", discovered="13:50").report("initial", *BOTH)
    story.expect_open("firm-to-city/city-msa")
    story.give(None, "city-msa", by="reporter", given="14:02")
    story.expect_met("firm-to-city/city-msa")


@pytest.mark.clause("3.2.2(1)")
def test_what_the_reporter_told_the_city_is_not_the_countys_report() -> None:
    story = Story().intake("producer", discovered="13:50")
    story.give(None, "city-msa", by="reporter").expect_open(CITY)


@pytest.mark.clause("3.2.2(1)", "3.2.1(3)", "3.2.1(4)")
@pytest.mark.parametrize("caller", ["msa", "adr-body"])
def test_the_regulators_own_report_is_nobody_elses_duty(caller: str) -> None:
    story = Story().intake(caller)
    delivery = Delivery(recipient="city-msa", channel="phone")
    story.refuses("unknown_report", "2.1.1(4)", GiveReport(delivery=delivery))


@pytest.mark.clause("3.2.2(1)")
def test_an_outside_reporters_discovery_starts_its_own_duty_alone() -> None:
    # Typed by the hospital itself: 13:00 is its own knowledge; we know since we were told.
    story = Story().intake("hospital", learned="13:00", by="reporter", seat="reporter")
    story.expect_due("hospital-to-health/county-health", "13:15")
    story.expect_due(CITY, "16:00")
    assert story.clock(CITY).basis == beijing("14:00")
    assert story.clock("hospital-to-county/county-msa").verdict == "late"


@pytest.mark.clause("3.2.1(3)")
def test_the_monitoring_bodys_discovery_is_the_countys() -> None:
    Story().intake("adr-body", learned="13:00", by="county-adr", seat="county-adr").expect_due(
        CITY, "15:00"
    )


@pytest.mark.clause("3.2.2(1)")
def test_without_a_known_discovery_the_reporter_is_blamed_for_nothing() -> None:
    story = Story().intake("hospital")
    assert not any(c.owner == "reporter" for c in story.state.clocks.values())


# --- the county's two hours, 3.2.2(1) -------------------------------------------------------


@pytest.mark.clause("3.2.2(1)")
def test_two_hours_from_when_we_learned_to_each_recipient() -> None:
    story = Story().intake(learned="13:50")
    for clock in (CITY, GOVERNMENT):
        story.expect_open(clock, due="15:50")
        assert story.clock(clock).kind == "statutory"
        assert story.clock(clock).owner == "county-msa"
    assert {c.recipient for c in story.clocks("report-2h")} == set(BOTH)


@pytest.mark.clause("3.2.2(1)")
def test_one_report_meets_the_duty_to_its_recipient_and_to_no_other() -> None:
    story = Story().intake().at("14:20").report("initial", "city-msa")
    story.expect_met(CITY).expect_open(GOVERNMENT)
    story.report("initial", "city-health", "county-health", "city-government")
    story.expect_open(GOVERNMENT)
    story.give(story.last_report, "county-government").expect_met(GOVERNMENT)


@pytest.mark.clause("3.2.2(1)", "3.2.2(3)", "4.2")
def test_one_call_meets_every_duty_to_its_recipient() -> None:
    story = Story().intake().at("14:10").report("initial", "city-msa")
    for clock in (CITY, "report-city/city-msa", "early-report/city-msa"):
        story.expect_met(clock)


@pytest.mark.clause("3.2.2(1)")
@pytest.mark.parametrize("kind", ["initial", "progress", "urgent"])
def test_any_report_upward_is_a_report(kind: str) -> None:
    Story().intake().report(kind, "city-msa").expect_met(CITY)


@pytest.mark.clause("3.2.2(1)", "3.2.3(1)")
def test_a_report_nobody_was_given_meets_nothing() -> None:
    Story().intake().report("initial").expect_open(CITY)


@pytest.mark.clause("3.2.2(1)")
def test_exactly_two_hours_is_in_time_and_a_second_more_is_late() -> None:
    Story().intake().at("16:00").report("initial", "city-msa").expect_met(CITY)
    story = Story().intake()
    story.at(beijing("16:00") + timedelta(seconds=1)).report("initial", "city-msa")
    story.expect_met(CITY, "late", late=timedelta(seconds=1))


@pytest.mark.clause("3.2.2(1)", "3.2.2(2)")
@pytest.mark.parametrize("outcome", ["pending", "confirmed", "ruled_out"])
def test_verification_pauses_no_clock(outcome: str) -> None:
    story = Story().intake().at("14:30")
    story.do(Verify.model_validate({"outcome": outcome, "text": "待核实"}))
    story.expect_open(CITY, due="16:00").at("16:00").expect_unrecorded(CITY)


@pytest.mark.clause("3.2.2(1)", "3.2.3(1)")
def test_nothing_stands_before_the_initial_report() -> None:
    # No verification, no grade, no signature, not one field filled in.
    story = Story().intake().report("initial", *BOTH)
    story.expect_met(CITY).expect_met(GOVERNMENT).expect_level(None)
    assert story.state.verified is None


@pytest.mark.clause("3.2.2(1)")
def test_knowledge_stated_earlier_moves_the_clock_earlier() -> None:
    story = Story().intake().at("14:30").correct(learned_at=beijing("13:00"))
    story.expect_open(CITY, due="15:00")
    assert "clock.moved" in story.types()


@pytest.mark.clause("3.2.2(1)")
def test_knowledge_stated_later_moves_nothing() -> None:
    story = Story().intake(learned="13:00").at("14:30").correct(learned_at=beijing("14:00"))
    story.expect_open(CITY, due="15:00")
    assert "clock.moved" not in story.types()


@pytest.mark.clause("3.2.2(1)")
def test_a_wrong_knowledge_time_is_voided_and_the_clock_goes_back() -> None:
    story = Story().intake().correct(learned_at=beijing("12:00")).expect_unrecorded(CITY)
    corrected = next(e.seq for e in story.events if e.type == "facts.corrected")
    story.do(VoidEntry(seq=corrected, reason="时间录错"))
    story.expect_open(CITY, due="16:00")
    story.at("16:00").expect_unrecorded(CITY)


@pytest.mark.clause("3.2.2(1)")
def test_knowledge_corrected_after_the_report_judges_it_anew() -> None:
    story = Story().intake().at("15:50").report("initial", "city-msa").expect_met(CITY)
    story.at("18:00").correct(learned_at=beijing("13:00"))
    story.expect_met(CITY, "late", late=timedelta(minutes=50)).expect_due(CITY, "15:00")


@pytest.mark.clause("3.2.2(1)")
def test_a_report_given_proves_that_we_knew() -> None:
    story = Story().intake(learned="14:00").at("14:30").report("initial", "city-msa", given="13:40")
    story.expect_met(CITY).expect_due(GOVERNMENT, "15:40")


@pytest.mark.clause("3.2.2(1)", "3.2.2(3)")
def test_a_call_noted_on_paper_counts_from_when_it_came() -> None:
    # Keyed in at 14:00 after an outage, the form's knowledge time left at now.
    story = Story().intake(when="12:30").expect_due(CITY, "14:30")
    story.expect_due("report-city/city-government", "12:45")
    assert "clock.unrecorded" in story.types()
    assert story.events[0].occurred == beijing("12:30")


# --- 3.2.2(3), 4.2, 4.2(5), 6.3, 3.2.2(4) ---------------------------------------------------


@pytest.mark.clause("3.2.2(3)")
def test_city_government_regulator_and_health_are_told_at_once_one_receipt_each() -> None:
    story = Story().intake()
    for body in ("city-government", "city-msa", "city-health"):
        story.expect_open(f"report-city/{body}", due="14:15")
        assert story.clock(f"report-city/{body}").kind == "internal"
    story.report("initial", "city-government").expect_met("report-city/city-government")
    story.expect_open("report-city/city-health")


@pytest.mark.clause("4.2(5)", "3.2.2(3)")
def test_city_health_and_county_health_are_both_told() -> None:
    story = Story().intake().report("initial", "city-health")
    story.expect_met("report-city/city-health").expect_open("county-health-told/county-health")
    story.deliver_notices().expect_met("county-health-told/county-health")
    story.expect_due("county-health-told/county-health", "15:00")


@pytest.mark.clause("4.2")
def test_government_and_superior_regulator_hear_of_the_early_handling() -> None:
    story = Story().intake()
    for body in BOTH:
        story.expect_open(f"early-report/{body}", due="15:00")


@pytest.mark.clause("6.3")
def test_county_health_is_called_to_the_rescue_at_once() -> None:
    story = Story().intake(people="6人", harm=True)
    story.expect_open("rescue/county-health", due="14:15")
    task = story.state.tasks[story.task("rescue")]
    assert (task.owner, task.due) == ("county-health", beijing("14:15"))
    assert story.notices("county-health", "informed")
    story.deliver_notices().expect_met("rescue/county-health")


@pytest.mark.clause("6.3")
def test_where_nobody_is_harmed_nobody_is_rescued() -> None:
    story = Story().intake(harm=False).expect_no_clock("rescue")
    assert not [t for t in story.state.tasks.values() if t.item in ("rescue", "treat")]


@pytest.mark.clause("6.3")
def test_found_to_have_harmed_nobody_the_rescue_is_called_off() -> None:
    story = Story().intake(harm=True).correct(harm=False)
    story.expect_cancelled("rescue/county-health", "no longer owed")


@pytest.mark.clause("6.3")
def test_harm_that_becomes_known_later_starts_the_rescue_then() -> None:
    story = Story().intake(harm=False).at("17:00").correct(harm=True)
    assert story.opened("rescue").due == beijing("17:15")
    assert story.state.tasks[story.task("rescue")].due == beijing("17:15")
    assert len([t for t in story.state.tasks.values() if t.item == "seal"]) == 1


@pytest.mark.clause("3.2.2(4)", "附件2 县委统战部")
@pytest.mark.parametrize(
    ("fact", "duty", "body"),
    [
        ("abroad", "foreign-affairs", "county-commerce"),
        ("compatriots", "compatriots", "county-united-front"),
    ],
)
def test_foreigners_and_compatriots_are_told_to_the_right_body(
    fact: str, duty: str, body: str
) -> None:
    became_known: dict[str, Any] = {fact: True}
    story = Story().intake().expect_no_clock(duty).at("16:00").correct(**became_known)
    assert (story.opened(duty).recipient, story.opened(duty).due) == (body, beijing("17:00"))
    story.report("urgent", "city-msa", "county-government")
    assert story.opened(duty).status == "open", "a report to others is no notice to this body"
    story.deliver_notices()
    assert [c.verdict for c in story.clocks(duty)] == ["on_time"]


@pytest.mark.clause("3.2.2")
def test_a_step_may_be_skipped_in_an_emergency_and_says_why() -> None:
    story = Story().intake()
    skipping = Delivery(recipient="province-mpa", channel="phone")
    story.refuses(
        "skip_reason_missing", "3.2.3(1)", SubmitReport(kind="initial", given=(skipping,))
    )
    reason = "死亡3人,情况紧急"
    told = Delivery(recipient="province-mpa", channel="phone", skip_reason=reason)
    story.do(SubmitReport(kind="initial", given=(told,)))
    assert story.state.reports[story.last_report].given[0].skip_reason == reason
    story.expect_open(CITY)


@pytest.mark.clause("3.2.2(2)", "3.2.2(1)")
def test_a_call_to_the_governments_duty_room_reaches_the_government() -> None:
    story = Story().intake().report("initial", "county-government-duty").expect_met(GOVERNMENT)
    # The whole is not its part: the office is not told by telling the bureau.
    iv = Story().intake().graded("IV").activate().at("2026-10-07 09:00")
    iv.report("progress", "county-msa").expect_open("daily-iv/command-office/2026-10-07")
    theirs = Story().intake("producer", discovered="13:50", learned="13:58")
    theirs.give(None, "duty", by="reporter", given="13:52")
    theirs.expect_met("firm-to-county/county-msa")
    assert theirs.clock("firm-to-county/county-msa").met_at == beijing("13:52")
    story.expect_open(CITY)
