"""附件1: what holds for all findings, whatever is known; and the text once more, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.grading import Findings, grade
from tests.domain.findings import NOBODY, QUALIFIERS, line
from tests.plans.files import gaoqing

SPREADS = ("provinces_with_ii", "cities_with_iii", "counties_with_iv")
answers = st.sampled_from([True, False, None])
numbers = st.one_of(
    st.none(),
    st.integers(0, 6),
    st.sampled_from([9, 10, 11, 19, 20, 29, 30, 49, 50, 51]),
    st.integers(0, 10**6),
)


@st.composite
def findings(draw: st.DrawFn, known: bool = False) -> Findings:
    """Any findings of a first report; ``known`` leaves nothing unknown."""
    answer = st.booleans() if known else answers
    number = numbers.filter(lambda n: n is not None) if known else numbers
    return Findings.model_validate(
        {
            **{name: draw(number) for name in NOBODY},
            **{name: draw(answer) for name in QUALIFIERS},
            "spread": {name: draw(st.integers(0, 3)) for name in SPREADS},
            "judged_level": draw(st.sampled_from([None, "I", "II", "III", "IV"])),
        }
    )


def rank(level: str | None) -> int:
    return gaoqing().rank(level)


def by_the_text(f: Findings) -> str | None:
    """附件1 once more, by hand, for findings that leave nothing unknown."""
    affected, deaths = f.affected or 0, f.deaths or 0
    severe = max(f.severe or 0, deaths)
    near = f.clustered and f.lots_close and f.same_drug
    counted = affected if near and f.unexpected and f.similar_symptoms else 0
    grave = severe if near else 0
    died = deaths if f.same_lot and f.short_term else 0
    wide = f.same_drug and f.short_term
    spread = f.spread
    if (
        counted >= 50
        or grave >= 10
        or died >= 5
        or (wide and (spread.provinces_with_ii or 0) >= 2)
        or f.judged_level == "I"
    ):
        return "I"
    if (
        30 <= counted < 50
        or grave >= 5
        or (2 <= died < 5 and f.similar_cases)
        or (wide and (spread.cities_with_iii or 0) >= 2)
        or f.judged_level == "II"
    ):
        return "II"
    if (
        20 <= counted < 30
        or grave >= 3
        or (died == 1 and f.similar_cases)
        or (wide and (spread.counties_with_iv or 0) >= 2)
        or f.judged_level == "III"
    ):
        return "III"
    if 10 <= counted < 20 or grave >= 2 or f.judged_level == "IV":
        return "IV"
    return None


@pytest.mark.clause("附件1")
@given(findings(known=True))
def test_grading_says_what_the_text_says(f: Findings) -> None:
    result = grade(gaoqing(), f)
    assert result.level == result.candidate == by_the_text(f)


@pytest.mark.clause("附件1")
@given(findings())
def test_the_candidate_is_the_grade_if_every_unknown_answer_were_yes(f: Findings) -> None:
    result = grade(gaoqing(), f)
    assert rank(result.candidate) >= rank(result.level)
    yes = f.model_copy(update={q: True for q in QUALIFIERS if getattr(f, q) is None})
    known = grade(gaoqing(), yes)
    assert known.candidate == result.candidate
    assert rank(known.level) >= rank(result.level)
    if None not in (f.affected, f.severe, f.deaths):
        assert known.level == result.candidate


@pytest.mark.clause("附件1")
@given(findings(), st.sampled_from([*QUALIFIERS, *NOBODY]))
def test_an_unknown_never_lowers(f: Findings, name: str) -> None:
    result = grade(gaoqing(), f)
    unknown = grade(gaoqing(), f.model_copy(update={name: None}))
    assert rank(unknown.candidate) >= rank(result.level)


@pytest.mark.clause("附件1")
@given(findings(), st.sampled_from(QUALIFIERS))
def test_an_explicit_no_removes_every_line_that_asks_for_it(f: Findings, name: str) -> None:
    result = grade(gaoqing(), f)
    refuted = grade(gaoqing(), f.model_copy(update={name: False}))
    assert rank(refuted.level) <= rank(result.level)
    assert rank(refuted.candidate) <= rank(result.candidate)
    for entry in gaoqing().grading.lines:
        alone = [x for x in gaoqing().grading.lines if x.line == entry.line]
        if all(name in x.needs for x in alone):
            assert line(refuted, entry.line.removeprefix("附件1 ")).met == "no"


@pytest.mark.clause("附件1")
@given(findings(), st.sampled_from(list(NOBODY)), st.integers(1, 60))
def test_more_harm_never_lowers_the_level(f: Findings, name: str, more: int) -> None:
    number = getattr(f, name)
    if number is None:
        return
    worse = grade(gaoqing(), f.model_copy(update={name: number + more}))
    assert rank(worse.level) >= rank(grade(gaoqing(), f).level)


@given(findings())
def test_judgement_is_asked_for_exactly_where_a_person_must_decide(f: Findings) -> None:
    result = grade(gaoqing(), f)
    met = {entry.line for entry in result.lines if entry.met == "yes"}
    two_deaths = f.deaths == 2 and bool(met & {"附件1 二(二)", "附件1 三(二)"})
    assert result.needs_judgement == (
        result.level != result.candidate or result.level is None or two_deaths
    )
    assert grade(gaoqing(), f) == result
