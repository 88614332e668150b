"""The emergency plan as data: one model per kind of rule, every entry with its clause.

Code names no department, no number of hours and no threshold; they stand in ``plans/*.yaml``.
A plan travels in the start arguments of an incident, which keeps it to its end.
"""

import hashlib
import json
from functools import cached_property

from domain.base import Strict
from domain.plan_entries import (
    Body,
    Boundary,
    Cause,
    CommandRole,
    Duty,
    Escalation,
    EventKind,
    Grading,
    GradingLine,
    GradingReadings,
    Jurisdiction,
    Ladder,
    Level,
    Obligation,
    OtherDocument,
    Pack,
    PackItem,
    Power,
    Provision,
    Reading,
    Recording,
    ReleaseAuthority,
    Reminders,
    ReporterKind,
    ReportField,
    ReportForm,
    Rung,
    Seat,
    StandingDuty,
    Template,
    Termination,
    TerminationCondition,
    WarningLevel,
    WorkGroup,
)
from domain.plan_words import (
    Act,
    Basis,
    BodyKind,
    Condition,
    Measure,
    Qualifier,
    SeatKind,
    Tier,
)

__all__ = [
    "Act",
    "Basis",
    "Body",
    "BodyKind",
    "Boundary",
    "Cause",
    "CommandRole",
    "Condition",
    "Duty",
    "Escalation",
    "EventKind",
    "Grading",
    "GradingLine",
    "GradingReadings",
    "Jurisdiction",
    "Ladder",
    "Level",
    "Measure",
    "Obligation",
    "OtherDocument",
    "Pack",
    "PackItem",
    "Plan",
    "Power",
    "Provision",
    "Qualifier",
    "Reading",
    "Recording",
    "ReleaseAuthority",
    "Reminders",
    "ReportField",
    "ReportForm",
    "ReporterKind",
    "Rung",
    "Seat",
    "SeatKind",
    "StandingDuty",
    "Template",
    "Termination",
    "TerminationCondition",
    "Tier",
    "WarningLevel",
    "WorkGroup",
    "plan_bytes",
    "plan_digest",
]


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
    escalation: Escalation | None = None
    """Optional for plans in force before there was one; ``yaoan plan check`` asks for it."""
    texts: dict[str, Template] = {}
    """What notices say, by subject: from the templates beside the plan's file."""

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
        """Every task pack under its id, those made of the duties of the bodies among them."""
        return {pack.id: pack for pack in (*self.duty_packs, *self.packs)}

    @cached_property
    def duty_packs(self) -> tuple[Pack, ...]:
        """The duties of each body (附件2) as tasks that can be given to it, by body."""
        return tuple(
            Pack(
                id=f"duties-{body.id}",
                name=body.name,
                clause=body.clause,
                items=tuple(
                    PackItem(id=str(number), clause=duty.clause, text=duty.text, owner=body.id)
                    for number, duty in enumerate(body.duties, start=1)
                ),
            )
            for body in self.bodies
            if body.duties
        )

    @cached_property
    def item_by_id(self) -> dict[tuple[str, str], PackItem]:
        """Every task template under (pack or cause id, item id)."""
        packs = self.pack_by_id.values()
        items = {(pack.id, item.id): item for pack in packs for item in pack.items}
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


def plan_bytes(plan: Plan) -> bytes:
    """The plan's canonical JSON, as it is stored and hashed.

    Defaults are left out: a field that a later version adds does not change a plan in force.
    """
    said = plan.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def plan_digest(plan: Plan) -> str:
    """SHA-256 over the plan's canonical JSON: two plans with the same digest say the same."""
    return hashlib.sha256(plan_bytes(plan)).hexdigest()
