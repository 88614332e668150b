"""Merging: the other accepts first, the earliest clock stays, nobody is counted twice (E11)."""

import pytest

from domain.base import Refusal
from domain.incident.commands import (
    Close,
    CompleteTask,
    DecideRelease,
    Dismiss,
    FileRelease,
    IssueWarning,
    LiftWarning,
    LogResource,
    Merge,
    ProposeRelease,
    PublishRelease,
    PurgePersons,
    RegisterPerson,
    VoidEntry,
)
from domain.incident.entries import Delivery
from domain.incident.envelope import Envelope, command_adapter
from domain.incident.merging import offer as offered
from domain.incident.observations import AcceptMerge, MergeOffer
from tests.domain import merges
from tests.domain.story import QUALIFIED, Story, beijing

pytestmark = pytest.mark.clause("3.2.2(2)")
TOLD = ("county-government", "city-msa")
SHARED = "report-2h/city-msa"


def pair(at: str = "14:00") -> tuple[Story, Story]:
    """Two incidents known at the same time: the one that merges, the one that takes over."""
    source = Story(incident="GQ-1", at=at).intake()
    target = Story(incident="GQ-2", at=at).intake()
    return source, target


def published(story: Story) -> Story:
    """A release is proposed, reviewed and published (4.7.2)."""
    draft = ProposeRelease(title="情况通报", text="情况通报如下", channel="政府网站")
    story.do(draft, "command-office")
    decided = DecideRelease(proposal=story.proposal.id, approve=True)
    story.do(decided, "county-government")
    out = PublishRelease(proposal=story.proposal.id, channel="政府网站")
    return story.do(out, "county-government")


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
    source.deliver_notices()
    merges.conclude(source, target, given)
    quiet = {"notice.accepted", "notice.acknowledged", "notices.queued", "clock.reminded"}
    later = {e.type for e in source.events if e.seq > given.seq}
    assert source.state.phase == ("merged" if later - {"incident.merged"} <= quiet else "reported")


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


# --- people and counts ----------------------------------------------------------------------


def counted(affected: int, deaths: int | None = None, severe: int | None = None) -> Story:
    story = Story(incident=f"GQ-{affected}").intake()
    findings = {**QUALIFIED, "affected": affected, "deaths": deaths, "severe": severe}
    return story.assess(findings=findings)


@pytest.mark.clause("附件1")
@pytest.mark.parametrize(
    ("overlap", "total"),
    [(None, 12), ({"affected": 0}, 23), ({"affected": 3}, 20), ({"affected": 99}, 12), ({}, 23)],
)
def test_nobody_is_counted_twice(overlap: dict[str, int] | None, total: int) -> None:
    source, target = counted(11), counted(12)
    merges.merge(source, target, overlap)
    assert target.state.reported.findings.affected == total


def test_an_unknown_count_takes_the_known_one() -> None:
    source, target = Story(incident="GQ-1").intake(), counted(12)
    source.assess("IV", findings={"deaths": 1, "severe": 1})
    merges.merge(source, target, {})
    findings = target.state.reported.findings
    assert (findings.affected, findings.severe, findings.deaths) == (12, 1, 1)


def test_who_died_is_among_the_severely_harmed_after_a_merge_too() -> None:
    source = Story(incident="GQ-1").intake().assess("IV", findings={"deaths": 4})
    target = counted(12, deaths=1, severe=2)
    merges.merge(source, target)
    assert target.state.reported.findings.severe_includes_deaths


def test_an_offer_repeated_counts_what_is_new_once() -> None:
    source, target = counted(11), counted(12)
    merges.ask(source, target, {"affected": 3})
    merges.accept(target, merges.offer(source))
    assert target.state.reported.findings.affected == 20
    source.assess(findings={**QUALIFIED, "affected": 15}).correct(abroad=True)
    merges.accept(target, merges.offer(source))
    assert target.state.reported.findings.affected == 24
    source.correct(abroad=False)
    merges.accept(target, merges.offer(source))
    assert target.state.reported.findings.affected == 24


