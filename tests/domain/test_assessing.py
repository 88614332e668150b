"""Chapters 1.4, 1.5, 3.2.2(2): facts, verification and the officer's grade."""

from typing import Any

import pytest

from domain.incident.commands import Assess, CorrectFacts, Dismiss, FactChanges, Verify
from domain.plan import Plan
from tests.domain.story import COUNTS, QUALIFIED, Story, beijing, gaoqing

OTHER_LINE = {"affected": 0, "severe": 0, "deaths": 0}


def graded_by(**findings: Any) -> Story:
    """Graded on these findings."""
    return Story().intake().assess(findings={**QUALIFIED, **findings})


@pytest.mark.clause("3.2.2(2)")
@pytest.mark.parametrize("level", sorted(COUNTS))
def test_the_lines_grade_and_the_reasons_stay(level: str) -> None:
    story = Story().intake().graded(level).expect_level(level)
    assessed = next(e for e in story.last if e.type == "incident.assessed")
    assert (assessed.clause, assessed.data["by_lines"]) == ("3.2.2(2)", level)
    assert assessed.data["reasons"] == "县市场监管局初步研判"
    # The lines speak for at least this level; whether for more, the counts left open decide.
    assert story.state.candidate == "I"


@pytest.mark.clause("3.2.2(2)")
@pytest.mark.parametrize("by", ["county-government", "command-office", "county-health", "experts"])
def test_the_preliminary_finding_is_the_bureaus(by: str) -> None:
    story = Story().intake()
    story.refuses("no_authority", "3.2.2(2)", Assess(reasons="研判"), by)
    story.refuses("no_authority", "3.2.2(2)", Verify(outcome="pending", text="待核实"), by)


@pytest.mark.clause("附件1")
def test_the_officer_may_grade_above_the_lines_and_not_below_them() -> None:
    story = Story().intake()
    met = {**QUALIFIED, "affected": 21}
    below = Assess.model_validate({"findings": met, "level": "IV", "reasons": "控制得住"})
    story.refuses("below_lines", "附件1", below)
    story.assess("II", findings=met).expect_level("II")


@pytest.mark.clause("附件1", "附件1 四(二)")
def test_a_quality_event_without_patients_is_graded_by_a_person_with_reasons() -> None:
    story = Story().intake(kind="quality-event", people="无", harm=False)
    story.assess(findings=OTHER_LINE).expect_level(None).expect_judgement(True)
    story.assess("IV", findings=OTHER_LINE, reasons="同批次质量问题,尚无病例").expect_level("IV")
    story.expect_judgement(False)
    assert story.clocks("warning-request")


@pytest.mark.clause("附件1")
def test_an_unknown_answer_leaves_a_candidate_and_starts_nothing() -> None:
    story = (
        Story()
        .intake()
        .assess(findings={**OTHER_LINE, **QUALIFIED, "affected": 21, "clustered": None})
    )
    story.expect_level(None).expect_no_clock("report-2h-determined")
    assert (story.state.candidate, story.state.needs_judgement) == ("III", True)


@pytest.mark.clause("附件1")
@pytest.mark.parametrize("field", ["level", "judged_level"])
def test_a_level_that_the_plan_does_not_know_is_refused(field: str) -> None:
    command: dict[str, Any] = {"reasons": "研判"}
    if field == "level":
        command["level"] = "V"
    else:
        command["findings"] = {"judged_level": "V"}
    story = Story().intake()
    story.refuses("unknown_level", "附件1", Assess.model_validate(command))


@pytest.mark.clause("4.6.3", "3.2.2(2)")
def test_a_lower_grade_only_proposes() -> None:
    story = graded_by(affected=33).expect_level("II")
    story.assess(findings={**QUALIFIED, "affected": 12}).expect_level("II")
    assessed = next(e for e in story.last if e.type == "incident.assessed")
    assert assessed.data["proposed_lower"] is True
    assert story.state.assessed == "IV"


@pytest.mark.clause("3.2.2(2)")
def test_corrected_facts_are_graded_when_a_person_grades_them() -> None:
    story = Story().intake().correct(findings={**QUALIFIED, "affected": 21}).expect_level(None)
    story.assess().expect_level("III")


