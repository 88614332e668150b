"""The time of exercises: each incident in a drill has a clock of its own, which can be advanced.

The one adapter of the server's time skipping, which is experimental: nothing else knows of it.
It looks for itself how far a clock has come, for the SDK's helper waits for twenty seconds once
the skips are used up, and what it has begun cannot be stopped.
"""

import asyncio
import contextlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import FastForwardConfig, TimeSkippingConfig, WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from domain.base import Text
from workflows.contracts import (
    APPEND_EVENTS,
    INCIDENT_WORKFLOW,
    OVERVIEW_QUERY,
    SPACE,
    IncidentStart,
    Overview,
)

Reason = Literal["incapable", "ended", "behind", "diverged", "pending", "silent", "budget"]

WHY: Final[dict[Reason, Text]] = {
    "incapable": Text(
        zh="此空间的流程引擎不允许拨动时间（正式事件的时间永远不能拨动），演练只能按实际时间进行。",
        en="this server does not let time be advanced (The Time-Skipping feature is not enabled "
        "for namespace): real incidents never allow it, and a drill here runs in real time",
    ),
    "ended": Text(
        zh="该事件已结束，时间不再拨动。",
        en="the incident has ended: there is no time of its to advance",
    ),
    "behind": Text(
        zh="事件记录尚未全部入库，时间暂不能拨动；请先恢复数据库，再重试。",
        en="the journal is behind, events are unwritten: bring the database back, then try again",
    ),
    "diverged": Text(
        zh="事件记录与数据库不一致，时间不能拨动；请先核查（yaoan verify）并修复，再重试。",
        en="the journal has diverged: run `yaoan verify` and repair it, then try again",
    ),
    "pending": Text(
        zh="通知等操作尚未完成，时间暂不能拨动；请稍后重试。",
        en="activities have been pending for long: see what holds them up, then try again",
    ),
    "silent": Text(
        zh="没有工作进程应答，时间暂不能拨动；请先启动演练的工作进程，再重试。",
        en="no worker answers: start the drill's worker, then try again",
    ),
    "budget": Text(
        zh="一次拨动的步数已用完，尚未到达目标时间；请加大步数或分次拨动。",
        en="the skips allowed are used up short of the target: allow more, or go in steps",
    ),
}

PATIENCE_SECONDS: Final = 5.0
"""How long whatever is under way may take to end, in our time, before time is not advanced."""
ANSWER_SECONDS: Final = 2.0
"""How long an incident may take to say where it stands."""
LOOK_SECONDS: Final = 0.03
"""The longest pause between two looks at a clock that is being advanced."""
BEGINNING_SKIPS: Final = 10
"""An incident that waits for its start has one timer."""


class CannotAdvance(Exception):
    """Time stays where it is, or got only as far as ``reached``, UTC.

    ``reason`` is meant for programs. All but ``incapable``, ``ended``, ``diverged`` and ``budget``
    pass by themselves: to try again does no harm.
    """

    def __init__(self, reason: Reason, reached: datetime | None = None) -> None:
        self.reason = reason
        self.reached = reached
        self.text = WHY[reason]
        super().__init__(self.text.en)


async def time_of(client: Client, incident: str) -> datetime:
    """The time in which ``incident`` lives, UTC: the server's own unless it was advanced.

    Raises:
        temporalio.service.RPCError: there is no such workflow, or the server does not answer.
    """
    return _time(await client.get_workflow_handle(incident).describe())


