"""Chapter 4.7: what the public is told, by whom, and with whom it is filed."""

from collections.abc import Sequence

from domain.base import Refusal, beijing_text
from domain.incident.commands import (
    DecideRelease,
    FileRelease,
    ProposeRelease,
    PublishRelease,
    RecordAuthorisation,
)
from domain.incident.entries import Authorisation, Occasion, Proposal, Release
from domain.incident.events import (
    AuthorisationRecorded,
    ReleaseFiled,
    ReleasePublished,
)
from domain.incident.proposals import decided, open_proposal
from domain.incident.proposals import propose as propose_fact
from domain.incident.record import Event
from domain.incident.reports import delivered
from domain.incident.rules import (
    Context,
    Fact,
    decides,
    evolves,
    missing,
    put,
    with_occasion,
)
from domain.incident.state import State
from domain.plan import Plan, ReleaseAuthority

WORKING = ("reported", "early_handling", "responding", "aftermath")


def authority_at(plan: Plan, level: str | None) -> ReleaseAuthority:
    """Who may publish at ``level``; an ungraded incident is the county's own matter (4.7.2)."""
    wanted = level or next(grade.id for grade in reversed(plan.levels) if grade.own)
    return next(rule for rule in plan.releases if rule.level == wanted)


def publishers(plan: Plan, state: State, level: str | None) -> tuple[str, ...]:
    """The bodies that review and publish at ``level``; a command only once it is set up."""
    rule = authority_at(plan, level)
    found = tuple(b for b in rule.publishers if b != plan.command or state.command_established)
    return found or (plan.government,)


def _authorised(ctx: Context, authorisation: str | None) -> Authorisation | None:
    """An authorisation that covers the incident's level and was given by then, if there is one."""
    found = [
        given
        for given in ctx.state.authorisations.values()
        if not given.voided
        and authorisation in (None, given.id)
        and given.at <= ctx.occurred
        and ctx.plan.rank(given.level) >= ctx.plan.rank(ctx.state.level)
    ]
    return found[-1] if found else None


def _competent(
    ctx: Context, body: str | None, authorisation: str | None = None
) -> tuple[bool, str | None]:
    """Whether ``body`` may release at the level that holds, and the authorisation if on one."""
    if body in publishers(ctx.plan, ctx.state, ctx.state.level):
        return True, None
    given = _authorised(ctx, authorisation)
    if given is not None and body in publishers(ctx.plan, ctx.state, None):
        return True, given.id
    return False, None


