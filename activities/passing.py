"""How the time of a drill passes: at once, at a pace, or as ours does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from activities.timekeeper import CannotAdvance, Timekeeper
from domain.drill.course import Looked
from domain.drill.play import REAL_TIME
from workflows.drill_contracts import STRETCH, AdvanceOrder

SKIPS: Final = 2_000
"""At most so many skips from one timer to the next before we look again."""
GRACE: Final = timedelta(seconds=10)
"""A line is played after what falls due with it: an incident's moments follow from when things
were recorded, which is some milliseconds after they were to be."""
CHUNK_SECONDS: Final = 5.0
"""How often, in our time, clocks are moved on when an hour has its minutes."""


class Passing:
    """One stretch of time that passes, with ``ahead`` as far as it has got."""

    def __init__(
        self, order: AdvanceOrder, keeper: Timekeeper, look: Callable[..., Awaitable[Looked]]
    ) -> None:
        self.ahead = order.looking.ahead
        self._looking = order.looking
        self._to = order.to
        self._until_due = order.until_due
        self.numbers = tuple(order.looking.incidents.values())
        self._speed = REAL_TIME / order.minutes_per_hour if order.minutes_per_hour else None
        """The exercise's time to ours; None: at once."""
        self._grace = GRACE if self._speed is None else timedelta()
        self._keeper = keeper
        self._look = look

    async def run(self) -> Looked:
        """Let it pass; see ``advance_time``."""
        if self._speed != 1 and not await self._keeper.capable():
            raise CannotAdvance("incapable")
        due = await self._next_due() if self._until_due else None
        to = self._to if due is None else min(self._to, due)
        began, entered = time.monotonic(), self._now()
        while True:
            await self._move(await self._target(to, entered, time.monotonic() - began))
            seen = await self._look(self._looking, self.ahead)
            self.ahead = seen.ahead
            over = self._now() >= to or time.monotonic() - began > STRETCH.total_seconds()
            if seen.seen or over:
                return seen.model_copy(update={"due": due})
            if self._speed is not None:
                left = (to - self._now()).total_seconds() / self._speed
                await asyncio.sleep(min(CHUNK_SECONDS, max(left, 0)))

    async def _target(self, to: datetime, entered: datetime, spent: float) -> datetime:
        """How far to go before the records are looked at again."""
        if self._speed is not None:
            return min(to, entered + timedelta(seconds=spent * self._speed))
        if self._looking.watched:
            # What a line waits for may happen whenever an incident wakes up.
            wakes = [await self._keeper.next_wake(number) for number in self.numbers]
            return min((wake for wake in wakes if wake is not None and wake < to), default=to)
        return to

    async def _next_due(self) -> datetime:
        """When the next clock is due; now, if none is."""
        dues = [await self._keeper.next_due(number) for number in self.numbers]
        return min((due for due in dues if due is not None), default=self._now())

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def _move(self, target: datetime) -> None:
        """Let every incident, and with them the exercise, come to ``target``."""
        if self._speed == 1:
            return
        moving = [asyncio.create_task(self._one(number, target)) for number in self.numbers]
        try:
            reached = await asyncio.gather(*moving)
        finally:
            # Where one cannot go on, none may run on alone.
            for one in moving:
                one.cancel()
            await asyncio.gather(*moving, return_exceptions=True)
        self.ahead = max(self.ahead, max((target, *reached)) - datetime.now(UTC))

    async def _one(self, number: str, target: datetime) -> datetime:
        while True:
            try:
                return await self._keeper.advance(
                    number, target, SKIPS, grace=self._grace, settled=self._looking.alone
                )
            except CannotAdvance as error:
                if error.reason == "ended":
                    return target
                if error.reason != "budget":
                    raise
