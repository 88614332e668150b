"""Incidents on a real server, told as a story: send, fast-forward, look at the record.

Each incident has its own clock, which stands still in relation to ours until it is told to skip.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import temporalio.testing
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.channel import ChannelError, Outgoing
from domain.directory import Contact, Directory
from domain.grading import CheckedFindings, Findings
from domain.incident.commands import AcknowledgeNotice, Intake
from domain.incident.entries import Caller, Facts
from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.record import Attribution, Event
from domain.incident.state import RULES_VERSION, State
from domain.plan import Plan
from embedded.temporal import set_current_version
from settings import Settings, build_id
from store import journal
from store.plans import load_plan
from store.pool import Pool
from worker import make_workers, queues_of
from workflows.contracts import (
    COMMAND_SIGNAL,
    DEPLOYMENT,
    INCIDENT_WORKFLOW,
    OVERVIEW_QUERY,
    STATE_QUERY,
    IncidentStart,
    Overview,
    Receipt,
    update_id,
)

PLAN = load_plan(Path(__file__).parents[2] / "plans" / "gaoqing-2023.yaml")
MANY = 1_000_000
"""More skips than any incident needs; the server's own limit is 200 a session."""

T = TypeVar("T")

_numbers = itertools.count(1)


class Refused(Exception):
    """The incident refused a command; ``code``, ``clause`` and texts as the caller gets them."""

    def __init__(self, error: BaseException) -> None:
        assert isinstance(error, ApplicationError)
        assert error.non_retryable
        super().__init__(error.message)
        self.code = error.type
        self.clause, self.zh, self.en = error.details


class IncidentDriver:
    """One incident: give commands, let time pass, read what is on record."""

    def __init__(
        self,
        client: Client,
        pool: Pool,
        number: str,
        *,
        plan: Plan = PLAN,
        queue: str = "incidents",
    ) -> None:
        self.client = client
        self.pool = pool
        self.number = number
        self.plan = plan
        self.queue = queue
        config = temporalio.testing.TimeSkippingConfig(enabled=False, max_session_skip_count=MANY)
        self._skipper = temporalio.testing.TimeSkipper(client, config=config)
        self._requests = itertools.count(1)

    @property
    def handle(self) -> WorkflowHandle[Any, Receipt]:
        """The workflow, whichever run it is in."""
        return self.client.get_workflow_handle(self.number, result_type=Receipt)

    # --- time ---

    async def now(self) -> datetime:
        """The incident's own time, UTC."""
        return await self._skipper.get_current_time(self.handle)

    async def fast_forward(self, to: datetime | timedelta) -> None:
        """Let the incident's time pass, up to a moment or by a span; never back."""
        await self.settled()
        await self.skip(to)
        await self.settled()

    async def skip(self, to: datetime | timedelta) -> None:
        """As fast_forward, but whatever is under way: for when something is stuck on purpose."""
        target = to if isinstance(to, datetime) else await self.now() + to
        while (remaining := target - await self.now()) > timedelta():
            await self._skipper.fast_forward(self.handle, remaining)

    async def settled(self, seconds: float = 30.0) -> None:
        """Return when nothing but timers is under way and the record holds everything.

        Raises:
            TimeoutError: that did not happen within so many seconds of our time.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            raw = (await self.handle.describe()).raw_description
            if not raw.pending_activities and not raw.HasField("pending_workflow_task"):
                overview = await self.overview()
                idle = all("@" in key for key in overview.running)
                if overview.journal == "diverged" or (idle and not overview.unwritten):
                    return
            if asyncio.get_running_loop().time() > deadline:
                pending = "; ".join(
                    f"{a.activity_id}: {a.last_failure.message or a.state}"
                    for a in raw.pending_activities
                )
                raise TimeoutError(f"{self.number} does not settle: {pending or raw}")
            await asyncio.sleep(0.02)

    # --- commands ---

    async def start(self, opening: Envelope, **options: Any) -> None:
        """Start the incident with its intake."""
        await self._skipper.client.start_workflow(
            INCIDENT_WORKFLOW,
            IncidentStart(
                incident=self.number,
                space=self.client.namespace,
                plan=self.plan,
                opening=opening,
                **{"rules_version": RULES_VERSION, **options},
            ),
            id=self.number,
            task_queue=self.queue,
        )

    async def resume(self, state: State, **options: Any) -> None:
        """Start the incident again from a state, as after its workflow had ended."""
        await self._skipper.client.start_workflow(
            INCIDENT_WORKFLOW,
            IncidentStart(
                incident=self.number,
                space=self.client.namespace,
                plan=self.plan,
                state=state,
                **options,
            ),
            id=self.number,
            task_queue=self.queue,
        )

    async def envelope(
        self,
        command: AnyCommand,
        by: str | Attribution = "county-msa",
        *,
        recorder: str = "duty",
        at: datetime | None = None,
        request: str | None = None,
        **attribution: Any,
    ) -> Envelope:
        """``command`` as the API would send it now, decided by ``by``, recorded by a seat."""
        if isinstance(by, str):
            by = Attribution(decider=by, recorder=recorder, occurred_at=at, **attribution)
        return Envelope(
            request_id=request or f"{self.number}-r{next(self._requests)}",
            received=await self.now(),
            by=by,
            command=command,
        )

    async def send(
        self, command: AnyCommand, by: str | Attribution = "county-msa", **more: Any
    ) -> Receipt:
        """Give a command and wait for its receipt.

        Raises:
            Refused: the incident refused it.
        """
        return await self.deliver(await self.envelope(command, by, **more))

    async def deliver(self, envelope: Envelope, id: str | None = None) -> Receipt:
        """Send an envelope as it is.

        Raises:
            Refused: the incident refused it.
        """
        try:
            receipt: Receipt = await _patiently(
                lambda: self.handle.execute_update(
                    envelope.command.name,
                    envelope,
                    id=id or update_id(envelope),
                    result_type=Receipt,
                )
            )
            return receipt
        except WorkflowUpdateFailedError as failed:
            raise Refused(failed.cause) from None

    async def signal(self, envelope: Envelope) -> None:
        """Send an envelope as the API does when no worker took its Update."""
        await self.handle.signal(COMMAND_SIGNAL, envelope)

    async def acknowledge(self, *recipients: str) -> int:
        """Bodies answer every notice they have, each from its own seat; how many there were."""
        found = [
            notice
            for notice in (await self.state()).unanswered
            if not recipients or notice.recipient in recipients
        ]
        for notice in found:
            with contextlib.suppress(Refused):
                await self.send(
                    AcknowledgeNotice(notice=notice.id),
                    notice.recipient,
                    recorder=notice.recipient,
                )
        return len(found)

    # --- what can be seen ---

    async def state(self) -> State:
        """The state that the workflow holds."""
        state: State = await _patiently(lambda: self.handle.query(STATE_QUERY, result_type=State))
        return state

    async def overview(self) -> Overview:
        """What an operator sees of the workflow."""
        seen: Overview = await _patiently(
            lambda: self.handle.query(OVERVIEW_QUERY, result_type=Overview)
        )
        return seen

    async def events(self, *types: str) -> list[Event]:
        """The record in PostgreSQL once all is written, of these types if any are given."""
        await self.settled()
        found = await journal.read_events(self.pool, self.number)
        return [event for event in found if not types or event.type in types]

    async def ended(self, seconds: float = 60.0) -> Receipt:
        """Everybody answers what they hear of the end; then the workflow ends by itself.

        Raises:
            TimeoutError: it did not within so many seconds of our time.
        """
        result = asyncio.ensure_future(self.handle.result())
        async with asyncio.timeout(seconds):
            while not result.done():
                with contextlib.suppress(RPCError):
                    await self.acknowledge()
                await asyncio.wait([result], timeout=0.2)
        return result.result()


async def _patiently(call: Callable[[], Awaitable[T]], attempts: int = 100) -> T:
    """Call again while a run turns over, as every client must: nothing has happened then.

    The server lets a run that follows a very short one wait for a second.
    """
    for _ in range(attempts):
        try:
            return await call()
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
        await asyncio.sleep(0.05)
    return await call()


def findings(**changes: Any) -> CheckedFindings:
    """What is known of the harm: thirteen affected in one cluster, which is level IV."""
    values: dict[str, Any] = {
        "affected": 13,
        "severe": 0,
        "deaths": 0,
        "unexpected": True,
        "similar_symptoms": True,
        "clustered": True,
        "lots_close": True,
        "same_drug": True,
    }
    return CheckedFindings(**{**values, **changes})


def intake(learned_at: datetime, **facts: Any) -> Intake:
    """A hospital's report: the six fields and little more."""
    values: dict[str, Any] = {
        "kind": PLAN.kinds[0].id,
        "drug": "某注射液",
        "people": "13人输液后寒战、发热",
        "place": "高青县某镇",
        "learned_at": learned_at,
        "harm": True,
        "findings": Findings(),
    }
    return Intake(
        caller=Caller(kind="hospital", unit="某镇卫生院"), facts=Facts(**{**values, **facts})
    )


