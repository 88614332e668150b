"""6.5: how a drill went, judged from the record and from what evaluators saw."""

from datetime import date, timedelta
from typing import Any

import pytest

from domain.drill.evaluation import clauses_exercised, evaluate, open_improvements
from domain.drill.record import Improvement, Observed, Played
from domain.incident.commands import Dismiss, VoidEntry
from domain.incident.envelope import Envelope
from domain.incident.observations import Refused
from tests.domain.story import Story, beijing
from tests.drills.exercise import (
    DECIDED,
    GIVEN_TO,
    GRADED,
    REPORTED,
    TALKED,
    Exercise,
    inject,
    refusal,
    reporting,
    scenario,
    text,
)

pytestmark = pytest.mark.clause("6.5")

# --- expected actions ---------------------------------------------------------------------------


def test_an_action_in_time_is_met_with_the_event_that_shows_it_and_what_was_left() -> None:
    exercise = reporting("14:30")
    (event,) = (e for e in exercise.story.events if e.type == "report.submitted")
    judged = exercise.judged()
    assert (judged.status, judged.incident, judged.seq) == ("met", "main", event.seq)
    assert (judged.limit, judged.at) == (beijing("16:00"), beijing("14:30"))
    assert judged.margin == timedelta(minutes=90)


@pytest.mark.parametrize(("at", "status"), [("16:00", "met"), ("16:01", "late")])
def test_the_limit_itself_is_still_in_time(at: str, status: str) -> None:
    assert reporting(at).judged().status == status


def test_an_action_after_its_limit_is_late_by_so_much() -> None:
    judged = reporting("16:20").judged()
    assert (judged.status, judged.margin) == ("late", timedelta(minutes=-20))


def test_a_thing_done_in_time_and_entered_late_is_met() -> None:
    exercise = Exercise(scenario(inject(1, 0, GRADED)))
    exercise.story.at("17:00").graded("IV", when="14:20", late_reason="会场记录，会后补录")
    assert exercise.judged().status == "met"


def test_of_two_entries_the_one_that_occurred_first_counts() -> None:
    exercise = Exercise(scenario(inject(1, 0, GRADED)))
    exercise.story.at("15:00").graded("IV")
    exercise.story.at("16:00").graded("III", when="14:20", late_reason="会后补录")
    assert exercise.judged().at == beijing("14:20")


def test_what_was_entered_before_the_inject_is_no_answer_to_it() -> None:
    exercise = Exercise(scenario(inject(1, 0), inject(2, 1, GRADED)))
    exercise.story.at("14:30").graded("IV").at("17:00")
    assert exercise.judged(2).status == "missed"
    exercise.story.graded("IV")
    assert exercise.judged(2).status == "late"


def test_an_event_with_other_content_does_not_show_the_action() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED)))
    exercise.story.at("14:30").report("progress", *GIVEN_TO)
    assert exercise.judged().status == "missed"


def test_an_entry_voided_afterwards_shows_nothing() -> None:
    exercise = reporting("14:30")
    (event,) = (e for e in exercise.story.events if e.type == "report.submitted")
    exercise.story.do(VoidEntry(seq=event.seq, reason="误报"))
    assert exercise.judged().status == "missed"


def test_what_nobody_did_by_the_end_is_missed() -> None:
    exercise = Exercise(scenario(inject(1, 0, DECIDED)))
    assert exercise.judged().status == "missed"


def test_what_the_end_came_before_is_not_held_against_anybody() -> None:
    late = {**GRADED, "within": timedelta(hours=5)}
    exercise = Exercise(scenario(inject(1, 0, late, DECIDED)))
    assert exercise.judged(1, 0).status == "not_due"
    exercise.left(suspended="真实事件")
    assert exercise.judged(1, 1).status == "not_due"


def test_while_the_drill_goes_on_only_limits_that_have_passed_are_missed() -> None:
    exercise = Exercise(scenario(inject(1, 0, GRADED, DECIDED))).left(ended=None)
    assert exercise.judged(1, 0).status == "not_due"
    exercise.story.at("14:40").report("initial", *GIVEN_TO)
    assert [exercise.judged(1, n).status for n in (0, 1)] == ["missed", "not_due"]


def test_an_inject_that_never_came_expects_nothing() -> None:
    exercise = Exercise(scenario(inject(1, 0), inject(2, 1, DECIDED)))
    exercise.left(played=(Played(number=2, status="skipped"),))
    assert exercise.judged(2).status == "not_played"
    assert "4.6.1" not in exercise.evaluation.clauses


