"""Chapter 5, 6.2 and 6.5: cause, ledger, improvements, closing."""

from datetime import date, timedelta

import pytest

from domain.incident.commands import (
    AddCorrectiveAction,
    Close,
    CompleteCorrectiveAction,
    LogResource,
)
from tests.domain.endings import GOVERNMENT, OFFICE, UPWARD, cause, close, ended, left, settled
from tests.domain.later import Story

# --- 5.1: by cause --------------------------------------------------------------------------


@pytest.mark.clause("5.1")
@pytest.mark.parametrize(
    ("kind", "items"),
    [
        ("quality", {"supervise", "punish"}),
        ("irrational-use", {"institutions"}),
        ("new-serious-reaction", {"policy"}),
        ("other", {"as-regulated"}),
    ],
)
def test_what_follows_depends_on_the_cause(kind: str, items: set[str]) -> None:
    story = ended().do(cause(kind))
    given = {t.item: t for t in story.state.tasks.values() if t.pack == kind}
    assert {*given} == items
    assert {t.clause for t in given.values()} == {"5.1"}
    assert story.state.cause == kind


@pytest.mark.clause("5.1", "附件2 县公安局")
@pytest.mark.parametrize("kind", ["quality", "other"])
def test_a_suspected_crime_goes_to_the_police(kind: str) -> None:
    story = ended().do(cause(kind, crime=True))
    owners = {t.item: t.owner for t in story.state.tasks.values() if t.pack == kind}
    assert (owners["transfer"], owners["accept-transfer"]) == ("county-msa", "county-police")
    assert story.notices("county-police", "tasks")


@pytest.mark.clause("5.1")
def test_a_crime_suspected_before_is_not_forgotten() -> None:
    story = ended().correct(crime_suspected=True).do(cause("quality"))
    assert "transfer" in {t.item for t in story.state.tasks.values()}


@pytest.mark.clause("5.1")
def test_a_cause_determined_again_gives_no_task_twice() -> None:
    story = ended().do(cause("quality"))
    before = {*story.state.tasks}
    story.do(cause("quality"))
    assert {*story.state.tasks} == before
    story.do(cause("quality", crime=True))
    assert {t.item for k, t in story.state.tasks.items() if k not in before} == {
        "transfer",
        "accept-transfer",
    }


@pytest.mark.clause("5.1", "2.2(3)")
def test_who_determines_the_cause() -> None:
    story = ended()
    story.refuses("no_authority", "2.2(3)", cause("quality"), "county-health")
    story.refuses("unknown_cause", "2.1.1(4)", cause("weather"))
    story.do(cause("quality"), "city-msa", means="fax")


@pytest.mark.clause("4.6.2(5)")
@pytest.mark.parametrize("established", [True, False])
def test_the_conclusion_goes_to_the_command_or_else_to_the_government(established: bool) -> None:
    story = Story().intake()
    if established:
        story.establish()
    story.do(cause("quality"))
    duty = "expert-conclusion" if established else "expert-conclusion-government"
    (clock,) = story.clocks(duty)
    assert clock.recipient == ("county-command" if established else GOVERNMENT)
    assert clock.due == story.moment("15:00")
    story.deliver_notices().expect_met(clock.id)


# --- 5.2, 6.2, 6.5: the ledger --------------------------------------------------------------


def took(action: str, kind: str) -> LogResource:
    return LogResource.model_validate(
        {"action": action, "kind": kind, "what": "某物", "quantity": "2", "source": "某单位"}
    )


def settle(action: str, entry: str) -> LogResource:
    return LogResource.model_validate({"action": action, "resource": entry, "value": "800元"})


@pytest.mark.parametrize(
    ("action", "kind", "duty", "way"),
    [
        pytest.param(
            *("requisition", "goods", "settlement", "return"),
            marks=pytest.mark.clause("6.5"),
        ),
        pytest.param(
            *("requisition", "goods", "settlement", "compensate"),
            marks=pytest.mark.clause("5.2"),
        ),
        pytest.param(
            *("requisition", "labour", "settlement", "compensate"),
            marks=pytest.mark.clause("5.2"),
        ),
        pytest.param(
            *("use", "store", "replenishment", "replenish"),
            marks=pytest.mark.clause("6.2"),
        ),
    ],
)
def test_what_was_taken_is_settled(action: str, kind: str, duty: str, way: str) -> None:
    story = Story().intake().do(took(action, kind), "county-emergency")
    (entry,) = story.state.ledger
    (clock,) = story.clocks(duty)
    assert (clock.due - clock.basis, clock.kind) == (timedelta(days=30), "internal")
    assert story.state.ledger[entry].open
    story.do(settle(way, entry), "county-finance").expect_met(clock.id)
    assert story.state.ledger[entry].settled == (way,)


@pytest.mark.clause("5.2", "6.2", "6.5")
@pytest.mark.parametrize(
    ("action", "kind", "way"),
    [
        ("requisition", "labour", "return"),
        ("requisition", "goods", "replenish"),
        ("use", "store", "return"),
        ("use", "store", "compensate"),
    ],
)
def test_not_everything_settles_everything(action: str, kind: str, way: str) -> None:
    story = Story().intake().do(took(action, kind))
    (entry,) = story.state.ledger
    story.refuses("wrong_settlement", "6.2", settle(way, entry))
    assert story.state.ledger[entry].open


@pytest.mark.clause("6.2")
def test_an_entry_says_what_was_taken_from_whom() -> None:
    story = Story().intake()
    story.refuses("resource_incomplete", "6.2", LogResource(action="use", kind="store"))
    story.refuses("wrong_kind", "6.2", took("use", "goods"))
    story.refuses("wrong_kind", "6.2", took("requisition", "store"))
    story.refuses("unknown_ledger_entry", "2.1.1(4)", settle("return", "g99"))


