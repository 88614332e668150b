"""From the providers in the settings to the channels of a space."""

from activities.channel import Channel
from activities.outward.chat import ChatChannel
from activities.outward.mail import MailChannel
from activities.outward.webhook import WebhookChannel
from settings import AppriseProvider, Provider, Settings, SmtpProvider, WebhookProvider
from workflows.contracts import INCIDENTS_SPACE


def channels_of(config: Settings) -> dict[str, Channel]:
    """The channels of the space by name. Only real incidents reach the outside.

    Usable wherever there is an event loop; no activity is needed.

    Raises:
        ValueError: a provider cannot be used; says which, and which field is wrong.
    """
    if config.space != INCIDENTS_SPACE:
        return {}
    return {name: _channel(name, provider) for name, provider in config.providers.items()}


def _channel(name: str, provider: Provider) -> Channel:
    match provider:
        case SmtpProvider():
            return MailChannel(name, provider)
        case WebhookProvider():
            return WebhookChannel(name, provider)
        case AppriseProvider():
            return ChatChannel(name, provider)
