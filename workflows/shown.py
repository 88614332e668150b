"""What people see of an incident in Temporal: details, search attributes, summaries."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    from domain.base import beijing_text
    from domain.clocks import MESSAGE
    from domain.incident import view
    from domain.incident.notices import duty_name
    from domain.incident.state import State
    from domain.plan import Plan
    from workflows import contracts as c
    from workflows.calls import cut


def timer_summary(plan: Plan, state: State, clock: str) -> str:
    """What a timer is for: clause, duty and when it is due, for the Temporal UI."""
    found = state.clocks.get(clock)
    if clock == MESSAGE:
        return "下一次通知"
    if found is None:
        return "北京时间零点:新的一日"
    name, _ = duty_name(plan, state, found)
    return cut(f"{found.clause} {name} 截止 {beijing_text(found.due)}")


def timer_key(clock: str, moment: datetime) -> str:
    """Under which key the timer of a clock runs."""
    return f"{clock}@{moment.isoformat()}"


def _fires(key: str) -> datetime | None:
    """When the timer of that key fires; None if it is no timer's."""
    _, timer, moment = key.rpartition("@")
    return datetime.fromisoformat(moment) if timer else None


def overview(
    plan: Plan, state: State, journal: str, unwritten: int, running: Collection[str]
) -> c.Overview:
    """What an operator asks first: where it stands, what is stuck, and on whom."""
    now = workflow.now()
    due = view.next_due(state, now)
    return c.Overview(
        incident=state.incident,
        phase=state.phase,
        level=state.level,
        seq=state.seq,
        head=state.head,
        overdue=len(view.overdue(state, now)),
        next_due=due.due if due else None,
        waiting_for=view.waiting_for(plan, state),
        journal=journal,
        unwritten=unwritten,
        running=tuple(running),
        wakes=min((at for key in running if (at := _fires(key)) is not None), default=None),
    )


def show(plan: Plan, state: State, journal: str) -> None:
    """Say where the incident stands; called once per workflow task, whatever came with it."""
    now = workflow.now()
    details = view.details(plan, state, now, journal)
    if journal == "diverged":
        details = f"{c.DIVERGED_TEXT}\n\n{details}"
    workflow.set_current_details(details)
    due = view.next_due(state, now)
    wanted: tuple[tuple[SearchAttributeKey[Any], Any], ...] = (
        (c.LEVEL, state.level),
        (c.PHASE, state.phase),
        (c.SPACE, state.space),
        (c.OVERDUE, len(view.overdue(state, now))),
        (c.NEXT_DUE, due.due if due else None),
        (c.WAITING_FOR, list(view.waiting_for(plan, state)) or None),
        (c.UNANSWERED, list(view.unanswered(state)) or None),
        (c.JOURNAL, journal),
    )
    # An upsert is an event: only what changed is said again, also after a continue-as-new.
    known = workflow.info().typed_search_attributes
    changed: list[SearchAttributeUpdate[Any]] = [
        key.value_unset() if value is None else key.value_set(value)
        for key, value in wanted
        if known.get(key) != value
    ]
    if changed:
        workflow.upsert_search_attributes(changed)
