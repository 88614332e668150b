"""What has happened: one model per event type. They are written once and read for ever.

A new field needs a default; a changed meaning needs a new version and an upcaster in
``upcast.py``.
"""

from datetime import timedelta
from typing import Any, ClassVar, Literal

from domain.base import Model, Moment
from domain.incident.commands import Condition
from domain.incident.entries import (
    Attachment,
    Authorisation,
    Call,
    Caller,
    Clock,
    CorrectiveAction,
    Facts,
    Given,
    Group,
    Message,
    Notice,
    Order,
    Proposal,
    Release,
    Report,
    Resource,
    Task,
    Warned,
)
from domain.incident.observations import MergeOffer

__all__ = ["EVENTS", "Condition", "Payload"]


class Payload(Model):
    """The content of an event; ``type`` is its name in the record."""

    type: ClassVar[str]
    v: ClassVar[int] = 1


class IncidentReported(Payload):
    type = "incident.reported"
    caller: Caller
    facts: Facts
    flags: tuple[str, ...] = ()
    plan_id: str
    plan_digest: str
    rules_version: int
    space: str


class EarlyHandlingBegan(Payload):
    type = "early_handling.began"


class FactsCorrected(Payload):
    type = "facts.corrected"
    changes: dict[str, Any]
    reason: str | None = None
    flags: tuple[str, ...] = ()


class Verified(Payload):
    type = "report.verified"
    outcome: str
    text: str


class Assessed(Payload):
    type = "incident.assessed"
    level: str | None
    by_lines: str | None
    candidate: str | None
    needs_judgement: bool
    reasons: str
    raised: bool
    proposed_lower: bool
    readings: tuple[str, ...] = ()
    findings: dict[str, Any]


class OrderRecorded(Payload):
    type = "order.recorded"
    order: Order
    expected_duration: str | None = None


class Proposed(Payload):
    type = "proposal.made"
    proposal: Proposal
    warnings: tuple[str, ...] = ()


class Decided(Payload):
    type = "proposal.decided"
    proposal: str
    kind: str
    version: int
    approved: bool
    reasons: str | None = None


class ResponseStarted(Payload):
    type = "response.started"
    level: str
    area: str | None = None
    scope: str | None = None
    expected_duration: str | None = None
    measures: str | None = None
    raises: bool = False
    """Graver than what held before: a determination of its own."""
    trending: bool = False
    """Started on the trend towards the level, which has not occurred yet (4.6.1)."""


class ResponseAdjusted(Payload):
    type = "response.adjusted"
    old: str | None
    new: str
    raises: bool = False


class ResponseEnded(Payload):
    type = "response.ended"
    level: str | None


class Established(Payload):
    type = "body.established"
    what: Literal["command", "onsite", "groups"]
    roles: dict[str, str] = {}
    groups: tuple[Group, ...] = ()
    text: str | None = None


class PackReleased(Payload):
    type = "pack.released"
    pack: str
    groups: tuple[str, ...] | None = None
    tasks: tuple[Task, ...]


class TaskCompleted(Payload):
    type = "task.completed"
    task: str
    result: str


class TaskReassigned(Payload):
    type = "task.reassigned"
    task: str
    owner: str
    reason: str


class ReportSubmitted(Payload):
    type = "report.submitted"
    report: Report


class ReportGiven(Payload):
    type = "report.given"
    report: str | None
    given: Given


class ReportSigned(Payload):
    type = "report.signed"
    report: str


class ReleasePublished(Payload):
    type = "release.published"
    release: Release
    ours: bool = True
    """Published by the county, which then files it; superiors see to their own."""


class ReleaseFiled(Payload):
    type = "release.filed"
    release: str
    given: Given


class AuthorisationRecorded(Payload):
    type = "authorisation.recorded"
    authorisation: Authorisation


class CauseDetermined(Payload):
    type = "cause.determined"
    cause: str
    conclusion: str
    experts: str | None = None
    crime_suspected: bool


class ResourceLogged(Payload):
    type = "resource.logged"
    resource: Resource


class ResourceSettled(Payload):
    type = "resource.settled"
    resource: str
    action: str
    value: str | None = None


class ActionAdded(Payload):
    type = "action.added"
    action: CorrectiveAction


class ActionCompleted(Payload):
    type = "action.completed"
    action: str
    result: str


class NoticesQueued(Payload):
    type = "notices.queued"
    notices: tuple[Notice, ...]


class NoticeSent(Payload):
    """A notice that went out by itself (rules version 1)."""

    type = "notice.accepted"
    notice: str
    channels: tuple[str, ...]


