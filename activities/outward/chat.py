"""Chat robots and SMS gateways, by way of Apprise."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import apprise
import httpx
from apprise.exception import AppriseException
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.wecombot import NotifyWeComBot

from activities.channel import ChannelError, Outgoing
from settings import AppriseProvider

TO = "{to}"
"""Stands in a provider's URL for the contact's address."""
NUMBER = "8613800000000"
"""What ``{to}`` is when a URL is only checked."""
THREADS = 4
"""Messages under way at once by one provider. Threads of their own, since a provider that hangs
must not take those which look up names for everybody else."""


class DingTalk(NotifyDingTalk):  # type: ignore[no-untyped-call]
    """DingTalk's robot, whose answer is read: a refusal comes with the status 200."""

    body_maxlen = 19985 // 3
    """20,000 bytes, of which a Chinese character takes three."""

    def send(
        self,
        body: str,
        title: str = "",
        notify_type: Any = None,
        body_format: Any = None,
        **_others: Any,
    ) -> bool:
        """Say ``body`` in the robot's group and call on the numbers in the URL."""
        url = self.notify_url.format(token=self.token)
        if self.secret:
            timestamp, signed = self.get_signature()  # type: ignore[no-untyped-call]
            url += f"&timestamp={timestamp}&sign={signed}"
        return _said(
            self, url, f"{title}\n{body}", {"at": {"atMobiles": self.targets, "isAtAll": False}}
        )


class WeComBot(NotifyWeComBot):  # type: ignore[no-untyped-call]
    """WeCom's robot, whose answer is read: a refusal comes with the status 200."""

    body_maxlen = 2048 // 3
    """2,048 bytes, of which a Chinese character takes three."""

    def send(self, body: str, title: str = "", notify_type: Any = None, **_others: Any) -> bool:
        """Say ``body`` in the robot's group."""
        return _said(self, self.api_url, body, {})


def _said(plugin: apprise.NotifyBase, url: str, text: str, more: dict[str, Any]) -> bool:
    answer = httpx.post(
        url,
        json={"msgtype": "text", "text": {"content": text}, **more},
        timeout=plugin.socket_read_timeout,
        verify=plugin.verify_certificate,
        trust_env=False,
    )
    return answer.status_code == 200 and answer.json().get("errcode") == 0


OWN: dict[str, type[DingTalk | WeComBot]] = {"dingtalk": DingTalk, "wecombot": WeComBot}


class ChatChannel:
    """Whatever Apprise knows. It says at most that a provider accepted a message."""

    def __init__(self, name: str, provider: AppriseProvider) -> None:
        """Send by the service of the provider's URL.

        Raises:
            ValueError: Apprise does not understand the URL.
        """
        self.name = name
        self._url = provider.url.get_secret_value()
        self._timeout = provider.timeout
        self._asset = apprise.AppriseAsset(
            app_id="yaoan",
            app_desc="药安",
            # An answer may not send a message elsewhere.
            http_redirects=False,
            # A thread of ours waits for it already.
            service_timeout=0,
        )
        self._threads = ThreadPoolExecutor(THREADS, f"channel-{name}")
        if self._service(NUMBER) is None:
            raise ValueError(
                f"{name}.url: Apprise understands no such URL; docs/channels.md has examples"
            )

    async def send(self, message: Outgoing) -> bool:
        """Hand the message to the provider, which never says that it was delivered."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                accepted = await loop.run_in_executor(self._threads, self._notify, message)
        except ChannelError:
            raise
        except Exception as error:
            # Neither its words nor its cause: they may hold the URL.
            raise ChannelError(type(error).__name__, retryable=True) from None
        if not accepted:
            raise ChannelError("the provider did not accept it", retryable=True)
        return False

    def _notify(self, message: Outgoing) -> bool:
        service = self._service(message.address)
        if service is None:
            raise ChannelError("the address does not suit the provider", retryable=False)
        service.socket_connect_timeout = service.socket_read_timeout = self._timeout
        title = " ".join(message.title.zh.split())
        sender = apprise.Apprise(asset=self._asset)
        sender.add(service)
        return bool(
            sender.notify(
                title=title,
                body=fitting(message, service.body_maxlen - len(title) - 2),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )

    def _service(self, address: str) -> apprise.NotifyBase | None:
        url = self._url.replace(TO, quote(address, safe=""))
        own = OWN.get(url.partition("://")[0].lower())
        if own is None:
            return apprise.Apprise.instantiate(url, asset=self._asset)
        try:
            parts = own.parse_url(url)  # type: ignore[no-untyped-call]
            return own(**parts, asset=self._asset)
        except (TypeError, AppriseException):
            return None


def fitting(message: Outgoing, room: int) -> str:
    """The text in both languages; where ``room`` characters do not hold it, less of it.

    First the English goes, then what can be read behind the link. What is left after that is
    sent whatever its length.
    """
    title, text = message.title, message.text
    # A robot that asks for a keyword can be given 药安.
    key = f"药安 {message.key}"
    link = [f"查看并确认 / Acknowledge: {message.link}"] if message.link else []
    chinese = [text.zh, *link, key]
    full = "\n".join([*chinese, "", title.en, text.en])
    shorter = "\n".join(chinese)
    shortest = "\n".join([*link, key]) if link else shorter
    return next((form for form in (full, shorter) if len(form) <= room), shortest)
