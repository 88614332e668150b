"""What serves every chapter: attachments, voided entries, people harmed."""

from collections.abc import Sequence
from typing import NamedTuple

from domain.base import Refusal
from domain.incident.commands import (
    Attach,
    PurgePersons,
    RegisterPerson,
    VoidEntry,
)
from domain.incident.entries import TAKEN, Attachment, Given, Occasion
from domain.incident.events import (
    Attached,
    CommandRefused,
    EntryVoided,
    PersonRegistered,
    PersonsPurged,
)
from domain.incident.observations import Refused, Tick
from domain.incident.record import Event
from domain.incident.rules import Context, Fact, decides, evolves, put, with_occasion
from domain.incident.state import State


@decides(Tick)
def tick(ctx: Context, command: Tick) -> Sequence[Fact]:
    """Time alone changes nothing but the clocks; see engine.decide."""
    return []


@decides(Refused)
def refused(ctx: Context, command: Refused) -> Sequence[Fact]:
    """A signalled command that was refused stays visible under its request id."""
    clause = str(command.refusal.get("clause") or ctx.plan.recording.clause)
    return [Fact(CommandRefused(command=command.command, refusal=command.refusal), clause)]


@evolves(CommandRefused)
def _(state: State, event: Event, p: CommandRefused) -> State:
    return state


# --- attachments and people ----------------------------------------------------------------


@decides(Attach)
def attach(ctx: Context, command: Attach) -> Sequence[Fact]:
    """Photos, scans and recordings may come at any time (E7)."""
    clause = ctx.require("attach")
    if command.sha256 in ctx.state.attachments:
        raise Refusal(
            "already_attached", clause, "该文件已附上。", f"file {command.sha256[:12]} is attached"
        )
    attachment = Attachment(
        sha256=command.sha256,
        media_type=command.media_type,
        size=command.size,
        about=command.about,
        title=command.title,
    )
    return [Fact(Attached(attachment=attachment), clause)]


@evolves(Attached)
def _(state: State, event: Event, p: Attached) -> State:
    return put(state, "attachments", p.attachment.sha256, p.attachment)


@decides(RegisterPerson)
def register_person(ctx: Context, command: RegisterPerson) -> Sequence[Fact]:
    """The record names the vault entry, never the person (突发事件应对法 83)."""
    ctx.in_phase("reported", "early_handling", "responding", "aftermath")
    clause = ctx.require("register_person")
    if command.reference in ctx.state.persons:
        raise Refusal(
            "already_registered", clause, "该人员已登记。", f"{command.reference} is registered"
        )
    return [Fact(PersonRegistered(reference=command.reference, digest=command.digest), clause)]


@evolves(PersonRegistered)
def _(state: State, event: Event, p: PersonRegistered) -> State:
    # After a reopening there may be someone to protect again.
    return put(state, "persons", p.reference, p.digest).model_copy(update={"purged": False})


@decides(PurgePersons)
def purge_persons(ctx: Context, command: PurgePersons) -> Sequence[Fact]:
    """After the incident the keys are destroyed; the record still verifies (突发事件应对法 85)."""
    if ctx.state.phase == "merged":
        # The incident that took over still needs them; its purge covers both.
        raise Refusal(
            "ended",
            ctx.plan.recording.clause,
            f"人员信息已随案并入{ctx.state.merged_into},请在该事件办结后办理。",
            f"the people went to {ctx.state.merged_into}: purge them there, once it is over",
        )
    ctx.in_phase("closed", "dismissed")
    clause = ctx.require("purge_persons")
    return [Fact(PersonsPurged(references=command.references, files=command.files), clause)]


@evolves(PersonsPurged)
def _(state: State, event: Event, p: PersonsPurged) -> State:
    return state.model_copy(update={"purged": True})


# --- voided entries (E11) -------------------------------------------------------------------


@decides(VoidEntry)
def void_entry(ctx: Context, command: VoidEntry) -> Sequence[Fact]:
    """A wrong entry stays in the record and loses its effect; whoever was told is told so."""
    ctx.in_phase("reported", "early_handling", "responding", "aftermath", "dismissed")
    found = _voidable(ctx.state, command.seq)
    clause = ctx.require("void_entry", None, *(found.by if found else ()))
    if command.seq in ctx.state.voided:
        raise Refusal("already_voided", clause, "该记录已作废。", f"{command.seq} is void already")
    if found is None:
        raise Refusal(
            "not_voidable",
            clause,
            f"第{command.seq}号记录不能作废;事实用“更正事实”,决定由决定者另行决定。",
            f"seq: entry {command.seq} cannot be voided; correct facts with correct_facts, "
            "decisions by a new decision",
        )
    voided = EntryVoided(
        target=command.seq, target_type=found.kind, reason=command.reason, told=found.told
    )
    return [Fact(voided, clause)]