def test_together_they_may_be_graver_and_a_person_must_grade_anew() -> None:
    source, target = counted(11, 0, 0), counted(12, 0, 0)
    merges.merge(source, target, {"affected": 0})
    target.expect_level("IV")
    assert (target.state.candidate, target.state.needs_judgement) == ("III", True)
    (heard,) = target.notices("county-msa", "took_over")
    assert heard.ref == str(next(e.seq for e in target.events if e.type == "merge.accepted"))
    target.assess().expect_level("III")


def test_new_deaths_are_an_important_matter_and_undo_a_proposal_to_end() -> None:
    target = counted(12).activate().propose_termination()
    source = Story(incident="GQ-1").intake().assess("IV", findings={"deaths": 1, "severe": 1})
    target.pass_time(minutes=5)
    merges.merge(source, target, {})
    proposal = target.proposal
    command = command_adapter.validate_python(
        {
            "name": "decide_termination",
            "proposal": proposal.id,
            "version": proposal.version,
            "approve": True,
        }
    )
    target.refuses("conditions_unmet", "4.6.4", command, "county-government")


@pytest.mark.clause("突发事件应对法 84")
def test_people_come_along_once() -> None:
    source, target = pair()
    source.do(RegisterPerson(reference="p-1", digest="1" * 64))
    target.do(RegisterPerson(reference="p-2", digest="2" * 64))
    merges.merge(source, target)
    assert target.state.persons == {"p-1": "1" * 64, "p-2": "2" * 64}
    assert merges.offer(target).persons == target.state.persons


# --- what was told, taken and published before ----------------------------------------------


@pytest.mark.clause("3.2.3(2)")
def test_a_later_dismissal_is_corrected_with_those_told_of_either() -> None:
    source, target = pair()
    source.report("initial", "county-government", "city-msa", "city-health")
    target.report("initial", "county-government", "city-government")
    merges.merge(source, target)
    target.do(Dismiss(reasons="经核实与药品无关"))
    assert {c.recipient for c in target.clocks("correction-dismissed")} == {
        "county-government",
        "city-msa",
        "city-health",
        "city-government",
    }
    assert not target.state.done
    target.report("correction", "city-msa", about="dismissal")
    left = {c.recipient for c in target.clocks("correction-dismissed") if c.status == "open"}
    assert left == {"county-government", "city-health", "city-government"}


@pytest.mark.clause("3.2.3(2)")
def test_a_wrong_report_of_the_other_is_still_corrected() -> None:
    source, target = pair()
    source.report("initial", "city-msa")
    wrong = source.last_report
    source.do(VoidEntry(seq=source.state.reports[wrong].seq, reason="数字有误"))
    merges.merge(source, target)
    carried = f"GQ-1/correction-voided/city-msa/{wrong}"
    target.expect_open(carried)
    target.report("initial", "city-msa")
    mine = target.last_report
    target.report("correction", "city-msa", about=mine).expect_open(carried)
    target.report("correction", "city-msa", about=f"GQ-1/{wrong}").expect_met(carried)


@pytest.mark.clause("3.2.3(2)")
def test_a_correction_that_came_along_outlives_a_dismissal() -> None:
    source, target = pair()
    source.report("initial", "city-msa")
    wrong = source.last_report
    source.do(VoidEntry(seq=source.state.reports[wrong].seq, reason="数字有误"))
    merges.merge(source, target)
    target.do(Dismiss(reasons="误报")).expect_open(f"GQ-1/correction-voided/city-msa/{wrong}")
    assert {c.obligation for c in target.state.open_clocks} == {
        "correction-voided",
        "correction-dismissed",
    }


@pytest.mark.clause("5.3")
def test_nothing_is_closed_while_it_is_being_taken_over() -> None:
    source, target = pair()
    source.graded("IV").activate()
    merges.ask(source, target)
    source.terminate()
    source.refuses("merge_pending", "5.3", Close(text="办结"), "command-office")


