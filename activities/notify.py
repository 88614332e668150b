"""Handing notices to channels. A channel is whatever can take a message to a body."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.base import Text
from domain.incident.notices import DRILL_MARK
from workflows.contracts import DELIVER_NOTICE, INCIDENTS_SPACE, NoticeOrder, NoticeResult

PATIENCE = 5
"""So many attempts a channel gets once another has accepted; then the notice counts as sent."""


SECONDS = 20.0
"""So long one channel may take; less than an attempt, so that it never costs the others theirs."""


class ChannelError(Exception):
    """A channel did not take a notice.

    ``retryable`` says whether it may take it later. The message goes on record: it names no
    address and no credential.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Channel(Protocol):
    """A way to reach bodies: the inbox, mail, and whatever comes later."""

    name: str

    async def send(self, order: NoticeOrder) -> bool:
        """Hand ``order`` over, once for each ``order.key`` however often it is called.

        Returns:
            Whether the channel reaches this recipient at all.

        Raises:
            ChannelError: the channel reaches the recipient, but did not take the notice.
        """
        ...


class Notify:
    """Sends each notice by every channel that reaches its recipient."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        """Send by ``channels``; see ``activities.channels.channels_for``."""
        self._channels = tuple(channels)

    @activity.defn(name=DELIVER_NOTICE)
    async def deliver_notice(self, order: NoticeOrder) -> NoticeResult:
        """Offer a notice to every channel; one that fails keeps no other from trying.

        Returns:
            The channels that accepted it; a failure when each refused it for good.

        Raises:
            ApplicationError: a channel may take it later, so the server shall try again.
        """
        info = activity.info()
        # What accepted it in an earlier attempt is not asked again.
        accepted: list[str] = list(info.heartbeat_details)
        order = marked(order)
        waiting = [channel for channel in self._channels if channel.name not in accepted]
        answers = await asyncio.gather(*(_offer(channel, order) for channel in waiting))
        failures: list[str] = []
        hope = False
        for channel, answer in zip(waiting, answers, strict=True):
            if answer is True:
                accepted.append(channel.name)
            elif isinstance(answer, ChannelError):
                failures.append(f"{channel.name}: {answer}")
                hope = hope or answer.retryable
        activity.heartbeat(*accepted)
        if hope and not (accepted and info.attempt >= PATIENCE):
            raise ApplicationError("; ".join(failures), type="ChannelError")
        if accepted:
            return NoticeResult(accepted=tuple(accepted))
        return NoticeResult(failure="; ".join(failures) or "no channel reaches this recipient")


async def _offer(channel: Channel, order: NoticeOrder) -> bool | ChannelError:
    try:
        async with asyncio.timeout(SECONDS):
            return await channel.send(order)
    except ChannelError as error:
        return error
    except TimeoutError:
        return ChannelError("no answer in time", retryable=True)
    except Exception as error:
        activity.logger.exception("channel failed", extra={"channel": channel.name})
        return ChannelError(type(error).__name__, retryable=True)


def marked(order: NoticeOrder) -> NoticeOrder:
    """``order`` with the mark that every message of an exercise carries, whoever wrote it."""
    if order.space == INCIDENTS_SPACE:
        return order
    return order.model_copy(update={"title": _marked(order.title), "text": _marked(order.text)})


def _marked(text: Text) -> Text:
    return Text(
        zh=text.zh if text.zh.startswith(DRILL_MARK) else DRILL_MARK + text.zh,
        en=text.en if text.en.startswith(DRILL_MARK) else DRILL_MARK + text.en,
    )
