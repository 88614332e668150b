"""An incident as a durable workflow: a shell around the domain, with no rule of its own.

Commands come in as Updates (or Signals), the domain decides, and its events change the state.
What has to happen outside follows from the state alone: ``_effects`` lists the activities and
timers that ought to run now, and the main loop starts and stops whatever differs. So a resumed
run, a continued one and a replayed one all arrive at the same place by the same road, and no
handler needs to remember to start anything.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NoReturn

from temporalio import workflow
from temporalio.common import (
    RawValue,
    RetryPolicy,
    SearchAttributeKey,
    SearchAttributeUpdate,
    VersioningBehavior,
)
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.base import Refusal, beijing_text
    from domain.clocks import next_moments
    from domain.incident import view
    from domain.incident.commands import (
        AnyCommand,
        Command,
        ConcludeMerge,
        Envelope,
        NoticeOutcome,
        Refused,
        Tick,
    )
    from domain.incident.engine import decide, evolve, initial
    from domain.incident.merging import offer
    from domain.incident.notices import duty_name, render
    from domain.incident.record import Event
    from domain.incident.state import Notice, State
    from workflows import contracts as c

Lane = Literal["journal", "clock", "notice", "merge"]
LANES: dict[Lane, int] = {"journal": 1, "notice": 5, "merge": 1, "clock": 500}
"""How many effects of a kind run at once: the journal keeps its order, notices share a channel."""

JOURNAL_RETRIES = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), maximum_interval=timedelta(seconds=10)
)
NOTICE_RETRIES = RetryPolicy(maximum_interval=timedelta(minutes=1))
ATTEMPT = timedelta(seconds=30)
"""One attempt of an activity; the retry policies decide how many there are."""
SUMMARY_BYTES = 200
"""The server refuses longer summaries (limit.userMetadataSummarySize)."""


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
        if start.state is not None:
            self._state = start.state
        elif start.opening is not None:
            self._state = initial(start.incident, start.plan, start.space)
            try:
                self._execute(start.opening)
            except Refusal as refusal:
                _fail(refusal)
        else:
            raise ApplicationError(
                "an incident starts with its opening or with a state",
                type="bad_start",
                non_retryable=True,
            )

    @workflow.run
    async def run(self, _start: c.IncidentStart) -> c.Receipt:
        """Keep timers, notices, merge and journal as the state wants them, until it is done.

        Returns:
            The range and the head of the whole record.
        """
        while True:
            self._reap()
            self._tick()
            self._reconcile()
            self._show()
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
                await workflow.wait_condition(lambda: self._woken() or self._full())
            except asyncio.CancelledError:
                # The plan knows dismissal and closing; cancelling a workflow is neither.
                workflow.logger.warning("cancellation ignored: close or dismiss the incident")
            if self._full():
                await self._roll_over()

    # --- commands: all of them end in _execute ---

    @workflow.update(dynamic=True)
    def change(self, name: str, args: Sequence[RawValue]) -> c.Receipt:
        """Carry out the command ``name``; every command is an Update under its own name."""
        try:
            return self._execute(self._read(name, args))
        except Refusal as refusal:
            _fail(refusal)

    # A refusal here leaves nothing in history. The handler runs in the same moment with the
    # same state, so that it decides the same.
    @change.validator
    def may_change(self, name: str, args: Sequence[RawValue]) -> None:
        """Refuse what the plan or the state does not allow."""
        try:
            self._decide(self._read(name, args))
        except Refusal as refusal:
            _fail(refusal)

    @workflow.signal(name=c.COMMAND_SIGNAL)
    def command(self, envelope: Envelope) -> None:
        """Carry out a command whose Update no worker took; its sender was promised a result."""
        try:
            _admit(envelope.command)
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

    @workflow.query(name=c.OVERVIEW_QUERY)
    def overview(self) -> c.Overview:
        """What an operator asks first: where it stands, what is stuck, and on whom."""
        state, now = self._state, workflow.now()
        due = view.next_due(state, now)
        return c.Overview(
            incident=state.incident,
            phase=state.phase,
            level=state.level,
            seq=state.seq,
            head=state.head,
            overdue=len(view.overdue(state, now)),
            next_due=due.due if due else None,
            waiting_for=view.waiting_for(self._plan, state),
            journal=self._journal(),
            unwritten=len(self._pending),
            running=tuple(self._running),
        )

    def _read(self, name: str, args: Sequence[RawValue]) -> Envelope:
        if len(args) != 1:
            raise _bad_command("an update takes one argument, the envelope")
        try:
            envelope: Envelope = workflow.payload_converter().from_payload(
                args[0].payload, Envelope
            )
        except ValidationError as error:
            # Without the input: what was typed must not reach logs by way of an error.
            found = error.errors(include_input=False, include_url=False, include_context=False)
            raise _bad_command(
                "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
            ) from None
        if envelope.command.name != name:
            raise _bad_command(f"update {name!r} carries the command {envelope.command.name!r}")
        _admit(envelope.command)
        return envelope

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
            refusal=_described(refusal),
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
            last = self._pending[: c.BATCH_EVENTS][-1]
            # The key becomes the activity's id: a replay that yields other events differs here.
            key = f"journal-{last.seq}-{last.hash[:12]}"
            effects[key] = Effect("journal", partial(self._write_journal, key))
        for clock, moment in self._moments().items():
            effects[f"{clock}@{moment.isoformat()}"] = Effect(
                "clock", partial(self._wait, clock, moment)
            )
        for notice in self._state.outbox:
            effects[f"notice-{notice.id}"] = Effect("notice", partial(self._deliver, notice))
        if self._state.merging_into is not None:
            key = f"merge-{self._state.merging_into}-{self._state.seq}"
            effects[key] = Effect("merge", partial(self._merge, key))
        return effects

    def _reconcile(self) -> None:
        wanted = self._effects()
        for key, (lane, task) in list(self._running.items()):
            # A timer nobody wants is noise; an activity is let finish, for it may have acted.
            if lane == "clock" and key not in wanted:
                task.cancel()
                del self._running[key]
        for key, effect in wanted.items():
            busy = sum(lane == effect.lane for lane, _ in self._running.values())
            if key in self._running or busy >= LANES[effect.lane]:
                continue
            # What ran its course and changed nothing waits until something else has changed.
            if self._spent.get(key) != self._state.seq:
                self._running[key] = (effect.lane, asyncio.create_task(effect.perform()))

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

    async def _roll_over(self) -> NoReturn:
        """Go on in a new run with an empty history.

        Activities under way are left behind: they are idempotent by key, and the next run
        starts them again. Timers are absolute moments, so they lose nothing either.
        """
        await workflow.wait_condition(workflow.all_handlers_finished)
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
            await workflow.sleep(remaining, summary=self._summary(clock))

    async def _write_journal(self, key: str) -> None:
        """Hand one batch to PostgreSQL, however long that takes."""
        batch = tuple(self._pending[: c.BATCH_EVENTS])
        first = batch[0].seq == 1
        order = c.AppendEvents(
            space=self._state.space,
            incident=self._state.incident,
            plan=self._plan if first else None,
            events=batch,
        )
        grace: timedelta | None = c.JOURNAL_GRACE
        while True:
            try:
                await workflow.execute_activity(
                    c.APPEND_EVENTS,
                    order,
                    result_type=c.Appended,
                    activity_id=key,
                    start_to_close_timeout=ATTEMPT,
                    schedule_to_close_timeout=grace,
                    retry_policy=JOURNAL_RETRIES,
                    summary=f"事件入库 {batch[0].seq}-{batch[-1].seq}",
                )
            except ActivityError as error:
                self._changed = True
                if error.retry_state == RetryState.NON_RETRYABLE_FAILURE:
                    self._diverged = True
                    return
                # Time is up: say that the record is behind, then wait without a limit.
                self._behind, grace = True, None
            else:
                break
        del self._pending[: len(batch)]
        self._behind = False

    async def _deliver(self, notice: Notice) -> None:
        """Hand a notice to the channels; what they say becomes an event."""
        title, text = render(self._plan, self._state, notice)
        order = c.NoticeOrder(
            space=self._state.space,
            incident=self._state.incident,
            notice=notice.id,
            key=f"{self._state.incident}:{notice.id}",
            recipient=notice.recipient,
            statutory=notice.statutory,
            title=title,
            text=text,
            queued_at=notice.queued_at,
        )
        try:
            result = await workflow.execute_activity(
                c.DELIVER_NOTICE,
                order,
                result_type=c.NoticeResult,
                activity_id=f"notice-{notice.id}",
                start_to_close_timeout=ATTEMPT,
                schedule_to_close_timeout=c.NOTICE_TIMEOUT,
                retry_policy=NOTICE_RETRIES,
                summary=_cut(f"通知 {self._plan.body_by_id[notice.recipient].name.zh}:{title.zh}"),
            )
        except ActivityError as error:
            result = c.NoticeResult(failure=str(error.cause or error))
        self._observe(
            NoticeOutcome(notice=notice.id, accepted=result.accepted, failure=result.failure)
        )

    async def _merge(self, key: str) -> None:
        """Offer this incident to the one that shall take over, and record its answer."""
        into, seq = self._state.merging_into, self._state.seq
        assert into is not None  # noqa: S101 - the effect exists only while merging
        order = c.MergeOrder(
            space=self._state.space,
            into=into,
            request_id=f"merge:{self._state.incident}:{seq}",
            received=workflow.now(),
            offer=offer(self._plan, self._state),
        )
        try:
            result = await workflow.execute_activity(
                c.OFFER_MERGE,
                order,
                result_type=c.MergeResult,
                activity_id=key,
                start_to_close_timeout=ATTEMPT,
                retry_policy=NOTICE_RETRIES,
                summary=f"并入 {into}",
            )
        except ActivityError as error:
            result = c.MergeResult(accepted=False, reason=str(error.cause or error))
        self._observe(
            ConcludeMerge(
                into=into, offered_seq=seq, accepted=result.accepted, reason=result.reason
            )
        )

    # --- what people see in the Temporal UI and in lists ---

    def _journal(self) -> str:
        return "diverged" if self._diverged else "behind" if self._behind else "current"

    def _summary(self, clock: str) -> str:
        found = self._state.clocks.get(clock)
        if found is None:
            return "北京时间零点:新的一日"
        name, _ = duty_name(self._plan, self._state, found)
        return _cut(f"{found.clause} {name} 截止 {beijing_text(found.due)}")

    def _show(self) -> None:
        """Say where the incident stands; once per workflow task, whatever came with it."""
        state, now = self._state, workflow.now()
        details = view.details(self._plan, state, now, self._journal())
        if self._diverged:
            details = f"{c.DIVERGED_TEXT}\n\n{details}"
        workflow.set_current_details(details)
        due = view.next_due(state, now)
        wanted: tuple[tuple[SearchAttributeKey[Any], Any], ...] = (
            (c.LEVEL, state.level),
            (c.PHASE, state.phase),
            (c.SPACE, state.space),
            (c.OVERDUE, len(view.overdue(state, now))),
            (c.NEXT_DUE, due.due if due else None),
            (c.WAITING_FOR, list(view.waiting_for(self._plan, state)) or None),
            (c.JOURNAL, self._journal()),
        )
        known = workflow.info().typed_search_attributes
        changed: list[SearchAttributeUpdate[Any]] = [
            key.value_unset() if value is None else key.value_set(value)
            for key, value in wanted
            if known.get(key) != value
        ]
        if changed:
            workflow.upsert_search_attributes(changed)


def _admit(command: Command) -> None:
    """Refuse what only the incident itself may say; a merge is offered by another incident."""
    if command.internal and command.name != "accept_merge":
        raise _bad_command(f"{command.name!r} is given by the incident itself")


def _bad_command(problem: str) -> Refusal:
    return Refusal("bad_command", "", f"命令格式有误:{problem}", f"malformed command: {problem}")


def _described(refusal: Refusal) -> dict[str, str]:
    """A refusal as it is kept in the record, and as Refusal takes it back."""
    return {
        "code": refusal.code,
        "clause": refusal.clause,
        "zh": refusal.message.zh,
        "en": refusal.message.en,
    }


def _fail(refusal: Refusal) -> NoReturn:
    """Hand a refusal to the caller. Any other exception would retry the task for ever."""
    raise ApplicationError(
        refusal.message.en,
        refusal.clause,
        refusal.message.zh,
        refusal.message.en,
        type=refusal.code,
        non_retryable=True,
    ) from None


def _cut(text: str) -> str:
    """``text`` cut to what a summary may hold."""
    return text.encode()[:SUMMARY_BYTES].decode(errors="ignore")
