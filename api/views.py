"""What is shown of an incident, and what is masked for whom."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.security import Actor
from domain.base import Text
from domain.incident import view
from domain.incident.entries import Clock, Given, Report, Task
from domain.incident.notices import duty_name
from domain.incident.record import Event
from domain.incident.state import State
from domain.plan import Plan
from workflows.contracts import Receipt

MASKED = "***"
"""Stands where a name is kept from the reader."""
NAME_FIELDS = frozenset({"taken_by", "signed_by", "decider_person", "recorder_person", "filled_by"})


class Links(BaseModel):
    """Where to go on."""

    self: str
    clocks: str
    events: str
    call_sheet: str


class ReceiptView(Receipt):
    """The events that a command caused, and the head of the chain after them: keep it."""


class Taken(BaseModel):
    """A first report that is safe."""

    incident: str = Field(examples=["GQ-7K4-M2Q-X9C"])
    number: str = Field(description="可在电话中报读的事件编号。", examples=["GQ-7K4-M2Q-X9C"])
    request_id: str
    status: str = Field(description="opened、again（重复请求）或 pending（稍后启动）。")
    receipt: ReceiptView | None = None
    warnings: list[Text] = []
    call_sheet: str
    links: Links


class Answer(BaseModel):
    """A command that was carried out."""

    incident: str
    request_id: str
    status: str = "done"
    receipt: ReceiptView
    warnings: list[Text] = []


class PendingAnswer(BaseModel):
    """A command that is safe and not carried out yet; ask at ``location``."""

    incident: str
    request_id: str
    status: str = "pending"
    location: str


class ClockView(Clock):
    """A clock with its name and what it means now."""

    name: Text
    overdue: bool
    remaining_seconds: int | None = Field(default=None, description="距到期的秒数；超时为负。")
    pending_reading: Text | None = Field(
        default=None, description="所依据条款的待解释读法（7.2）。"
    )


class TaskView(Task):
    """A task with its text."""

    text: Text | None = None
    overdue: bool = False


class IncidentView(BaseModel):
    """An incident as it stands."""

    incident: str
    space: str
    seq: int
    head: str
    phase: str
    level: str | None
    response_level: str | None
    needs_judgement: bool
    overdue: int
    next: ClockView | None
    waiting_for: list[str]
    links: Links
    state: State


def links(base: str, incident: str) -> Links:
    """The links of an incident under the space's prefix ``base``."""
    root = f"{base}/incidents/{incident}"
    return Links(
        self=root,
        clocks=f"{root}/clocks",
        events=f"{root}/events",
        call_sheet=f"{root}/call-sheet",
    )


def clock_view(plan: Plan, state: State, clock: Clock, now: datetime) -> ClockView:
    """``clock`` with what it means at ``now``."""
    zh, en = duty_name(plan, state, clock)
    duty = plan.obligation_by_id.get(clock.obligation)
    reading = duty.reading if duty else None
    open_ = clock.status == "open"
    return ClockView(
        **dict(clock),
        name=Text(zh=zh, en=en),
        overdue=open_ and clock.due <= now,
        remaining_seconds=int((clock.due - now).total_seconds()) if open_ else None,
        pending_reading=plan.reading_by_id[reading].reading
        if reading is not None and plan.pending(reading)
        else None,
    )


def task_view(plan: Plan, task: Task, now: datetime) -> TaskView:
    """``task`` with the plan's text."""
    item = plan.item_by_id.get((task.pack, task.item))
    overdue = task.status == "open" and task.due is not None and task.due <= now
    return TaskView(**dict(task), text=item.text if item else None, overdue=overdue)


def incident_view(plan: Plan, state: State, now: datetime, actor: Actor, base: str) -> IncidentView:
    """The incident as ``actor`` may see it at ``now``."""
    shown = mask(state, actor)
    soonest = view.next_due(shown, now)
    return IncidentView(
        incident=state.incident,
        space=state.space,
        seq=state.seq,
        head=state.head,
        phase=state.phase,
        level=state.level,
        response_level=state.response_level,
        needs_judgement=state.needs_judgement,
        overdue=len(view.overdue(shown, now)),
        next=clock_view(plan, state, soonest, now) if soonest else None,
        waiting_for=list(view.waiting_for(plan, shown)),
        links=links(base, state.incident),
        state=shown,
    )


def mask(state: State, actor: Actor) -> State:
    """``state`` without what ``actor`` may not see.

    References into the vault go only to those who may use them; names of officials to those
    who work with them; a reporter gets its own report and what concerns itself.
    """
    shown = state.model_copy(update={"handled": {}})
    if not actor.reads_persons:
        caller = shown.caller.model_copy(update={"person": None}) if shown.caller else None
        shown = shown.model_copy(update={"caller": caller, "persons": {}})
    if actor.sees_names:
        return shown
    if actor.sees_all_incidents:
        return shown.model_copy(
            update={
                "reports": {key: mask_report(r) for key, r in shown.reports.items()},
                "reporter_gave": tuple(map(mask_given, shown.reporter_gave)),
                "releases": {
                    key: release.model_copy(update={"filed": tuple(map(mask_given, release.filed))})
                    for key, release in shown.releases.items()
                },
                "roles": dict.fromkeys(shown.roles, MASKED),
            }
        )
    return State(
        incident=shown.incident,
        space=shown.space,
        plan_id=shown.plan_id,
        plan_digest=shown.plan_digest,
        seq=shown.seq,
        head=shown.head,
        phase=shown.phase,
        caller=shown.caller,
        facts=shown.facts,
        received_at=shown.received_at,
        discovered_at=shown.discovered_at,
        verified=shown.verified,
        level=shown.level,
        merged_into=shown.merged_into,
        purged=shown.purged,
        clocks={k: c for k, c in shown.clocks.items() if c.owner in ("reporter", actor.body)},
        notices={k: n for k, n in shown.notices.items() if n.recipient == actor.body},
        reporter_gave=tuple(map(mask_given, shown.reporter_gave)),
    )


def mask_report(report: Report) -> Report:
    """``report`` without the names of those who took or signed it."""
    return report.model_copy(
        update={
            "given": tuple(map(mask_given, report.given)),
            "signed_by": MASKED if report.signed_by else None,
        }
    )


def mask_given(given: Given) -> Given:
    """``given`` without the name of whoever took it."""
    return given.model_copy(update={"taken_by": MASKED if given.taken_by else None})


def mask_event(event: Event, actor: Actor) -> dict[str, Any]:
    """``event`` as JSON, without what ``actor`` may not see. Its hash stays that of the record."""
    shown: dict[str, Any] = event.model_dump(mode="json")
    if not actor.sees_names:
        shown = _without_names(shown)
        if isinstance(roles := shown["data"].get("roles"), dict):
            shown["data"]["roles"] = dict.fromkeys(roles, MASKED)
    if not actor.reads_persons:
        if event.type in ("person.registered", "persons.purged"):
            shown["data"] = {}
        if isinstance(caller := shown["data"].get("caller"), dict):
            caller["person"] = None
    return shown


def _without_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: MASKED if key in NAME_FIELDS and inner else _without_names(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_names(inner) for inner in value]
    return value
