"""The emergency plan as data: one model per kind of rule, every entry with its clause.

Code names no department, no number of hours and no threshold; they stand in ``plans/*.yaml``.
A plan travels in the start arguments of an incident, which keeps it to its end.
"""

import hashlib
import json
from datetime import timedelta
from functools import cached_property
from typing import Literal

from pydantic import Field

from domain.base import Strict, Text

Tier = Literal["county", "city", "province", "nation", "outside"]
BodyKind = Literal[
    "government",
    "command",
    "office",
    "duty",
    "regulator",
    "department",
    "group",
    "expert",
    "outside",
]
SeatKind = Literal[
    "duty",
    "office",
    "government",
    "command",
    "department",
    "reporter",
    "expert",
    "observer",
    "administrator",
]
Basis = Literal[
    "discovered",  # the reporter 发现/获知
    "learned",  # the earliest moment our regulator 发现, 获知 or 接报
    "received",  # 接到报告
    "determined",  # 初步认定, and every later upgrade
    "worsened",  # an important matter: new deaths, more severe cases
    "day",  # every Beijing calendar day while the level holds
    "activated",  # the decision to start the response
    "occurred_level",  # a level has occurred and implies a warning by a superior
    "published",  # an information release was published
    "terminated",  # 应急响应终止
    "dismissed",  # found to be no incident after it had been reported
    "voided",  # a report that had gone out was withdrawn by correction
    "concluded",  # the experts' conclusion
    "foreign",  # foreign citizens or effects abroad became known
    "compatriots",  # Taiwan, Hong Kong or Macao people became known
    "outside_firm",  # firms or products from elsewhere became known
    "order_given",  # a superior's order was received
    "requisitioned",  # goods or labour were requisitioned
    "warning_lifted",  # our own warning was lifted
    "warning_issued",  # our own warning was issued
    "seized",  # 封存/查封扣押, for other laws' limits
    "tested",  # a test report was issued, for other laws' limits
    "recall",  # a recall was decided, for other laws' limits
    "recalled",  # a recall was completed, for other laws' limits
]
Act = Literal[
    "report.initial",
    "report.progress",
    "report.urgent",
    "report.summary",
    "report.correction",
    "report.filing",
    "report.any",
    "notice",  # a notice of ours that its channel accepted, or that was acknowledged
    "intake",  # the report that opened the incident, for the reporter's own duty
    "publication",
    "settlement",  # requisitioned goods returned or compensated
]
Condition = Literal[
    "harm", "abroad", "compatriots", "outside_firm", "crime", "command", "no_command"
]
Qualifier = Literal[
    "unexpected",
    "similar_symptoms",
    "clustered",
    "lots_close",
    "same_drug",
    "same_lot",
    "short_term",
    "similar_cases",
]
Measure = Literal[
    "affected",
    "severe",
    "deaths",
    "provinces_with_ii",
    "cities_with_iii",
    "counties_with_iv",
    "judged",
]


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


class Grading(Strict):
    """附件1 and the readings that decide its ambiguities."""

    clause: str
    names: dict[str, Text]
    lines: tuple[GradingLine, ...]
    boundaries: tuple[Boundary, ...] = ()


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


class Plan(Strict):
    """A county's drug-safety emergency plan, complete.

    Raises:
        pydantic.ValidationError: a field is missing or wrong, or two entries contradict.
    """

    id: str
    version: int = 1
    jurisdiction: Jurisdiction
    regulator: str
    """The body that receives reports, owns the county's reporting duties and interprets."""
    duty: str
    office: str
    government: str
    command: str
    scope: Provision | None = None
    levels: tuple[Level, ...]
    kinds: tuple[EventKind, ...]
    bodies: tuple[Body, ...]
    seats: tuple[Seat, ...]
    reporters: tuple[ReporterKind, ...]
    powers: tuple[Power, ...]
    recording: Recording
    grading: Grading
    obligations: tuple[Obligation, ...]
    reminders: Reminders
    reports: tuple[ReportForm, ...]
    groups: tuple[WorkGroup, ...]
    command_roles: tuple[CommandRole, ...]
    packs: tuple[Pack, ...]
    releases: tuple[ReleaseAuthority, ...]
    warnings: tuple[WarningLevel, ...]
    termination: Termination
    causes: tuple[Cause, ...]
    readings: tuple[Reading, ...]
    other_laws: tuple[OtherDocument, ...] = ()
    standing: tuple[StandingDuty, ...] = ()

    @cached_property
    def body_by_id(self) -> dict[str, Body]:
        """Every body under its id."""
        return {body.id: body for body in self.bodies}

    @cached_property
    def seat_by_id(self) -> dict[str, Seat]:
        """Every seat under its id."""
        return {seat.id: seat for seat in self.seats}

    @cached_property
    def obligation_by_id(self) -> dict[str, Obligation]:
        """Every obligation under its id, those that are off included."""
        return {duty.id: duty for duty in self.obligations}

    @cached_property
    def pack_by_id(self) -> dict[str, Pack]:
        """Every task pack under its id."""
        return {pack.id: pack for pack in self.packs}

    @cached_property
    def item_by_id(self) -> dict[tuple[str, str], PackItem]:
        """Every task template under (pack or cause id, item id)."""
        items = {(pack.id, item.id): item for pack in self.packs for item in pack.items}
        for cause in self.causes:
            items.update({(cause.id, item.id): item for item in cause.follow_up})
        return items

    @cached_property
    def group_by_id(self) -> dict[str, WorkGroup]:
        """Every work group under its id."""
        return {group.id: group for group in self.groups}

    @cached_property
    def reading_by_id(self) -> dict[str, Reading]:
        """Every reading under its id."""
        return {reading.id: reading for reading in self.readings}

    @cached_property
    def level_ids(self) -> tuple[str, ...]:
        """The levels' ids, gravest first."""
        return tuple(level.id for level in self.levels)

    @cached_property
    def level_by_id(self) -> dict[str, Level]:
        """Every level under its id."""
        return {level.id: level for level in self.levels}

    @cached_property
    def report_by_kind(self) -> dict[str, ReportForm]:
        """Every report form under its kind."""
        return {form.kind: form for form in self.reports}

    def rank(self, level: str | None) -> int:
        """Gravity of ``level``: 1 for the lowest, more for graver ones, 0 for no level."""
        return 0 if level is None else len(self.levels) - self.level_ids.index(level)

    def gravest(self, *levels: str | None) -> str | None:
        """The gravest of ``levels``, None when none is given."""
        return max(levels, key=self.rank, default=None)

    def choice(self, reading: str) -> str | None:
        """What the reading ``reading`` decides."""
        return self.reading_by_id[reading].choice

    def pending(self, reading: str | None) -> bool:
        """Whether ``reading`` still awaits the interpreting body (7.2): 待解释."""
        return reading is not None and self.reading_by_id[reading].confirmed_by is None


def plan_digest(plan: Plan) -> str:
    """SHA-256 over the plan's canonical JSON: two plans with the same digest say the same."""
    text = json.dumps(
        plan.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(text.encode()).hexdigest()
