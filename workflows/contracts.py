"""What workflows, activities and clients agree on: names and shapes, no implementation."""

from datetime import timedelta
from typing import Any, Final

from temporalio.common import SearchAttributeKey

from domain.base import Model, Moment, Text
from domain.incident.envelope import Envelope
from domain.incident.observations import MergeOffer
from domain.incident.record import Event
from domain.incident.state import State
from domain.incident.wording import Wording
from domain.plan import Plan, Template
from domain.plan_words import ContactRole

INCIDENT_WORKFLOW: Final = "Incident"
"""The workflow type. A workflow's id is the number of its incident."""
COMMAND_SIGNAL: Final = "command"
"""The signal that carries an Envelope when no worker took its Update."""
RETRY_JOURNAL_SIGNAL: Final = "retry_journal"
"""An operator's word that a diverged journal has been repaired."""
STATE_QUERY: Final = "state"
UNANSWERED_QUERY: Final = "unanswered"
"""Which of the notices named nobody has answered: asked before each sending."""
OVERVIEW_QUERY: Final = "overview"
DEPLOYMENT: Final = "yaoan"
INCIDENTS_SPACE: Final = "incidents"
"""The space of real incidents; every other one is for exercises and reaches nobody outside."""

LEVEL: Final = SearchAttributeKey.for_keyword("YaoanLevel")
PHASE: Final = SearchAttributeKey.for_keyword("YaoanPhase")
SPACE: Final = SearchAttributeKey.for_keyword("YaoanSpace")
OVERDUE: Final = SearchAttributeKey.for_int("YaoanOverdue")
NEXT_DUE: Final = SearchAttributeKey.for_datetime("YaoanNextDue")
WAITING_FOR: Final = SearchAttributeKey.for_keyword_list("YaoanWaitingFor")
UNANSWERED: Final = SearchAttributeKey.for_keyword_list("YaoanUnanswered")
"""The bodies that have a notice and have not answered it."""
JOURNAL: Final = SearchAttributeKey.for_keyword("YaoanJournal")
"""``current``, ``behind`` or ``diverged``: whether PostgreSQL has the record."""

SEARCH_ATTRIBUTES: Final[tuple[SearchAttributeKey[Any], ...]] = (
    LEVEL,
    PHASE,
    SPACE,
    OVERDUE,
    NEXT_DUE,
    WAITING_FOR,
    UNANSWERED,
    JOURNAL,
)

APPEND_EVENTS: Final = "append_events"
DELIVER_NOTICE: Final = "deliver_notice"
OFFER_MERGE: Final = "offer_merge"
JOURNAL_DIVERGED: Final = "JournalDiverged"
"""Error type: PostgreSQL holds other events at the same sequence. Never retried, never skipped."""

BATCH_EVENTS: Final = 200
"""At most so many events go to the journal in one activity."""


class IncidentStart(Model):
    """The start arguments of an incident, also after continue-as-new.

    ``state`` and ``pending`` are set when an earlier run handed over, or when an incident that
    had ended is taken up again from the journal. ``opening`` is the intake of a new incident.
    """

    incident: str
    space: str
    plan: Plan
    opening: Envelope | None = None
    state: State | None = None
    pending: tuple[Event, ...] = ()
    diverged: bool = False
    rules_version: int = 1
    """The rules that a new incident follows; starts from before there was a second say nothing."""
    continue_after: int | None = None
    """Continue as new after so many history events; None follows the server's suggestion."""


class Receipt(Model):
    """What the caller of a command gets: the events it caused and the head of the chain."""

    incident: str
    request_id: str | None
    first: int
    last: int
    head: str


def update_id(envelope: Envelope) -> str:
    """The id of the Update that carries ``envelope``: Temporal answers the same one once."""
    return f"{envelope.request_id}:{envelope.digest()}"


class AppendEvents(Model):
    """A batch for the journal, in order of sequence."""

    space: str
    incident: str
    plan: Plan | None = None
    """Sent with the batch that holds the first event, so that readers know the plan."""
    events: tuple[Event, ...]


class Appended(Model):
    """The last sequence and head that the journal holds now."""

    seq: int
    head: str


class NoticeItem(Model):
    """A notice within a message: what it says, as values for its template."""

    notice: str
    subject: str
    statutory: bool
    queued_at: Moment
    again: bool = False
    """It has gone out before, and nobody has answered."""
    values: Wording
    template: Template | None = None
    """None where the incident's plan is from before plans had templates."""


class MessageOrder(Model):
    """A message to be handed to channels. ``key`` is the same for every attempt."""

    space: str
    incident: str
    message: str
    key: str
    recipient: str
    name: Text
    """The recipient's, as it is addressed."""
    contacts: tuple[ContactRole, ...]
    items: tuple[NoticeItem, ...]
    layout: Template | None = None
    at: Moment

    @property
    def statutory(self) -> bool:
        """Whether anything in it is."""
        return any(item.statutory for item in self.items)


class MessageResult(Model):
    """What became of a message; histories of rules version 1 have the first two fields."""

    accepted: tuple[str, ...] = ()
    """The channels that took it."""
    failure: str | None = None
    """Why none did."""
    contacts: tuple[str, ...] = ()
    delivered: bool = False
    phone_only: bool = False
    held_until: Moment | None = None
    withdrawn: bool = False


class MergeOrder(Model):
    """An offer on its way to the incident that shall take over."""

    space: str
    into: str
    request_id: str
    received: Moment
    offer: MergeOffer


class MergeResult(Model):
    """What the other incident answered."""

    accepted: bool
    reason: str | None = None


class Overview(Model):
    """What an operator asks of a running incident: where it stands, what is stuck, on whom."""

    incident: str
    phase: str
    level: str | None
    seq: int
    head: str
    overdue: int
    next_due: Moment | None
    waiting_for: tuple[str, ...]
    journal: str
    unwritten: int
    """Events that PostgreSQL has not confirmed yet."""
    running: tuple[str, ...]
    """Timers and activities under way, by key."""
    wakes: Moment | None = None
    """When the first of its timers fires."""


JOURNAL_GRACE: Final = timedelta(minutes=1)
"""After so long without PostgreSQL the record counts as behind."""
DIVERGED_TEXT: Final = (
    "# 警报:事件记录与数据库不一致\n"
    "数据库在同一序号上存有不同的事件,入库已停止,事件处置继续。请立即核查(`yaoan verify`)。\n\n"
    "**The journal holds other events at the same sequence.** Writing has stopped, the incident "
    "goes on. Run `yaoan verify`, repair the journal, then send the signal `retry_journal`."
)
NOTICE_TIMEOUT: Final = timedelta(minutes=10)
"""After so long without any channel accepting it, a message is recorded as failed."""
