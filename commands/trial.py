"""``yaoan directory test``: try each contact's channels, so that readiness rests on something."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from activities.channel import Channel, ChannelError, Outgoing
from domain.base import Text, beijing_text
from domain.directory import PHONE, Address, Contact, Directory
from settings import Settings
from store.directory import record_trial
from store.pool import Pool


class Tried(NamedTuple):
    """How one channel to one contact did; ``fault`` names neither address nor credential."""

    contact: Contact
    channel: str
    fault: str | None


def message(config: Settings, contact: Contact, address: Address, at: datetime) -> Outgoing:
    """The message of a trial: it says what it is, and asks for nothing."""
    when = beijing_text(at)
    return Outgoing(
        key=f"trial:{contact.id}:{address.channel}:{at.isoformat()}",
        space=config.space,
        incident="trial",
        message="trial",
        recipient=contact.body,
        contact=contact.id,
        address=address.to,
        statutory=False,
        title=Text(zh="药安联络测试", en="yaoan: a test of your contact"),
        text=Text(
            zh=f"这是{when}（北京时间）的联络测试，不是事件通知，收到即可，无需办理。",
            en=f"A test of your contact at {when} Beijing time; no incident, nothing to be done.",
        ),
        at=at,
    )


async def try_contacts(
    pool: Pool,
    config: Settings,
    directory: Directory,
    channels: Mapping[str, Channel],
    bodies: frozenset[str],
) -> list[Tried]:
    """Try every address on a configured channel and keep the outcome; all bodies if none is named.

    A telephone is tried by a person, who records that over the API.

    Raises:
        Unavailable: the outcome of the last trial could not be kept.
    """
    found: list[Tried] = []
    for contact in directory.contacts:
        if bodies and contact.body not in bodies:
            continue
        for address in contact.addresses:
            channel = channels.get(address.channel)
            if channel is None or address.channel == PHONE:
                continue
            at, fault = datetime.now(UTC), None
            try:
                await channel.send(message(config, contact, address, at))
            except ChannelError as error:
                fault = str(error)
            await record_trial(pool, contact.id, address.channel, at, fault is None)
            found.append(Tried(contact, address.channel, fault))
    return found
