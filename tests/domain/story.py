"""A test of the domain told as a story, in Beijing time.

>>> story = Story().intake(learned="13:50").at("14:20").report("initial", "city-msa")
>>> story.expect_met("report-2h/city-msa", "on_time")

Here stand the usual steps; what drives them and what is expected of them stands in driver.py.
"""

from datetime import datetime
from typing import Any, Self

from domain.grading import Findings
from domain.incident import outbox
from domain.incident.commands import (
    AcknowledgeNotice,
    Assess,
    CompleteTask,
    CorrectFacts,
    DecideActivation,
    DecideAdjustment,
    DecideTermination,
    FactChanges,
    GiveReport,
    Intake,
    ProposeActivation,
    ProposeAdjustment,
    ProposeTermination,
    RecordOrder,
    ReleasePack,
    Reopen,
    SubmitReport,
)
from domain.incident.entries import Caller, Delivery, Facts
from domain.incident.envelope import Envelope
from domain.incident.observations import MessageOutcome
from tests.domain.driver import Driver, beijing, gaoqing, tiny

__all__ = ["COUNTS", "QUALIFIED", "Story", "beijing", "gaoqing", "tiny"]

QUALIFIED: dict[str, Any] = dict.fromkeys(
    ("unexpected", "similar_symptoms", "clustered", "lots_close", "same_drug", "same_lot"), True
)
"""The answers that let affected and severe counts speak."""
COUNTS = {"IV": 13, "III": 21, "II": 33, "I": 55}
"""Affected people that meet a line of each level of 附件1."""


