"""Chapter 3.2.4 and E3: telephone calls of the duty seat, upward and sideways."""

from collections.abc import Sequence

from domain.base import Refusal, beijing_day
from domain.deeds import reached
from domain.duties import REPORTER
from domain.incident.commands import GiveReport, RecordCall, SubmitReport
from domain.incident.entries import Clock, Delivery, Notice, Report
from domain.incident.events import CallMade, CallWanted
from domain.incident.record import Event
from domain.incident.reports import ACTIVE, give_report, submit_report
from domain.incident.rules import CLOCK_SKEW, Context, Fact, decides, evolves, missing, put
from domain.incident.state import State
from domain.incident.telling import heard

CHANNEL = "phone"
BY_TELEPHONE = ("initial", "progress", "urgent", "correction")
"""The reports that a call can give; a summary is written (3.2.4)."""


@evolves(CallWanted)
def _(state: State, event: Event, p: CallWanted) -> State:
    return put(state, "calls", p.call.id, p.call)


@decides(RecordCall)
def record_call(ctx: Context, command: RecordCall) -> Sequence[Fact]:
    """One call meets every duty to its recipient, and answers every notice read out in it (E3).

    Nobody answering is worth an entry too: it shows that it was tried.
    """
    clause = ctx.require("record_call")
    body = ctx.body(command.recipient)
    if command.answered and not command.taken_by:
        raise Refusal(
            "taken_by_missing",
            clause,
            "请填写接话人（taken_by）；无人接听请选“未接通”（answered=false）。",
            "taken_by: say who answered the call; if nobody did, send answered=false",
        )
    facts: list[Fact] = []
    if command.answered:
        # First, since a report is named after the event that it is.
        facts += _reported(ctx, command)
    for unknown in set(command.notices or ()) - ctx.state.notices.keys():
        raise missing(ctx.plan, "通知", "notice", unknown)
    theirs = reached(ctx.plan, body)
    heard = [
        notice.id
        for notice in ctx.state.to_be_read
        if notice.recipient in theirs and _read_out(ctx, command, notice)
    ]
    made = CallMade(
        recipient=body,
        answered=command.answered,
        taken_by=command.taken_by,
        notices=tuple(sorted(heard)) if command.answered else (),
    )
    return [*facts, Fact(made, clause)]


def _read_out(ctx: Context, command: RecordCall, notice: Notice) -> bool:
    """Whether ``notice`` was read out: what came up after the call was not."""
    if command.notices is None:
        return notice.queued_at <= ctx.occurred
    return notice.id in command.notices and notice.queued_at <= ctx.occurred + CLOCK_SKEW


@evolves(CallMade)
def _(state: State, event: Event, p: CallMade) -> State:
    calls = {
        call.id: call.model_copy(
            update={
                "attempts": call.attempts + 1,
                "answered_at": event.occurred if p.answered else None,
                "taken_by": p.taken_by,
            }
        )
        for call in state.open_calls
        if call.recipient == p.recipient
    }
    notices = {}
    for key in p.notices:
        notice = heard(state, event, state.notices[key])
        notices[key] = notice.model_copy(
            update={
                "acknowledged_by": notice.recipient,
                "delivered_at": notice.delivered_at or event.occurred,
                "comment": p.taken_by,
            }
        )
    return state.model_copy(
        update={"calls": {**state.calls, **calls}, "notices": {**state.notices, **notices}}
    )


def _reported(ctx: Context, command: RecordCall) -> Sequence[Fact]:
    """The report that this call gave its recipient, if one is owed to it."""
    owed = [
        clock
        for clock in ctx.state.open_clocks
        if clock.recipient in reached(ctx.plan, command.recipient) and _kind(ctx, clock)
    ]
    if not owed or ctx.state.phase not in (*ACTIVE, "aftermath", "dismissed"):
        return []
    kind, clock = min(
        ((_kind(ctx, clock) or "", clock) for clock in owed),
        # The initial report comes first: it meets whatever asks for any report.
        key=lambda one: (one[0] != "initial", one[1].due),
    )
    delivery = Delivery(recipient=command.recipient, channel=CHANNEL, taken_by=command.taken_by)
    if (ready := _ready(ctx, kind, clock)) is not None:
        return give_report(ctx, GiveReport(report=ready.id, delivery=delivery))
    about = _about(ctx, clock) if kind == "correction" else None
    written = {"kind": kind, "day": clock.day, "about": about, "given": (delivery,)}
    return submit_report(ctx, SubmitReport.model_validate(written))


def _kind(ctx: Context, clock: Clock) -> str | None:
    """The kind of report by telephone that meets ``clock``; None if none does."""
    duty = ctx.plan.obligation_by_id.get(clock.obligation)
    if duty is None or clock.owner == REPORTER:
        # What a hospital or a firm owes, it owes itself.
        return None
    begun = any(r.kind == "initial" and not r.voided for r in ctx.state.reports.values())
    for act in duty.met_by:
        kind = act.removeprefix("report.")
        if kind == "any":
            kind = "progress" if begun else "initial"
            if begun and duty.since == "any":
                kind = "initial"
        if act.startswith("report.") and kind in BY_TELEPHONE:
            return kind
    return None


def _about(ctx: Context, clock: Clock) -> str:
    """What a correction that ``clock`` asks for is about: a voided report, or the dismissal."""
    return clock.ref if clock.ref in ctx.state.reports else "dismissal"


def _ready(ctx: Context, kind: str, clock: Clock) -> Report | None:
    """A report written already that meets ``clock`` once its recipient hears it."""
    duty = ctx.plan.obligation_by_id[clock.obligation]
    for report in reversed(ctx.state.reports.values()):
        if report.voided or report.kind != kind:
            continue
        if clock.day is not None and (report.day or beijing_day(report.at)) != clock.day:
            continue
        if duty.since == "basis" and clock.day is None and report.at < clock.basis:
            continue
        if kind == "correction" and report.about != _about(ctx, clock):
            continue
        return report
    return None
