"""Children are started, restarted, given up and ended as promised, with real programs."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from embedded import processes
from embedded.problem import Problem
from embedded.supervisor import Patience, Program, Supervisor

STEADY = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("at work", flush=True)
pathlib.Path(sys.argv[1]).touch()
time.sleep(300)
"""
STUBBORN = STEADY.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")
HOPELESS = "import sys; print('no such county'); sys.exit(7)"
ROOT = Path(__file__).resolve().parents[2]


class Events(list[tuple[str, str]]):
    """What the supervisor reported."""

    def __call__(self, name: str, event: str) -> None:
        self.append((name, event))

    async def said(self, words: str, times: int = 1) -> None:
        """Wait until something has been reported so many times."""
        async with asyncio.timeout(20):
            while sum(words in event for _, event in self) < times:
                await asyncio.sleep(0.01)


def program(folder: Path, source: str, name: str = "dummy", **options: float) -> Program:
    """A child that runs ``source``, and touches a file when it is at work."""
    return Program(
        name=name,
        command=[sys.executable, "-c", source, str(folder / f"{name}.ready")],
        log=folder / f"{name}.log",
        **options,  # type: ignore[arg-type]
    )


async def at_work(path: Path) -> None:
    """Wait for the child's file, and take it away for the next time."""
    while not path.exists():
        await asyncio.sleep(0.01)
    path.unlink()


async def test_a_lesser_part_that_fails_for_ever_takes_nobody_with_it(tmp_path: Path) -> None:
    events = Events()
    hasty = Patience(first_pause=0.01, longest_pause=0.01, deaths=1, window=0.02)
    supervisor = Supervisor(tmp_path, events, hasty)
    await supervisor.start(program(tmp_path, STEADY), lambda: at_work(tmp_path / "dummy.ready"), 20)

    async def never() -> None:
        await asyncio.Event().wait()

    async def odd() -> None:
        raise ZeroDivisionError("nobody foresaw this")

    # It dies, it never gets ready, its readiness fails in a way of its own, it is not there.
    supervisor.maintain(program(tmp_path, HOPELESS, "hopeless"), never, 20)
    supervisor.maintain(program(tmp_path, STEADY, "slow"), never, 0.05)
    supervisor.maintain(program(tmp_path, STEADY, "odd"), odd, 20)
    lost = program(tmp_path, STEADY, "lost")
    supervisor.maintain(replace(lost, log=tmp_path / "nowhere" / "log"), never, 20)
    for words in ("no such county", "slow was not ready within", "nobody foresaw", "No such file"):
        await events.said(words, times=3)
    assert not supervisor.failed.done()
    assert supervisor.pid("dummy") is not None
    assert ("dummy", "runs again") not in events
    await supervisor.stop()
    assert list(tmp_path.glob("*.json")) == []


async def test_a_lesser_part_comes_back_and_is_ended_first(tmp_path: Path) -> None:
    events = Events()
    supervisor = Supervisor(tmp_path, events)
    await supervisor.start(program(tmp_path, STEADY), lambda: at_work(tmp_path / "dummy.ready"), 20)
    lesser = program(tmp_path, STEADY, "lesser")
    supervisor.maintain(lesser, lambda: at_work(tmp_path / "lesser.ready"), 20)
    await events.said("runs")
    first = supervisor.pid("lesser")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await events.said("runs again")
    assert supervisor.pid("lesser") not in (None, first)
    await supervisor.stop()
    assert [name for name, event in events if event == "stopped"] == ["lesser", "dummy"]


async def test_restarts_what_was_killed_and_ends_it_in_the_end(tmp_path: Path) -> None:
    events = Events()
    supervisor = Supervisor(tmp_path, events)
    await supervisor.start(program(tmp_path, STEADY), lambda: at_work(tmp_path / "dummy.ready"), 20)
    first = supervisor.pid("dummy")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await events.said("runs again")
    second = supervisor.pid("dummy")
    assert second not in (None, first)
    await supervisor.stop()
    assert events == [
        ("dummy", "ended (SIGKILL); starting it again in 0.25 s"),
        ("dummy", "runs again"),
        ("dummy", "stopped"),
    ]
    assert second is not None
    assert not psutil.pid_exists(second)
    assert list(tmp_path.glob("*.json")) == []


async def test_gives_up_after_so_many_deaths(tmp_path: Path) -> None:
    events = Events()
    patience = Patience(first_pause=0.01, longest_pause=0.05, deaths=2)
    supervisor = Supervisor(tmp_path, events, patience)
    await supervisor.start(program(tmp_path, STEADY), lambda: at_work(tmp_path / "dummy.ready"), 20)
    for death in range(1, 4):
        pid = supervisor.pid("dummy")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        if death < 3:
            await events.said("runs again", death)
    with pytest.raises(Problem, match="dummy has ended 3 times within 60 s") as problem:
        await asyncio.wait_for(supervisor.failed, 20)
    assert problem.value.status == 1
    await supervisor.stop()