class Story(Driver):
    """One incident, told step by step; every step returns the story."""

    def intake(
        self,
        caller: str = "hospital",
        learned: str | datetime | None = None,
        discovered: str | datetime | None = None,
        by: str | None = None,
        seat: str = "duty",
        received: str | datetime | None = None,
        when: str | datetime | None = None,
        **facts: Any,
    ) -> Self:
        """A report comes in: six fields, more if given (E6)."""
        given = {
            "kind": "group-adverse-event",
            "drug": "刺五加注射液",
            "people": "6人",
            "place": "县城",
            "learned_at": self.moment(learned) if learned is not None else self.now,
            **facts,
        }
        if discovered is not None:
            given["discovered_at"] = self.moment(discovered)
        command = Intake(
            caller=Caller(kind=caller, unit="县人民医院"), facts=Facts.model_validate(given)
        )
        return self.do(command, by, seat=seat, received=received, when=when)

    def correct(self, reason: str | None = None, by: str | None = None, **changes: Any) -> Self:
        """Facts are added or corrected."""
        return self.do(CorrectFacts(changes=FactChanges.model_validate(changes), reason=reason), by)

    def assess(
        self,
        level: str | None = None,
        findings: dict[str, Any] | None = None,
        reasons: str = "县市场监管局初步研判",
        **how: Any,
    ) -> Self:
        """The regulator grades."""
        checked = Findings.model_validate(findings).model_dump() if findings is not None else None
        return self.do(
            Assess.model_validate(
                {"name": "assess", "level": level, "findings": checked, "reasons": reasons}
            ),
            **how,
        )

    def graded(self, level: str, **how: Any) -> Self:
        """The regulator grades on as many affected people as ``level`` takes."""
        return self.assess(findings={**QUALIFIED, "affected": COUNTS[level]}, **how)

    def report(
        self,
        kind: str,
        *to: str,
        given: str | datetime | None = None,
        channel: str | None = None,
        fields: dict[str, str] | None = None,
        about: str | None = None,
        day: str | None = None,
        supersedes: str | None = None,
        by: str | None = None,
        **how: Any,
    ) -> Self:
        """A report is written and given to ``to``, now or at the moment ``given``."""
        at = self.moment(given) if given is not None else None
        means = channel or ("e_document" if kind == "summary" else "phone")
        command = SubmitReport.model_validate(
            {
                "kind": kind,
                "fields": fields or {},
                "about": about,
                "day": day,
                "supersedes": supersedes,
                "given": [Delivery(recipient=r, at=at, channel=means) for r in to],
            }
        )
        return self.do(command, by, **how)

    def give(
        self,
        report: str | None,
        to: str,
        given: str | datetime | None = None,
        channel: str = "phone",
        taken_by: str | None = None,
        by: str | None = None,
        **how: Any,
    ) -> Self:
        """A report that exists already is given to one more recipient."""
        at = self.moment(given) if given is not None else None
        delivery = Delivery(recipient=to, at=at, channel=channel, taken_by=taken_by)
        return self.do(GiveReport(report=report, delivery=delivery), by, **how)

    def propose_activation(self, level: str | None = None, **how: Any) -> Self:
        """The command office proposes the response (4.6.1)."""
        command = ProposeActivation(
            level=level or self.plan.level_ids[-1],
            area="全县",
            scope="涉事批号",
            reasons="达到标准",
            expected_duration="14日",
            measures="按方案处置",
        )
        return self.do(command, **{"by": self.plan.office, "seat": "command-office", **how})

    def decide_activation(self, approve: bool = True, by: str | None = None, **how: Any) -> Self:
        """Whoever decides at the level starts the response; the duty seat records it."""
        proposal = self.proposal
        decider = by or self._decides(proposal.level)
        command = DecideActivation(proposal=proposal.id, version=proposal.version, approve=approve)
        return self.do(command, decider, **how)

    def activate(self, level: str | None = None, **how: Any) -> Self:
        """Proposed and decided (4.6.1)."""
        return self.propose_activation(level).decide_activation(**how)

    def propose_adjustment(self, level: str, **how: Any) -> Self:
        """The command office asks for another level (4.6.3)."""
        command = ProposeAdjustment(level=level, reasons="事态变化")
        return self.do(command, **{"by": self.plan.office, "seat": "command-office", **how})

    def decide_adjustment(self, by: str, approve: bool = True, **how: Any) -> Self:
        """``by`` decides the open adjustment."""
        command = DecideAdjustment(
            proposal=self.proposal.id, version=self.proposal.version, approve=approve
        )
        return self.do(command, by, **how)

    def propose_termination(self, unmet: tuple[str, ...] = (), **how: Any) -> Self:
        """The command office proposes to end, every condition stated (4.6.4)."""
        command = ProposeTermination.model_validate(
            {
                "conditions": {
                    c.id: {"met": c.id not in unmet, "by": "县卫生健康局", "text": "经研判"}
                    for c in self.plan.termination.conditions
                },
                "reasons": "条件均已满足",
            }
        )
        return self.do(command, **{"by": self.plan.office, "seat": "command-office", **how})

    def decide_termination(self, approve: bool = True, by: str | None = None, **how: Any) -> Self:
        """Whoever decides at the level ends the response."""
        level = self.state.response_level
        command = DecideTermination(
            proposal=self.proposal.id, version=self.proposal.version, approve=approve
        )
        return self.do(command, by or self._decides(level), **how)

    def terminate(self, **how: Any) -> Self:
        """Proposed and decided (4.6.4)."""
        return self.propose_termination().decide_termination(**how)

    def order(
        self,
        kind: str,
        by: str,
        level: str | None = None,
        daily_hour: int | None = None,
        **how: Any,
    ) -> Self:
        """A superior's order is recorded (4.3-4.5)."""
        command = RecordOrder.model_validate(
            {"kind": kind, "level": level, "text": "按指令办理", "daily_hour": daily_hour}
        )
        return self.do(command, by, **how)

    def reopen(self, by: str | None = None, **how: Any) -> Self:
        """What was ended is taken up again (E11)."""
        return self.do(Reopen(reason="出现新情况"), by or self.plan.government, **how)

    def release(self, pack: str, **selection: Any) -> Self:
        """The command office releases a task pack (E10)."""
        command = ReleasePack.model_validate({"pack": pack, **selection})
        return self.do(command, self.plan.office, seat="command-office")

    def complete(self, task: str, by: str | None = None, **how: Any) -> Self:
        """The owner of a task reports it done."""
        owner = by or self.state.tasks[task].owner
        return self.do(CompleteTask(task=task, result="已完成"), owner, **how)

    def deliver_notices(self) -> Self:
        """Every notice that has not gone out yet does, and a mail server accepts it."""
        while True:
            for message in tuple(self.state.messages):
                self.arrived(message)
            waiting = [
                at
                for body, at in outbox.next_moments(self.plan, self.state).items()
                if any(n.recipient == body for n in self.state.outbox)
            ]
            if not waiting:
                return self
            self.at(min(waiting))

    def arrived(self, message: str, **outcome: Any) -> Self:
        """What became of a message: accepted by inbox and mail unless told otherwise."""
        command = MessageOutcome(message=message, **(outcome or {"channels": ("inbox", "mail")}))
        return self.send(Envelope(received=self.now, command=command))

    def fail_notice(self, notice: str, failure: str = "通道不可用") -> Self:
        """No channel took the message that the notice is in."""
        (message,) = (m.id for m in self.state.messages.values() if notice in m.notices)
        return self.arrived(message, failure=failure)

    def acknowledge(self, notice: str, **how: Any) -> Self:
        """The body to which a notice went acknowledges it, from its own seat."""
        body = self.state.notices[notice].recipient
        seat = next(s.id for s in self.plan.seats if s.body == body)
        return self.do(AcknowledgeNotice(notice=notice), body, **{"seat": seat, **how})

    def acknowledge_all(self) -> Self:
        """Everybody acknowledges everything."""
        for notice in self.state.unanswered:
            if self.state.notices[notice.id].unanswered:
                self.acknowledge(notice.id)
        return self

    def _decides(self, level: str | None) -> str:
        return self.plan.level_by_id[level or self.plan.level_ids[-1]].decides[0]
