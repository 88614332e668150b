"""Telling a story over HTTP: who asks, for what, and what the answer is."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI

BASE = "/api/v1"
_keys = itertools.count(1)

REPORT: dict[str, Any] = {
    "caller": {"kind": "hospital", "unit": "第三人民医院"},
    "drug": "刺五加注射液",
    "people": "6人不适",
    "place": "第三人民医院",
}
"""A first report as short as they come."""

SERIOUS: dict[str, Any] = {
    "affected": 6,
    "severe": 6,
    "deaths": 3,
    "unexpected": True,
    "similar_symptoms": True,
    "clustered": True,
    "lots_close": True,
    "same_drug": True,
    "same_lot": True,
    "short_term": True,
    "similar_cases": True,
}
"""Findings that meet 附件1 二（一） and 二（二）."""

ORDINARY: dict[str, Any] = {**SERIOUS, "affected": 13, "severe": 0, "deaths": 0}
"""Findings that meet 附件1 四（一）."""


class Server(uvicorn.Server):
    """Uvicorn in this process, which leaves the signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """``app`` on a free port of loopback; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = uvicorn.Config(app, ws="none", log_level="warning", timeout_graceful_shutdown=1)
    server = Server(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            task.result()
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


class Api:
    """The API as seats use it."""

    def __init__(self, client: httpx.AsyncClient, tokens: dict[str, str], app: FastAPI) -> None:
        self.client = client
        self.tokens = tokens
        self.app = app

    def headers(self, seat: str | None, **more: str) -> dict[str, str]:
        """What ``seat`` sends along."""
        return ({"Authorization": f"Bearer {self.tokens[seat]}"} if seat else {}) | more

    async def get(self, path: str, seat: str | None = "duty", **more: Any) -> httpx.Response:
        """GET a path under the API's prefix, or an absolute one."""
        headers = self.headers(seat) | more.pop("headers", {})
        return await self.client.get(_url(path), headers=headers, **more)

    async def post(
        self, path: str, body: Any = None, seat: str | None = "duty", **more: Any
    ) -> httpx.Response:
        """POST a JSON body."""
        headers = self.headers(seat) | more.pop("headers", {})
        key = more.pop("key", None)
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            more["json"] = body
        return await self.client.post(_url(path), headers=headers, **more)

    async def open(self, seat: str = "duty", **facts: Any) -> str:
        """Take a first report; the incident's number, once it is on record."""
        answer = await self.post("/incidents", {**REPORT, **facts}, seat)
        assert answer.status_code == 201, answer.text
        incident: str = answer.json()["incident"]
        await self.on_record(incident, answer.json()["receipt"]["last"])
        return incident

    async def do(
        self, incident: str, command: str, body: dict[str, Any], seat: str = "duty", **more: Any
    ) -> dict[str, Any]:
        """Carry out a command that must succeed, and wait until it is on record."""
        answer = await self.post(f"/incidents/{incident}/{command}", body, seat, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        await self.on_record(incident, found["receipt"]["last"])
        return found

    async def answer_all(self, incident: str) -> None:
        """Every body acknowledges what it has been told, from its own seat."""
        for notice in (await self.state(incident))["notices"].values():
            if notice["acknowledged_at"] is None and notice["ended"] is None:
                body = {"notice": notice["id"]}
                await self.do(incident, "acknowledge-notice", body, notice["recipient"])

    async def on_record(self, incident: str, seq: int) -> None:
        """Return when PostgreSQL has the record up to ``seq``."""
        answer = await self.get(f"/incidents/{incident}", params={"min_seq": seq})
        assert answer.status_code == 200, answer.text

    async def state(self, incident: str, seat: str = "duty") -> dict[str, Any]:
        """The state as ``seat`` sees it."""
        answer = await self.get(f"/incidents/{incident}", seat)
        assert answer.status_code == 200, answer.text
        state: dict[str, Any] = answer.json()["state"]
        return state


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """``answer`` is the problem ``code``; its body."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["type"] == f"urn:yaoan:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["detail_en"]
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def key() -> str:
    """An idempotency key not used before."""
    return f"key-{next(_keys)}"


def _url(path: str) -> str:
    return (
        path
        if path.startswith(("/api/", "/healthz", "/readyz", "/docs", "/static", "/open", "/drill"))
        else BASE + path
    )
