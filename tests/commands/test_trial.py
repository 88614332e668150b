"""A trial reaches every contact of the county that it may, whatever the channels do."""

from collections.abc import AsyncIterator

import pytest

from activities.channel import ChannelError
from commands import trial
from commands.database import CannotTell
from commands.trial import ours, try_contacts
from domain.directory import Address, Contact
from settings import Settings
from store.directory import load
from store.directory_changes import Hand, put_contacts
from store.pool import Pool, open_pool
from tests.activities.test_notify import Line
from tests.conftest import Clone
from tests.store.conftest import NOW
from tests.workflows.harness import PLAN

HEALTH, POLICE, CITY = "county-health", "county-police", "city-msa"


@pytest.fixture
async def pool(clone_database: Clone) -> AsyncIterator[Pool]:
    """A directory with a contact in two bodies of the county and in one above it."""
    database = await clone_database()
    opened = await open_pool(database.application_url, database.space)
    contacts = [
        Contact(
            id=f"c-{body}",
            body=body,
            role="duty_phone",
            addresses=tuple(
                Address(channel=channel, to=f"{body}@x") for channel in ("mail", "sms", "phone")
            ),
        )
        for body in (HEALTH, POLICE, CITY)
    ]
    await put_contacts(opened, contacts, Hand(at=NOW, seat="duty"))
    yield opened
    opened.terminate()


async def tried(pool: Pool, *lines: Line, bodies: tuple[str, ...] = ()) -> dict[str, str | None]:
    """Each trial by body and channel, with what was wrong."""
    channels = {line.name: line for line in lines}
    chosen = ours(PLAN, frozenset(bodies))
    found = await try_contacts(pool, Settings(), await load(pool), channels, chosen)
    return {f"{one.contact.body} {one.channel}": one.fault for one in found}


@pytest.mark.clause("6.4")
async def test_superiors_are_sent_no_trial(pool: Pool) -> None:
    mail = Line("mail")
    assert await tried(pool, mail) == {f"{HEALTH} mail": None, f"{POLICE} mail": None}
    assert {message.recipient for message in mail.took} == {HEALTH, POLICE}
    assert await tried(pool, mail, bodies=(HEALTH,)) == {f"{HEALTH} mail": None}


def test_whoever_names_a_body_that_may_not_be_tried_is_told_what_to_do() -> None:
    with pytest.raises(CannotTell, match="city-msa: not of the county, so no trial is sent"):
        ours(PLAN, frozenset({HEALTH, CITY}))
    with pytest.raises(CannotTell, match="the plan has no body county-a, county-b"):
        ours(PLAN, frozenset({"county-b", "county-a"}))


def test_every_body_of_the_county_is_tried_unless_some_are_named() -> None:
    tiers = {body.id: body.tier for body in PLAN.bodies}
    assert ours(PLAN, frozenset()) == {body for body, tier in tiers.items() if tier == "county"}
    assert ours(PLAN, frozenset({HEALTH})) == {HEALTH}


async def test_a_bug_in_a_channel_is_named_by_its_type_and_the_others_are_tried(
    pool: Pool,
) -> None:
    broken = Line("mail", ZeroDivisionError("a@b and the password"))
    refusing = Line("sms", ChannelError("the gateway answered 500", retryable=True))
    assert await tried(pool, broken, refusing) == {
        f"{HEALTH} mail": "ZeroDivisionError",
        f"{HEALTH} sms": "the gateway answered 500",
        f"{POLICE} mail": "ZeroDivisionError",
        f"{POLICE} sms": "the gateway answered 500",
    }
    assert [one.ok for one in (await load(pool)).trials] == [False] * 4


async def test_a_silent_channel_is_cut_off_and_the_others_are_tried(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SECONDS", 0.1)
    assert await tried(pool, Line("mail", None), Line("sms"), bodies=(HEALTH,)) == {
        f"{HEALTH} mail": "TimeoutError",
        f"{HEALTH} sms": None,
    }


async def test_a_telephone_is_tried_by_a_person(pool: Pool) -> None:
    assert await tried(pool, Line("phone")) == {}
