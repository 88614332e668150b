"""Found to be no incident, or not over after all (E11)."""

import pytest

from domain.incident.commands import (
    Dismiss,
    RegisterPerson,
    Reopen,
    SubmitReport,
)
from tests.domain.endings import GOVERNMENT, OFFICE, UPWARD, close, ended, left, settled
from tests.domain.later import Story

# --- dismissing -----------------------------------------------------------------------------


@pytest.mark.clause("3.2.3(2)")
def test_a_dismissal_is_corrected_with_exactly_those_who_were_told() -> None:
    story = Story().intake().report("initial", GOVERNMENT, "city-msa")
    story.give(story.last_report, "city-health")
    wrong = story.give(story.last_report, "city-government").last[0].seq
    story.void(wrong)
    story.at("15:00").do(Dismiss(reasons="经核实,与药品无关")).expect_phase("dismissed")
    clocks = {c.recipient: c for c in story.clocks("correction-dismissed")}
    assert {*clocks} == {GOVERNMENT, "city-msa", "city-health"}
    assert {c.due for c in clocks.values()} == {story.moment("16:00")}
    others = [c for c in story.state.open_clocks if c.obligation != "correction-dismissed"]
    assert others == []
    story.deliver_notices()
    for recipient in (GOVERNMENT, "city-msa"):
        story.report("correction", recipient, about="dismissal")
        assert not story.state.done
    story.report("correction", "city-health", about="dismissal")
    assert not story.deliver_notices().state.done, "nobody has said yet that he heard of it"
    assert story.acknowledge_all().state.done


@pytest.mark.clause("3.2.3(2)")
def test_a_dismissal_of_which_nobody_had_heard_is_over_at_once() -> None:
    story = Story().intake().do(Dismiss(reasons="误报")).deliver_notices()
    story.expect_no_clock("correction-dismissed").acknowledge_all()
    assert story.state.done


@pytest.mark.clause("3.2.3(2)")
def test_a_correction_that_says_nothing_of_the_dismissal_does_not_correct_it() -> None:
    story = Story().intake().report("initial", "city-msa")
    report = story.last_report
    story.do(Dismiss(reasons="误报")).report("correction", "city-msa", about=report)
    (clock,) = [c.id for c in story.clocks("correction-dismissed")]
    story.expect_open(clock)


@pytest.mark.clause("4.7.2")
def test_what_was_published_is_filed_before_a_dismissal() -> None:
    story = Story().intake().publish()
    (release,) = story.state.releases
    story.refuses("release_unfiled", "4.7.2", Dismiss(reasons="误报"))
    for body in ("city-government", "city-msa"):
        story.file(release, body)
    story.dismiss().expect_phase("dismissed")


@pytest.mark.clause("3.2.2(2)", "2.1")
def test_who_dismisses_and_when() -> None:
    command = Dismiss(reasons="误报")
    Story().intake().refuses("no_authority", "3.2.2(2)", command, "county-health")
    Story().intake().do(command, GOVERNMENT, means="phone").expect_phase("dismissed")
    running = Story().intake().graded("IV").activate()
    running.refuses("wrong_phase", "2.1.1(4)", command)
    ended().refuses("wrong_phase", "2.1.1(4)", command)


def test_whoever_was_told_by_us_hears_of_the_dismissal() -> None:
    story = Story().intake(abroad=True).deliver_notices()
    assert story.notices("county-commerce", "informed")
    story.do(Dismiss(reasons="误报"))
    for body in ("county-commerce", "county-health", "county-msa"):
        assert len(story.notices(body, "dismissed")) == 1
    assert story.notices("county-education") == []


def test_nothing_but_a_correction_is_owed_of_what_was_no_incident() -> None:
    story = Story().intake().graded("III").report("initial", "city-msa")
    story.do(Dismiss(reasons="误报")).pass_time(days=3)
    assert {c.obligation for c in story.state.open_clocks} == {"correction-dismissed"}
    summary = SubmitReport(kind="summary")
    story.refuses("summary_too_early", "3.2.3(3)", summary)


# --- reopening ------------------------------------------------------------------------------


@pytest.mark.clause("4.1")
@pytest.mark.parametrize("body", [GOVERNMENT, OFFICE, "county-msa"])
def test_an_ended_incident_is_reopened_with_a_reason(body: str) -> None:
    for story in (ended(), close(settled()), Story().intake().do(Dismiss(reasons="误报"))):
        story.do(Reopen(reason="出现新的类似病例"), body).expect_phase("early_handling")
        assert story.last[0].data["reason"] == "出现新的类似病例"


@pytest.mark.clause("4.1")
def test_not_everyone_reopens_and_not_everything() -> None:
    ended().refuses("no_authority", "4.1", Reopen(reason="又有病例"), "county-health")
    Story().intake().refuses("wrong_phase", "2.1.1(4)", Reopen(reason="误"), OFFICE)


@pytest.mark.clause("4.1")
def test_a_reopened_dismissal_owes_its_duties_again_and_no_correction() -> None:
    story = Story().intake(learned="13:30").graded("III").report("initial", "city-msa")
    story.do(Dismiss(reasons="误报")).expect_cancelled("report-2h/county-government", "dismissed")
    (correction,) = [c.id for c in story.clocks("correction-dismissed")]
    story.at("15:00").do(Reopen(reason="证实有病例"), GOVERNMENT)
    story.expect_open("report-2h/county-government", "15:30").expect_cancelled(correction)
    story.expect_met("report-2h/city-msa")
    story.do(Dismiss(reasons="再次排除"))
    again = [c for c in story.clocks("correction-dismissed") if c.status == "open"]
    assert [c.id for c in again] != [correction]
    assert [c.recipient for c in again] == ["city-msa"]


@pytest.mark.clause("4.1", "4.6.1")
def test_a_reopened_incident_goes_the_whole_way_again() -> None:
    story = close(settled()).pass_time(days=1)
    story.do(Reopen(reason="出现新的类似病例"), GOVERNMENT)
    story.activate().release("response-iv").terminate()
    assert "clock summary/" in left(story)
    for task in [t for t in story.state.tasks.values() if t.status == "open"]:
        story.complete(task.id)
    story.report("progress", "command-office", "city-government").report("summary", *UPWARD)
    close(story).expect_phase("closed")


def test_someone_new_to_protect_after_a_reopening() -> None:
    story = close(settled())
    story.purge("p-1")
    assert story.state.purged
    story.do(Reopen(reason="新病例"), GOVERNMENT)
    story.do(RegisterPerson(reference="p-2", digest="2" * 64))
    assert not story.state.purged
