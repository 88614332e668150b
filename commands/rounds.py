"""One look at everything: the parts, the record, and what the record and Temporal say of it.

Temporal's being well is a question here, never a condition: what can be asked without it is asked
without it. Each question has its own time limit, and its failing stops no other.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from commands.live import PATIENCE_SECONDS, RUNNING, compare
from settings import temporal_config
from store import board, watchdog
from store.pool import Pool, ping
from store.watchdog import GRACE, MOST, Finding, Kind
from workflows.contracts import JOURNAL

PART_SECONDS: Final = 5.0
CHECK_SECONDS: Final = 25.0
POLLED_SECONDS: Final = 120.0
"""A worker asks for work at least once a minute; one not seen for longer is gone."""
COMPARED: Final = 20
"""So many incidents' workflows are asked in each round, in turn: each may have to be replayed."""

Look = Callable[[datetime], Awaitable[list[Finding]]]

log: structlog.stdlib.BoundLogger = structlog.get_logger("watchdog")


@dataclass(frozen=True)
class Check:
    """A question: what it may find, and the parts without which it cannot be asked."""

    name: str
    kinds: tuple[Kind, ...]
    needs: tuple[Kind, ...]
    look: Look


@dataclass(frozen=True)
class Round:
    """What one look found. Of the kinds in ``unseen`` nobody can tell whether there are more."""

    at: datetime
    findings: tuple[Finding, ...]
    unseen: frozenset[Kind]

    @property
    def well(self) -> bool:
        """Nothing is wrong; what could not be looked at is itself a finding."""
        return not self.findings


async def connect() -> Client:
    """A client as Temporal's environment says; it needs no server until the first call."""
    return await Client.connect(
        **temporal_config(), data_converter=pydantic_data_converter, lazy=True
    )


