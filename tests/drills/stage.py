"""A drill on a real server: opened, ordered about, looked at."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError

from activities.sealing import sealed
from domain.drill.orders import Order
from domain.drill.play import By, Play, opened
from domain.drill.scenario import Scenario
from domain.incident.record import Event
from domain.plan import Plan
from store import journal
from store.pool import Pool
from tests.workflows.harness import PLAN, IncidentDriver, Refused
from workflows.drill_contracts import (
    DRILL_WORKFLOW,
    ORDER_UPDATE,
    PLAY_QUERY,
    DrillStart,
    GivenOrder,
    Ordered,
    drills_queue,
)

SECRET = b"known to the tests, and to nobody"
DIRECTOR = By(role="director", seat="drill-director", person="导调员")
EVALUATOR = By(role="evaluator", seat="drill-evaluator", person="评估员")
PLAYER = By(role="player", seat="duty")

_drills = itertools.count(1)


@dataclass
class Stage:
    """One drill."""

    client: Client
    pool: Pool
    queue: str
    scenario: Scenario
    plan: Plan = PLAN
    drill: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    _requests: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    @property
    def handle(self) -> WorkflowHandle[Any, Any]:
        """Its workflow, as whoever holds the key speaks to it."""
        return sealed(self.client, SECRET).get_workflow_handle(self.drill)

    async def open(self, players: Mapping[str, Sequence[str]] | None = None) -> "Stage":
        """Open it, with the people who play the roles."""
        self.drill = self.drill or f"D-{datetime.now(UTC):%H%M%S}-{next(_drills)}"
        people = {role: tuple(names) for role, names in (players or {}).items()}
        options = dict(self.options)
        play = opened(
            self.plan, self.scenario, self.drill, "6.5", DIRECTOR, datetime.now(UTC), people
        ).model_copy(update={"capable": options.pop("capable", True)})
        await sealed(self.client, SECRET).start_workflow(
            DRILL_WORKFLOW,
            DrillStart(plan=self.plan, play=play, task_queue=self.queue, **options),
            id=self.drill,
            task_queue=drills_queue(self.queue),
        )
        return self

    async def order(self, order: Order, by: By = DIRECTOR, request: str | None = None) -> Play:
        """Give an order; the drill as it stands afterwards.

        Raises:
            Refused: it was refused.
        """
        given = GivenOrder(
            order=order, by=by, request=request or f"{self.drill}-q{next(self._requests)}"
        )
        try:
            await self.handle.execute_update(ORDER_UPDATE, given, result_type=Ordered)
        except WorkflowUpdateFailedError as failed:
            raise Refused(failed.cause) from None
        return await self.play()

    async def play(self) -> Play:
        """The drill as it stands."""
        play: Play = await self.handle.query(PLAY_QUERY, result_type=Play)
        return play

    async def until(self, seen: Callable[[Play], bool], seconds: float = 60) -> Play:
        """The drill, once ``seen`` holds of it.

        Raises:
            TimeoutError: it does not within so many seconds of our time.
        """
        async with asyncio.timeout(seconds):
            while not seen(play := await self.play()):
                await asyncio.sleep(0.5)
        return play

    async def events(self, name: str = "main") -> list[Event]:
        """The record of the incident called ``name``."""
        return await journal.read_events(self.pool, (await self.play()).progress.incidents[name])

    async def incident(self, name: str = "main") -> IncidentDriver:
        """The incident called ``name``, for players to act on."""
        number = (await self.play()).progress.incidents[name]
        return IncidentDriver(self.client, self.pool, number, queue=self.queue)
