"""Talking to Temporal with deadlines of our own, and naming what went wrong.

The SDK retries for many seconds within one call and does not honour ``rpc_timeout`` while it
does, so every call runs under ``asyncio.timeout``; a breaker spares the calls that would only
time out again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from temporalio.client import Client, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from api.breaker import Breaker

T = TypeVar("T")

REST_SECONDS: Final = 5.0
"""How long a Temporal server that did not answer is left alone."""
HEALTH_SECONDS: Final = 1.0
CONCURRENT: Final = 16
"""At most so many calls at once: the embedded server has one database connection."""
_GONE: Final = frozenset(
    {
        RPCStatusCode.UNAVAILABLE,
        RPCStatusCode.DEADLINE_EXCEEDED,
        RPCStatusCode.CANCELLED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.INTERNAL,
        RPCStatusCode.UNKNOWN,
    }
)


class TemporalDown(Exception):
    """The Temporal server does not answer; ``retry_after`` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("the Temporal server does not answer")
        self.retry_after = retry_after


class Late(Exception):
    """No answer within the deadline, though the server lives: no worker took it, or too slowly."""


class NotRunning(Exception):
    """There is no such workflow, or it has ended."""


TURNOVER_SECONDS: Final = 0.1
"""How long to wait before asking again a workflow whose next run is about to begin."""


class Temporal:
    """A lazily connected client behind deadlines and a breaker."""

    def __init__(self, connect: Callable[[], Awaitable[Client]]) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._room = asyncio.Semaphore(CONCURRENT)
        self.breaker = Breaker(REST_SECONDS)

    async def client(self) -> Client:
        """The client; connecting is lazy, so this needs no server."""
        async with self._lock:
            if self._client is None:
                self._client = await self._connect()
        return self._client

    async def ask(self, call: Callable[[Client], Awaitable[T]], seconds: float) -> T:
        """The answer to ``call``.

        Raises:
            TemporalDown: the server is dead, or was found so just now.
            Late: no answer in ``seconds`` from a living server.
            NotRunning: the workflow does not exist or has ended.
        """
        if self.breaker.refuses():
            raise TemporalDown(self.breaker.retry_after)
        try:
            async with asyncio.timeout(seconds), self._room:
                answer = await self._through_turnover(call)
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            # The workers' silence and the server's look alike from here; a living server
            # answers a health check in milliseconds.
            if not await self.alive(HEALTH_SECONDS):
                raise TemporalDown(self.breaker.retry_after) from error
            raise Late from error
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                self.breaker.worked()
                raise NotRunning from error
            if error.status in _GONE:
                raise self.down() from error
            self.breaker.worked()
            raise
        except RuntimeError as error:
            # What a lazy client says when its first connection fails.
            if "connect" not in str(error).lower():
                raise
            raise self.down() from error
        self.breaker.worked()
        return answer

    async def _through_turnover(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """The answer to ``call``, made again while a run hands over to the next.

        Nothing has happened by then, and update ids make the repetition safe in any case.
        """
        while True:
            try:
                return await call(await self.client())
            except RPCError as error:
                if error.status != RPCStatusCode.FAILED_PRECONDITION:
                    raise
            await asyncio.sleep(TURNOVER_SECONDS)

    def down(self) -> TemporalDown:
        """Note that the server is down; to be raised."""
        self.breaker.failed()
        return TemporalDown(self.breaker.retry_after)

    async def alive(self, seconds: float) -> bool:
        """Whether the server answers a health check; bypasses the breaker, and sets it."""
        try:
            async with asyncio.timeout(seconds):
                client = await self.client()
                healthy = await client.service_client.check_health()
        except (TimeoutError, RPCError, RuntimeError):
            healthy = False
        if healthy:
            self.breaker.worked()
        else:
            self.breaker.failed()
        return healthy
