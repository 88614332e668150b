"""A scenario played by its script: what its words stand for, and what becomes of it."""

from datetime import datetime, timedelta

import pytest

from domain.base import BEIJING
from domain.drill.rehearsal import Rehearsal, rehearse
from store.scenarios import parse_scenario
from tests.drills.small import SMALL, played, scenario, with_actions
from tests.plans.files import gaoqing, tiny

pytestmark = pytest.mark.clause("6.5")

REPORT = "command: submit_report, seat: duty"
TO_CITY = "given: [{recipient: city-msa, channel: phone}]"
INITIAL = f"{REPORT}, fields: {{kind: initial, {TO_CITY}}}"


def beijing(text: str) -> datetime:
    """A moment written as ``YYYY-MM-DD HH:MM``, Beijing time."""
    return datetime.fromisoformat(text).replace(tzinfo=BEIJING)


def what(went: Rehearsal) -> list[tuple[str, str]]:
    """The lines that surprise, with what happened."""
    return [(surprise.line, surprise.what) for surprise in went.surprises]


def test_it_goes_in_its_own_time() -> None:
    went = played()
    assert what(went) == []
    state, events = went.states["main"], went.events["main"]
    assert state.opened_at == beijing("2026-10-06 15:00")
    assert state.reported.learned_at == beijing("2026-10-06 14:50")
    assert went.delivered == {1: beijing("2026-10-06 15:00")}
    [report] = [e for e in events if e.type == "report.submitted"]
    assert report.recorded == report.received == beijing("2026-10-06 15:10")
    assert report.by is not None
    assert (report.by.decider, report.by.recorder) == ("duty", "duty")
    assert state.reports[report.data["report"]["id"]].signed_by == "county-msa"
    assert state.space == "drill"
    # Nobody told the county government, and nothing but time said so.
    [late] = [e for e in events if e.type == "clock.unrecorded" and "2h" in e.data["clock"]]
    assert late.data["clock"] == "report-2h/county-government"
    assert late.recorded == beijing("2026-10-06 16:50")
    assert events[-1].recorded <= beijing("2026-10-07 14:00")


def test_messages_lie_in_the_inbox_and_nobody_answers_by_himself() -> None:
    went = played()
    sent = [e.data for e in went.events["main"] if e.type == "message.sent"]
    assert sent
    assert {tuple(data["channels"]) for data in sent} == {("inbox",)}
    assert not [e for e in went.events["main"] if e.type == "notice.acknowledged"]
    assert went.states["main"].messages == {}


def test_all_means_every_notice_that_the_body_has_not_answered() -> None:
    acknowledge = "command: acknowledge_notice, seat: county-health, fields: {notice: $all}"
    went = played(with_actions(f"at: PT4H, {acknowledge}", f"at: PT4H1M, {acknowledge}"))
    # The second time there was nothing left to answer, which is no refusal.
    assert what(went) == []
    notices = went.states["main"].notices.values()
    theirs = [n for n in notices if n.recipient == "county-health" and n.pursued]
    by_then = [n.id for n in theirs if n.queued_at <= beijing("2026-10-06 18:00")]
    assert len(by_then) >= 2
    assert [n.id for n in notices if n.acknowledged_by] == by_then
    answered = [e.data["notice"] for e in went.events["main"] if e.type == "notice.acknowledged"]
    assert sorted(answered) == sorted(by_then)


def test_all_means_every_open_task_of_the_body_and_an_item_means_one() -> None:
    one = (
        "command: complete_task, seat: county-msa, "
        "fields: {task: $first-measures/seal, result: done}"
    )
    rest = (
        "command: complete_task, seat: duty, fields: {decider: county-msa, task: $all, result: b}"
    )
    went = played(with_actions(f"at: PT2H, {one}", f"at: PT3H, {rest}"))
    assert what(went) == []
    tasks = went.states["main"].tasks.values()
    done = {task.item: (task.result, task.owner) for task in tasks if task.status == "done"}
    assert done["seal"] == ("done", "county-msa")
    assert {owner for _, owner in done.values()} == {"county-msa"}
    assert {t.owner for t in tasks if t.status == "open"} == {"county-health"}
    early = played(
        with_actions(f"at: PT2H, {one.replace('first-measures/seal', 'aftermath/funds')}")
    )
    assert what(early) == [
        ("action 1: complete_task", "$aftermath/funds: there is no such task yet")
    ]


def test_a_moment_is_an_offset_and_a_day_is_beijings() -> None:
    given = (
        "fields: {decider: county-msa, late_reason: a, kind: initial, "
        "given: [{recipient: city-msa, channel: phone, at: '@PT1H5M'}]}"
    )
    better = (
        "command: add_corrective_action, seat: county-msa, "
        "fields: {text: a, owner: county-health, due: '@P1DT11H day'}"
    )
    went = played(with_actions(f"at: PT3H, {REPORT}, {given}", f"at: PT4H, {better}"))
    assert what(went) == []
    state = went.states["main"]
    assert state.clocks["report-2h/city-msa"].met_at == beijing("2026-10-06 15:05")
    # 14:00 and 35 hours: past midnight in Beijing, not yet in Greenwich.
    assert [action.due.isoformat() for action in state.actions.values()] == ["2026-10-08"]


def test_what_occurred_earlier_is_entered_with_both_times() -> None:
    verify = "command: verify, seat: county-msa, fields: {outcome: pending, text: a}"
    went = played(with_actions(f"at: PT2H, occurred: PT1H30M, {verify}"))
    [verified] = [e for e in went.events["main"] if e.type == "report.verified"]
    assert (verified.occurred, verified.recorded) == (
        beijing("2026-10-06 15:30"),
        beijing("2026-10-06 16:00"),
    )


