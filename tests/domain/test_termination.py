"""Chapters 4.6.4 and 3.2.3(3): the end of a response, its conditions, and the summary after it."""

from datetime import timedelta

import pytest

from domain.incident.commands import Condition, DecideTermination, ProposeTermination, SubmitReport
from tests.domain.story import QUALIFIED, Story, beijing

BOTH = ("county-government", "city-msa")
OFFICE = {"by": "command-office", "seat": "command-office"}


def responding() -> Story:
    """A IV response of the county's own."""
    return Story().intake().report("initial", *BOTH).graded("IV").activate()


@pytest.mark.clause("4.6.4")
@pytest.mark.parametrize("missing", [c.id for c in Story().plan.termination.conditions])
@pytest.mark.parametrize("how", ["unmet", "unstated"])
def test_every_condition_and_opinion_is_demanded(missing: str, how: str) -> None:
    story = responding()
    conditions = {
        c.id: Condition(met=c.id != missing, by="县卫生健康局", text="经研判")
        for c in story.plan.termination.conditions
        if how == "unmet" or c.id != missing
    }
    end = ProposeTermination(conditions=conditions, reasons="已控制")
    story.refuses("conditions_unmet", "4.6.4", end, **OFFICE)


@pytest.mark.clause("4.6.4")
def test_the_conditions_are_those_of_the_text() -> None:
    kinds = [(c.kind, c.text.zh) for c in Story().plan.termination.conditions]
    assert [kind for kind, _ in kinds].count("fact") == 3
    assert any("专家" in text for kind, text in kinds if kind == "opinion")


@pytest.mark.clause("4.6.4")
def test_the_response_never_ends_by_itself() -> None:
    story = responding().at("2026-10-16 14:00").expect_phase("responding")
    story.propose_termination().at("2026-10-20 14:00").expect_phase("responding")


@pytest.mark.clause("4.6.4")
@pytest.mark.parametrize("by", ["command-office", "county-msa", "county-command"])
def test_only_the_government_ends(by: str) -> None:
    story = responding().propose_termination()
    end = DecideTermination(proposal=story.proposal.id, approve=True)
    story.refuses("no_authority", "4.6.4", end, by)


@pytest.mark.clause("4.6.4")
@pytest.mark.parametrize("worse", [{"affected": 14}, {"affected": 13, "severe": 1}])
def test_new_or_graver_cases_undo_a_proposed_end(worse: dict[str, int]) -> None:
    story = responding().at("16:00").propose_termination().at("17:00")
    story.correct(findings={**QUALIFIED, **worse}).at("18:00")
    end = DecideTermination(proposal=story.proposal.id, approve=True)
    story.refuses("conditions_unmet", "4.6.4", end, "county-government")
    story.decide_termination(approve=False).propose_termination().decide_termination()
    story.expect_phase("aftermath")


@pytest.mark.clause("4.6.4")
def test_a_decision_made_before_the_new_case_stands() -> None:
    story = responding().at("16:00").propose_termination().at("17:00")
    story.correct(findings={**QUALIFIED, "affected": 14}).at("17:30")
    story.decide_termination(when="16:30").expect_phase("aftermath")
    story.reopen().expect_phase("early_handling")


@pytest.mark.clause("4.6.4")
def test_the_observation_window_warns_and_never_bars() -> None:
    story = responding().at("16:00").correct(findings={**QUALIFIED, "affected": 14})
    story.at("20:00").propose_termination()
    warned = next(e for e in story.last if e.type == "proposal.made")
    assert warned.data["warnings"] == ["within_observation_window"]
    story.decide_termination().expect_phase("aftermath")
    calm = responding().at("2026-10-09 09:00").propose_termination()
    assert next(e for e in calm.last if e.type == "proposal.made").data.get("warnings") is None


# --- 3.2.3(3): the summary, exactly two weeks ------------------------------------------------


@pytest.mark.clause("3.2.3(3)")
def test_the_summary_is_due_exactly_fourteen_days_after_the_end() -> None:
    story = responding().at("2026-10-09 16:20").terminate()
    for clock in story.clocks("summary"):
        assert (clock.kind, clock.due) == ("statutory", beijing("2026-10-23 16:20"))
    story.at("2026-10-23 16:20").report("summary", "city-msa")
    assert [c.verdict for c in story.clocks("summary") if c.recipient == "city-msa"] == ["on_time"]
    story.at(story.now + timedelta(minutes=1)).report("summary", "city-government")
    late = next(c for c in story.clocks("summary") if c.recipient == "city-government")
    assert (late.verdict, late.late_by) == ("late", timedelta(minutes=1))


@pytest.mark.clause("3.2.3(3)", "4.6.4")
def test_the_two_weeks_run_from_the_decision_not_from_its_entry() -> None:
    story = responding().at("2026-10-09 09:00").propose_termination().at("16:00")
    story.decide_termination(when="11:00", means="phone", late_reason="县领导在外,返回后补录")
    assert {c.due for c in story.clocks("summary")} == {beijing("2026-10-23 11:00")}


@pytest.mark.clause("3.2.3(3)")
def test_only_a_summary_is_the_summary_and_only_after_the_end() -> None:
    story = responding().terminate().report("progress", *BOTH, "city-government")
    assert {c.status for c in story.clocks("summary")} == {"open"}
    early = SubmitReport(kind="summary")
    responding().refuses("summary_too_early", "3.2.3(3)", early)


@pytest.mark.clause("3.2.3(3)", "4.1")
def test_a_reopened_response_owes_its_summary_after_its_last_end() -> None:
    story = responding().at("2026-10-09 16:00").terminate().at("2026-10-12 09:00").reopen()
    assert {c.status for c in story.clocks("summary")} == {"cancelled"}
    story.activate().at("2026-10-20 10:00").terminate()
    assert {c.due for c in story.clocks("summary") if c.status == "open"} == {
        beijing("2026-11-03 10:00")
    }


@pytest.mark.clause("3.2.3(3)", "4.1")
def test_a_summary_overdue_when_it_was_reopened_stays_marked() -> None:
    story = responding().at("2026-10-07 16:00").terminate().at("2026-10-25 09:00").reopen()
    assert all(c.unrecorded_at for c in story.clocks("summary"))
