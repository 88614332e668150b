"""How one message is offered to everybody who is to be told, attempt by attempt."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities import notify
from activities.channel import Channel, ChannelError, Outgoing
from activities.notify import PATIENCE, Notify
from domain.base import BEIJING, Text
from domain.directory import Address, Contact, Directory, Shift
from domain.incident.wording import sample
from domain.plan import Template
from store import inbox
from store.links import Links
from store.pool import Pool, open_pool
from tests.conftest import Database
from workflows.contracts import MessageOrder, MessageResult, NoticeItem

AT = datetime(2026, 1, 31, 6, 32, tzinfo=UTC)
HEALTH = "county-health"


class Line:
    """A channel that answers as it is told: accepts, delivers, fails, or says nothing."""

    def __init__(self, name: str, answer: bool | Exception | None = False) -> None:
        self.name = name
        self.took: list[Outgoing] = []
        self.asked = 0
        self._answer = answer

    async def send(self, message: Outgoing) -> bool:
        self.asked += 1
        if self._answer is None:
            await asyncio.sleep(3600)
        if isinstance(self._answer, Exception):
            raise self._answer
        self.took.append(message)
        return bool(self._answer)


def busy(name: str = "mail") -> Line:
    return Line(name, ChannelError("busy", retryable=True))


def contact(name: str, *channels: str, **more: Any) -> Contact:
    addresses = tuple(Address(channel=channel, to=f"{name}@{channel}") for channel in channels)
    values = {"id": name, "body": HEALTH, "role": "duty_phone", "addresses": addresses, **more}
    return Contact.model_validate(values)


def item(number: int, statutory: bool = True, **more: Any) -> NoticeItem:
    values = {**sample("tasks"), "id": f"n{number}", "statutory": statutory}
    return NoticeItem(
        notice=f"n{number}",
        subject="tasks",
        statutory=statutory,
        queued_at=AT,
        values={"zh": values, "en": values},
        **more,
    )


def order(*items: NoticeItem, message: str = "m9", **more: Any) -> MessageOrder:
    return MessageOrder.model_validate(
        {
            "space": "incidents",
            "incident": "GQ-1",
            "message": message,
            "key": f"GQ-1:{message}",
            "recipient": HEALTH,
            "name": Text(zh="县卫生健康局", en="County Health Bureau"),
            "contacts": ("duty_phone", "duty_officer"),
            "items": items or (item(1), item(2)),
            "at": AT,
            **more,
        }
    )


@pytest.fixture(scope="module")
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    made = await open_pool(postgres.application_url, postgres.space)
    yield made
    made.terminate()


async def everything(_incident: str, notices: list[str]) -> list[str]:
    return notices


async def told(
    pool: Pool,
    channels: Mapping[str, Channel],
    *contacts: Contact,
    what: MessageOrder | None = None,
    attempt: int = 1,
    before: dict[str, str] | None = None,
    ask: notify.Ask = everything,
    links: Links | None = None,
    directory: Directory | None = None,
    passed: timedelta = timedelta(),
    tried: notify.Tried = notify._untold,
) -> MessageResult:
    """One attempt to send a message."""

    async def known() -> Directory:
        return directory or Directory(contacts=contacts)

    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        attempt=attempt,
        heartbeat_details=[before] if before else [],
        scheduled_time=datetime.now(UTC) - passed,
    )
    activity = Notify(pool, known, channels, ask, links, tried)
    result: MessageResult = await environment.run(activity.deliver_notice, what or order())
    return result


# --- everybody, each by one channel ---------------------------------------------------------


async def test_every_contact_is_told_by_the_first_of_its_channels(pool: Pool) -> None:
    mail, sms = Line("mail"), Line("sms")
    result = await told(
        pool, {"mail": mail, "sms": sms}, contact("a", "mail", "sms"), contact("b", "sms")
    )
    assert set(result.accepted) == {"inbox", "mail", "sms"}
    assert set(result.contacts) == {"a", "b"}
    assert [m.address for m in mail.took] == ["a@mail"]
    assert [m.address for m in sms.took] == ["b@sms"]
    assert not result.delivered
    assert not result.phone_only
    found = await inbox.list_messages(pool, incident="GQ-1")
    assert {m.key for m in found} == {"GQ-1:n1", "GQ-1:n2"}


async def test_a_different_channel_follows_one_that_failed(pool: Pool) -> None:
    sms = Line("sms", True)
    refusing = Line("mail", ChannelError("no such box", retryable=False))
    result = await told(pool, {"mail": refusing, "sms": sms}, contact("a", "mail", "sms"))
    assert result.contacts == ("a",)
    assert len(sms.took) == 1
    assert result.delivered, "as this provider says"
    assert result.failure is None


async def test_each_copy_has_the_key_of_its_contact_whatever_the_attempt(pool: Pool) -> None:
    mail = Line("mail")
    for attempt in (1, 2):
        await told(pool, {"mail": mail}, contact("a", "mail"), attempt=attempt)
    first, second = mail.took
    assert first.key == second.key == "GQ-1:m9:a"
    assert first == second, "the same bytes"


async def test_what_was_accepted_before_is_not_asked_again(pool: Pool) -> None:
    mail = Line("mail")
    result = await told(
        pool,
        {"mail": mail},
        contact("a", "mail"),
        contact("b", "mail"),
        attempt=2,
        before={"inbox": "inbox", "a": "mail"},
    )
    assert [m.contact for m in mail.took] == ["b"]
    assert set(result.contacts) == {"a", "b"}


# --- answered meanwhile ---------------------------------------------------------------------


async def test_what_has_been_answered_meanwhile_is_left_out(pool: Pool) -> None:
    async def second(_incident: str, notices: list[str]) -> list[str]:
        return [notice for notice in notices if notice == "n2"]

    mail = Line("mail")
    await told(pool, {"mail": mail}, contact("a", "mail"), ask=second)
    assert "通知n2" in mail.took[0].text.zh
    assert "通知n1" not in mail.took[0].text.zh


async def test_when_everything_has_been_answered_nothing_is_sent(pool: Pool) -> None:
    async def nothing(_incident: str, _notices: list[str]) -> list[str]:
        return []

    mail = Line("mail")
    result = await told(pool, {"mail": mail}, contact("a", "mail"), ask=nothing)
    assert result.withdrawn
    assert mail.asked == 0


async def test_an_answer_between_two_channels_stops_the_second(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "FRESH_SECONDS", 0.0)
    asked = 0

    async def then_nothing(_incident: str, notices: list[str]) -> list[str]:
        nonlocal asked
        asked += 1
        return notices if asked < 3 else []

    sms = Line("sms")
    await told(
        pool,
        {"mail": busy(), "sms": sms},
        contact("a", "mail", "sms"),
        ask=then_nothing,
        attempt=PATIENCE,
    )
    assert sms.asked == 0


# --- patience -------------------------------------------------------------------------------


async def test_who_may_be_reached_later_is_tried_again_but_not_for_ever(pool: Pool) -> None:
    mail = busy()
    with pytest.raises(ApplicationError, match="mail: busy") as again:
        await told(pool, {"mail": mail}, contact("a", "mail"))
    assert not again.value.non_retryable
    last = await told(pool, {"mail": mail}, contact("a", "mail"), attempt=PATIENCE)
    assert last.phone_only, "it falls to the telephone"
    assert last.accepted == ("inbox",)


async def test_one_contact_reached_does_not_end_the_trying_of_another(pool: Pool) -> None:
    sms = Line("sms")
    with pytest.raises(ApplicationError):
        await told(pool, {"mail": busy(), "sms": sms}, contact("a", "sms"), contact("b", "mail"))
    last = await told(
        pool,
        {"mail": busy(), "sms": sms},
        contact("a", "sms"),
        contact("b", "mail"),
        attempt=PATIENCE,
    )
    assert last.contacts == ("a",)
    assert not last.phone_only


async def test_who_has_nothing_but_a_telephone_is_telephoned_at_once(pool: Pool) -> None:
    result = await told(pool, {"mail": Line("mail")}, contact("a", "phone"))
    assert result.phone_only
    assert result.accepted == ("inbox",)


async def test_a_body_without_contacts_has_its_inbox_and_is_telephoned(pool: Pool) -> None:
    result = await told(pool, {"mail": Line("mail")})
    assert result == MessageResult(accepted=("inbox",), phone_only=True)


async def test_an_address_of_a_channel_that_is_not_configured_is_passed_over(pool: Pool) -> None:
    mail = Line("mail")
    result = await told(pool, {"mail": mail}, contact("a", "fax", "mail"))
    assert result.contacts == ("a",)
    only = await told(pool, {"mail": mail}, contact("a", "fax"))
    assert only.phone_only


async def test_a_silent_channel_is_cut_off(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.1)
    sms = Line("sms")
    result = await told(pool, {"mail": Line("mail", None), "sms": sms}, contact("a", "mail", "sms"))
    assert result.contacts == ("a",)


async def test_a_bug_in_one_channel_tells_its_type_and_silences_nobody(pool: Pool) -> None:
    broken = Line("mail", ZeroDivisionError("a@mail"))
    with pytest.raises(ApplicationError, match="mail: ZeroDivisionError") as again:
        await told(pool, {"mail": broken}, contact("a", "mail"))
    assert "a@mail" not in str(again.value)
    result = await told(pool, {"mail": broken, "sms": Line("sms")}, contact("a", "mail", "sms"))
    assert result.contacts == ("a",)


async def test_each_trial_is_kept_for_the_readiness_check(pool: Pool) -> None:
    kept: list[tuple[str, str, bool]] = []

    async def keep(who: str, channel: str, _at: datetime, ok: bool) -> None:
        kept.append((who, channel, ok))

    await told(
        pool,
        {"mail": busy(), "sms": Line("sms")},
        contact("a", "mail", "sms"),
        tried=keep,
    )
    assert kept == [("a", "mail", False), ("a", "sms", True)]


# --- who, and when --------------------------------------------------------------------------


def beijing(hour: int) -> datetime:
    return datetime(2026, 1, 31, hour, tzinfo=BEIJING).astimezone(UTC)


async def test_quiet_hours_hold_for_internal_notices_alone(pool: Pool) -> None:
    sleeper = contact("a", "mail", quiet_from=time(22), quiet_to=time(7))
    mail = Line("mail")
    quiet = order(item(1, statutory=False), message="m10", at=beijing(3))
    result = await told(pool, {"mail": mail}, sleeper, what=quiet)
    assert mail.took == []
    assert not result.phone_only, "nobody is to be woken by a call either"
    assert result.held_until == beijing(7)
    urgent = order(item(1, statutory=False), item(2), message="m11", at=beijing(3))
    assert (await told(pool, {"mail": mail}, sleeper, what=urgent)).contacts == ("a",)


async def test_the_shift_is_that_of_the_workflows_time_and_what_has_passed_since(
    pool: Pool,
) -> None:
    night, day = (contact(name, "mail", role="duty_officer") for name in ("night", "day"))
    roster = Directory(
        contacts=(night, day),
        shifts=(
            Shift(body=HEALTH, contact="night", starts=beijing(0), ends=beijing(8)),
            Shift(body=HEALTH, contact="day", starts=beijing(8), ends=beijing(16)),
        ),
    )
    mail = Line("mail")
    what = order(at=beijing(7))
    await told(pool, {"mail": mail}, what=what, directory=roster)
    await told(pool, {"mail": mail}, what=what, directory=roster, passed=timedelta(hours=2))
    assert [m.contact for m in mail.took] == ["night", "day"]


# --- what it says ---------------------------------------------------------------------------


async def test_it_lists_its_notices_and_has_links_of_its_contacts_own(pool: Pool) -> None:
    links = Links.of(b"secret", "https://yaoan.invalid/api/v1", timedelta(days=3))
    mail = Line("mail")
    await told(pool, {"mail": mail}, contact("a", "mail"), contact("b", "mail"), links=links)
    first, second = mail.took
    assert first.link
    assert first.link in first.text.zh
    assert first.link != second.link
    grant = links.read("acknowledge", first.link.rpartition("/")[2])
    assert (grant.about, grant.body, grant.contact) == (("n1", "n2"), HEALTH, "a")
    assert "2项通知" in first.title.zh
    assert first.delivered
    assert links.read("delivered", first.delivered.rpartition("/")[2]).about == ("n1", "n2")


async def test_a_template_that_fails_costs_no_notice(pool: Pool) -> None:
    broken = Template(title=Text(zh="{{ nobody }}", en="x"), text=Text(zh="x", en="x"))
    mail = Line("mail")
    what = order(item(7, template=broken), message="m12")
    result = await told(pool, {"mail": mail}, contact("a", "mail"), what=what)
    assert result.contacts == ("a",)
    assert "n7" in mail.took[0].text.zh
    assert "GQ-1" in mail.took[0].title.zh


async def test_a_drill_marks_everything_whatever_the_template_says(pool: Pool) -> None:
    plain = Template(title=Text(zh="标题", en="title"), text=Text(zh="内容", en="text"))
    mail = Line("mail")
    what = order(item(1, template=plain), layout=plain, space="drill", message="m13")
    await told(pool, {"mail": mail}, contact("a", "mail"), what=what)
    (sent,) = mail.took
    for part in (sent.title.zh, sent.title.en, sent.text.zh, sent.text.en):
        assert part.startswith("【演练】")


async def test_without_any_channel_only_the_inbox_is_told(pool: Pool) -> None:
    """A drill has none, whatever the directory holds."""
    result = await told(pool, {}, contact("a", "mail", "phone"))
    assert result == MessageResult(accepted=("inbox",))