async def test_gives_up_when_the_folder_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    supervisor = Supervisor(tmp_path, Events())
    child = await supervisor.start(
        program(folder, STEADY), lambda: at_work(folder / "dummy.ready"), 20
    )
    shutil.rmtree(folder)
    child.signal(signal.SIGKILL)
    with pytest.raises(Problem, match=r"dummy cannot be started again: No such file"):
        await asyncio.wait_for(supervisor.failed, 20)
    await supervisor.stop()


async def test_an_error_in_the_keeping_is_not_swallowed(tmp_path: Path) -> None:
    ready = [at_work(tmp_path / "dummy.ready")]  # a second time there is none
    supervisor = Supervisor(tmp_path, Events())
    child = await supervisor.start(program(tmp_path, STEADY), lambda: ready.pop(), 20)
    child.signal(signal.SIGKILL)
    with pytest.raises(IndexError):
        await asyncio.wait_for(supervisor.failed, 20)
    await supervisor.stop()


async def test_says_why_a_child_did_not_start(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Events())
    with pytest.raises(Problem, match=r"ended \(status 7\) before it was ready.*no such county"):
        await supervisor.start(program(tmp_path, HOPELESS), asyncio.Event().wait, 20)  # type: ignore[arg-type]
    await supervisor.stop()


async def test_says_when_a_child_is_never_ready(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Events())
    with pytest.raises(Problem, match=r"dummy was not ready within 0 s"):
        await supervisor.start(program(tmp_path, STEADY), asyncio.Event().wait, 0.2)  # type: ignore[arg-type]
    pid = supervisor.pid("dummy")
    assert pid is not None
    await supervisor.stop()
    assert not psutil.pid_exists(pid)


async def test_a_missing_program_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Events())
    missing = Program(name="dummy", command=["/nowhere/program"], log=tmp_path / "log")
    with pytest.raises(Problem, match="/nowhere/program: No such file or directory"):
        await supervisor.start(missing, asyncio.Event().wait, 20)  # type: ignore[arg-type]
    await supervisor.stop()


async def test_ends_the_last_started_first_and_kills_the_stubborn(tmp_path: Path) -> None:
    events = Events()
    supervisor = Supervisor(tmp_path, events)
    for name, source in (("first", STEADY), ("second", STUBBORN)):
        await supervisor.start(
            program(tmp_path, source, name, stop_seconds=0.3),
            lambda name=name: at_work(tmp_path / f"{name}.ready"),  # type: ignore[misc]
            20,
        )
    await supervisor.stop()
    assert events == [
        ("second", "did not end in time and was killed"),
        ("second", "stopped"),
        ("first", "stopped"),
    ]


async def test_in_a_hurry_nobody_is_waited_for(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, Events())
    await supervisor.start(
        program(tmp_path, STUBBORN, stop_seconds=300),
        lambda: at_work(tmp_path / "dummy.ready"),
        20,
    )
    supervisor.hurry()
    async with asyncio.timeout(10):
        await supervisor.stop()


ORPHANING = """
import asyncio, pathlib, sys
from embedded.supervisor import Program, Supervisor
async def main():
    folder = pathlib.Path(sys.argv[1])
    async def ready():
        while not (folder / "ready").exists():
            await asyncio.sleep(0.01)
    command = [sys.executable, "-c", sys.argv[2], str(folder / "ready")]
    supervisor = Supervisor(folder, print)
    child = await supervisor.start(Program("dummy", command, folder / "log"), ready, 20)
    print(child.pid, flush=True)
    await asyncio.sleep(300)
asyncio.run(main())
"""


def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANING, str(tmp_path), STUBBORN],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as supervisor:
        assert supervisor.stdout is not None
        child = psutil.Process(int(supervisor.stdout.readline()))
        supervisor.kill()
    child.wait(10)


def test_leftovers_are_ended_and_strangers_are_not(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper) as ours, subprocess.Popen(sleeper) as stranger:
        try:
            processes.record(tmp_path, "worker", ours.pid)
            # A process id that was used again: same number, another beginning.
            (tmp_path / "api.json").write_text(f'{{"pid": {stranger.pid}, "begun": 1.0}}')
            (tmp_path / "temporal.json").write_text("not json")
            assert processes.end_leftovers(tmp_path) == ["worker"]
            assert not psutil.pid_exists(ours.pid)
            assert stranger.poll() is None
        finally:
            ours.kill()
            stranger.kill()
    assert list(tmp_path.iterdir()) == []
