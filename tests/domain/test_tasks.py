"""Chapters 2, 4.2, 4.6.2, 6.3: command and groups, task packs, and who does the tasks (E10)."""

from typing import Any

import pytest

from domain.incident.commands import CompleteTask, Establish, GroupChange, ReassignTask, ReleasePack
from domain.incident.entries import Task
from tests.domain.story import Story, beijing

OFFICE = {"by": "command-office", "seat": "command-office"}


def responding() -> Story:
    """A IV response of the county's own."""
    return Story().intake().graded("IV").activate()


def items(story: Story, pack: str) -> set[str]:
    """The items of a pack that are out."""
    return {t.item for t in story.state.tasks.values() if t.pack == pack}


def owners(story: Story, pack: str) -> set[str]:
    """Who has tasks of a pack."""
    return {t.owner for t in story.state.tasks.values() if t.pack == pack}


def task(story: Story, item: str) -> Task:
    """The newest task made from an item."""
    return story.state.tasks[story.task(item)]


# --- what starts by itself, and what waits for a hand ------------------------------------------


@pytest.mark.clause("4.2", "6.3", "3.2.2(2)")
def test_the_first_measures_start_with_the_report_at_any_level() -> None:
    story = Story().intake()
    assert {t.item: (t.owner, t.due) for t in story.state.tasks.values()} == {
        "treat": ("county-msa", beijing("14:15")),
        "rescue": ("county-health", beijing("14:15")),
        "verify-on-site": ("county-msa", beijing("14:15")),
        "seal": ("county-msa", beijing("15:00")),
        "suspend": ("county-msa", beijing("15:00")),
        "sample": ("county-msa", beijing("15:00")),
        "inspect": ("county-msa", beijing("15:00")),
    }


@pytest.mark.clause("4.2", "4.6.2")
def test_nobody_else_is_woken_by_a_report() -> None:
    story = Story().intake()
    assert {n.recipient for n in story.state.notices.values()} == {
        "duty",
        "county-msa",
        "county-health",
    }


@pytest.mark.clause("4.2")
def test_the_countys_first_act_takes_the_incident_up() -> None:
    story = Story().intake().expect_phase("reported")
    story.correct(symptoms="寒战").expect_phase("reported")
    story.report("initial", "city-msa").expect_phase("early_handling")
    began = [e for e in story.last if e.type == "early_handling.began"]
    assert [e.clause for e in began] == ["4.2"]


@pytest.mark.clause("4.2(1)", "4.2(2)", "4.2(3)", "4.2(4)", "4.2(5)", "4.2(6)", "4.2(7)")
def test_early_handling_is_released_in_one_step() -> None:
    story = Story().intake().release("early-handling")
    out = [t for t in story.state.tasks.values() if t.pack == "early-handling"]
    assert {t.clause for t in out} == {f"4.2({n})" for n in range(1, 8)}
    assert {t.owner for t in out} == {"county-msa"}
    assert {"propose-notify", "propose-suspend"} <= {t.item for t in out}


@pytest.mark.clause("4.2", "4.5")
def test_early_handling_goes_on_when_superiors_lead() -> None:
    story = Story().intake().graded("III").order("start", "city-command", "III")
    story.release("early-handling").release("superior-response")
    assert items(story, "superior-response") == {"on-site-body", "city-plan"}


@pytest.mark.clause("4.3", "4.4", "4.5", "2.2")
@pytest.mark.parametrize(
    ("level", "item", "leads"),
    [
        ("I", "nation-plan", "nation-command"),
        ("II", "province-plan", "province-command"),
        ("III", "city-plan", "city-command"),
    ],
)
def test_the_county_carries_out_the_plan_of_whoever_leads(
    level: str, item: str, leads: str
) -> None:
    story = Story().intake().graded(level).order("start", leads, level)
    story.release("superior-response")
    assert items(story, "superior-response") == {"on-site-body", item}
    assert owners(story, "superior-response") == {"county-government"}


@pytest.mark.clause("4.6.2", "4.3")
def test_a_pack_is_for_its_levels() -> None:
    story = Story().intake().graded("III").order("start", "city-command", "III")
    iv = ReleasePack(pack="response-iv")
    story.refuses("pack_of_other_level", "4.6.2", iv, **OFFICE)
    superior = ReleasePack(pack="superior-response")
    responding().refuses("pack_of_other_level", "2.2", superior, **OFFICE)
    # Beside a graver finding our own response has its own measures.
    Story().intake().graded("III").activate("IV").release("response-iv")


