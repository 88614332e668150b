"""Proposals put to the body that decides, and what was decided on them (4.6, 4.7.2, E1)."""

from collections.abc import Sequence

from domain.base import Refusal
from domain.incident.commands import Decision
from domain.incident.entries import Proposal
from domain.incident.events import Decided, Proposed
from domain.incident.record import Event
from domain.incident.rules import Context, Fact, evolves, missing, put
from domain.incident.state import State


def propose(
    ctx: Context,
    kind: str,
    level: str | None,
    content: dict[str, object],
    clause: str,
    warnings: tuple[str, ...] = (),
) -> Sequence[Fact]:
    """The event that something was put to the body that decides."""
    # Releases stand side by side; any other proposal replaces the one before it.
    earlier = sum(p.kind == kind for p in ctx.state.proposals.values())
    version = 1 if kind == "release" else 1 + earlier
    proposal = Proposal.model_validate(
        {
            "id": ctx.id("p"),
            "kind": kind,
            "version": version,
            "level": level,
            "content": content,
            "by": ctx.by.decider,
            "at": ctx.occurred,
        }
    )
    return [Fact(Proposed(proposal=proposal, warnings=warnings), clause)]


@evolves(Proposed)
def _(state: State, event: Event, p: Proposed) -> State:
    # A new proposal of the same kind takes the place of the open one.
    proposals = {
        key: old.model_copy(update={"status": "superseded"})
        if old.kind == p.proposal.kind != "release" and old.status == "open"
        else old
        for key, old in state.proposals.items()
    }
    return state.model_copy(update={"proposals": {**proposals, p.proposal.id: p.proposal}})


def open_proposal(ctx: Context, command: Decision, kind: str) -> Proposal:
    """The proposal that ``command`` decides: it exists, is open, and is the version meant."""
    proposal = ctx.state.proposals.get(command.proposal)
    if proposal is None or proposal.kind != kind:
        raise missing(ctx.plan, "提请事项", "proposal", command.proposal)
    if proposal.status != "open" or proposal.version != command.version:
        raise Refusal(
            "proposal_not_open",
            ctx.plan.recording.clause,
            f"该提请事项(第{proposal.version}版)已处于“{proposal.status}”状态,请核对编号和版本。",
            f"proposal {proposal.id} is version {proposal.version} and {proposal.status}: "
            "decide the open version",
        )
    return proposal


def decided(command: Decision, proposal: Proposal, clause: str) -> Fact:
    """The event that a proposal was decided."""
    return Fact(
        Decided(
            proposal=proposal.id,
            kind=proposal.kind,
            version=proposal.version,
            approved=command.approve,
            reasons=command.reasons,
        ),
        clause,
    )


@evolves(Decided)
def _(state: State, event: Event, p: Decided) -> State:
    proposal = state.proposals[p.proposal].model_copy(
        update={
            "status": "approved" if p.approved else "rejected",
            "decided_by": event.by.decider if event.by else None,
            "decided_at": event.occurred,
            "decided_level": state.level,
        }
    )
    return put(state, "proposals", proposal.id, proposal)
