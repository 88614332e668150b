"""What people may ask of an incident: one model per command, named as its Temporal Update.

A command says what is to be done; the Envelope says on whose authority, recorded by whom, and
when. Unknown fields are refused, so a misspelt one never gets lost.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool

from domain.base import Moment, Strict
from domain.grading import CheckedFindings
from domain.incident.entries import (
    Caller,
    Delivery,
    Facts,
    OtherMoment,
)

Short = Annotated[str, Field(min_length=1, max_length=200)]
Long = Annotated[str, Field(min_length=1, max_length=20_000)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Command(Strict):
    """A request to change an incident. ``name`` is its route, its Update and its power."""

    name: str
    internal: ClassVar[bool] = False
    """Given by the system itself, never by a person through the API."""


class Intake(Command):
    """Take a report: six fields suffice, nothing in it is ever turned away (3.2, E6)."""

    name: Literal["intake"] = "intake"
    caller: Caller
    facts: Facts


class FactChanges(Strict):
    """New or better facts; only the fields given change."""

    kind: Short | None = None
    name: Short | None = None
    drug: Short | None = None
    device: StrictBool | None = None
    manufacturer: Short | None = None
    seller: Short | None = None
    specification: Short | None = None
    packaging: Short | None = None
    lots: tuple[Short, ...] | None = None
    people: Long | None = None
    symptoms: Long | None = None
    place: Short | None = None
    scope: Long | None = None
    happened_at: Moment | None = None
    learned_at: Moment | None = None
    discovered_at: Moment | None = None
    in_scope: StrictBool | None = None
    harm: StrictBool | None = None
    abroad: StrictBool | None = None
    compatriots: StrictBool | None = None
    outside_firm: StrictBool | None = None
    crime_suspected: StrictBool | None = None
    measures: Long | None = None
    trend: Long | None = None
    next_steps: Long | None = None
    secret_pointer: Short | None = None
    findings: CheckedFindings | None = None
    other_rules: tuple[Short, ...] | None = None
    moments: dict[OtherMoment, Moment] | None = None


class CorrectFacts(Command):
    """Add or correct facts; the old ones stay in the record (3.2.3(2))."""

    name: Literal["correct_facts"] = "correct_facts"
    changes: FactChanges
    reason: Long | None = None


class Verify(Command):
    """Record the result of verification; it pauses no clock (3.2.2(2))."""

    name: Literal["verify"] = "verify"
    outcome: Literal["confirmed", "pending", "ruled_out"]
    text: Long


class Assess(Command):
    """Grade by 附件1 with the officer's reasons; a lower grade is only proposed (3.2.2(2))."""

    name: Literal["assess"] = "assess"
    findings: CheckedFindings | None = None
    level: str | None = None
    """The officer's own grade; None takes the grade of the lines."""
    reasons: Long


class RecordOrder(Command):
    """Record what a superior ordered (4.3-4.5)."""

    name: Literal["record_order"] = "record_order"
    kind: Literal["start", "adjust", "end", "instruct"]
    level: str | None = None
    text: Long
    expected_duration: Short | None = None
    daily_hour: Annotated[int, Field(ge=0, le=23)] | None = None
    """The hour, Beijing time, by which the superior wants the daily report."""


class ProposeActivation(Command):
    """The command office proposes the response, its area and scope (4.6.1)."""

    name: Literal["propose_activation"] = "propose_activation"
    level: str
    area: Long
    scope: Long
    reasons: Long
    expected_duration: Short
    measures: Long


class Decision(Command):
    """A decision on one version of one proposal."""

    proposal: Short
    version: Annotated[int, Field(ge=1)] = 1
    approve: StrictBool
    reasons: Long | None = None


class DecideActivation(Decision):
    """The government decides whether the response starts (4.6.1)."""

    name: Literal["decide_activation"] = "decide_activation"


class ProposeAdjustment(Command):
    """The command office asks for another level (4.6.3)."""

    name: Literal["propose_adjustment"] = "propose_adjustment"
    level: str
    reasons: Long


class DecideAdjustment(Decision):
    """Whoever decides at the graver of both levels adjusts the response (4.6.3)."""

    name: Literal["decide_adjustment"] = "decide_adjustment"