class Silent:
    """A channel that never accepts: a real one, of the test's own."""

    name = "silent"

    def __init__(self, retryable: bool) -> None:
        self.asked = 0
        self._retryable = retryable

    async def send(self, message: Outgoing) -> bool:
        self.asked += 1
        raise ChannelError("nobody listens", retryable=self._retryable)


def directory_of(bodies: Mapping[str, Mapping[str, str]], channel: str = "mail") -> Directory:
    """A directory in which each body has one contact a role, at one address."""
    return Directory(
        contacts=tuple(
            Contact.model_validate(
                {
                    "id": f"{body}-{role}",
                    "body": body,
                    "role": role,
                    "addresses": [{"channel": channel, "to": to}],
                }
            )
            for body, roles in bodies.items()
            for role, to in roles.items()
        )
    )


@asynccontextmanager
async def working(
    client: Client, pool: Pool, queue: str, space: str = "incidents", **options: Any
) -> AsyncIterator[None]:
    """Production workers, in this process, on queues of their own.

    ``directory`` is a Directory that stands for the one in PostgreSQL, ``channels`` are the ways
    out themselves; what the settings know goes there.
    """
    known = Settings.model_fields.keys() - {"channels"}
    more = {name: options.pop(name) for name in known & options.keys()}
    config = Settings(space=space, task_queue=queue, **more)
    given = options.get("directory")
    if isinstance(given, Directory):

        async def directory() -> Directory:
            return given

        options["directory"] = directory
    async with make_workers(client, config, pool, **options):
        await set_current_version(client, DEPLOYMENT, build_id(), queues_of(config))
        yield


def number() -> str:
    """An incident number not used before in this session."""
    return f"GQ-{datetime.now(UTC):%Y%m%d}-{next(_numbers):04d}"
