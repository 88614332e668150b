"""What incidents and channels tell an incident, and time itself: commands nobody types."""

from typing import Any, ClassVar, Literal

from domain.base import Moment, Strict
from domain.grading import Findings
from domain.incident.commands import Command
from domain.incident.entries import Clock, Release, Report, Resource, Task, Warned


class MergeOffer(Strict):
    """What a merging incident brings: as of ``seq`` of its record."""

    source: str
    seq: int
    drug: str
    learned: Moment
    received: Moment
    level: str | None
    response_level: str | None = None
    findings: Findings
    overlap: dict[str, int] | None = None
    conditions: dict[str, bool | None] = {}
    other_rules: tuple[str, ...] = ()
    clocks: tuple[Clock, ...]
    tasks: tuple[Task, ...] = ()
    reports: tuple[Report, ...] = ()
    releases: tuple[Release, ...] = ()
    ledger: tuple[Resource, ...] = ()
    warnings: tuple[Warned, ...] = ()
    persons: dict[str, str]
    told: tuple[str, ...]
    daily_hour: int | None = None
    command_established: bool = False


class AcceptMerge(Command):
    """The other side of a merge: take over its clocks and people."""

    name: Literal["accept_merge"] = "accept_merge"
    internal: ClassVar[bool] = True
    offer: MergeOffer


class ConcludeMerge(Command):
    """What the other incident answered."""

    name: Literal["conclude_merge"] = "conclude_merge"
    internal: ClassVar[bool] = True
    into: str
    offered_seq: int
    accepted: bool
    reason: str | None = None


class NoticeOutcome(Command):
    """What a channel said of a notice that went out by itself (rules version 1)."""

    name: Literal["notice_outcome"] = "notice_outcome"
    internal: ClassVar[bool] = True
    notice: str
    accepted: tuple[str, ...] = ()
    """The channels that accepted it."""
    failure: str | None = None


class MessageOutcome(Command):
    """What became of a message: which channels accepted it, for which contacts."""

    name: Literal["message_outcome"] = "message_outcome"
    internal: ClassVar[bool] = True
    message: str
    channels: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    """Ids of the directory; never a number or an address."""
    delivered: bool = False
    phone_only: bool = False
    """Some of the contacts can be reached by telephone alone."""
    failure: str | None = None
    held_until: Moment | None = None
    """Nobody was told because of quiet hours, which end then."""
    withdrawn: bool = False
    """Everything in it had been answered before it was sent."""


class Delivered(Command):
    """A provider, or the inbox that was opened, says that notices reached their recipient."""

    name: Literal["delivered"] = "delivered"
    internal: ClassVar[bool] = True
    notices: tuple[str, ...]


class Tick(Command):
    """Time has passed: reminders and due moments up to now become events."""

    name: Literal["tick"] = "tick"
    internal: ClassVar[bool] = True


class Refused(Command):
    """A signalled command that was refused: kept, since its sender only got a 202."""

    name: Literal["refused"] = "refused"
    internal: ClassVar[bool] = True
    command: str
    refusal: dict[str, Any]
    request: str | None = None
    """Digest of the request that was refused: sent again, it gets the same answer."""