@pytest.mark.clause("3.2.3(2)")
def test_a_correction_changes_only_what_it_names() -> None:
    story = Story().intake(symptoms="寒战").correct(place="县城东部", reason="核对地址")
    assert (story.state.reported.place, story.state.reported.symptoms) == ("县城东部", "寒战")
    nothing = CorrectFacts(changes=FactChanges())
    story.refuses("nothing_changed", "3.2.3(2)", nothing)


@pytest.mark.clause("4.2", "3.2.3(2)")
def test_county_health_knows_the_patients_and_may_correct_them() -> None:
    changes = CorrectFacts(changes=FactChanges(people="8人"))
    story = Story().intake().do(changes, "county-health", seat="county-health")
    assert story.state.reported.people == "8人"
    story.refuses("no_authority", "3.2.3(2)", changes, "county-police")


@pytest.mark.clause("1.4", "1.5", "3.2.1")
@pytest.mark.parametrize(
    ("facts", "flag"),
    [
        ({"in_scope": False}, "out_of_scope"),
        ({"kind": "earthquake"}, "unknown_kind"),
        ({"findings": {"severe": 1, "deaths": 3}}, "deaths_exceed_severe"),
    ],
)
def test_a_doubtful_first_report_is_taken_and_flagged(facts: dict[str, Any], flag: str) -> None:
    story = Story().intake(**facts)
    assert flag in story.state.flags
    story.expect_due("report-2h/city-msa", "16:00")


@pytest.mark.clause("3.2.1")
def test_an_unknown_kind_of_reporter_is_taken_and_flagged() -> None:
    story = Story().intake("passer-by", discovered="13:00")
    assert "unknown_reporter" in story.state.flags
    assert not any(c.owner == "reporter" for c in story.state.clocks.values())


@pytest.mark.clause("1.5")
def test_six_fields_suffice() -> None:
    facts = Story().intake().state.reported
    given = {k for k, v in facts.model_dump(exclude_defaults=True).items() if v is not None}
    assert given == {"kind", "drug", "people", "place", "learned_at"}


@pytest.mark.clause("3.2.2(2)")
def test_ruled_out_is_no_dismissal() -> None:
    story = Story().intake().do(Verify(outcome="ruled_out", text="疑似误报"))
    story.expect_phase("early_handling")
    assert story.state.verified == "ruled_out"
    story.do(Dismiss(reasons="经核实不属药品安全事件")).expect_phase("dismissed")


@pytest.mark.clause("4.6.4", "3.2.2(2)")
def test_nothing_is_graded_after_the_end() -> None:
    story = Story().intake().graded("IV").activate().at("16:00").terminate()
    story.refuses("wrong_phase", "2.1.1(4)", Assess(reasons="再研判"))
    assert story.state.held[-1].until == beijing("16:00")


@pytest.mark.clause("7.2", "附件1")
def test_a_grade_names_the_readings_that_the_bureau_has_not_confirmed() -> None:
    story = Story().intake().assess(findings={**QUALIFIED, "affected": 20})
    assert "counts-inclusive" in story.last[0].data["readings"]
    data = gaoqing().model_dump(mode="json")
    for reading in data["readings"]:
        reading |= {"confirmed_by": "县市场监管局", "confirmed_on": "2026-10-01"}
    confirmed = Story(Plan.model_validate(data)).intake()
    confirmed.assess(findings={**QUALIFIED, "affected": 20}).expect_level("III")
    assert not confirmed.last[0].data.get("readings")


@pytest.mark.clause("3.1", "3.2.1(4)")
def test_what_our_own_monitoring_finds_is_ours_and_is_shared_on_record() -> None:
    story = Story().intake("msa", learned="13:40", people="0人,监测信号")
    story.expect_due("report-2h/city-msa", "15:40")
    assert not any(c.owner == "reporter" for c in story.state.clocks.values())
    story.report("initial", "county-health", "county-agriculture", channel="network")
    shared = story.state.reports[story.last_report].given
    assert {(g.recipient, g.at) for g in shared} == {
        ("county-health", beijing("14:00")),
        ("county-agriculture", beijing("14:00")),
    }
