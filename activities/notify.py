"""Handing messages to channels: everybody who is to be told, each by the first way that works."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jinja2 import TemplateError
from temporalio import activity
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.channel import Channel, ChannelError, Outgoing
from domain.base import Text, beijing_text
from domain.directory import PHONE, Address, Contact, Directory, quiet_until, reached
from domain.incident.notices import DRILL_MARK
from domain.incident.wording import LAYOUT
from store import inbox
from store.errors import StoreError
from store.links import Links
from store.pool import Pool
from store.texts import Item, say_message, shipped
from workflows.contracts import (
    DELIVER_NOTICE,
    INCIDENTS_SPACE,
    UNANSWERED_QUERY,
    MessageOrder,
    MessageResult,
    NoticeItem,
)

PATIENCE = 7
"""So many attempts, a minute in all; then a body that was not reached falls to the telephone."""
SECONDS = 65.0
"""So long one channel may take for one contact, should it miss its own timeout."""
HEARTBEAT_SECONDS = 4.0
FRESH_SECONDS = 0.5
"""How long it counts that a notice was unanswered when last asked."""
ASK_SECONDS = 3.0
INBOX = "inbox"

Ask = Callable[[str, list[str]], Awaitable[list[str]]]
"""Which of an incident's notices nobody has answered; all of them when nobody can tell."""
Tried = Callable[[str, str, datetime, bool], Awaitable[None]]
"""Keeps that a contact was tried by a channel, when, and whether it worked."""


async def _untold(_contact: str, _channel: str, _at: datetime, _ok: bool) -> None:
    """For whoever keeps no trials."""


def asking(client: Client) -> Ask:
    """Asks the incident itself: the record may be behind, and an answer must stop at once."""

    async def ask(incident: str, notices: list[str]) -> list[str]:
        handle = client.get_workflow_handle(incident)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                answer: list[str] = await handle.query(
                    UNANSWERED_QUERY, notices, result_type=list[str]
                )
        except (TimeoutError, RPCError, WorkflowQueryFailedError):
            # Better told twice than not at all.
            return notices
        return answer

    return ask


@dataclass
class _Progress:
    """What has been accepted: by whom, by which channel. It outlives a worker as heartbeat."""

    accepted: dict[str, str] = field(default_factory=dict)
    delivered: bool = False
    failures: list[str] = field(default_factory=list)
    hope: bool = False
    """Somebody who was not reached may be later."""

    def beat(self) -> None:
        """Tell the server, so that no other attempt sends it again."""
        activity.heartbeat(self.accepted)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.accepted.values()))

    @property
    def contacts(self) -> tuple[str, ...]:
        return tuple(contact for contact in self.accepted if contact != INBOX)


