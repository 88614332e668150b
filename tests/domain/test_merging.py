"""Merging: the other accepts first, the earliest clock stays, nobody is counted twice (E11)."""

import pytest

from domain.incident.commands import (
    CompleteTask,
    Dismiss,
    Merge,
    VoidEntry,
)
from domain.incident.envelope import Envelope
from domain.incident.observations import AcceptMerge, MergeOffer
from tests.domain import merges
from tests.domain.later import Story
from tests.domain.merges import pair
from tests.domain.story import beijing

pytestmark = pytest.mark.clause("3.2.2(2)")
TOLD = ("county-government", "city-msa")
SHARED = "report-2h/city-msa"


def pass_both(one: Story, other: Story, until: str) -> None:
    one.at(until)
    other.at(until)


# --- the saga -------------------------------------------------------------------------------


def test_until_the_other_answers_nothing_has_changed() -> None:
    source, target = pair()
    open_before = source.state.open_clocks
    merges.ask(source, target)
    assert source.state.merging_into == "GQ-2"
    assert source.state.open_clocks == open_before
    source.expect_phase("reported")
    source.report("initial", *TOLD).expect_met(SHARED)


def test_the_other_accepts_first_and_then_the_source_is_merged() -> None:
    source, target = pair()
    merges.ask(source, target)
    given = merges.offer(source)
    merges.accept(target, given)
    source.expect_phase("reported")
    merges.conclude(source, target, given)
    source.expect_phase("merged")
    assert source.state.merged_into == "GQ-2"
    assert source.state.open_clocks == ()
    assert {c.reason for c in source.state.clocks.values() if c.status == "cancelled"} == {"merged"}
    assert target.state.merged_from == {"GQ-1": given.seq}


def test_refused_leaves_the_source_as_it_was() -> None:
    source, target = pair()
    target.do(Dismiss(reasons="经核实与药品无关"))
    clocks, facts = source.state.clocks, source.state.facts
    merges.ask(source, target)
    given = merges.offer(source)
    merges.refuses(target, given, "ended")
    merges.conclude(source, target, given, accepted=False, reason="已排除")
    assert source.types() == ["merge.refused"]
    assert (source.state.clocks, source.state.facts) == (clocks, facts)
    assert (source.state.merging_into, source.state.merge_overlap) == (None, None)
    source.expect_phase("reported").report("initial", *TOLD).expect_met(SHARED)


def test_what_happens_meanwhile_is_offered_again() -> None:
    source, target = pair()
    merges.ask(source, target)
    early = merges.offer(source)
    merges.accept(target, early)
    source.correct(abroad=True)
    merges.conclude(source, target, early)
    assert source.types() == []
    source.expect_phase("reported")
    late = merges.offer(source)
    merges.accept(target, late)
    merges.conclude(source, target, late).expect_phase("merged")
    target.expect_open("GQ-1/foreign-affairs/county-commerce/" + _foreign(late))
    assert target.state.reported.abroad is True


def _foreign(given: MergeOffer) -> str:
    (clock,) = [c for c in given.clocks if c.obligation == "foreign-affairs"]
    return clock.id.rpartition("/")[2]


def test_a_notice_on_its_way_does_not_delay_a_merge() -> None:
    source, target = pair()
    merges.ask(source, target)
    given = merges.offer(source)
    merges.accept(target, given)
    (lost,) = source.notices("county-msa", "tasks")
    source.fail_notice(lost.id)
    assert source.types() == ["message.failed", "call.wanted", "notices.queued"]
    merges.conclude(source, target, given).expect_phase("merged")


def test_a_duty_met_meanwhile_is_offered_first() -> None:
    source, target = pair()
    merges.ask(source, target)
    given = merges.offer(source)
    merges.accept(target, given)
    source.deliver_notices()
    assert "clock.met" in {event.type for event in source.events}
    merges.conclude(source, target, given).expect_phase("reported")


def test_the_same_offer_twice_is_taken_over_once() -> None:
    source, target = pair()
    merges.ask(source, target)
    given = merges.offer(source)
    merges.accept(target, given)
    before = target.state
    assert merges.accept(target, given).last == ()
    again = Envelope(request_id="other", received=target.now, command=AcceptMerge(offer=given))
    assert target.send(again).last == ()
    assert target.state == before


