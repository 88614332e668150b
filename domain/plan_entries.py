"""The entries of a plan: one model for each kind of rule, each with its clause."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from domain.base import Strict, Text
from domain.plan_words import (
    Act,
    Basis,
    BodyKind,
    Condition,
    ContactRole,
    Measure,
    Qualifier,
    SeatKind,
    Tier,
)


class Jurisdiction(Strict):
    """Whose plan this is, and how its incidents are numbered."""

    name: Text
    prefix: str = Field(pattern=r"^[A-Z]{2,4}$")
    document: str
    title: Text
    in_force: str


class Provision(Strict):
    """A provision shown in the plan's own words."""

    clause: str
    text: Text


class Reading(Strict):
    """How an ambiguous provision is read until the interpreting body (7.2) confirms it."""

    id: str
    clause: str
    reading: Text
    choice: str | None = None
    choices: tuple[str, ...] = ()
    confirmed_by: str | None = None
    confirmed_on: str | None = None


class Duty(Strict):
    """What a body is for (附件2): the template of tasks given to it."""

    clause: str
    text: Text


class Body(Strict):
    """A department, command, office, superior or outside body that the plan names."""

    id: str
    name: Text
    kind: BodyKind
    tier: Tier = "county"
    part_of: str | None = None
    clause: str
    duties: tuple[Duty, ...] = ()


class Seat(Strict):
    """A place from which people act; held by persons, by shift."""

    id: str
    body: str
    kind: SeatKind
    name: Text


class Level(Strict):
    """A grade of incident and of response; the order in the plan is the order of gravity.

    ``decides``: who starts, adjusts and ends the response at this level. ``own`` marks the
    level that this jurisdiction leads itself.
    """

    id: str
    name: Text
    colour: Literal["red", "orange", "yellow", "blue"]
    clause: str
    decides: tuple[str, ...]
    own: bool = False


class Power(Strict):
    """Who may do what. A holder is a body id or one of:

    ``any``; ``county`` (every body of this jurisdiction); ``concerned`` (the body whose task,
    notice or duty it is); ``level`` (whoever decides at the incident's level, see Level);
    ``superiors`` (every body above the county).
    """

    command: str
    holders: tuple[str, ...]
    clause: str


class Recording(Strict):
    """The seats that may put on record what another body decided or did."""

    seats: tuple[str, ...]
    clause: str
    late_after: timedelta
    """An entry this much later than the occurrence must give its reason (补录)."""


class GradingLine(Strict):
    """One line of 附件1; ``at_least`` and ``at_most`` are inclusive counts.

    Lines of the same name are the alternatives (或者) of one provision.
    """

    line: str
    level: str
    measure: Measure
    at_least: int | None = None
    at_most: int | None = None
    needs: tuple[Qualifier, ...] = ()
    readings: tuple[str, ...] = ()
    """The readings on which the bounds of this line rest."""
    text: Text


class Boundary(Strict):
    """A count that two lines of different levels both claim; the reading says which governs."""

    measure: Measure
    value: int
    lines: tuple[str, ...]
    reading: str


class GradingReadings(Strict):
    """The readings by which the rules of grading themselves go, where a plan has them.

    ``lower_bound``: deaths are a lower bound of unknown severe cases. ``unknown``: an unknown
    never lowers the level. ``no_line``: no line met is not no event.
    """

    lower_bound: str | None = None
    unknown: str | None = None
    no_line: str | None = None


class Grading(Strict):
    """附件1 and the readings that decide its ambiguities."""

    clause: str
    names: dict[Literal[Measure, Qualifier], Text]
    lines: tuple[GradingLine, ...]
    boundaries: tuple[Boundary, ...] = ()
    readings: GradingReadings = GradingReadings()


class Obligation(Strict):
    """A duty with a time: whose, to whom, from which moment, how long, and what meets it.

    ``within`` is None for duties by calendar day. ``levels`` empty means any level, graded or
    not. ``since`` "basis" demands an act at or after the basis; "any" accepts an earlier one.
    ``after`` limits a duty by basis ``day`` to incidents with a started response.
    """

    id: str
    clause: str
    name: Text
    owner: str
    recipients: tuple[str, ...]
    basis: Basis
    within: timedelta | None = None
    kind: Literal["statutory", "internal"]
    met_by: tuple[Act, ...]
    levels: tuple[str, ...] = ()
    reporters: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    since: Literal["basis", "any"] = "any"
    responding: bool = False
    reading: str | None = None
    enabled: bool = True
    law: str | None = None
    verified: Literal["V", "M"] | None = None
    kinds: tuple[str, ...] = ()
    """The kinds of event that usually call for a duty under another law."""
    remind: tuple[timedelta, ...] | None = None


class Reminders(Strict):
    """How long before the due moment the owner is told, and who hears when nothing was recorded."""

    statutory: tuple[timedelta, ...]
    internal: tuple[timedelta, ...]
    owner_hears: tuple[str, ...]
    unrecorded_hears: tuple[str, ...]
    clause: str


class Rung(Strict):
    """One step of pursuing a notice that nobody has answered."""

    after: timedelta
    """Since the notice was queued."""
    contacts: tuple[ContactRole, ...]
    """Who of the body is told now."""
    phone: bool = False
    """The duty seat is asked to telephone the body."""
    office: bool = False
    """The command office hears that the body does not answer (2.1.1(2): 检查督促)."""


