"""Whom to reach in a body: contacts, roster, substitutes, quiet hours. Pure, like every rule."""

from datetime import datetime, time

from domain.base import Moment, Strict
from domain.plan_words import ContactRole

ROLES: tuple[ContactRole, ...] = ("duty_phone", "duty_officer", "deputy", "leader")
"""In the order in which they are asked."""
PHONE = "phone"
"""The channel that a person of the duty seat carries out."""


class Address(Strict):
    """Where a channel finds a contact: a mailbox, a number, a member of a chat group."""

    channel: str
    to: str


class Contact(Strict):
    """Someone, or a telephone, that answers for a body. Addresses in the order of preference.

    Quiet hours are Beijing time and may span midnight; a statutory notice ignores them.
    """

    id: str
    body: str
    role: ContactRole
    position: int = 0
    """Order among contacts of the same role."""
    name: str | None = None
    addresses: tuple[Address, ...] = ()
    quiet_from: time | None = None
    quiet_to: time | None = None


class Shift(Strict):
    """Who of a body is on duty from ``starts`` until ``ends``, UTC."""

    body: str
    contact: str
    starts: Moment
    ends: Moment


class Substitution(Strict):
    """``substitute`` answers for ``contact`` from ``starts`` until ``ends``, UTC."""

    contact: str
    substitute: str
    starts: Moment
    ends: Moment
    reason: str | None = None


class Trial(Strict):
    """The last time that a channel to a contact was tried, and whether it accepted."""

    contact: str
    channel: str
    at: Moment
    ok: bool


class Directory(Strict):
    """Everybody who can be reached, as of one moment."""

    contacts: tuple[Contact, ...] = ()
    shifts: tuple[Shift, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    trials: tuple[Trial, ...] = ()


def reached(
    directory: Directory,
    body: str,
    roles: tuple[ContactRole, ...],
    at: datetime,
    *,
    statutory: bool,
) -> tuple[Contact, ...]:
    """The contacts of ``body`` to tell at ``at``, UTC, when ``roles`` are to be told."""
    raise NotImplementedError
