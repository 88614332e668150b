"""A county that does not exist, from report to closed: no name and no number sits in code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from domain.incident import merging, view
from domain.incident.commands import (
    AddCorrectiveAction,
    Close,
    CompleteCorrectiveAction,
    DecideRelease,
    DetermineCause,
    IssueWarning,
    LiftWarning,
    LogResource,
    ProposeRelease,
    PublishRelease,
    RecordAuthorisation,
    RegisterPerson,
    ReleasePack,
)
from domain.plan import Plan
from store.texts import notice_text
from tests.domain.driver import ROOT
from tests.domain.later import Story as AnyStory
from tests.domain.story import gaoqing, tiny

CODE = ("domain", "workflows", "activities", "store", "api", "commands", "embedded")
PROGRAMS = ("worker.py", "cli.py", "settings.py")


class Story(AnyStory):
    """A story of the invented county: its own bodies, seats and words."""

    def __init__(self) -> None:
        super().__init__(tiny(), incident="SL-1")

    def begin(self) -> Self:
        return self.intake("clinic", seat="desk", kind="reaction", discovered="13:50")

    def release(self, pack: str, **selection: Any) -> Self:
        command = ReleasePack.model_validate({"pack": pack, **selection})
        return self.do(command, self.plan.office, seat="bureau")


def counted(affected: int) -> dict[str, object]:
    return {"affected": affected, "clustered": True, "same_drug": True}


def test_the_whole_way_under_another_countys_plan() -> None:
    story = Story().begin()
    story.expect_due("first-three-hours/hall", "17:00").expect_due("clinics-told/clinics", "14:30")
    story.expect_met("clinic-tells/watch").deliver_notices()
    story.report("initial", "hall", "upper-watch", "upper-hall", by="watch", seat="desk")
    story.expect_met("first-three-hours/hall").expect_met("upper-hall-told/upper-hall")
    story.assess(findings=counted(4), seat="desk").expect_level("B")
    story.report("progress", "upper-watch", seat="desk")
    story.do(IssueWarning(level="own", text="停用", authorised_by="hall"), "watch", seat="desk")
    story.release("on-own-warning").deliver_notices()
    story.propose_activation(seat="bureau").decide_activation(seat="desk")
    story.expect_phase("responding")
    story.report("progress", "upper-hall", "bureau", by="watch", seat="desk")
    story.do(
        LogResource(action="use", kind="store", what="针剂", quantity="9", source="库"),
        "clinics",
        seat="clinics",
    )
    story.do(RegisterPerson(reference="p-1", digest="1" * 64), "watch", seat="desk")
    story.release("response")
    draft = ProposeRelease(title="通报", text="已控制", channel="广播")
    story.do(draft, "herald", seat="herald")
    name = story.proposal.id
    story.do(DecideRelease(proposal=name, approve=True), "hall", seat="desk")
    story.do(PublishRelease(proposal=name, channel="广播"), "herald", seat="herald")
    (release,) = story.state.releases
    story.expect_open(f"filed/upper-watch/{release}", "14:47").file(release, "upper-watch")
    story.propose_termination(seat="bureau").decide_termination(seat="desk")
    story.expect_phase("aftermath").expect_due(f"final/hall/{ended(story)}", "2026-10-16 14:02")
    (warning,) = story.state.warnings
    story.do(LiftWarning(warning=warning, reason="好转"), "hall", seat="desk").deliver_notices()
    story.do(DetermineCause(cause="bad-lot", conclusion="热原", crime_suspected=True), seat="desk")
    for task in [t for t in story.state.tasks.values() if t.status == "open"]:
        story.complete(task.id, seat="desk")
    (entry,) = story.state.ledger
    story.do(LogResource(action="replenish", resource=entry), "hall", seat="desk")
    story.do(
        AddCorrectiveAction(text="改进", owner="clinics", due=story.now.date()),
        "bureau",
        seat="bureau",
    )
    (action,) = story.state.actions
    story.report("summary", "hall", "upper-hall", channel="paper", seat="desk")
    story.do(Close(text="办结"), "bureau", seat="bureau").expect_phase("closed")
    done = CompleteCorrectiveAction(action=action, result="已改")
    story.do(done, "clinics", seat="clinics").purge("p-1", seat="desk")
    assert story.deliver_notices().state.done
    shown(story)


def ended(story: Story) -> int:
    """The sequence of the newest end of a response."""
    return [e.seq for e in story.events if e.type == "response.ended"][-1]


def shown(story: Story) -> None:
    """Everything that people see can be shown in this county's words."""
    text = view.details(story.plan, story.state, story.now)
    for notice in story.state.notices.values():
        title, body = notice_text(story.plan, story.state, notice)
        text += title.zh + body.zh
    assert "示例县" in text
    for word in ("高青", "淄博", "市监", "卫健"):
        assert word not in text


