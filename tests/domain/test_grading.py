"""附件1: every line with its bounds and qualifiers, and whole cases."""

from typing import Any

import pytest

from domain.grading import Grade
from domain.plan_words import Qualifier
from tests.domain.findings import QUALIFIERS, YES, clause, graded, line
from tests.plans.files import gaoqing, tiny, with_reading

# --- the bounds of every line --------------------------------------------------------------


@pytest.mark.parametrize(
    ("affected", "level"),
    [
        pytest.param(0, None),
        pytest.param(9, None, marks=clause("四(一)")),
        pytest.param(10, "IV", marks=clause("四(一)")),
        pytest.param(11, "IV", marks=clause("四(一)")),
        pytest.param(18, "IV", marks=clause("四(一)")),
        pytest.param(19, "IV", marks=clause("四(一)")),
        pytest.param(20, "III", marks=clause("三(一)", "四(一)")),
        pytest.param(21, "III", marks=clause("三(一)")),
        pytest.param(28, "III", marks=clause("三(一)")),
        pytest.param(29, "III", marks=clause("三(一)")),
        pytest.param(30, "II", marks=clause("二(一)", "三(一)")),
        pytest.param(31, "II", marks=clause("二(一)")),
        pytest.param(48, "II", marks=clause("二(一)")),
        pytest.param(49, "II", marks=clause("二(一)")),
        pytest.param(50, "I", marks=clause("一(一)", "二(一)")),
        pytest.param(51, "I", marks=clause("一(一)")),
        pytest.param(5000, "I", marks=clause("一(一)")),
    ],
)
def test_the_number_affected_decides(affected: int, level: str | None) -> None:
    result = graded(**YES, affected=affected)
    assert (result.level, result.candidate) == (level, level)
    met = [entry.level for entry in result.lines if entry.met == "yes"]
    assert met == ([level] if level else [])


@pytest.mark.parametrize(
    ("severe", "level", "met"),
    [
        pytest.param(1, None, "", marks=clause("四(一)")),
        pytest.param(2, "IV", "IV", marks=clause("四(一)", "三(一)")),
        pytest.param(3, "III", "III IV", marks=clause("三(一)")),
        pytest.param(4, "III", "III IV", marks=clause("三(一)", "二(一)")),
        pytest.param(5, "II", "II III IV", marks=clause("二(一)")),
        pytest.param(6, "II", "II III IV", marks=clause("二(一)")),
        pytest.param(9, "II", "II III IV", marks=clause("二(一)", "一(一)")),
        pytest.param(10, "I", "I II III IV", marks=clause("一(一)")),
        pytest.param(11, "I", "I II III IV", marks=clause("一(一)")),
    ],
)
def test_severe_cases_have_no_upper_bound_and_the_gravest_level_wins(
    severe: int, level: str | None, met: str
) -> None:
    result = graded(**YES, severe=severe)
    assert (result.level, result.candidate) == (level, level)
    assert [entry.level for entry in result.lines if entry.met == "yes"] == met.split()


@pytest.mark.parametrize(
    ("deaths", "level"),
    [
        pytest.param(0, None, marks=clause("三(二)")),
        pytest.param(1, "III", marks=clause("三(二)")),
        pytest.param(2, "II", marks=clause("二(二)", "三(二)")),
        pytest.param(3, "II", marks=clause("二(二)", "三(二)")),
        pytest.param(4, "II", marks=clause("二(二)")),
        pytest.param(5, "I", marks=clause("一(二)", "二(二)")),
        pytest.param(6, "I", marks=clause("一(二)")),
    ],
)
def test_deaths_by_one_lot_with_similar_cases(deaths: int, level: str | None) -> None:
    result = graded(**{**YES, "clustered": False}, deaths=deaths, severe=deaths)
    assert (result.level, result.candidate) == (level, level)


@pytest.mark.parametrize(
    ("deaths", "level"),
    [
        pytest.param(1, None, marks=clause("三(二)")),
        pytest.param(2, None, marks=clause("二(二)", "三(二)")),
        pytest.param(3, None, marks=clause("二(二)")),
        pytest.param(4, None, marks=clause("二(二)")),
        pytest.param(5, "I", marks=clause("一(二)")),
    ],
)
def test_deaths_without_similar_cases_below_five_are_for_a_person(
    deaths: int, level: str | None
) -> None:
    known = {**YES, "clustered": False, "similar_cases": False}
    result = graded(**known, deaths=deaths, severe=deaths)
    assert (result.level, result.candidate) == (level, level)
    assert result.needs_judgement == (level is None)


