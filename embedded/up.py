"""``yaoan up``: the stack at a terminal, one line for each event."""

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from datetime import datetime, timedelta, timezone

from embedded import ports
from embedded.problem import Problem
from embedded.stack import Options, Stack
from settings import DRILL

BEIJING = timezone(timedelta(hours=8))
SAME_REQUEST_SECONDS = 0.5
"""One request to stop may come twice: from the terminal's process group, and through make."""


def up(options: Options) -> int:
    """Run the stack until Ctrl-C or SIGTERM; returns the exit status."""
    os.umask(0o077)
    return asyncio.run(_run(options))


async def _run(options: Options) -> int:
    stack = Stack(options, report)
    stopping = asyncio.Event()

    loop = asyncio.get_running_loop()
    asked_at = 0.0

    def stop() -> None:
        nonlocal asked_at
        if not stopping.is_set():
            asked_at = loop.time()
            stopping.set()
        elif loop.time() - asked_at > SAME_REQUEST_SECONDS:
            stack.hurry()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    work = asyncio.ensure_future(_work(stack))
    asked = asyncio.ensure_future(stopping.wait())
    await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.is_set():
        report("yaoan", "stopping; once more to stop at once")
    work.cancel()
    asked.cancel()
    outcome = (await asyncio.gather(work, return_exceptions=True))[0]
    await stack.stop()
    if isinstance(outcome, Problem):
        print(f"yaoan: {outcome}", file=sys.stderr)
        return outcome.status
    if isinstance(outcome, Exception):
        # Not foreseen, so the whole story is worth more than a sentence.
        traceback.print_exception(outcome)
        return 1
    return 0


async def _work(stack: Stack) -> None:
    await stack.start()
    base = f"http://{ports.HOST}:{stack.api_port}"
    report("api", f"{base}/api/v1")
    report("openapi", f"{base}/docs")
    report("drill", f"{base}/{DRILL}/api/v1")
    report("temporal ui", f"http://{ports.HOST}:{stack.ui_port}")
    report("credentials", str(stack.folder.credentials))
    report("yaoan", "ready; Ctrl-C to stop")
    await stack.broken()


def report(name: str, event: str) -> None:
    """Print one event, at Beijing time."""
    now = datetime.now(BEIJING).strftime("%H:%M:%S")
    # Whoever read our lines may be gone; the stack goes on.
    with contextlib.suppress(OSError):
        print(f"{now}  {name:<11} {event}", flush=True)
