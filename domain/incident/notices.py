"""Which notices an event calls for, and whom they tell (4.2, 3.3.5(4), 3.3.6, E3, E10).

Reminders go to our own bodies and to the duty seat, never to a superior. A body hears of the
packs released to it and of what concerns it; several things at once become one notice each kind.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from domain.deeds import INFORMS
from domain.incident import outbox
from domain.incident.entries import Clock, Notice, Proposal
from domain.incident.events import EVENTS
from domain.incident.record import Event
from domain.incident.releases import publishers
from domain.incident.state import State
from domain.plan import Plan

DRILL_MARK = "【演练】"
"""Stands before every title and every text of an exercise (6.5)."""


def called_for(
    plan: Plan, state: State, events: Sequence[Event], now: datetime
) -> tuple[Notice, ...]:
    """The notices that ``events`` call for, one for each recipient and subject."""
    wanted: dict[tuple[str, str], tuple[list[str], bool, str]] = {}

    def want(recipient: str, subject: str, ref: str, statutory: bool, clause: str) -> None:
        if _reachable(plan, recipient):
            refs, was_statutory, first = wanted.get((recipient, subject), ([], False, clause))
            if ref not in refs:
                refs.append(ref)
            wanted[recipient, subject] = (refs, was_statutory or statutory, first)

    for event in events:
        for recipient, subject, ref, statutory in _wanted(plan, state, event):
            want(recipient, subject, ref, statutory, event.clause)
    for notice in outbox.unanswered_by(plan, state, now):
        clause = outbox.clause_of(plan)
        want(plan.office, "unanswered", notice.id, notice.statutory, clause)
    once = plan.escalation.once if plan.escalation else ()
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
            pursued=not (state.pursues and subject in once),
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
            # The first measures are to be taken at once (4.2, 6.3): nobody's quiet hours count.
            first = plan.pack_by_id.get(event.data["pack"])
            urgent = state.pursues and first is not None and first.starts_at == "intake"
            for task in data.tasks:  # type: ignore[union-attr]
                yield task.owner, "tasks", task.id, urgent
        case "task.reassigned":
            task = state.tasks[event.data["task"]]
            yield task.owner, "tasks", task.id, False
        case "clock.opened":
            clock = state.clocks[event.data["clock"]["id"]]
            duty = plan.obligation_by_id.get(clock.obligation)
            if duty is not None and "notice" in duty.met_by and clock.recipient is not None:
                # That it be told is the plan's own demand, though the number of minutes is ours.
                yield clock.recipient, INFORMS, clock.id, state.pursues or _statutory(clock)
        case "clock.reminded":
            clock = state.clocks[event.data["clock"]]
            for body in (clock.owner, *plan.reminders.owner_hears):
                yield body, "reminder", clock.id, _statutory(clock)
        case "clock.unrecorded":
            clock = state.clocks[event.data["clock"]]
            for body in (clock.owner, *plan.reminders.unrecorded_hears):
                yield body, "unrecorded", clock.id, _statutory(clock)
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
        case "message.failed":
            # Nobody telephones himself: that the duty seat was not reached, the office hears.
            for notice in (state.notices[ref] for ref in event.data["notices"]):
                if notice.recipient == plan.duty and notice.subject not in outbox.ABOUT_NOTICES:
                    yield plan.office, "failed", notice.id, notice.statutory
        case "message.sent" if event.data.get("phone_only"):
            # The same for what lies in its inbox alone and is told only once.
            for notice in (state.notices[ref] for ref in event.data["notices"]):
                if notice.recipient == plan.duty and notice.statutory and not notice.pursued:
                    yield plan.office, "failed", notice.id, True
        case "call.wanted":
            for ref in event.data["call"]["notices"]:
                yield plan.duty, "call", ref, state.notices[ref].statutory


def _statutory(clock: Clock) -> bool:
    return clock.kind == "statutory"


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
