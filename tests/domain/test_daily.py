"""Daily reports by Beijing day: 3.2.3(2) for I-III, 4.6.2(1) for a IV response."""

from datetime import timedelta

import pytest

from domain.incident.commands import Establish, SubmitReport
from domain.plan import Plan
from tests.domain.story import QUALIFIED, Story, beijing, gaoqing

BOTH = ("county-government", "city-msa")


def iii(day: str) -> str:
    """The clock of one day's report of 3.2.3(2) to the city regulator."""
    return f"daily-i-iii/city-msa/{day}"


def grave(at: str = "14:00", **how: str) -> Story:
    """A level III incident, initial report given on the first day, second two hours met."""
    return Story(at=at).intake().report("initial", *BOTH).graded("III").report("urgent", *BOTH)


def ordinary() -> Story:
    """A IV response, started at 14:00."""
    return Story().intake().report("initial", *BOTH, "command-office").graded("IV").activate()


def reading(choice: str) -> Plan:
    """The county's plan with another answer to whether the initial report counts."""
    data = gaoqing().model_dump(mode="json")
    for entry in data["readings"]:
        if entry["id"] == "daily-day-zero":
            entry["choice"] = choice
    return Plan.model_validate(data)


# --- I-III -----------------------------------------------------------------------------------


@pytest.mark.clause("3.2.3(2)")
@pytest.mark.parametrize("level", ["I", "II", "III"])
def test_each_beijing_day_ends_at_midnight_and_the_next_one_begins(level: str) -> None:
    story = Story().intake().graded(level)
    story.expect_open(iii("2026-10-06"), due="2026-10-07 00:00")
    clock = story.clock(iii("2026-10-06"))
    assert (clock.owner, clock.kind, clock.clause) == ("county-msa", "statutory", "3.2.3(2)")
    assert {c.recipient for c in story.clocks("daily-i-iii")} == set(BOTH)
    story.at("23:59")
    assert len(story.clocks("daily-i-iii")) == 2
    story.at("2026-10-07 00:00").expect_unrecorded(iii("2026-10-06"))
    story.expect_open(iii("2026-10-07"), due="2026-10-08 00:00")


@pytest.mark.clause("3.2.3(2)")
def test_weekends_are_days() -> None:
    story = grave().at("2026-10-12 09:00")
    days = [c.id.rpartition("/")[2] for c in story.clocks("daily-i-iii") if "city" in c.id]
    assert days == [f"2026-10-{day:02}" for day in range(6, 13)]


@pytest.mark.clause("3.2.3(2)")
def test_neither_ungraded_nor_ordinary_incidents_owe_the_report_of_i_to_iii() -> None:
    Story().intake().at("2026-10-08 09:00").expect_no_clock("daily-i-iii")
    ordinary().at("2026-10-08 09:00").expect_no_clock("daily-i-iii")


@pytest.mark.clause("3.2.3(2)")
def test_the_initial_report_counts_on_the_first_day_and_on_no_other() -> None:
    story = grave().expect_met(iii("2026-10-06"))
    story.at("2026-10-07 10:00").report("initial", *BOTH)
    story.expect_open(iii("2026-10-07"))
    story.report("progress", *BOTH).expect_met(iii("2026-10-07"))


@pytest.mark.clause("3.2.3(2)")
def test_under_the_other_reading_the_first_day_asks_for_a_progress_report() -> None:
    story = Story(reading("progress_only")).intake().report("initial", *BOTH).graded("III")
    story.expect_open(iii("2026-10-06"))
    story.report("progress", *BOTH).expect_met(iii("2026-10-06"))


@pytest.mark.clause("3.2.3(2)")
@pytest.mark.parametrize("kind", ["urgent", "initial"])
def test_only_a_progress_report_is_the_days_report(kind: str) -> None:
    story = grave().at("2026-10-07 10:00").report(kind, *BOTH)
    story.expect_open(iii("2026-10-07"))


@pytest.mark.clause("3.2.3(2)")
def test_a_report_to_one_leaves_the_other_owed() -> None:
    story = grave().at("2026-10-07 10:00").report("progress", "county-government")
    story.expect_open(iii("2026-10-07"))


