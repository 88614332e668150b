"""Which notices an event calls for, and what they say (4.2, 3.3.5(4), 3.3.6, E3, E10).

Reminders go to our own bodies and to the duty seat, never to a superior. A body hears of the
packs released to it and of what concerns it; several things at once become one notice each kind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.base import Text, beijing_text
from domain.deeds import INFORMS
from domain.incident.entries import Clock, Notice, Proposal
from domain.incident.events import EVENTS
from domain.incident.record import Event
from domain.incident.releases import publishers
from domain.incident.state import State
from domain.plan import Plan

DRILL_MARK = "【演练】"


def called_for(
    plan: Plan, state: State, events: Sequence[Event], now: datetime
) -> tuple[Notice, ...]:
    """The notices that ``events`` call for, one for each recipient and subject."""
    wanted: dict[tuple[str, str], tuple[list[str], bool, str]] = {}
    for event in events:
        for recipient, subject, ref, statutory in _wanted(plan, state, event):
            if _reachable(plan, recipient):
                refs, was_statutory, clause = wanted.get(
                    (recipient, subject), ([], False, event.clause)
                )
                if ref not in refs:
                    refs.append(ref)
                wanted[recipient, subject] = (refs, was_statutory or statutory, clause)
    seq = state.seq + 1
    return tuple(
        Notice(
            id=f"n{seq}.{number}",
            recipient=recipient,
            subject=subject,
            ref=" ".join(refs),
            clause=clause,
            statutory=statutory,
            queued_at=now,
        )
        for number, ((recipient, subject), (refs, statutory, clause)) in enumerate(
            wanted.items(), start=1
        )
    )


def _reachable(plan: Plan, body: str) -> bool:
    """Only bodies of the county are told by us; superiors are reported to by people (E3)."""
    return body in plan.body_by_id and plan.body_by_id[body].tier == "county"


def _wanted(plan: Plan, state: State, event: Event) -> Iterator[tuple[str, str, str, bool]]:
    """(recipient, subject, reference, statutory) for one event."""
    data = EVENTS[event.type].model_validate(event.data) if event.type in EVENTS else None
    involved = sorted({task.owner for task in state.tasks.values()})
    match event.type:
        case "incident.reported":
            for body in plan.reminders.owner_hears:
                yield body, "reported", state.incident, True
        case "pack.released":
            for task in data.tasks:  # type: ignore[union-attr]
                yield task.owner, "tasks", task.id, False
        case "task.reassigned":
            task = state.tasks[event.data["task"]]
            yield task.owner, "tasks", task.id, False
        case "clock.opened":
            clock = state.clocks[event.data["clock"]["id"]]
            duty = plan.obligation_by_id.get(clock.obligation)
            if duty is not None and "notice" in duty.met_by and clock.recipient is not None:
                yield clock.recipient, INFORMS, clock.id, clock.kind == "statutory"
        case "clock.reminded":
            clock = state.clocks[event.data["clock"]]
            for body in (clock.owner, *plan.reminders.owner_hears):
                yield body, "reminder", clock.id, clock.kind == "statutory"
        case "clock.unrecorded":
            clock = state.clocks[event.data["clock"]]
            for body in (clock.owner, *plan.reminders.unrecorded_hears):
                yield body, "unrecorded", clock.id, clock.kind == "statutory"
        case "proposal.made":
            proposal = state.proposals[event.data["proposal"]["id"]]
            for body in deciders(plan, state, proposal):
                yield body, "decision", proposal.id, False
        case "proposal.decided":
            for body in dict.fromkeys((plan.office, state.proposals[event.data["proposal"]].by)):
                yield body, "decided", event.data["proposal"], False
        case "order.recorded" | "warning.issued" if _from_above(plan, event):
            # Taken down by whoever was on duty; those who carry it out hear of it.
            subject = "ordered" if event.type == "order.recorded" else "warned"
            for body in (plan.government, plan.office, plan.regulator):
                yield body, subject, str(event.seq), False
        case "response.started" | "response.adjusted" | "response.ended":
            for body in involved:
                yield body, event.type.replace(".", "_"), str(event.seq), False
        case "incident.dismissed" | "incident.reopened" | "incident.merged":
            # Whoever was told of it hears this too, with tasks or without.
            told = {n.recipient for n in state.notices.values() if n.subject == INFORMS}
            for body in sorted({*involved, *told}):
                yield body, event.type.replace("incident.", ""), str(event.seq), False
        case "merge.accepted":
            for body in (plan.regulator, plan.duty):
                yield body, "took_over", str(event.seq), False
        case "entry.voided":
            for body in event.data.get("told", ()):
                yield body, "voided", str(event.data["target"]), False
        # That such news was itself refused or lost calls for no news again, without end.
        case "notice.acknowledged" if event.data.get("refused"):
            if state.notices[event.data["notice"]].subject != "refused":
                yield plan.office, "refused", event.data["notice"], False
        case "notice.failed":
            if state.notices[event.data["notice"]].subject != "failed":
                yield plan.duty, "failed", event.data["notice"], False


def _from_above(plan: Plan, event: Event) -> bool:
    return event.by is not None and plan.body_by_id[event.by.decider].tier != "county"


def deciders(plan: Plan, state: State, proposal: Proposal) -> tuple[str, ...]:
    """The bodies that decide a proposal: a release is for whoever may publish (4.7.2)."""
    if proposal.kind == "release":
        return publishers(plan, state, state.level)
    level = proposal.level
    if proposal.kind != "activation":
        # Whoever leads now decides on a lower level or an end as well (4.6.3, 4.6.4).
        level = plan.gravest(level, state.level, state.response_level)
    return plan.level_by_id[level or plan.level_ids[-1]].decides


def render(plan: Plan, state: State, notice: Notice) -> tuple[Text, Text]:
    """Title and text of a notice, Chinese and English; no personal data, ever."""
    facts = state.facts
    drug = facts.drug if facts else ""
    place = facts.place if facts else ""
    mark = DRILL_MARK if state.space != "incidents" else ""
    title_zh, title_en = _TITLES[notice.subject]
    cited = _cited(plan, notice.clause)
    lines_zh, lines_en = [], []
    for ref in notice.ref.split():
        zh, en = _line(plan, state, notice.subject, ref)
        lines_zh.append(zh)
        lines_en.append(en)
    title = Text(
        zh=f"{mark}{title_zh}:{state.incident} {drug}",
        en=f"{mark}{title_en}: {state.incident} {drug}",
    )
    zh = "\n".join(
        [
            f"{mark}{plan.jurisdiction.name.zh}药品安全事件{state.incident}:{drug},{place}。",
            *lines_zh,
            f"依据:{cited.zh}。收到后请签收。",
        ]
    )
    en = "\n".join(
        [
            f"{mark}{plan.jurisdiction.name.en}, drug-safety incident {state.incident}: "
            f"{drug}, {place}.",
            *lines_en,
            f"Under {cited.en}. Please acknowledge.",
        ]
    )
    return title, Text(zh=zh, en=en)


def _cited(plan: Plan, clause: str) -> Text:
    """A clause with the document it stands in; another law's clause names that law itself."""
    if any(duty.law is not None and duty.clause == clause for duty in plan.obligations):
        return Text(zh=clause, en=clause)
    title = plan.jurisdiction.title
    return Text(zh=f"{title.zh} {clause}", en=f"{title.en}, {clause}")


