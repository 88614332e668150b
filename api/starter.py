"""Starts the reports that were taken into the outbox while Temporal was down."""

import asyncio
import contextlib
import logging
from typing import Any, Final

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.intake import MEMO_DIGEST, MEMO_REQUEST, START_SECONDS, launch
from api.space import Space
from api.temporal import Late, NotRunning, TemporalDown
from store import outbox
from store.errors import StoreError
from workflows.contracts import IncidentStart

log = logging.getLogger(__name__)

EVERY_SECONDS: Final = 2.0


class Starter:
    """A task that empties the outbox of a space; several processes may each run one."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"outbox {self._space.name}")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self.empty()
            except (StoreError, TemporalDown, Late) as error:
                log.debug("the outbox waits: %s", type(error).__name__)
            except Exception:  # a report waits here: one bad row must not end the task
                log.exception("the outbox cannot be emptied")
            await asyncio.sleep(EVERY_SECONDS)

    async def empty(self) -> int:
        """Start what waits; how many reports were started.

        Raises:
            StoreError: PostgreSQL cannot be reached.
            TemporalDown, Late: Temporal cannot be reached; the rest waits on.
        """
        pool = await self._space.pool()
        done = 0
        for row in await outbox.waiting(pool):
            opening = IncidentStart.model_validate(row.start["start"])
            memo = row.start["memo"]
            try:
                await self._space.temporal.ask(
                    lambda client, opening=opening, memo=memo: launch(  # type: ignore[misc]
                        client, self._space, opening, memo
                    ),
                    START_SECONDS,
                )
            except WorkflowAlreadyStartedError:
                if not await self._same(opening.incident, memo):
                    await outbox.mark_failed(pool, row.workflow_id, "the number is taken")
                    log.error("report %s in the outbox: its number is taken", row.workflow_id)
                    continue
            await outbox.mark_started(pool, row.workflow_id, self._space.now())
            done += 1
            log.info("report %s started from the outbox", row.workflow_id)
        return done

    async def _same(self, incident: str, memo: dict[str, str]) -> bool:
        async def describe(client: Client) -> dict[str, Any]:
            return dict(await (await client.get_workflow_handle(incident).describe()).memo())

        try:
            found = await self._space.temporal.ask(describe, START_SECONDS)
        except NotRunning:
            return False
        return all(found.get(key) == memo[key] for key in (MEMO_REQUEST, MEMO_DIGEST))
