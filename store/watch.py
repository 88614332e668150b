"""Who waits for news: one LISTEN connection a process, however many wait.

A notification is a hint and never the truth: after a lost connection everybody who waits is
woken and looks for himself, so nothing that was missed meanwhile is lost.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import asyncpg

from store.pool import CONNECT_SECONDS, server_settings, translated

log = logging.getLogger(__name__)

CHANNEL = "yaoan_"
"""What the names of NOTIFY channels begin with; the space follows."""

HEARTBEAT_SECONDS = 10.0
"""How often the connection is asked for a sign of life."""

RETRY_MOST_SECONDS = 5.0
"""The longest wait between two attempts to connect again."""

Change = tuple[str, int]
"""An incident and the sequence to which it changed."""


class Watcher:
    """Listens for changes of one space's incidents and connects again when it has to.

    ``async with Watcher(url, space) as watcher`` or ``start`` and ``stop``. It starts also
    while PostgreSQL is down.
    """

    def __init__(self, database_url: str, space: str) -> None:
        self._url = database_url
        self._space = space
        self._task: asyncio.Task[None] | None = None
        self._listeners: set[Subscription] = set()
        self.connected = asyncio.Event()
        """Set while notifications arrive."""

    async def start(self) -> None:
        """Begin to listen, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"watch {self._space}")

    async def stop(self) -> None:
        """End listening; every iterator over changes ends."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        for listener in self._listeners:
            listener.close()

    async def __aenter__(self) -> "Watcher":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def subscribe(self) -> "Subscription":
        """What changes from now on; end it with ``close`` or by leaving its ``with``."""
        return Subscription(self._listeners)

    async def changes(self) -> AsyncIterator[Change]:
        """Every change from now on, until ``stop``; of a busy incident only the newest.

        After a lost connection an incident may have changed without being named here: a
        reader that must miss nothing asks the board for what is newer than it knows when
        ``("", 0)`` comes.
        """
        with self.subscribe() as changes:
            async for change in changes:
                yield change

    async def _run(self) -> None:
        wait = 0.1
        while True:
            try:
                async with translated():
                    conn = await self._connect()
                try:
                    wait = 0.1
                    await self._listen(conn)
                finally:
                    self.connected.clear()
                    conn.terminate()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # whatever broke the connection, the cure is another one
                log.warning("not listening for changes: %s", error)
            await asyncio.sleep(wait)
            wait = min(wait * 2, RETRY_MOST_SECONDS)

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            self._url,
            timeout=CONNECT_SECONDS,
            command_timeout=CONNECT_SECONDS,
            server_settings=server_settings(self._space, "yaoan watch"),
        )

    async def _listen(self, conn: "asyncpg.Connection[asyncpg.Record]") -> None:
        lost = asyncio.Event()
        conn.add_termination_listener(lambda _: lost.set())
        await conn.add_listener(CHANNEL + self._space, self._notified)
        self.connected.set()
        self._tell("", 0)
        while not lost.is_set():
            try:
                await asyncio.wait_for(lost.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                # A cut cable says nothing by itself.
                await conn.execute("SELECT 1")

    def _notified(self, conn: Any, pid: int, channel: str, payload: object) -> None:
        incident, seq = json.loads(str(payload))
        self._tell(str(incident), int(seq))

    def _tell(self, incident: str, seq: int) -> None:
        for listener in self._listeners:
            listener.put(incident, seq)


class Subscription:
    """Changes for one reader, who may be slow: of each incident only the newest is kept."""

    def __init__(self, listeners: set["Subscription"]) -> None:
        self._listeners = listeners
        self._waiting: dict[str, int] = {}
        self._news = asyncio.Event()
        self._closed = False
        listeners.add(self)

    def put(self, incident: str, seq: int) -> None:
        """Keep a change until it is read."""
        self._waiting[incident] = max(seq, self._waiting.get(incident, 0))
        self._news.set()

    def close(self) -> None:
        """Take no more changes, and end who iterates."""
        self._closed = True
        self._news.set()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._listeners.discard(self)

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Change:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        incident = next(iter(self._waiting))
        return incident, self._waiting.pop(incident)