def test_an_incident_cannot_merge_into_itself_or_twice_at_once() -> None:
    source, target = pair()
    source.refuses("same_incident", "3.2.2(2)", Merge(into="GQ-1", reasons="误"))
    merges.ask(source, target)
    source.refuses("merge_pending", "3.2.2(2)", Merge(into="GQ-3", reasons="误"))
    source.refuses("merge_pending", "3.2.2(2)", Dismiss(reasons="误报"))


def test_two_that_merge_into_each_other_refuse_each_other_and_both_stand() -> None:
    one, other = pair()
    merges.ask(one, other)
    merges.ask(other, one)
    merges.refuses(other, merges.offer(one), "cannot_accept")
    merges.refuses(one, merges.offer(other), "cannot_accept")
    for story, partner in ((one, other), (other, one)):
        merges.conclude(story, partner, merges.offer(story), accepted=False)
        story.expect_phase("reported")
        assert story.state.merging_into is None


def test_whoever_took_over_keeps_taking_over_while_it_asks_another_to() -> None:
    source, target = pair()
    third = Story(incident="GQ-3").intake()
    merges.ask(source, target)
    merges.accept(target, merges.offer(source))
    merges.ask(target, third)
    source.correct(abroad=True)
    latest = merges.offer(source)
    merges.accept(target, latest)
    merges.conclude(source, target, latest).expect_phase("merged")
    final = merges.offer(target)
    merges.accept(third, final)
    merges.conclude(target, third, final).expect_phase("merged")
    assert any(c.obligation == "foreign-affairs" for c in third.state.open_clocks)


def test_an_offer_under_another_plan_is_refused_where_it_would_not_be_understood() -> None:
    source, target = pair()
    merges.ask(source, target)
    given = merges.offer(source)
    clock = given.clocks[0].model_copy(update={"obligation": "of-another-plan"})
    strange = given.model_copy(update={"clocks": (clock,)})
    merges.refuses(target, strange, "other_plan")
    stranger = given.model_copy(update={"told": ("nobody",)})
    merges.refuses(target, stranger, "other_plan")


def test_only_the_competent_may_merge() -> None:
    source, _ = pair()
    command = Merge(into="GQ-2", reasons="同一起")
    source.refuses("no_authority", "3.2.2(2)", command, "county-health", seat="duty")


# --- clocks ---------------------------------------------------------------------------------


def test_the_earliest_clock_is_kept() -> None:
    source = Story(incident="GQ-1", at="13:40").intake(learned="12:30").at("14:00")
    target = Story(incident="GQ-2").intake(learned="13:50")
    target.expect_due(SHARED, "15:50")
    merges.merge(source, target)
    target.expect_due(SHARED, "14:30")
    assert target.state.opened_at == source.state.opened_at
    assert f"GQ-1/{SHARED}" not in target.state.clocks, "one clock, not two for the same duty"


def test_an_earlier_clock_of_the_one_that_takes_over_stays() -> None:
    source = Story(incident="GQ-1").intake(learned="13:50")
    target = Story(incident="GQ-2").intake(learned="12:30")
    merges.merge(source, target)
    target.expect_due(SHARED, "14:30")


def test_the_knowledge_that_a_merge_brought_cannot_be_voided_away() -> None:
    source = Story(incident="GQ-1").intake(learned="12:30")
    target = Story(incident="GQ-2").intake(learned="13:50")
    merges.merge(source, target)
    (taken,) = [e.seq for e in target.events if e.type == "merge.accepted"]
    target.refuses("not_voidable", "3.2.3(2)", VoidEntry(seq=taken, reason="误"))


def test_a_report_that_the_other_gave_in_time_is_a_report_of_the_incident() -> None:
    source, target = pair()
    pass_both(source, target, "14:20")
    source.report("initial", *TOLD)
    pass_both(source, target, "16:30")
    target.expect_unrecorded(SHARED)
    merges.merge(source, target)
    target.expect_met(SHARED)
    assert target.clock(SHARED).met_by == "GQ-1/r" + source.last_report[1:]


def test_what_neither_reported_in_time_stays_late() -> None:
    source = Story(incident="GQ-1").intake(learned="12:00")
    target = Story(incident="GQ-2").intake(learned="14:00")
    target.report("initial", *TOLD).expect_met(SHARED)
    merges.merge(source, target)
    # The one incident was known at 12:00, and nobody upward heard of it before 14:00.
    assert target.clock(SHARED).due == beijing("14:00")
    source, target = pair()
    source = Story(incident="GQ-1").intake(learned="11:00")
    target.report("initial", *TOLD)
    merges.merge(source, target)
    assert target.clock(SHARED).verdict == "late"