@pytest.mark.clause("4.6.2")
def test_work_on_the_response_may_begin_before_its_decision_is_entered() -> None:
    story = Story().intake().graded("IV").report("initial", "city-msa").release("response-iv")
    assert items(story, "response-iv")


@pytest.mark.clause("5.1")
def test_a_pack_is_for_its_phases() -> None:
    responding().refuses("pack_not_due", "5.1", ReleasePack(pack="aftermath"), **OFFICE)


@pytest.mark.clause("3.3.4", "3.3.5")
@pytest.mark.parametrize(("pack", "clause"), [("warning-3", "3.3.4"), ("warning-4", "3.3.5")])
def test_measures_under_a_warning_follow_the_warning(pack: str, clause: str) -> None:
    responding().refuses("no_warning", clause, ReleasePack(pack=pack), **OFFICE)


@pytest.mark.clause(
    "4.6.2(1)", "4.6.2(2)", "4.6.2(3)", "4.6.2(4)", "4.6.2(5)", "4.6.2(6)", "4.6.2(7)",
    "2.2(1)", "2.2(2)", "2.2(3)", "2.2(4)", "2.2(5)", "2.2(6)", "2.2(7)",
)  # fmt: skip
def test_the_response_is_released_to_all_seven_groups_in_one_step() -> None:
    story = responding().release("response-iv")
    out = [t for t in story.state.tasks.values() if t.pack == "response-iv"]
    assert {t.clause for t in out} == {f"4.6.2({n})" for n in range(1, 8)}
    leads = {t.group: t.owner for t in out}
    assert leads == {
        "coordination": "county-msa",
        "treatment": "county-health",
        "investigation": "county-msa",
        "control": "county-msa",
        "publicity": "county-publicity",
        "expert": "county-msa",
        "stability": "county-police",
    }


@pytest.mark.clause("4.6.2")
def test_a_pack_is_released_by_group_and_the_others_sleep_on() -> None:
    story = responding().release("response-iv", groups=["treatment"])
    assert items(story, "response-iv") == {"treatment", "protection"}
    assert not story.notices("county-police")
    story.release("response-iv", items=["supply"])
    assert len(story.notices("county-police", "tasks")) == 1
    story.release("response-iv")
    counted = [t.item for t in story.state.tasks.values() if t.pack == "response-iv"]
    assert len(counted) == len(set(counted)), "no task goes out twice"
    nothing = ReleasePack(pack="response-iv")
    story.refuses("nothing_to_release", "4.6.2", nothing, **OFFICE)


@pytest.mark.clause("4.6.2(3)", "附件2 县委统战部", "附件2 县商务事业服务中心")
@pytest.mark.parametrize(
    ("fact", "item", "owner"),
    [
        ("outside_firm", "refer-outside", "county-msa"),
        ("compatriots", "compatriots", "county-united-front"),
        ("abroad", "foreign", "county-commerce"),
    ],
)
def test_some_tasks_wait_for_the_fact_that_calls_for_them(fact: str, item: str, owner: str) -> None:
    story = responding().release("response-iv")
    assert item not in items(story, "response-iv")
    changes: dict[str, Any] = {fact: True}
    story.correct(**changes).release("response-iv")
    assert task(story, item).owner == owner


@pytest.mark.clause("2.1.1(1)", "2.1", "4.2")
@pytest.mark.parametrize("by", ["command-office", "county-msa", "county-government"])
def test_the_office_releases_and_its_leaders_may(by: str) -> None:
    Story().intake().do(ReleasePack(pack="early-handling"), by)


@pytest.mark.clause("2.1.1(1)")
@pytest.mark.parametrize("by", ["county-health", "city-command", "reporter"])
def test_others_release_nothing(by: str) -> None:
    release = ReleasePack(pack="early-handling")
    Story().intake().refuses("no_authority", "2.1.1(1)", release, by)


@pytest.mark.clause("2.1.1(1)")
@pytest.mark.parametrize(
    ("release", "code"),
    [
        (ReleasePack(pack="nothing"), "unknown_pack"),
        (ReleasePack(pack="response-iv", groups=("nobody",)), "unknown_group_of_this_pack"),
        (ReleasePack(pack="response-iv", items=("seal",)), "unknown_item_of_this_pack"),
    ],
)
def test_what_does_not_exist_is_not_released(release: ReleasePack, code: str) -> None:
    responding().refuses(code, "2.1.1(4)", release, **OFFICE)


# --- doing tasks -----------------------------------------------------------------------------