@pytest.mark.parametrize(
    ("spread", "number", "level"),
    [
        pytest.param("provinces_with_ii", 1, None, marks=clause("一(三)")),
        pytest.param("provinces_with_ii", 2, "I", marks=clause("一(三)")),
        pytest.param("provinces_with_ii", 3, "I", marks=clause("一(三)")),
        pytest.param("cities_with_iii", 1, None, marks=clause("二(三)")),
        pytest.param("cities_with_iii", 2, "II", marks=clause("二(三)")),
        pytest.param("cities_with_iii", 3, "II", marks=clause("二(三)")),
        pytest.param("counties_with_iv", 1, None, marks=clause("三(三)")),
        pytest.param("counties_with_iv", 2, "III", marks=clause("三(三)")),
        pytest.param("counties_with_iv", 3, "III", marks=clause("三(三)")),
    ],
)
def test_spread_of_the_same_drug(spread: str, number: int, level: str | None) -> None:
    result = graded(**YES, spread={spread: number})
    assert (result.level, result.candidate) == (level, level)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        pytest.param("I", "一(四)", marks=clause("一(四)")),
        pytest.param("II", "二(四)", marks=clause("二(四)")),
        pytest.param("III", "三(四)", marks=clause("三(四)")),
        pytest.param("IV", "四(二)", marks=clause("四(二)")),
    ],
)
def test_a_person_may_judge_by_the_other_line(level: str, name: str) -> None:
    result = graded(judged_level=level)
    assert (result.level, result.needs_judgement) == (level, False)
    assert [entry.line for entry in result.lines if entry.met == "yes"] == [f"附件1 {name}"]


@pytest.mark.clause("附件1")
def test_what_is_judged_never_lowers_what_the_counts_say() -> None:
    assert graded(**YES, affected=50, judged_level="IV").level == "I"
    assert graded(**YES, affected=10, judged_level="II").level == "II"


# --- the qualifiers of every line ----------------------------------------------------------

AFFECTED = ("unexpected", "similar_symptoms", "clustered", "lots_close", "same_drug")
SEVERE = ("clustered", "lots_close", "same_drug")
SPREAD = ("same_drug", "short_term")
LINE_NAMES = (
    *("一(一)", "一(二)", "一(三)", "一(四)"),
    *("二(一)", "二(二)", "二(三)", "二(四)"),
    *("三(一)", "三(二)", "三(三)", "三(四)"),
    *("四(一)", "四(二)"),
)
LINES: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("一(一)", {"affected": 50}, "I", AFFECTED),
    ("二(一)", {"affected": 30}, "II", AFFECTED),
    ("三(一)", {"affected": 20}, "III", AFFECTED),
    ("四(一)", {"affected": 10}, "IV", AFFECTED),
    ("一(一)", {"severe": 10}, "I", SEVERE),
    ("二(一)", {"severe": 5}, "II", SEVERE),
    ("三(一)", {"severe": 3}, "III", SEVERE),
    ("四(一)", {"severe": 2}, "IV", SEVERE),
    ("一(二)", {"deaths": 5, "severe": 0}, "I", ("same_lot", "short_term")),
    ("二(二)", {"deaths": 3, "severe": 0}, "II", ("same_lot", "short_term", "similar_cases")),
    ("三(二)", {"deaths": 1, "severe": 0}, "III", ("same_lot", "short_term", "similar_cases")),
    ("一(三)", {"spread": {"provinces_with_ii": 2}}, "I", SPREAD),
    ("二(三)", {"spread": {"cities_with_iii": 2}}, "II", SPREAD),
    ("三(三)", {"spread": {"counties_with_iv": 2}}, "III", SPREAD),
]


def _needed() -> list[Any]:
    return [
        pytest.param(
            name, known, level, word, id=f"{name}-{'-'.join(known)}-{word}", marks=clause(name)
        )
        for name, known, level, needs in LINES
        for word in needs
    ]


