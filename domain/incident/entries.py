"""What a record speaks of: reports, clocks, tasks, notices and the rest, each a value."""

from datetime import date, timedelta
from typing import Any, Literal

from domain.base import Model, Moment, Strict
from domain.grading import Findings
from domain.plan_words import ContactRole

OtherMoment = Literal["seized", "tested", "recall", "recalled"]
"""The bases of duties under other laws that the plan defers to (3.2.2(2))."""


class Caller(Strict):
    """Who reported: kind and unit; name and number of the person are kept in the vault alone."""

    kind: str
    unit: str | None = None
    person: str | None = None
    """Reference of the vault entry with name and number."""


class Facts(Strict):
    """What has been reported about the incident; ``不详`` and None are honest answers."""

    kind: str
    name: str | None = None
    drug: str
    device: bool = False
    manufacturer: str | None = None
    seller: str | None = None
    specification: str | None = None
    packaging: str | None = None
    lots: tuple[str, ...] = ()
    people: str
    symptoms: str | None = None
    place: str
    scope: str | None = None
    happened_at: Moment | None = None
    learned_at: Moment
    discovered_at: Moment | None = None
    in_scope: bool | None = None
    harm: bool | None = None
    abroad: bool | None = None
    compatriots: bool | None = None
    outside_firm: bool | None = None
    crime_suspected: bool | None = None
    measures: str | None = None
    trend: str | None = None
    next_steps: str | None = None
    secret_pointer: str | None = None
    """Where secret material is kept; never the material itself (3.2.4)."""
    findings: Findings = Findings()
    other_rules: tuple[str, ...] = ()
    """Ids of obligations under other laws that this incident calls for."""
    moments: dict[OtherMoment, Moment] = {}
    """The moments from which limits of other laws run: a seizure, a recall, …"""


class Claim(Model):
    """A stated knowledge time. The earliest that stands is the basis; later ones move nothing."""

    seq: int
    at: Moment
    source: str | None = None
    """The merged incident that brought it; None for our own."""


class Held(Model):
    """A level with the time it was held, and the level of the response that ran beside it.

    The two differ while a response of ours runs under a preliminary finding that superiors
    have not acted on.
    """

    level: str
    since: Moment
    until: Moment | None = None
    response: str | None = None


class Determination(Model):
    """A grading that raised the level (3.2.2(2))."""

    seq: int
    level: str
    at: Moment
    first: bool
    occurred: bool = True
    """False where the response was started on a trend towards the level (4.6.1)."""
    merged: bool = False
    """Taken over with a merged incident, and with it the clocks that it had started."""


class Occasion(Model):
    """A moment that starts a duty: ``key`` makes its clock unique."""

    key: str
    at: Moment
    level: str | None = None
    ref: str | None = None


class Clock(Model):
    """A duty running against time. ``due`` is absolute; ``verdict`` is given when it is met.

    ``unrecorded_at`` is set when the due moment passed with nothing on record: not yet a
    verdict, since a thing done in time may be entered later.
    """

    id: str
    obligation: str
    clause: str
    kind: Literal["statutory", "internal"]
    owner: str
    recipient: str | None = None
    basis: Moment
    due: Moment
    readings: dict[str, Moment] = {}
    remind_at: tuple[Moment, ...] = ()
    status: Literal["open", "met", "cancelled"] = "open"
    unrecorded_at: Moment | None = None
    met_at: Moment | None = None
    met_recorded: Moment | None = None
    """When the record learned of it: a late entry shows both times (E2)."""
    met_by: str | None = None
    verdict: Literal["on_time", "on_time_entered_late", "late"] | None = None
    late_by: timedelta | None = None
    reason: str | None = None
    ref: str | None = None
    """The very thing that the duty is about, where another of its kind would not do."""
    day: date | None = None
    first_day: bool = False

    @property
    def next_moment(self) -> Moment | None:
        """When this clock next asks for attention: a reminder, then the due moment."""
        if self.status != "open" or self.unrecorded_at is not None:
            return None
        return min((*self.remind_at, self.due))


class Delivery(Strict):
    """A report given to a recipient: when, by which channel, and who took it."""

    recipient: str
    at: Moment | None = None
    channel: str
    taken_by: str | None = None
    skip_reason: str | None = None
    """Why a step of the ladder was skipped in an emergency (越级, 3.2.2)."""


class Given(Model):
    """A delivery on record; ``by`` is the body that gave it."""

    seq: int
    recipient: str
    at: Moment
    recorded: Moment
    channel: str
    taken_by: str | None = None
    by: str
    skip_reason: str | None = None
    voided: bool = False


class Report(Model):
    """A version of a report; a later one supersedes it, none is edited (3.2.3)."""

    id: str
    seq: int
    number: int
    kind: str
    version: int
    supersedes: str | None = None
    day: date | None = None
    level: str | None = None
    about: str | None = None
    fields: dict[str, str]
    by: str
    at: Moment
    given: tuple[Given, ...] = ()
    signed_by: str | None = None
    signed_at: Moment | None = None
    voided: bool = False


class Task(Model):
    """A task given to a body; its text is the plan's, found under (pack, item)."""

    id: str
    pack: str
    item: str
    clause: str
    group: str | None = None
    owner: str
    assigned_at: Moment
    due: Moment | None = None
    status: Literal["open", "done"] = "open"
    done_seq: int | None = None
    done_at: Moment | None = None
    done_recorded: Moment | None = None
    done_by: str | None = None
    result: str | None = None


