"""Chapters 3.3 and 4.7: early warnings, and what the public is told, by whom."""

from collections.abc import Sequence

from domain.base import Refusal
from domain.incident.commands import (
    DecideRelease,
    FileRelease,
    IssueWarning,
    LiftWarning,
    ProposeRelease,
    PublishRelease,
    RecordAuthorisation,
)
from domain.incident.events import (
    AuthorisationRecorded,
    ReleaseFiled,
    ReleasePublished,
    WarningIssued,
    WarningLifted,
)
from domain.incident.record import Event
from domain.incident.response import decided, open_proposal
from domain.incident.response import propose as propose_fact
from domain.incident.rules import (
    Context,
    Fact,
    decides,
    evolves,
    missing,
    put,
    with_occasion,
)
from domain.incident.state import (
    Authorisation,
    Given,
    Occasion,
    Proposal,
    Release,
    State,
    Warned,
)
from domain.plan import ReleaseAuthority, WarningLevel

WORKING = ("reported", "early_handling", "responding", "aftermath")


def authority_at(ctx: Context, level: str | None) -> ReleaseAuthority:
    """Who may publish at ``level``; an ungraded incident is the county's own matter (4.7.2)."""
    wanted = level or ctx.plan.level_ids[-1]
    return next(rule for rule in ctx.plan.releases if rule.level == wanted)


def _authorised(ctx: Context, authorisation: str | None) -> Authorisation | None:
    """The authorisation that covers the incident's level now, if there is one."""
    found = [
        given
        for given in ctx.state.authorisations.values()
        if not given.voided
        and authorisation in (None, given.id)
        and ctx.plan.rank(given.level) >= ctx.plan.rank(ctx.state.level)
    ]
    return found[-1] if found else None


def _require_publisher(ctx: Context, authorisation: str | None) -> tuple[str, str | None]:
    """The clause under which the decider may release now, and the authorisation it rests on.

    Raises:
        Refusal: 未经授权不得发布 (4.7.2).
    """
    rule = authority_at(ctx, ctx.state.level)
    if ctx.by.decider in rule.publishers:
        return rule.clause, None
    own = authority_at(ctx, None)
    given = _authorised(ctx, authorisation)
    if ctx.by.decider in own.publishers and given is not None:
        return rule.clause, given.id
    who = [ctx.plan.body_by_id[body].name for body in rule.publishers]
    raise Refusal(
        "no_release_authority",
        rule.clause,
        f"未经授权不得发布:目前应由{'、'.join(n.zh for n in who)}发布;"
        "如上级已授权本县发布,请先记录授权(record_authorisation)。",
        f"not without authority: {', '.join(n.en for n in who)} publishes at this level; "
        "record its authorisation (record_authorisation) if the county may",
    )


@decides(ProposeRelease)
def propose_release(ctx: Context, command: ProposeRelease) -> Sequence[Fact]:
    """A text is put to whoever reviews releases at this level (4.7.1, 4.7.2)."""
    ctx.in_phase(*WORKING)
    clause = ctx.require("propose_release")
    content = command.model_dump(mode="json", exclude={"name"})
    return propose_fact(ctx, "release", ctx.state.level, content, clause)


@decides(DecideRelease)
def decide_release(ctx: Context, command: DecideRelease) -> Sequence[Fact]:
    """统一审核 by the body that may publish, or by ours with its authorisation (4.7.2)."""
    proposal = open_proposal(ctx, command, "release")
    ctx.in_phase(*WORKING)
    clause, _ = _require_publisher(ctx, None)
    return [decided(command, proposal, clause)]


@decides(PublishRelease)
def publish_release(ctx: Context, command: PublishRelease) -> Sequence[Fact]:
    """Published is only what was approved, at the level that holds now (4.7.2)."""
    ctx.in_phase(*WORKING)
    proposal = ctx.state.proposals.get(command.proposal)
    if proposal is None or proposal.kind != "release":
        raise missing(ctx.plan, "信息发布提请", "release proposal", command.proposal)
    clause, authorisation = _require_publisher(ctx, command.authorisation)
    ctx.late_entry(ctx.occurred)
    if proposal.status != "approved":
        raise Refusal(
            "release_not_approved",
            clause,
            "该信息尚未经统一审核,不得发布。",
            f"release {proposal.id} is {proposal.status}: it must be approved first",
        )
    if _outgrown(ctx, proposal):
        raise Refusal(
            "release_outgrown",
            clause,
            "审核后事件级别已提高,须由有权机关重新审核。",
            "the level was raised since the approval: the competent body must review it again",
        )
    release = Release(
        id=ctx.id("x"),
        proposal=proposal.id,
        level=ctx.state.level,
        publisher=ctx.by.decider,
        at=ctx.occurred,
        channel=command.channel,
        text=proposal.content["text"],
        authorisation=authorisation,
    )
    published = any(r.proposal == proposal.id for r in ctx.state.releases.values())
    if published:
        raise Refusal(
            "already_published", clause, "该信息已经发布。", f"{proposal.id} is out already"
        )
    return [Fact(ReleasePublished(release=release), clause)]


def _outgrown(ctx: Context, proposal: Proposal) -> bool:
    """Whether the level rose above the one at which the release was approved."""
    raised = [
        d for d in ctx.state.determinations if proposal.decided_at and d.at > proposal.decided_at
    ]
    return any(ctx.plan.rank(d.level) > ctx.plan.rank(proposal.level) for d in raised)