def _no_authority(ctx: Context) -> Refusal:
    """未经授权不得发布 (4.7.2)."""
    rule = authority_at(ctx.plan, ctx.state.level)
    bodies = publishers(ctx.plan, ctx.state, ctx.state.level)
    who = [ctx.plan.body_by_id[body].name for body in bodies]
    return Refusal(
        "no_release_authority",
        rule.clause,
        f"未经授权不得发布:目前应由{'、'.join(n.zh for n in who)}审核发布;"
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
    competent, _ = _competent(ctx, ctx.by.decider)
    if not competent:
        raise _no_authority(ctx)
    ctx.require("decide_release")
    return [decided(command, proposal, authority_at(ctx.plan, ctx.state.level).clause)]


@decides(PublishRelease)
def publish_release(ctx: Context, command: PublishRelease) -> Sequence[Fact]:
    """Published is only what the competent body approved, at the level that holds now (4.7.2).

    What it approved may be put out by those who run the county's media (4.7.4).
    """
    ctx.in_phase(*WORKING)
    proposal = ctx.state.proposals.get(command.proposal)
    if proposal is None or proposal.kind != "release":
        raise missing(ctx.plan, "信息发布提请", "release proposal", command.proposal)
    rule = authority_at(ctx.plan, ctx.state.level)
    competent, authorisation = _competent(ctx, ctx.by.decider, command.authorisation)
    if not competent:
        _require_media(ctx)
    elif ctx.by.decider not in rule.publishers:
        ctx.require("publish_release")
    _require_review(ctx, proposal, rule)
    if not competent:
        competent, authorisation = _competent(ctx, proposal.decided_by, command.authorisation)
        if not competent or not ours(ctx, proposal.decided_by):
            raise _no_authority(ctx)
    if any(r.proposal == proposal.id for r in ctx.state.releases.values()):
        raise Refusal(
            "already_published", rule.clause, "该信息已经发布。", f"{proposal.id} is out already"
        )
    by_us = ours(ctx, ctx.by.decider)
    filed = {given.recipient for given in proposal.filed if not given.voided}
    unfiled = [body for body in rule.filed_before_with if body not in filed]
    if by_us and unfiled:
        names = [ctx.plan.body_by_id[body].name for body in unfiled]
        raise Refusal(
            "not_filed_before",
            rule.clause,
            f"该级别的信息须先报{'、'.join(n.zh for n in names)}备案(file_release),再发布。",
            f"at this level a release is filed with {', '.join(n.en for n in names)} first: "
            "record that with file_release, naming the proposal",
        )
    release = Release(
        id=ctx.id("x"),
        proposal=proposal.id,
        level=ctx.state.level,
        publisher=ctx.by.decider,
        at=ctx.occurred,
        recorded=ctx.envelope.received,
        channel=command.channel,
        text=proposal.content["text"],
        authorisation=authorisation,
        filed=proposal.filed,
    )
    return [Fact(ReleasePublished(release=release, ours=by_us), rule.clause)]


def ours(ctx: Context, body: str | None) -> bool:
    """Whether ``body`` is one of the county's."""
    return body is not None and ctx.plan.body_by_id[body].tier == "county"


def _require_media(ctx: Context) -> None:
    """Refuse unless the decider is one of ours that puts out what others approved (4.7.4)."""
    if ctx.by.decider == ctx.plan.command and not ctx.state.command_established:
        raise _no_authority(ctx)
    try:
        ctx.require("publish_release")
    except Refusal:
        raise _no_authority(ctx) from None
    if not ours(ctx, ctx.by.decider):
        raise _no_authority(ctx)


def _require_review(ctx: Context, proposal: Proposal, rule: ReleaseAuthority) -> None:
    """Refuse what was not approved, not yet, or by whom the level has left behind (4.7.2)."""
    if proposal.status != "approved":
        raise Refusal(
            "release_not_approved",
            rule.clause,
            "该信息尚未经统一审核,不得发布。",
            f"release {proposal.id} is {proposal.status}: it must be approved first",
        )
    if proposal.decided_at is not None and ctx.occurred < proposal.decided_at:
        raise Refusal(
            "published_before_review",
            rule.clause,
            f"发布时间早于审核时间({beijing_text(proposal.decided_at)}),请核对。",
            "occurred_at: published before it was approved; check both times",
        )
    before = authority_at(ctx.plan, proposal.decided_level)
    if ctx.plan.rank(rule.level) > ctx.plan.rank(before.level):
        raise Refusal(
            "release_outgrown",
            rule.clause,
            "审核后事件级别已提高,须由有权机关重新审核。",
            "the level was raised since the approval: the competent body must review it again",
        )


@evolves(ReleasePublished)
def _(state: State, event: Event, p: ReleasePublished) -> State:
    state = put(state, "releases", p.release.id, p.release)
    if not p.ours:
        return state
    occasion = Occasion(
        key=p.release.id, at=event.occurred, level=p.release.level, ref=p.release.id
    )
    return with_occasion(state, "published", occasion)


@decides(FileRelease)
def file_release(ctx: Context, command: FileRelease) -> Sequence[Fact]:
    """备案: filed with the bodies that the level names, some before it is published (4.7.2)."""
    release = ctx.state.releases.get(command.release)
    proposal = ctx.state.proposals.get(command.release)
    if release is None and (proposal is None or proposal.kind != "release"):
        raise missing(ctx.plan, "信息发布", "release", command.release)
    ctx.require("file_release")
    rule = authority_at(ctx.plan, release.level if release else ctx.state.level)
    bodies = (*rule.filed_before_with, *(rule.file_with if release else ()))
    recipient = ctx.body(command.delivery.recipient)
    if recipient not in bodies:
        names = "、".join(ctx.plan.body_by_id[body].name.zh for body in bodies)
        raise Refusal(
            "not_filed_there",
            rule.clause,
            f"该信息应报{names}备案。" if names else "该信息发布前无须备案。",
            f"recipient: it is filed with {', '.join(bodies) or 'nobody before it is published'}",
        )
    given = delivered(ctx, command.delivery, ctx.state.seq + 1, "filing")
    return [Fact(ReleaseFiled(release=command.release, given=given), rule.clause, given.at)]


@evolves(ReleaseFiled)
def _(state: State, event: Event, p: ReleaseFiled) -> State:
    release = state.releases.get(p.release)
    if release is not None:
        filed = {"filed": (*release.filed, p.given)}
        return put(state, "releases", p.release, release.model_copy(update=filed))
    proposal = state.proposals[p.release]
    filed = {"filed": (*proposal.filed, p.given)}
    return put(state, "proposals", p.release, proposal.model_copy(update=filed))


@decides(RecordAuthorisation)
def record_authorisation(ctx: Context, command: RecordAuthorisation) -> Sequence[Fact]:
    """Only the body that may publish at a level can let another do it (4.7.2)."""
    ctx.in_phase(*WORKING)
    ctx.require("record_authorisation")
    rule = authority_at(ctx.plan, ctx.level(command.level))
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
