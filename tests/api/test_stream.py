"""Server-sent events: which incident changed to which sequence."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api.routes import stream
from tests.api.driver import Api

Message = dict[str, Any]


@asynccontextmanager
async def listening(api: Api, seat: str, **headers: str) -> AsyncIterator[AsyncIterator[Message]]:
    """The messages that ``seat`` receives."""
    sent = api.headers(seat, **headers)
    async with api.client.stream("GET", "/api/v1/stream", headers=sent) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield _messages(answer.aiter_lines())


async def _messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    found: Message = {}
    async for line in lines:
        if line.startswith(":"):
            yield {"comment": line}
        elif line:
            name, _, value = line.partition(": ")
            found[name] = json.loads(value) if name == "data" else value
        elif found:
            yield found
            found = {}


async def _until(messages: AsyncIterator[Message], incident: str) -> Message:
    async with asyncio.timeout(10):
        async for message in messages:
            if message.get("data", {}).get("incident") == incident:
                return message
    raise AssertionError("the stream ended")


async def test_a_change_is_told_with_its_sequence(api: Api) -> None:
    async with listening(api, "duty") as messages:
        first = await anext(messages)
        assert (first["event"], first["data"]) == ("sync", {"reason": "start"})
        incident = await api.open()
        told = await _until(messages, incident)
        assert told["event"] == "changed"
        assert told["id"] == f"{incident}:{told['data']['seq']}"
        assert set(told["data"]) == {"incident", "seq"}, "nothing but where to look"


@pytest.mark.parametrize("last", ["GQ-1:5", "", "nonsense", "甲".encode().decode("latin-1")])
async def test_whoever_was_away_is_asked_to_fetch_anew(api: Api, last: str) -> None:
    headers = {"Last-Event-ID": last} if last.isascii() else {}
    async with listening(api, "duty", **headers) as messages:
        assert (await anext(messages))["event"] == "sync"


async def test_a_reporter_hears_of_its_own_incidents_alone(api: Api) -> None:
    async with listening(api, "reporter") as messages:
        other = await api.open("duty")
        own = await api.open("reporter")
        heard: list[str] = []
        async with asyncio.timeout(10):
            async for message in messages:
                if message.get("event") == "changed":
                    heard.append(message["data"]["incident"])
                    if own in heard:
                        break
        assert other not in heard


async def test_the_connection_is_kept_alive(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.2)
    async with listening(api, "observer") as messages, asyncio.timeout(5):
        async for message in messages:
            if "comment" in message:
                break
