"""The webhook as its receiver sees it: what comes, how it is believed, and how failures end."""

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.channel import ChannelError
from activities.outward.webhook import ANSWER, WebhookChannel, payload, signature, verify
from settings import WebhookProvider
from tests.activities.receiver import Receiver, receiving, reply
from tests.activities.sending import LINK, MESSAGE, message

SECRET = "shared-between-the-two"
NOW = datetime(2026, 1, 31, 6, 33, tzinfo=UTC)
AT_NOW = str(int(NOW.timestamp()))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback."""
    async with receiving() as server:
        yield server


def channel(receiver: Receiver, **changes: Any) -> WebhookChannel:
    values: dict[str, Any] = {"url": f"{receiver.url}/hook", "secret": SECRET, "timeout": 5}
    return WebhookChannel("hook", WebhookProvider.model_validate({**values, **changes}))


async def failure(webhook: WebhookChannel) -> ChannelError:
    with pytest.raises(ChannelError) as failed:
        await webhook.send(MESSAGE)
    # Temporal keeps the causes of a failure, and those hold addresses.
    assert failed.value.__cause__ is None
    return failed.value


async def test_the_receiver_gets_everything_and_can_believe_it(receiver: Receiver) -> None:
    assert await channel(receiver).send(MESSAGE) is False

    (request,) = receiver.requests
    assert request.target == "/hook"
    assert request.json() == {
        "key": "GQ-20260131-7K2M:m4:health-duty",
        "space": "incidents",
        "incident": "GQ-20260131-7K2M",
        "message": "m4",
        "recipient": "county-health",
        "contact": "health-duty",
        "to": "duty@health.invalid",
        "statutory": True,
        "title": {"zh": "立即开展医疗救治", "en": "Start medical rescue at once"},
        "text": {"zh": "请立即组织医疗救治。(6.3)", "en": "Start medical rescue at once. (6.3)"},
        "at": "2026-01-31T06:32:00+00:00",
        "link": LINK,
        "delivered": "https://yaoan.county.invalid/d/eyJrIjoxfQ.sig",
    }
    assert request.headers["idempotency-key"] == MESSAGE.key
    assert request.headers["content-type"] == "application/json"
    assert verify(
        SECRET,
        request.headers["yaoan-timestamp"],
        request.body,
        request.headers["yaoan-signature"],
        datetime.now(UTC),
    )


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": "another-secret-entirely"},
        {"timestamp": str(int(AT_NOW) + 1)},
        {"body": b'{"a": 2}'},
        {"given": "v1=" + "0" * 64},
        {"given": signature(SECRET, AT_NOW, b'{"a": 1}').removeprefix("v1=")},
        {"given": "签名"},
        {"timestamp": ""},
        {"timestamp": "-1"},
        {"timestamp": "９" * 10},
        {"timestamp": "9" * 400},
        {"now": NOW + timedelta(minutes=5, seconds=1)},
        {"now": NOW - timedelta(minutes=5, seconds=1)},
    ],
)
def test_what_is_forged_or_stale_is_not_believed(forged: dict[str, Any]) -> None:
    honest: dict[str, Any] = {
        "secret": SECRET,
        "timestamp": AT_NOW,
        "body": b'{"a": 1}',
        "given": signature(SECRET, AT_NOW, b'{"a": 1}'),
        "now": NOW + timedelta(minutes=5),
    }
    assert verify(**honest)
    assert not verify(**{**honest, **forged})


def test_the_signature_is_what_the_page_says() -> None:
    """Receivers are written from docs/channels.md; this value must never change."""
    assert signature("0123456789abcdef", "1769841120", b'{"key":"k"}') == (
        "v1=1bed4b57b314baeb6bc562fbae766fe6efb2638f7e4b379c5e6eed3ed5759b2f"
    )


async def test_a_receiver_can_say_that_it_was_delivered(receiver: Receiver) -> None:
    receiver.answers = [
        reply(200, '{"delivered": true}'),
        reply(202, '{"delivered": true}'),
        reply(200, '{"delivered": "true"}'),
        reply(202),
    ]
    webhook = channel(receiver)

    assert [await webhook.send(MESSAGE) for _ in range(4)] == [True, True, False, False]


@pytest.mark.parametrize("said", ["", "OK", "[" * 3000, "[true]", "\x00\xff", '{"delivered": 1}'])
async def test_garbage_is_accepted_as_an_answer_and_says_nothing(
    receiver: Receiver, said: str
) -> None:
    receiver.answers = [reply(200, said)]

    assert await channel(receiver).send(MESSAGE) is False


async def test_a_copy_has_the_same_bytes_and_key(receiver: Receiver) -> None:
    """The receiver took it but its answer was lost: it can tell the second from a new one."""
    receiver.answers = [b""]
    webhook = channel(receiver)

    assert (await failure(webhook)).retryable
    await webhook.send(MESSAGE)

    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


async def test_an_answer_given_twice_counts_once(receiver: Receiver) -> None:
    receiver.answers = [reply(200, '{"delivered": true}') + reply(500)]
    webhook = channel(receiver)

    assert await webhook.send(MESSAGE) is True
    assert await webhook.send(MESSAGE) is False, "the second answer was kept for the next message"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_time_may_mend_is_tried_again(receiver: Receiver, status: int) -> None:
    receiver.answers = [reply(status)]

    failed = await failure(channel(receiver))
    assert failed.retryable
    assert str(status) in str(failed)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
async def test_what_time_does_not_mend_is_final(receiver: Receiver, status: int) -> None:
    receiver.answers = [reply(status)]

    assert not (await failure(channel(receiver))).retryable


async def test_nothing_follows_a_redirect(receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        receiver.answers = [reply(307, "", f"Location: {elsewhere.url}/hook")]

        failed = await failure(channel(receiver))
        assert not failed.retryable
        assert elsewhere.requests == []


@pytest.mark.parametrize("answer", ["hang", "drip"])
async def test_a_receiver_that_hangs_is_cut_off(receiver: Receiver, answer: str) -> None:
    """One that drips sends something before every time limit of the line, and never ends."""
    receiver.answers = [answer]
    began = time.monotonic()

    async with asyncio.timeout(10):
        failed = await failure(channel(receiver, timeout=0.4))
    assert failed.retryable
    assert "Timeout" in str(failed)
    assert time.monotonic() - began < 4


async def test_no_more_is_read_of_an_answer_than_makes_sense(receiver: Receiver) -> None:
    receiver.answers = ["flood"]

    async with asyncio.timeout(10):
        assert await channel(receiver).send(MESSAGE) is False
    assert receiver.flooded < 256 * ANSWER


@pytest.mark.parametrize(
    "answer", [b"this is no HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n"]
)
async def test_what_is_no_http_is_tried_again(receiver: Receiver, answer: bytes) -> None:
    receiver.answers = [answer]

    assert (await failure(channel(receiver))).retryable


async def test_nobody_listening_is_tried_again(receiver: Receiver, unused_tcp_port: int) -> None:
    webhook = channel(receiver, url=f"http://127.0.0.1:{unused_tcp_port}/hook")

    assert (await failure(webhook)).retryable


async def test_no_proxy_of_the_environment_sees_a_message(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        await channel(receiver).send(MESSAGE)
        assert proxy.requests == []
    assert len(receiver.requests) == 1


async def test_neither_address_nor_secret_is_shown(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a robot's token stands in its address, an address is a credential."""
    caplog.set_level("DEBUG")
    webhook = channel(
        receiver, url=f"http://county:pass-w0rd@127.0.0.1:{receiver.port}/hook?token=t0ken"
    )
    receiver.answers = [reply(503), b"", "hang", reply(200)]
    shown = [repr(webhook), repr(vars(webhook))]
    for _ in range(2):
        shown += traceback.format_exception(await failure(webhook))
    slow = channel(receiver, url=webhook._provider.url.get_secret_value(), timeout=0.3)
    shown += traceback.format_exception(await failure(slow))
    await webhook.send(MESSAGE)

    # Sent it was, and shown to nobody.
    assert receiver.requests[0].headers["authorization"].startswith("Basic ")
    assert receiver.requests[0].target == "/hook?token=t0ken"
    text = "".join([*shown, caplog.text])
    for secret in ("pass-w0rd", "t0ken", SECRET, "duty@health"):
        assert secret not in text


def test_the_body_is_chinese_as_it_is_read() -> None:
    assert "请立即组织医疗救治" in payload(MESSAGE).decode()
    assert json.loads(payload(message(link=None)))["link"] is None
