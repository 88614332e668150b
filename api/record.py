"""Reading PostgreSQL for the routes: an incident as it stands, its events, who reported it."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from api.problems import Problem, no_record, not_found, unavailable
from domain.incident.chain import verify
from domain.incident.engine import apply, initial, read
from domain.incident.state import State
from domain.plan import Plan
from store import board, journal, outbox
from store.errors import Unavailable
from store.pool import Pool, connection
from store.watch import Watcher

log = logging.getLogger(__name__)

NOT_STARTED: Final = "not_started_yet"
NOT_YET: Final = "not_yet_journaled"
WAIT_SECONDS: Final = 5.0
"""How long a read waits for its own write to be journaled."""


@dataclass(frozen=True)
class Standing:
    """An incident as the board shows it, with the plan it was started under."""

    state: State
    plan: Plan


class Record:
    """The record of one space, as the routes read it."""

    def __init__(
        self,
        pool: Callable[[], Awaitable[Pool]],
        watcher: Watcher,
        space: str,
        started: Callable[[str], Awaitable[bool]],
    ) -> None:
        """Read by ``pool``; ``started`` says whether Temporal knows an incident."""
        self._started = started
        self._pool = pool
        self._watcher = watcher
        self._space = space

    async def standing(self, incident: str, min_seq: int | None = None) -> Standing:
        """The incident as it stands, at least up to ``min_seq``.

        Raises:
            Problem: 404 there is none; 503 not that far on record within five seconds.
            Unavailable: PostgreSQL cannot answer.
        """
        pool = await self._pool()
        if min_seq is not None and min_seq > await board.wait_for(
            pool, self._watcher, incident, min_seq, WAIT_SECONDS
        ):
            raise unavailable(
                NOT_YET,
                f"序号 {min_seq} 的记录尚未入库，请稍后再查；办理本身已生效。",
                f"sequence {min_seq} is not on record yet: ask again; what was done holds",
                retry_after=2,
            )
        found = await board.get(pool, incident)
        if found is None and min_seq is None and await self._started(incident):
            # Opened a moment ago: what its first reader wants is the call sheet, not a 404.
            return await self.standing(incident, 1)
        if found is None:
            if await outbox.find(pool, incident) is not None:
                raise unavailable(
                    NOT_STARTED,
                    "报告已保存，流程尚未启动，请稍后再查。",
                    "the report is safe, its workflow has not been started yet: ask again",
                )
            raise not_found("该事件", "such incident", "no_incident")
        state, digest = found
        return Standing(state, await board.get_plan(pool, digest))

    async def _stored(self, incident: str) -> list[journal.Stored]:
        """Every event of the incident as it lies in the record, in order."""
        rows: list[journal.Stored] = []
        async with connection(await self._pool()) as conn:
            while True:
                page = await journal.read_bytes(conn, incident, after=rows[-1].seq if rows else 0)
                rows.extend(page)
                if len(page) < journal.READ_MOST:
                    return rows

    async def reporter(self, incident: str) -> str | None:
        """The seat that recorded the first report; None when nothing is on record."""
        first = await journal.read_events(await self._pool(), incident, after=0, limit=1)
        if not first:
            return None
        return first[0].by.recorder if first[0].by else ""

    async def handled(self, incident: str, request_id: str) -> bool:
        """Whether the incident on record knows this request."""
        found = await board.get(await self._pool(), incident)
        return found is not None and request_id in found[0].handled

    async def ended(self, incident: str) -> tuple[State, Plan]:
        """State and plan of an incident whose workflow has ended, folded from a sound chain.

        Raises:
            Problem: 404 there is none; 503 the record cannot be read, or does not verify.
        """
        try:
            standing = await self.standing(incident)
            rows = await self._stored(incident)
        except Unavailable as gone:
            raise no_record() from gone
        plan = standing.plan
        if not any(verify(incident, ((row.seq, row.body, row.hash) for row in rows))):
            events = (read(row.body) for row in rows)
            state = apply(initial(incident, plan, self._space), events)
            if state.head == standing.state.head:
                return state, plan
        log.error("the record of %s does not verify: nothing is taken up from it", incident)
        raise Problem(
            503,
            "record_damaged",
            "该事件的记录未通过校验，不能再办理，请立即通知管理员。",
            "the record of this incident does not verify: nothing can be done from it; "
            "tell the administrator at once",
        )