def test_an_inject_edited_during_play_expects_what_it_says_now() -> None:
    exercise = Exercise(scenario(inject(1, 0, DECIDED)))
    exercise.story.at("14:10").graded("IV")
    exercise.left(added=(scenario(inject(1, 0, GRADED)).injects[0],))
    assert [one.status for one in exercise.evaluation.judged] == ["met"]


# --- what evaluators saw ------------------------------------------------------------------------


def test_talk_waits_for_an_evaluator_and_is_not_counted_until_then() -> None:
    exercise = Exercise(scenario(inject(1, 1, TALKED)))
    assert exercise.judged().status == "unseen"
    rated = exercise.rated("talk")
    assert (rated.rating, rated.unseen, rated.missed) == (None, 1, 0)


@pytest.mark.parametrize(
    ("met", "at", "status", "margin"),
    [
        (True, "15:40", "met", timedelta(minutes=20)),
        (True, "16:10", "late", timedelta(minutes=-10)),
        (False, "15:40", "missed", None),
    ],
)
def test_an_evaluator_says_what_no_record_holds(
    met: bool, at: str, status: str, margin: timedelta | None
) -> None:
    judged = Exercise(scenario(inject(1, 1, TALKED))).saw(1, 0, met, at).judged()
    assert (judged.status, judged.observation, judged.margin) == (status, "o1", margin)


def test_what_an_evaluator_saw_goes_before_the_record_and_his_last_word_counts() -> None:
    exercise = reporting("14:30").saw(1, 0, False)
    assert exercise.judged().status == "missed"
    exercise.saw(1, 0, True, "14:20").saw(1, 0, None)
    assert (exercise.judged().status, exercise.judged().observation) == ("met", "o2")


# --- clocks, answers, authority -----------------------------------------------------------------


def test_every_clock_has_its_verdict_and_margin() -> None:
    exercise = reporting("14:30")
    clocks = {clock.id: clock for clock in exercise.evaluation.clocks}
    city = clocks["report-2h/city-msa"]
    assert (city.kind, city.verdict, city.margin) == (
        "statutory",
        "on_time",
        timedelta(minutes=90),
    )
    assert "市" in city.name.zh
    internal = clocks["report-city/city-msa"]
    assert (internal.kind, internal.verdict, internal.margin) == (
        "internal",
        "late",
        timedelta(minutes=-15),
    )
    assert set(clocks) == set(exercise.story.state.clocks)


def test_a_clock_that_nobody_met_is_unmet_and_one_not_due_at_the_end_runs() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED)))
    exercise.story.at("16:30")
    by_id = {clock.id: clock for clock in exercise.evaluation.clocks}
    unmet = by_id["report-2h/city-msa"]
    assert (unmet.verdict, unmet.margin) == ("unmet", timedelta(hours=-2))
    exercise.left(ended=beijing("15:00"))
    by_id = {clock.id: clock for clock in exercise.evaluation.clocks}
    running = by_id["report-2h/city-msa"]
    assert (running.verdict, running.margin) == ("running", None)


def test_a_cancelled_clock_is_no_ones_fault() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED)))
    exercise.story.at("14:20").do(Dismiss(reasons="经核查不属于药品安全事件"))
    cancelled = [c for c in exercise.evaluation.clocks if c.verdict == "cancelled"]
    assert cancelled
    assert all(clock.margin is None and not clock.broken for clock in cancelled)


def test_each_body_is_shown_with_how_it_answered_and_who_never_did_comes_first() -> None:
    exercise = Exercise(scenario(inject(1, 0)))
    story = exercise.story.at("14:05").deliver_notices().at("14:12")
    first, second = (n.id for n in story.notices("county-health") if n.pursued)
    story.acknowledge(first).at("14:32").acknowledge(second)
    bodies = exercise.evaluation.bodies
    by_id = {body.body: body for body in bodies}
    answered = by_id["county-health"]
    assert (answered.notices, answered.answered, answered.unanswered) == (3, 2, 1)
    assert (answered.first, answered.typical, answered.slowest) == (
        timedelta(minutes=12),
        timedelta(minutes=22),
        timedelta(minutes=32),
    )
    silent = by_id["county-msa"]
    assert (silent.answered, silent.first, silent.slowest) == (0, None, None)
    assert silent.unanswered == silent.notices > 0
    assert bodies[-1].body == "county-health"


def test_attempts_of_the_wrong_authority_are_listed_and_other_refusals_are_not() -> None:
    exercise = Exercise(scenario(inject(1, 0)))
    exercise.refusals = (refusal("no_authority"), refusal(at="14:30"), refusal("wrong_phase"))
    attempts = exercise.evaluation.attempts
    assert [one.code for one in attempts] == ["superior_leads", "no_authority"]
    assert (attempts[0].decider, attempts[0].clause) == ("command-office", "4.4")