@pytest.mark.clause("6.5")
def test_what_was_settled_in_time_and_typed_later_is_on_time() -> None:
    story = Story().intake().do(took("requisition", "goods"))
    (entry,) = story.state.ledger
    (clock,) = [c.id for c in story.clocks("settlement")]
    story.pass_time(days=31).expect_unrecorded(clock)
    story.do(settle("return", entry), when="2026-10-20 10:00", late_reason="清单补录")
    story.expect_met(clock, "on_time_entered_late")


@pytest.mark.clause("6.5")
def test_one_settlement_settles_its_own_entry() -> None:
    story = Story().intake().do(took("requisition", "goods"))
    story.do(took("requisition", "goods"))
    first, second = story.state.ledger
    story.do(settle("return", second)).expect_open(f"settlement/requisitioned/{first}")
    story.expect_met(f"settlement/requisitioned/{second}")


# --- 5.3: improvements ----------------------------------------------------------------------


def action(owner: str = "county-health") -> AddCorrectiveAction:
    return AddCorrectiveAction(text="完善用药核查", owner=owner, due=date(2026, 12, 1))


@pytest.mark.clause("5.3")
def test_an_improvement_has_an_owner_who_reports_it_done() -> None:
    story = ended().do(action(), OFFICE)
    (found,) = story.state.actions
    done = CompleteCorrectiveAction(action=found, result="已修订制度")
    story.refuses("no_authority", "5.3", done, "county-msa")
    story.do(done, "county-health")
    assert story.state.actions[found].done_at == story.now
    story.refuses("action_done", "5.3", done, "county-health")
    story.refuses("unknown_body", "2.1.1(4)", action("nobody"), OFFICE)
    story.refuses("no_authority", "5.3", action(), "county-health")


@pytest.mark.clause("5.3")
def test_an_improvement_may_be_made_after_the_incident_was_closed() -> None:
    story = close(settled().do(action(), OFFICE))
    (found,) = story.state.actions
    story.pass_time(days=60)
    story.do(CompleteCorrectiveAction(action=found, result="已完成"), "county-health")
    story.expect_phase("closed")


@pytest.mark.clause("5.1", "5.2", "5.3", "6.2", "6.5")
def test_the_tasks_of_the_aftermath() -> None:
    story = ended().release("aftermath")
    given = {t.clause: t.owner for t in story.state.tasks.values() if t.pack == "aftermath"}
    assert {*given} == {"5.1", "5.2", "5.3", "6.2", "6.5"}
    assert given["5.2"] == GOVERNMENT


# --- closing --------------------------------------------------------------------------------


@pytest.mark.clause("5.3")
def test_closed_when_everything_is_done() -> None:
    story = close(settled()).expect_phase("closed")
    assert story.state.open_clocks == ()
    assert not story.state.done, "its last notices are still on their way"
    assert story.deliver_notices().state.done


@pytest.mark.clause("5.3")
@pytest.mark.parametrize("body", [OFFICE, GOVERNMENT])
def test_who_closes(body: str) -> None:
    settled().do(Close(text="办结"), body).expect_phase("closed")
    settled().refuses("no_authority", "5.3", Close(text="办结"), "county-msa")


@pytest.mark.clause("3.2.3(3)")
def test_no_closing_without_the_summary() -> None:
    story = ended()
    assert "缺总结报告" in left(story)
    assert "3.2.3(3)尚未履行(市市场监管局)" in left(story)
    story.report("summary", GOVERNMENT, "city-government")
    assert "clock summary/city-msa" in left(story)
    assert "缺总结报告" not in left(story)


@pytest.mark.clause("3.2.2(1)")
def test_no_closing_over_a_report_that_was_never_made() -> None:
    story = ended().report("summary", *UPWARD, "command-office")
    assert "clock report-2h" not in left(story)
    story = ended()
    assert "clock report-2h/city-msa is open" in left(story)


@pytest.mark.clause("5.1")
def test_no_closing_without_a_cause() -> None:
    assert "原因未认定" in left(ended())


@pytest.mark.clause("5.2")
def test_no_closing_over_unsettled_goods() -> None:
    story = settled().do(took("requisition", "goods"))
    assert "征用物资劳务未归还或补偿" in left(story)
    (entry,) = story.state.ledger
    close(story.do(settle("return", entry)))


@pytest.mark.clause("5.3")
def test_no_closing_over_open_tasks() -> None:
    story = settled().release("aftermath")
    assert "6项任务未办结" in left(story)


@pytest.mark.clause("4.7.2")
def test_no_closing_over_a_release_that_was_not_filed() -> None:
    story = settled().publish("情况通报")
    (release,) = story.state.releases
    assert f"release-filing/city-msa/{release}" in left(story)
    for body in ("city-government", "city-msa"):
        story.file(release, body)
    close(story)


@pytest.mark.clause("3.2.3(2)")
def test_no_closing_over_a_wrong_report_that_was_not_corrected() -> None:
    story = settled()
    wrong = story.report("urgent", "city-msa").last_report
    story.void(story.state.reports[wrong].seq)
    assert f"correction-voided/city-msa/{wrong}" in left(story)
    close(story.report("correction", "city-msa", about=wrong))


@pytest.mark.clause("5.3")
def test_only_what_has_ended_is_closed() -> None:
    story = Story().intake()
    story.refuses("wrong_phase", "2.1.1(4)", Close(text="办结"), OFFICE)


@pytest.mark.clause("5.3")
def test_a_closed_incident_takes_no_new_work() -> None:
    story = close(settled())
    for command in (took("use", "store"), cause("other"), action()):
        story.refuses("ended", "2.1.1(4)", command, OFFICE)
