"""``yaoan directory test``: try each contact's channels, so that readiness rests on something."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from activities.channel import Channel, ChannelError, Outgoing
from commands.database import CannotTell
from domain.base import Text, beijing_text
from domain.directory import PHONE, Address, Contact, Directory
from domain.plan import Plan
from settings import Settings
from store.directory import record_trial
from store.pool import Pool

SECONDS: Final = 65.0
"""So long one trial may take, should the channel miss its own timeout."""


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


def ours(plan: Plan, named: frozenset[str]) -> frozenset[str]:
    """The bodies to try: those ``named``, else every body of the county.

    Raises:
        CannotTell: one of them is not in the plan, or not of the county.
    """
    if unknown := named - plan.body_by_id.keys():
        raise CannotTell(f"the plan has no body {_listed(unknown)}")
    county = frozenset(body.id for body in plan.bodies if body.tier == "county")
    if others := named - county:
        raise CannotTell(
            f"{_listed(others)}: not of the county, so no trial is sent there; "
            "telephone, and record that over the API"
        )
    return named or county


def _listed(bodies: frozenset[str]) -> str:
    return ", ".join(sorted(bodies))


async def try_contacts(
    pool: Pool,
    config: Settings,
    directory: Directory,
    channels: Mapping[str, Channel],
    bodies: frozenset[str],
) -> list[Tried]:
    """Try every address in ``bodies`` on a configured channel and keep the outcome.

    Which bodies may be tried, ``ours`` says. Whatever a channel does, the others are tried. A
    telephone is tried by a person, who records that over the API.

    Raises:
        Unavailable: the outcome of the last trial could not be kept.
    """
    found: list[Tried] = []
    for contact in directory.contacts:
        if contact.body not in bodies:
            continue
        for address in contact.addresses:
            channel = channels.get(address.channel)
            if channel is None or address.channel == PHONE:
                continue
            at = datetime.now(UTC)
            fault = await _fault(channel, message(config, contact, address, at))
            await record_trial(pool, contact.id, address.channel, at, fault is None)
            found.append(Tried(contact, address.channel, fault))
    return found


async def _fault(channel: Channel, trial: Outgoing) -> str | None:
    """What is wrong with a channel; None when it accepted ``trial``."""
    try:
        async with asyncio.timeout(SECONDS):
            await channel.send(trial)
    except ChannelError as error:
        return str(error)
    except Exception as error:
        # What it says may hold an address or a credential.
        return type(error).__name__
    return None