@pytest.mark.clause("6.5")
def test_what_was_requisitioned_is_settled_where_it_was_taken_over() -> None:
    source, target = pair()
    source.do(
        LogResource(action="requisition", kind="goods", what="车", quantity="2", source="某公司")
    )
    (entry,) = source.state.ledger
    merges.merge(source, target)
    carried = f"GQ-1/settlement/requisitioned/{entry}"
    target.expect_open(carried)
    target.do(
        LogResource(action="requisition", kind="goods", what="床", quantity="9", source="某医院")
    )
    mine = next(key for key in target.state.ledger if "/" not in key)
    target.do(LogResource(action="return", resource=mine)).expect_open(carried)
    target.do(LogResource(action="return", resource=f"GQ-1/{entry}")).expect_met(carried)


@pytest.mark.clause("4.7.2")
def test_a_release_is_filed_where_it_was_taken_over() -> None:
    source, target = pair()
    published(source.graded("IV"))
    (release,) = source.state.releases
    merges.ask(source, target)
    merges.accept(target, merges.offer(source))
    carried = f"GQ-1/release-filing/city-msa/{release}"
    target.expect_open(carried)
    filing = FileRelease(
        release=f"GQ-1/{release}", delivery=Delivery(recipient="city-msa", channel="fax")
    )
    target.do(filing, "command-office").expect_met(carried)
    source.correct(abroad=True)
    merges.accept(target, merges.offer(source))
    target.expect_met(carried)


@pytest.mark.clause("3.3.6")
def test_an_open_warning_is_lifted_where_it_was_taken_over() -> None:
    source, target = pair()
    source.do(
        IssueWarning(level="4", text="停用涉事批号", authorised_by="county-government"),
    )
    (warning,) = source.state.warnings
    merges.merge(source, target)
    lift = LiftWarning(warning=f"GQ-1/{warning}", reason="可能性消除")
    target.do(lift, "county-government")
    assert target.state.warnings[f"GQ-1/{warning}"].lifted_at is not None


@pytest.mark.clause("突发事件应对法 85")
def test_people_are_purged_where_they_went() -> None:
    source, target = pair()
    source.do(RegisterPerson(reference="p-1", digest="1" * 64))
    merges.merge(source, target)
    purge = PurgePersons(references=("p-1",))
    source.refuses("ended", "2.1.1(4)", purge)
    target.refuses("wrong_phase", "2.1.1(4)", purge)
    target.do(Dismiss(reasons="误报")).do(purge)
    assert target.state.purged


def test_what_is_merged_merges_on() -> None:
    source, target = pair()
    third = Story(incident="GQ-3").intake()
    source.correct(abroad=True).report("initial", "city-health")
    source.do(
        LogResource(action="requisition", kind="goods", what="车", quantity="2", source="某公司")
    )
    (entry,) = source.state.ledger
    merges.merge(source, target)
    merges.merge(target, third)
    clock = f"GQ-2/GQ-1/settlement/requisitioned/{entry}"
    third.expect_open(clock)
    third.do(LogResource(action="compensate", resource=f"GQ-2/GQ-1/{entry}")).expect_met(clock)
    assert "city-health" in third.state.told
    third.expect_met("report-city/city-health")


def test_an_offer_names_no_text_and_stays_small() -> None:
    source, _ = pair()
    source.report("initial", *TOLD, fields={"measures": "很长的文字" * 2000})
    made = offered(source.plan, source.state)
    assert "很长的文字" not in made.model_dump_json()


def test_a_merged_incident_takes_no_more_commands_and_says_where_to_go() -> None:
    source, target = pair()
    merges.merge(source, target)
    source.refuses("ended", "2.1.1(4)", PublishRelease(proposal="p1", channel="网站"))
    with pytest.raises(Refusal, match="GQ-2"):
        source.do(CompleteTask(task="t3.1", result="已完成"))
