"""What a merge brings along: people counted once, and whatever was told, taken or published."""

import pytest

from domain.base import Refusal
from domain.incident.commands import (
    Close,
    CompleteTask,
    Dismiss,
    FileRelease,
    IssueWarning,
    LiftWarning,
    LogResource,
    PublishRelease,
    PurgePersons,
    RegisterPerson,
    VoidEntry,
)
from domain.incident.entries import Delivery
from domain.incident.envelope import command_adapter
from domain.incident.merging import offer as offered
from tests.domain import merges
from tests.domain.later import Story
from tests.domain.merges import pair
from tests.domain.story import QUALIFIED

pytestmark = pytest.mark.clause("3.2.2(2)")
TOLD = ("county-government", "city-msa")


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
    source.graded("IV").publish()
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
