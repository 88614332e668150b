"""An incident as a durable workflow: a shell around the domain, with no rule of its own.

Commands come in as Updates (or Signals), the domain decides, and its events change the state.
What has to happen outside follows from the state alone: ``_effects`` lists the activities and
timers that ought to run now, and the main loop starts and stops whatever differs. So a resumed
run, a continued one and a replayed one all arrive at the same place by the same road, and no
handler needs to remember to start anything.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NoReturn

from temporalio import workflow
from temporalio.common import RawValue, VersioningBehavior

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.base import Refusal
    from domain.clocks import next_moments
    from domain.directory import ROLES
    from domain.incident.commands import Command
    from domain.incident.engine import decide, evolve, initial
    from domain.incident.entries import Message, Notice
    from domain.incident.envelope import AnyCommand, Envelope
    from domain.incident.observations import (
        ConcludeMerge,
        MessageOutcome,
        NoticeOutcome,
        Refused,
        Tick,
    )
    from domain.incident.record import Event
    from domain.incident.state import State
    from workflows import contracts as c

from workflows import calls, shown
from workflows.refusals import described, fail, shape

Lane = Literal["journal", "clock", "notice", "message", "merge"]
AT_ONCE: dict[Lane, int] = {"journal": 1, "notice": 5, "message": 10, "merge": 1}
"""So many at once: the journal keeps its order, notices share their channels; clocks are free."""

DRAIN = timedelta(seconds=10)
"""How long a run that is about to be continued waits for its activities."""
SENDING = timedelta(seconds=90)
"""The same while messages are on their way: what left twice cannot be called back."""


@dataclass(frozen=True)
class Effect:
    """Something outside that the state calls for now."""

    lane: Lane
    perform: Callable[[], Coroutine[Any, Any, None]]


# Incidents live for months, so they move to the current worker version with their next task;
# pinned ones would wait for ever once their last worker is gone. Replay tests are the guard.
@workflow.defn(name=c.INCIDENT_WORKFLOW, versioning_behavior=VersioningBehavior.AUTO_UPGRADE)
class Incident:
    """One incident, from its first report until nothing is left to do."""

    # Updates may be handled before run() gets its first turn: the state must be there.
    @workflow.init
    def __init__(self, start: c.IncidentStart) -> None:
        self._start = start
        self._plan = start.plan
        self._pending = list(start.pending)
        self._diverged = start.diverged
        self._behind = False
        self._running: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._spent: dict[str, int] = {}
        self._changed = True
        self._impatient = False
        self._unfit: Refusal | None = None
        if start.state is not None:
            self._state = start.state
            return
        self._state = initial(start.incident, start.plan, start.space, start.rules_version)
        try:
            if start.opening is None:
                raise self._bad_command("an incident starts with its opening or with a state")
            self._execute(start.opening)
        except Refusal as refusal:
            self._unfit = refusal

    @workflow.run
    async def run(self, _start: c.IncidentStart) -> c.Receipt:
        """Keep timers, notices, merge and journal as the state wants them, until it is done.

        Returns:
            The range and the head of the whole record.
        """
        if self._unfit is not None:
            fail(self._unfit)
        while True:
            self._reap()
            self._tick()
            if self._full() and self._drained() and workflow.all_handlers_finished():
                self._roll_over()
            self._reconcile()
            shown.show(self._plan, self._state, self._journal())
            self._changed = False
            if self._finished() and workflow.all_handlers_finished():
                return c.Receipt(
                    incident=self._state.incident,
                    request_id=None,
                    first=1,
                    last=self._state.seq,
                    head=self._state.head,
                )
            try:
                await workflow.wait_condition(self._woken)
            except asyncio.CancelledError:
                # The plan knows dismissal and closing; cancelling a workflow is neither.
                workflow.logger.warning("cancellation ignored: close or dismiss the incident")

    # --- commands: all of them end in _execute ---

    @workflow.update(dynamic=True)
    def change(self, name: str, args: Sequence[RawValue]) -> c.Receipt:
        """Carry out the command ``name``; every command is an Update under its own name."""
        try:
            return self._execute(self._read(name, args))
        except Refusal as refusal:
            fail(refusal)

    # A refusal here leaves nothing in history. The handler runs in the same moment with the
    # same state, so that it decides the same.
    @change.validator
    def may_change(self, name: str, args: Sequence[RawValue]) -> None:
        """Refuse what the plan or the state does not allow."""
        try:
            self._decide(self._read(name, args))
        except Refusal as refusal:
            fail(refusal)

    @workflow.signal(name=c.COMMAND_SIGNAL)
    def command(self, envelope: Envelope) -> None:
        """Carry out a command whose Update no worker took; its sender was promised a result."""
        try:
            self._admit(envelope.command)
            self._execute(envelope)
        except Refusal as refusal:
            self._keep(envelope, refusal)

    @workflow.signal(name=c.RETRY_JOURNAL_SIGNAL)
    def retry_journal(self) -> None:
        """An operator has repaired the journal: offer it the events again."""
        self._diverged = False
        self._spent.clear()
        self._changed = True

    @workflow.query(name=c.STATE_QUERY)
    def state(self) -> State:
        """The incident as it stands."""
        return self._state

    @workflow.query(name=c.UNANSWERED_QUERY)
    def unanswered(self, notices: list[str]) -> list[str]:
        """Those of ``notices`` that still have to be told."""
        return [notice for notice in notices if self._state.notices[notice].open]

    @workflow.query(name=c.OVERVIEW_QUERY)
    def overview(self) -> c.Overview:
        """What an operator asks first: where it stands, what is stuck, and on whom."""
        return shown.overview(
            self._plan, self._state, self._journal(), len(self._pending), self._running
        )

    def _read(self, name: str, args: Sequence[RawValue]) -> Envelope:
        if len(args) != 1:
            raise self._bad_command("an update takes one argument, the envelope")
        try:
            envelope: Envelope = workflow.payload_converter().from_payload(
                args[0].payload, Envelope
            )
        except ValidationError as error:
            raise self._bad_command(shape(error)) from None
        if envelope.command.name != name:
            raise self._bad_command(f"update {name!r} carries {envelope.command.name!r}")
        self._admit(envelope.command)
        return envelope

    def _admit(self, command: Command) -> None:
        """Refuse what only the incident may say; some of it comes from outside all the same.

        A merge is offered by another incident; of a delivery tells its provider.
        """
        if command.internal and command.name not in ("accept_merge", "delivered"):
            raise self._bad_command(f"{command.name!r} is given by the incident itself")

    def _bad_command(self, problem: str) -> Refusal:
        clause = self._plan.recording.clause
        zh, en = f"命令格式有误:{problem}", f"malformed command: {problem}"
        return Refusal("bad_command", clause, zh, en)

    def _decide(self, envelope: Envelope) -> tuple[Event, ...]:
        """What the domain makes of ``envelope``; nothing if it was handled before.

        Raises:
            Refusal: the plan or the state forbids it, or forbade it when it first came.
        """
        events = decide(self._plan, self._state, envelope, workflow.now())
        outcome = self._state.handled.get(envelope.request_id or "")
        if not events and outcome is not None and outcome.refusal is not None:
            raise Refusal(**outcome.refusal)
        return events

    def _execute(self, envelope: Envelope) -> c.Receipt:
        events = self._decide(envelope)
        for event in events:
            self._state = evolve(self._state, event)
        self._pending.extend(events)
        self._changed = self._changed or bool(events)
        state, outcome = self._state, self._state.handled.get(envelope.request_id or "")
        return c.Receipt(
            incident=state.incident,
            request_id=envelope.request_id,
            first=outcome.first if outcome else state.seq - len(events) + 1,
            last=outcome.last if outcome else state.seq,
            head=outcome.head if outcome else state.head,
        )

    def _observe(self, command: AnyCommand) -> None:
        """Carry out what the system itself has observed."""
        try:
            self._execute(Envelope(received=workflow.now(), command=command))
        except Refusal as refusal:
            # The state has moved on, and what was observed has lost its meaning.
            workflow.logger.warning("observation dropped", extra={"code": refusal.code})

    def _keep(self, envelope: Envelope, refusal: Refusal) -> None:
        """Put a signalled command's refusal on record, so that its sender can read it."""
        kept = Refused(
            command=envelope.command.name,
            refusal=described(refusal),
            request=envelope.digest(),
        )
        try:
            self._execute(envelope.model_copy(update={"command": kept}))
        except Refusal as reused:
            # Its request id belongs to another command, whose outcome stands.
            workflow.logger.warning("signal refused", extra={"code": reused.code})

    # --- what ought to run, and the loop that sees to it ---

    def _effects(self) -> dict[str, Effect]:
        """Every activity and timer that the state calls for, under a key that names it fully."""
        effects: dict[str, Effect] = {}
        if self._pending and not self._diverged:
            key = calls.journal_key(self._pending[: c.BATCH_EVENTS])
            effects[key] = Effect("journal", self._write_journal)
        for clock, moment in self._moments().items():
            key = shown.timer_key(clock, moment)
            effects[key] = Effect("clock", partial(self._wait, clock, moment))
        for notice in self._state.outbox if not self._state.pursues else ():
            effects[f"notice-{notice.id}"] = Effect("notice", partial(self._deliver, notice))
        for message in self._state.messages.values():
            effects[f"message-{message.id}"] = Effect("message", partial(self._send, message))
        if (into := self._state.merging_into) is not None:
            key = f"merge-{into}-{self._state.seq}"
            effects[key] = Effect("merge", partial(self._merge, into, key))
        return effects

    def _reconcile(self) -> None:
        if self._full():
            # A run that is about to end starts nothing more. What is under way gets a moment to
            # end, for whatever arrives while a run turns over makes the server try again.
            wanted = {"drain": Effect("clock", self._lose_patience)}
        else:
            wanted = self._effects()
            for key, (lane, task) in list(self._running.items()):
                # A timer nobody wants is noise; an activity is let finish, for it may have acted.
                if lane == "clock" and key not in wanted:
                    task.cancel()
                    del self._running[key]
        busy = Counter(lane for lane, _ in self._running.values())
        for key, effect in wanted.items():
            limit = AT_ONCE.get(effect.lane)
            if key in self._running or (limit is not None and busy[effect.lane] >= limit):
                continue
            # What ran its course and changed nothing waits until something else has changed.
            if self._spent.get(key) != self._state.seq:
                self._running[key] = (effect.lane, asyncio.create_task(effect.perform()))
                busy[effect.lane] += 1

    def _reap(self) -> None:
        for key, (_, task) in list(self._running.items()):
            if task.done():
                del self._running[key]
                self._spent[key] = self._state.seq
                # An effect catches what it expects; anything else is a bug, and shows as one.
                task.result()

    def _woken(self) -> bool:
        return self._changed or any(task.done() for _, task in self._running.values())

    def _finished(self) -> bool:
        return self._state.done and not self._pending and not self._running

    def _full(self) -> bool:
        limit = self._start.continue_after
        if limit is not None and workflow.info().get_current_history_length() >= limit:
            return True
        return workflow.info().is_continue_as_new_suggested()

    def _drained(self) -> bool:
        """Whether nothing is under way that is worth waiting for any longer."""
        return self._impatient or all(lane == "clock" for lane, _ in self._running.values())

    async def _lose_patience(self) -> None:
        sending = any(lane == "message" for lane, _ in self._running.values())
        await workflow.sleep(SENDING if sending else DRAIN, summary="换新历史记录")
        self._impatient = True

    def _roll_over(self) -> NoReturn:
        """Go on in a new run with an empty history.

        What is still under way, as the journal without PostgreSQL, is left behind: activities
        are idempotent by key, and the next run starts them again. Timers are absolute moments,
        so they lose nothing either.
        """
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "opening": None,
                    "state": self._state,
                    "pending": tuple(self._pending),
                    "diverged": self._diverged,
                }
            )
        )

    # --- the effects ---

    def _moments(self) -> dict[str, datetime]:
        return next_moments(self._plan, self._state, workflow.now())

    def _tick(self) -> None:
        """Turn the moments that have come into events, however many clocks are due at once."""
        if any(moment <= workflow.now() for moment in self._moments().values()):
            self._observe(Tick())

    async def _wait(self, clock: str, moment: datetime) -> None:
        # Again, should a server's clock run ahead of ours: a duty must not be called early.
        while (remaining := moment - workflow.now()) > timedelta():
            summary = shown.timer_summary(self._plan, self._state, clock)
            await workflow.sleep(remaining, summary=summary)

    async def _write_journal(self) -> None:
        """Hand one batch to PostgreSQL, however long that takes."""
        batch = self._pending[: c.BATCH_EVENTS]
        within: timedelta | None = c.JOURNAL_GRACE
        while True:
            try:
                await calls.write(self._plan, self._state, batch, within)
            except calls.Late:
                # Say that the record is behind, then wait without a limit.
                self._behind = self._changed = True
                within = None
            except calls.Diverged:
                self._diverged = True
                return
            else:
                break
        del self._pending[: len(batch)]
        self._behind = False

    async def _deliver(self, notice: Notice) -> None:
        """Hand one notice to the channels, by itself (rules version 1)."""
        message = Message(
            id=notice.id,
            recipient=notice.recipient,
            notices={notice.id: 0},
            contacts=ROLES[:2],
            at=notice.queued_at,
        )
        result = await calls.deliver(self._plan, self._state, message, f"notice-{notice.id}")
        self._observe(
            NoticeOutcome(notice=notice.id, accepted=result.accepted, failure=result.failure)
        )

    async def _send(self, message: Message) -> None:
        """Hand a message to the channels; what they say becomes an event."""
        result = await calls.deliver(self._plan, self._state, message, f"message-{message.id}")
        self._observe(
            MessageOutcome(
                message=message.id,
                channels=result.accepted,
                contacts=result.contacts,
                delivered=result.delivered,
                phone_only=result.phone_only,
                failure=result.failure,
                held_until=result.held_until,
                withdrawn=result.withdrawn,
            )
        )

    async def _merge(self, into: str, key: str) -> None:
        """Offer this incident to the one that shall take over, and record its answer."""
        seq = self._state.seq
        result = await calls.offer_merge(self._plan, self._state, into, key)
        self._observe(
            ConcludeMerge(
                into=into, offered_seq=seq, accepted=result.accepted, reason=result.reason
            )
        )

    def _journal(self) -> str:
        return "diverged" if self._diverged else "behind" if self._behind else "current"
