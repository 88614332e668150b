"""Children that are started in order, restarted when they die, and ended in reverse order."""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded import processes
from embedded.problem import Problem
from embedded.user import User, launched

Ready = Callable[[], Awaitable[None]]
Report = Callable[[str, str], None]


@dataclass(frozen=True)
class Patience:
    """How deaths are borne; all times in seconds.

    The pause before the next start doubles from ``first_pause`` to ``longest_pause``. More
    than ``deaths`` deaths within ``window``, and the stack gives up.
    """

    first_pause: float = 0.25
    longest_pause: float = 8.0
    deaths: int = 5
    window: float = 60.0


@dataclass(frozen=True)
class Program:
    """A program to run as a child, and how to end it.

    ``orphan_signal`` is what the kernel sends should we die without a word; everything here
    survives a SIGKILL, PostgreSQL spares itself the recovery with SIGINT.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    orphan_signal: signal.Signals = signal.SIGKILL
    user: User | None = None
    inherit: Sequence[int] = ()
    """File descriptors that the child keeps under the same numbers."""


class Child:
    """One running program, seen by the supervisor."""

    def __init__(self, program: Program, records: Path) -> None:
        self.program = program
        self._records = records
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Start the program in a process group of its own, so that Ctrl-C reaches only us."""
        program = self.program
        with program.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *launched(program.command, program.user, program.orphan_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(program.env),
                cwd=program.cwd,
                start_new_session=True,
                pass_fds=tuple(program.inherit),
            )
        processes.record(self._records, program.name, self._process.pid)

    async def ended(self) -> int:
        """Wait for its end; returns the exit status, negative for a signal."""
        assert self._process is not None  # noqa: S101 - only started children are awaited
        status = await self._process.wait()
        processes.forget(self._records, self.program.name)
        return status

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program, if it runs."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def last_words(self) -> str:
        """The last line of its log that says something, shortened."""
        with contextlib.suppress(OSError), self.program.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 8192))
            for line in reversed(log.read().decode(errors="replace").splitlines()):
                if line.strip():
                    return line.strip()[:300]
        return "nothing"


