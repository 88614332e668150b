"""Chat robots and SMS gateways: the URLs of docs/channels.md, and what reaches a server."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import apprise
import pytest

from activities.channel import ChannelError
from activities.outward import chat
from activities.outward.chat import ChatChannel, DingTalk, WeComBot, fitting
from domain.base import Text
from settings import ROOT, AppriseProvider
from tests.activities.receiver import Receiver, receiving, reply
from tests.activities.sending import LINK, MESSAGE, message

MOBILE = "+8613812345678"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A gateway on loopback."""
    async with receiving() as server:
        yield server


def channel(url: str, **changes: Any) -> ChatChannel:
    return ChatChannel(
        "chat", AppriseProvider.model_validate({"url": url, "timeout": 5, **changes})
    )


def gateway(receiver: Receiver, path: str = "", **changes: Any) -> ChatChannel:
    """A channel by way of Apprise's own ``json://``."""
    return channel(f"json://127.0.0.1:{receiver.port}{path}", **changes)


async def failure(sender: ChatChannel, **changes: Any) -> ChannelError:
    with pytest.raises(ChannelError) as failed:
        await sender.send(message(**changes))
    # Temporal keeps the causes of a failure, and those hold URLs.
    assert failed.value.__cause__ is None
    return failed.value


async def test_a_message_arrives_in_chinese_first_with_its_key_and_link(receiver: Receiver) -> None:
    assert await gateway(receiver, "/send").send(MESSAGE) is False, "accepted, not delivered"

    (request,) = receiver.requests
    assert request.target == "/send"
    sent = request.json()
    assert sent["title"] == "立即开展医疗救治"
    body = sent["message"]
    assert body.index("请立即组织医疗救治") < body.index("Start medical rescue at once")
    assert LINK in body
    assert MESSAGE.key in body


async def test_the_address_is_filled_in_whatever_it_holds(receiver: Receiver) -> None:
    sms = gateway(receiver, "/send?:mobile={to}&:sign=x")

    await sms.send(message(address=MOBILE))
    await sms.send(message(address="a&:sign=forged/../?"))

    first, second = (request.json() for request in receiver.requests)
    assert first["mobile"] == MOBILE
    assert second["mobile"] == "a&:sign=forged/../?"
    assert second["sign"] == "x"


@pytest.mark.parametrize("answer", [reply(500), reply(403), b"", b"garbage\r\n\r\n"])
async def test_what_was_not_accepted_may_be_later(receiver: Receiver, answer: bytes) -> None:
    receiver.answers = [answer]

    assert (await failure(gateway(receiver))).retryable