@evolves(ReleasePublished)
def _(state: State, event: Event, p: ReleasePublished) -> State:
    state = put(state, "releases", p.release.id, p.release)
    occasion = Occasion(
        key=p.release.id, at=event.occurred, level=p.release.level, ref=p.release.id
    )
    return with_occasion(state, "published", occasion)


@decides(FileRelease)
def file_release(ctx: Context, command: FileRelease) -> Sequence[Fact]:
    """备案: filed with the bodies that the level names (4.7.2)."""
    release = ctx.state.releases.get(command.release)
    if release is None:
        raise missing(ctx.plan, "信息发布", "release", command.release)
    clause = ctx.require("file_release")
    rule = authority_at(ctx, release.level)
    recipient = ctx.body(command.delivery.recipient)
    if recipient not in (*rule.file_with, *rule.filed_before_with):
        names = "、".join(ctx.plan.body_by_id[body].name.zh for body in rule.file_with)
        raise Refusal(
            "not_filed_there",
            rule.clause,
            f"该级别的信息应报{names or '上级'}备案。",
            f"recipient: at this level a release is filed with {', '.join(rule.file_with)}",
        )
    at = command.delivery.at or ctx.occurred
    ctx.late_entry(at)
    given = Given(
        seq=ctx.state.seq + 1,
        recipient=recipient,
        at=at,
        recorded=ctx.envelope.received,
        channel=command.delivery.channel,
        taken_by=command.delivery.taken_by,
        by=ctx.by.decider,
    )
    return [Fact(ReleaseFiled(release=release.id, given=given), rule.clause or clause, at)]


@evolves(ReleaseFiled)
def _(state: State, event: Event, p: ReleaseFiled) -> State:
    release = state.releases[p.release]
    return put(
        state,
        "releases",
        release.id,
        release.model_copy(update={"filed": (*release.filed, p.given)}),
    )


@decides(RecordAuthorisation)
def record_authorisation(ctx: Context, command: RecordAuthorisation) -> Sequence[Fact]:
    """Only the body that may publish at a level can let another do it (4.7.2)."""
    ctx.in_phase(*WORKING)
    ctx.require("record_authorisation")
    rule = authority_at(ctx, ctx.level(command.level))
    ctx.late_entry(ctx.occurred)
    if ctx.by.decider not in rule.publishers:
        names = "、".join(ctx.plan.body_by_id[body].name.zh for body in rule.publishers)
        raise Refusal(
            "no_authority",
            rule.clause,
            f"该级别信息发布的授权应由{names}作出。",
            f"at level {rule.level} only {', '.join(rule.publishers)} can authorise a release",
        )
    authorisation = Authorisation(
        id=ctx.id("a"),
        by=ctx.by.decider,
        level=command.level,
        text=command.text,
        at=ctx.occurred,
    )
    return [Fact(AuthorisationRecorded(authorisation=authorisation), rule.clause)]


@evolves(AuthorisationRecorded)
def _(state: State, event: Event, p: AuthorisationRecorded) -> State:
    return put(state, "authorisations", p.authorisation.id, p.authorisation)


# --- early warnings (3.3) -------------------------------------------------------------------


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
    ctx.late_entry(ctx.occurred)
    if ctx.by.decider not in rule.issuers:
        names = [ctx.plan.body_by_id[body].name for body in rule.issuers]
        raise Refusal(
            "no_authority",
            rule.clause,
            f"{rule.name.zh}由{'、'.join(n.zh for n in names)}发布,本县可报请其发布。",
            f"{rule.name.en} is issued by {', '.join(n.en for n in names)}: ask them for it",
        )
    if rule.authorised_by and command.authorised_by not in rule.authorised_by:
        names = [ctx.plan.body_by_id[body].name for body in rule.authorised_by]
        raise Refusal(
            "not_authorised",
            rule.clause,
            f"{rule.name.zh}须报请{'、'.join(n.zh for n in names)}授权后发布(authorised_by)。",
            f"authorised_by: {rule.name.en} needs the authorisation of "
            f"{', '.join(n.en for n in names)}",
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
        ours=ctx.plan.body_by_id[ctx.by.decider].tier == "county",
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
    ctx.require("lift_warning")
    ctx.late_entry(ctx.occurred)
    rule = _warning_level(ctx, warning.level)
    if ctx.by.decider not in (*rule.issuers, *rule.authorised_by):
        names = "、".join(ctx.plan.body_by_id[body].name.zh for body in rule.issuers)
        raise Refusal(
            "no_authority",
            rule.clause,
            f"{rule.name.zh}由{names}调整和解除(3.3.6)。",
            f"{rule.name.en} is adjusted and lifted by {', '.join(rule.issuers)} (3.3.6)",
        )
    ours = ctx.plan.body_by_id[ctx.by.decider].tier == "county"
    return [Fact(WarningLifted(warning=warning.id, reason=command.reason, ours=ours), rule.clause)]


@evolves(WarningLifted)
def _(state: State, event: Event, p: WarningLifted) -> State:
    warning = state.warnings[p.warning].model_copy(update={"lifted_at": event.occurred})
    state = put(state, "warnings", warning.id, warning)
    if not p.ours:
        return state
    occasion = Occasion(key=warning.id, at=event.occurred, level=state.level, ref=warning.id)
    return with_occasion(state, "warning_lifted", occasion)
