"""Duties of 4.6.2(3), 4.6.2(5), 3.3 and 3.3.1, and the limits of other laws (3.2.2(2))."""

from datetime import timedelta
from typing import Any

import pytest

from domain.incident.commands import CorrectFacts, DetermineCause, Establish, FactChanges
from domain.plan import Obligation
from tests.domain.story import Story, beijing, gaoqing

OTHER_LAWS = [duty for duty in gaoqing().obligations if not duty.enabled]
MOMENTS = {
    "discovered": "13:30",
    "received": "14:00",
    "seized": "13:40",
    "tested": "13:45",
    "recall": "13:50",
    "recalled": "13:55",
}


# --- 4.6.2(3), 4.6.2(5) ----------------------------------------------------------------------


@pytest.mark.clause("4.6.2(3)")
def test_firms_from_elsewhere_are_reported_to_the_city_regulator() -> None:
    story = Story().intake().report("initial", "city-msa").graded("IV").activate()
    story.expect_no_clock("outside-firm").at("16:00").correct(outside_firm=True)
    assert (story.opened("outside-firm").recipient, story.opened("outside-firm").due) == (
        "city-msa",
        beijing("17:00"),
    )
    # Neither what was reported before, nor a report to somebody else.
    story.report("progress", "city-government")
    clock = story.opened("outside-firm").id
    story.report("progress", "city-msa").expect_met(clock)


@pytest.mark.clause("4.6.2(3)")
def test_found_to_be_local_after_all_nothing_is_owed() -> None:
    story = Story().intake().correct(outside_firm=True)
    clock = story.opened("outside-firm").id
    story.correct(outside_firm=False).expect_cancelled(clock, "no longer owed")


@pytest.mark.clause("4.6.2(5)")
@pytest.mark.parametrize(
    ("command", "duty", "recipient"),
    [
        (True, "expert-conclusion", "county-command"),
        (False, "expert-conclusion-government", "county-government"),
    ],
)
def test_the_experts_conclusion_goes_to_the_command_or_without_one_to_the_government(
    command: bool, duty: str, recipient: str
) -> None:
    story = Story().intake().report("initial", "county-government").graded("IV").activate()
    if command:
        story.do(Establish(what="command"), "county-government")
    story.at("17:00").do(DetermineCause(cause="quality", conclusion="批次质量问题"))
    clocks = [c for c in story.state.clocks.values() if c.obligation.startswith("expert-")]
    assert [(c.obligation, c.recipient, c.due) for c in clocks] == [
        (duty, recipient, beijing("18:00"))
    ]
    story.deliver_notices().expect_met(clocks[0].id)


# --- 3.3, 3.3.1: what a finding asks of us upward ----------------------------------------------


@pytest.mark.clause("3.3")
@pytest.mark.parametrize("level", ["I", "II", "III", "IV"])
def test_each_finding_is_assessed_for_risk_upward(level: str) -> None:
    story = Story().intake().at("15:00").graded(level)
    assert {(c.recipient, c.due) for c in story.clocks("risk-assessment")} == {
        ("city-government", beijing("16:00")),
        ("city-msa", beijing("16:00")),
    }


@pytest.mark.clause("3.3.1")
def test_a_iv_that_has_occurred_asks_the_city_for_its_third_level_warning() -> None:
    story = Story().intake().at("15:00").graded("IV")
    assert story.opened_recipients("warning-request") == {"city-government", "city-msa"}
    Story().intake().graded("III").expect_no_clock("warning-request")


# --- other laws: 信息报送时限另有规定的，按有关规定执行 ---------------------------


def called_for(duty: Obligation) -> Story:
    """An incident that calls for a limit of another law, with every moment it may run from."""
    story = Story().intake(
        duty.reporters[0] if duty.reporters else "hospital",
        discovered=MOMENTS["discovered"],
        other_rules=[duty.id],
    )
    moments = {k: beijing(MOMENTS[k]) for k in ("seized", "tested", "recall", "recalled")}
    return story.do(CorrectFacts(changes=FactChanges.model_validate({"moments": moments})))


@pytest.mark.parametrize(
    "duty",
    [pytest.param(d, id=d.id, marks=pytest.mark.clause(d.clause)) for d in OTHER_LAWS],
)
def test_a_limit_of_another_law_runs_where_it_is_called_for_and_nowhere_else(
    duty: Obligation,
) -> None:
    story = called_for(duty)
    assert duty.within is not None
    due = beijing(MOMENTS[duty.basis]) + duty.within
    assert {(c.recipient, c.due) for c in story.clocks(duty.id)} == {
        (recipient, due) for recipient in duty.recipients
    }
    assert {(c.clause, c.kind, c.owner) for c in story.clocks(duty.id)} == {
        (duty.clause, duty.kind, duty.owner)
    }
    ordinary = Story().intake("producer", discovered="13:30", kind=(duty.kinds or ("other",))[0])
    ordinary.expect_no_clock(duty.id)


@pytest.mark.clause("3.2.2(2)", "突发公共卫生事件应急条例 20")
def test_another_laws_limit_stands_beside_our_own_and_may_come_first() -> None:
    story = Story().intake(learned="13:00", other_rules=["health-emergency-upward"])
    story.expect_due("health-emergency-upward/city-government", "15:00")
    story.expect_due("report-2h/city-msa", "15:00")
    story.report("initial", "city-government")
    story.expect_met("health-emergency-upward/city-government")
    story.expect_open("health-emergency-upward/city-health").expect_open("report-2h/city-msa")


@pytest.mark.clause("3.2.2(2)")
def test_an_unknown_limit_is_flagged_at_intake_and_refused_later() -> None:
    story = Story().intake(other_rules=["no-such-law"])
    assert story.state.flags == ("unknown_rules",)
    named = CorrectFacts(changes=FactChanges(other_rules=("no-such-law",)))
    story.refuses("unknown_obligation", "2.1.1(4)", named)


@pytest.mark.clause("药品不良反应报告和监测管理办法")
def test_a_limit_of_the_reporter_is_met_by_the_reporter() -> None:
    story = Story().intake("producer", discovered="13:30", other_rules=["law81-group-event"])
    told_us = "law81-group-event/county-msa"
    story.expect_met(told_us, "late", late=timedelta(minutes=15))
    story.report("initial", "county-health").expect_unrecorded("law81-group-event/county-adr")
    story.give(None, "county-adr", by="reporter", given="13:44")
    story.expect_met("law81-group-event/county-adr", "on_time_entered_late")


@pytest.mark.clause("药品管理法 100")
def test_the_earliest_moment_stated_governs() -> None:
    changes: dict[str, Any] = {"moments": {"seized": beijing("13:00")}}
    story = Story().intake(other_rules=["seizure-decision"]).correct(**changes)
    changes = {"moments": {"seized": beijing("13:30")}}
    story.correct(**changes)
    assert story.opened("seizure-decision").due == beijing("2026-10-13 13:00")