class _Entry(NamedTuple):
    """An entry that can be voided: its kind, who entered it, who must hear of it."""

    kind: str
    by: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def _voidable(state: State, seq: int) -> _Entry | None:
    """The entry ``seq``, if it can be voided; merged incidents' own entries are not ours."""
    for report in state.reports.values():
        if report.seq == seq:
            told = tuple(sorted({g.recipient for g in report.given if not g.voided}))
            return _Entry("report.submitted", (report.by,), told)
    given = [g for report in state.reports.values() for g in report.given]
    for delivery in (*given, *state.reporter_gave):
        if delivery.seq == seq:
            return _Entry("report.given", (delivery.by,))
    filings = [filed for release in state.releases.values() for filed in release.filed]
    filings += [filed for proposal in state.proposals.values() for filed in proposal.filed]
    for filed in filings:
        if filed.seq == seq:
            return _Entry("release.filed", (filed.by,))
    for task in state.tasks.values():
        if task.done_seq == seq:
            return _Entry("task.completed", (task.done_by,) if task.done_by else ())
    if (authorisation := state.authorisations.get(f"a{seq}")) is not None:
        return _Entry("authorisation.recorded", (authorisation.by,))
    if f"g{seq}" in state.ledger:
        return _Entry("resource.logged")
    if state.cause_seq == seq:
        return _Entry("cause.determined")
    if any(claim.seq == seq and claim.source is None for claim in state.learned):
        # Of the first report nothing but its knowledge time: what was reported stays reported.
        return _Entry("incident.reported" if seq == 1 else "facts.corrected")
    return None


@evolves(EntryVoided)
def _(state: State, event: Event, p: EntryVoided) -> State:
    def without(given: tuple[Given, ...]) -> tuple[Given, ...]:
        return tuple(
            g.model_copy(update={"voided": True}) if g.seq == p.target else g for g in given
        )

    update: dict[str, object] = {"voided": (*state.voided, p.target)}
    match p.target_type:
        case "report.submitted" | "report.given":
            update["reports"] = {
                key: r.model_copy(
                    update={
                        "voided": r.voided
                        or (r.seq == p.target and p.target_type == "report.submitted"),
                        "given": r.given
                        if p.target_type == "report.submitted"
                        else without(r.given),
                    }
                )
                for key, r in state.reports.items()
            }
            update["reporter_gave"] = without(state.reporter_gave)
        case "release.filed":
            update["releases"] = {
                key: r.model_copy(update={"filed": without(r.filed)})
                for key, r in state.releases.items()
            }
            update["proposals"] = {
                key: text.model_copy(update={"filed": without(text.filed)})
                for key, text in state.proposals.items()
            }
        case "authorisation.recorded":
            key = f"a{p.target}"
            changed = state.authorisations[key].model_copy(update={"voided": True})
            update["authorisations"] = {**state.authorisations, key: changed}
        case "resource.logged":
            key = f"g{p.target}"
            entry = state.ledger[key].model_copy(update={"voided": True})
            update["ledger"] = {**state.ledger, key: entry}
            update["occasions"] = _without(state, TAKEN[entry.kind], key)
        case "task.completed":
            update["tasks"] = {
                key: task.model_copy(
                    update={"status": "open", "done_seq": None, "done_at": None, "result": None}
                )
                if task.done_seq == p.target
                else task
                for key, task in state.tasks.items()
            }
        case "cause.determined":
            update |= {"cause": None, "cause_seq": None, "conclusion": None}
            update["occasions"] = _without(state, "concluded", str(p.target))
        case "facts.corrected" | "incident.reported":
            # Later only by this recorded decision, and never later than we were told.
            kept = tuple(c for c in state.learned if c.seq != p.target)
            learned_at = min((*(c.at for c in kept), state.opened_at))
            update["learned"] = kept
            update["facts"] = state.reported.model_copy(update={"learned_at": learned_at})
    state = state.model_copy(update=update)
    if not p.told:
        return state
    about = next(r.id for r in state.reports.values() if r.seq == p.target)
    occasion = Occasion(key=about, at=event.occurred, level=state.level, ref=about)
    return with_occasion(state, "voided", occasion)


def _without(state: State, basis: str, key: str) -> dict[str, tuple[Occasion, ...]]:
    kept = tuple(o for o in state.occasions.get(basis, ()) if o.key != key)
    return {**state.occasions, basis: kept}
