"""A real HTTP server on loopback, which can be told to misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    """What a caller sent."""

    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """What the server received.

    ``answers`` are given first, one for each request: bytes as they are sent, ``hang`` to say
    nothing until the server ends, ``drip`` to send headers and then a byte now and then for
    ever, ``flood`` to send more than anybody wants.
    """

    port: int = 0
    answers: list[bytes | str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    flooded: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request and answer it."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            raw = dict(line.split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.requests.append(
                Request(head[0].split()[1], {name.lower(): raw[name] for name in raw}, body)
            )
            answer = self.answers.pop(0) if self.answers else reply(200)
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
                return
            if answer == "hang":
                await reader.read()
                return
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                writer.write(b" " if answer == "drip" else b" " * 65536)
                await writer.drain()
                if answer == "drip":
                    await asyncio.sleep(0.02)
                else:
                    self.flooded += 65536
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def reply(status: int, body: str = "{}", *headers: str) -> bytes:
    """An answer of HTTP."""
    content = body.encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A server while the block runs."""
    receiver = Receiver()
    handling: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handling.add(asyncio.ensure_future(receiver.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in handling:
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
