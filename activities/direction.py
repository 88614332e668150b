"""What a drill does outside its workflow: it moves time, opens incidents and gives commands.

Everything may be done twice: targets are absolute, numbers and request ids are given.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.passing import Passing
from activities.timekeeper import CannotAdvance, Timekeeper
from domain.base import Text
from domain.drill.branch import anew
from domain.drill.course import Looked, Result
from domain.drill.play import SPACE, Play
from domain.drill.script import ScriptError, commands, opening
from domain.incident.envelope import Envelope
from domain.incident.notices import DRILL_MARK
from domain.incident.state import RULES_VERSION
from domain.plan import Plan
from store import audit, board, drills, inbox, journal
from store.errors import Unavailable
from store.pool import Pool
from workflows.contracts import IncidentStart, Receipt, update_id
from workflows.drill_contracts import (
    ADVANCE_TIME,
    BRANCH_INCIDENT,
    GIVE_COMMANDS,
    KEEP_DRILL,
    OPEN_INCIDENT,
    STOP_INCIDENTS,
    TELL_PLAYERS,
    AdvanceOrder,
    BranchOrder,
    GiveOrder,
    LineOutcome,
    Looking,
    OpenOrder,
    StopOrder,
    TellOrder,
)

P = ParamSpec("P")
T = TypeVar("T")

BEAT_SECONDS: Final = 0.25
"""How often we hear whether we are to stop."""
ENDED: Final = "the incident has ended, or was never opened"

SUSPENDED = Text(
    zh=f"{DRILL_MARK}演练中止，转入实战",
    en=f"{DRILL_MARK}The exercise is broken off: this is real",
)


def _beating(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """``work``, saying all the while that somebody is at it, and hearing whether it is to stop.

    A worker that was killed shows soon, and another one takes over.
    """

    async def beat() -> None:
        while True:
            activity.heartbeat()
            await asyncio.sleep(BEAT_SECONDS)

    @functools.wraps(work)
    async def beaten(*args: P.args, **more: P.kwargs) -> T:
        beating = asyncio.create_task(beat())
        try:
            return await work(*args, **more)
        finally:
            beating.cancel()

    return beaten


class Direction:
    """The activities of drills; see ``workflows/drill.py``."""

    def __init__(self, pool: Pool, client: Client, keeper: Timekeeper) -> None:
        """Incidents are reached by ``client``, which belongs to the drill space like ``pool``."""
        self._pool = pool
        self._client = client
        self._keeper = keeper
        self._plans: dict[str, Plan] = {}

    # --- time ---

    @activity.defn(name=ADVANCE_TIME)
    @_beating
    async def advance_time(self, order: AdvanceOrder) -> Looked:
        """Let time pass until the target, a watched event, or an order to stop."""
        passing = Passing(order, self._keeper, self._look)
        if activity.info().attempt > 1:
            # Somebody was at it before, who knows how far.
            passing.ahead = await self._ahead(passing)
        try:
            return await passing.run()
        except asyncio.CancelledError:
            # To be told to stop is no failure: what counts is how far it has come.
            if (task := asyncio.current_task()) is not None:
                task.uncancel()
            return Looked(ahead=await self._ahead(passing))
        except CannotAdvance as error:
            # Without a look: the database may be what holds it up.
            return Looked(ahead=await self._ahead(passing), stuck=error.reason)
        except Unavailable:
            # Whoever directs it is to see why nothing happens, rather than another attempt.
            return Looked(ahead=await self._ahead(passing), stuck="behind")

    async def _ahead(self, passing: "Passing") -> timedelta:
        """How far ahead the exercise is where time was stopped on the way."""
        ahead = passing.ahead
        for number in passing.numbers:
            try:
                ahead = max(ahead, await self._keeper.now(number) - datetime.now(UTC))
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
        return ahead

    async def _look(self, looking: Looking, ahead: timedelta) -> Looked:
        """What the records hold that has not been looked at."""
        seqs: dict[str, int] = {}
        seen: dict[str, datetime] = {}
        for name, number in looking.incidents.items():
            after = looking.seqs.get(name, 0)
            while events := await journal.read_events(self._pool, number, after):
                for event in events:
                    for key, watch in looking.watched.items():
                        if watch.seen(name, event):
                            seen.setdefault(key, event.recorded)
                after = events[-1].seq
            seqs[name] = after
        return Looked(ahead=ahead, seqs=seqs, seen=seen)

    # --- lines ---

    @activity.defn(name=OPEN_INCIDENT)
    @_beating
    async def open_incident(self, order: OpenOrder) -> LineOutcome:
        """Start an incident from a first report, in the exercise's time."""
        request = f"{order.drill}-opening-{order.name}"
        try:
            first = opening(order.plan, order.facts, order.started, order.at, request)
        except ScriptError as error:
            return LineOutcome(
                looked=await self._look(order.looking, order.looking.ahead), problem=str(error)
            )
        start = IncidentStart(
            incident=order.number,
            space=SPACE,
            plan=order.plan,
            opening=first,
            rules_version=RULES_VERSION,
        )
        await self._begin(start, order.at, order.task_queue)
        incidents = {**order.looking.incidents, order.name: order.number}
        looking = order.looking.model_copy(update={"incidents": incidents})
        return LineOutcome(looked=await self._look(looking, order.looking.ahead))

    async def _begin(self, start: IncidentStart, at: datetime, task_queue: str) -> None:
        title = start.plan.jurisdiction.title.zh
        await self._keeper.start(
            start,
            at,
            task_queue,
            static_summary=f"{DRILL_MARK}{start.incident}",
            static_details=f"{title} ({start.plan.id})",
        )
        await self._keeper.settled(start.incident)

    @activity.defn(name=GIVE_COMMANDS)
    @_beating
    async def give_commands(self, order: GiveOrder) -> LineOutcome:
        """Give an action's commands one after the other; refusals are results."""
        results: list[Result] = []
        problem: str | None = None
        try:
            now = await self._settled(order.number, looked=order.looking.alone)
            found = await board.get(self._pool, order.number)
            if found is None:
                raise ScriptError(ENDED)
            state, digest = found
            plan = await self._plan(digest)
            for envelope in commands(
                plan, state, order.action, order.names, order.started, now, order.request
            ):
                results.append(await self._give(order.number, envelope))
            await self._settled(order.number)
        except ScriptError as error:
            problem = str(error)
        looked = await self._look(order.looking, order.looking.ahead)
        return LineOutcome(looked=looked, results=tuple(results), problem=problem)

    async def _settled(self, number: str, looked: bool = False) -> datetime:
        """The time, once the record holds everything; an incident that has ended is settled."""
        try:
            if looked:
                return await self._keeper.now(number)
            return await self._keeper.settled(number)
        except CannotAdvance as error:
            if error.reason == "ended":
                return await self._keeper.now(number)
            # What holds it up passes by itself, and the server tries again.
            raise ApplicationError(str(error), type=error.reason) from error

    async def _give(self, number: str, envelope: Envelope) -> Result:
        handle = self._client.get_workflow_handle(number)
        try:
            receipt: Receipt = await handle.execute_update(
                envelope.command.name, envelope, id=update_id(envelope), result_type=Receipt
            )
        except WorkflowUpdateFailedError as failed:
            cause = failed.cause
            if not isinstance(cause, ApplicationError) or len(cause.details) != 3:
                raise
            clause, zh, en = cause.details
            await self._note(number, envelope, cause.type or "", clause, Text(zh=zh, en=en))
            return Result(code=cause.type, clause=clause, text=en)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise ScriptError(ENDED) from error
            raise
        return Result(first=receipt.first)

    async def _note(
        self, number: str, envelope: Envelope, code: str, clause: str, message: Text
    ) -> None:
        """Keep a refusal where those of people are kept."""
        by = envelope.by
        await audit.append_refusal(
            self._pool,
            at=envelope.received,
            incident=number,
            command=envelope.command.name,
            request_id=envelope.request_id,
            seat=by.recorder if by else None,
            person=None,
            decider=by.decider if by else None,
            code=code,
            clause=clause,
            message=message,
            once=True,
        )

    async def _plan(self, digest: str) -> Plan:
        if digest not in self._plans:
            self._plans[digest] = await board.get_plan(self._pool, digest)
        return self._plans[digest]

    # --- saved points and the end ---

    @activity.defn(name=BRANCH_INCIDENT)
    @_beating
    async def branch_incident(self, order: BranchOrder) -> bool:
        """Make an incident anew from another one's record, and let it go on."""
        found = await board.get(self._pool, order.old)
        if found is None:
            raise ApplicationError(f"there is no record of {order.old}", non_retryable=True)
        plan = await self._plan(found[1])
        kept, after = [], 0
        while events := await journal.read_events(self._pool, order.old, after):
            kept += [event for event in events if event.recorded <= order.until]
            after = events[-1].seq
        made = tuple(anew(kept, order.number))
        await journal.append(self._pool, SPACE, order.number, plan, made)
        await drills.copy_inbox(self._pool, order.old, order.number, order.until)
        fresh = await board.get(self._pool, order.number)
        assert fresh is not None  # noqa: S101 - it has just been written
        start = IncidentStart(incident=order.number, space=SPACE, plan=plan, state=fresh[0])
        await self._begin(start, order.at, order.task_queue)
        return True

    @activity.defn(name=STOP_INCIDENTS)
    @_beating
    async def stop_incidents(self, order: StopOrder) -> None:
        """End the workflows of incidents that take no part any more; their records stay."""
        for number in order.numbers:
            try:
                await self._keeper.settled(number)
            except CannotAdvance as error:
                # Ended already, or never to be written. Anything else is still to be written.
                if error.reason not in ("ended", "diverged"):
                    raise ApplicationError(str(error), type=error.reason) from error
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise
            try:
                await self._client.get_workflow_handle(number).terminate(reason="演练结束")
            except RPCError as error:
                if error.status != RPCStatusCode.NOT_FOUND:
                    raise

    @activity.defn(name=TELL_PLAYERS)
    @_beating
    async def tell_players(self, order: TellOrder) -> None:
        """Put into every player's inbox that the exercise is over for now: this is real."""
        text = Text(
            zh=f"{SUSPENDED.zh}。原因：{order.reason}。请立即停止演练，按实战要求到岗。",
            en=f"{SUSPENDED.en}. Reason: {order.reason}. Stop the exercise and take your post.",
        )
        for body in order.bodies:
            entry = inbox.Entry(
                key=f"{order.key}:{body}",
                recipient=body,
                incident=order.drill,
                notice="suspended",
                statutory=False,
                title=SUSPENDED,
                text=text,
                queued_at=order.at,
            )
            await inbox.put(self._pool, entry)

    @activity.defn(name=KEEP_DRILL)
    @_beating
    async def keep_drill(self, play: Play) -> None:
        """Keep the drill as it stands."""
        await drills.put(self._pool, play)

    @property
    def activities(self) -> list[Callable[..., Any]]:
        """All of them, for a worker."""
        return [
            self.advance_time,
            self.open_incident,
            self.give_commands,
            self.branch_incident,
            self.stop_incidents,
            self.tell_players,
            self.keep_drill,
        ]