class NoticeFailed(Payload):
    type = "notice.failed"
    notice: str
    failure: str


class MessageComposed(Payload):
    type = "message.composed"
    message: Message


class MessageSent(Payload):
    """A provider accepted it: whether anybody reads it is another matter."""

    type = "message.sent"
    message: str
    notices: tuple[str, ...]
    channels: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    delivered: bool = False
    held_until: Moment | None = None
    """Nobody but the inbox was told: quiet hours, which end then."""
    phone_only: bool = False
    """Nobody but the inbox was told: a telephone alone may reach the body."""


class MessageFailed(Payload):
    type = "message.failed"
    message: str
    notices: tuple[str, ...]
    failure: str


class MessageWithdrawn(Payload):
    """Answered before it was sent, so it was not."""

    type = "message.withdrawn"
    message: str


class NoticesDelivered(Payload):
    type = "notices.delivered"
    notices: tuple[str, ...]


class NoticesSettled(Payload):
    """Their matter is over: nothing is left to answer."""

    type = "notices.settled"
    notices: dict[str, str]
    """Each with the reason."""


class NoticeStopped(Payload):
    type = "notice.stopped"
    notice: str
    reason: str


class CallWanted(Payload):
    type = "call.wanted"
    call: Call


class CallMade(Payload):
    """A call of the duty seat; whoever answered has heard ``notices``."""

    type = "call.made"
    recipient: str
    answered: bool
    taken_by: str | None = None
    notices: tuple[str, ...] = ()


class NoticeAcknowledged(Payload):
    type = "notice.acknowledged"
    notice: str
    refused: bool
    comment: str | None = None


class Attached(Payload):
    type = "file.attached"
    attachment: Attachment


class EntryVoided(Payload):
    type = "entry.voided"
    target: int
    target_type: str
    reason: str
    told: tuple[str, ...] = ()


class WarningIssued(Payload):
    type = "warning.issued"
    warning: Warned
    authorised_by: str | None = None
    ours: bool


class WarningLifted(Payload):
    type = "warning.lifted"
    warning: str
    reason: str
    ours: bool
    authorised_by: str | None = None


class Dismissed(Payload):
    type = "incident.dismissed"
    reasons: str
    told: tuple[str, ...]


class MergeRequested(Payload):
    type = "merge.requested"
    into: str
    reasons: str
    overlap: dict[str, int] | None = None


class MergeRefused(Payload):
    type = "merge.refused"
    into: str
    reason: str


class Merged(Payload):
    type = "incident.merged"
    into: str


class MergeAccepted(Payload):
    type = "merge.accepted"
    offer: MergeOffer
    findings: dict[str, Any]
    raised: bool
    response_level: str | None = None
    candidate: str | None = None
    setback: Literal["worsened", "new_cases"] | None = None
    """What the counts of the other bring: graver cases, or more of them."""


class Reopened(Payload):
    type = "incident.reopened"
    reason: str
    phase: str


class Closed(Payload):
    type = "incident.closed"
    text: str


class PersonRegistered(Payload):
    type = "person.registered"
    reference: str
    digest: str


class PersonsPurged(Payload):
    type = "persons.purged"
    references: tuple[str, ...]
    files: bool = False


class ClockOpened(Payload):
    type = "clock.opened"
    clock: Clock


class ClockMoved(Payload):
    type = "clock.moved"
    clock: str
    basis: Moment
    due: Moment
    readings: dict[str, Moment] = {}
    remind_at: tuple[Moment, ...] = ()
    reason: str


class ClockReminded(Payload):
    type = "clock.reminded"
    clock: str
    due: Moment
    remaining: timedelta


class ClockUnrecorded(Payload):
    """Nothing was on record at the due moment: no verdict yet, it may have been done in time."""

    type = "clock.unrecorded"
    clock: str
    due: Moment


class ClockMet(Payload):
    type = "clock.met"
    clock: str
    at: Moment
    by: str
    verdict: Literal["on_time", "on_time_entered_late", "late"]
    late_by: timedelta | None = None


class ClockReopened(Payload):
    type = "clock.reopened"
    clock: str
    reason: str
    remind_at: tuple[Moment, ...] = ()


class ClockCancelled(Payload):
    type = "clock.cancelled"
    clock: str
    reason: str


class CommandRefused(Payload):
    type = "command.refused"
    command: str
    refusal: dict[str, Any]


def _all(kind: type[Payload]) -> list[type[Payload]]:
    return [sub for direct in kind.__subclasses__() for sub in (direct, *_all(direct))]


EVENTS: dict[str, type[Payload]] = {kind.type: kind for kind in _all(Payload)}
"""Every event type under its name in the record."""
