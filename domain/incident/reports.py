"""Chapters 3.2.3-3.2.4: reports upward, to whom they were given, and who signed them."""

from collections.abc import Sequence

from domain.base import Refusal, beijing_day
from domain.incident.commands import GiveReport, SignReport, SubmitReport
from domain.incident.entries import Delivery, Given, Report
from domain.incident.events import ReportGiven, ReportSigned, ReportSubmitted
from domain.incident.record import Event
from domain.incident.rules import Context, Fact, decides, evolves, missing, put
from domain.incident.state import State

ACTIVE = ("reported", "early_handling", "responding")


@decides(SubmitReport)
def submit_report(ctx: Context, command: SubmitReport) -> Sequence[Fact]:
    """A report needs no verification, no grade and no signature before it goes (E5)."""
    ctx.in_phase(*ACTIVE, "aftermath", "dismissed")
    clause = ctx.require("submit_report")
    form = ctx.plan.report_by_kind[command.kind]
    unknown = set(command.fields) - {field.id for field in form.fields}
    if unknown:
        raise Refusal(
            "unknown_field",
            form.clause,
            f"{form.name.zh}没有这些栏目:{'、'.join(sorted(unknown))}。",
            f"fields: the {command.kind} report has no {', '.join(sorted(unknown))}; "
            f"use {', '.join(field.id for field in form.fields)}",
        )
    if command.kind == "summary" and ctx.state.phase != "aftermath":
        raise Refusal(
            "summary_too_early",
            form.clause,
            "总结报告在应急响应终止后报送;目前请报进展报告。",
            "the summary report follows the end of the response; submit a progress report",
        )
    if command.kind == "correction" and command.about is None:
        raise Refusal(
            "about_missing",
            form.clause,
            "更正报告须写明所更正的报告编号(about)。",
            "about: say which report is corrected, or 'dismissal'",
        )
    version = 1
    if command.supersedes is not None:
        old = ctx.state.reports.get(command.supersedes)
        if old is None or old.kind != command.kind:
            raise missing(ctx.plan, form.name.zh, "report", command.supersedes)
        version = old.version + 1
    about = command.about
    known = {"dismissal", *ctx.state.reports, *ctx.state.merged_reports}
    if about is not None and about not in known:
        raise missing(ctx.plan, "报告", "report", about)
    if command.day is not None and command.day > beijing_day(ctx.envelope.received):
        raise Refusal(
            "day_ahead",
            form.clause,
            "报告所属日期尚未到来,请核对。",
            f"day: {command.day} has not come yet; a report covers a day once it has begun",
        )
    report = Report(
        id=ctx.id("r"),
        seq=ctx.state.seq + 1,
        number=len(ctx.state.reports) + 1,
        kind=command.kind,
        version=version,
        supersedes=command.supersedes,
        day=command.day,
        level=ctx.state.level,
        about=about,
        fields=command.fields,
        by=ctx.by.decider,
        at=ctx.occurred,
        given=tuple(delivered(ctx, d, ctx.state.seq + 1, form.kind) for d in command.given),
    )
    return [Fact(ReportSubmitted(report=report), form.clause or clause)]


def delivered(ctx: Context, delivery: Delivery, seq: int, kind: str) -> Given:
    """A delivery, checked: known recipient, allowed channel (3.2.4), not in the future."""
    ctx.body(delivery.recipient)
    form = ctx.plan.report_by_kind[kind]
    if delivery.channel not in form.channels:
        raise Refusal(
            "channel_not_allowed",
            ctx.plan.report_by_kind[kind].clause,
            f"{form.name.zh}可用方式:{'、'.join(form.channels)}(3.2.4)。",
            f"channel: a {kind} report goes by {', '.join(form.channels)} (3.2.4)",
        )
    at = delivery.at or ctx.occurred
    ctx.late_entry(at)
    ours = ctx.plan.body_by_id[ctx.by.decider].tier == "county"
    # What is filed goes where the plan sends it, however high (4.7.2).
    skips = (
        ours
        and kind != "filing"
        and ctx.plan.body_by_id[delivery.recipient].tier in ("province", "nation")
    )
    if skips and not delivery.skip_reason:
        raise Refusal(
            "skip_reason_missing",
            form.clause,
            "逐级报告以外越级报告的,请写明紧急情况(skip_reason)。",
            "skip_reason: reports go up step by step; say what emergency made you skip one",
        )
    return Given(
        seq=seq,
        recipient=delivery.recipient,
        at=at,
        recorded=ctx.envelope.received,
        channel=delivery.channel,
        taken_by=delivery.taken_by,
        by=ctx.by.decider,
        skip_reason=delivery.skip_reason if skips else None,
    )


@evolves(ReportSubmitted)
def _(state: State, event: Event, p: ReportSubmitted) -> State:
    return put(state, "reports", p.report.id, p.report)


@decides(GiveReport)
def give_report(ctx: Context, command: GiveReport) -> Sequence[Fact]:
    """One call can meet every duty to its recipient (E3)."""
    ctx.in_phase(*ACTIVE, "aftermath", "dismissed")
    seq = ctx.state.seq + 1
    if command.report is None:
        ours = {kind.id for kind in ctx.plan.reporters if kind.regulator}
        if ctx.state.caller is None or ctx.state.caller.kind in ours:
            raise missing(ctx.plan, "报告", "report", "")
        clause = ctx.require("give_report")
        return [
            Fact(
                ReportGiven(report=None, given=delivered(ctx, command.delivery, seq, "initial")),
                clause,
            )
        ]
    report = ctx.state.reports.get(command.report)
    if report is None or report.voided:
        raise missing(ctx.plan, "有效报告", "report", command.report)
    clause = ctx.require("give_report")
    given = delivered(ctx, command.delivery, seq, report.kind)
    return [Fact(ReportGiven(report=report.id, given=given), clause, given.at)]


@evolves(ReportGiven)
def _(state: State, event: Event, p: ReportGiven) -> State:
    if p.report is None:
        return state.model_copy(update={"reporter_gave": (*state.reporter_gave, p.given)})
    report = state.reports[p.report]
    return put(
        state, "reports", report.id, report.model_copy(update={"given": (*report.given, p.given)})
    )


@decides(SignReport)
def sign_report(ctx: Context, command: SignReport) -> Sequence[Fact]:
    """签发 is recorded when it happens, also after the report has gone (E5)."""
    report = ctx.state.reports.get(command.report)
    if report is None or report.voided:
        raise missing(ctx.plan, "有效报告", "report", command.report)
    clause = ctx.require("sign_report")
    if report.signed_by is not None:
        raise Refusal(
            "already_signed", clause, "该报告已签发。", f"report {report.id} is signed already"
        )
    return [Fact(ReportSigned(report=report.id), clause)]


@evolves(ReportSigned)
def _(state: State, event: Event, p: ReportSigned) -> State:
    signer = event.by.decider_person or event.by.decider if event.by else None
    report = state.reports[p.report].model_copy(
        update={"signed_by": signer, "signed_at": event.occurred}
    )
    return put(state, "reports", report.id, report)
