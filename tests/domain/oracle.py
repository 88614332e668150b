"""Who may do what, worked out from the plan's data alone: the machine's second opinion.

Written apart from domain/authority.py on purpose, so that a mistake there shows.
"""

from datetime import datetime

from domain.incident.envelope import AnyCommand, Envelope
from domain.incident.state import State
from domain.plan import Plan

SUPERIOR = frozenset({"city", "province", "nation"})
READERS = frozenset({"observer", "administrator"})


def bodies(plan: Plan, command: str, level: str | None, concerned: frozenset[str]) -> set[str]:
    """Every body that holds the power to ``command``."""
    found: set[str] = set()
    for power in plan.powers:
        if power.command != command:
            continue
        for body in plan.bodies:
            named = {
                "any": True,
                "county": body.tier == "county",
                "superiors": body.tier in SUPERIOR,
                "concerned": body.id in concerned or body.part_of in concerned,
                "level": level is not None and body.id in plan.level_by_id[level].decides,
            }
            if any(named.get(holder, holder == body.id) for holder in power.holders):
                found.add(body.id)
    return found


def recorders(plan: Plan, decider: str) -> set[str]:
    """The seats that may put on record what ``decider`` did."""
    return {
        seat.id
        for seat in plan.seats
        if seat.kind not in READERS
        and (
            seat.id in plan.recording.seats
            or decider in (seat.body, plan.body_by_id[seat.body].part_of)
        )
    }


def gravest(plan: Plan, *levels: str | None) -> str | None:
    """The gravest of some levels."""
    known = [level for level in plan.level_ids if level in levels]
    return known[0] if known else None


def competent(plan: Plan, state: State, command: AnyCommand) -> set[str]:
    """The bodies that may give ``command`` about ``state``."""
    led = gravest(plan, state.level, state.response_level)
    own = [level.id for level in plan.levels if level.own][-1]
    proposal = state.proposals.get(getattr(command, "proposal", ""))
    level = {
        "decide_activation": proposal.level if proposal else None,
        "decide_adjustment": gravest(plan, led, proposal.level if proposal else None),
        "decide_termination": led or own,
    }.get(command.name)
    found = bodies(plan, command.name, level, concerned(plan, state, command))
    match command.name:
        case "record_order" if command.kind == "start":
            return found & {*plan.level_by_id[command.level or own].decides}
        case "record_order" if command.kind in ("adjust", "end"):
            asked = command.level if command.kind == "adjust" else None
            return found & {*plan.level_by_id[gravest(plan, led, asked) or own].decides}
        case "record_authorisation":
            return found & {*_publishers(plan, command.level)}
        case "issue_warning":
            return found & {*_issuers(plan, command.level)}
        case "lift_warning":
            warning = state.warnings.get(command.warning)
            if warning is None:
                return set()
            rule = next(w for w in plan.warnings if w.level == warning.level)
            return found & {*rule.issuers, *rule.authorised_by}
        case "decide_release":
            return found & may_release(plan, state, None)
        case "publish_release":
            # Superiors' own publications are only recorded: their power is the level's.
            return found | {*_publishers(plan, state.level or own)}
    return found


def concerned(plan: Plan, state: State, command: AnyCommand) -> frozenset[str]:
    """The bodies whose task, notice, action or entry ``command`` is about."""
    match command.name:
        case "complete_task" | "reassign_task" if command.task in state.tasks:
            task = state.tasks[command.task]
            group = state.groups.get(task.group or "") or plan.group_by_id.get(task.group or "")
            members = (*group.leads, *group.members) if group else ()
            return frozenset((task.owner, *members))
        case "acknowledge_notice" if command.notice in state.notices:
            return frozenset({state.notices[command.notice].recipient})
        case "complete_corrective_action" if command.action in state.actions:
            return frozenset({state.actions[command.action].owner})
        case "void_entry":
            return frozenset(_authors(state, command.seq))
    return frozenset()


def _authors(state: State, seq: int) -> set[str]:
    found = {r.by for r in state.reports.values() if r.seq == seq}
    found |= {g.by for r in state.reports.values() for g in r.given if g.seq == seq}
    found |= {g.by for g in state.reporter_gave if g.seq == seq}
    found |= {g.by for r in state.releases.values() for g in r.filed if g.seq == seq}
    found |= {g.by for p in state.proposals.values() for g in p.filed if g.seq == seq}
    found |= {t.done_by for t in state.tasks.values() if t.done_seq == seq and t.done_by}
    found |= {a.by for a in state.authorisations.values() if a.id == f"a{seq}"}
    return found


def may_release(plan: Plan, state: State, at: datetime | None) -> set[str]:
    """The bodies whose word a release needs now: the level's, or ours with an authorisation."""
    own = [level.id for level in plan.levels if level.own][-1]
    level = state.level or own
    found = {*_publishers(plan, level)}
    given = [
        a
        for a in state.authorisations.values()
        if not a.voided
        and a.by in _publishers(plan, a.level)
        and plan.level_ids.index(a.level) <= plan.level_ids.index(level)
        and (at is None or a.at <= at)
    ]
    if given:
        found |= {*_publishers(plan, own)}
    if not state.command_established:
        found -= {plan.command}
    return found


def released(plan: Plan, state: State, envelope: Envelope) -> bool:
    """Whether the publication in ``envelope`` was reviewed by whom it needs, before it went out."""
    command, by = envelope.command, envelope.by
    if command.name != "publish_release" or by is None:
        return False
    at = by.occurred_at or envelope.received
    proposal = state.proposals[command.proposal]
    reviewed = (
        proposal.kind == "release"
        and proposal.status == "approved"
        and proposal.decided_at is not None
        and proposal.decided_at <= at
    )
    speaks = may_release(plan, state, at)
    return reviewed and (by.decider in speaks or proposal.decided_by in speaks)


def _publishers(plan: Plan, level: str) -> tuple[str, ...]:
    return next((rule.publishers for rule in plan.releases if rule.level == level), ())


def _issuers(plan: Plan, level: str) -> tuple[str, ...]:
    return next((rule.issuers for rule in plan.warnings if rule.level == level), ())
