"""What happens in an incident, told once: for tests, for recorded histories, for budgets."""

from datetime import datetime, timedelta
from typing import Any

from domain.base import BEIJING
from domain.incident.commands import (
    Assess,
    Close,
    CompleteTask,
    Condition,
    DecideActivation,
    DecideRelease,
    DecideTermination,
    DetermineCause,
    Dismiss,
    Establish,
    FileRelease,
    GiveReport,
    LogResource,
    ProposeActivation,
    ProposeRelease,
    ProposeTermination,
    PublishRelease,
    RecordOrder,
    ReleasePack,
    ReportKind,
    SubmitReport,
)
from domain.incident.state import Delivery
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
    await do_tasks(incident, "response-iv")
    await terminated(incident)
    await incident.fast_forward(timedelta(days=3))
    await wound_up(incident)


async def under_superior(incident: IncidentDriver, days: int) -> None:
    """A level I incident that the nation leads: ordered, reported every day, ended by order."""
    await report(incident, "initial", *UPWARD)
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
