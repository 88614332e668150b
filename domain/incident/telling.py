"""Chapter 2.1.1: bodies are told, and answer: sent, delivered, acknowledged, refused, stopped."""

from collections.abc import Iterable, Sequence

from domain.base import Refusal
from domain.incident import outbox
from domain.incident.commands import AcknowledgeNotice, StopNotice
from domain.incident.entries import Notice
from domain.incident.events import (
    MessageComposed,
    MessageFailed,
    MessageSent,
    MessageWithdrawn,
    NoticeAcknowledged,
    NoticeFailed,
    NoticesDelivered,
    NoticeSent,
    NoticesQueued,
    NoticesSettled,
    NoticeStopped,
)
from domain.incident.observations import Delivered, MessageOutcome, NoticeOutcome
from domain.incident.record import Event
from domain.incident.rules import CLOCK_SKEW, Context, Fact, decides, evolves, missing, put
from domain.incident.state import State

INBOX = "inbox"
"""The channel of our own: that a notice lies there tells nobody anything yet."""


@evolves(NoticesQueued)
def _(state: State, event: Event, p: NoticesQueued) -> State:
    notices = {**state.notices, **{notice.id: notice for notice in p.notices}}
    return state.model_copy(update={"notices": notices})


@decides(NoticeOutcome)
def notice_outcome(ctx: Context, command: NoticeOutcome) -> Sequence[Fact]:
    """Accepted by a channel is not yet acknowledged; a final failure is an event."""
    notice = ctx.state.notices.get(command.notice)
    if notice is None or notice.status != "queued":
        return []
    if command.accepted:
        sent = NoticeSent(notice=notice.id, channels=command.accepted)
        return [Fact(sent, notice.clause, ctx.now)]
    failed = NoticeFailed(notice=notice.id, failure=command.failure or "not accepted")
    return [Fact(failed, notice.clause, ctx.now)]


@evolves(NoticeSent)
def _(state: State, event: Event, p: NoticeSent) -> State:
    notice = state.notices[p.notice].model_copy(
        update={
            "status": "accepted",
            "accepted_at": event.occurred,
            "accepted_recorded": event.received,
            "channels": p.channels,
        }
    )
    return put(state, "notices", notice.id, notice)


@evolves(NoticeFailed)
def _(state: State, event: Event, p: NoticeFailed) -> State:
    notice = state.notices[p.notice].model_copy(update={"status": "failed", "failure": p.failure})
    return put(state, "notices", notice.id, notice)


@evolves(MessageComposed)
def _(state: State, event: Event, p: MessageComposed) -> State:
    message = p.message
    climbed = {
        notice: state.notices[notice].model_copy(update={"climbed": step + 1})
        for notice, step in message.notices.items()
    }
    return state.model_copy(
        update={
            "messages": {**state.messages, message.id: message},
            "last_message": {**state.last_message, message.recipient: message.at},
            "notices": {**state.notices, **climbed},
        }
    )


@decides(MessageOutcome)
def message_outcome(ctx: Context, command: MessageOutcome) -> Sequence[Fact]:
    """What no channel took, or only a telephone reaches, falls to the duty seat's telephone."""
    message = ctx.state.messages.get(command.message)
    if message is None:
        return []
    clause = outbox.clause_of(ctx.plan)
    if command.withdrawn:
        return [Fact(MessageWithdrawn(message=message.id), clause, ctx.now)]
    fact: MessageSent | MessageFailed = MessageSent(
        message=message.id,
        notices=tuple(message.notices),
        channels=command.channels,
        contacts=command.contacts,
        delivered=command.delivered,
        held_until=command.held_until,
        phone_only=command.phone_only,
    )
    held = command.held_until is not None
    if not command.channels and not held:
        fact = MessageFailed(
            message=message.id,
            notices=tuple(message.notices),
            failure=command.failure or "not accepted",
        )
    facts = [Fact(fact, clause, ctx.now)]
    if command.phone_only or not (command.channels or held):
        unheard = [n for n in message.notices if _to_be_heard(ctx.state.notices[n])]
        reason = "phone_only" if command.phone_only else "failed"
        facts += outbox.call(
            ctx.plan, ctx.state, message.recipient, unheard, reason, ctx.now, len(facts)
        )
    return facts


def _to_be_heard(notice: Notice) -> bool:
    """Whether a message that was lost calls for a telephone call about ``notice``."""
    # An internal target is worth no call at night; the next reminder of it comes anyway.
    return notice.open and (notice.pursued or notice.statutory)


@evolves(MessageSent)
def _(state: State, event: Event, p: MessageSent) -> State:
    outside = any(channel != INBOX for channel in p.channels)

    def sent(notice: Notice) -> Notice:
        update: dict[str, object] = {
            "channels": tuple(dict.fromkeys((*notice.channels, *p.channels))),
        }
        if notice.accepted_at is None and p.channels:
            update |= _accepted(event) if outside else {"status": "posted"}
        if p.held_until is not None:
            update |= {"climbed": 0, "climbs_from": p.held_until}
        if p.delivered and notice.delivered_at is None:
            update |= {"delivered_at": event.occurred}
        return notice.model_copy(update=update)

    return _arrived(state, p.message, map(sent, _named(state, p.notices)))


def _accepted(event: Event) -> dict[str, object]:
    return {
        "status": "accepted",
        "accepted_at": event.occurred,
        "accepted_recorded": event.received,
    }


@evolves(MessageFailed)
def _(state: State, event: Event, p: MessageFailed) -> State:
    failed = (
        notice.model_copy(
            update={
                # What went out before has not become unsent.
                "status": "failed" if notice.accepted_at is None else notice.status,
                "failure": p.failure,
            }
        )
        for notice in _named(state, p.notices)
    )
    return _arrived(state, p.message, failed)


