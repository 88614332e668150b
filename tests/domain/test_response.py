"""Chapters 4.1, 4.3-4.6: who starts, adjusts and ends a response, and what follows from it."""

import pytest

from domain.incident.commands import (
    Condition,
    DecideActivation,
    DecideAdjustment,
    ProposeActivation,
    ProposeAdjustment,
    ProposeTermination,
    RecordOrder,
)
from domain.incident.entries import Held
from tests.domain.story import Story, beijing

BOTH = ("county-government", "city-msa")
LEADS = {"I": "nation-command", "II": "province-command", "III": "city-command"}
CLAUSES = {"I": "4.3", "II": "4.4", "III": "4.5"}
SUPERIOR = ["I", "II", "III"]
OFFICE = {"by": "command-office", "seat": "command-office"}


def activation(level: str) -> ProposeActivation:
    """A complete proposal of a response at a level."""
    return ProposeActivation(
        level=level,
        area="全县",
        scope="涉事批号",
        reasons="达到标准",
        expected_duration="14日",
        measures="按方案处置",
    )


def responding() -> Story:
    """A IV response of the county's own."""
    return Story().intake().report("initial", *BOTH).graded("IV").activate()


def led(level: str) -> Story:
    """A response that superiors started and lead."""
    story = Story().intake().report("initial", *BOTH).graded(level)
    return story.order("start", LEADS[level], level)


# --- 4.3-4.5: superiors lead at I-III --------------------------------------------------------


@pytest.mark.clause("4.3", "4.4", "4.5")
@pytest.mark.parametrize("level", SUPERIOR)
def test_the_county_cannot_start_what_superiors_lead(level: str) -> None:
    story = Story().intake().graded(level)
    story.refuses("superior_leads", CLAUSES[level], activation(level), **OFFICE)


@pytest.mark.clause("4.3", "4.4", "4.5")
@pytest.mark.parametrize("level", SUPERIOR)
def test_a_superiors_order_is_recorded_and_starts_the_response(level: str) -> None:
    story = Story().intake().graded(level)
    story.order("start", LEADS[level], level, means="fax")
    story.expect_phase("responding").expect_level(level)
    started = next(e for e in story.last if e.type == "response.started")
    assert started.clause == CLAUSES[level]
    assert story.state.response_level == level
    # The county carries out, and reports how: early handling and duties go on.
    assert {c.recipient for c in story.clocks("order-carried-out")} == {
        "city-government",
        "city-msa",
    }
    assert all(c.status == "open" for c in story.clocks("daily-i-iii"))


@pytest.mark.clause("4.3", "4.4", "4.5")
@pytest.mark.parametrize("level", SUPERIOR)
@pytest.mark.parametrize("by", ["county-government", "county-command", "county-msa"])
def test_an_order_is_a_superiors_alone(level: str, by: str) -> None:
    story = Story().intake().graded(level)
    order = RecordOrder(kind="start", level=level, text="启动")
    story.refuses("no_authority", "4.3", order, by)


@pytest.mark.clause("4.3", "4.4", "4.5")
@pytest.mark.parametrize(("level", "by"), [("I", "city-command"), ("II", "city-government")])
def test_a_superior_orders_at_its_own_level(level: str, by: str) -> None:
    story = Story().intake().graded(level)
    order = RecordOrder(kind="start", level=level, text="启动")
    story.refuses("no_authority", f"4.6.3; {CLAUSES[level]}", order, by)


@pytest.mark.clause("4.3", "4.4", "4.5", "4.6.4")
@pytest.mark.parametrize("level", SUPERIOR)
def test_the_county_does_not_end_what_superiors_lead(level: str) -> None:
    story = led(level)
    conditions = {
        c.id: Condition(met=True, by="县卫生健康局", text="是")
        for c in story.plan.termination.conditions
    }
    end = ProposeTermination(conditions=conditions, reasons="已控制")
    story.refuses("superior_leads", CLAUSES[level], end, **OFFICE)
    story.order("end", LEADS[level]).expect_phase("aftermath")
    assert story.opened_recipients("summary") == {*BOTH, "city-government"}


@pytest.mark.clause("4.3", "4.4", "4.5")
@pytest.mark.parametrize("level", SUPERIOR)
def test_only_who_leads_ends_by_order(level: str) -> None:
    story = led(level)
    other = "city-msa" if level == "III" else "city-command"
    end = RecordOrder(kind="end", text="终止")
    story.refuses("no_authority", f"4.6.3; {CLAUSES[level]}", end, other)