@pytest.mark.clause("4.2")
def test_a_tasks_clock_is_internal_and_met_by_doing_it() -> None:
    story = Story().intake()
    clock = f"task:{story.task('seal')}"
    story.expect_open(clock, due="15:00")
    assert (story.clock(clock).kind, story.clock(clock).clause) == ("internal", "4.2")
    other = story.task("sample")
    story.complete(other).expect_open(clock)
    story.at("14:50").complete(story.task("seal")).expect_met(clock)
    assert task(story, "seal").result == "已完成"


@pytest.mark.clause("4.2")
def test_a_task_done_in_time_and_entered_late_is_on_time() -> None:
    story = Story().intake().at("15:40")
    clock = f"task:{story.task('seal')}"
    story.expect_unrecorded(clock)
    story.complete(story.task("seal"), when="14:45").expect_met(clock, "on_time_entered_late")


@pytest.mark.clause("4.6.2(1)")
def test_a_task_is_done_by_its_owner_or_its_group() -> None:
    story = responding().release("response-iv")
    trace = CompleteTask(task=story.task("trace"), result="已溯源")
    story.refuses("no_authority", "4.6.2(1)", trace, "county-police")
    story.do(trace, "county-agriculture", seat="county-agriculture")
    story.refuses("task_done", "4.6.2(4)", trace, "county-msa")


@pytest.mark.clause("2.1.1(2)", "2.2", "4.2(4)")
def test_a_task_given_to_another_takes_its_clock_and_its_reminders_along() -> None:
    story = Story().intake()
    seal = story.task("seal")
    change = ReassignTask(task=seal, owner="county-police", reason="协助封存")
    story.refuses("no_authority", "2.1.1(2)", change, "county-health")
    story.do(change, "command-office", seat="command-office")
    assert story.clock(f"task:{seal}").owner == "county-police"
    assert story.notices("county-police", "tasks")
    story.at("14:55")
    assert story.notices("county-police", "reminder")
    story.complete(seal, "county-police", seat="county-police").expect_met(f"task:{seal}")


@pytest.mark.clause("2.2")
def test_tasks_go_to_bodies_of_the_county() -> None:
    story = Story().intake()
    away = ReassignTask(task=story.task("seal"), owner="city-msa", reason="不在本县")
    story.refuses("not_ours", "2.1.1(2)", away, "command-office")


# --- 2.1, 2.2: command and groups ------------------------------------------------------------


@pytest.mark.clause("2.1")
def test_the_command_may_be_set_up_with_its_roles() -> None:
    story = (
        Story()
        .intake()
        .do(Establish(what="command", roles={"commander": "分管副县长(代)"}), "county-government")
    )
    assert story.state.command_established
    assert story.state.roles["commander"] == "分管副县长(代)"
    assert story.state.roles["deputy-msa"] == "县市场监管局主要负责同志"


@pytest.mark.clause("2.1")
def test_everything_also_works_without_a_command() -> None:
    story = responding().release("response-iv").terminate().expect_phase("aftermath")
    assert not story.state.command_established


@pytest.mark.clause("2.1", "2.2")
@pytest.mark.parametrize("by", ["county-msa", "command-office", "county-health", "city-command"])
def test_only_government_and_command_set_up(by: str) -> None:
    Story().intake().refuses("no_authority", "2.1", Establish(what="command"), by)


@pytest.mark.clause("2.2")
def test_the_on_site_body_is_the_governments() -> None:
    story = Story().intake().do(Establish(what="onsite"), "county-government")
    assert story.state.onsite_established
    assert not story.state.command_established


@pytest.mark.clause("2.2", "2.2(4)")
def test_groups_are_those_of_the_plan_until_they_are_adjusted() -> None:
    story = responding().do(Establish(what="groups"), "county-command")
    assert set(story.state.groups) == {g.id for g in story.plan.groups}
    control = GroupChange(id="control", leads=("county-emergency",), members=("townships",))
    story.do(Establish(what="groups", groups=(control,)), "county-command")
    assert story.state.groups["treatment"].leads == ("county-health",)
    story.release("response-iv", groups=["control"])
    assert owners(story, "response-iv") == {"county-emergency"}
    story.complete(story.task("trace"), "townships", seat="townships")


@pytest.mark.clause("2.2")
@pytest.mark.parametrize(
    ("establish", "code"),
    [
        (Establish(what="groups", groups=(GroupChange(id="no"),)), "unknown_group"),
        (
            Establish(what="groups", groups=(GroupChange(id="control", leads=("no",)),)),
            "unknown_body",
        ),
        (Establish(what="command", roles={"no": "某人"}), "unknown_command_role"),
    ],
)
def test_what_does_not_exist_is_not_set_up(establish: Establish, code: str) -> None:
    Story().intake().refuses(code, "2.1.1(4)", establish, "county-government")
