"""A webhook: signed JSON to a receiver of the county's own."""

import asyncio
import hashlib
import hmac
import json
import time
from datetime import datetime, timedelta

import httpx

from activities.channel import ChannelError, Outgoing
from settings import WebhookProvider

VERSION = "v1"
TOLERANCE = timedelta(minutes=5)
"""How far the clocks of sender and receiver may differ, and how long a copy can be replayed."""
ANSWER = 64 * 1024
"""Bytes of an answer that are read; there is no reason for more."""
LATER = frozenset({408, 425, 429})
"""The refusals among 4xx that time may mend."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of ``body`` as sent at ``timestamp``, seconds since 1970."""
    signed = timestamp.encode() + b"." + body
    return f"{VERSION}={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def verify(
    secret: str,
    timestamp: str,
    body: bytes,
    given: str,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> bool:
    """Whether a receiver at ``now`` may believe ``body``: what it has to check, no more.

    Args:
        timestamp: the header ``Yaoan-Timestamp`` as it came.
        given: the header ``Yaoan-Signature`` as it came.
        now: aware; the receiver's own clock.
    """
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        return False
    expected = signature(secret, timestamp, body)
    return hmac.compare_digest(expected.encode(), given.encode())


class WebhookChannel:
    """POSTs each message to one receiver."""

    def __init__(self, name: str, provider: WebhookProvider) -> None:
        """Send to the receiver that ``provider`` names."""
        self.name = name
        self._provider = provider
        # Reading the trusted certificates takes longer than a POST does.
        self._tls = httpx.create_ssl_context(trust_env=False)

    async def send(self, message: Outgoing) -> bool:
        """Hand the message over; an answer ``{"delivered": true}`` says that it was delivered."""
        try:
            async with asyncio.timeout(self._provider.timeout):
                status, answer = await self._post(message)
        # No cause is kept: it names the receiver's address.
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise ChannelError(type(error).__name__, retryable=True) from None
        if not 200 <= status < 300:
            raise ChannelError(
                f"the receiver answered {status}", retryable=status >= 500 or status in LATER
            )
        return _says_delivered(answer)

    async def _post(self, message: Outgoing) -> tuple[int, bytes]:
        body = payload(message)
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            # What is compressed has no known size.
            "Accept-Encoding": "identity",
            "Idempotency-Key": message.key,
            "Yaoan-Timestamp": timestamp,
            "Yaoan-Signature": signature(self._provider.secret.get_secret_value(), timestamp, body),
        }
        url = self._provider.url.get_secret_value()
        async with (
            httpx.AsyncClient(
                verify=self._tls,
                trust_env=False,
                follow_redirects=False,
                timeout=self._provider.timeout,
            ) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            answer = b""
            async for chunk in response.aiter_raw(ANSWER):
                answer += chunk
                if len(answer) >= ANSWER:
                    break
            return response.status_code, answer


def payload(message: Outgoing) -> bytes:
    """The body: the same bytes for every attempt."""
    return json.dumps(
        {
            "key": message.key,
            "space": message.space,
            "incident": message.incident,
            "message": message.message,
            "recipient": message.recipient,
            "contact": message.contact,
            "to": message.address,
            "statutory": message.statutory,
            "title": message.title.model_dump(),
            "text": message.text.model_dump(),
            "at": message.at.isoformat(),
            "link": message.link,
            "delivered": message.delivered,
        },
        ensure_ascii=False,
    ).encode()


def _says_delivered(answer: bytes) -> bool:
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("delivered") is True
