"""What happens in an incident, told once: for tests, for recorded histories, for budgets."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.base import BEIJING
from domain.incident.commands import (
    AcknowledgeNotice,
    AddCorrectiveAction,
    Assess,
    Attach,
    Close,
    CompleteCorrectiveAction,
    CompleteTask,
    Condition,
    CorrectFacts,
    DecideActivation,
    DecideRelease,
    DecideTermination,
    DetermineCause,
    Dismiss,
    Establish,
    FactChanges,
    FileRelease,
    GiveReport,
    IssueWarning,
    LiftWarning,
    LogResource,
    Merge,
    ProposeActivation,
    ProposeAdjustment,
    ProposeRelease,
    ProposeTermination,
    PublishRelease,
    PurgePersons,
    ReassignTask,
    RecordAuthorisation,
    RecordOrder,
    RegisterPerson,
    ReleasePack,
    Reopen,
    ReportKind,
    SignReport,
    SubmitReport,
    Verify,
    VoidEntry,
)
from domain.incident.entries import Delivery
from tests.workflows.harness import PLAN, IncidentDriver, findings

UPWARD = ("county-government", "city-msa", "city-government", "city-health")
"""Everyone who is told of a first report (3.2.2(1), 3.2.2(3))."""


def to(*recipients: str, channel: str = "phone") -> tuple[Delivery, ...]:
    """One call or one message for each recipient."""
    return tuple(Delivery(recipient=r, channel=channel, taken_by="值班员") for r in recipients)


async def report(
    incident: IncidentDriver,
    kind: ReportKind,
    *recipients: str,
    by: str = "county-msa",
    **more: Any,
) -> str:
    """Write a report and give it to ``recipients``; returns its id."""
    channel = more.pop("channel", "phone")
    receipt = await incident.send(
        SubmitReport(kind=kind, given=to(*recipients, channel=channel), **more), by
    )
    return f"r{receipt.first}"


async def do_tasks(incident: IncidentDriver, pack: str | None = None) -> int:
    """Whoever owns an open task reports it done; returns how many there were."""
    tasks = (await incident.state()).tasks.values()
    open_tasks = [t for t in tasks if t.status == "open" and pack in (None, t.pack)]
    for task in open_tasks:
        await incident.send(CompleteTask(task=task.id, result="已完成"), task.owner)
    return len(open_tasks)


async def started(incident: IncidentDriver) -> None:
    """From a report to a level IV response: told, graded, proposed, decided by telephone."""
    await report(incident, "initial", *UPWARD)
    await incident.acknowledge()
    await do_tasks(incident, "first-measures")
    await incident.send(Assess(findings=findings(), reasons="13例,同一药品、批号集中"))
    await report(incident, "urgent", "city-government", "city-msa")
    proposal = await incident.send(
        ProposeActivation(
            level="IV",
            area="某镇",
            scope="某注射液两个批号",
            reasons="符合附件1四(一)",
            expected_duration="10日",
            measures="救治、封存、抽检",
        ),
        "command-office",
    )
    await incident.send(
        DecideActivation(proposal=f"p{proposal.first}", approve=True),
        "county-government",
        means="phone",
        decider_person="分管副县长",
    )
    await report(incident, "progress", "city-government", by="county-government")
    await incident.send(Establish(what="command"), "county-government")
    await incident.send(Establish(what="groups"), "county-command")
    await incident.send(ReleasePack(pack="response-iv"), "command-office")
    await incident.acknowledge()


async def daily(incident: IncidentDriver) -> None:
    """The day's reports of a level IV response (4.6.2(1))."""
    await report(incident, "progress", "command-office")
    await report(incident, "progress", "county-command", "city-government", by="command-office")


async def released(incident: IncidentDriver) -> None:
    """A release: proposed, reviewed, published, filed (4.7)."""
    proposal = await incident.send(
        ProposeRelease(title="情况通报", text="我县发现13例……", channel="政府网站"),
        "command-office",
    )
    name = f"p{proposal.first}"
    await incident.send(DecideRelease(proposal=name, approve=True), "county-command")
    out = await incident.send(PublishRelease(proposal=name, channel="政府网站"), "county-command")
    for recipient in ("city-government", "city-msa"):
        (delivery,) = to(recipient, channel="fax")
        await incident.send(
            FileRelease(release=f"x{out.first}", delivery=delivery), "command-office"
        )