class Supervisor:
    """Starts children, keeps them running, and ends them last-started first.

    ``report`` is called with a name and an event. ``failed`` is done, with a ``Problem`` of
    status 1, when a child has died too often.
    """

    def __init__(self, records: Path, report: Report, patience: Patience | None = None) -> None:
        self._records = records
        self._report = report
        self._patience = patience or Patience()
        self._children: list[Child] = []
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._hurry = asyncio.Event()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, program: Program, ready: Ready, seconds: float) -> Child:
        """Start a child and wait until it is ready; from then on it is kept running.

        ``ready`` returns when the child can be used, and is given up after ``seconds``.
        Raises ``Problem`` when the child ends or is not ready by then.
        """
        child = Child(program, self._records)
        self._children.append(child)
        await child.start()
        ended = asyncio.ensure_future(child.ended())
        await self._until_ready(child, ended, ready, seconds)
        keeper = asyncio.create_task(self._keep(child, ended, ready, seconds))
        keeper.add_done_callback(self._unkept)
        self._keepers[program.name] = keeper
        return child

    def maintain(self, program: Program, ready: Ready, seconds: float) -> None:
        """Run a child that nothing else stands on: at once, and again for ever.

        However it fails, it is reported and tried again, ever more seldom, and takes nobody with
        it; ``failed`` knows nothing of it. ``ready`` and ``seconds`` are as for ``start``.
        """
        child = Child(program, self._records)
        self._children.append(child)
        maintaining = self._maintain(child, ready, seconds)
        self._keepers[program.name] = asyncio.create_task(maintaining)

    async def stop(self) -> None:
        """End all children, last-started first; returns when none is left."""
        for child in reversed(self._children):
            keeper = self._keepers.pop(child.program.name, None)
            if keeper is not None:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
            if child.pid is not None:
                await self._end(child)
        self._children.clear()
        if not self.failed.done():
            self.failed.cancel()

    def hurry(self) -> None:
        """Someone asked twice: end what is still running without waiting for it."""
        self._hurry.set()

    def pid(self, name: str) -> int | None:
        """The process id of a child, None when it does not run."""
        for child in self._children:
            if child.program.name == name:
                return child.pid
        return None

    async def _until_ready(
        self, child: Child, ended: asyncio.Future[int], ready: Ready, seconds: float
    ) -> None:
        program = child.program
        waiting = asyncio.ensure_future(ready())
        try:
            both: set[asyncio.Future[Any]] = {waiting, ended}
            await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            what = (
                f"ended ({describe(ended.result())}) before it was ready"
                if ended.done()
                else f"was not ready within {seconds:.0f} s"
            )
        finally:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        raise Problem(
            f"{program.name} {what}; its last words: “{child.last_words()}”; "
            f"all of them are in {program.log}."
        )

    async def _keep(
        self, child: Child, ended: asyncio.Future[int], ready: Ready, seconds: float
    ) -> None:
        """Restart the child whenever it dies, until it does so too often."""
        name = child.program.name
        patience = self._patience
        deaths: deque[float] = deque(maxlen=patience.deaths + 1)
        pause = patience.first_pause
        while True:
            how = describe(await ended)
            now = time.monotonic()
            if deaths and now - deaths[-1] > patience.window:
                pause = patience.first_pause
            deaths.append(now)
            if len(deaths) > patience.deaths and now - deaths[0] < patience.window:
                self._give_up(
                    f"{name} has ended {len(deaths)} times within {patience.window:.0f} s, the "
                    f"last time with {how}; its last words: “{child.last_words()}”; all of "
                    f"them are in {child.program.log}."
                )
                return
            self._report(name, f"ended ({how}); starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, patience.longest_pause)
            try:
                await child.start()
            except OSError as error:
                self._give_up(
                    f"{name} cannot be started again: {error.strerror} ({error.filename})."
                )
                return
            ended = asyncio.ensure_future(child.ended())
            try:
                await self._until_ready(child, ended, ready, seconds)
            except Problem as problem:
                if not ended.done():
                    self._give_up(str(problem))
                    return
            else:
                self._report(name, "runs again")

    async def _maintain(self, child: Child, ready: Ready, seconds: float) -> None:
        """Start the child whenever it does not run; the pause grows as long as the window."""
        patience = self._patience
        pause, runs = patience.first_pause, "runs"
        while True:
            begun = time.monotonic()
            try:
                await child.start()
                ended = asyncio.ensure_future(child.ended())
                await self._until_ready(child, ended, ready, seconds)
                self._report(child.program.name, runs)
                runs = "runs again"
                how = f"ended ({describe(await ended)})"
            except Exception as error:  # whatever it is, the others go on
                how = f"cannot be used: {error}"
                child.signal(signal.SIGKILL)
                if child.pid is not None:
                    await child.ended()
            if time.monotonic() - begun > patience.window:
                pause = patience.first_pause
            self._report(child.program.name, f"{how}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, patience.window)

    def _unkept(self, keeper: asyncio.Task[None]) -> None:
        """A child that nobody keeps any more must not go unnoticed."""
        if not keeper.cancelled() and (error := keeper.exception()) and not self.failed.done():
            self.failed.set_exception(error)

    def _give_up(self, sentence: str) -> None:
        if not self.failed.done():
            self.failed.set_exception(Problem(sentence, status=1))

    async def _end(self, child: Child) -> None:
        program = child.program
        child.signal(program.stop_signal)
        ended = asyncio.ensure_future(child.ended())
        hurried = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait(
            {ended, hurried},
            timeout=program.stop_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        hurried.cancel()
        if not ended.done():
            child.signal(signal.SIGKILL)
            self._report(program.name, "did not end in time and was killed")
        await ended
        self._report(program.name, "stopped")


def describe(status: int) -> str:
    """An exit status in words: ``status 3`` or ``SIGKILL``."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
