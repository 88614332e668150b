"""The call sheet (E4): whom to call, by when, what to say, and boxes for who answered."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.pages import render
from api.schemas import UNKNOWN
from domain.base import beijing_text
from domain.directory import PHONE, Directory, phone_numbers
from domain.duties import REPORTER
from domain.incident.entries import Clock, Notice
from domain.incident.notices import DRILL_MARK
from domain.incident.state import State
from domain.incident.wording import wording
from domain.plan import Plan
from store.texts import say_notice, template_of
from workflows.contracts import INCIDENTS_SPACE

KIND_ZH = {"statutory": "法定", "internal": "内控"}


@dataclass(frozen=True)
class Owed:
    """One duty towards a recipient."""

    name: str
    clause: str
    kind: str
    due: datetime
    overdue: bool
    note: int | None
    """The number of the pending reading (7.2) on which the due time rests, below the table."""


@dataclass(frozen=True)
class Call:
    """One call: it can meet every duty to its recipient (E3)."""

    body: str
    recipient: str
    upward: bool
    owed: tuple[Owed, ...]
    notices: tuple[Notice, ...] = ()
    """What the body has not answered in writing, to be read out."""

    @property
    def due(self) -> datetime:
        """When the earliest of the duties is due, or since when an answer is awaited."""
        return min((*(owed.due for owed in self.owed), *(n.queued_at for n in self.notices)))


def calls(
    plan: Plan, state: State, now: datetime, notes: dict[str, int] | None = None
) -> tuple[Call, ...]:
    """The calls still to be made, upward ones first, then by due time.

    Args:
        notes: takes the ids of the pending readings that the due times rest on, numbered from 1.
    """
    numbered = {} if notes is None else notes
    by_recipient: dict[str, list[Clock]] = defaultdict(list)
    for clock in state.open_clocks:
        # What a hospital or a firm owes, it owes itself.
        if clock.recipient in plan.body_by_id and clock.owner != REPORTER:
            by_recipient[clock.recipient].append(clock)
    wanted = {call.recipient for call in state.open_calls}
    made = [
        Call(
            body=recipient,
            recipient=plan.body_by_id[recipient].name.zh,
            upward=_upward(plan, recipient),
            owed=tuple(_owed(plan, clock, now, numbered) for clock in by_recipient[recipient]),
            notices=tuple(n for n in state.to_be_read if n.recipient == recipient)
            if recipient in wanted
            else (),
        )
        for recipient in dict.fromkeys((*by_recipient, *sorted(wanted)))
    ]
    return tuple(sorted(made, key=lambda call: (not call.upward, call.due, call.recipient)))


def _upward(plan: Plan, recipient: str) -> bool:
    body = plan.body_by_id[recipient]
    government = {plan.government, plan.command}
    return (
        body.tier in ("city", "province", "nation")
        or body.id in government
        or body.part_of in government
    )


def _owed(plan: Plan, clock: Clock, now: datetime, notes: dict[str, int]) -> Owed:
    duty = plan.obligation_by_id.get(clock.obligation)
    reading = duty.reading if duty else None
    return Owed(
        name=duty.name.zh if duty else clock.obligation,
        clause=clock.clause,
        kind=KIND_ZH[clock.kind],
        due=clock.due,
        overdue=clock.due < now,
        note=notes.setdefault(reading, len(notes) + 1)
        if reading is not None and plan.pending(reading)
        else None,
    )


def summary(plan: Plan, state: State) -> str:
    """What is known, in one paragraph that can be read out; without personal data."""
    facts, caller = state.facts, state.caller
    if facts is None or caller is None:
        return UNKNOWN
    kinds = {kind.id: kind.name.zh for kind in plan.reporters}
    level = plan.level_by_id[state.level].name.zh if state.level else "尚未定级"
    parts = [
        f"{beijing_text(facts.learned_at)}，我单位获知一起药品安全事件",
        f"（报告来源：{caller.unit or kinds.get(caller.kind, caller.kind)}）。",
        f"涉及产品：{facts.drug or UNKNOWN}",
        f"，批号{'、'.join(facts.lots)}" if facts.lots else "",
        f"，生产企业{facts.manufacturer}" if facts.manufacturer else "",
        f"。地点：{facts.place}。人员情况：{facts.people}。",
        f"主要症状：{facts.symptoms}。" if facts.symptoms else "",
        f"已采取措施：{facts.measures}。" if facts.measures else "",
        f"初步研判：{level}。",
        "" if state.verified == "confirmed" else "以上情况待核实，后续情况续报。",
    ]
    return "".join(parts).replace("。。", "。")


@dataclass(frozen=True)
class Line:
    """Who of a body to ask for, and the number."""

    who: str
    number: str


ROLES_ZH = {
    "duty_phone": "值班电话",
    "duty_officer": "值班员",
    "deputy": "副职",
    "leader": "主要负责人",
}


def lines(plan: Plan, directory: Directory, body: str, now: datetime) -> tuple[Line, ...]:
    """The numbers of a body in the order to be called, then of its duty room, then of its whole."""
    rooms = [b.id for b in plan.bodies if b.part_of == body and b.kind == "duty"]
    whole = plan.body_by_id[body].part_of
    found: dict[str, Line] = {}
    for one in (body, *rooms, *([whole] if whole else [])):
        for contact in phone_numbers(directory, one, now):
            who = " ".join(filter(None, (ROLES_ZH[contact.role], contact.name)))
            for address in contact.addresses:
                if address.channel == PHONE:
                    found.setdefault(address.to, Line(who, address.to))
    return tuple(found.values())


def page(
    plan: Plan,
    state: State,
    now: datetime,
    directory: Directory,
    form: Callable[[str], str] | None = None,
) -> str:
    """The call sheet as HTML.

    Args:
        form: where the form of a call to a body is sent; None for who cannot enter calls.
    """
    drill = "" if state.space == INCIDENTS_SPACE else DRILL_MARK
    own = plan.body_by_id[plan.regulator].name.zh
    text = summary(plan, state)
    notes: dict[str, int] = {}
    found = calls(plan, state, now, notes)
    return render(
        "call_sheet.html",
        drill=drill,
        plan=plan,
        state=state,
        now=now,
        calls=found,
        lines={call.body: lines(plan, directory, call.body, now) for call in found},
        forms={call.body: form(call.body) for call in found} if form else {},
        titles={
            notice.id: say_notice(template_of(plan, notice.subject), wording(plan, state, notice))[
                0
            ].zh
            for call in found
            for notice in call.notices
        },
        readings=[plan.reading_by_id[reading].reading.zh for reading in notes],
        aloud=f"{drill}您好，这里是{own}，现报告一起药品安全事件，事件编号{state.incident}。{text}"
        "请问您的姓名和职务？我做一下登记。",
        chat=f"{drill}【药品安全事件报告】编号{state.incident}：{text}报告单位：{own}。收到请回复。",
        unknown=UNKNOWN,
    )