async def test_nothing_follows_a_redirect(receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        receiver.answers = [reply(307, "", f"Location: {elsewhere.url}/x")]

        assert (await failure(gateway(receiver))).retryable
        assert elsewhere.requests == []


@pytest.mark.parametrize("answer", ["hang", "drip"])
async def test_a_provider_that_hangs_holds_up_nobody(receiver: Receiver, answer: str) -> None:
    receiver.answers = [answer]
    began = time.monotonic()

    async with asyncio.timeout(10):
        failed = await failure(gateway(receiver, timeout=0.5))
    assert failed.retryable
    assert time.monotonic() - began < 4


async def test_providers_that_hang_hold_up_no_other(receiver: Receiver) -> None:
    """Neither Apprise's threads are shared nor the loop's, which look up names for all."""
    async with receiving() as hanging, asyncio.timeout(20):
        hanging.answers = ["hang"] * 40
        stuck = [asyncio.ensure_future(failure(gateway(hanging, timeout=30))) for _ in range(40)]
        while len(hanging.requests) < 40:
            await asyncio.sleep(0.01)

        await gateway(receiver).send(MESSAGE)
        assert await asyncio.to_thread(lambda: "free") == "free"
        assert not any(one.done() for one in stuck)
    assert all(one.retryable for one in await asyncio.gather(*stuck))
    assert len(receiver.requests) == 1


async def test_who_hung_is_let_go_of_in_time(receiver: Receiver) -> None:
    """Otherwise the next messages would wait for those that were given up already."""
    sms = gateway(receiver, timeout=1)
    receiver.answers = ["hang"] * chat.THREADS
    await asyncio.gather(*(failure(sms) for _ in range(chat.THREADS)))

    await sms.send(MESSAGE)
    assert len(receiver.requests) == chat.THREADS + 1


def plugin(url: str, address: str = MOBILE) -> apprise.NotifyBase:
    found = channel(url)._service(address)
    assert found is not None
    return found


def documented() -> list[str]:
    """The URLs of the page that says how to write them."""
    text = (ROOT / "docs" / "channels.md").read_text("utf-8")
    return [
        line.split('"url": "')[1].split('"')[0]
        for line in text.splitlines()
        if '"apprise"' in line and '"url": "' in line
    ]


@pytest.mark.parametrize("url", documented())
def test_the_urls_of_the_page_are_understood(url: str) -> None:
    assert len(plugin(url)) == 1


def test_the_page_shows_every_kind_of_service_that_it_promises() -> None:
    schemes = {urlsplit(url).scheme for url in documented()}
    assert {"dingtalk", "wecombot", "feishu", "lark", "twilio", "jsons"} <= schemes


def test_apprise_reads_the_urls_as_they_are_meant() -> None:
    dingtalk: Any = plugin("dingtalk://SEC0f@abc0123/{to}")
    assert (dingtalk.token, dingtalk.secret) == ("abc0123", "SEC0f")
    assert dingtalk.targets == ["8613812345678"]
    wecom: Any = plugin("wecombot://693a-91f6")
    assert wecom.key == "693a-91f6"
    for scheme in ("feishu", "lark"):
        robot: Any = plugin(f"{scheme}://c6b5-11")
        assert robot.token == "c6b5-11"
    sms: Any = plugin(f"twilio://AC{'0' * 32}:{'1' * 32}@+12025550100/{{to}}")
    assert MOBILE in str(sms.targets)


@pytest.mark.parametrize(
    "url",
    [
        "bogus://x",
        "dingtalk://",
        "dingtalk://not*a*token",
        "wecombot://",
        "feishu://",
        "x",
        "json://[",
    ],
)
def test_a_url_that_says_nothing_is_found_at_the_start(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ValueError, match=r"chat\.url: .*docs/channels\.md") as wrong:
        channel(url)
    assert "not*a*token" not in "".join(traceback.format_exception(wrong.value)) + caplog.text


async def test_an_address_that_no_service_takes_is_refused_for_good() -> None:
    """An address may break a URL; the provider's own part was found sound at the start."""
    robot = channel("dingtalk://{to}")

    failed = await failure(robot, address="no*token")
    assert not failed.retryable
    assert "no*token" not in "".join(traceback.format_exception(failed))


# --- the two whose refusals come with the status 200 ---


async def test_dingtalk_gets_a_signed_message_and_whom_to_call_on(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DingTalk, "notify_url", receiver.url + "/robot/send?access_token={token}")
    receiver.answers = [reply(200, '{"errcode": 0, "errmsg": "ok"}')]

    await channel("dingtalk://SEC0f@abc0123/{to}").send(message(address=MOBILE))

    (request,) = receiver.requests
    query = parse_qs(urlsplit(request.target).query, strict_parsing=True)
    assert query["access_token"] == ["abc0123"]
    # 32 bytes in base64, so encoded once: a second time would show a per cent sign here.
    assert len(query["sign"][0]) == 44
    assert request.json()["at"] == {"atMobiles": ["8613812345678"], "isAtAll": False}
    text = request.json()["text"]["content"]
    assert text.startswith("立即开展医疗救治\n请立即组织医疗救治")
    assert "药安" in text, "a robot can be told to ask for this word"


async def test_wecom_gets_no_more_than_it_takes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WeComBot, "notify_url", receiver.url + "/send?key={key}")
    receiver.answers = [reply(200, '{"errcode": 0}'), reply(200, '{"errcode": 0}')]
    robot = channel("wecombot://693a-91f6")

    await robot.send(MESSAGE)
    await robot.send(message(text=Text(zh="长" * 500, en="long " * 100)))

    short, long = (request.json()["text"]["content"] for request in receiver.requests)
    assert "Start medical rescue" in short
    assert "长" * 500 in long
    assert "long" not in long
    assert len(long.encode()) <= 2048


@pytest.mark.parametrize(
    "said",
    [
        '{"errcode": 310000, "errmsg": "keywords not in content"}',
        '{"errcode": 45009}',
        "{}",
        "<html>",
    ],
)
@pytest.mark.parametrize(
    ("own", "field", "url"),
    [
        (DingTalk, "/robot/send?access_token={token}", "dingtalk://abc0123"),
        (WeComBot, "/send?key={key}", "wecombot://693a-91f6"),
    ],
)
async def test_a_refusal_with_the_status_200_is_one(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    own: type[DingTalk | WeComBot],
    field: str,
    url: str,
) -> None:
    """Too many a minute, a keyword missing, a robot removed: all of these answer 200."""
    monkeypatch.setattr(own, "notify_url", receiver.url + field)
    receiver.answers = [reply(200, said)]

    assert (await failure(channel(url))).retryable
    assert len(receiver.requests) == 1


# --- what is said where room is short ---


def test_where_room_is_short_the_english_goes_first() -> None:
    full = fitting(MESSAGE, 10_000)
    assert full.index("请立即") < full.index("Start medical rescue at once")
    shorter = fitting(MESSAGE, len(full) - 1)
    assert "请立即" in shorter
    assert "Start" not in shorter
    shortest = fitting(MESSAGE, len(shorter) - 1)
    assert "请立即" not in shortest
    for text in (full, shorter, shortest):
        assert LINK in text
        assert MESSAGE.key in text


def test_without_a_link_the_text_is_never_left_out() -> None:
    assert "请立即组织医疗救治" in fitting(message(link=None), 1)


# --- what nobody may see ---


async def test_neither_url_nor_address_is_shown(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    sms = channel(
        f"json://county:pass-w0rd@127.0.0.1:{receiver.port}/t0ken?:mobile={{to}}", timeout=2
    )
    receiver.answers = [reply(500, "t0ken"), b"", reply(200)]
    shown = [repr(sms)]
    for _ in range(2):
        shown += traceback.format_exception(await failure(sms, address=MOBILE))
    await sms.send(message(address=MOBILE))

    assert receiver.requests[2].target.startswith("/t0ken")
    text = "".join([*shown, caplog.text])
    for secret in ("pass-w0rd", "t0ken", "13812345678"):
        assert secret not in text


def test_its_own_robots_are_those_of_apprise() -> None:
    """Should Apprise rename a scheme, these would no longer be found."""
    for scheme, own in chat.OWN.items():
        assert own.secure_protocol == scheme
