"""The channels there are: the inbox in PostgreSQL, and mail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from activities.notify import Channel, ChannelError
from domain.base import BEIJING, beijing_text
from domain.incident.record import digest
from store import inbox
from store.errors import Unavailable
from store.pool import Pool
from workflows.contracts import INCIDENTS_SPACE, NoticeOrder


@dataclass(frozen=True)
class Mail:
    """How mail is sent, and the address of each body that gets any."""

    host: str
    port: int
    sender: str
    addresses: Mapping[str, str]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    starttls: bool = False
    timeout: float = 10.0
    """Seconds for each step of the conversation."""


class InboxChannel:
    """The inbox that the API shows; it reaches every body."""

    name = "inbox"

    def __init__(self, pool: Pool) -> None:
        """Keep notices by way of ``pool``, once for each key."""
        self._pool = pool

    async def send(self, order: NoticeOrder) -> bool:
        """Put the notice into the recipient's inbox."""
        try:
            await inbox.put(self._pool, order)
        except Unavailable as error:
            raise ChannelError("PostgreSQL is unavailable", retryable=True) from error
        return True


class SmtpChannel:
    """Mail to the bodies that have an address.

    A mail server takes the same mail twice when an acceptance got lost on its way back. So the
    Message-ID derives from the notice's key, and a second copy is known as such by every
    mailbox that looks.
    """

    name = "mail"

    def __init__(self, mail: Mail) -> None:
        """Send by the server that ``mail`` names."""
        self._mail = mail

    async def send(self, order: NoticeOrder) -> bool:
        """Hand the notice to the mail server."""
        address = self._mail.addresses.get(order.recipient)
        if address is None:
            return False
        try:
            await aiosmtplib.send(
                self.message(order, address),
                hostname=self._mail.host,
                port=self._mail.port,
                username=self._mail.user,
                password=self._mail.password,
                start_tls=self._mail.starttls,
                timeout=self._mail.timeout,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            raise _refused(codes[0] if codes else 0) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error.code) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ChannelError(type(error).__name__, retryable=True) from error
        return True

    def message(self, order: NoticeOrder, address: str) -> EmailMessage:
        """The mail as it is sent: the same bytes of headers for every attempt."""
        domain = self._mail.sender.rpartition("@")[2] or "yaoan.invalid"
        mail = EmailMessage()
        mail["Subject"] = order.title.zh
        mail["From"] = self._mail.sender
        mail["To"] = address
        mail["Date"] = format_datetime(order.queued_at.astimezone(BEIJING))
        mail["Message-ID"] = f"<{digest(order.key.encode())[:40]}@{domain}>"
        mail["X-Yaoan-Key"] = order.key
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(
            f"{order.text.zh}\n\n"
            f"事件 {order.incident} · 通知 {order.notice}"
            f" · {beijing_text(order.queued_at)}(北京时间)\n"
            f"\n-- \n{order.title.en}\n\n{order.text.en}\n",
            cte="base64",
        )
        return mail


def _refused(code: int) -> ChannelError:
    """A refusal by its code alone; 5xx is final, save a login that an administrator can mend."""
    return ChannelError(f"the mail server answered {code}", retryable=code < 500 or code == 535)


def channels_for(space: str, pool: Pool, mail: Mail | None) -> tuple[Channel, ...]:
    """The channels of a space. Only real incidents reach the outside."""
    inner = InboxChannel(pool)
    if space != INCIDENTS_SPACE or mail is None:
        return (inner,)
    return (inner, SmtpChannel(mail))
