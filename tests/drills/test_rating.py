"""6.5: objectives rated P, S, M or U, by rule or by an evaluator."""

import pytest

from domain.drill.rating import RULES, Tally, rule_for
from domain.drill.record import Observed, Overridden
from tests.domain.story import beijing
from tests.drills.exercise import (
    DECIDED,
    GIVEN_TO,
    GRADED,
    REPORTED,
    Exercise,
    inject,
    reporting,
    scenario,
)

pytestmark = pytest.mark.clause("6.5")


@pytest.mark.parametrize(
    ("tally", "rating"),
    [
        (Tally(met=2, late=0, missed=0, broken=0), "P"),
        (Tally(met=1, late=1, missed=0, broken=0), "S"),
        (Tally(met=0, late=2, missed=0, broken=0), "S"),
        (Tally(met=2, late=0, missed=1, broken=0), "M"),
        (Tally(met=2, late=0, missed=0, broken=1), "M"),
        (Tally(met=0, late=1, missed=1, broken=0), "M"),
        (Tally(met=0, late=0, missed=0, broken=1), "M"),
        (Tally(met=0, late=0, missed=1, broken=0), "U"),
        (Tally(met=0, late=0, missed=2, broken=1), "U"),
    ],
)
def test_the_first_rule_that_holds_rates(tally: Tally, rating: str) -> None:
    rule = rule_for(tally)
    assert rule is not None
    assert rule.rating == rating


def test_nothing_seen_is_rated_by_nobody() -> None:
    assert rule_for(Tally(met=0, late=0, missed=0, broken=0)) is None


def test_every_rating_has_one_rule_with_its_reason_in_both_languages() -> None:
    assert sorted(rule.rating for rule in RULES) == ["M", "P", "S", "U"]
    assert all(rule.why.zh and rule.why.en and rule.says.en for rule in RULES)


def test_an_objective_is_rated_from_its_own_actions() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED, GRADED, DECIDED)))
    exercise.story.at("14:30").report("initial", *GIVEN_TO).at("15:00").graded("IV")
    report, grade = exercise.rated("report"), exercise.rated("grade")
    assert (report.rating, report.met) == ("P", 1)
    assert (grade.rating, grade.late, grade.missed) == ("M", 1, 1)
    assert exercise.rated("publish").rating is None


def test_a_statutory_limit_broken_lowers_the_objective_on_its_clause_alone() -> None:
    whenever = {**REPORTED, "within": None}
    exercise = Exercise(scenario(inject(1, 0, whenever, {**GRADED, "within": None})))
    exercise.story.at("16:20").report("initial", *GIVEN_TO).graded("IV")
    report = exercise.rated("report")
    assert (report.rating, report.met, report.late) == ("M", 1, 0)
    assert set(report.broken) == {
        "main/report-2h/county-government",
        "main/report-2h/city-msa",
    }
    # Internal targets of other clauses were exceeded too, and are not statute.
    assert any(c.broken and c.kind == "internal" for c in exercise.evaluation.clocks)
    assert exercise.rated("grade").rating == "P"


def test_what_the_reporter_owes_is_not_held_against_the_players() -> None:
    exercise = reporting("14:30")
    assert exercise.rated("report").rating == "P"
    clock = exercise.story.clock("report-2h/city-msa")
    theirs = clock.model_copy(
        update={"id": "theirs", "owner": "reporter", "verdict": "late", "met_at": beijing("17:00")}
    )
    clocks = {**exercise.story.state.clocks, "theirs": theirs}
    exercise.story.state = exercise.story.state.model_copy(update={"clocks": clocks})
    assert exercise.rated("report").rating == "P"
    ours = theirs.model_copy(update={"owner": "county-msa"})
    exercise.story.state = exercise.story.state.model_copy(
        update={"clocks": {**clocks, "theirs": ours}}
    )
    assert exercise.rated("report").rating == "M"


def test_an_evaluators_verdict_on_an_objective_counts_like_an_action() -> None:
    seen = Observed(
        id="o1",
        at=beijing("15:00"),
        entered=beijing("15:00"),
        by="observer",
        text="无人提及备案",
        objective="publish",
        met=False,
    )
    exercise = Exercise(scenario(inject(1, 0))).left(observations=(seen,))
    assert exercise.rated("publish").rating == "U"


def test_an_evaluator_rates_otherwise_with_a_reason_and_the_rules_word_stays_visible() -> None:
    changed = Overridden(objective="report", rating="S", reason="口头报告不完整", by="observer")
    rated = reporting().left(overridden=(changed,)).rated("report")
    assert (rated.rating, rated.by_rule) == ("S", "P")
    assert rated.overridden is not None
    assert rated.overridden.reason == "口头报告不完整"