@pytest.mark.clause("3.2.3(2)")
def test_the_last_second_of_the_day_is_in_time_and_midnight_is_tomorrow() -> None:
    last = beijing("2026-10-07 23:59") + timedelta(seconds=59)
    story = grave().at(last).report("progress", *BOTH).expect_met(iii("2026-10-07"))
    story = grave().at("2026-10-08 00:00").report("progress", *BOTH)
    story.expect_unrecorded(iii("2026-10-07")).expect_met(iii("2026-10-08"))


@pytest.mark.clause("3.2.3(2)")
def test_yesterdays_report_given_today_is_late_and_not_todays() -> None:
    story = grave().at("2026-10-08 00:20").report("progress", *BOTH, day="2026-10-07")
    story.expect_met(iii("2026-10-07"), "late", late=timedelta(minutes=20))
    story.expect_open(iii("2026-10-08"))


@pytest.mark.clause("3.2.3(2)")
def test_tomorrows_report_cannot_be_given_today() -> None:
    story = grave().at("2026-10-07 22:00")
    ahead = SubmitReport.model_validate({"kind": "progress", "day": "2026-10-08"})
    story.refuses("day_ahead", "3.2.3(2)", ahead)
    # Nor by naming the day afterwards, for what was given before it began.
    story.at("2026-10-08 00:10").report("progress", *BOTH, day="2026-10-08", given="00:10")
    story.expect_met(iii("2026-10-08"))
    earlier = grave().at("2026-10-08 00:10")
    earlier.report("progress", *BOTH, day="2026-10-08", given="2026-10-07 23:50")
    earlier.expect_open(iii("2026-10-08")).expect_unrecorded(iii("2026-10-07"))


@pytest.mark.clause("3.2.3(2)")
def test_a_day_phoned_in_time_and_typed_after_midnight_is_on_time() -> None:
    story = grave().at("2026-10-08 00:40").expect_unrecorded(iii("2026-10-07"))
    story.report("progress", *BOTH, given="2026-10-07 23:50")
    story.expect_met(iii("2026-10-07"), "on_time_entered_late")


# --- the hour that a superior sets -----------------------------------------------------------


def ordered(hour: int, at: str) -> Story:
    """A level III response whose superior set the hour of the daily report at ``at``."""
    story = grave().at("15:00").order("start", "city-command", "III").at(at)
    return story.order("instruct", "city-command", daily_hour=hour)


@pytest.mark.clause("3.2.3(2)", "4.5")
def test_a_superiors_hour_binds_from_the_order_on() -> None:
    story = ordered(17, at="2026-10-07 09:00").expect_due(iii("2026-10-07"), "17:00")
    story.at("17:00").expect_unrecorded(iii("2026-10-07"))
    story.at("2026-10-08 01:00").expect_due(iii("2026-10-08"), "17:00")


@pytest.mark.clause("3.2.3(2)", "4.5")
def test_a_superiors_hour_judges_no_day_before_it() -> None:
    story = grave().at("15:00").order("start", "city-command", "III")
    story.at("2026-10-07 20:00").report("progress", *BOTH).at("2026-10-08 09:00")
    story.order("instruct", "city-command", daily_hour=17)
    story.expect_met(iii("2026-10-07")).expect_due(iii("2026-10-07"), "2026-10-08 00:00")
    story.expect_due(iii("2026-10-08"), "17:00")


@pytest.mark.clause("3.2.3(2)", "4.5")
def test_an_hour_that_has_passed_binds_from_tomorrow() -> None:
    story = ordered(17, at="2026-10-07 18:00")
    story.expect_due(iii("2026-10-07"), "2026-10-08 00:00")
    story.at("2026-10-08 08:00").expect_due(iii("2026-10-08"), "17:00")


@pytest.mark.clause("3.2.3(2)", "4.5")
def test_a_later_order_may_move_the_hour_either_way() -> None:
    story = ordered(17, at="2026-10-07 09:00").at("10:00")
    story.order("instruct", "city-command", daily_hour=20).expect_due(iii("2026-10-07"), "20:00")
    moved = [e for e in story.last if e.type == "clock.moved"]
    assert {e.data["reason"] for e in moved} == {"by decision"}
    story.at("21:00").order("instruct", "city-command", daily_hour=12)
    story.expect_due(iii("2026-10-07"), "20:00").at("2026-10-08 08:00")
    story.expect_due(iii("2026-10-08"), "12:00")


