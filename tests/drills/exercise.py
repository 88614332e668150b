"""A small exercise, played by hand: its scenario, the incident it drove, and what it left."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Self

from domain.drill.evaluation import evaluate
from domain.drill.record import DrillRecord, Observed, Played
from domain.drill.results import Attempt, Evaluation, Judged, Rated
from domain.drill.scenario import Scenario
from domain.plan import Plan
from tests.domain.story import Story, beijing, gaoqing

GIVEN_TO = ("county-government", "city-msa")


def text(zh: str) -> dict[str, str]:
    """A text, its English made from the Chinese so that both can be told apart."""
    return {"zh": zh, "en": f"EN {zh}"}


def inject(number: int, hours: float, *expected: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An inject so many hours after the start, to the duty officer."""
    return {
        "number": number,
        "at": timedelta(hours=hours),
        "from": text("县人民医院"),
        "to": ["officer"],
        "channel": "phone",
        "text": text(f"注入内容{number}"),
        "expected": expected,
        **more,
    }


def expected(
    says: str, objective: str, event: str | None, clause: str, **more: Any
) -> dict[str, Any]:
    """An expected action."""
    return {
        "text": text(says),
        "objective": objective,
        "event": event,
        "clause": clause,
        **more,
    }


def scenario(*injects: dict[str, Any], **more: Any) -> Scenario:
    """A scenario of these injects, with an objective for each chapter that they touch."""
    objectives = {
        "report": ("按时首报", ["3.2.2(1)"]),
        "grade": ("及时研判分级", ["4.1"]),
        "talk": ("说清部门分工", ["附件2"]),
        "publish": ("依法发布信息", ["4.7.2"]),
    }
    given = {
        "id": "small",
        "title": text("群体不良事件推演"),
        "summary": text("情景梗概"),
        "plan": "gaoqing-2023",
        "starts": beijing("14:00"),
        "length": timedelta(hours=4),
        "sources": [{"title": "某案例", "published": "某机关", "used": text("采用经过")}],
        "objectives": [
            {"id": id, "text": text(says), "clauses": clauses}
            for id, (says, clauses) in objectives.items()
        ],
        "players": [
            {"id": "officer", "seat": "duty", "text": text("值班员")},
            {"id": "leader", "seat": "county-government", "text": text("县政府领导")},
        ],
        "openings": {"main": {"caller": {"kind": "hospital"}, "facts": {}}},
        "injects": injects,
        **more,
    }
    return Scenario.model_validate(given)


@dataclass
class Exercise:
    """An exercise that began at 14:00: what is said of it here is what it left."""

    scenario: Scenario
    story: Story = field(default_factory=lambda: Story(space="drill").intake())
    changes: dict[str, Any] = field(default_factory=dict)
    refusals: Sequence[Attempt] = ()

    @property
    def plan(self) -> Plan:
        """The plan that is exercised."""
        return gaoqing()

    def left(self, **changes: Any) -> Self:
        """What differs from an exercise whose injects all came when they were due."""
        self.changes |= changes
        return self

    def saw(self, number: int, position: int, met: bool | None, at: str = "15:30") -> Self:
        """An evaluator enters what he saw of an expected action."""
        earlier: tuple[Observed, ...] = self.changes.get("observations", ())
        seen = Observed(
            id=f"o{len(earlier) + 1}",
            at=beijing(at),
            entered=beijing("18:00") + timedelta(minutes=len(earlier)),
            by="observer",
            text="当场看到",
            inject=number,
            expected=position,
            met=met,
        )
        return self.left(observations=(*earlier, seen))

    @property
    def record(self) -> DrillRecord:
        """What the drill left."""
        start = beijing("14:00")
        given: dict[str, Any] = {
            "drill": "D-1",
            "scenario": self.scenario,
            "started": start,
            "ended": beijing("18:00"),
            "real_started": beijing("2026-09-01 09:00"),
            "real_ended": beijing("2026-09-01 11:00"),
            "incidents": {"main": "GQ-1"},
            "played": [
                Played(number=one.number, status="delivered", at=start + (one.at or timedelta()))
                for one in self.scenario.injects
            ],
            **self.changes,
        }
        return DrillRecord.model_validate(given)

    @property
    def evaluation(self) -> Evaluation:
        """How it went."""
        states = {"main": self.story.state}
        return evaluate(self.plan, self.record, {"main": self.story.events}, states, self.refusals)

    def judged(self, number: int = 1, position: int = 0) -> Judged:
        """How one expected action went."""
        (found,) = (
            one
            for one in self.evaluation.judged
            if (one.inject, one.expected) == (number, position)
        )
        return found

    def rated(self, objective: str) -> Rated:
        """How one objective was rated."""
        (found,) = (one for one in self.evaluation.objectives if one.id == objective)
        return found


INITIAL = {"report": {"kind": "initial"}}
REPORTED = expected(
    "两小时内首报",
    "report",
    "report.submitted",
    "3.2.2(1)",
    where=INITIAL,
    within=timedelta(hours=2),
)
GRADED = expected("半小时内研判", "grade", "incident.assessed", "4.1", within=timedelta(minutes=30))
TALKED = expected("说明各部门分工", "talk", None, "附件2", within=timedelta(hours=1))
DECIDED = expected("启动响应", "grade", "response.started", "4.6.1")


def reporting(at: str = "14:30") -> Exercise:
    """The hospital telephones; the initial report is given at the time named."""
    exercise = Exercise(scenario(inject(1, 0, REPORTED)))
    exercise.story.at(at).report("initial", *GIVEN_TO)
    return exercise


def refusal(code: str = "superior_leads", at: str = "15:00") -> Attempt:
    """What the audit keeps of a refused command."""
    return Attempt(
        at=beijing(at),
        incident="GQ-1",
        command="propose_activation",
        seat="command-office",
        decider="command-office",
        code=code,
        clause="4.4",
    )
