"""Mistakes happen: a wrong entry is voided, and whoever was told is told so (E11)."""

import pytest

from domain.incident.commands import DetermineCause, GiveReport, LogResource, VoidEntry
from domain.incident.entries import Delivery
from tests.domain.later import Story

pytestmark = pytest.mark.clause("3.2.3(2)")
CITY, COUNTY = "report-2h/city-msa", "report-2h/county-government"


def told() -> Story:
    """An initial report that went to the county government and the city."""
    return Story().intake().at("14:20").report("initial", "county-government", "city-msa")


def number(story: Story) -> int:
    """The sequence of the newest report."""
    return story.state.reports[story.last_report].seq


# --- reports --------------------------------------------------------------------------------


def test_a_voided_report_meets_nothing_and_is_corrected_with_those_who_have_it() -> None:
    story = told().expect_met(CITY)
    wrong = story.last_report
    story.at("14:40").void(number(story)).expect_open(CITY, "16:00").expect_open(COUNTY)
    clocks = {c.recipient: c for c in story.clocks("correction-voided")}
    assert {*clocks} == {"county-government", "city-msa"}
    assert {c.due for c in clocks.values()} == {story.moment("15:40")}
    story.report("correction", "city-msa", about=wrong)
    story.expect_met(f"correction-voided/city-msa/{wrong}")
    story.expect_open(f"correction-voided/county-government/{wrong}")
    story.expect_open(CITY)


def test_whoever_never_got_it_needs_no_correction() -> None:
    story = told()
    wrong = story.last_report
    delivery = story.give(wrong, "city-health").last[0].seq
    story.void(delivery).void(number(story))
    assert {c.recipient for c in story.clocks("correction-voided")} == {
        "county-government",
        "city-msa",
    }
    assert story.last[0].data["told"] == ["city-msa", "county-government"]


def test_a_draft_that_nobody_has_needs_no_correction() -> None:
    story = Story().intake().report("initial")
    story.void(number(story)).expect_no_clock("correction-voided")


def test_the_countys_own_bodies_get_a_notice_and_superiors_a_correction() -> None:
    story = told()
    story.void(number(story))
    assert len(story.notices("county-government", "voided")) == 1
    assert story.notices("city-msa") == []


def test_a_correction_of_another_report_does_not_serve() -> None:
    story = told()
    first = story.last_report
    story.report("urgent", "city-msa")
    second = story.last_report
    story.void(story.state.reports[first].seq).void(story.state.reports[second].seq)
    story.report("correction", "city-msa", about=second)
    story.expect_open(f"correction-voided/city-msa/{first}")
    story.expect_met(f"correction-voided/city-msa/{second}")


def test_a_correction_given_before_the_error_was_found_corrects_nothing() -> None:
    story = told()
    wrong = story.last_report
    story.report("correction", "city-msa", about=wrong).at("14:50").void(
        story.state.reports[wrong].seq
    )
    story.expect_open(f"correction-voided/city-msa/{wrong}")


@pytest.mark.clause("3.2.2(1)")
def test_a_delivery_that_never_happened_is_owed_again() -> None:
    story = Story().intake().report("initial")
    delivery = story.give(story.last_report, "city-msa").expect_met(CITY).last[0].seq
    story.void(delivery, reason="电话未接通").expect_open(CITY)
    assert "city-msa" not in story.state.told
    assert story.types()[0] == "entry.voided"
    story.at("16:10").expect_unrecorded(CITY)


@pytest.mark.clause("3.2.2(1)")
def test_voided_after_its_moment_the_duty_is_missing_at_once() -> None:
    story = told().at("17:00")
    story.void(number(story)).expect_unrecorded(CITY)
    assert "clock.unrecorded" in story.types()


def test_what_the_reporter_gave_can_be_voided_too() -> None:
    story = Story().intake(discovered="13:55")
    command = GiveReport(delivery=Delivery(recipient="county-health", channel="phone"))
    story.do(command, "county-health").expect_met("hospital-to-health/county-health")
    story.void(story.last[0].seq, "county-health")
    story.expect_open("hospital-to-health/county-health")


# --- other entries --------------------------------------------------------------------------


@pytest.mark.clause("4.2")
def test_a_task_that_was_not_done_after_all_is_open_again() -> None:
    story = Story().intake()
    task = story.task("seal")
    done = story.complete(task).expect_met(f"task:{task}").last[0].seq
    story.void(done, reason="封存未完成").expect_open(f"task:{task}", "15:00")
    found = story.state.tasks[task]
    assert (found.status, found.done_at, found.result) == ("open", None, None)
    story.complete(task).expect_met(f"task:{task}")


@pytest.mark.clause("5.1", "4.6.2(5)")
def test_a_cause_found_wrong_is_undetermined_and_reported_to_nobody() -> None:
    story = Story().intake().do(DetermineCause(cause="quality", conclusion="批号污染"))
    (clock,) = [c.id for c in story.clocks("expert-conclusion-government")]
    story.void(story.last[0].seq).expect_cancelled(clock)
    assert (story.state.cause, story.state.conclusion) == (None, None)