def test_a_refusal_that_the_record_itself_holds_is_listed_as_well() -> None:
    exercise = Exercise(scenario(inject(1, 0)))
    story = exercise.story.at("14:10")
    envelope: Envelope = story.envelope(
        Refused(command="decide_activation", refusal={"code": "no_authority", "clause": "4.6.1"}),
        by="county-police",
        seat="county-police",
    )
    story.send(envelope)
    (attempt,) = exercise.evaluation.attempts
    assert (attempt.command, attempt.decider, attempt.clause, attempt.incident) == (
        "decide_activation",
        "county-police",
        "4.6.1",
        "GQ-1",
    )


# --- clauses and corrective actions -------------------------------------------------------------


def test_clauses_come_from_the_record_the_actions_and_the_objectives_rated() -> None:
    exercise = Exercise(scenario(inject(1, 0, REPORTED), inject(2, 1, TALKED)))
    exercise.story.at("14:30").report("initial", *GIVEN_TO)
    clauses = exercise.evaluation.clauses
    recorded = {event.clause for event in exercise.story.events}
    assert recorded < set(clauses)
    assert "附件2" in clauses
    # Nothing of publishing was seen, so it was not exercised.
    assert "4.7.2" not in clauses
    assert "4.7.2" in exercise.left(observations=_seen_publishing()).evaluation.clauses


def _seen_publishing() -> tuple[Observed, ...]:
    moment = beijing("15:00")
    return (
        Observed(
            id="o1",
            at=moment,
            entered=moment,
            by="observer",
            text="已备案",
            objective="publish",
            met=True,
        ),
    )


def test_clauses_stand_in_the_order_of_the_plan() -> None:
    expecting = [{**TALKED, "clause": clause} for clause in ("附件2", "3.10", "3.2.2(1)", "3.2")]
    clauses = Exercise(scenario(inject(1, 0, *expecting))).evaluation.clauses
    shown = [clause for clause in clauses if clause in {"附件2", "3.10", "3.2.2(1)", "3.2"}]
    assert shown == ["3.2", "3.2.2(1)", "3.10", "附件2"]


def improvement(id: str, due: date, **more: Any) -> Improvement:
    """A corrective action."""
    return Improvement(id=id, text="补充通讯录", owner="county-msa", due=due, **more)


def test_corrective_actions_stay_until_they_are_done_next_due_first() -> None:
    exercise = reporting().left(
        improvements=(
            improvement("i1", date(2026, 12, 1)),
            improvement("i2", date(2026, 11, 1)),
            improvement("i3", date(2026, 10, 1), done=date(2026, 9, 20)),
        )
    )
    evaluation = exercise.evaluation
    assert [one.id for one in evaluation.improvements] == ["i2", "i1"]
    other = reporting().left(drill="D-2", improvements=(improvement("i1", date(2026, 11, 15)),))
    found = open_improvements([evaluation, other.evaluation])
    assert [(one.drill, one.improvement.id) for one in found] == [
        ("D-1", "i2"),
        ("D-2", "i1"),
        ("D-1", "i1"),
    ]


def test_clauses_of_a_year_are_counted_by_the_day_on_which_the_drill_was_held() -> None:
    first = reporting().evaluation
    # New Year in Beijing, when UTC still has the old year; the exercise plays in 2026 either way.
    next_year = reporting().left(drill="D-2", real_started=beijing("2027-01-01 07:00")).evaluation
    assert next_year.held == date(2027, 1, 1)
    assert clauses_exercised([next_year, first], 2026)["3.2.2(1)"] == ("D-1",)
    assert clauses_exercised([next_year, first], 2027)["3.2.2(1)"] == ("D-2",)
    assert clauses_exercised([next_year, first], 2025) == {}


def test_an_evaluation_can_be_kept_and_read_again() -> None:
    evaluation = reporting().saw(1, 0, True).evaluation
    kept = evaluation.model_dump_json()
    assert type(evaluation).model_validate_json(kept) == evaluation
    assert evaluation.title.model_dump() == text("群体不良事件推演")


def test_several_incidents_are_evaluated_together() -> None:
    exercise = reporting("14:30")
    second = Story(incident="GQ-2", space="drill").intake()
    evaluation = evaluate(
        exercise.plan,
        exercise.record,
        {"main": exercise.story.events, "second": second.events},
        {"main": exercise.story.state, "second": second.state},
    )
    assert {clock.incident for clock in evaluation.clocks} == {"main", "second"}
    assert evaluation.judged[0].incident == "main"