class Condition(Strict):
    """A condition of termination: whether it holds, and who judged so on what grounds."""

    met: StrictBool
    by: Short
    text: Long


class ProposeTermination(Command):
    """The command office proposes to end, every condition stated (4.6.4)."""

    name: Literal["propose_termination"] = "propose_termination"
    conditions: dict[str, Condition]
    reasons: Long


class DecideTermination(Decision):
    """The government ends the response (4.6.4)."""

    name: Literal["decide_termination"] = "decide_termination"


class GroupChange(Strict):
    """A work group as it shall be; missing members mean those of the plan."""

    id: Short
    leads: tuple[Short, ...] | None = None
    members: tuple[Short, ...] | None = None


class Establish(Command):
    """Set up the command, the on-site body, or work groups, or change their members (2.1, 2.2)."""

    name: Literal["establish"] = "establish"
    what: Literal["command", "onsite", "groups"]
    roles: dict[Short, Short] = {}
    groups: tuple[GroupChange, ...] = ()
    text: Long | None = None


class ReleasePack(Command):
    """Release a task pack, whole or to some groups, in one step (4.2, 4.6.2, 3.3.4, 3.3.5)."""

    name: Literal["release_pack"] = "release_pack"
    pack: Short
    groups: tuple[Short, ...] | None = None
    items: tuple[Short, ...] | None = None


class CompleteTask(Command):
    """Report a task as done, with its result."""

    name: Literal["complete_task"] = "complete_task"
    task: Short
    result: Long


class ReassignTask(Command):
    """Give a task to another body."""

    name: Literal["reassign_task"] = "reassign_task"
    task: Short
    owner: Short
    reason: Long


ReportKind = Literal["initial", "progress", "urgent", "summary", "correction"]


class SubmitReport(Command):
    """Write a report and say to whom it was given; a new version supersedes the old (3.2.3)."""

    name: Literal["submit_report"] = "submit_report"
    kind: ReportKind
    fields: dict[Short, Long] = {}
    supersedes: Short | None = None
    about: Short | None = None
    """What a correction is about: the id of a report, or ``dismissal``."""
    day: date | None = None
    """The Beijing day that a progress report covers; default the day it was given."""
    given: tuple[Delivery, ...] = ()


class GiveReport(Command):
    """Record that a report was given to a recipient: time, channel, who took it (3.2.4, E3)."""

    name: Literal["give_report"] = "give_report"
    report: Short | None = None
    """The report given; None for what another body gave itself, as a reporter's own duty."""
    delivery: Delivery


class SignReport(Command):
    """签发: who signed, also afterwards; no report waits for it (E5)."""

    name: Literal["sign_report"] = "sign_report"
    report: Short


class ProposeRelease(Command):
    """Put a text for the public to whoever may publish at this level (4.7)."""

    name: Literal["propose_release"] = "propose_release"
    title: Short
    text: Long
    channel: Short


class DecideRelease(Decision):
    """Review a release (统一审核, 4.7.2)."""

    name: Literal["decide_release"] = "decide_release"


class PublishRelease(Command):
    """Publish an approved release, at once or with a superior's authorisation (4.7.2)."""

    name: Literal["publish_release"] = "publish_release"
    proposal: Short
    authorisation: Short | None = None
    channel: Short


class FileRelease(Command):
    """Record that a release was filed with a superior (备案, 4.7.2)."""

    name: Literal["file_release"] = "file_release"
    release: Short
    """The release; its proposal where it must be filed before it is published."""
    delivery: Delivery


class RecordAuthorisation(Command):
    """Record that the competent superior lets the county publish (4.7.2)."""

    name: Literal["record_authorisation"] = "record_authorisation"
    level: str
    text: Long


class DetermineCause(Command):
    """Record the cause as found by investigation and experts (5.1)."""

    name: Literal["determine_cause"] = "determine_cause"
    cause: Short
    conclusion: Long
    experts: Long | None = None
    crime_suspected: StrictBool = False