def _not_needed() -> list[Any]:
    return [
        pytest.param(name, known, level, needs, id=f"{name}-{'-'.join(known)}", marks=clause(name))
        for name, known, level, needs in LINES
    ]


def _only_this(known: dict[str, Any], answers: dict[str, bool | None]) -> Grade:
    # Deaths are severe cases as well; their own lines are what these tests look at.
    apart: dict[str, Any] = {"lots_close": False} if "deaths" in known else {}
    return graded(**{**answers, **apart}, **known)


@pytest.mark.parametrize(("name", "known", "level", "word"), _needed())
def test_an_explicit_no_takes_the_line_out(
    name: str, known: dict[str, Any], level: str, word: Qualifier
) -> None:
    result = _only_this(known, {**YES, word: False})
    assert (result.level, result.candidate, result.needs_judgement) == (None, None, True)
    assert line(result, name).met == "no"
    word_zh = gaoqing().grading.names[word].zh
    assert word_zh in line(result, name).why_zh


@pytest.mark.parametrize(("name", "known", "level", "word"), _needed())
def test_an_unknown_leaves_the_level_as_a_candidate(
    name: str, known: dict[str, Any], level: str, word: Qualifier
) -> None:
    result = _only_this(known, {**YES, word: None})
    assert (result.level, result.candidate, result.needs_judgement) == (None, level, True)
    assert line(result, name).met == "unknown"
    assert gaoqing().grading.names[word].en in line(result, name).why


@pytest.mark.parametrize(("name", "known", "level", "needs"), _not_needed())
def test_a_line_asks_for_its_own_qualifiers_alone(
    name: str, known: dict[str, Any], level: str, needs: tuple[str, ...]
) -> None:
    answers: dict[str, bool | None] = {word: word in needs for word in QUALIFIERS}
    result = _only_this(known, answers)
    assert (result.level, result.candidate) == (level, level)
    assert line(result, name).met == "yes"


@pytest.mark.clause("附件1 四(一)")
def test_no_matters_more_than_unknown_within_a_line() -> None:
    result = graded(**{**YES, "clustered": None, "lots_close": False}, affected=13)
    assert (result.level, result.candidate) == (None, None)


@pytest.mark.clause("附件1 四(一)")
def test_one_alternative_of_a_line_suffices() -> None:
    result = graded(**{**YES, "unexpected": False}, affected=13, severe=2)
    assert line(result, "四(一)").met == "yes"
    assert line(result, "四(一)").why.startswith("severe 2")
    result = graded(**{**YES, "unexpected": None}, affected=13, severe=1)
    assert line(result, "四(一)").met == "unknown"
    assert [entry.line for entry in result.lines] == [f"附件1 {name}" for name in LINE_NAMES]


# --- whole cases ---------------------------------------------------------------------------


@pytest.mark.clause("附件1 四(一)")
def test_thirteen_affected_and_two_answers_missing() -> None:
    known = {**YES, "short_term": None, "similar_cases": None}
    result = graded(**known, affected=13)
    assert (result.level, result.candidate, result.needs_judgement) == ("IV", "IV", False)


@pytest.mark.clause("附件1 二(一)", "附件1 二(二)")
def test_the_siberian_ginseng_injection_of_2008_is_level_two() -> None:
    result = graded(**YES, affected=6, severe=6, deaths=3)
    assert (result.level, result.candidate, result.needs_judgement) == ("II", "II", False)
    assert [entry.line for entry in result.lines if entry.met == "yes"] == [
        "附件1 二(一)",
        "附件1 二(二)",
        "附件1 三(一)",
        "附件1 四(一)",
    ]


def test_another_county_has_other_numbers() -> None:
    known = {"clustered": True, "same_drug": True, "short_term": True}
    assert graded(tiny(), **known, affected=1).level is None
    assert graded(tiny(), **known, affected=2).level == "B"
    six = graded(tiny(), **known, affected=6)
    assert (six.level, six.needs_judgement, six.readings) == ("A", True, ("six",))
    lower = with_reading(tiny(), "six", "B")
    assert graded(lower, **known, affected=6).level == "B"
    assert graded(lower, **known, affected=7).level == "A"
    assert graded(tiny(), **known, deaths=1, severe=1).level == "A"
    assert graded(tiny(), judged_level="B").level == "B"