def test_an_entry_is_voided_by_its_number() -> None:
    void = "command: void_entry, seat: duty, fields: {seq: $first.seq, reason: a}"
    went = played(with_actions(f"at: PT2H, as: first, {INITIAL}", f"at: PT3H, {void}"))
    assert what(went) == []
    assert [report.voided for report in went.states["main"].reports.values()] == [True]


def test_what_is_repeated_is_given_at_each_of_its_times() -> None:
    went = played(with_actions(f"at: PT2H, every: PT3H, times: 4, {INITIAL}"))
    assert what(went) == []
    times = [e.recorded for e in went.events["main"] if e.type == "report.submitted"]
    assert times == [beijing("2026-10-06 16:00") + timedelta(hours=3 * n) for n in range(4)]


def test_a_line_may_follow_an_inject_or_an_event() -> None:
    went = played(
        with_actions(
            f"after: {{inject: 1, by: PT7M}}, {INITIAL}",
            "after: {event: report.submitted, where: {report: {kind: initial}}, by: PT3M}, "
            "command: verify, seat: county-msa, fields: {outcome: pending, text: a}",
            "after: {event: report.submitted, where: {report: {kind: summary}}}, "
            "command: verify, seat: county-msa, fields: {outcome: pending, text: b}",
        )
    )
    times = {e.type: e.recorded for e in went.events["main"]}
    assert times["report.submitted"] == beijing("2026-10-06 15:07")
    assert times["report.verified"] == beijing("2026-10-06 15:10")
    assert what(went) == [
        ("action 3: verify", "never came: what it waits for did not happen in time")
    ]


def test_what_shall_be_refused_is_and_anything_else_surprises() -> None:
    close = "command: close, seat: command-office, fields: {text: a}"
    verify = "command: verify, seat: county-msa, fields: {outcome: pending, text: a}"
    went = played(
        with_actions(
            f"at: PT2H, refused: wrong_phase, {close}",
            f"at: PT3H, refused: no_authority, {close}",
            f"at: PT4H, {close}",
            f"at: PT5H, refused: no_authority, {verify}",
            "at: PT6H, refused: no_authority, command: acknowledge_notice, seat: county-data, "
            "fields: {notice: $all}",
        )
    )
    assert [(s.line, s.what.split(" ")[0]) for s in went.refused] == [
        ("action 1: close", "wrong_phase")
    ]
    assert [(line, text.partition(": ")[0]) for line, text in what(went)] == [
        ("action 2: close", "refused"),
        ("action 3: close", "refused"),
        ("action 4: verify", "was allowed, not refused (no_authority)"),
        ("action 5: acknowledge_notice", "asked nothing, so nothing was refused (no_authority)"),
    ]
    assert what(went)[0][1].startswith("refused: wrong_phase")


def test_nothing_can_be_done_before_the_first_call() -> None:
    went = played(with_actions(f"at: PT30M, {INITIAL}"))
    assert what(went) == [
        ("action 1: submit_report", "the incident 'main' has not been opened yet")
    ]


def test_an_expected_action_is_met_late_or_missed() -> None:
    def outcome(*lines: str) -> str:
        went = played(with_actions(*lines))
        [inject] = went.scenario.injects
        return went.outcome(inject, inject.expected[0])

    assert outcome(f"at: PT1H30M, {INITIAL}") == "met"
    assert outcome(f"at: PT1H31M, {INITIAL}") == "late"
    assert outcome("at: PT2H, command: close, seat: duty, fields: {text: a}") == "missed"
    # By when it occurred: what was done in time counts, however late it was typed.
    assert outcome(f"at: PT1H45M, occurred: PT1H20M, {INITIAL}") == "met"


def test_two_incidents_run_beside_each_other() -> None:
    text = SMALL.replace(
        "injects:\n",
        """\
  other:
    caller: {kind: pharmacy}
    ends: early_handling
    facts: {drug: "演练用药乙"}
injects:
""",
    ).replace(
        "actions:\n",
        """\
  - number: 2
    at: PT2H
    from: {zh: "药店", en: "A pharmacy"}
    to: [duty]
    channel: phone
    opens: other
    text: {zh: "另一件", en: "Another one"}
actions:
  - at: PT3H
    incident: other
    command: verify
    seat: county-msa
    fields: {outcome: pending, text: a}
  - {after: {event: report.verified}, incident: main, command: close, seat: duty, fields: {text: a}}
""",
    )
    found = scenario(text)
    assert found.starts is not None
    went = rehearse(found, gaoqing(), found.starts, {"other": "GQ-2"})
    assert [state.incident for state in went.states.values()] == ["main", "GQ-2"]
    assert [e.incident for e in went.events["other"] if e.type == "report.verified"] == ["GQ-2"]
    assert went.states["other"].reported.people == "不详"
    # An event of another incident is none of this one's.
    assert what(went) == [
        ("action 2: close", "never came: what it waits for did not happen in time")
    ]


def test_another_countys_plan_is_rehearsed_by_its_own_names() -> None:
    text = (
        SMALL.replace("plan: gaoqing-2023", "plan: shili-2031")
        .replace("3.2.2(1)", "T3")
        .replace("seat: duty", "seat: desk")
        .replace("caller: {kind: hospital", "by: desk\n    caller: {kind: clinic")
        .replace("kind: group-adverse-event", "kind: reaction")
        .replace("recipient: city-msa", "recipient: upper-watch")
        .replace("decider: county-msa", "decider: watch")
    )
    found = parse_scenario(text, tiny())
    assert found.starts is not None
    went = rehearse(found, tiny(), found.starts)
    assert what(went) == []
    assert went.states["main"].reported.kind == "reaction"