@pytest.mark.clause("3.2.3(2)", "4.5")
def test_an_hour_before_the_days_duty_began_asks_for_nothing() -> None:
    story = Story().intake().at("20:00")
    story.order("start", "city-command", "III", daily_hour=9)
    story.expect_due(iii("2026-10-06"), "2026-10-07 00:00")
    early = Story(at="08:00").intake().order("instruct", "city-msa", daily_hour=15)
    early.at("16:00").graded("III").expect_due(iii("2026-10-06"), "2026-10-07 00:00")


@pytest.mark.clause("3.2.3(2)", "4.6.3")
def test_an_upgrade_after_the_hour_does_not_give_the_day_back() -> None:
    story = ordered(12, at="2026-10-07 09:00").at("15:00").expect_unrecorded(iii("2026-10-07"))
    story.graded("II").expect_due(iii("2026-10-07"), "12:00")
    story.expect_unrecorded(iii("2026-10-07"))


@pytest.mark.clause("3.2.3(2)", "4.6.3")
def test_an_upgrade_in_mid_day_leaves_one_clock_for_the_day() -> None:
    story = grave().at("2026-10-07 15:00").graded("II")
    assert "clock.moved" not in story.types()
    story.at("2026-10-08 09:00")
    days = [c.id for c in story.clocks("daily-i-iii") if "city" in c.id]
    assert days == [iii(f"2026-10-0{day}") for day in (6, 7, 8)]


# --- when the level ends ---------------------------------------------------------------------


@pytest.mark.clause("4.6.3", "3.2.3(2)")
def test_the_day_on_which_superiors_lower_the_level_asks_for_no_report_any_more() -> None:
    story = grave().at("15:00").order("start", "city-command", "III").at("2026-10-07 11:00")
    story.order("adjust", "city-command", "IV").expect_level("IV")
    story.expect_cancelled(iii("2026-10-07"))
    story.at("2026-10-08 09:00")
    assert iii("2026-10-08") not in story.state.clocks
    story.expect_open("daily-iv/command-office/2026-10-08")


@pytest.mark.clause("4.6.3", "3.2.3(2)")
def test_a_report_already_overdue_stays_owed_when_the_level_ends() -> None:
    story = ordered(9, at="2026-10-06 15:30").at("2026-10-07 11:00")
    story.order("adjust", "city-command", "IV")
    story.expect_unrecorded(iii("2026-10-07"))
    story.report("progress", "city-msa").expect_met(
        iii("2026-10-07"), "late", late=timedelta(hours=2)
    )


@pytest.mark.clause("4.6.3", "3.2.3(2)")
def test_earlier_days_stay_owed_after_the_level_ended() -> None:
    story = grave().at("15:00").order("start", "city-command", "III").at("2026-10-08 11:00")
    story.order("end", "city-command").expect_unrecorded(iii("2026-10-07"))


@pytest.mark.clause("4.6.3")
def test_a_proposed_downgrade_keeps_every_duty() -> None:
    story = grave().at("2026-10-07 09:00").assess(findings={**QUALIFIED, "affected": 12})
    story.expect_level("III").at("2026-10-08 09:00").expect_open(iii("2026-10-08"))
    story.propose_adjustment("IV").at("2026-10-09 09:00").expect_open(iii("2026-10-09"))
    story.decide_adjustment("city-command").expect_cancelled(iii("2026-10-09"))


@pytest.mark.clause("3.2.3(2)")
def test_a_level_entered_late_owes_the_days_since_it_was_found() -> None:
    story = Story().intake().report("initial", *BOTH).at("2026-10-08 10:00")
    story.graded("III", when="2026-10-06 16:00", late_reason="当时只有纸质记录")
    story.expect_met(iii("2026-10-06")).expect_unrecorded(iii("2026-10-07"))
    story.expect_open(iii("2026-10-08"))


@pytest.mark.clause("4.1", "3.2.3(2)")
def test_days_between_the_end_and_a_reopening_ask_for_nothing() -> None:
    story = grave().at("15:00").order("start", "city-command", "III").at("2026-10-07 11:00")
    story.order("end", "city-command").at("2026-10-10 09:00").reopen()
    days = {c.id.rpartition("/")[2] for c in story.clocks("daily-i-iii") if c.status == "open"}
    assert days == {"2026-10-10"}
    story.at("2026-10-11 00:00").expect_open(iii("2026-10-11"))


# --- a response of ours: 日报制度, 4.6.2(1) ----------------------------------------------------


