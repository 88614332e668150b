"""Speaking to drills: their workflows while they run, their rows when they do not.

Whoever asks sees what may be seen: a player neither what is still to come nor what is expected.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.sealing import sealed
from activities.timekeeper import Timekeeper
from api.gateway import refuse
from api.intake import Key, reused
from api.patience import within
from api.problems import FieldError, Problem, not_found, refused, unavailable
from api.security import Actor
from api.space import Space
from api.temporal import Late, NotRunning, TemporalDown
from domain import numbers
from domain.drill.orders import Order, Suspend
from domain.drill.papers import clause_of
from domain.drill.play import Play, opened, record
from domain.drill.scenario import Scenario
from domain.incident.record import canonical_json
from store import drills
from store.errors import StoreError
from store.evaluations import Evaluated, evaluated
from store.scenarios import ScenarioError, list_scenarios, parse_scenario
from workflows.drill_contracts import (
    DRILL_WORKFLOW,
    EMERGENCY_SIGNAL,
    ORDER_UPDATE,
    PLAY_QUERY,
    DrillStart,
    GivenOrder,
    Ordered,
    drills_queue,
)

log = logging.getLogger(__name__)

PREFIX: Final = "D"
"""What the number of a drill begins with."""
START_SECONDS: Final = 5.0
ORDER_SECONDS: Final = 20.0
"""An order waits until time stands still and PostgreSQL has it, some seconds at most."""
LOOK_SECONDS: Final = 3.0
RUNNING: Final = f"WorkflowType = '{DRILL_WORKFLOW}' AND ExecutionStatus = 'Running'"

T = TypeVar("T")


class Drills:
    """The drills of the drill space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._sealed: tuple[Client, Client] | None = None

    # --- opening ---

    def scenarios(self) -> list[Scenario]:
        """Those that ship and can be played with the plan in force, by file name."""
        space = self._space

        def faulty(error: ScenarioError) -> None:
            log.error("a scenario cannot be used: %s", error.lines()[0])

        folder = space.settings.drills_dir
        return [scenario for _, scenario in list_scenarios(folder, space.plan, faulty)]

    def scenario(self, named: str | None, text: str | None) -> Scenario:
        """The scenario of that name among those that ship, or the one that ``text`` is.

        Raises:
            Problem: 404 there is none; 422 it cannot be played, line by line.
        """
        if text is not None:
            try:
                return parse_scenario(text, self._space.plan)
            except ScenarioError as error:
                lines = error.lines()
                raise Problem(
                    422,
                    "bad_scenario",
                    f"情景文件不能使用，共{len(lines)}处问题，第一处：{lines[0]}",
                    f"the scenario cannot be used, {len(lines)} faults, the first: {lines[0]}",
                    errors=[FieldError(field="text", message=line) for line in lines],
                ) from error
        for scenario in self.scenarios():
            if scenario.id == named:
                return scenario
        raise not_found("该情景", "such scenario", "no_scenario")

    async def open(
        self, actor: Actor, key: Key, scenario: Scenario, players: Mapping[str, tuple[str, ...]]
    ) -> tuple[Play, bool]:
        """Open a drill, or find the one that this request opened before; whether it is new.

        Raises:
            Problem: 422 there is no such role; 409 the key was used for something else; 503.
        """
        space = self._space
        unknown = players.keys() - {player.id for player in scenario.players}
        if unknown:
            roles = ", ".join(player.id for player in scenario.players)
            raise Problem(
                422,
                "no_such_role",
                f"演练中没有角色“{min(unknown)}”；角色有：{roles}。",
                f"the exercise has no role {min(unknown)!r}; it has {roles}",
            )
        number = numbers.draw(PREFIX, space.name, actor.seat, key.value)
        play = opened(
            space.plan,
            scenario,
            number,
            clause_of(space.plan),
            actor.by,
            space.now(),
            dict(players),
        )

        async def start(client: Client) -> Play:
            capable = await Timekeeper(client).capable()
            begun = play.model_copy(update={"capable": capable})
            await self._client(client).start_workflow(
                DRILL_WORKFLOW,
                self._start(begun),
                id=number,
                task_queue=drills_queue(space.settings.task_queue),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            )
            return begun

        try:
            return await self._ask(start, START_SECONDS), True
        except WorkflowAlreadyStartedError as error:
            known = await self.get(number)
            if known.scenario != scenario:
                raise reused() from error
            return known, False

    def _start(self, play: Play) -> DrillStart:
        return DrillStart(
            plan=self._space.plan, play=play, task_queue=self._space.settings.task_queue
        )

    # --- orders ---

    async def order(self, drill: str, order: Order, actor: Actor, key: Key) -> Ordered:
        """Give an order to a drill, also to one that has ended.

        Raises:
            Problem: it was refused (403, 409, 422), there is no such drill (404), or nobody
                can take it now (503).
        """
        given = self._given(order, actor, key)
        sent = canonical_json(order.model_dump(mode="json", by_alias=True))
        # It stands unsealed in the history, and a plain hash of a short order can be guessed.
        id = f"{given.request}:{self._space.fingerprint(sent)[:16]}"

        async def update(client: Client) -> Ordered:
            handle = self._client(client).get_workflow_handle(drill)
            answer: Ordered = await handle.execute_update(
                ORDER_UPDATE, given, id=id, result_type=Ordered
            )
            return answer

        try:
            return await self._updated(update)
        except NotRunning:
            play = await self._kept(drill)

        async def again(client: Client) -> Ordered:
            operation: WithStartWorkflowOperation[object, int] = WithStartWorkflowOperation(
                DRILL_WORKFLOW,
                self._start(play),
                id=drill,
                task_queue=drills_queue(self._space.settings.task_queue),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
            )
            answer: Ordered = await self._client(client).execute_update_with_start_workflow(
                ORDER_UPDATE,
                given,
                start_workflow_operation=operation,
                id=id,
                result_type=Ordered,
            )
            return answer

        return await self._updated(again)

    @staticmethod
    def _given(order: Order, actor: Actor, key: Key) -> GivenOrder:
        return GivenOrder(order=order, by=actor.by, request=f"{actor.seat}:{key.value}")

    async def _updated(self, update: Callable[[Client], Awaitable[Ordered]]) -> Ordered:
        try:
            return await self._ask(update, ORDER_SECONDS)
        except WorkflowUpdateFailedError as error:
            refuse(error)

    async def suspend(self, reason: str, actor: Actor, key: Key) -> dict[str, bool]:
        """Suspend every drill; for each whether it has heard of it.

        Raises:
            Problem: 503, not even the list of drills can be read.
        """
        found = await self._running()

        async def one(drill: str) -> bool:
            order = Suspend(reason=reason)
            try:
                await self.order(drill, order, actor, key)
            except Problem as problem:
                if problem.code == "drill_stands_otherwise":
                    # It ended meanwhile, which is as good.
                    return True
                log.error("drill %s is not suspended: %s", drill, problem.code)
            except Exception:  # whatever it is, the others are to hear of it
                log.exception("drill %s is not suspended", drill)
            else:
                return True
            return await self._signalled(drill, self._given(order, actor, key))

        heard = await asyncio.gather(*(one(drill) for drill in found))
        return dict(zip(found, heard, strict=True))

    async def _signalled(self, drill: str, given: GivenOrder) -> bool:
        """Whether an order that no worker took now waits for one."""

        async def signal(client: Client) -> None:
            handle = self._client(client).get_workflow_handle(drill)
            await handle.signal(EMERGENCY_SIGNAL, given)

        try:
            await self._space.temporal.ask(signal, LOOK_SECONDS)
        except (NotRunning, Late, TemporalDown, RPCError):
            return False
        return True

    async def _running(self) -> list[str]:
        """The drills that have not ended, by what Temporal and PostgreSQL know together."""
        found: set[str] = set()
        problem: Exception | None = None

        async def running(client: Client) -> None:
            found.update([one.id async for one in client.list_workflows(RUNNING)])

        try:
            await self._ask(running, LOOK_SECONDS)
        except Problem as error:
            problem = error
        try:
            found.update(await within(LOOK_SECONDS, drills.unfinished(await self._space.pool())))
        except StoreError:
            if problem is not None:
                raise problem from None
        return sorted(found)

    # --- reading ---

    async def get(self, drill: str) -> Play:
        """The drill as it stands, from itself or else from PostgreSQL.

        Raises:
            Problem: 404 there is none; 503 nobody can tell.
        """
        try:
            kept = await within(LOOK_SECONDS, drills.get(await self._space.pool(), drill))
        except StoreError:
            kept = None
        if kept is not None and kept.mode == "ended":
            # Nothing changes it but what is kept at once; its history would be replayed whole.
            return kept

        async def query(client: Client) -> Play:
            handle = self._client(client).get_workflow_handle(drill)
            play: Play = await handle.query(PLAY_QUERY, result_type=Play)
            return play

        try:
            return await self._space.temporal.ask(query, LOOK_SECONDS)
        except (NotRunning, Late, TemporalDown, RPCError, WorkflowQueryFailedError):
            return await self._kept(drill)

    async def _kept(self, drill: str) -> Play:
        play = await drills.get(await self._space.pool(), drill)
        if play is None:
            raise not_found("该演练", "such drill", "no_drill")
        return play

    async def now(self, play: Play) -> datetime | None:
        """The exercise's time, UTC; None before it has begun."""
        if play.started is None:
            return None
        if play.ended is not None:
            return play.ended
        times = [play.now(self._space.now())]
        times += [await self._space.now_of(n) for n in play.progress.incidents.values()]
        return max(times)

    async def held(self, play: Play, attempt: int | None = None) -> Evaluated:
        """What the drill left, with its evaluation.

        Raises:
            Problem: 409 it has not begun; 404 it had no such attempt.
            StoreError: the records cannot be read.
        """
        pool = await self._space.pool()
        if attempt is not None and not 1 <= attempt <= play.attempt:
            raise not_found("该次尝试", "such attempt", "no_attempt")
        left = record(play, attempt)
        if left is None:
            raise refused(
                "drill_stands_otherwise",
                play.clause,
                "演练尚未开始，没有可评估的内容。",
                "the drill has not begun: there is nothing to evaluate",
            )
        return await evaluated(pool, self._space.plan, left)

    # --- the sealed client ---

    async def _ask(self, call: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        try:
            return await self._space.temporal.ask(call, seconds)
        except (Late, TemporalDown) as down:
            raise unavailable(
                "drills_unavailable",
                "演练服务暂时无法使用，请稍后重试；正式事件的接报和办理不受影响。",
                "drills cannot be reached now: try again; real incidents are not affected",
            ) from down

    def _client(self, client: Client) -> Client:
        """``client`` as it speaks to drills.

        Raises:
            Problem: 503, the key cannot be read.
        """
        if self._sealed is None or self._sealed[0] is not client:
            try:
                secret = self._space.settings.vault_key_path.read_bytes()
            except OSError as error:
                raise unavailable(
                    "drills_unavailable",
                    "演练服务的密钥无法读取，请通知管理员。",
                    "the key of drills cannot be read: tell the administrator",
                ) from error
            self._sealed = client, sealed(client, secret)
        return self._sealed[1]
