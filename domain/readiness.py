"""Which bodies could not be reached now (6.4: 确保信息报送系统畅通). Pure."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Literal

from domain.base import Strict, Text
from domain.directory import PHONE, Contact, Directory, on_duty
from domain.plan import Body, Plan

Problem = Literal[
    "no_contact", "no_channel", "empty_shift", "never_tested", "trial_failed", "no_number"
]


class Gap(Strict):
    """A body that could not be reached now, why, and what to do about it."""

    body: str
    problem: Problem
    text: Text


def readiness(
    plan: Plan,
    directory: Directory,
    channels: Collection[str],
    at: datetime,
) -> tuple[Gap, ...]:
    """Every gap at ``at``, UTC, in the order of the plan's bodies; empty when all is well.

    Notices go to bodies of the county, experts excepted. Superiors are called by hand, so those
    to whom the plan's duties report need a telephone number.

    Args:
        channels: those that the settings configure; a telephone needs no configuration.
    """
    usable = {*channels, PHONE}
    superiors = {
        recipient for duty in plan.obligations if duty.enabled for recipient in duty.recipients
    }
    gaps: list[Gap] = []
    for body in plan.bodies:
        if body.tier == "county" and body.kind != "expert":
            gaps += _of_ours(body, directory, usable, at, tried_within(plan))
        elif body.tier != "outside" and body.id in superiors:
            gaps += _of_superior(body, directory)
    return tuple(gaps)


def tried_within(plan: Plan) -> timedelta:
    """How long a trial shows that a body can be reached."""
    return plan.escalation.tried_within if plan.escalation else timedelta()


def _of_ours(
    body: Body, directory: Directory, usable: set[str], at: datetime, within: timedelta
) -> Iterator[Gap]:
    contacts = directory.of(body.id)
    if not contacts:
        yield _gap(
            body,
            "no_contact",
            "通讯录中没有联系人，请导入或登记",
            "the directory has no contact: import or enter one",
        )
        return
    if not any(contact.has(channel) for contact in contacts for channel in usable):
        names = "、".join(sorted(usable)), ", ".join(sorted(usable))
        yield _gap(
            body,
            "no_channel",
            f"联系人没有可用渠道的地址，请登记其中一种：{names[0]}",
            f"no contact has an address on a usable channel: enter one of {names[1]}",
        )
        return
    if directory.has_roster(body.id) and not on_duty(directory, body.id, at):
        yield _gap(
            body,
            "empty_shift",
            "值班表此刻无人在班，请补排",
            "nobody is on shift now: complete the roster",
        )
    yield from _of_trials(body, contacts, directory, usable, at - within)


def _of_trials(
    body: Body,
    contacts: tuple[Contact, ...],
    directory: Directory,
    usable: set[str],
    since: datetime,
) -> Iterator[Gap]:
    known = {contact.id for contact in contacts}
    recent = [
        trial.ok
        for trial in directory.trials
        if trial.contact in known and trial.channel in usable and trial.at >= since
    ]
    if any(recent):
        return
    if recent:
        yield _gap(
            body,
            "trial_failed",
            "最近的联络测试全部失败，请核对地址后重试",
            "every recent trial failed: check the addresses and try again",
        )
    else:
        yield _gap(
            body,
            "never_tested",
            "近期没有做过联络测试，请逐一试通",
            "no channel was tried lately: try them",
        )


def _of_superior(body: Body, directory: Directory) -> Iterator[Gap]:
    if not any(contact.has(PHONE) for contact in directory.of(body.id)):
        yield _gap(
            body,
            "no_number",
            "电话报告单上没有电话号码，请登记",
            "the call sheet has no telephone number for it: enter one",
        )


def _gap(body: Body, problem: Problem, zh: str, en: str) -> Gap:
    return Gap(
        body=body.id,
        problem=problem,
        text=Text(zh=f"{body.name.zh}：{zh}。", en=f"{body.name.en}: {en}"),
    )
