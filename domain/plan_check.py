"""What a plan's fields cannot say one by one: references, ranges and gaps between entries."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from domain.faults import Fault, Loc, twice, unknown
from domain.incident.wording import SUBJECTS
from domain.plan import GradingLine, Obligation, Plan

COMMANDS: tuple[str, ...] = (
    "intake",
    "correct_facts",
    "verify",
    "assess",
    "record_order",
    "propose_activation",
    "decide_activation",
    "propose_adjustment",
    "decide_adjustment",
    "propose_termination",
    "decide_termination",
    "establish",
    "release_pack",
    "complete_task",
    "reassign_task",
    "submit_report",
    "give_report",
    "sign_report",
    "propose_release",
    "decide_release",
    "publish_release",
    "file_release",
    "record_authorisation",
    "determine_cause",
    "log_resource",
    "add_corrective_action",
    "complete_corrective_action",
    "acknowledge_notice",
    "stop_notice",
    "record_call",
    "attach",
    "void_entry",
    "issue_warning",
    "lift_warning",
    "dismiss",
    "merge",
    "accept_merge",
    "reopen",
    "close",
    "register_person",
    "purge_persons",
)
"""What people do with an incident: a plan says of each who may."""

HOLDERS = frozenset({"any", "county", "concerned", "level", "superiors"})
"""Holders of a power that are no body; see Power."""
RECIPIENTS = frozenset({"told", "filing"})
"""Recipients of a duty that are no body: whoever was told, and where releases are filed."""


def contradictions(plan: Plan) -> list[Fault]:
    """Everything in ``plan`` that does not fit together; empty for a plan that can be used."""
    return list(dict.fromkeys(fault for check in _CHECKS for fault in check(plan)))


def _identity(plan: Plan) -> Iterator[Fault]:
    for name in (
        "bodies",
        "seats",
        "levels",
        "kinds",
        "reporters",
        "obligations",
        "groups",
        "command_roles",
        "packs",
        "causes",
        "readings",
        "other_laws",
        "standing",
    ):
        yield from twice((name,), (entry.id for entry in getattr(plan, name)), "the id")
    yield from twice(("reports",), (form.kind for form in plan.reports), "the form", "kind")
    yield from twice(("releases",), (rule.level for rule in plan.releases), "the level", "level")
    yield from twice(("warnings",), (rule.level for rule in plan.warnings), "the level", "level")
    conditions = (condition.id for condition in plan.termination.conditions)
    yield from twice(("termination", "conditions"), conditions, "the id")
    lines = ((line.line, line.measure) for line in plan.grading.lines)
    yield from twice(("grading", "lines"), lines, "the line", "line")
    for index, pack in enumerate(plan.packs):
        yield from twice(("packs", index, "items"), (i.id for i in pack.items), "the id")
    for index, cause in enumerate(plan.causes):
        yield from twice(("causes", index, "follow_up"), (i.id for i in cause.follow_up), "the id")
    for index, form in enumerate(plan.reports):
        yield from twice(("reports", index, "fields"), (f.id for f in form.fields), "the id")


def _people(plan: Plan) -> Iterator[Fault]:
    bodies = plan.body_by_id
    for field in ("regulator", "duty", "office", "government", "command"):
        yield from unknown((field,), getattr(plan, field), bodies, "body")
    for i, body in enumerate(plan.bodies):
        yield from unknown(("bodies", i, "part_of"), body.part_of, bodies, "body")
        if body.part_of == body.id:
            yield Fault(("bodies", i, "part_of"), "a body is no part of itself")
        if body.id in HOLDERS | RECIPIENTS:
            yield Fault(("bodies", i, "id"), f"{body.id!r} has a meaning of its own in a plan")
    for i, seat in enumerate(plan.seats):
        yield from unknown(("seats", i, "body"), seat.body, bodies, "body")
    yield from unknown(("recording", "seats"), plan.recording.seats, plan.seat_by_id, "seat")
    for i, kind in enumerate(plan.reporters):
        yield from unknown(("reporters", i, "reports_to"), kind.reports_to, bodies, "body")
        yield from unknown(("reporters", i, "reading"), kind.reading, plan.reading_by_id, "reading")
    for i, group in enumerate(plan.groups):
        yield from unknown(("groups", i, "leads"), group.leads, bodies, "body")
        yield from unknown(("groups", i, "members"), group.members, bodies, "body")
        if not group.leads:
            yield Fault(("groups", i, "leads"), "a group needs a lead")
        for j, member in enumerate(group.members):
            if member in group.leads:
                yield Fault(("groups", i, "members", j), f"{member!r} leads this group already")
    for i, duty in enumerate(plan.standing):
        yield from unknown(("standing", i, "owner"), duty.owner, bodies, "body")
    for field in ("owner_hears", "unrecorded_hears"):
        hears = getattr(plan.reminders, field)
        yield from unknown(("reminders", field), hears, bodies, "body")
        for j, who in enumerate(hears):
            if who in bodies and bodies[who].tier != "county":
                yield Fault(
                    ("reminders", field, j), f"{who!r} is no body of ours: it is not nagged"
                )


def _levels(plan: Plan) -> Iterator[Fault]:
    levels, bodies = plan.level_by_id, plan.body_by_id
    if not plan.levels:
        yield Fault(("levels",), "a plan needs a level")
    elif not any(level.own for level in plan.levels):
        yield Fault(("levels",), "no level is marked own: say which this jurisdiction leads")
    for i, level in enumerate(plan.levels):
        yield from unknown(("levels", i, "decides"), level.decides, bodies, "body")
        if not level.decides:
            yield Fault(("levels", i, "decides"), "somebody must decide at this level")
    for i, rule in enumerate(plan.releases):
        at: Loc = ("releases", i)
        yield from unknown((*at, "level"), rule.level, levels, "level")
        for field in ("publishers", "filed_before_with", "file_with"):
            yield from unknown((*at, field), getattr(rule, field), bodies, "body")
        yield from unknown((*at, "reading"), rule.reading, plan.reading_by_id, "reading")
        if not rule.publishers:
            yield Fault((*at, "publishers"), "somebody must publish at this level")
    for level_id in plan.level_ids:
        if level_id not in {rule.level for rule in plan.releases}:
            yield Fault(("releases",), f"nobody may publish at level {level_id}")
    for i, warning in enumerate(plan.warnings):
        at = ("warnings", i)
        yield from unknown((*at, "possible"), warning.possible, levels, "level")
        yield from unknown((*at, "occurred"), warning.occurred, levels, "level")
        yield from unknown((*at, "issuers"), warning.issuers, bodies, "body")
        yield from unknown((*at, "authorised_by"), warning.authorised_by, bodies, "body")
        yield from unknown((*at, "pack"), warning.pack, plan.pack_by_id, "pack")
    if not plan.termination.conditions:
        yield Fault(("termination", "conditions"), "ending a response needs a condition")
    reading = plan.termination.observe_reading
    yield from unknown(("termination", "observe_reading"), reading, plan.reading_by_id, "reading")


def _powers(plan: Plan) -> Iterator[Fault]:
    known = [*plan.body_by_id, *HOLDERS]
    for i, power in enumerate(plan.powers):
        yield from unknown(("powers", i, "command"), power.command, COMMANDS, "command")
        yield from unknown(("powers", i, "holders"), power.holders, known, "body or kind of holder")
        if not power.holders:
            yield Fault(("powers", i, "holders"), f"nobody may {power.command}")
    given = {power.command for power in plan.powers}
    for command in COMMANDS:
        if command not in given:
            yield Fault(("powers",), f"nobody is given the power to {command}")


def _grading(plan: Plan) -> Iterator[Fault]:
    grading = plan.grading
    lines = {line.line for line in grading.lines}
    for i, line in enumerate(grading.lines):
        at: Loc = ("grading", "lines", i)
        yield from unknown((*at, "level"), line.level, plan.level_by_id, "level")
        yield from unknown((*at, "readings"), line.readings, plan.reading_by_id, "reading")
        for word in (line.measure, *line.needs) if line.measure != "judged" else ():
            yield from unknown(("grading", "names"), word, grading.names, "name for")
        low, high = line.at_least, line.at_most
        if line.measure == "judged":
            if low is not None or high is not None or line.needs:
                yield Fault(at, "a judged line has no counts and no qualifiers")
        elif low is None:
            yield Fault((*at, "at_least"), "is missing: from which count on is this line met?")
        elif low < 1:
            yield Fault((*at, "at_least"), "must be 1 or more: nothing at all meets no line")
        elif high is not None and high < low:
            yield Fault((*at, "at_most"), f"is below at_least {low}")
    for i, boundary in enumerate(grading.boundaries):
        at = ("grading", "boundaries", i)
        yield from unknown((*at, "lines"), boundary.lines, lines, "line")
        yield from unknown((*at, "reading"), boundary.reading, plan.reading_by_id, "reading")
        choice = (
            plan.reading_by_id[boundary.reading].choice
            if boundary.reading in (plan.reading_by_id)
            else None
        )
        if boundary.reading in plan.reading_by_id and choice not in plan.level_by_id:
            yield Fault((*at, "reading"), f"{boundary.reading!r} must choose a level")
        claimed = [x for x in grading.lines if x.measure == boundary.measure]
        if len([x for x in claimed if x.line in boundary.lines and _claims(x, boundary.value)]) < 2:
            yield Fault((*at, "value"), f"fewer than two of the lines claim {boundary.value}")
    for field in type(grading.readings).model_fields:
        reading = getattr(grading.readings, field)
        at = ("grading", "readings", field)
        yield from unknown(at, reading, plan.reading_by_id, "reading")
    yield from _overlaps(plan)


def _claims(line: GradingLine, count: int) -> bool:
    low = line.at_least if line.at_least is not None else 0
    return low <= count and (line.at_most is None or count <= line.at_most)


def _overlaps(plan: Plan) -> Iterator[Fault]:
    """Bounded lines of one measure may not claim the same count, unless a reading says which."""
    at = {id(line): i for i, line in enumerate(plan.grading.lines)}
    by_measure: dict[str, list[GradingLine]] = {}
    for line in plan.grading.lines:
        if line.at_least is not None and line.at_most is not None:
            by_measure.setdefault(line.measure, []).append(line)
    for measure, lines in by_measure.items():
        ordered = sorted(lines, key=lambda line: line.at_least or 0)
        for lower, upper in pairwise(ordered):
            settled = {
                b.value
                for b in plan.grading.boundaries
                if b.measure == measure and {lower.line, upper.line} <= set(b.lines)
            }
            first, last = upper.at_least or 0, lower.at_most or 0
            open_ = [
                count for count in range(first, min(last, first + 50) + 1) if count not in settled
            ]
            if open_:
                yield Fault(
                    ("grading", "lines", at[id(upper)], "at_least"),
                    f"{open_[0]} is claimed by {lower.line} as well: "
                    "name a boundary and the reading that settles it",
                )


def _obligations(plan: Plan) -> Iterator[Fault]:
    bodies = plan.body_by_id
    for i, duty in enumerate(plan.obligations):
        at: Loc = ("obligations", i)
        yield from unknown((*at, "owner"), duty.owner, bodies, "body")
        known = [*bodies, *RECIPIENTS]
        yield from unknown((*at, "recipients"), duty.recipients, known, "body")
        yield from unknown((*at, "levels"), duty.levels, plan.level_by_id, "level")
        reporters = [kind.id for kind in plan.reporters]
        yield from unknown((*at, "reporters"), duty.reporters, reporters, "kind of reporter")
        yield from unknown((*at, "kinds"), duty.kinds, [k.id for k in plan.kinds], "kind of event")
        yield from unknown((*at, "reading"), duty.reading, plan.reading_by_id, "reading")
        yield from _timing(at, duty)
        if duty.basis == "determined" and duty.reading in plan.reading_by_id:
            choice = plan.choice(duty.reading or "")
            if choice not in ("earlier", "receipt", "determination"):
                yield Fault(
                    (*at, "reading"), "must choose earlier, receipt or determination for this basis"
                )
    for i, reading in enumerate(plan.readings):
        if reading.choices and reading.choice not in reading.choices:
            yield Fault(
                ("readings", i, "choice"), f"is none of the choices {', '.join(reading.choices)}"
            )
        if (reading.confirmed_by is None) != (reading.confirmed_on is None):
            yield Fault(
                ("readings", i, "confirmed_on"), "say who confirmed it and when, or neither"
            )


def _timing(at: Loc, duty: Obligation) -> Iterator[Fault]:
    if not duty.recipients:
        yield Fault((*at, "recipients"), "a duty is owed to somebody")
    if not duty.met_by:
        yield Fault((*at, "met_by"), "say what meets this duty")
    if duty.basis == "day":
        if duty.within is not None:
            yield Fault((*at, "within"), "a duty by calendar day ends with the day")
        if not duty.levels:
            yield Fault((*at, "levels"), "say at which levels a daily duty holds")
    elif duty.within is None:
        yield Fault((*at, "within"), f"is missing: how long after {duty.basis!r}?")
    elif duty.within.total_seconds() <= 0:
        yield Fault((*at, "within"), "must be longer than nothing")
    if (duty.law is None) != (duty.verified is None):
        yield Fault(
            (*at, "verified"), "a duty under another law says so, and whether it is verified"
        )


def _tasks(plan: Plan) -> Iterator[Fault]:
    for i, pack in enumerate(plan.packs):
        at: Loc = ("packs", i)
        yield from unknown((*at, "levels"), pack.levels, plan.level_by_id, "level")
        yield from unknown(
            (*at, "warning"), pack.warning, [w.level for w in plan.warnings], "warning level"
        )
        if not pack.items:
            yield Fault((*at, "items"), "a pack without tasks")
    for place, owners in (
        ("packs", [(i, "items", pack.items) for i, pack in enumerate(plan.packs)]),
        ("causes", [(i, "follow_up", cause.follow_up) for i, cause in enumerate(plan.causes)]),
    ):
        for i, field, items in owners:
            for j, item in enumerate(items):
                at = (place, i, field, j)
                yield from unknown((*at, "owner"), item.owner, plan.body_by_id, "body")
                yield from unknown((*at, "group"), item.group, plan.group_by_id, "group")
                yield from unknown((*at, "levels"), item.levels, plan.level_by_id, "level")
                if item.owner is None and item.group is None:
                    yield Fault(at, "a task needs an owner or a group whose lead owns it")


def _pursuit(plan: Plan) -> Iterator[Fault]:
    escalation = plan.escalation
    if escalation is None:
        yield Fault(("escalation",), "is missing: say how a notice nobody answers is pursued")
        return
    yield from unknown(("escalation", "once"), escalation.once, SUBJECTS, "subject of a notice")
    ladders = (("statutory", escalation.statutory), ("internal", escalation.internal))
    for kind, ladder in ladders:
        at: Loc = ("escalation", kind)
        after = [rung.after for rung in ladder.rungs]
        if after[0]:
            yield Fault((*at, "rungs", 0, "after"), "the first rung is taken at once: PT0M")
        for i, (earlier, later) in enumerate(pairwise(after), start=1):
            if later <= earlier:
                yield Fault((*at, "rungs", i, "after"), "comes no later than the rung before it")
        if not ladder.repeat:
            yield Fault((*at, "repeat"), "is missing: a notice is pursued until it is answered")
        if not any(rung.office for rung in ladder.rungs):
            yield Fault((*at, "rungs"), "on no rung does the command office hear of it")
    slow, soon = escalation.statutory.rungs[-1].after, escalation.internal.rungs[-1].after
    if slow > soon:
        yield Fault(
            ("escalation", "statutory"), "a statutory notice climbs slower than an internal one"
        )


_CHECKS: tuple[Callable[[Plan], Iterator[Fault]], ...] = (
    _identity,
    _people,
    _levels,
    _powers,
    _grading,
    _obligations,
    _tasks,
    _pursuit,
)