class Notify:
    """Sends messages: into the inbox of the body, and to its contacts."""

    def __init__(
        self,
        pool: Pool,
        directory: Callable[[], Awaitable[Directory]],
        channels: Mapping[str, Channel],
        ask: Ask,
        links: Links | None = None,
        tried: Tried = _untold,
    ) -> None:
        """Send by ``channels``, which are none where nothing may reach the outside."""
        self._pool = pool
        self._directory = directory
        self._channels = channels
        self._ask = ask
        self._links = links
        self._tried = tried

    @activity.defn(name=DELIVER_NOTICE)
    async def deliver_notice(self, order: MessageOrder) -> MessageResult:
        """Tell the recipient's contacts, each by the first of its channels that accepts.

        What has been answered meanwhile is left out; if that is all, nothing is sent. A contact
        whose channels all refuse is left to the telephone once patience is at its end.

        Raises:
            ApplicationError: a channel may take it later, so the server shall try again.
        """
        info = activity.info()
        before = info.heartbeat_details
        progress = _Progress(dict(before[0]) if before else {})
        items = await self._unanswered(order)
        if not items:
            return MessageResult(
                accepted=progress.channels,
                contacts=progress.contacts,
                withdrawn=not progress.accepted,
            )
        # The workflow's time, which in an exercise is not ours, and what has passed since.
        at = order.at + (datetime.now(UTC) - info.scheduled_time)
        contacts = await self._contacts(order, at)
        async with _beating(progress):
            await asyncio.gather(
                self._into_inbox(order, items, progress),
                *(self._reach(order, items, contact, at, progress) for contact in contacts),
            )
        progress.beat()
        if progress.hope and info.attempt < PATIENCE:
            # What was accepted goes along, should this have been the last attempt.
            raise ApplicationError(
                "; ".join(progress.failures), progress.accepted, type="ChannelError"
            )
        held = await self._held(order, at) if not contacts else None
        return MessageResult(
            accepted=progress.channels,
            contacts=progress.contacts,
            delivered=progress.delivered,
            phone_only=bool(self._channels) and held is None and not progress.contacts,
            failure=None if progress.accepted else _why(progress),
            held_until=held,
        )

    async def _unanswered(self, order: MessageOrder) -> tuple[NoticeItem, ...]:
        if not self._channels:
            # An inbox takes each notice once, and shows what has been answered.
            return order.items
        names = [item.notice for item in order.items]
        still = set(await self._ask(order.incident, names))
        return tuple(item for item in order.items if item.notice in still)

    async def _contacts(self, order: MessageOrder, at: datetime) -> tuple[Contact, ...]:
        if not self._channels:
            return ()
        directory = await self._directory()
        return reached(directory, order.recipient, order.contacts, at, statutory=order.statutory)

    async def _held(self, order: MessageOrder, at: datetime) -> datetime | None:
        """Until when quiet hours silence everybody who was to be told; None if they do not."""
        if not self._channels or order.statutory:
            return None
        return quiet_until(await self._directory(), order.recipient, order.contacts, at)

    async def _into_inbox(
        self, order: MessageOrder, items: tuple[NoticeItem, ...], progress: _Progress
    ) -> None:
        if INBOX in progress.accepted:
            return
        try:
            for item in items:
                await inbox.put(self._pool, _entry(order, item))
        except StoreError:
            progress.failures.append(f"{INBOX}: PostgreSQL is unavailable")
            progress.hope = True
        else:
            progress.accepted[INBOX] = INBOX

    async def _reach(
        self,
        order: MessageOrder,
        items: tuple[NoticeItem, ...],
        contact: Contact,
        at: datetime,
        progress: _Progress,
    ) -> None:
        """Tell one contact, by one channel after the other until one accepts."""
        if contact.id in progress.accepted:
            return
        asked, hope = time.monotonic(), False
        for address in contact.addresses:
            channel = self._channels.get(address.channel)
            if address.channel == PHONE:
                continue
            if channel is None:
                progress.failures.append(f"{address.channel}: not configured")
                continue
            if time.monotonic() - asked > FRESH_SECONDS:
                items, asked = await self._unanswered(order), time.monotonic()
                if not items:
                    return
            error = await self._offer(order, items, contact, address, channel, progress)
            if error is None:
                progress.accepted[contact.id] = channel.name
                progress.beat()
            await self._tried(contact.id, channel.name, at, error is None)
            if error is None:
                return
            progress.failures.append(f"{channel.name}: {error}")
            hope = hope or error.retryable
        progress.hope = progress.hope or hope

    async def _offer(
        self,
        order: MessageOrder,
        items: tuple[NoticeItem, ...],
        contact: Contact,
        address: Address,
        channel: Channel,
        progress: _Progress,
    ) -> ChannelError | None:
        message = self._outgoing(order, items, contact, address)
        try:
            async with asyncio.timeout(SECONDS):
                progress.delivered = await channel.send(message) or progress.delivered
        except ChannelError as error:
            return error
        except TimeoutError:
            return ChannelError("no answer in time", retryable=True)
        except Exception as error:
            # Whatever a channel says may hold an address: only its type goes on record.
            activity.logger.error("channel %s failed: %s", channel.name, type(error).__name__)
            return ChannelError(type(error).__name__, retryable=True)
        return None

    def _outgoing(
        self,
        order: MessageOrder,
        items: tuple[NoticeItem, ...],
        contact: Contact,
        address: Address,
    ) -> Outgoing:
        link = delivered = None
        if self._links is not None:
            # All of them, answered meanwhile or not: every attempt makes the same link.
            about = tuple(item.notice for item in order.items)
            who = (order.space, order.incident, about, order.recipient, order.at)
            link = self._links.url("acknowledge", *who, contact=contact.id)
            delivered = self._links.url("delivered", *who, contact=contact.id)
        title, text = say(order, items, link)
        return Outgoing(
            key=f"{order.key}:{contact.id}",
            space=order.space,
            incident=order.incident,
            message=order.message,
            recipient=order.recipient,
            contact=contact.id,
            address=address.to,
            statutory=order.statutory,
            title=title,
            text=text,
            at=order.at,
            link=link,
            delivered=delivered,
        )


def _why(progress: _Progress) -> str:
    return "; ".join(progress.failures) or "no channel reaches this recipient"


@contextlib.asynccontextmanager
async def _beating(progress: _Progress) -> AsyncIterator[None]:
    """Within this the server knows that we live, and what has been accepted so far."""

    async def beat() -> None:
        while True:
            progress.beat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()


def say(
    order: MessageOrder, items: tuple[NoticeItem, ...], link: str | None = None
) -> tuple[Text, Text]:
    """Title and text of the message with ``items``; a template that fails costs no notice."""
    try:
        said = say_message(
            order.layout or shipped()[LAYOUT],
            order.name,
            [
                Item(
                    item.notice,
                    item.template or shipped()[item.subject],
                    item.values,
                    item.again,
                )
                for item in items
            ],
            beijing_text(order.at),
            link,
        )
    except (TemplateError, KeyError) as error:
        activity.logger.error("a template failed: %s", type(error).__name__)
        ids = "、".join(item.notice for item in items)
        said = (
            Text(zh=f"药品安全事件{order.incident}", en=f"Drug-safety incident {order.incident}"),
            Text(
                zh=f"请立即登录系统查看并签收通知{ids}。{link or ''}",
                en=f"Read and acknowledge notice {ids} at once. {link or ''}",
            ),
        )
    return marked(order.space, said)


def _entry(order: MessageOrder, item: NoticeItem) -> inbox.Entry:
    title, text = say(order, (item,))
    return inbox.Entry(
        key=f"{order.incident}:{item.notice}",
        recipient=order.recipient,
        incident=order.incident,
        notice=item.notice,
        statutory=item.statutory,
        title=title,
        text=text,
        queued_at=item.queued_at,
    )


def marked(space: str, said: tuple[Text, Text]) -> tuple[Text, Text]:
    """``said`` with the mark that every message of an exercise carries, whoever wrote it."""
    if space == INCIDENTS_SPACE:
        return said
    title, text = said
    return _marked(title), _marked(text)


def _marked(text: Text) -> Text:
    return Text(
        zh=text.zh if text.zh.startswith(DRILL_MARK) else DRILL_MARK + text.zh,
        en=text.en if text.en.startswith(DRILL_MARK) else DRILL_MARK + text.en,
    )