class LogResource(Command):
    """Log goods or labour requisitioned or used, or how an entry was settled (5.2, 6.2, 6.5)."""

    name: Literal["log_resource"] = "log_resource"
    action: Literal["requisition", "use", "return", "compensate", "replenish"]
    resource: Short | None = None
    """The entry that is settled; None for a new one."""
    kind: Literal["goods", "labour", "store"] | None = None
    what: Short | None = None
    quantity: Short | None = None
    source: Short | None = None
    value: Short | None = None


class AddCorrectiveAction(Command):
    """Add an improvement with its owner and due day (5.3)."""

    name: Literal["add_corrective_action"] = "add_corrective_action"
    text: Long
    owner: Short
    due: date


class CompleteCorrectiveAction(Command):
    """Report an improvement as made (5.3)."""

    name: Literal["complete_corrective_action"] = "complete_corrective_action"
    action: Short
    result: Long


class AcknowledgeNotice(Command):
    """Acknowledge a notice, or refuse it with a comment that goes to the command office."""

    name: Literal["acknowledge_notice"] = "acknowledge_notice"
    notice: Short
    refuse: StrictBool = False
    comment: Long | None = None


class StopNotice(Command):
    """Pursue a notice no more although nobody answered it; says why (2.1.1(2))."""

    name: Literal["stop_notice"] = "stop_notice"
    notice: Short
    reason: Long


class RecordCall(Command):
    """Record a telephone call to a body: it acknowledges for it, or gives a report (3.2.4, E3).

    When it was made is ``occurred_at``; who took it is ``taken_by``.
    """

    name: Literal["record_call"] = "record_call"
    recipient: Short
    answered: StrictBool = True
    taken_by: Short | None = None
    notices: tuple[Short, ...] | None = None
    """What was read out; None: everything that was unanswered when the call was made."""


class Attach(Command):
    """Attach a file that has been stored: named here by its hash (E7)."""

    name: Literal["attach"] = "attach"
    sha256: Sha256
    media_type: Short
    size: Annotated[int, Field(ge=0)]
    title: Short
    about: Short | None = None


class VoidEntry(Command):
    """Void a wrong entry by a correction; its recipients are told (E11)."""

    name: Literal["void_entry"] = "void_entry"
    seq: Annotated[int, Field(ge=1)]
    reason: Long


class IssueWarning(Command):
    """Record a warning: a superior's, or our own fourth-level one as authorised (3.3.1)."""

    name: Literal["issue_warning"] = "issue_warning"
    level: Short
    text: Long
    authorised_by: Short | None = None


class LiftWarning(Command):
    """Lift a warning when the trend turns or the possibility is gone (3.3.6)."""

    name: Literal["lift_warning"] = "lift_warning"
    warning: Short
    reason: Long
    authorised_by: Short | None = None
    """Who authorised the lifting, where the plan has it authorised (3.3.6)."""


class Dismiss(Command):
    """Find that there was no incident; what was reported is corrected upward (E11)."""

    name: Literal["dismiss"] = "dismiss"
    reasons: Long


class Merge(Command):
    """Merge this incident into another that must accept first (E11).

    ``overlap`` gives the people counted in both, per count, so that nobody is counted twice;
    None keeps the larger count.
    """

    name: Literal["merge"] = "merge"
    into: Short
    reasons: Long
    overlap: dict[Literal["affected", "severe", "deaths"], Annotated[int, Field(ge=0)]] | None = (
        None
    )


class Reopen(Command):
    """Reopen an incident that was ended, closed or dismissed (E11)."""

    name: Literal["reopen"] = "reopen"
    reason: Long


class Close(Command):
    """Close the incident: report, cause, ledger and tasks settled (5.3)."""

    name: Literal["close"] = "close"
    text: Long


class RegisterPerson(Command):
    """Name a person harmed by the reference of the vault entry (突发事件应对法 83)."""

    name: Literal["register_person"] = "register_person"
    reference: Short
    digest: Sha256


class PurgePersons(Command):
    """Record that the keys of this incident's personal data were destroyed (突发事件应对法 85)."""

    name: Literal["purge_persons"] = "purge_persons"
    references: tuple[Short, ...]
    files: StrictBool = False
    """Of the attached files too; the law lets evidence be kept."""
