"""Records of our children, to end what a killed supervisor may have left behind."""

import contextlib
import json
import signal
from pathlib import Path

import psutil

from embedded.problem import Problem

SAME_START_SECONDS = 2.0
"""Process ids are used again; one that began at another moment is another process."""


def record(folder: Path, name: str, pid: int) -> None:
    """Remember a child, by its id and the moment it began."""
    with contextlib.suppress(psutil.NoSuchProcess):
        begun = psutil.Process(pid).create_time()
        (folder / f"{name}.json").write_text(json.dumps({"pid": pid, "begun": begun}))


def forget(folder: Path, name: str) -> None:
    """Forget a child that has ended."""
    (folder / f"{name}.json").unlink(missing_ok=True)


def end_leftovers(folder: Path, patience: float = 15.0) -> list[str]:
    """End children of an earlier supervisor that still live; returns their names.

    On Linux the kernel ends them with their supervisor; elsewhere nobody does. ``patience``
    is in seconds. Raises ``Problem`` for one that cannot be ended.
    """
    ended: list[str] = []
    for path in sorted(folder.glob("*.json")):
        process = _still_running(path)
        if process is not None:
            _end(process, path.stem, patience)
            ended.append(path.stem)
        path.unlink(missing_ok=True)
    return ended


def _still_running(path: Path) -> psutil.Process | None:
    try:
        known = json.loads(path.read_text())
        process = psutil.Process(int(known["pid"]))
        same = abs(process.create_time() - float(known["begun"])) < SAME_START_SECONDS
        alive = same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, KeyError, TypeError):
        return None
    return process if alive else None


def _end(process: psutil.Process, name: str, patience: float) -> None:
    try:
        # PostgreSQL takes SIGINT as "now, and cleanly"; to SIGTERM it would wait for clients.
        process.send_signal(signal.SIGINT if name == "postgresql" else signal.SIGTERM)
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience)
    except psutil.NoSuchProcess:
        return
    except (psutil.AccessDenied, psutil.TimeoutExpired):
        raise Problem(
            f"{name} of an earlier start still runs (process {process.pid}) and cannot be "
            "ended from here: end it, then start again."
        ) from None
