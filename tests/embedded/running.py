"""``yaoan up`` as a process of its own, as people run it."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

YAOAN = Path(sys.executable).with_name("yaoan")
PARTS = ["postgresql", "temporal", "worker", "api", "watchdog"]
DRILL_PARTS = ["temporal-drill", "worker-drill"]
ANY_PORTS = ["--api-port", "0", "--temporal-port", "0", "--ui-port", "0", "--pg-port", "0"]


class Running:
    """A running ``yaoan up`` on ``data``; every line it prints is kept in ``lines``."""

    def __init__(self, data: Path, *options: str, **environment: str) -> None:
        self.data = data
        self.lines: list[str] = []
        self._new: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [str(YAOAN), "up", "--data", str(data), *ANY_PORTS, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "YAOAN_DATA"}
            | environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._new.put(line.rstrip())

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, also when a test has failed."""
        if self.process.poll() is None:
            self.stop(signal.SIGKILL)

    def said(self, words: str, seconds: float = 180) -> str:
        """Wait for a line that was not seen before and holds ``words``."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._new.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"“{words}” was not said: {self.lines}") from None
            self.lines.append(line)
            if words in line:
                return line

    def ready(self) -> "Running":
        """Wait until everything runs."""
        self.said("ready; Ctrl-C to stop")
        return self

    def drilling(self) -> "Running":
        """Wait until the drill space runs as well, which comes after the others."""
        for part in DRILL_PARTS:
            words = f"{part} runs"
            if not any(words in line for line in self.lines):
                self.said(words)
        return self

    @property
    def api(self) -> str:
        """The API's address, as printed."""
        found = re.search(r"(http://\S+)/api/v1", "\n".join(self.lines))
        assert found is not None, self.lines
        return found.group(1)

    def get(self, path: str, token: str | None = None) -> httpx.Response:
        """GET from the API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(trust_env=False, timeout=20, headers=headers) as client:
            return client.get(self.api + path)

    def post(self, path: str, token: str, key: str, body: object) -> httpx.Response:
        """POST to the API."""
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
        with httpx.Client(trust_env=False, timeout=20, headers=headers) as client:
            return client.post(self.api + path, json=body)

    def token(self, seat: str) -> str:
        """The token of a seat."""
        return next(one["token"] for one in self.credentials() if one["seat"] == seat)

    def credentials(self) -> list[dict[str, str]]:
        """What ``credentials.json`` holds."""
        content: dict[str, Any] = json.loads((self.data / "credentials.json").read_text())
        found: list[dict[str, str]] = content["credentials"]
        return found

    def child(self, name: str) -> psutil.Process:
        """One of the stack's parts."""
        record = json.loads((self.data / "run" / f"{name}.json").read_text())
        return psutil.Process(int(record["pid"]))

    def children(self) -> list[psutil.Process]:
        """Everything below it, PostgreSQL's own children among them."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(90)
        self._reader.join(10)
        while not self._new.empty():
            self.lines.append(self._new.get())
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status