class Proposal(Model):
    """Something put to the body that decides; a decision names the version it decides."""

    id: str
    kind: Literal["activation", "adjustment", "termination", "release"]
    version: int
    level: str | None = None
    content: dict[str, Any]
    by: str
    at: Moment
    status: Literal["open", "approved", "rejected", "superseded"] = "open"
    decided_by: str | None = None
    decided_at: Moment | None = None
    decided_level: str | None = None
    """The level of the incident when it was decided."""
    filed: tuple[Given, ...] = ()
    """Filed before publication, where the plan asks for that (4.7.2)."""


class Release(Model):
    """A public information release (4.7); the approved proposal, published, then filed."""

    id: str
    proposal: str
    level: str | None
    publisher: str
    at: Moment
    recorded: Moment | None = None
    channel: str
    text: str
    authorisation: str | None = None
    filed: tuple[Given, ...] = ()


class Order(Model):
    """What a superior ordered; recorded, never decided here (4.3-4.5)."""

    id: str
    seq: int
    by: str
    kind: str
    level: str | None = None
    text: str
    at: Moment
    daily_hour: int | None = None


class Authorisation(Model):
    """A competent superior's leave to publish (4.7.2)."""

    id: str
    by: str
    level: str
    text: str
    at: Moment
    voided: bool = False


class Group(Model):
    """A work group as set up for this incident."""

    id: str
    leads: tuple[str, ...]
    members: tuple[str, ...]


TAKEN = {"goods": "requisitioned", "labour": "requisitioned", "store": "used"}
"""The occasion that taking each kind of resource is: from others, or from our own stores."""


class Resource(Model):
    """Goods or labour in the ledger (5.2, 6.2, 6.5)."""

    id: str
    kind: Literal["goods", "labour", "store"]
    what: str
    quantity: str
    source: str
    at: Moment
    value: str | None = None
    settled: tuple[str, ...] = ()
    settled_at: Moment | None = None
    settled_recorded: Moment | None = None
    voided: bool = False

    @property
    def open(self) -> bool:
        """Whether it still has to be returned, compensated or replenished."""
        return not self.settled and not self.voided


class CorrectiveAction(Model):
    """An improvement with an owner and a due day (5.3)."""

    id: str
    text: str
    owner: str
    due: date
    done_at: Moment | None = None
    result: str | None = None


class Notice(Model):
    """A message of ours to one body; the workflow sends it, its outcome comes back.

    ``subject`` names the template, ``ref`` what it is about. Accepted by a provider, delivered,
    and acknowledged by a person are three different things.
    """

    id: str
    recipient: str
    subject: str
    ref: str
    clause: str
    statutory: bool
    queued_at: Moment
    status: Literal["queued", "posted", "accepted", "failed"] = "queued"
    """``posted`` lies in the inbox alone: nobody outside of this system has it yet."""
    accepted_at: Moment | None = None
    """When it first went beyond the inbox, or was opened or answered there."""
    accepted_recorded: Moment | None = None
    channels: tuple[str, ...] = ()
    failure: str | None = None
    delivered_at: Moment | None = None
    acknowledged_at: Moment | None = None
    acknowledged_by: str | None = None
    acknowledged_recorded: Moment | None = None
    refused: bool = False
    comment: str | None = None
    pursued: bool = True
    """Whether it asks for an answer; parts of a series do not (Escalation.once)."""
    climbed: int = 0
    """How many times it has gone out: rungs of its ladder, then repetitions of the last."""
    climbs_from: Moment | None = None
    """Quiet hours held it back until then: there its ladder begins anew."""
    ended: Literal["stopped", "settled"] | None = None
    """Pursued no more without an answer: by a recorded stop, or since its matter is over."""
    reason: str | None = None

    @property
    def base(self) -> Moment:
        """From when on its ladder counts."""
        return self.climbs_from or self.queued_at

    @property
    def open(self) -> bool:
        """Neither answered, nor stopped, nor over."""
        return self.acknowledged_at is None and self.ended is None

    @property
    def unanswered(self) -> bool:
        """Whether somebody still has to answer it."""
        return self.pursued and self.open


class Message(Model):
    """Notices on their way to one body together, each with the step of its ladder (0: first)."""

    id: str
    recipient: str
    notices: dict[str, int]
    contacts: tuple[ContactRole, ...]
    at: Moment


class Call(Model):
    """The duty seat is asked to telephone a body about notices that it has not answered."""

    id: str
    recipient: str
    notices: tuple[str, ...]
    reason: Literal["failed", "phone_only", "unanswered"]
    at: Moment
    attempts: int = 0
    answered_at: Moment | None = None
    taken_by: str | None = None


class Warned(Model):
    """An early warning recorded for this incident (3.3)."""

    id: str
    level: str
    by: str
    at: Moment
    text: str
    lifted_at: Moment | None = None


class Attachment(Model):
    """A file kept encrypted elsewhere and named here by its hash."""

    sha256: str
    media_type: str
    size: int
    about: str | None = None
    title: str


class Outcome(Model):
    """How a request ended: the events it caused, or the refusal."""

    digest: str
    first: int
    last: int
    head: str
    refusal: dict[str, Any] | None = None