class Rounds:
    """Looks at one space, again and again; remembers which workflows it has asked."""

    def __init__(self, pool: Pool, client: Client, task_queue: str) -> None:
        """Ask ``pool`` about the record, ``client`` about workflows and ``task_queue``."""
        self._pool = pool
        self._client = client
        self._queue = task_queue
        self.turns: dict[str, int] = {}
        """The round in which each open incident's workflow was last asked; 0 for never."""
        self._rounds = 0
        self.check_seconds = CHECK_SECONDS
        self.patience = PATIENCE_SECONDS

    async def look(self, now: datetime) -> Round:
        """Ask everything once. ``now`` is the space's time, UTC."""
        self._rounds += 1
        down = frozenset(await self._parts())
        possible = [check for check in self._checks() if down.isdisjoint(check.needs)]
        found: dict[tuple[str, str, str], Finding] = {
            one.key: one for one in (Finding(part, since=now) for part in down)
        }
        unseen = {
            kind
            for check in self._checks()
            if not down.isdisjoint(check.needs)
            for kind in check.kinds
        }
        answers = await asyncio.gather(*(self._answer(check, now) for check in possible))
        for check, answer in zip(possible, answers, strict=True):
            if answer is None:
                unseen.update(check.kinds)
                answer = [Finding("unchecked", ref=check.name, since=now)]
            for one in answer:
                found.setdefault(one.key, one)
        return Round(now, tuple(found.values()), frozenset(unseen))

    async def _parts(self) -> list[Kind]:
        """The parts that do not answer; no worker can be seen without Temporal."""
        postgres, temporal = await asyncio.gather(
            self._answers("postgresql", ping(self._pool)),
            self._answers("temporal", self._health()),
        )
        worker = temporal and await self._answers("worker", self._worker())
        named: tuple[tuple[Kind, bool], ...] = (
            ("postgresql", postgres),
            ("temporal", temporal),
            ("worker", worker or not temporal),
        )
        return [part for part, well in named if not well]

    async def _answers(self, part: Kind, asking: Awaitable[None]) -> bool:
        try:
            async with asyncio.timeout(PART_SECONDS):
                await asking
        except Exception as error:
            log.warning("a part does not answer", part=part, error=type(error).__name__)
            return False
        return True

    async def _health(self) -> None:
        if not await self._client.service_client.check_health():
            raise ConnectionError("not serving")

    async def _worker(self) -> None:
        found = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=self._queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            ),
            timeout=timedelta(seconds=PART_SECONDS),
        )
        # Both are wall clocks: it is the machine that polls, not the space.
        oldest = time.time() - POLLED_SECONDS
        if all(one.last_access_time.ToDatetime(UTC).timestamp() < oldest for one in found.pollers):
            raise ConnectionError("no worker asks for work")

    async def _answer(self, check: Check, now: datetime) -> list[Finding] | None:
        """What ``check`` finds, None when it cannot tell."""
        try:
            async with asyncio.timeout(self.check_seconds):
                return await check.look(now)
        except Exception as error:
            log.warning("not checked", check=check.name, error=type(error).__name__)
            return None

    def _checks(self) -> tuple[Check, ...]:
        pool = self._pool
        record: tuple[Kind, ...] = ("postgresql",)
        both: tuple[Kind, ...] = ("postgresql", "temporal")
        return (
            Check("clocks", ("clock_missed",), record, partial(watchdog.clocks_missed, pool)),
            Check(
                "notices",
                ("notice_stuck", "notice_overdue"),
                record,
                partial(watchdog.notices_stuck, pool),
            ),
            Check(
                "intake",
                ("intake_waiting", "intake_failed"),
                record,
                partial(watchdog.intakes_stuck, pool),
            ),
            Check("alarms", ("alarm",), record, partial(watchdog.alarms, pool)),
            Check("journals", ("journal_behind",), ("temporal",), self._journals),
            Check("board", ("not_on_board", "no_workflow"), both, self._board),
            Check("record", ("journal_behind",), (*both, "worker"), self._record),
        )

    async def _journals(self, now: datetime) -> list[Finding]:
        """The incidents that say themselves that PostgreSQL does not have their record."""
        query = f"{RUNNING} AND {JOURNAL.name} != 'current'"
        return [
            Finding("journal_behind", one.id, since=now)
            async for one in self._client.list_workflows(query, limit=MOST)
        ]

    async def _board(self, now: datetime) -> list[Finding]:
        """What runs without being shown, and what is shown as open and does not run."""
        shown = dict(await board.numbers(self._pool))
        running = {
            one.id: one.start_time
            async for one in self._client.list_workflows(RUNNING, page_size=1000)
        }
        unknown = [
            one for one, begun in running.items() if one not in shown and begun <= now - GRACE
        ]
        idle = [one for one, ended in shown.items() if not ended and one not in running]
        if not unknown and not idle:
            return []
        # Both went on while they were read one after the other.
        shown = dict(await board.numbers(self._pool))
        found = [
            Finding("not_on_board", one, since=running[one])
            for one in unknown[:MOST]
            if one not in shown
        ]
        return found + [
            Finding("no_workflow", one, since=now)
            for one in idle[:MOST]
            if not shown.get(one, True) and not await self._runs(one)
        ]

    async def _runs(self, incident: str) -> bool:
        try:
            found = await self._client.get_workflow_handle(incident).describe()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return found.status is WorkflowExecutionStatus.RUNNING

    async def _record(self, now: datetime) -> list[Finding]:
        """The incidents, some in each round, whose workflow knows more than the record."""
        open_ones = [one for one, ended in await board.numbers(self._pool) if not ended]
        self.turns = {one: self.turns.get(one, 0) for one in open_ones}
        turn = sorted(open_ones, key=lambda one: self.turns[one])[:COMPARED]
        # One that has no workflow any more is the board's question.
        _, findings = await compare(
            self._pool, self._client, [(one, True) for one in turn], self.patience
        )
        self.turns.update(dict.fromkeys(turn, self._rounds))
        return [Finding("journal_behind", one.incident, since=now) for one in findings]
