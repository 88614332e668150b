"""附件1: counts that two lines claim, what is not known, and what is no finding."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.grading import CheckedFindings, Findings, grade
from domain.plan import Plan
from tests.domain.findings import QUALIFIERS, YES, graded, line
from tests.plans.files import gaoqing, tiny, with_reading

# --- the ambiguous counts ------------------------------------------------------------------

TWO_DEATHS = {**YES, "clustered": False, "deaths": 2, "severe": 2}


@pytest.mark.clause("附件1 二(二)", "附件1 三(二)")
@pytest.mark.parametrize(("choice", "second"), [("II", "yes"), ("III", "no")])
def test_two_deaths_go_by_the_reading_and_ask_an_expert(choice: str, second: str) -> None:
    plan = with_reading(gaoqing(), "two-deaths", choice)
    result = graded(plan, **TWO_DEATHS)
    assert (result.level, result.candidate, result.needs_judgement) == (choice, choice, True)
    assert line(result, "二(二)").met == second
    assert line(result, "三(二)").met == "yes"
    assert result.readings == ("two-deaths",)
    assert "待解释" in result.notes[0]
    assert "专家" in result.notes[0]


@pytest.mark.clause("附件1 二(二)")
@pytest.mark.parametrize("choice", ["II", "III"])
def test_a_confirmed_reading_of_two_deaths_asks_nobody(choice: str) -> None:
    plan = with_reading(gaoqing(), "two-deaths", choice, confirmed=True)
    result = graded(plan, **TWO_DEATHS)
    assert (result.level, result.needs_judgement) == (choice, False)
    assert (result.readings, result.notes) == ((), ())


@pytest.mark.clause("附件1 二(二)", "附件1 三(二)")
@pytest.mark.parametrize("choice", ["II", "III"])
def test_two_deaths_whose_similar_cases_are_unknown(choice: str) -> None:
    plan = with_reading(gaoqing(), "two-deaths", choice)
    result = graded(plan, **{**TWO_DEATHS, "similar_cases": None})
    assert (result.level, result.candidate, result.needs_judgement) == (None, choice, True)
    assert {"two-deaths", "unknown-keeps-level"} == set(result.readings)


@pytest.mark.clause("附件1 一(一)")
def test_two_deaths_that_may_not_count_leave_a_level_that_is_met_alone() -> None:
    result = graded(**{**YES, "similar_cases": None}, affected=51, deaths=2, severe=2)
    assert (result.level, result.candidate, result.needs_judgement) == ("I", "I", False)


@pytest.mark.clause("附件1 二(二)")
@pytest.mark.parametrize("deaths", [1, 3, 4, 5])
def test_only_two_deaths_are_ambiguous(deaths: int) -> None:
    result = graded(**{**TWO_DEATHS, "deaths": deaths, "severe": deaths})
    assert "two-deaths" not in result.readings
    assert not result.needs_judgement


@pytest.mark.clause("附件1 二(二)", "附件1 一(二)")
@pytest.mark.parametrize(
    ("deaths", "second", "first"), [(4, "yes", "no"), (5, "yes", "yes"), (6, "no", "yes")]
)
def test_below_five_includes_five_which_is_level_one_all_the_same(
    deaths: int, second: str, first: str
) -> None:
    result = graded(**{**TWO_DEATHS, "deaths": deaths, "severe": deaths})
    assert (line(result, "二(二)").met, line(result, "一(二)").met) == (second, first)


@pytest.mark.clause("附件1")
@pytest.mark.parametrize("affected", [10, 20, 30, 50])
def test_a_bound_reached_exactly_rests_on_a_reading_until_it_is_confirmed(affected: int) -> None:
    result = graded(**YES, affected=affected)
    assert result.readings == ("counts-inclusive",)
    assert not result.needs_judgement
    assert graded(**YES, affected=affected + 1).readings == ()
    confirmed = with_reading(gaoqing(), "counts-inclusive", "inclusive", confirmed=True)
    assert graded(confirmed, **YES, affected=affected).readings == ()


# --- what is not known ---------------------------------------------------------------------


@pytest.mark.clause("附件1")
def test_nothing_known_is_never_no_event() -> None:
    result = grade(gaoqing(), Findings())
    assert (result.level, result.candidate, result.needs_judgement) == (None, "I", True)


@pytest.mark.clause("附件1 四(二)")
def test_a_quality_event_without_patients_is_for_a_person() -> None:
    result = graded(**{**YES, **dict.fromkeys(QUALIFIERS, False)})
    assert (result.level, result.candidate, result.needs_judgement) == (None, None, True)
    assert "no-patients" in result.readings
    assert any("由人" in note for note in result.notes)


@pytest.mark.clause("附件1 三(一)")
@pytest.mark.parametrize(
    ("deaths", "level"), [(0, None), (1, None), (2, "IV"), (3, "III"), (4, "III")]
)
def test_deaths_are_a_lower_bound_of_unknown_severe_cases(deaths: int, level: str | None) -> None:
    known = {**YES, "similar_cases": False}
    result = graded(**known, deaths=deaths, severe=None)
    assert result.level == level
    assert (result.candidate, result.needs_judgement) == ("I", True)
    assert line(result, "一(一)").met == "unknown"
    assert ("severe-includes-deaths" in result.readings) == (level is not None)


@pytest.mark.clause("附件1 四(一)")
def test_an_alternative_that_is_met_outweighs_one_that_is_unknown() -> None:
    result = graded(**YES, affected=13, severe=None)
    assert line(result, "四(一)").met == "yes"
    assert (result.level, result.candidate, result.needs_judgement) == ("IV", "I", True)
    assert result.readings == ("unknown-keeps-level",)


def test_a_lower_bound_may_lie_above_a_line_that_ends() -> None:
    data = tiny().model_dump()
    [severe] = [entry for entry in data["grading"]["lines"] if entry["measure"] == "severe"]
    severe.update(at_least=1, at_most=3)
    plan = Plan.model_validate(data)
    for deaths, met in ((2, "unknown"), (4, "no")):
        found = Findings(affected=0, deaths=deaths, same_drug=True, clustered=False)
        first = grade(plan, found).lines[0]
        assert (first.line, first.met) == ("TA 1(1)", met)


@pytest.mark.clause("附件1 四(一)")
def test_severe_and_affected_are_independent() -> None:
    result = graded(**YES, affected=4, severe=6)
    assert result.level == "II"


@pytest.mark.clause("附件1")
def test_a_missing_count_is_unknown_and_a_missing_spread_is_none() -> None:
    known = {**YES, "severe": 0, "deaths": 0}
    result = grade(gaoqing(), Findings.model_validate(known))
    assert (result.level, result.candidate) == (None, "I")
    assert line(result, "一(三)").met == "no"
    for spread in ({"provinces_with_ii": None}, None):
        result = graded(**YES, spread=spread)
        assert line(result, "一(三)").met == "unknown"
        assert result.candidate == "I"


@pytest.mark.clause("附件1")
def test_more_deaths_than_severe_cases_are_refused_except_in_a_first_report() -> None:
    with pytest.raises(ValidationError, match=r"deaths: 3 is more than severe 2"):
        CheckedFindings(severe=2, deaths=3)
    CheckedFindings(severe=3, deaths=3)
    CheckedFindings(deaths=3)
    first = grade(gaoqing(), Findings(affected=0, severe=2, deaths=3, **YES))
    assert line(first, "三(一)").met == "yes"
    assert any("核对" in note for note in first.notes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"affected": -1},
        {"affected": 1.0},
        {"affected": True},
        {"affected": "13"},
        {"severe": -1},
        {"deaths": -1},
        {"unexpected": 1},
        {"unexpected": "yes"},
        {"spread": {"counties_with_iv": -1}},
        {"spread": {"towns": 1}},
        {"spread": 2},
        {"injured": 3},
        {"judged_level": 2},
    ],
)
def test_what_is_no_finding_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Findings.model_validate(wrong)


def test_a_level_that_the_plan_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="judged_level: use one of I, II, III, IV"):
        graded(judged_level="V")
