"""A real mail server on loopback, which can be told to misbehave."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session


class Postbox:
    """What the mail server received.

    ``answers`` are given first, one for each mail; the answer ``lost`` takes the mail and then
    drops the line, so that the sender cannot know; ``taken`` takes it and says nothing;
    ``hang`` says nothing at all.
    """

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: list[str] = []
        self.port = 0

    async def handle_DATA(  # noqa: N802 - the server's name for it
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.pop(0) if self.answers else "250 accepted"
        if answer == "hang":
            await asyncio.Event().wait()
        if answer in ("lost", "taken") or answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            mail: Any = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append(mail)
        if answer == "taken":
            await asyncio.Event().wait()
        if answer == "lost":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return answer


@pytest.fixture
async def postbox() -> AsyncIterator[Postbox]:
    """A mail server that keeps what it is given."""
    box = Postbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, loop=loop, hostname="mail.invalid"), "127.0.0.1", 0
    )
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()