@pytest.mark.clause("4.5")
def test_an_order_to_end_needs_a_response() -> None:
    story = Story().intake().graded("III")
    story.refuses("no_response", "4.5", RecordOrder(kind="end", text="终止"), "city-command")
    adjust = RecordOrder(kind="adjust", level="III", text="调整")
    Story().intake().refuses("no_response", "4.5", adjust, "city-command")
    start = RecordOrder(kind="start", text="启动")
    Story().intake().refuses("level_missing", "4.5", start, "city-command")


@pytest.mark.clause("4.5", "3.2.2(2)")
def test_a_superior_that_finds_graver_starts_the_second_two_hours_too() -> None:
    story = Story().intake().graded("IV").at("16:00").order("start", "city-command", "III")
    story.expect_level("III")
    assert {c.due for c in story.clocks("report-2h-determined")} == {beijing("18:00")}


@pytest.mark.clause("4.5")
def test_an_instruction_changes_no_level_and_is_answered() -> None:
    story = led("III").at("16:00").order("instruct", "city-msa")
    story.expect_level("III").expect_phase("responding")
    assert {c.due for c in story.clocks("order-carried-out") if c.basis == beijing("16:00")} == {
        beijing("17:00")
    }
    # What was reported before the order did not answer it.
    asked = [c for c in story.clocks("order-carried-out") if c.basis == beijing("16:00")]
    assert {c.status for c in asked} == {"open"}
    story.report("progress", "city-msa", "city-government")
    assert {c.status for c in story.clocks("order-carried-out")} == {"met"}


# --- 4.6.1: the county's own response --------------------------------------------------------


@pytest.mark.clause("4.6.1")
def test_the_office_proposes_the_government_decides_and_reports_to_the_city() -> None:
    story = Story().intake().graded("IV").propose_activation().expect_phase("early_handling")
    assert story.proposal.content["area"] == "全县"
    assert story.notices("county-government", "decision")
    story.at("15:00").decide_activation().expect_phase("responding")
    (clock,) = story.clocks("activation-reported")
    assert (clock.owner, clock.recipient, clock.due) == (
        "county-government",
        "city-government",
        beijing("16:00"),
    )
    # What was reported before the decision did not report the decision.
    story.report("urgent", "city-msa").expect_open(clock.id)
    story.report("urgent", "city-government", by="county-government").expect_met(clock.id)


@pytest.mark.clause("4.6.1")
def test_a_report_of_the_incident_is_no_report_of_its_response() -> None:
    story = Story().intake().graded("IV").report("initial", "city-government", *BOTH)
    story.at("15:00").activate()
    assert story.opened("activation-reported").due == beijing("16:00")
    assert {c.status for c in story.clocks("warning-request") if c.recipient == "city-msa"} == {
        "met"
    }


@pytest.mark.clause("4.6.1")
@pytest.mark.parametrize("by", ["county-msa", "county-government", "county-health"])
def test_only_the_office_proposes(by: str) -> None:
    Story().intake().graded("IV").refuses("no_authority", "4.6.1", activation("IV"), by)