_TITLES = {
    "reported": ("接报", "Report received"),
    "tasks": ("任务下达", "Tasks for you"),
    "informed": ("情况通报", "For your information"),
    "reminder": ("时限提醒", "Deadline ahead"),
    "unrecorded": ("到期未见记录", "Due, and nothing on record"),
    "decision": ("提请决定", "A decision is asked for"),
    "decided": ("已作决定", "Decided"),
    "response_started": ("启动应急响应", "Response started"),
    "response_adjusted": ("调整响应级别", "Response level changed"),
    "response_ended": ("终止应急响应", "Response ended"),
    "dismissed": ("事件排除", "Found to be no incident"),
    "reopened": ("事件重新启动", "Incident reopened"),
    "merged": ("事件并案", "Incident merged"),
    "ordered": ("上级指令", "A superior's order"),
    "warned": ("上级发布预警", "A superior's warning"),
    "took_over": ("他案并入,请重新研判级别", "Another incident merged in, please grade anew"),
    "voided": ("更正作废", "An entry was voided"),
    "refused": ("通知被退回", "A notice was refused"),
    "failed": ("通知未送达,请电话通知", "A notice failed, please telephone"),
}


def _line(plan: Plan, state: State, subject: str, ref: str) -> tuple[str, str]:
    match subject:
        case "tasks":
            task = state.tasks[ref]
            item = plan.item_by_id[task.pack, task.item]
            return f"任务{ref}({task.clause}):{item.text.zh}", (
                f"Task {ref} ({task.clause}): {item.text.en}"
            )
        case "informed" | "reminder" | "unrecorded":
            clock = state.clocks[ref]
            zh, en = duty_name(plan, state, clock)
            due = beijing_text(clock.due)
            label_zh = "" if clock.kind == "statutory" else "(内控)"
            label_en = "" if clock.kind == "statutory" else " (internal target)"
            if subject == "informed":
                return f"{zh}({clock.clause})", f"{en} ({clock.clause})"
            return (
                f"{zh}({clock.clause}),时限{due}{label_zh}",
                f"{en} ({clock.clause}), due {due} Beijing time{label_en}",
            )
        case "decision" | "decided":
            proposal = state.proposals[ref]
            status_zh = {"approved": "同意", "rejected": "不同意"}.get(proposal.status, "待决定")
            return (
                f"提请事项{ref}(第{proposal.version}版):{_KIND_ZH[proposal.kind]},{status_zh}",
                f"Proposal {ref} (version {proposal.version}): {proposal.kind}, {proposal.status}",
            )
        case "failed" | "refused":
            notice = state.notices[ref]
            body = plan.body_by_id[notice.recipient].name
            return (
                f"通知{ref}→{body.zh}:{notice.comment or notice.failure or ''}",
                f"Notice {ref} to {body.en}: {notice.comment or notice.failure or ''}",
            )
        case "voided":
            return f"第{ref}号记录已作废", f"Entry {ref} was voided"
        case _:
            level = state.response_level or state.level
            return (
                f"现级别:{level or '未定级'}",
                f"Level now: {level or 'not graded'}",
            )


_KIND_ZH = {
    "activation": "启动响应",
    "adjustment": "调整级别",
    "termination": "终止响应",
    "release": "信息发布",
}


def duty_name(plan: Plan, state: State, clock: Clock) -> tuple[str, str]:
    """What a clock is about, in both languages: the duty and its recipient, or the task."""
    duty = plan.obligation_by_id.get(clock.obligation)
    if duty is None:
        task_id = clock.id.partition(":")[2]
        task = state.tasks.get(task_id)
        if task is None:
            return clock.id, clock.id
        item = plan.item_by_id[task.pack, task.item]
        return f"任务{task_id}:{item.text.zh}", f"task {task_id}: {item.text.en}"
    body = plan.body_by_id.get(clock.recipient or "")
    if body is None:
        return duty.name.zh, duty.name.en
    return f"{duty.name.zh}→{body.name.zh}", f"{duty.name.en} → {body.name.en}"
