"""Chapter 3.3: early warnings, who issues and lifts them, and what that starts."""

from collections.abc import Sequence

from domain.base import Refusal
from domain.incident.commands import IssueWarning, LiftWarning
from domain.incident.entries import Occasion, Warned
from domain.incident.events import WarningIssued, WarningLifted
from domain.incident.record import Event
from domain.incident.releases import ours
from domain.incident.rules import Context, Fact, decides, evolves, missing, put, with_occasion
from domain.incident.state import State
from domain.plan import WarningLevel

WORKING = ("reported", "early_handling", "responding", "aftermath")


def _warning_level(ctx: Context, level: str) -> WarningLevel:
    for rule in ctx.plan.warnings:
        if rule.level == level:
            return rule
    raise missing(ctx.plan, "预警级别", "warning level", level)


@decides(IssueWarning)
def issue_warning(ctx: Context, command: IssueWarning) -> Sequence[Fact]:
    """Superiors' warnings are recorded; ours needs the government's authorisation (3.3.1)."""
    ctx.in_phase(*WORKING)
    rule = _warning_level(ctx, command.level)
    ctx.require("issue_warning")
    if ctx.by.decider not in rule.issuers:
        names = [ctx.plan.body_by_id[body].name for body in rule.issuers]
        raise Refusal(
            "no_authority",
            rule.clause,
            f"{rule.name.zh}由{'、'.join(n.zh for n in names)}发布,本县可报请其发布。",
            f"{rule.name.en} is issued by {', '.join(n.en for n in names)}: ask them for it",
        )
    _require_authorised(ctx, rule, command.authorised_by)
    if graver := _graver_open(ctx, rule):
        raise Refusal(
            "graver_warning_open",
            rule.clause,
            f"上级发布的{graver.name.zh}尚未调整或解除({graver.clause}),"
            f"须由上级先行调整,再发布{rule.name.zh}。",
            f"{graver.name.en} still stands: its issuer lowers or lifts it first (3.3.6)",
        )
    warning = Warned(
        id=ctx.id("w"),
        level=rule.level,
        by=ctx.by.decider,
        at=ctx.occurred,
        text=command.text,
    )
    issued = WarningIssued(
        warning=warning,
        authorised_by=command.authorised_by,
        ours=ours(ctx, ctx.by.decider),
    )
    return [Fact(issued, rule.clause)]


@evolves(WarningIssued)
def _(state: State, event: Event, p: WarningIssued) -> State:
    state = put(state, "warnings", p.warning.id, p.warning)
    if not p.ours:
        return state
    occasion = Occasion(key=p.warning.id, at=event.occurred, level=state.level, ref=p.warning.id)
    return with_occasion(state, "warning_issued", occasion)


@decides(LiftWarning)
def lift_warning(ctx: Context, command: LiftWarning) -> Sequence[Fact]:
    """Lifted by whoever may issue or authorise it, and the departments are told (3.3.6)."""
    warning = ctx.state.warnings.get(command.warning)
    if warning is None or warning.lifted_at is not None:
        raise missing(ctx.plan, "未解除的预警", "open warning", command.warning)
    clause = ctx.require("lift_warning")
    rule = _warning_level(ctx, warning.level)
    if ctx.by.decider not in (*rule.issuers, *rule.authorised_by):
        names = "、".join(ctx.plan.body_by_id[body].name.zh for body in rule.issuers)
        raise Refusal(
            "no_authority",
            rule.clause,
            f"{rule.name.zh}由{names}调整和解除(3.3.6)。",
            f"{rule.name.en} is adjusted and lifted by {', '.join(rule.issuers)} (3.3.6)",
        )
    _require_authorised(ctx, rule, command.authorised_by)
    lifted = WarningLifted(
        warning=warning.id,
        reason=command.reason,
        ours=ours(ctx, ctx.by.decider),
        authorised_by=command.authorised_by,
    )
    return [Fact(lifted, clause)]


def _require_authorised(ctx: Context, rule: WarningLevel, authorised_by: str | None) -> None:
    """Ours needs the government's authorisation, unless the government itself acts (3.3.1)."""
    if not rule.authorised_by or {ctx.by.decider, authorised_by} & {*rule.authorised_by}:
        return
    names = [ctx.plan.body_by_id[body].name for body in rule.authorised_by]
    raise Refusal(
        "not_authorised",
        rule.clause,
        f"{rule.name.zh}须经{'、'.join(n.zh for n in names)}授权(authorised_by)。",
        f"authorised_by: {rule.name.en} needs the authorisation of "
        f"{', '.join(n.en for n in names)}",
    )


def _graver_open(ctx: Context, rule: WarningLevel) -> WarningLevel | None:
    """A superior's graver warning that stands; lowering it is not the county's (3.3.6)."""
    order = {warning.level: place for place, warning in enumerate(ctx.plan.warnings)}
    standing = [
        ctx.plan.warnings[order[w.level]]
        for w in ctx.state.warnings.values()
        if w.lifted_at is None and not ours(ctx, w.by) and order[w.level] < order[rule.level]
    ]
    return standing[0] if standing and ours(ctx, ctx.by.decider) else None


@evolves(WarningLifted)
def _(state: State, event: Event, p: WarningLifted) -> State:
    warning = state.warnings[p.warning].model_copy(update={"lifted_at": event.occurred})
    state = put(state, "warnings", warning.id, warning)
    if not p.ours:
        return state
    occasion = Occasion(key=warning.id, at=event.occurred, level=state.level, ref=warning.id)
    return with_occasion(state, "warning_lifted", occasion)