@evolves(MessageWithdrawn)
def _(state: State, event: Event, p: MessageWithdrawn) -> State:
    return _arrived(state, p.message, ())


def _named(state: State, notices: Sequence[str]) -> list[Notice]:
    return [state.notices[notice] for notice in notices]


def _arrived(state: State, message: str, changed: Iterable[Notice]) -> State:
    """``state`` with ``message`` off its way and the notices in it changed."""
    notices = {**state.notices, **{notice.id: notice for notice in changed}}
    left = {key: other for key, other in state.messages.items() if key != message}
    return state.model_copy(update={"notices": notices, "messages": left})


@decides(Delivered)
def delivered(ctx: Context, command: Delivered) -> Sequence[Fact]:
    """Delivered to a device or opened in an inbox: more than accepted, less than acknowledged."""
    new = tuple(
        dict.fromkeys(
            notice
            for notice in command.notices
            if notice in ctx.state.notices and ctx.state.notices[notice].delivered_at is None
        )
    )
    if not ctx.state.pursues or not new:
        return []
    return [Fact(NoticesDelivered(notices=new), outbox.clause_of(ctx.plan), ctx.now)]


@evolves(NoticesDelivered)
def _(state: State, event: Event, p: NoticesDelivered) -> State:
    def delivered(notice: Notice) -> Notice:
        update: dict[str, object] = {"delivered_at": event.occurred}
        if notice.accepted_at is None:
            update |= _accepted(event)
        return notice.model_copy(update=update)

    reached = {notice: delivered(state.notices[notice]) for notice in p.notices}
    return state.model_copy(update={"notices": {**state.notices, **reached}})


@evolves(NoticesSettled)
def _(state: State, event: Event, p: NoticesSettled) -> State:
    over = {
        notice: state.notices[notice].model_copy(update={"ended": "settled", "reason": reason})
        for notice, reason in p.notices.items()
    }
    return state.model_copy(update={"notices": {**state.notices, **over}})


@decides(StopNotice)
def stop_notice(ctx: Context, command: StopNotice) -> Sequence[Fact]:
    """Nothing but an answer or this ends the pursuit, so it names its author and the reason."""
    notice = ctx.state.notices.get(command.notice)
    if notice is None:
        raise missing(ctx.plan, "通知", "notice", command.notice)
    clause = ctx.require("stop_notice")
    if not notice.open or not ctx.state.pursues:
        raise Refusal(
            "not_pursued",
            clause,
            "该通知已签收、已停止或其事项已结束，无需停止催办。",
            f"{notice.id} is answered, stopped or over already: nothing is left to stop",
        )
    return [Fact(NoticeStopped(notice=notice.id, reason=command.reason), clause)]


@evolves(NoticeStopped)
def _(state: State, event: Event, p: NoticeStopped) -> State:
    notice = state.notices[p.notice].model_copy(update={"ended": "stopped", "reason": p.reason})
    return put(state, "notices", notice.id, notice)


@decides(AcknowledgeNotice)
def acknowledge_notice(ctx: Context, command: AcknowledgeNotice) -> Sequence[Fact]:
    """Each recipient's acknowledgement is its own."""
    notice = ctx.state.notices.get(command.notice)
    if notice is None:
        raise missing(ctx.plan, "通知", "notice", command.notice)
    ctx.require("acknowledge_notice", None, notice.recipient)
    if notice.acknowledged_at is not None:
        raise Refusal(
            "already_acknowledged", notice.clause, "该通知已签收。", f"{notice.id} is acknowledged"
        )
    if ctx.state.pursues and ctx.occurred < notice.queued_at - CLOCK_SKEW:
        raise Refusal(
            "before_it_was_sent",
            notice.clause,
            "签收时间早于通知发出时间，请核对日期和时间。",
            f"occurred_at: {notice.id} was not there yet: check date and zone",
        )
    if ctx.state.pursues and not command.comment and _on_behalf(ctx, notice):
        raise Refusal(
            "comment_missing",
            notice.clause,
            "代为签收须在说明(comment)中写明依据，如“短信回复收到”“电话由某某接听”。",
            "comment: you acknowledge for another body: say how it answered, as in "
            "'replied by SMS' or who took the call",
        )
    if command.refuse and not command.comment:
        raise Refusal(
            "comment_missing",
            notice.clause,
            "退回通知须说明理由(comment)。",
            "comment: say why the notice is refused",
        )
    acknowledged = NoticeAcknowledged(
        notice=notice.id, refused=command.refuse, comment=command.comment
    )
    return [Fact(acknowledged, notice.clause)]


def _on_behalf(ctx: Context, notice: Notice) -> bool:
    """Whether a seat answers for a body that is not its own."""
    body = ctx.plan.body_by_id[ctx.plan.seat_by_id[ctx.by.recorder].body]
    return notice.recipient not in (body.id, body.part_of)


@evolves(NoticeAcknowledged)
def _(state: State, event: Event, p: NoticeAcknowledged) -> State:
    notice = state.notices[p.notice]
    return put(state, "notices", notice.id, heard(state, event, notice, p.refused, p.comment))


def heard(
    state: State, event: Event, notice: Notice, refused: bool = False, comment: str | None = None
) -> Notice:
    """``notice`` as answered by its recipient."""
    update: dict[str, object] = {
        "acknowledged_at": event.occurred,
        "acknowledged_by": notice.recipient if event.by is None else event.by.decider,
        "refused": refused,
        "comment": comment,
    }
    if state.pursues:
        update |= {"acknowledged_recorded": event.recorded}
    if notice.accepted_at is None and not refused:
        # Whoever acknowledges has been told, whatever the channel said.
        update |= _accepted(event)
    return notice.model_copy(update=update)