def test_its_graver_level_is_led_and_published_by_its_own_superior() -> None:
    story = Story().begin().assess(findings=counted(9), seat="desk").expect_level("A")
    story.order("start", "upper-staff", "A", seat="desk").expect_phase("responding")
    story.expect_open("daily-a/upper-watch/2026-10-06")
    story.do(ProposeRelease(title="通报", text="通报", channel="广播"), "bureau", seat="bureau")
    decision = DecideRelease(proposal=story.proposal.id, approve=True)
    story.refuses("no_release_authority", "T4.5", decision, "hall", seat="desk")
    leave = RecordAuthorisation(level="A", text="授权")
    story.do(leave, "upper-staff", seat="desk").do(decision, "hall", seat="desk")
    story.order("end", "upper-staff", seat="desk").expect_phase("aftermath")


def test_its_incidents_merge_and_correct_upward() -> None:
    source, target = Story().begin(), Story().begin()
    source.report("initial", "upper-watch", seat="desk").report("initial", "hall", seat="desk")
    given = merging.offer(source.plan, source.state)
    given = given.model_copy(update={"source": "SL-2"})
    target.take_over(given)
    target.dismiss(by="watch", seat="desk")
    assert {c.recipient for c in target.clocks("undo-dismissed")} == {"upper-watch", "hall"}


# --- no name and no number in code ----------------------------------------------------------


def sources() -> Iterator[Path]:
    """Every file of the program's own code."""
    for room in CODE:
        yield from sorted((ROOT / room).rglob("*.py"))
    yield from (ROOT / name for name in PROGRAMS if (ROOT / name).exists())


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The string constants of a file that are no documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in documents:
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value


EXAMPLES = re.compile(r"api/examples\.py|api/routes/.*examples.*")
"""Examples of an API page are those of the shipped plan, and say so."""


def names_of(plan: Plan) -> set[str]:
    """Ids that only this county's plan could have put into code."""
    common = {"reporter", "public", "observer", "administrator", "experts", "expert", "duty"}
    ids = {body.id for body in plan.bodies} | {seat.id for seat in plan.seats}
    ids |= {duty.id for duty in plan.obligations} | {pack.id for pack in plan.packs}
    ids |= {group.id for group in plan.groups} | {kind.id for kind in plan.kinds}
    generic = {word for word in ids if "-" not in word}
    return ids - common - generic


@pytest.mark.parametrize("plan", [gaoqing(), tiny()], ids=["gaoqing", "tiny"])
def test_no_body_duty_or_pack_of_a_plan_is_named_in_code(plan: Plan) -> None:
    names = names_of(plan)
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sources()
        if not EXAMPLES.search(str(path.relative_to(ROOT)))
        for line, text in strings(path)
        if text in names
    ]
    assert found == []


def test_no_department_of_the_county_is_named_in_code() -> None:
    words = re.compile("高青|淄博|市场监管局|卫生健康|县公安局|宣传部|统战部|信访局|药监局")
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sources()
        if not EXAMPLES.search(str(path.relative_to(ROOT)))
        for line, text in strings(path)
        if words.search(text)
    ]
    assert found == []


def test_no_statutory_period_sits_in_the_domain() -> None:
    """The only durations of the rules are a caller's clock skew, a day and nothing at all.

    How an exercise is played is no rule of the plan.
    """
    allowed = {"timedelta()", "timedelta(minutes=5)", "timedelta(days=1)", "timedelta(hours=8)"}
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "domain").rglob("*.py")):
        if path.parent.name == "drill":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "timedelta":
                continue
            text = ast.unparse(node)
            fixed = all(isinstance(k.value, ast.Constant) for k in node.keywords)
            if fixed and text not in allowed:
                found.setdefault(str(path.relative_to(ROOT)), set()).add(text)
    assert found == {}


def test_the_guards_see_what_they_look_for() -> None:
    assert "county-msa" in names_of(gaoqing())
    assert "report-2h" in names_of(gaoqing())
    assert len(list(sources())) > 40
    assert any("药品安全事件" in text for path in sources() for _, text in strings(path))
