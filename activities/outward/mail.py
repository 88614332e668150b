"""Mail, by one SMTP server."""

import asyncio
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib

from activities.channel import ChannelError, Outgoing
from domain.base import BEIJING, beijing_text
from domain.incident.record import digest
from settings import SmtpProvider

LOGIN = frozenset({530, 534, 535, 538})
"""Refusals of a login, which an administrator can mend while the message waits."""
GOODBYE = 1.0
"""Seconds to part from the server once it has the mail."""


class MailChannel:
    """Mail to one contact.

    A mail server takes the same mail twice when an acceptance got lost on its way back. So the
    Message-ID derives from the message's key, and a second copy is known as such by every
    mailbox that looks.
    """

    def __init__(self, name: str, provider: SmtpProvider) -> None:
        """Send by the server that ``provider`` names."""
        self.name = name
        self._provider = provider

    async def send(self, message: Outgoing) -> bool:
        """Hand the message to the mail server, which never says that it was delivered."""
        mail = self.mail(message)
        provider = self._provider
        secret = provider.password
        server = aiosmtplib.SMTP(
            hostname=provider.host,
            port=provider.port,
            username=provider.user,
            password=secret.get_secret_value() if secret else None,
            use_tls=provider.security == "tls",
            start_tls=provider.security == "starttls",
            timeout=provider.timeout,
        )
        try:
            async with asyncio.timeout(provider.timeout):
                await server.connect()
                await server.send_message(mail)
            # It has the mail; what becomes of the line no longer matters.
            with suppress(aiosmtplib.SMTPException, OSError):
                async with asyncio.timeout(GOODBYE):
                    await server.quit()
        # No cause is kept: a server's own words name the mailbox.
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refused(*(refused.code for refused in error.recipients)) from None
        except aiosmtplib.SMTPResponseException as error:
            raise _refused(error.code) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ChannelError(type(error).__name__, retryable=True) from None
        finally:
            server.close()
        return False

    def mail(self, message: Outgoing) -> EmailMessage:
        """The mail as it is sent: the same bytes for every attempt.

        Raises:
            ChannelError: the address is no mailbox.
        """
        sender = Address(addr_spec=self._provider.sender)
        mail = EmailMessage()
        mail["Subject"] = " ".join(message.title.zh.split())
        mail["From"] = sender
        try:
            mail["To"] = Address(addr_spec=message.address)
        except (ValueError, IndexError, MessageError):
            raise ChannelError("the address is no mailbox", retryable=False) from None
        mail["Date"] = format_datetime(message.at.astimezone(BEIJING))
        mail["Message-ID"] = f"<{digest(message.key.encode())[:40]}@{sender.domain}>"
        mail["X-Yaoan-Key"] = message.key
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_text(message), cte="base64")
        return mail


def _text(message: Outgoing) -> str:
    origin = (
        f"事件 {message.incident} · 消息 {message.message} · {beijing_text(message.at)}(北京时间)"
    )
    chinese = [message.text.zh]
    english = [message.title.en, message.text.en]
    if message.link:
        chinese.append(f"查看并确认:\n{message.link}")
        english.append(f"Read and acknowledge:\n{message.link}")
    return "\n\n".join([*chinese, origin, "————", *english]) + "\n"


def _refused(code: int = 0, *_others: int) -> ChannelError:
    """A refusal by its code alone; 5xx is final, save that of a login."""
    return ChannelError(f"the mail server answered {code}", retryable=code < 500 or code in LOGIN)