async def terminated(incident: IncidentDriver) -> None:
    """The cause found, every condition stated, the end decided (5.1, 4.6.4)."""
    await incident.send(
        DetermineCause(cause="quality", conclusion="该批号热原超标", experts="专家组一致意见")
    )
    await report(incident, "progress", "county-command")
    proposal = await incident.send(
        ProposeTermination(
            conditions={
                c.id: Condition(
                    met=True, by="专家组" if c.id == "experts" else "县卫健局", text="已核实"
                )
                for c in PLAN.termination.conditions
            },
            reasons="患者均好转,无新发病例",
        ),
        "command-office",
    )
    await incident.send(
        DecideTermination(proposal=f"p{proposal.first}", approve=True), "county-government"
    )


async def wound_up(incident: IncidentDriver) -> None:
    """The ledger settled, tasks done, the summary given, closed (5.2, 3.2.3(3))."""
    entry = await incident.send(
        LogResource(
            action="requisition", kind="goods", what="转运车辆", quantity="1辆", source="某公司"
        ),
        "county-transport",
    )
    await incident.send(
        LogResource(action="compensate", resource=f"g{entry.first}", value="300元"),
        "county-finance",
    )
    await do_tasks(incident)
    await report(
        incident, "summary", "county-government", "city-government", "city-msa", channel="paper"
    )
    await incident.send(Close(text="善后完毕"), "command-office")


async def iv_incident(incident: IncidentDriver, days: int = 2) -> None:
    """A whole county incident, from the report to closed, with ``days`` of response."""
    await started(incident)
    await released(incident)
    for _ in range(days):
        await daily(incident)
        await incident.fast_forward(await at_beijing(incident, 9, days=1))
        await incident.acknowledge()
    await do_tasks(incident, "response-iv")
    await terminated(incident)
    await incident.acknowledge()
    await incident.fast_forward(timedelta(days=3))
    await incident.acknowledge()
    await wound_up(incident)


async def under_superior(incident: IncidentDriver, days: int) -> None:
    """A level I incident that the nation leads: ordered, reported every day, ended by order."""
    await report(incident, "initial", *UPWARD)
    await incident.acknowledge()
    await do_tasks(incident, "first-measures")
    await incident.send(Assess(findings=findings(affected=60), reasons="60例"))
    await report(incident, "urgent", "county-government", "city-msa")
    await incident.send(
        RecordOrder(kind="start", level="I", text="启动Ⅰ级响应", daily_hour=17),
        "nation-command",
        means="written_instruction",
    )
    given = await report(incident, "progress", "city-government", "city-msa")
    assert given
    await incident.send(ReleasePack(pack="superior-response"), "command-office")
    for _ in range(days):
        await incident.fast_forward(await at_beijing(incident, 16, days=1))
        await report(incident, "progress", "county-government", "city-msa")
        await incident.acknowledge()
    await incident.send(RecordOrder(kind="end", level="I", text="终止响应"), "nation-command")
    await report(incident, "progress", "city-government", "city-msa")


async def late_entry(incident: IncidentDriver, given: str, recipient: str, at: datetime) -> None:
    """A telephone call made at ``at``, entered now with the reason."""
    await incident.send(
        GiveReport(
            report=given,
            delivery=Delivery(recipient=recipient, at=at, channel="phone", taken_by="值班员"),
        ),
        at=at,
        late_reason="当时在现场,先电话报告",
    )


async def at_beijing(incident: IncidentDriver, hour: int, days: int = 0) -> datetime:
    """The moment ``hour`` o'clock in Beijing, so many days after the incident's today."""
    now = (await incident.now()).astimezone(BEIJING)
    return now.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=days)


def beijing(moment: datetime) -> datetime:
    """``moment`` on a clock in Beijing."""
    return moment.astimezone(BEIJING)


async def dismissed(incident: IncidentDriver) -> None:
    """Found to be no incident; the correction upward is still owed (E11)."""
    await incident.send(Dismiss(reasons="复核为登记错误,无同类病例"))


async def nothing_done(incident: IncidentDriver) -> None:
    """A report is taken and then everybody forgets about it, for two days."""
    await incident.fast_forward(timedelta(days=2))


async def merge(incident: IncidentDriver, into: IncidentDriver) -> None:
    """Refused once, since the other cannot be found; then merged (E11)."""
    await report(into, "initial", *UPWARD)
    await incident.send(Merge(into="GQ-19990101-ZZZZ", reasons="疑为同一起"))
    await incident.settled()
    await incident.send(Merge(into=into.number, reasons="同一批号,同一起事件"))
    await incident.ended()