@pytest.mark.clause("6.5", "6.2")
@pytest.mark.parametrize(
    ("act", "kind", "duty"),
    [("requisition", "goods", "settlement"), ("use", "store", "replenishment")],
)
def test_what_was_never_taken_is_not_owed_back(act: str, kind: str, duty: str) -> None:
    command = LogResource.model_validate(
        {"action": act, "kind": kind, "what": "车", "quantity": "2", "source": "某单位"}
    )
    story = Story().intake().do(command).do(command)
    first, second = story.state.ledger
    story.void(int(first[1:]))
    (gone,) = [c.id for c in story.clocks(duty) if first in c.id]
    (kept,) = [c.id for c in story.clocks(duty) if second in c.id]
    story.expect_cancelled(gone).expect_open(kept)
    assert not story.state.ledger[first].open
    way = "return" if kind == "goods" else "replenish"
    settle = LogResource.model_validate({"action": way, "resource": first})
    story.refuses("unknown_ledger_entry", "2.1.1(4)", settle)


@pytest.mark.clause("3.2.2(1)")
def test_a_knowledge_time_typed_wrong_is_voided_and_the_clock_moves_back() -> None:
    story = Story().intake(learned="13:50").expect_due(CITY, "15:50")
    story.correct(learned_at=story.moment("11:00")).expect_due(CITY, "13:00")
    story.expect_unrecorded(CITY)
    wrong = story.last[0].seq
    story.void(wrong, reason="时间误录").expect_due(CITY, "15:50").expect_open(CITY)
    assert story.state.reported.learned_at == story.moment("13:50")
    moved = [e for e in story.last if e.type == "clock.moved" and e.data["clock"] == CITY]
    assert [e.data["reason"] for e in moved] == ["by decision"]


@pytest.mark.clause("3.2.2(1)")
def test_of_a_first_report_its_knowledge_time_alone_is_voided() -> None:
    story = Story().intake(learned="2025-10-06 13:50")
    story.expect_unrecorded(CITY)
    story.correct(learned_at=story.moment("13:50")).void(1, reason="年份误录")
    story.expect_open(CITY, "15:50")
    assert story.state.reported.drug == "刺五加注射液"
    assert story.state.reported.learned_at == story.moment("13:50")


@pytest.mark.clause("3.2.2(1)")
def test_without_any_stated_time_it_counts_from_when_we_were_told() -> None:
    story = Story().intake(learned="2025-10-06 13:50").void(1, reason="年份误录")
    story.expect_open(CITY, "16:00")


# --- who, and what not ----------------------------------------------------------------------


@pytest.mark.parametrize("body", ["county-msa", "duty", "command-office", "county-government"])
def test_who_may_void_any_entry(body: str) -> None:
    story = told()
    assert body in {*story.plan.body_by_id}
    story.void(number(story), body)


def test_whoever_made_an_entry_may_void_it_and_others_may_not() -> None:
    story = Story().intake()
    task = story.task("rescue")
    done = story.complete(task).last[0].seq
    command = VoidEntry(seq=done, reason="误报")
    story.refuses("no_authority", "3.2.3(2)", command, "county-police")
    story.void(done, "county-health")
    assert story.state.tasks[task].status == "open"


def test_an_entry_is_voided_once() -> None:
    story = told()
    seq = number(story)
    story.void(seq)
    story.refuses("already_voided", "3.2.3(2)", VoidEntry(seq=seq, reason="误"))


def test_decisions_and_facts_are_not_voided_but_decided_and_corrected_anew() -> None:
    story = Story().intake().graded("IV").activate().correct(drug="某注射液", reason="核实")
    for event in story.events:
        if event.type in ("incident.assessed", "response.started", "proposal.made"):
            command = VoidEntry(seq=event.seq, reason="误")
            story.refuses("not_voidable", "3.2.3(2)", command)
    corrected = story.last[0]
    assert corrected.type == "facts.corrected"
    story.refuses("not_voidable", "3.2.3(2)", VoidEntry(seq=corrected.seq, reason="误"))
    story.refuses("not_voidable", "3.2.3(2)", VoidEntry(seq=9999, reason="误"))


def test_the_record_keeps_the_wrong_entry_and_the_reason() -> None:
    story = told()
    seq = number(story)
    story.void(seq, reason="人数有误")
    kept = next(event for event in story.events if event.seq == seq)
    assert kept.type == "report.submitted"
    assert story.last[0].data["reason"] == "人数有误"
    assert story.last[0].data["target_type"] == "report.submitted"
    assert story.state.voided == (seq,)


def test_a_report_is_voided_after_a_dismissal_too() -> None:
    story = told().dismiss().void(number(told()))
    assert {c.obligation for c in story.state.open_clocks} == {
        "correction-dismissed",
        "correction-voided",
    }
