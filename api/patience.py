"""Not waiting longer than it is worth, for what may come late or never."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from store.errors import Unavailable

T = TypeVar("T")

_left_behind: set[asyncio.Task[Any]] = set()
"""Tasks nobody waits for any more; held here, or they would be collected under way."""


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work`` if it comes within ``seconds``; else ``work`` goes on unheeded.

    Cancelling a query asks the database that hangs to end it, and hangs as well.

    Raises:
        Unavailable: it did not come in time.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        _left_behind.add(task)
        task.add_done_callback(_forget)
        raise Unavailable(f"no answer within {seconds:g} s")
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _left_behind.discard(task)
    if not task.cancelled():
        task.exception()
