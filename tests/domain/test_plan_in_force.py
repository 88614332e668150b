"""What the plan's data does once an incident runs: packs become tasks, other laws become clocks."""

from datetime import timedelta

import pytest

from domain.incident.commands import IssueWarning, ReleasePack
from domain.plan import Obligation, Pack
from tests.domain.story import Story, gaoqing

OTHER_LAWS = [
    duty
    for duty in gaoqing().obligations
    if duty.law and duty.basis in ("discovered", "received") and duty.within is not None
]


def _law(duty: Obligation) -> object:
    return pytest.param(duty, marks=pytest.mark.clause(duty.clause), id=duty.id)


@pytest.mark.parametrize("duty", [_law(duty) for duty in OTHER_LAWS])
def test_a_limit_of_another_law_runs_only_where_it_is_called_for(duty: Obligation) -> None:
    caller = duty.reporters[0] if duty.reporters else "hospital"
    plain = Story(at="09:00").intake(caller, learned="09:00", discovered="08:30")
    plain.expect_no_clock(duty.id)
    called = Story(at="09:00").intake(
        caller, learned="09:00", discovered="08:30", other_rules=(duty.id,)
    )
    # Met at once or not: what the reporter told us with its report is one of them.
    assert {clock.recipient for clock in called.clocks(duty.id)} == set(duty.recipients)
    start = called.moment("08:30" if duty.basis == "discovered" else "09:00")
    for clock in called.clocks(duty.id):
        assert clock.due == start + (duty.within or timedelta())
        assert clock.clause == duty.clause
    # The plan's own duties run on beside it (3.2.2(2): 另有规定的).
    called.expect_open("report-2h/city-msa")


RELEASED = [
    pack
    for pack in gaoqing().packs
    if pack.id in ("early-handling", "warning-1", "warning-2", "warning-3", "warning-4")
]


def _pack(pack: Pack) -> object:
    clauses = {item.clause for item in pack.items}
    return pytest.param(pack, marks=pytest.mark.clause(*sorted(clauses)), id=pack.id)


@pytest.mark.parametrize("pack", [_pack(pack) for pack in RELEASED])
def test_a_released_pack_gives_each_of_its_tasks_to_its_owner(pack: Pack) -> None:
    story = Story().intake()
    if pack.warning is not None:
        # The measures of a warning wait for the warning; our own needs the government's leave.
        early = ReleasePack(pack=pack.id)
        story.refuses("no_warning", pack.clause, early, gaoqing().office, seat="command-office")
        [warning] = [entry for entry in gaoqing().warnings if entry.level == pack.warning]
        leave = warning.authorised_by[0] if warning.authorised_by else None
        command = IssueWarning(level=warning.level, text="预警", authorised_by=leave)
        story.do(command, warning.issuers[0])
    before = set(story.state.tasks)
    story.release(pack.id)
    tasks = [task for key, task in story.state.tasks.items() if key not in before]
    assert [(t.item, t.clause, t.owner) for t in tasks] == [
        (item.id, item.clause, item.owner) for item in pack.items
    ]
    for task, item in zip(tasks, pack.items, strict=True):
        if item.within is None:
            assert task.due is None
        else:
            assert task.due == task.assigned_at + item.within