class Ladder(Strict):
    """What is done, step by step, until somebody answers."""

    rungs: tuple[Rung, ...] = Field(min_length=1)
    repeat: timedelta | None = None
    """How long after the last rung it is taken again, and again after each time; None: never."""


class Escalation(Strict):
    """How notices are pursued: nothing but an answer or a recorded stop ends it.

    ``gather``: a body gets no two messages within this time, so what comes up meanwhile is one
    message. A statutory notice that breaks a silence goes at once. ``once``: subjects that are
    told once, since they are parts of a series themselves. ``early``: how many per cent of the wait
    a recurrence may be cut by, so that whatever is told once more, to whomever, goes out together:
    50 lets it come in the second half of its wait. The rungs themselves come at their moments,
    or up to half of ``gather`` sooner. 0: each notice by itself, as incidents did before.
    """

    clause: str
    gather: timedelta
    early: int = Field(default=0, ge=0, le=50)
    statutory: Ladder
    internal: Ladder
    tried_within: timedelta
    """A channel that was not tried for so long counts as never tested (6.4)."""
    once: tuple[str, ...] = ()


class Template(Strict):
    """What notices of one subject say: Jinja, a title and a text in both languages."""

    title: Text
    text: Text


class ReporterKind(Strict):
    """Who reports, and to whom the plan sends that report (3.2.1, 3.2.2(1))."""

    id: str
    name: Text
    clause: str
    reports_to: tuple[str, ...]
    regulator: bool = False
    """The knowledge of such a reporter is our own knowledge: it starts the county's clock."""
    reading: str | None = None


class PackItem(Strict):
    """One task of a pack. ``owner`` defaults to the lead of the group."""

    id: str
    clause: str
    text: Text
    owner: str | None = None
    group: str | None = None
    within: timedelta | None = None
    when: tuple[Condition, ...] = ()
    levels: tuple[str, ...] = ()
    """The levels at which it is a task at all; empty means those of its pack."""


class Pack(Strict):
    """Tasks that are released together; ``starts_at`` intake needs no hand (4.2, 6.3)."""

    id: str
    name: Text
    clause: str
    starts_at: Literal["intake", "release"] = "release"
    levels: tuple[str, ...] = ()
    warning: str | None = None
    phases: tuple[str, ...] = ()
    items: tuple[PackItem, ...]


class WorkGroup(Strict):
    """A group of the on-site headquarters (2.2)."""

    id: str
    name: Text
    clause: str
    leads: tuple[str, ...]
    members: tuple[str, ...]
    text: Text


class CommandRole(Strict):
    """A role of the county command (2.1) and who fills it."""

    id: str
    name: Text
    clause: str
    filled_by: Text


class ReleaseAuthority(Strict):
    """Who may publish at a level, who hears of it before, and with whom it is filed (4.7.2)."""

    level: str
    clause: str
    publishers: tuple[str, ...]
    filed_before_with: tuple[str, ...] = ()
    file_with: tuple[str, ...] = ()
    reading: str | None = None


class WarningLevel(Strict):
    """An early warning level (3.3.1) and who issues, adjusts and lifts it (3.3.6)."""

    level: str
    name: Text
    colour: Literal["red", "orange", "yellow", "blue"]
    clause: str
    issuers: tuple[str, ...]
    possible: tuple[str, ...]
    occurred: tuple[str, ...] = ()
    authorised_by: tuple[str, ...] = ()
    pack: str | None = None


class TerminationCondition(Strict):
    """What must be true before a response may end (4.6.4)."""

    id: str
    clause: str
    text: Text
    kind: Literal["fact", "opinion"]


class Termination(Strict):
    """The conditions of 4.6.4 and an internal observation window (a warning, never a bar)."""

    clause: str
    conditions: tuple[TerminationCondition, ...]
    observe: timedelta | None = None
    observe_reading: str | None = None


class ReportField(Strict):
    """A field of a report's form (3.2.3)."""

    id: str
    name: Text
    official: bool = False
    """The telephone number of an official belongs here; elsewhere mobile numbers are refused."""


class ReportForm(Strict):
    """What a report of this kind says; ``不详`` is an answer, a blank never blocks a report."""

    kind: Literal["initial", "progress", "urgent", "summary", "correction", "filing"]
    name: Text
    clause: str
    fields: tuple[ReportField, ...]
    channels: tuple[str, ...]


class Cause(Strict):
    """A kind of cause and what follows from it (5.1)."""

    id: str
    name: Text
    clause: str
    follow_up: tuple[PackItem, ...] = ()


class OtherDocument(Strict):
    """A provision that another law adds, shown where it applies."""

    id: str
    law: Text
    clause: str
    text: Text
    verified: Literal["V", "M"]
    kinds: tuple[str, ...] = ()


class EventKind(Strict):
    """A kind of incident (1.5) with what it calls for."""

    id: str
    name: Text
    clause: str


class StandingDuty(Strict):
    """A duty outside any incident: monitoring, readiness, revision (3.1, 6, 7)."""

    id: str
    clause: str
    owner: str
    text: Text