@pytest.mark.clause("3.2.3(2)")
def test_a_day_without_its_report_comes_along() -> None:
    source, target = pair()
    source.graded("III").report("initial", *TOLD)
    pass_both(source, target, "2026-10-08 09:00")
    missed = "daily-i-iii/city-msa/2026-10-07"
    source.expect_unrecorded(missed)
    merges.merge(source, target)
    target.expect_unrecorded(f"GQ-1/{missed}")
    target.expect_open("daily-i-iii/city-msa/2026-10-08")
    target.report("progress", "city-msa").expect_unrecorded(f"GQ-1/{missed}")
    target.report("progress", "city-msa", given="2026-10-07 20:00", late_reason="补录")
    target.expect_met(f"GQ-1/{missed}", "on_time_entered_late")


def test_the_graver_level_holds_and_its_clocks_come_along() -> None:
    source, target = pair()
    target.graded("IV")
    source.graded("II")
    (mine,) = [c for c in source.clocks("report-2h-determined") if c.recipient == "city-msa"]
    merges.merge(source, target)
    target.expect_level("II")
    (clock,) = [
        c
        for c in target.state.open_clocks
        if c.obligation == "report-2h-determined" and c.recipient == "city-msa"
    ]
    assert clock.due == mine.due
    assert clock.id.startswith("GQ-1/")
    target.report("urgent", "city-msa")
    assert target.clock(clock.id).status == "met"


def test_the_level_of_the_one_that_takes_over_never_falls() -> None:
    source, target = pair()
    target.graded("II")
    source.graded("IV")
    merges.merge(source, target)
    target.expect_level("II")


def test_another_rule_that_applied_comes_along() -> None:
    source = Story(incident="GQ-1").intake(other_rules=["health-emergency-upward"])
    target = Story(incident="GQ-2").intake()
    merges.merge(source, target)
    target.expect_open("health-emergency-upward/city-government")
    assert [c.id for c in target.state.open_clocks if "health-emergency-upward" in c.id] == [
        "health-emergency-upward/city-government",
        "health-emergency-upward/city-health",
    ]


def test_no_open_clock_is_lost() -> None:
    source = Story(incident="GQ-1").intake(
        "producer",
        discovered="13:30",
        abroad=True,
        outside_firm=True,
        other_rules=["law81-firm-investigation"],
    )
    target = Story(incident="GQ-2").intake("public", harm=False)
    source.graded("III")
    before = {(c.obligation, c.recipient, c.due) for c in source.state.open_clocks}
    merges.merge(source, target)
    after = {(c.obligation, c.recipient, c.due) for c in target.state.open_clocks}
    lost = {(duty, who) for duty, who, _ in before if duty != "task"} - {
        (duty, who) for duty, who, _ in after
    }
    assert lost == set()
    assert ("law81-firm-investigation", "province-mpa") in {(d, w) for d, w, _ in after}


def test_tasks_come_along_and_what_was_done_about_them_stands() -> None:
    source, target = pair()
    pending = source.task("seal")
    merges.ask(source, target)
    merges.accept(target, merges.offer(source))
    carried = f"GQ-1/{pending}"
    target.expect_open(f"task:{carried}", "15:00")
    target.do(CompleteTask(task=carried, result="已封存"), "county-msa")
    source.correct(abroad=True)
    latest = merges.offer(source)
    merges.accept(target, latest)
    assert target.state.tasks[carried].status == "done"
    target.expect_met(f"task:{carried}")


def test_a_task_done_meanwhile_is_asked_of_nobody_any_more() -> None:
    source, target = pair()
    pending = source.task("seal")
    merges.ask(source, target)
    merges.accept(target, merges.offer(source))
    source.complete(pending)
    merges.accept(target, merges.offer(source))
    assert f"GQ-1/{pending}" not in target.state.tasks
    target.expect_cancelled(f"task:GQ-1/{pending}")


@pytest.mark.clause("4.6.2(1)")
def test_a_running_response_goes_on() -> None:
    source, target = pair()
    source.graded("IV").activate().release("response-iv")
    merges.merge(source, target)
    target.expect_phase("responding").expect_level("IV")
    assert target.state.response_level == "IV"
    target.expect_open("daily-iv/command-office/2026-10-06")
    target.terminate().expect_phase("aftermath")
    assert {c.recipient for c in target.clocks("summary")} == {
        "county-government",
        "city-government",
        "city-msa",
    }
