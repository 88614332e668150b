"""The watchdog of ``yaoan up``: there when the rest is not."""

import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.embedded.running import Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack whose watchdog looks every second."""
    data = tmp_path_factory.mktemp("watched") / "data"
    with Running(data, YAOAN_WATCHDOG_SECONDS="1") as stack:
        yield stack.ready()
        assert stack.stop() == 0


def own_metrics(running: Running) -> str:
    """What the watchdog's own port says."""
    found = re.search(r"metrics on (http://127\.0\.0\.1:\d+/metrics)", "\n".join(running.lines))
    assert found is not None, running.lines
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.get(found.group(1)).text


def logged(running: Running, event: str, kind: str, after: int = 0) -> dict[str, Any]:
    """Wait until the watchdog's log says ``event`` of ``kind`` past so many bytes."""
    deadline = time.monotonic() + 90
    path = Path(running.data) / "logs" / "watchdog.log"
    while time.monotonic() < deadline:
        for line in path.read_bytes()[after:].decode().splitlines(keepends=True):
            if line.endswith("\n"):
                entry: dict[str, Any] = json.loads(line)
                if entry["event"] == event and entry.get("kind") == kind:
                    return entry
        time.sleep(0.1)
    raise AssertionError(f"{event} {kind} was not said: {path.read_text()}")


def until(running: Running, words: str, seconds: float = 60) -> None:
    """Wait until the API's metrics hold a line."""
    deadline = time.monotonic() + seconds
    while words not in (said := running.get("/metrics").text):
        assert time.monotonic() < deadline, said
        time.sleep(0.2)


def test_it_is_started_last_and_finds_a_new_stack_well(running: Running) -> None:
    started = [line.split()[1] for line in running.lines if " started" in line]
    assert started[-1] == "watchdog"
    until(running, "yaoan_watchdog_last_run_timestamp_seconds")
    said = running.get("/metrics").text
    findings = re.findall(r'yaoan_watchdog_findings\{kind="(\w+)"\} (\S+)', said)
    assert len(findings) > 10
    assert {value for _, value in findings} == {"0.0"}, said


def test_it_is_light(running: Running) -> None:
    assert running.child("watchdog").memory_info().rss < 150e6


def test_killed_it_comes_back_and_looks_again(running: Running) -> None:
    killed = running.child("watchdog")
    killed.kill()
    running.said("watchdog    ended (SIGKILL); starting it again")
    running.said("watchdog    runs again")
    assert running.child("watchdog").pid != killed.pid
    assert "yaoan_watchdog_findings" in own_metrics(running)


def test_it_says_so_when_temporal_hangs_and_the_worker_is_dead(running: Running) -> None:
    seen = (Path(running.data) / "logs" / "watchdog.log").stat().st_size
    temporal = running.child("temporal")
    temporal.suspend()
    try:
        running.child("worker").send_signal(signal.SIGKILL)
        assert logged(running, "wrong", "temporal", seen)["level"] == "error"
        # PostgreSQL lives, so whoever scrapes the API hears of it too.
        until(running, 'yaoan_watchdog_findings{kind="temporal"} 1.0')
        assert 'yaoan_watchdog_findings{kind="temporal"} 1.0' in own_metrics(running)
        assert "yaoan_watchdog_complete 0.0" in own_metrics(running)
    finally:
        temporal.resume()
    running.said("worker      runs again")
    assert logged(running, "well again", "temporal", seen)["level"] == "info"
    until(running, 'yaoan_watchdog_findings{kind="temporal"} 0.0')


def test_it_goes_on_while_postgresql_is_away(running: Running) -> None:
    seen = (Path(running.data) / "logs" / "watchdog.log").stat().st_size
    server = running.child("postgresql")
    below = [server, *server.children(recursive=True)]
    for process in below:
        process.suspend()
    try:
        assert logged(running, "wrong", "postgresql", seen)["level"] == "error"
        assert 'yaoan_watchdog_findings{kind="postgresql"} 1.0' in own_metrics(running)
    finally:
        for process in reversed(below):
            process.resume()
    logged(running, "well again", "postgresql", seen)
