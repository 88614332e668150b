"""decide and evolve: the whole incident as two pure functions.

``decide`` answers a command with the events that follow from it, or refuses it. What follows is
more than the command's own facts: the clocks they start, move or meet, the due moments that have
passed meanwhile, and the notices these call for. ``evolve`` folds one event into the state.
Both are deterministic, so a replayed workflow and the read model reach the same state.
"""

from collections.abc import Iterable
from datetime import datetime

from domain import authority, clocks
from domain.base import Refusal

# A chapter registers its rules when it is imported.
from domain.incident import (  # noqa: F401
    aftermath,
    calls,
    clock_events,
    common,
    merging,
    notices,
    outbox,
    privacy,
    releases,
    reporting,
    reports,
    response,
    tasks,
    telling,
    warning,
)
from domain.incident.commands import Command, CorrectFacts, Intake
from domain.incident.entries import Outcome
from domain.incident.envelope import Envelope
from domain.incident.events import EVENTS, EarlyHandlingBegan, NoticesQueued
from domain.incident.observations import Tick
from domain.incident.record import Event, Request, digest
from domain.incident.rules import DECIDERS, EVOLVERS, PHASE_ZH, Context, Fact, holds
from domain.incident.state import HANDLED_KEPT, RULES_VERSION, TERMINAL, State
from domain.incident.upcast import upcast
from domain.plan import Plan, plan_digest

__all__ = ["ChainBroken", "apply", "decide", "evolve", "initial", "read"]

AFTER_THE_END = frozenset(
    {
        "reopen",
        "attach",
        "purge_persons",
        "complete_corrective_action",
        "sign_report",
        "acknowledge_notice",
        "stop_notice",
        "record_call",
        "submit_report",
        "give_report",
        "void_entry",
        "conclude_merge",
        "notice_outcome",
        "message_outcome",
        "delivered",
        "tick",
        "refused",
    }
)
"""What may still be done about an incident that has ended; each decider narrows it further."""

TAKES_UP = frozenset(
    {
        "verify",
        "assess",
        "submit_report",
        "give_report",
        "record_call",
        "release_pack",
        "complete_task",
        "record_order",
        "propose_activation",
        "establish",
    }
)
"""The county's own first acts: with them 先期处置 has visibly begun (4.2)."""

QUIET = frozenset(
    {
        "notices.queued",
        "notice.accepted",
        "notice.failed",
        "notice.acknowledged",
        "notice.stopped",
        "notices.delivered",
        "notices.settled",
        "message.composed",
        "message.sent",
        "message.failed",
        "message.withdrawn",
        "call.wanted",
        "call.made",
        "clock.reminded",
        "merge.requested",
        "command.refused",
    }
)
"""Event types that tell a merging partner nothing new."""


class ChainBroken(Exception):
    """An event does not follow the state it is applied to: wrong sequence or predecessor."""


def initial(incident: str, plan: Plan, space: str, rules_version: int = RULES_VERSION) -> State:
    """An incident before its first event, which will follow the rules of ``rules_version``."""
    return State(
        incident=incident,
        space=space,
        plan_id=plan.id,
        plan_digest=plan_digest(plan),
        rules_version=rules_version,
    )


def decide(plan: Plan, state: State, envelope: Envelope, now: datetime) -> tuple[Event, ...]:
    """The events that follow from a command; none if the same request was handled before.

    Args:
        now: the moment of recording, UTC (``workflow.now()``).

    Raises:
        Refusal: plan or state forbid the command; nothing has happened.
    """
    envelope = privacy.guard(plan, envelope)
    command = envelope.command
    if (known := _handled(plan, state, envelope)) is not None:
        return known
    ctx = Context(plan, state, envelope, now)
    if not command.internal:
        authority.require_recorder(plan, ctx.by.recorder, ctx.by.decider)
        if not isinstance(command, Intake):
            ctx.late_entry(ctx.occurred)
    _check_life(ctx, command)
    commit = _Commit(ctx)
    commit.add(DECIDERS[type(command)](ctx, command))
    if isinstance(command, Intake) or (
        isinstance(command, CorrectFacts) and _harm_became_known(state, commit.state)
    ):
        commit.add(_first_packs(commit))
    elif commit.state.phase == "reported" and command.name in TAKES_UP:
        commit.add([Fact(EarlyHandlingBegan(), _first_measures(plan))])
    if commit.events or isinstance(command, Tick):
        commit.add(clocks.changes(plan, commit.state, now))
        commit.add(clocks.passing(commit.state, now))
        commit.add(outbox.settled(plan, commit.state, now))
        commit.add(outbox.calls_wanted(plan, commit.state, now))
    queued = notices.called_for(plan, commit.state, commit.events, now)
    if queued:
        clause = plan.reminders.clause
        commit.add([Fact(NoticesQueued(notices=queued), clause, now)])
    if commit.events or isinstance(command, Tick):
        commit.add(outbox.compose(plan, commit.state, now))
    return tuple(commit.events)


