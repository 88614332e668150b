"""Notices on a real server: each told, told again until answered, and never after that."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from activities.channel import ChannelError, Outgoing
from activities.notify import PATIENCE
from domain.base import Text
from domain.directory import Directory
from domain.incident.commands import AcknowledgeNotice, ReassignTask, RecordCall, StopNotice
from domain.incident.entries import Notice
from store import inbox
from store.pool import Pool, open_pool
from tests.activities.conftest import Postbox, postbox
from tests.workflows.conftest import Open, opening
from tests.workflows.harness import IncidentDriver, Silent, directory_of, number, working

__all__ = ["postbox"]

HEALTH, OFFICE = "county-health", "command-office"
PEOPLE = directory_of(
    {
        HEALTH: {
            "duty_phone": "room@health.invalid",
            "duty_officer": "officer@health.invalid",
            "deputy": "deputy@health.invalid",
            "leader": "leader@health.invalid",
        },
        OFFICE: {"duty_phone": "office@command.invalid"},
    }
)


def to(postbox: Postbox, address: str) -> list[EmailMessage]:
    """The mails to one address, oldest first."""
    return [mail for mail in postbox.mails if mail["To"] == address]


def body_of(mail: EmailMessage) -> str:
    text: str = mail.get_content()
    return text


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait, in our time, until something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def mailed(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> AsyncIterator[IncidentDriver]:
    """An incident whose worker also sends mail, to health and to the command office."""
    queue = f"q-mail-{number()}"
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    async with working(temporal_client, pool, queue, directory=PEOPLE, **mail):
        yield IncidentDriver(temporal_client, pool, number(), queue=queue)


async def theirs(incident: IncidentDriver, body: str = HEALTH) -> list[Notice]:
    return [n for n in (await incident.state()).notices.values() if n.recipient == body]


# --- told -----------------------------------------------------------------------------------


@pytest.mark.clause("6.3", "4.2(5)")
async def test_health_is_told_at_once_and_the_duty_is_met_once_somebody_has_it(
    open_incident: Open,
) -> None:
    """Without any channel a notice lies in the inbox, which tells nobody by itself."""
    incident = await open_incident()
    sent = await incident.events("message.sent")

    state, told = await incident.state(), await theirs(incident)
    assert told
    assert all(n.status == "posted" and n.channels == ("inbox",) for n in told)
    assert {n for event in sent for n in event.data["notices"]} == set(state.notices)
    assert state.clocks["rescue/county-health"].status == "open"
    await incident.acknowledge(HEALTH)
    rescue = (await incident.state()).clocks["rescue/county-health"]
    assert (rescue.status, rescue.verdict) == ("met", "on_time")
    messages = await inbox.list_messages(incident.pool, body=HEALTH, limit=100)
    ours = [m for m in messages if m.incident == incident.number]
    assert sorted(m.key for m in ours) == sorted(f"{incident.number}:{n.id}" for n in told)


@pytest.mark.clause("2.1.1(3)")
async def test_accepted_and_acknowledged_are_different_things(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    (notice, *_) = await theirs(incident)

    await incident.send(AcknowledgeNotice(notice=notice.id), HEALTH, recorder=HEALTH)

    after = (await incident.state()).notices[notice.id]
    assert after.accepted_at is not None
    assert after.acknowledged_by == HEALTH


@pytest.mark.clause("2.2")
async def test_a_command_after_another_sends_notices_of_its_own(open_incident: Open) -> None:
    incident = await open_incident()
    await incident.settled()
    state = await incident.state()
    task = next(t for t in state.tasks.values() if t.item == "sample")

    await incident.send(ReassignTask(task=task.id, owner="county-industry", reason="协助"))
    await incident.fast_forward(timedelta(minutes=1))

    (notice,) = await theirs(incident, "county-industry")
    assert notice.status == "posted"
    messages = await inbox.list_messages(incident.pool, body="county-industry", limit=100)
    assert [m.notice for m in messages if m.incident == incident.number] == [notice.id]


@pytest.mark.clause("6.3", "4.2")
async def test_what_health_has_to_know_is_one_mail_that_lists_it(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    await mailed.start(opening(mailed.number))
    await mailed.settled()

    told = await theirs(mailed)
    assert len(told) > 1
    assert all(set(n.channels) == {"inbox", "mail"} for n in told)
    (mail,) = to(postbox, "room@health.invalid")
    assert all(f"通知{notice.id}" in body_of(mail) for notice in told)
    assert mail["X-Yaoan-Key"].startswith(f"{mailed.number}:m")
    assert mail["X-Yaoan-Key"].endswith(":county-health-duty_phone")
    (sent,) = [
        e
        for e in await mailed.events("message.sent")
        if set(e.data["notices"]) == {n.id for n in told}
    ]
    assert set(sent.data["contacts"]) == {f"{HEALTH}-duty_phone", f"{HEALTH}-duty_officer"}
    assert "health.invalid" not in sent.canonical().decode(), "no address goes on record"


# --- told again -----------------------------------------------------------------------------


@pytest.mark.clause("2.1.1(2)")
async def test_send_forward_thirty_one_minutes_expect_deputy_leader_and_office(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    await mailed.start(opening(mailed.number))
    await mailed.fast_forward(timedelta(minutes=6))
    assert len(to(postbox, "room@health.invalid")) == 2
    assert "【催办】" in to(postbox, "room@health.invalid")[-1]["Subject"]
    assert to(postbox, "deputy@health.invalid") == []

    await mailed.fast_forward(timedelta(minutes=15))
    assert to(postbox, "deputy@health.invalid")
    assert to(postbox, "leader@health.invalid")
    (call,) = [c for c in (await mailed.state()).open_calls if c.recipient == HEALTH]
    assert call.reason == "unanswered"

    await mailed.fast_forward(timedelta(minutes=10))
    unanswered = [m for m in to(postbox, "office@command.invalid") if "无人签收" in body_of(m)]
    assert unanswered
    assert "县卫生健康局" in body_of(unanswered[0])


@pytest.mark.clause("2.1.1(3)")
async def test_after_the_acknowledgement_nothing_more_comes(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    await mailed.start(opening(mailed.number))
    await mailed.fast_forward(timedelta(minutes=6))
    for notice in await theirs(mailed):
        await mailed.send(AcknowledgeNotice(notice=notice.id), HEALTH, recorder=HEALTH)
    answered, so_far = {n.id for n in await theirs(mailed)}, len(postbox.mails)

    await mailed.fast_forward(timedelta(hours=2))

    for mail in postbox.mails[so_far:]:
        assert not any(f"通知{notice}（" in body_of(mail) for notice in answered)


async def test_an_acknowledgement_and_a_reminder_race_and_the_reminder_loses(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    """The reminder is refused and would be tried for a minute; the answer ends the trying."""
    await mailed.start(opening(mailed.number))
    await mailed.settled()
    (first,) = to(postbox, "room@health.invalid")
    enough = 2 * PATIENCE
    postbox.answers = ["451 busy"] * enough
    await mailed.skip(timedelta(minutes=5))
    await until(lambda: len(postbox.answers) <= enough - 2)

    await mailed.acknowledge(HEALTH)
    asked = enough - len(postbox.answers)
    await mailed.settled()

    # What was being said to the mail server at that moment may still be said, to either contact.
    assert enough - len(postbox.answers) <= asked + 2
    assert asked + 2 < enough
    assert to(postbox, "room@health.invalid") == [first]


async def test_a_reminder_that_is_answered_before_it_leaves_is_withdrawn(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> None:
    queue, name = f"q-withdrawn-{number()}", number()
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    incident = IncidentDriver(temporal_client, pool, name, queue=queue)
    async with working(temporal_client, pool, queue, directory=PEOPLE, **mail):
        await incident.start(opening(name))
        await incident.settled()
    # Nobody works; meanwhile the reminder falls due and the answer comes.
    before = len(to(postbox, "room@health.invalid"))
    messages = await inbox.list_messages(pool, incident=name, limit=100)
    notices = [message.notice for message in messages if message.body == HEALTH]
    for notice in notices:
        envelope = await incident.envelope(
            AcknowledgeNotice(notice=notice), HEALTH, recorder=HEALTH
        )
        await incident.signal(envelope)
    async with working(temporal_client, pool, queue, directory=PEOPLE, **mail):
        await incident.fast_forward(timedelta(minutes=6))
        assert all(n.acknowledged_at for n in await theirs(incident))
        assert len(to(postbox, "room@health.invalid")) == before


@pytest.mark.clause("2.1.1(2)")
async def test_a_recorded_stop_ends_the_asking(mailed: IncidentDriver, postbox: Postbox) -> None:
    await mailed.start(opening(mailed.number))
    await mailed.settled()
    told = await theirs(mailed)
    for notice in told:
        await mailed.send(
            StopNotice(notice=notice.id, reason="已当面告知"), OFFICE, recorder=OFFICE
        )
    await mailed.fast_forward(timedelta(minutes=9))

    assert len(to(postbox, "room@health.invalid")) == 1
    assert [e.by.decider for e in await mailed.events("notice.stopped") if e.by] == [OFFICE] * len(
        told
    )


async def test_the_pursuit_survives_runs_that_turn_over(
    temporal_client: Client, pool: Pool, postbox: Postbox
) -> None:
    queue = f"q-turned-{number()}"
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(temporal_client, pool, queue, directory=PEOPLE, **mail):
        await incident.start(opening(incident.number), continue_after=60)
        await incident.fast_forward(timedelta(minutes=31))

        runs = [r async for r in temporal_client.list_workflows(f"WorkflowId='{incident.number}'")]
        assert len(runs) > 1
        steps = [
            step
            for event in await incident.events("message.composed")
            if event.data["message"]["recipient"] == HEALTH
            for step in event.data["message"]["notices"].values()
        ]
        # While a run turns over two rungs may pass: one message, to everybody of both.
        assert set(steps) >= {0, 4}
        told_whom = {
            role
            for event in await incident.events("message.composed")
            if event.data["message"]["recipient"] == HEALTH
            for role in event.data["message"]["contacts"]
        }
        assert told_whom == {"duty_phone", "duty_officer", "deputy", "leader"}
        keys = [m["X-Yaoan-Key"] for m in postbox.mails]
        assert len(keys) == len(set(keys)), "no message twice"


# --- what goes wrong ------------------------------------------------------------------------


async def test_a_lost_acceptance_gives_a_copy_with_the_same_message_id(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    postbox.answers = ["lost"]

    await mailed.start(opening(mailed.number))
    await mailed.settled()

    lost = postbox.mails[0]["X-Yaoan-Key"]
    copies = [mail for mail in postbox.mails if mail["X-Yaoan-Key"] == lost]
    assert len(copies) == 2
    assert copies[0]["Message-ID"] == copies[1]["Message-ID"]
    assert copies[0].as_bytes() == copies[1].as_bytes()
    messages = await inbox.list_messages(mailed.pool, body=HEALTH, limit=100)
    keys = [m.key for m in messages if m.incident == mailed.number]
    assert len(keys) == len(set(keys)), "the inbox was not asked twice"


@pytest.mark.clause("3.2.4")
async def test_a_channel_that_refuses_for_good_falls_to_the_telephone(
    mailed: IncidentDriver, postbox: Postbox
) -> None:
    postbox.answers = ["550 no such box"] * 50

    await mailed.start(opening(mailed.number))
    await mailed.settled()

    assert {n.status for n in await theirs(mailed)} == {"posted"}, "in the inbox"
    (call,) = [c for c in (await mailed.state()).open_calls if c.recipient == HEALTH]
    assert (call.recipient, call.reason) == (HEALTH, "phone_only")
    await mailed.send(RecordCall(recipient=HEALTH, taken_by="值班员"), "duty", means="phone")
    assert HEALTH not in {c.recipient for c in (await mailed.state()).open_calls}
    assert all(n.acknowledged_at for n in await theirs(mailed))


@pytest.mark.parametrize("retryable", [False, True])
async def test_what_nobody_takes_is_an_event_and_the_duty_seat_hears(
    temporal_client: Client, postbox: Postbox, unused_tcp_port: int, pool: Pool, retryable: bool
) -> None:
    """Neither the inbox nor any channel: final at once, or after some attempts."""
    queue = f"q-silent-{number()}"
    channel = Silent(retryable)
    people = directory_of({HEALTH: {"duty_phone": "1"}}, channel="silent")
    # A port on which nobody listens: PostgreSQL is down, for record and inbox alike.
    url = f"postgresql://yaoan_app@127.0.0.1:{unused_tcp_port}/yaoan"
    down = await open_pool(url, "incidents")
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    async with working(
        temporal_client, down, queue, channels={"silent": channel}, directory=people
    ):
        await incident.start(opening(incident.number))
        for _ in range(60):
            state = await incident.state()
            if all(n.status == "failed" for n in await theirs(incident)):
                break
            await incident.skip(timedelta(seconds=10))
            await asyncio.sleep(0.1)
        state = await incident.state()
        told = [n for n in await theirs(incident) if n.subject == "informed"]
        assert {n.status for n in told} == {"failed"}
        assert "silent: nobody listens" in (told[0].failure or "")
        assert state.clocks["rescue/county-health"].status == "open"
        assert [c.reason for c in state.open_calls if c.recipient == HEALTH] == ["phone_only"]
        assert [n for n in await theirs(incident, "duty") if n.subject == "call"]
        assert channel.asked >= PATIENCE if retryable else channel.asked
    down.terminate()


async def test_a_channel_that_failed_is_followed_by_the_contacts_next(
    temporal_client: Client, pool: Pool
) -> None:
    class Taking:
        name = "taking"
        took: list[Outgoing] = []  # noqa: RUF012 - a test's own

        async def send(self, message: Outgoing) -> bool:
            self.took.append(message)
            return True

    class Refusing(Taking):
        name = "refusing"

        async def send(self, message: Outgoing) -> bool:
            raise ChannelError("no", retryable=False)

    (contact,) = directory_of({HEALTH: {"duty_phone": "1"}}, channel="refusing").contacts
    taking = contact.addresses[0].model_copy(update={"channel": "taking"})
    both = contact.model_copy(update={"addresses": (*contact.addresses, taking)})
    queue = f"q-next-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    channels = {"refusing": Refusing(), "taking": Taking()}
    async with working(
        temporal_client, pool, queue, channels=channels, directory=Directory(contacts=(both,))
    ):
        await incident.start(opening(incident.number))
        await incident.settled()

        assert len(Taking.took) == 1
        told = await theirs(incident)
        assert {frozenset(n.channels) for n in told} == {frozenset({"inbox", "taking"})}
        assert all(n.delivered_at for n in told), "this provider says that it was delivered"
        assert HEALTH not in {c.recipient for c in (await incident.state()).open_calls}


@pytest.mark.clause("6.4")
async def test_without_postgresql_a_statutory_notice_goes_out_by_the_last_known_directory(
    temporal_client: Client, pool: Pool, postbox: Postbox, unused_tcp_port: int, tmp_path: Path
) -> None:
    from store.directory import Keeper, save_copy

    copy = tmp_path / "directory.json"
    save_copy(copy, PEOPLE)
    down = await open_pool(f"postgresql://yaoan_app@127.0.0.1:{unused_tcp_port}/yaoan", "incidents")
    queue = f"q-down-{number()}"
    incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    directory = Keeper(down, copy).get
    async with working(temporal_client, down, queue, directory=directory, **mail):
        await incident.start(opening(incident.number))
        await until(lambda: to(postbox, "room@health.invalid"))
    down.terminate()


@pytest.mark.clause("6.5")
async def test_a_drill_reaches_nobody_and_says_so(pool: Pool, postbox: Postbox) -> None:
    """Outside the space of real incidents there is no channel but the inbox (trap 22)."""
    from activities.notify import marked
    from activities.outward.providers import channels_of
    from settings import Settings

    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    assert set(channels_of(Settings(space="incidents", **mail))) == {"mail"}
    assert channels_of(Settings(space="drill", **mail)) == {}
    said = (Text(zh="接报", en="Report received"), Text(zh="【演练】请签收", en="Please answer"))
    title, text = marked("drill", said)
    assert (title.zh, text.zh) == ("【演练】接报", "【演练】请签收")
    assert title.en.startswith("【演练】")
    assert marked("incidents", said) == said
