"""Notices: each handed to its channels once, and what became of it on record."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client

from activities.notify import PATIENCE
from domain.incident.commands import AcknowledgeNotice, ReassignTask
from store import inbox
from store.pool import Pool
from tests.activities.conftest import Postbox, postbox
from tests.workflows.conftest import Open, opening
from tests.workflows.harness import IncidentDriver, Silent, number, working
from workflows.contracts import NoticeOrder

__all__ = ["postbox"]

HEALTH = "duty@health.invalid"


@pytest.fixture
async def mailed(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> AsyncIterator[IncidentDriver]:
    """An incident whose worker also sends mail, to the health department."""
    queue = f"q-mail-{number()}"
    mail: dict[str, Any] = {
        "smtp_host": "127.0.0.1",
        "smtp_port": postbox.port,
        "mail_to": {"county-health": HEALTH},
    }
    async with working(temporal_client, pool, queue, **mail):
        yield IncidentDriver(temporal_client, pool, number(), queue=queue)


@pytest.mark.clause("6.3", "4.2(5)")
async def test_health_is_told_at_once_and_the_duty_is_met_by_the_notice(
    open_incident: Open,
) -> None:
    incident = await open_incident()
    accepted = await incident.events("notice.accepted")

    state = await incident.state()
    told = [n for n in state.notices.values() if n.recipient == "county-health"]
    assert told
    assert all(n.status == "accepted" and n.channels == ("inbox",) for n in told)
    assert len(accepted) == len(state.notices)
    rescue = state.clocks["rescue/county-health"]
    assert (rescue.status, rescue.verdict) == ("met", "on_time")
    messages = await inbox.list_messages(incident.pool, body="county-health", limit=100)
    ours = [m for m in messages if m.incident == incident.number]
    assert sorted(m.key for m in ours) == sorted(f"{incident.number}:{n.id}" for n in told)


@pytest.mark.clause("2.1.1(3)")
async def test_accepted_and_acknowledged_are_different_things(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    notice = next(
        n for n in (await incident.state()).notices.values() if n.recipient == "county-health"
    )

    await incident.send(AcknowledgeNotice(notice=notice.id), "county-health")

    after = (await incident.state()).notices[notice.id]
    assert after.accepted_at is not None
    assert after.acknowledged_by == "county-health"


@pytest.mark.clause("2.2")
async def test_a_command_after_another_sends_notices_of_its_own(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    state = await incident.state()
    task = next(t for t in state.tasks.values() if t.item == "sample")

    await incident.send(ReassignTask(task=task.id, owner="county-industry", reason="协助"))
    await incident.settled()

    after = await incident.state()
    new = {n.recipient for k, n in after.notices.items() if k not in state.notices}
    assert "county-industry" in new
    keys = [
        m.key for m in await inbox.list_messages(incident.pool, body="county-industry", limit=100)
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.clause("6.3")
async def test_mail_goes_out_beside_the_inbox(mailed: IncidentDriver, postbox: Postbox) -> None:
    await mailed.start(opening(mailed.number))
    await mailed.settled()

    told = [n for n in (await mailed.state()).notices.values() if n.recipient == "county-health"]
    assert all(set(n.channels) == {"inbox", "mail"} for n in told)
    assert {m["X-Yaoan-Key"] for m in postbox.mails} == {f"{mailed.number}:{n.id}" for n in told}
    assert {m["To"] for m in postbox.mails} == {HEALTH}


async def test_a_lost_acceptance_gives_a_copy_with_the_same_message_id(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    postbox.answers = ["lost"]

    await mailed.start(opening(mailed.number))
    await mailed.settled()

    copies = [m for m in postbox.mails if m["X-Yaoan-Key"] == postbox.mails[0]["X-Yaoan-Key"]]
    assert len(copies) == 2
    assert copies[0]["Message-ID"] == copies[1]["Message-ID"]
    messages = await inbox.list_messages(mailed.pool, body="county-health", limit=100)
    keys = [m.key for m in messages if m.incident == mailed.number]
    assert len(keys) == len(set(keys)), "the inbox was not asked twice"


async def test_one_channel_for_ever_down_does_not_hold_up_the_other(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    postbox.answers = ["550 no such box"] * 50

    await mailed.start(opening(mailed.number))
    await mailed.settled()

    notices = (await mailed.state()).notices.values()
    assert {n.status for n in notices} == {"accepted"}
    assert all(n.channels == ("inbox",) for n in notices)


@pytest.mark.parametrize("retryable", [False, True])
async def test_a_notice_that_nobody_takes_is_an_event_and_the_duty_seat_hears(
    temporal_client: Client, pool: Pool, retryable: bool
) -> None:
    """Final at once, or after ten minutes of trying: then people are asked to telephone."""
    queue = f"q-silent-{number()}"
    channel = Silent(retryable)
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(temporal_client, pool, queue, channels=(channel,)):
        await incident.start(opening(incident.number))
        first = set((await incident.state()).notices)
        if retryable:
            await asyncio.sleep(1)
            assert (await incident.state()).outbox, "it is still being tried"
            await incident.skip(timedelta(minutes=11))
        for _ in range(200):
            notices = (await incident.state()).notices
            if all(notices[key].status == "failed" for key in first):
                break
            await asyncio.sleep(0.05)
        state = await incident.state()
        assert {state.notices[key].status for key in first} == {"failed"}
        failed = next(iter(first))
        assert "nobody listens" in (state.notices[failed].failure or "")
        assert state.clocks["rescue/county-health"].status == "open"
        heard = {n.recipient for n in state.notices.values() if n.subject == "failed"}
        assert heard == {"duty"}
        assert channel.asked >= len(first)


@pytest.mark.clause("6.5")
async def test_a_drill_reaches_nobody_and_says_so(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> None:
    """Outside the space of real incidents there is no channel but the inbox (trap 22)."""
    from activities.channels import Mail, channels_for
    from activities.notify import marked
    from domain.base import Text

    mail = Mail(
        host="127.0.0.1", port=postbox.port, sender="y@c.invalid", addresses={"duty": "d@c.invalid"}
    )
    real, drill = channels_for("incidents", pool, mail), channels_for("drill", pool, mail)
    order = NoticeOrder(
        space="drill",
        incident="GQ-1",
        notice="n1",
        key="GQ-1:n1",
        recipient="duty",
        statutory=True,
        title=Text(zh="接报", en="Report received"),
        text=Text(zh="【演练】请签收", en="Please acknowledge"),
        queued_at=opening("GQ-1").received,
    )

    assert [c.name for c in real] == ["inbox", "mail"]
    assert [c.name for c in drill] == ["inbox"]
    shown = marked(order)
    assert (shown.title.zh, shown.text.zh) == ("【演练】接报", "【演练】请签收")
    assert shown.title.en.startswith("【演练】")
    assert marked(order.model_copy(update={"space": "incidents"})).title.zh == "接报"


class Counting:
    """A channel that accepts, and counts how often it was asked for each notice."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def send(self, order: NoticeOrder) -> bool:
        self.asked[order.key] += 1
        return True


async def test_a_channel_that_accepted_is_not_asked_again_while_another_is_tried(
    temporal_client: Client, pool: Pool
) -> None:
    """After some attempts the notice counts as sent by the channel that took it."""
    queue = f"q-counting-{number()}"
    silent, counting = Silent(retryable=True), Counting()
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(temporal_client, pool, queue, channels=(silent, counting)):
        await incident.start(opening(incident.number))
        await incident.skip(timedelta(minutes=2))
        await incident.settled()

        notices = (await incident.state()).notices.values()
        assert {n.channels for n in notices} == {("counting",)}
        assert set(counting.asked.values()) == {1}
        assert silent.asked == PATIENCE * len(notices)