def _first_packs(commit: "_Commit") -> Iterable[Fact]:
    state, at = commit.state, commit.ctx.envelope.received
    return tasks.starting_packs(commit.ctx.plan, state, state.seq + 1, at)


def _harm_became_known(before: State, after: State) -> bool:
    return not holds(before, "harm") and holds(after, "harm")


def _first_measures(plan: Plan) -> str:
    return next((p.clause for p in plan.packs if p.starts_at == "intake"), plan.recording.clause)


def _handled(plan: Plan, state: State, envelope: Envelope) -> tuple[Event, ...] | None:
    """No events for a request that was handled; a refusal if its id now carries something else."""
    if envelope.request_id is None or envelope.request_id not in state.handled:
        return None
    if state.handled[envelope.request_id].digest == envelope.digest():
        return ()
    raise Refusal(
        "request_reused",
        plan.recording.clause,
        "同一请求编号已用于另一内容,请换一个编号(Idempotency-Key)。",
        "this request id was used for something else: choose another Idempotency-Key",
    )


def _check_life(ctx: Context, command: Command) -> None:
    """Refuse what cannot be done before an incident begins or after it ended."""
    state = ctx.state
    if (state.seq == 0) != isinstance(command, Intake):
        raise Refusal(
            "not_open" if state.seq == 0 else "already_open",
            ctx.plan.recording.clause,
            "事件尚未立案。" if state.seq == 0 else "事件已立案。",
            "the incident starts with an intake, once",
        )
    if state.phase not in TERMINAL or command.name in AFTER_THE_END:
        return
    if state.phase == "merged":
        zh = f"事件已并入{state.merged_into},请在该事件中办理。"
        en = f"the incident was merged: do this on {state.merged_into}"
    else:
        zh = f"事件{PHASE_ZH[state.phase]},须先重新启动(reopen)。"
        en = f"the incident is {state.phase}: reopen it first"
    raise Refusal("ended", ctx.plan.recording.clause, zh, en)


class _Commit:
    """Facts become sealed, chained events, each folded in before the next is made."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.state = ctx.state
        self.events: list[Event] = []

    def add(self, facts: Iterable[Fact]) -> None:
        envelope = self.ctx.envelope
        request = (
            Request(id=envelope.request_id, digest=envelope.digest())
            if envelope.request_id
            else None
        )
        for fact in facts:
            event = Event(
                incident=self.state.incident,
                seq=self.state.seq + 1,
                type=fact.payload.type,
                v=fact.payload.v,
                occurred=fact.occurred or self.ctx.occurred,
                received=envelope.received,
                recorded=self.ctx.now,
                by=envelope.by,
                clause=fact.clause,
                request=request,
                # Without defaults: a field that a later version adds changes no recorded byte.
                data=fact.payload.model_dump(mode="json", exclude_defaults=True),
                prev=self.state.head,
            ).sealed()
            self.state = evolve(self.state, event)
            self.events.append(event)


def evolve(state: State, event: Event) -> State:
    """``state`` with ``event`` folded in.

    Raises:
        ChainBroken: the event does not follow directly on the state.
    """
    if event.seq != state.seq + 1 or event.prev != state.head:
        raise ChainBroken(
            f"{event.incident}: event {event.seq} does not follow on "
            f"{state.seq} ({state.head[:12]})"
        )
    kind, data = upcast(event)
    payload = EVENTS[kind].model_validate(data)
    state = EVOLVERS[type(payload)](state, event, payload)
    return state.model_copy(
        update={
            "seq": event.seq,
            "head": event.hash,
            "substance": state.substance if kind in QUIET else event.seq,
            "handled": _remember(state, event),
        }
    )


def _remember(state: State, event: Event) -> dict[str, Outcome]:
    if event.request is None:
        return state.handled
    known = state.handled.get(event.request.id)
    outcome = Outcome(
        digest=event.request.digest,
        first=known.first if known else event.seq,
        last=event.seq,
        head=event.hash,
        refusal=event.data.get("refusal") if event.type == "command.refused" else None,
    )
    if known is not None and outcome.refusal is None:
        outcome = outcome.model_copy(update={"refusal": known.refusal})
    handled = {**state.handled, event.request.id: outcome}
    while len(handled) > HANDLED_KEPT:
        del handled[next(iter(handled))]
    return handled


def apply(state: State, events: Iterable[Event]) -> State:
    """``state`` with all ``events`` folded in."""
    for event in events:
        state = evolve(state, event)
    return state


def read(data: bytes | str) -> Event:
    """The event that stored bytes hold, with its hash computed from those very bytes."""
    raw = data.encode() if isinstance(data, str) else data
    return Event.model_validate_json(raw).model_copy(update={"hash": digest(raw)})
