"""Mail as a body gets it: what it says, that a copy is known as one, and how refusals end."""

from datetime import UTC, datetime

import pytest

from activities.channels import Mail, SmtpChannel
from activities.notify import ChannelError
from domain.base import Text
from tests.activities.conftest import Postbox
from workflows.contracts import NoticeOrder

ORDER = NoticeOrder(
    space="incidents",
    incident="GQ-20260131-7K2M",
    notice="n4",
    key="GQ-20260131-7K2M:n4",
    recipient="health",
    statutory=True,
    title=Text(zh="立即开展医疗救治", en="Start medical rescue at once"),
    text=Text(zh="请立即组织医疗救治。(6.3)", en="Start medical rescue at once. (6.3)"),
    queued_at=datetime(2026, 1, 31, 6, 32, tzinfo=UTC),
)


def mail(postbox: Postbox, **changes: object) -> Mail:
    values: dict[str, object] = {
        "host": "127.0.0.1",
        "port": postbox.port,
        "sender": "yaoan@county.invalid",
        "addresses": {"health": "duty@health.invalid"},
        "timeout": 3.0,
    }
    return Mail(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.clause("6.3")
async def test_a_notice_arrives_in_chinese_first_with_its_key(postbox: Postbox) -> None:
    assert await SmtpChannel(mail(postbox)).send(ORDER)

    (received,) = postbox.mails
    assert received["Subject"] == "立即开展医疗救治"
    assert received["To"] == "duty@health.invalid"
    assert received["X-Yaoan-Key"] == "GQ-20260131-7K2M:n4"
    assert received["Date"] == "Sat, 31 Jan 2026 14:32:00 +0800"
    body = received.get_content()
    assert body.index("请立即组织医疗救治") < body.index("Start medical rescue")
    assert "2026-01-31 14:32" in body


async def test_a_body_without_address_is_not_reached_by_mail(postbox: Postbox) -> None:
    order = ORDER.model_copy(update={"recipient": "police"})

    assert not await SmtpChannel(mail(postbox)).send(order)
    assert postbox.mails == []


async def test_a_copy_carries_the_same_message_id(postbox: Postbox) -> None:
    """When the acceptance gets lost the mail is sent again: mailboxes must know the copy."""
    channel = SmtpChannel(mail(postbox))
    postbox.answers = ["lost"]

    with pytest.raises(ChannelError) as failure:
        await channel.send(ORDER)
    assert failure.value.retryable
    assert await channel.send(ORDER)

    first, second = postbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes() == second.as_bytes()


async def test_different_notices_have_different_message_ids(postbox: Postbox) -> None:
    channel = SmtpChannel(mail(postbox))
    await channel.send(ORDER)
    await channel.send(ORDER.model_copy(update={"key": "GQ-20260131-7K2M:n5"}))

    first, second = postbox.mails
    assert first["Message-ID"] != second["Message-ID"]


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [("451 busy", True), ("452 full", True), ("550 no such box", False), ("554 no", False)],
)
async def test_a_refusal_is_final_as_its_code_says(
    postbox: Postbox, answer: str, retryable: bool
) -> None:
    postbox.answers = [answer]

    with pytest.raises(ChannelError, match=answer[:3]) as failure:
        await SmtpChannel(mail(postbox)).send(ORDER)
    assert failure.value.retryable is retryable


async def test_no_server_is_worth_another_try(postbox: Postbox, unused_tcp_port: int) -> None:
    channel = SmtpChannel(mail(postbox, port=unused_tcp_port))

    with pytest.raises(ChannelError) as failure:
        await channel.send(ORDER)
    assert failure.value.retryable


async def test_a_failure_names_neither_address_nor_credential(postbox: Postbox) -> None:
    """What a channel says goes on record for ever."""
    config = mail(postbox, user="county", password="s3cret-word", starttls=False)

    with pytest.raises(ChannelError) as failure:
        await SmtpChannel(config).send(ORDER)
    postbox.answers = ["550 duty@health.invalid is unknown"]
    with pytest.raises(ChannelError) as refused:
        await SmtpChannel(mail(postbox)).send(ORDER)

    assert "s3cret-word" not in f"{failure.value}{config!r}"
    assert "health" not in str(refused.value)