async def odds_and_ends(incident: IncidentDriver) -> None:
    """What happens now and then: corrections, orders, warnings, files, people, second thoughts."""
    sha = hashlib.sha256(b"photo").hexdigest()
    given = await report(incident, "initial", "county-government")
    await incident.fast_forward(timedelta(hours=2, minutes=10))
    await late_entry(incident, given, "city-msa", (await incident.now()) - timedelta(hours=1))
    await incident.send(SignReport(report=given), "county-msa", means="phone")
    await incident.send(Verify(outcome="pending", text="正在核实"))
    earlier = (await incident.now()) - timedelta(hours=4)
    facts = FactChanges(learned_at=earlier, abroad=True, outside_firm=True, lots=("A1", "A2"))
    corrected = await incident.send(CorrectFacts(changes=facts, reason="补充"))
    await incident.send(VoidEntry(seq=corrected.first, reason="获知时间填错"))
    await incident.send(Assess(findings=findings(severe=2), reasons="13例,2例特别严重"))
    wrong = await report(incident, "progress", "city-msa", "city-government")
    await incident.send(VoidEntry(seq=int(wrong[1:]), reason="报错事件"))
    await report(incident, "correction", "city-msa", "city-government", about=wrong)
    await incident.send(
        Attach(sha256=sha, media_type="image/jpeg", size=5, title="现场照片"), "county-msa"
    )
    await incident.send(RegisterPerson(reference="person-1", digest=sha), "county-health")
    graver = await incident.send(IssueWarning(level="3", text="三级预警"), "city-government")
    await incident.send(LiftWarning(warning=f"w{graver.first}", reason="降级"), "city-government")
    warned = await incident.send(
        IssueWarning(level="4", text="四级预警", authorised_by="county-government"), "county-msa"
    )
    await incident.send(ReleasePack(pack="warning-4"), "command-office")
    await incident.send(
        LiftWarning(warning=f"w{warned.first}", reason="趋势好转"), "county-government"
    )
    state = await incident.state()
    task = next(t for t in state.tasks.values() if t.status == "open")
    await incident.send(
        ReassignTask(task=task.id, owner="county-industry", reason="协助"), "command-office"
    )
    notice = next(n for n in state.notices.values() if n.recipient == "county-health")
    refused = AcknowledgeNotice(notice=notice.id, refuse=True, comment="不属本单位职责")
    await incident.send(refused, "county-health")
    await incident.signal(await incident.envelope(Close(text="办结"), "command-office"))
    await incident.send(Assess(findings=findings(affected=22, severe=3, deaths=1), reasons="22例"))
    await report(incident, "urgent", "county-government", "city-msa")
    await incident.send(
        RecordOrder(kind="start", level="III", text="启动Ⅲ级响应", daily_hour=16), "city-command"
    )
    await incident.send(Establish(what="onsite"), "county-command")
    await incident.send(RecordAuthorisation(level="III", text="授权县发布"), "city-command")
    proposal = await incident.send(
        ProposeRelease(title="情况通报", text="……", channel="政府网站"), "command-office"
    )
    name = f"p{proposal.first}"
    await incident.send(DecideRelease(proposal=name, approve=True), "city-command")
    await incident.send(PublishRelease(proposal=name, channel="政府网站"), "city-command")
    await incident.send(ProposeAdjustment(level="IV", reasons="好转"), "command-office")
    await incident.send(RecordOrder(kind="adjust", level="IV", text="调整为Ⅳ级"), "city-command")
    await incident.fast_forward(timedelta(days=1))
    added = await incident.send(
        AddCorrectiveAction(
            text="完善进货查验", owner="county-msa", due=beijing(await incident.now()).date()
        ),
        "command-office",
    )
    await incident.send(
        CompleteCorrectiveAction(action=f"c{added.first}", result="已完善"), "county-msa"
    )
    await terminated(incident)
    await incident.send(Reopen(reason="发现同批号新病例"), "county-msa")
    await dismissed(incident)
    await report(incident, "correction", *(await told(incident)), about="dismissal")
    await incident.send(PurgePersons(references=("person-1",)), "county-msa")


async def told(incident: IncidentDriver) -> list[str]:
    """Everybody to whom a correction is owed."""
    clocks = (await incident.state()).open_clocks
    return [c.recipient for c in clocks if c.recipient and c.obligation.startswith("correction")]


def initial(*recipients: str) -> SubmitReport:
    """A first report given to ``recipients`` by telephone."""
    return SubmitReport(kind="initial", given=to(*recipients))


async def pass_by(moment: datetime) -> None:
    """Wait, in our own time, until ``moment`` is over."""
    await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