class Timekeeper:
    """The clocks of the incidents in the namespace of ``client``.

    ``patience`` is in seconds: how long what is under way may take before an advance is refused.
    """

    def __init__(self, client: Client, patience: float = PATIENCE_SECONDS) -> None:
        self._client = client
        self._patience = patience
        self._capable = False

    async def capable(self) -> bool:
        """Whether this server lets time be advanced here; if not, drills run in real time.

        Raises:
            temporalio.service.RPCError: the server does not answer.
        """
        if not self._capable:
            try:
                # It says so before it looks for the workflow, and there is none of this name.
                await self._configure(f"no-such-workflow-{uuid.uuid4()}", TimeSkippingConfig())
            except CannotAdvance:
                return False
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
            self._capable = True
        return True

    async def now(self, incident: str) -> datetime:
        """The time in which ``incident`` lives, UTC.

        Raises:
            temporalio.service.RPCError: there is no such workflow, or the server does not answer.
        """
        return await time_of(self._client, incident)

    async def start(
        self, start: IncidentStart, at: datetime, task_queue: str, **options: Any
    ) -> datetime:
        """Start an incident whose own time begins at ``at``, UTC, or now if that has passed.

        To repeat it does no harm. Where time cannot be advanced the incident begins when ``at``
        has come.

        Args:
            options: further arguments of ``Client.start_workflow``, as ``memo``.

        Returns:
            The incident's own time now.

        Raises:
            CannotAdvance: it has been started and does not get to ``at``.
        """
        delay = at - datetime.now(UTC)
        with contextlib.suppress(WorkflowAlreadyStartedError):
            await self._client.start_workflow(
                INCIDENT_WORKFLOW,
                start,
                id=start.incident,
                task_queue=task_queue,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=TypedSearchAttributes([SearchAttributePair(SPACE, start.space)]),
                start_delay=delay if delay > timedelta() else None,
                **options,
            )
        if (now := await self.now(start.incident)) < at and await self.capable():
            await self._skip(start.incident, now, at, BEGINNING_SKIPS)
        return await self.now(start.incident)

    async def advance(
        self,
        incident: str,
        to: datetime,
        budget: int,
        *,
        grace: timedelta = timedelta(),
        settled: bool = False,
    ) -> datetime:
        """Let the time of ``incident`` pass until ``to``, UTC; what has passed is not repeated.

        Returns when the record holds everything that happened on the way. Cancelled, it stops
        the clock where it is.

        Args:
            budget: at most so many skips from one timer to the next without a stop.
            grace: what falls due so soon after ``to`` counts as due then, and is waited for.
            settled: it is known that nothing is under way, so that this is not asked first.

        Returns:
            The incident's own time: ``to``, or later if it was there already.

        Raises:
            CannotAdvance: time does not pass, and why.
            temporalio.service.RPCError: there is no such workflow, or the server does not answer.
        """
        if not await self.capable() and await self.now(incident) < to:
            raise CannotAdvance("incapable")
        if settled and (now := _time(await self._running(incident))) < to:
            await self._skip(incident, now, to, budget)
        while True:
            now, seen = await self._settled(incident)
            if now < to:
                await self._skip(incident, now, to, budget)
            elif grace and seen.wakes is not None and seen.wakes <= to + grace:
                await self._skip(incident, now, seen.wakes, budget)
            else:
                return now

    async def settled(self, incident: str) -> datetime:
        """Return when nothing but timers is under way and the record holds everything.

        Returns:
            The incident's own time.

        Raises:
            CannotAdvance: that does not come about within patience, and why.
            temporalio.service.RPCError: there is no such workflow, or the server does not answer.
        """
        now, _ = await self._settled(incident)
        return now

    async def next_wake(self, incident: str) -> datetime | None:
        """When ``incident`` wakes up next by itself, in its own time; None if it has ended.

        Raises:
            CannotAdvance, RPCError: as for ``settled``.
        """
        seen = await self._overview(incident)
        return None if seen is None else seen.wakes

    async def next_due(self, incident: str) -> datetime | None:
        """When its next clock is due, in its own time; None if none is, or it has ended.

        Raises:
            CannotAdvance, RPCError: as for ``settled``.
        """
        seen = await self._overview(incident)
        return None if seen is None else seen.next_due

    async def _overview(self, incident: str) -> Overview | None:
        try:
            _, seen = await self._settled(incident)
        except CannotAdvance as error:
            if error.reason == "ended":
                return None
            raise
        return seen

    async def _skip(self, incident: str, now: datetime, to: datetime, budget: int) -> None:
        """Skip until ``to``, or until something is stuck: back-off would be skipped as well.

        Raises:
            CannotAdvance: ended, used up, or impossible here.
        """
        forward = FastForwardConfig(id=str(uuid.uuid4()))
        forward.duration.FromTimedelta(to - now)
        await self._configure(
            incident,
            TimeSkippingConfig(
                enabled=True, fast_forward_config=forward, max_session_skip_count=budget
            ),
        )
        try:
            await self._watch(incident, to)
        except BaseException:
            # Nobody watches any more, so it must not run on.
            await asyncio.shield(self._stop(incident))
            raise

    async def _watch(self, incident: str, to: datetime) -> None:
        """Look on until ``to``; a clock on which something is stuck is stopped.

        Raises:
            CannotAdvance: the incident has ended, or the skips are used up.
        """
        began: dict[str, float] = {}
        pause = LOOK_SECONDS / 8
        while True:
            seen = await self._running(incident)
            if (now := _time(seen)) >= to:
                return None
            info = seen.raw_description.workflow_extended_info.time_skipping_info
            if not info.effective_config.enabled:
                raise CannotAdvance("budget", now)
            if self._stuck(seen, began):
                return await self._stop(incident)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LOOK_SECONDS)

    async def _stop(self, incident: str) -> None:
        with contextlib.suppress(RPCError):
            await self._configure(incident, TimeSkippingConfig())

    def _stuck(self, seen: WorkflowExecutionDescription, began: dict[str, float]) -> bool:
        """Whether an activity has failed, or anything been pending for long, as ``began`` says."""
        now, raw = time.monotonic(), seen.raw_description
        pending = {activity.activity_id for activity in raw.pending_activities}
        if raw.HasField("pending_workflow_task"):
            pending.add(f"task {raw.pending_workflow_task.original_scheduled_time.ToJsonString()}")
        failed = any(activity.attempt > 1 for activity in raw.pending_activities)
        return failed or any(now - began.setdefault(one, now) > self._patience for one in pending)

    async def _settled(self, incident: str) -> tuple[datetime, Overview]:
        """The time and what is seen of ``incident``, once it is settled.

        Raises:
            CannotAdvance: that does not come about within patience, and why.
        """
        deadline = time.monotonic() + self._patience
        pause = LOOK_SECONDS / 8
        while True:
            # In this order: to ask an incident that has ended would replay all of its history.
            described = await self._running(incident)
            seen = await self._seen(incident)
            now = _time(described)
            reason = _unsettled(described, seen, now)
            if reason is None and seen is not None:
                return now, seen
            if reason == "diverged" or time.monotonic() > deadline:
                raise CannotAdvance(reason or "silent", now)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LOOK_SECONDS)

    async def _seen(self, incident: str) -> Overview | None:
        """What the incident says of itself; None if it does not."""
        handle = self._client.get_workflow_handle(incident)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                seen: Overview = await handle.query(OVERVIEW_QUERY, result_type=Overview)
        except (TimeoutError, RPCError, WorkflowQueryFailedError):
            return None
        return seen

    async def _running(self, incident: str) -> WorkflowExecutionDescription:
        seen = await self._client.get_workflow_handle(incident).describe()
        if seen.status not in (
            WorkflowExecutionStatus.RUNNING,
            WorkflowExecutionStatus.CONTINUED_AS_NEW,
        ):
            raise CannotAdvance("ended", _time(seen))
        return seen

    async def _configure(self, incident: str, config: TimeSkippingConfig) -> None:
        try:
            await self._client.workflow_service.update_workflow_execution_options(
                UpdateWorkflowExecutionOptionsRequest(
                    namespace=self._client.namespace,
                    workflow_execution=WorkflowExecution(workflow_id=incident),
                    workflow_execution_options=WorkflowExecutionOptions(
                        time_skipping_config=config
                    ),
                    update_mask=FieldMask(paths=["time_skipping_config"]),
                    identity=self._client.identity,
                ),
                retry=True,
            )
        except RPCError as error:
            if error.status == RPCStatusCode.UNIMPLEMENTED:
                raise CannotAdvance("incapable") from error
            raise


def _unsettled(
    described: WorkflowExecutionDescription, seen: Overview | None, now: datetime
) -> Reason | None:
    """What is under way; None when nothing is."""
    raw = described.raw_description
    if any(one.activity_type.name == APPEND_EVENTS for one in raw.pending_activities):
        return "behind"
    if raw.pending_activities:
        return "pending"
    if seen is None:
        return "silent"
    if seen.journal == "diverged":
        return "diverged"
    if seen.unwritten or seen.journal != "current":
        return "behind"
    if seen.wakes is not None and seen.wakes <= now:
        # What falls due at this very moment comes before whatever is done at it.
        return "pending"
    # Clocks alone are timers; anything else is about to become an activity.
    if raw.HasField("pending_workflow_task") or not all("@" in key for key in seen.running):
        return "pending"
    return None


def _time(seen: WorkflowExecutionDescription) -> datetime:
    info = seen.raw_description.workflow_extended_info
    # Nothing has ever been skipped: the clock is the server's.
    if not info.HasField("time_skipping_info"):
        return datetime.now(UTC)
    return info.time_skipping_info.current_time.ToDatetime(UTC)
