"""The way of a command: Update, else Signal, else taken up again, else an honest 503.

An Update that no worker takes is not durable, so after a short deadline the same command goes
as a Signal under the same request id: the incident deduplicates, and keeps the outcome for
whoever asks later.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError

from api.problems import Problem, not_found, refused, unavailable
from api.temporal import Late, NotRunning, Temporal, TemporalDown
from domain.base import Text
from domain.incident.envelope import Envelope
from domain.incident.state import State
from domain.plan import Plan
from settings import INCIDENTS
from workflows.contracts import (
    COMMAND_SIGNAL,
    INCIDENT_WORKFLOW,
    STATE_QUERY,
    IncidentStart,
    Receipt,
    update_id,
)

log = logging.getLogger(__name__)

UPDATE_SECONDS: Final = 2.5
"""How long an Update may take to be admitted and completed."""
IDLE_UPDATE_SECONDS: Final = 0.7
"""The same, while no worker has been seen: nobody should wait for nothing again and again."""
IDLE_MEMORY_SECONDS: Final = 15.0
SIGNAL_SECONDS: Final = 2.0
QUERY_SECONDS: Final = 1.5

Ended = Callable[[str], Awaitable[tuple[State, Plan]]]
"""The chain-checked state of an incident whose workflow has ended, with its plan.

Raises api.problems.Problem: there is no such incident, or the record cannot be read.
"""


@dataclass(frozen=True)
class Done:
    """The command was carried out."""

    receipt: Receipt


@dataclass(frozen=True)
class Pending:
    """The command is durable, and nobody has carried it out yet."""

    incident: str


def telephone(plan: Plan) -> Text:
    """Whom to telephone when the system cannot take a report."""
    duty, regulator = plan.body_by_id[plan.duty].name, plan.body_by_id[plan.regulator].name
    same = duty == regulator
    return Text(
        zh=f"请立即电话报告{duty.zh}"
        + ("" if same else f"（{regulator.zh}）")
        + "，并在纸上记录。",
        en=f"telephone the {duty.en} at once, and write it down on paper",
    )


class Gateway:
    """Sends commands to incidents of one space."""

    def __init__(
        self, temporal: Temporal, plan: Plan, space: str, task_queue: str, ended: Ended
    ) -> None:
        self._temporal = temporal
        self._plan = plan
        self._space = space
        self._task_queue = task_queue
        self._ended = ended
        self._idle_until = 0.0

    async def send(self, incident: str, envelope: Envelope) -> Done | Pending:
        """Give ``envelope`` to ``incident``.

        Raises:
            Problem: the domain refused it (403, 409, 422 with the clause), there is no such
                incident (404), or nothing can take it now (503).
        """
        try:
            return await self._update(incident, envelope, None)
        except NotRunning:
            start = await self._taken_up(incident)
        except Late:
            return await self._signal(incident, envelope, None)
        except TemporalDown as down:
            raise self._down(down) from down
        try:
            return await self._update(incident, envelope, start)
        except Late:
            return await self._signal(incident, envelope, start)
        except TemporalDown as down:
            raise self._down(down) from down

    async def state(self, incident: str) -> State | None:
        """The state as the incident itself tells it; None when no worker answers in time.

        Raises:
            NotRunning: the workflow does not exist.
            TemporalDown: the server does not answer.
        """

        def query(client: Client) -> Awaitable[State]:
            handle = client.get_workflow_handle(incident)
            return handle.query(STATE_QUERY, result_type=State)

        try:
            return await self._temporal.ask(query, QUERY_SECONDS)
        except Late:
            return None

    async def _taken_up(self, incident: str) -> IncidentStart:
        """The start of a new run for an incident that had ended.

        Raises:
            Problem: 409 in an exercise: its incidents end with it, and their time with them.
        """
        if self._space != INCIDENTS:
            raise Problem(
                409,
                "exercise_over",
                "该演练事件已结束，不能再办理；如需再练，请导调回到保存点或另开演练。",
                "this incident of an exercise has ended and takes no more commands: ask the "
                "director to return to a saved point, or to open another drill",
            )
        state, plan = await self._ended(incident)
        return IncidentStart(incident=incident, space=self._space, plan=plan, state=state)

    def _operation(self, start: IncidentStart) -> WithStartWorkflowOperation[Any, Any]:
        return WithStartWorkflowOperation(
            INCIDENT_WORKFLOW,
            start,
            id=start.incident,
            task_queue=self._task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            static_summary=f"{start.incident} 再次办理",
        )

    async def _update(self, incident: str, envelope: Envelope, start: IncidentStart | None) -> Done:
        name = envelope.command.name

        async def update(client: Client) -> Receipt:
            if start is None:
                handle = client.get_workflow_handle(incident)
                answer: Receipt = await handle.execute_update(
                    name, envelope, id=update_id(envelope), result_type=Receipt
                )
                return answer
            receipt: Receipt = await client.execute_update_with_start_workflow(
                name,
                envelope,
                start_workflow_operation=self._operation(start),
                id=update_id(envelope),
                result_type=Receipt,
            )
            return receipt

        idle = time.monotonic() < self._idle_until
        try:
            receipt = await self._temporal.ask(
                update, IDLE_UPDATE_SECONDS if idle else UPDATE_SECONDS
            )
        except WorkflowUpdateFailedError as error:
            self._idle_until = 0.0
            refuse(error)
        self._idle_until = 0.0
        return Done(receipt)

    async def _signal(
        self, incident: str, envelope: Envelope, start: IncidentStart | None
    ) -> Pending:
        async def signal(client: Client) -> None:
            if start is None:
                handle = client.get_workflow_handle(incident)
                await handle.signal(COMMAND_SIGNAL, envelope)
                return
            await client.start_workflow(
                INCIDENT_WORKFLOW,
                start,
                id=incident,
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                start_signal=COMMAND_SIGNAL,
                start_signal_args=[envelope],
            )

        try:
            await self._temporal.ask(signal, SIGNAL_SECONDS)
        except NotRunning as ended:
            raise not_found("该事件", "such incident", "no_incident") from ended
        except Late as late:
            raise self._down(self._temporal.down()) from late
        except TemporalDown as down:
            raise self._down(down) from down
        self._idle_until = time.monotonic() + IDLE_MEMORY_SECONDS
        return Pending(incident)

    def _down(self, down: TemporalDown) -> Problem:
        text = telephone(self._plan)
        return unavailable(
            "commands_unavailable",
            f"流程引擎暂时无法访问，本次办理未被接收，请稍后重试。紧急事项{text.zh}",
            "the workflow server cannot be reached: this was not taken; try again. "
            f"If urgent, {text.en}",
            down.retry_after,
        )


def refuse(error: WorkflowUpdateFailedError) -> NoReturn:
    """Say what became of an Update that a workflow did not carry out.

    Raises:
        NotRunning: the workflow ended with it under way.
        Problem: the refusal, with its clause; 500 for anything else.
    """
    cause = error.cause
    if isinstance(cause, ApplicationError):
        if cause.type == "AcceptedUpdateCompletedWorkflow":
            raise NotRunning from error
        if cause.type is not None and len(cause.details) == 3:
            clause, zh, en = cause.details
            raise refused(cause.type, clause, zh, en) from error
    log.error("an update failed unexpectedly", exc_info=error)
    raise Problem(
        500,
        "internal",
        "系统内部错误，本次办理未被接收，请告知管理员请求编号。",
        "an unexpected error: this was not taken; give the administrator the request id",
    ) from error