@pytest.mark.clause("4.6.2(1)", "4.6.2")
def test_a_iv_response_reports_daily_to_the_office_and_to_the_city_government() -> None:
    story = ordinary().at("2026-10-07 09:00")
    office = story.clock("daily-iv/command-office/2026-10-07")
    assert (office.kind, office.owner, office.due) == (
        "statutory",
        "county-msa",
        beijing("2026-10-08 00:00"),
    )
    city = story.clock("daily-iv-city/city-government/2026-10-07")
    assert (city.kind, city.clause) == ("internal", "4.6.2")
    story.report("progress", "command-office").expect_met(office.id).expect_open(city.id)
    story.expect_no_clock("daily-iv-command")


@pytest.mark.clause("4.6.2(1)")
def test_the_command_gets_the_daily_report_where_there_is_one() -> None:
    story = ordinary().at("15:00")
    story.do(Establish(what="command"), "county-government")
    clock = story.clock("daily-iv-command/county-command/2026-10-06")
    assert clock.owner == "command-office"
    story.report("progress", "county-command", by="command-office").expect_met(clock.id)


@pytest.mark.clause("4.6.2(1)")
def test_without_a_response_a_iv_incident_owes_no_daily_report() -> None:
    story = Story().intake().graded("IV").at("2026-10-08 09:00")
    story.expect_no_clock("daily-iv").expect_no_clock("daily-iv-city")


@pytest.mark.clause("4.6.2(1)", "3.2.3(2)", "4.6.1")
def test_a_iv_response_under_a_preliminary_iii_owes_both_each_under_its_clause() -> None:
    story = grave().activate("IV").at("2026-10-07 09:00")
    assert story.clock(iii("2026-10-07")).clause == "3.2.3(2)"
    assert story.clock("daily-iv/command-office/2026-10-07").clause == "4.6.2(1)"
    story.report("progress", *BOTH).expect_met(iii("2026-10-07"))
    story.expect_open("daily-iv/command-office/2026-10-07")


@pytest.mark.clause("4.6.2(1)", "4.5")
def test_when_the_city_takes_over_our_own_daily_report_ends() -> None:
    story = grave().activate("IV").at("2026-10-07 09:00")
    story.order("start", "city-command", "III")
    story.expect_cancelled("daily-iv/command-office/2026-10-07").expect_open(iii("2026-10-07"))


@pytest.mark.clause("4.6.2(1)", "4.6.4")
def test_the_daily_report_ends_with_the_response() -> None:
    story = ordinary().at("2026-10-07 15:00").terminate()
    story.expect_cancelled("daily-iv/command-office/2026-10-07").at("2026-10-09 09:00")
    assert len(story.clocks("daily-iv")) == 2


@pytest.mark.clause("4.6.2(1)")
def test_grave_urgent_matters_of_a_iv_response_are_reported_at_once() -> None:
    story = ordinary().at("16:00").correct(findings={**QUALIFIED, "affected": 13, "severe": 1})
    dues = {c.recipient: c.due for c in story.clocks("urgent-iv")}
    assert dues == dict.fromkeys(("command-office", "city-government"), beijing("16:15"))
    story.report("urgent", "city-government")
    assert story.opened("urgent-iv").recipient == "command-office"
    calm = Story().intake().graded("IV").correct(findings={**QUALIFIED, "severe": 1})
    calm.expect_no_clock("urgent-iv")


@pytest.mark.clause("3.2.3(2)")
def test_important_matters_of_i_to_iii_are_reported_at_once_each_anew() -> None:
    story = grave().at("16:00")
    story.correct(findings={**QUALIFIED, "affected": 21, "severe": 1, "deaths": 1})
    assert {c.due for c in story.clocks("important-matters")} == {beijing("16:15")}
    # What was reported before it happened did not report it.
    assert {c.status for c in story.clocks("important-matters")} == {"open"}
    story.report("urgent", *BOTH)
    assert {c.status for c in story.clocks("important-matters")} == {"met"}
    story.at("18:00").correct(findings={**QUALIFIED, "affected": 21, "severe": 1, "deaths": 1})
    assert {c.status for c in story.clocks("important-matters")} == {"met"}, "nothing got worse"
    story.at("19:00").correct(findings={**QUALIFIED, "affected": 21, "severe": 2, "deaths": 1})
    assert len([c for c in story.clocks("important-matters") if c.status == "open"]) == 2
