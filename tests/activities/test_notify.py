"""How one notice is offered to several channels, attempt by attempt."""

import asyncio
import dataclasses
from collections.abc import Sequence

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import notify
from activities.notify import PATIENCE, Channel, ChannelError, Notify
from tests.activities.test_channels import ORDER
from workflows.contracts import NoticeOrder, NoticeResult


class Line:
    """A channel that answers as it is told: take it, no such recipient, an error, or silence."""

    def __init__(self, name: str, answer: bool | Exception | None) -> None:
        self.name = name
        self.asked = 0
        self._answer = answer

    async def send(self, order: NoticeOrder) -> bool:
        self.asked += 1
        if self._answer is None:
            await asyncio.sleep(3600)
        if isinstance(self._answer, Exception):
            raise self._answer
        return bool(self._answer)


async def offered(
    channels: Sequence[Channel], attempt: int = 1, accepted: Sequence[str] = ()
) -> NoticeResult:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, attempt=attempt, heartbeat_details=list(accepted)
    )
    result: NoticeResult = await environment.run(Notify(channels).deliver_notice, ORDER)
    return result


async def test_every_channel_that_reaches_the_recipient_is_used() -> None:
    result = await offered([Line("inbox", True), Line("mail", True), Line("other", False)])

    assert result == NoticeResult(accepted=("inbox", "mail"))


async def test_what_accepted_it_before_is_not_asked_again() -> None:
    inbox, mail = Line("inbox", True), Line("mail", True)

    result = await offered([inbox, mail], attempt=2, accepted=["inbox"])

    assert result.accepted == ("inbox", "mail")
    assert (inbox.asked, mail.asked) == (0, 1)


async def test_a_channel_that_may_take_it_later_is_tried_again_but_not_for_ever() -> None:
    busy = Line("mail", ChannelError("busy", retryable=True))

    with pytest.raises(ApplicationError, match="mail: busy") as again:
        await offered([Line("inbox", True), busy])
    last = await offered([Line("inbox", True), busy], attempt=PATIENCE)

    assert not again.value.non_retryable
    assert last == NoticeResult(accepted=("inbox",))


async def test_nobody_taking_it_is_tried_until_the_server_gives_up() -> None:
    busy = Line("mail", ChannelError("busy", retryable=True))

    with pytest.raises(ApplicationError):
        await offered([busy], attempt=PATIENCE + 20)


async def test_refused_by_all_for_good_is_a_failure_at_once() -> None:
    refusing = Line("mail", ChannelError("the mail server answered 550", retryable=False))

    assert await offered([refusing]) == NoticeResult(failure="mail: the mail server answered 550")


async def test_a_recipient_that_no_channel_reaches_is_a_failure() -> None:
    result = await offered([Line("mail", False)])

    assert result.accepted == ()
    assert result.failure == "no channel reaches this recipient"


async def test_a_silent_channel_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.1)

    result = await offered([Line("mail", None), Line("inbox", True)], attempt=PATIENCE)

    assert result == NoticeResult(accepted=("inbox",))


async def test_a_bug_in_one_channel_does_not_silence_the_others() -> None:
    """Its message may hold anything, so only its type goes on record."""
    broken = Line("mail", ZeroDivisionError("secret"))

    result = await offered([broken, Line("inbox", True)], attempt=PATIENCE)
    with pytest.raises(ApplicationError, match="mail: ZeroDivisionError") as again:
        await offered([broken])

    assert result.accepted == ("inbox",)
    assert "secret" not in str(again.value)
