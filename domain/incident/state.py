"""What is known of an incident now: a pure fold of its events, serialisable as it stands."""

from datetime import datetime
from typing import Literal

from domain.base import Model, Moment
from domain.grading import Findings
from domain.incident.entries import (
    Attachment,
    Authorisation,
    Call,
    Caller,
    Claim,
    Clock,
    CorrectiveAction,
    Determination,
    Facts,
    Given,
    Group,
    Held,
    Message,
    Notice,
    Occasion,
    Order,
    Outcome,
    Proposal,
    Release,
    Report,
    Resource,
    Task,
    Warned,
)
from domain.incident.record import GENESIS

RULES_VERSION = 2
"""The version of the rules that new incidents follow; older incidents keep theirs.

1: each notice goes out by itself, once. 2: notices to one body go out as one message, and are
pursued until they are answered.
"""
PURSUED_SINCE = 2

HANDLED_KEPT = 500
"""How many request ids an incident remembers; older ones have long been answered."""

Phase = Literal[
    "reported", "early_handling", "responding", "aftermath", "closed", "dismissed", "merged"
]
TERMINAL: frozenset[str] = frozenset({"closed", "dismissed", "merged"})


class State(Model):
    """An incident as it stands; see the modules of this package for who changes what."""

    incident: str
    space: str = "incidents"
    plan_id: str = ""
    plan_digest: str = ""
    rules_version: int = 1
    """That of ``incident.reported``; states from before there was a second say nothing."""
    seq: int = 0
    head: str = GENESIS
    phase: Phase = "reported"
    caller: Caller | None = None
    facts: Facts | None = None
    received_at: Moment | None = None
    learned: tuple[Claim, ...] = ()
    discovered_at: Moment | None = None
    flags: tuple[str, ...] = ()
    verified: str | None = None
    level: str | None = None
    """The level whose duties hold: the gravest determined, until competently lowered."""
    assessed: str | None = None
    candidate: str | None = None
    needs_judgement: bool = True
    held: tuple[Held, ...] = ()
    determinations: tuple[Determination, ...] = ()
    response_level: str | None = None
    occasions: dict[str, tuple[Occasion, ...]] = {}
    daily_hour: int | None = None
    command_established: bool = False
    onsite_established: bool = False
    roles: dict[str, str] = {}
    groups: dict[str, Group] = {}
    clocks: dict[str, Clock] = {}
    tasks: dict[str, Task] = {}
    packs: tuple[str, ...] = ()
    reports: dict[str, Report] = {}
    proposals: dict[str, Proposal] = {}
    releases: dict[str, Release] = {}
    orders: dict[str, Order] = {}
    authorisations: dict[str, Authorisation] = {}
    warnings: dict[str, Warned] = {}
    cause: str | None = None
    cause_seq: int | None = None
    conclusion: str | None = None
    ledger: dict[str, Resource] = {}
    actions: dict[str, CorrectiveAction] = {}
    notices: dict[str, Notice] = {}
    messages: dict[str, Message] = {}
    """What is on its way; gone from here once its outcome is known."""
    last_message: dict[str, Moment] = {}
    """When a message to each body was last composed."""
    calls: dict[str, Call] = {}
    attachments: dict[str, Attachment] = {}
    reporter_gave: tuple[Given, ...] = ()
    """What the reporter itself reported to others (3.2.2(1)), as far as we know."""
    persons: dict[str, str] = {}
    """Vault references of the people harmed, each with its salted digest."""
    purged: bool = False
    voided: tuple[int, ...] = ()
    reopened_at: Moment | None = None
    merging_into: str | None = None
    merged_into: str | None = None
    merged_from: dict[str, int] = {}
    merge_overlap: dict[str, int] | None = None
    merged_reports: dict[str, Report] = {}
    """What merged incidents had reported, under ``source/report``; their text stays there."""
    merged_findings: dict[str, Findings] = {}
    """What merged incidents last brought to the counts."""
    merged_told: tuple[str, ...] = ()
    """Bodies that heard of incidents merged into this one."""
    carried: dict[str, Clock] = {}
    """Clocks taken over from merged incidents, under ``source/clock``."""
    substance: int = 0
    """The last sequence that changed more than a notice's whereabouts."""
    handled: dict[str, Outcome] = {}

    @property
    def reported(self) -> Facts:
        """The facts; every incident has them from its first event on."""
        if self.facts is None:
            raise ValueError(f"incident {self.incident} has no report yet")
        return self.facts

    @property
    def opened_at(self) -> datetime:
        """When the first report was received, UTC."""
        if self.received_at is None:
            raise ValueError(f"incident {self.incident} has no report yet")
        return self.received_at

    @property
    def open_clocks(self) -> tuple[Clock, ...]:
        """The clocks not yet met, next due first."""
        return tuple(
            sorted((c for c in self.clocks.values() if c.status == "open"), key=lambda c: c.due)
        )

    @property
    def pursues(self) -> bool:
        """Whether notices are pursued until they are answered."""
        return self.rules_version >= PURSUED_SINCE

    @property
    def outbox(self) -> tuple[Notice, ...]:
        """The notices still to be handed to a channel."""
        queued = (n for n in self.notices.values() if n.status == "queued")
        return tuple(n for n in queued if n.open or not self.pursues)

    @property
    def unanswered(self) -> tuple[Notice, ...]:
        """The notices that are pursued: nobody has answered them yet."""
        if not self.pursues:
            return ()
        return tuple(n for n in self.notices.values() if n.unanswered)

    @property
    def to_be_read(self) -> tuple[Notice, ...]:
        """What a call reads out: what is unanswered, and what a call was asked for about."""
        called = {notice for call in self.calls.values() for notice in call.notices}
        if not self.pursues:
            return ()
        return tuple(n for n in self.notices.values() if n.open and (n.pursued or n.id in called))

    @property
    def open_calls(self) -> tuple[Call, ...]:
        """The calls that the duty seat has still to make: something in them is unanswered."""
        return tuple(
            call
            for call in self.calls.values()
            if any(self.notices[notice].open for notice in call.notices)
        )

    @property
    def told(self) -> frozenset[str]:
        """The bodies to which a report of ours was given."""
        given = (g.recipient for r in self.reports.values() for g in r.given if not g.voided)
        return frozenset((*given, *self.merged_told))

    @property
    def done(self) -> bool:
        """Nothing is left to do, not even a correction or a notice."""
        return (
            self.phase in TERMINAL
            and self.merging_into is None
            and not self.open_clocks
            and not self.outbox
            and not self.messages
            and not self.unanswered
        )
