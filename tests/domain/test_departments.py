"""附件2, 2.1, 2.1.1: the duties of each body, given to it as tasks; provisions of other laws."""

from typing import Any

import pytest
from pydantic import ValidationError

from domain.incident.commands import ProposeActivation, ReleasePack
from store.texts import notice_text
from tests.domain.story import Story, gaoqing

COUNTY = [body for body in gaoqing().bodies if body.duties]
OFFICE = {"by": "command-office", "seat": "command-office"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b.id,
            id=b.id,
            marks=pytest.mark.clause(*dict.fromkeys((b.clause, *(d.clause for d in b.duties)))),
        )
        for b in COUNTY
    ],
)
def test_each_bodys_duties_can_be_given_to_it_as_tasks(body: str) -> None:
    story = Story().intake()
    before = set(story.state.tasks)
    named = story.plan.body_by_id[body]
    heard = len(story.notices(body, "tasks"))
    story.release(f"duties-{body}")
    given = {k: t for k, t in story.state.tasks.items() if k not in before}
    assert [(t.owner, t.clause) for t in given.values()] == [(body, d.clause) for d in named.duties]
    (notice,) = story.notices(body, "tasks")[heard:]
    text = notice_text(story.plan, story.state, notice)[1]
    assert all(duty.text.zh in text.zh and duty.text.en in text.en for duty in named.duties)
    for task in given:
        story.complete(task)
    assert all(story.state.tasks[task].status == "done" for task in given)


@pytest.mark.clause("附件2 县委统战部", "附件2 县交通运输局")
def test_one_duty_of_one_body_wakes_nobody_else() -> None:
    story = Story().intake().deliver_notices()
    before = len(story.state.notices)
    story.release("duties-county-transport", items=["1"])
    queued = list(story.state.notices.values())[before:]
    assert [n.recipient for n in queued] == ["county-transport"]
    unknown = ReleasePack(pack="duties-city-msa")
    story.refuses("unknown_pack", "2.1.1(4)", unknown, **OFFICE)


@pytest.mark.clause("1.1")
def test_a_device_is_a_drug_throughout() -> None:
    facts: dict[str, Any] = {"learned": "13:50", "harm": True}
    drug = Story().intake(**facts).graded("III")
    device = Story().intake(**facts, kind="device-event", device=True).graded("III")
    assert {c.id: (c.due, c.clause) for c in device.state.clocks.values()} == {
        c.id: (c.due, c.clause) for c in drug.state.clocks.values()
    }
    assert device.state.level == drug.state.level


@pytest.mark.clause("疫苗管理法 78")
def test_a_vaccine_points_to_the_plan_that_its_own_law_asks_for() -> None:
    flag = "see:vaccine-plan"
    assert Story().intake(kind="vaccine-event").state.flags == (flag,)
    story = Story().intake()
    assert flag not in story.state.flags
    became: dict[str, Any] = {"kind": "vaccine-event"}
    story.correct(**became).correct(**became)
    assert story.state.flags.count(flag) == 1


@pytest.mark.clause("突发事件应对法 72")
@pytest.mark.parametrize("missing", ["scope", "measures", "expected_duration", "level"])
def test_a_response_states_matter_level_duration_and_measures(missing: str) -> None:
    stated = {
        "level": "IV",
        "area": "全县",
        "scope": "涉事批号",
        "reasons": "达到标准",
        "expected_duration": "14日",
        "measures": "封存、救治",
    }
    story = Story().intake().graded("IV")
    story.do(ProposeActivation.model_validate(stated), **OFFICE).decide_activation()
    started = next(e for e in story.last if e.type == "response.started")
    said = ("level", "scope", "expected_duration", "measures")
    assert {k: started.data[k] for k in said} == {k: stated[k] for k in said}
    with pytest.raises(ValidationError, match=missing):
        ProposeActivation.model_validate({k: v for k, v in stated.items() if k != missing})
