"""What a channel is: whatever can take a message to a contact of a body."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.base import Text


@dataclass(frozen=True)
class Outgoing:
    """A message on its way to one contact by one channel, the same for every attempt.

    ``key`` is deterministic: the incident, the message on record, the contact. Whoever gets two
    with the same key got one twice. Times are UTC.
    """

    key: str
    space: str
    incident: str
    message: str
    recipient: str
    """The body, by its id."""
    contact: str
    address: str
    """Where this channel finds the contact, as the directory has it."""
    statutory: bool
    title: Text
    text: Text
    at: datetime
    """When the message was composed."""
    link: str | None = None
    """Where it can be acknowledged."""
    delivered: str | None = None
    """Where a provider may POST that it was delivered."""


class ChannelError(Exception):
    """A channel did not take a message.

    ``retryable`` says whether it may take it later. The message goes on record: it names no
    address and no credential.
    """

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Channel(Protocol):
    """A way out of here. Its ``name`` is what the directory's addresses name."""

    name: str

    async def send(self, message: Outgoing) -> bool:
        """Hand ``message`` to the provider, marked with its key.

        Returns:
            Whether the provider says that it was delivered; accepted it was in any case.

        Raises:
            ChannelError: it was not accepted.
        """
        ...