@pytest.mark.clause("4.6.1")
@pytest.mark.parametrize("by", ["command-office", "county-command", "county-msa", "city-command"])
def test_only_the_government_decides(by: str) -> None:
    story = Story().intake().graded("IV").propose_activation()
    decision = DecideActivation(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", "4.6.1", decision, by)


@pytest.mark.clause("4.6.1")
def test_nothing_starts_without_a_proposal_or_on_a_rejected_one() -> None:
    story = Story().intake().graded("IV")
    nothing = DecideActivation(proposal="p9", approve=True)
    story.refuses("unknown_proposal", "2.1.1(4)", nothing, "county-government")
    story.propose_activation().decide_activation(approve=False).expect_phase("early_handling")
    story.expect_no_clock("activation-reported")
    again = DecideActivation(proposal=story.proposal.id, approve=True)
    story.refuses("proposal_not_open", "2.1.1(4)", again, "county-government")


@pytest.mark.clause("4.6.1")
def test_a_decision_names_the_version_that_it_decides() -> None:
    story = Story().intake().graded("IV").propose_activation()
    first = story.proposal
    story.propose_activation()
    assert (first.version, story.proposal.version) == (1, 2)
    old = DecideActivation(proposal=first.id, version=1, approve=True)
    story.refuses("proposal_not_open", "2.1.1(4)", old, "county-government")
    wrong = DecideActivation(proposal=story.proposal.id, version=1, approve=True)
    story.refuses("proposal_not_open", "2.1.1(4)", wrong, "county-government")
    story.decide_activation().expect_phase("responding")


@pytest.mark.clause("4.6.1")
def test_on_a_mere_trend_the_response_starts_and_no_iv_has_occurred_yet() -> None:
    story = Story().intake().propose_activation()
    proposed = next(e for e in story.last if e.type == "proposal.made")
    assert proposed.data["warnings"] == ["trending_towards_level"]
    story.decide_activation().expect_level("IV").expect_no_clock("warning-request")
    assert story.clocks("daily-iv")
    # Once it has come true, the city is asked for its warning.
    story.at("18:00").graded("IV")
    assert {c.due for c in story.clocks("warning-request")} == {beijing("19:00")}
    story.at("18:30").graded("IV")
    assert len(story.clocks("warning-request")) == 2


@pytest.mark.clause("4.6.1", "4.5")
def test_while_superiors_have_not_acted_the_county_may_start_its_own_with_a_warning() -> None:
    story = Story().intake().graded("III").propose_activation("IV")
    proposed = next(e for e in story.last if e.type == "proposal.made")
    assert proposed.data["warnings"] == ["graver_level_awaits_superior"]
    story.decide_activation().expect_phase("responding").expect_level("III")
    assert story.state.response_level == "IV"
    assert story.state.held[-1] == Held(level="III", since=beijing("14:00"), response="IV")
    # The superior takes over.
    story.at("16:00").order("start", "city-command", "III")
    assert story.state.response_level == "III"


@pytest.mark.clause("4.5", "4.6.3", "4.6.4")
def test_beside_a_graver_finding_the_county_neither_ends_nor_lowers_its_own_response() -> None:
    story = Story().intake().graded("III").activate("IV")
    conditions = {
        c.id: Condition(met=True, by="县卫生健康局", text="是")
        for c in story.plan.termination.conditions
    }
    end = ProposeTermination(conditions=conditions, reasons="已控制")
    story.refuses("superior_leads", "4.5", end, **OFFICE)
    story.propose_adjustment("IV")
    lower = DecideAdjustment(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", "4.6.3; 4.5", lower, "county-government")
    story.expect_level("III").decide_adjustment("city-command").expect_level("IV")
    story.terminate().expect_phase("aftermath")


@pytest.mark.clause("4.5", "4.6.3")
@pytest.mark.parametrize("kind", ["adjust", "end"])
def test_beside_a_graver_finding_the_superiors_order_counts(kind: str) -> None:
    story = Story().intake().graded("III").activate("IV")
    by_county = RecordOrder.model_validate({"kind": kind, "level": "IV", "text": "按指令"})
    story.refuses("no_authority", "4.6.3; 4.5", by_county, "city-msa")
    story.order(kind, "city-command", "IV")
    story.expect_phase("responding" if kind == "adjust" else "aftermath")


# --- 4.6.3: adjustment -----------------------------------------------------------------------


@pytest.mark.clause("4.6.3", "4.1")
def test_raising_is_decided_at_the_graver_level_and_starts_its_duties() -> None:
    story = responding().at("18:00").propose_adjustment("III")
    raising = DecideAdjustment(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", "4.6.3; 4.5", raising, "county-government")
    story.decide_adjustment("city-command").expect_level("III")
    assert {c.due for c in story.clocks("report-2h-determined")} == {beijing("20:00")}
    assert {c.recipient for c in story.clocks("daily-i-iii")} == set(BOTH)


@pytest.mark.clause("4.6.3", "4.5")
@pytest.mark.parametrize("level", SUPERIOR)
def test_lowering_is_decided_at_the_graver_level(level: str) -> None:
    story = led(level).propose_adjustment("IV")
    lowering = DecideAdjustment(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", f"4.6.3; {CLAUSES[level]}", lowering, "county-government")
    story.expect_level(level).decide_adjustment(LEADS[level]).expect_level("IV")


@pytest.mark.clause("4.6.3")
def test_a_rejected_adjustment_changes_nothing() -> None:
    story = led("III").propose_adjustment("IV").decide_adjustment("city-command", approve=False)
    story.expect_level("III")
    assert story.state.response_level == "III"


@pytest.mark.clause("4.6.3", "4.1")
def test_the_history_of_levels_keeps_its_times() -> None:
    story = responding().at("16:00").graded("III").at("17:00").order("start", "city-command", "III")
    story.at("20:00").order("adjust", "city-command", "IV").at("22:00").terminate()
    hours = [(h.level, h.response, h.since) for h in story.state.held]
    assert hours == [
        ("IV", None, beijing("14:00")),
        ("IV", "IV", beijing("14:00")),
        ("III", "IV", beijing("16:00")),
        ("III", "III", beijing("17:00")),
        ("IV", "IV", beijing("20:00")),
    ]
    assert story.state.held[-1].until == beijing("22:00")


@pytest.mark.clause("4.6.3")
def test_an_adjustment_needs_something_to_adjust() -> None:
    change = ProposeAdjustment(level="IV", reasons="事态变化")
    Story().intake().refuses("no_response", "4.6.3", change, **OFFICE)
    responding().refuses("same_level", "4.6.3", change, **OFFICE)
