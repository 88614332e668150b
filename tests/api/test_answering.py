"""Answering a notice without an account, keying in a call, and what a forged link gets."""

import asyncio
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from api.space import Space
from domain.base import BEIJING
from domain.directory import Address, Contact
from store.directory_changes import Hand, put_contacts
from store.links import Grant, Links
from store.pool import Pool
from tests.activities.conftest import Postbox, postbox
from tests.api.driver import Api, refused
from tests.workflows.harness import directory_of, working

__all__ = ["postbox"]

HEALTH = "county-health"


def space_of(api: Api) -> Space:
    space: Space = api.app.state.space
    return space


def link(api: Api, incident: str, *notices: str, body: str = HEALTH, **changes: Any) -> str:
    """A link as a message holds it, as a path."""
    links: Links = space_of(api).links()
    now = changes.pop("at", space_of(api).now())
    purpose = changes.pop("purpose", "acknowledge")
    url = links.url(
        purpose, changes.pop("space", "incidents"), incident, notices, body, now, **changes
    )
    return url.removeprefix(links.base)


async def notices(api: Api, incident: str, body: str = HEALTH) -> list[str]:
    state = await api.state(incident)
    return [key for key, n in state["notices"].items() if n["recipient"] == body]


async def answer(api: Api, path: str, notice: str, **fields: str) -> httpx.Response:
    """Press a button on the page behind a link."""
    form = {"notice": notice, "action": "acknowledge", **fields}
    return await api.client.post(f"/api/v1{path}", data=form, follow_redirects=True)


async def known(api: Api, incident: str, notice: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api.state(incident))["notices"][notice]
    return found


# --- the link -------------------------------------------------------------------------------


@pytest.mark.clause("2.1.1(3)")
async def test_opening_a_link_answers_nothing_and_pressing_its_button_does(api: Api) -> None:
    """Scanners of mail open every link."""
    incident = await api.open()
    first, second, *_ = await notices(api, incident)
    path = link(api, incident, first, second)

    for method in ("GET", "HEAD"):
        await api.client.request(method, f"/api/v1{path}")
    page = await api.client.get(f"/api/v1{path}")
    assert page.status_code == 200
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "县卫生健康局" in page.text
    assert (await known(api, incident, first))["acknowledged_at"] is None

    after = await answer(api, path, first, name="王科长")
    assert after.status_code == 200
    assert "已签收" in after.text
    answered = await known(api, incident, first)
    assert answered["acknowledged_by"] == HEALTH
    assert (await known(api, incident, second))["acknowledged_at"] is None, "each its own"


async def test_who_answered_and_how_is_on_record(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    await answer(api, link(api, incident, first), first, name="王科长")

    events = (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).json()
    (event,) = [e for e in events["items"] if e["type"] == "notice.acknowledged"]
    assert event["by"]["decider"] == HEALTH
    assert event["by"]["recorder"] == HEALTH
    assert event["by"]["decider_person"] == "王科长"
    assert event["by"]["means"] == "link"


async def test_a_button_pressed_twice_is_one_answer(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    path = link(api, incident, first)
    for _ in range(2):
        assert (await answer(api, path, first)).status_code == 200
    assert (await answer(api, path, first, name="另一人")).status_code == 200
    events = (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).json()
    assert [e["type"] for e in events["items"]].count("notice.acknowledged") == 1


@pytest.mark.clause("2.1.1(3)")
async def test_a_refusal_asks_for_its_reason_and_goes_to_the_office(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    path = link(api, incident, first)

    bare = await answer(api, path, first, action="refuse")
    assert bare.status_code == 422
    assert "退回通知须说明理由" in bare.text
    full = await answer(api, path, first, action="refuse", comment="非本单位职责")
    assert "已退回" in full.text
    office = await notices(api, incident, "command-office")
    assert "refused" in [(await known(api, incident, n))["subject"] for n in office]


async def test_what_is_written_in_an_answer_is_searched_for_personal_data(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    said = "患者13800138000不在我院"
    page = await answer(api, link(api, incident, first), first, action="refuse", comment=said)
    assert page.status_code == 422
    assert "个人信息" in page.text


async def test_a_link_that_was_changed_or_cut_off_opens_nothing(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    path = link(api, incident, first)
    foreign = Links(b"another key", "", timedelta(days=1))
    grant = Grant(
        purpose="acknowledge",
        space="incidents",
        incident=incident,
        about=(first,),
        body=HEALTH,
        until=space_of(api).now() + timedelta(days=1),
    )
    for wrong in (
        path[:-4],
        # Within the signature; the last sign of it has bits that mean nothing.
        path[:-9] + ("A" if path[-9] != "A" else "B") + path[-8:],
        "/acknowledge/x",
        f"/acknowledge/{foreign.token(grant)}",
        link(api, incident, first, space="drill"),
        link(api, incident, first, purpose="delivered").replace("/delivered/", "/acknowledge/"),
    ):
        refused(await api.client.get(f"/api/v1{wrong}"), 404, "no_link")
        posted = await api.client.post(
            f"/api/v1{wrong}", data={"notice": first, "action": "acknowledge"}
        )
        refused(posted, 404, "no_link")
    assert (await known(api, incident, first))["acknowledged_at"] is None


async def test_a_link_answers_for_its_own_notices_alone(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    (other, *_) = await notices(api, incident, "county-msa")
    posted = await answer(api, link(api, incident, first), other)
    refused(posted, 404, "no_link")
    assert (await known(api, incident, other))["acknowledged_at"] is None


async def test_an_expired_link_says_what_to_do_instead(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    old = link(api, incident, first, at=space_of(api).now() - timedelta(days=3, seconds=1))
    body = refused(await api.client.get(f"/api/v1{old}"), 410, "link_expired")
    assert "电话" in body["detail"]
    refused(await answer(api, old, first), 410, "link_expired")


async def test_the_link_in_a_mail_is_the_one_that_works(
    api: Api, temporal_client: Client, pool: Pool, postbox: Postbox
) -> None:
    settings = space_of(api).settings
    queue = settings.task_queue
    people = directory_of({HEALTH: {"duty_phone": "duty@health.invalid"}})
    mail: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": postbox.port}
    async with working(
        temporal_client,
        pool,
        f"{queue}-mail",
        directory=people,
        data_dir=settings.data_dir,
        **mail,
    ):
        space = space_of(api)
        object.__setattr__(
            space, "settings", settings.model_copy(update={"task_queue": f"{queue}-mail"})
        )
        try:
            incident = await api.open()
            for _ in range(200):
                if postbox.mails:
                    break
                await api.on_record(incident, 1)
        finally:
            object.__setattr__(space, "settings", settings)
        (received,) = postbox.mails
        found = re.search(r"http://\S+/acknowledge/\S+", received.get_content())
        assert found
        path = found.group().removeprefix(settings.link_base)
        (first, *_) = await notices(api, incident)
        assert "已签收" in (await answer(api, path, first)).text


# --- delivered ------------------------------------------------------------------------------


async def test_a_provider_tells_that_it_delivered_and_the_notice_stays_unanswered(
    api: Api,
) -> None:
    incident = await api.open()
    first, second, *_ = await notices(api, incident)
    path = link(api, incident, first, second, purpose="delivered")
    for _ in range(2):
        answered = await api.client.post(f"/api/v1{path}")
        assert answered.status_code == 204, answer
    for _ in range(100):
        found = await known(api, incident, first)
        if found["delivered_at"]:
            break
    assert found["delivered_at"]
    assert found["acknowledged_at"] is None
    refused(await api.client.post(f"/api/v1{path[:-3]}"), 404, "no_link")


async def test_opening_it_in_the_inbox_delivers_it(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    items = (await api.get("/inbox", seat=HEALTH)).json()["items"]
    (message,) = [i["id"] for i in items if i["incident"] == incident and i["notice"] == first]
    assert (await api.post(f"/inbox/{message}/read", seat=HEALTH)).status_code == 204
    for _ in range(100):
        if (found := await known(api, incident, first))["delivered_at"]:
            break
    assert found["delivered_at"]
    assert found["acknowledged_at"] is None


# --- on behalf, and stopped -----------------------------------------------------------------


@pytest.mark.clause("2.1.1(3)")
async def test_the_duty_officer_answers_for_another_with_the_reason(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    body = {"notice": first, "decider": HEALTH, "means": "message"}
    bare = await api.post(f"/incidents/{incident}/acknowledge-notice", body)
    refused(bare, 422, "comment_missing")
    await api.do(incident, "acknowledge-notice", {**body, "comment": "微信群回复“收到”，有截图"})
    assert (await known(api, incident, first))["acknowledged_by"] == HEALTH


@pytest.mark.clause("2.1.1(2)")
async def test_stopping_is_for_who_leads_and_is_on_record(api: Api) -> None:
    incident = await api.open()
    (first, *_) = await notices(api, incident)
    body = {"notice": first, "reason": "已当面告知"}
    theirs = await api.post(f"/incidents/{incident}/stop-notice", body, HEALTH)
    assert refused(theirs, 403, "no_authority")["clause"] == "2.1.1(2)"
    await api.do(incident, "stop-notice", body, "command-office")
    assert (await known(api, incident, first))["ended"] == "stopped"


# --- the call sheet -------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def numbered(api: Api, pool: Pool) -> Api:
    """The API with a telephone number for the city's regulator."""
    contact = Contact(
        id="city-msa-duty",
        body="city-msa",
        role="duty_phone",
        name="市局值班室",
        addresses=(Address(channel="phone", to="0533-2770000"),),
    )
    room = contact.model_copy(
        update={
            "id": "government-room",
            "body": "county-government-duty",
            "name": None,
            "addresses": (Address(channel="phone", to="0533-6960000"),),
        }
    )
    await put_contacts(pool, [contact, room], Hand(at=space_of(api).now(), seat="duty"))
    async with asyncio.timeout(20):
        # What is held of the directory may be a few seconds old.
        while (await space_of(api).directory()).find(contact.id) is None:
            await asyncio.sleep(0.1)
    return api


@pytest.mark.clause("3.2.4")
async def test_a_call_is_keyed_in_on_the_call_sheet_with_two_touches(numbered: Api) -> None:
    """Who answered is chosen, then the button pressed: the report is given, its duties met."""
    incident = await numbered.open()
    sheet = await numbered.get(f"/incidents/{incident}/call-sheet")
    assert "0533-2770000" in sheet.text
    assert "0533-6960000" in sheet.text, "the government is called in its duty room"
    rows = sheet.text.split("<tr")
    (row,) = [r for r in rows if "0533-2770000" in r]
    action = re.search(r'action="([^"]+)"', row)
    at = re.search(r'name="at" value="([^"]+)"', row)
    who = re.search(r'name="taken_by" value="([^"]+)"', row)
    assert action
    assert at
    assert who
    form = {"at": at.group(1), "taken_by": who.group(1), "action": "answered"}

    for _ in range(2):
        done = await numbered.client.post(action.group(1), data=form)
        assert done.status_code == 303, done.text
    after = await numbered.get(done.headers["Location"])
    assert "0533-2770000" not in after.text, "nothing is owed to the city any more"

    state = await numbered.state(incident)
    (report,) = state["reports"].values()
    assert [(g["recipient"], g["taken_by"]) for g in report["given"]] == [
        ("city-msa", "值班电话 市局值班室")
    ]
    clock = state["clocks"]["report-2h/city-msa"]
    assert (clock["status"], clock["verdict"]) == ("met", "on_time")


async def test_the_form_of_a_call_sheet_is_of_no_use_to_another_page(numbered: Api) -> None:
    """Nothing that a browser sends along by itself keys in a call; the form's own token does."""
    incident = await numbered.open()
    form = {"at": "now", "taken_by": "某人", "action": "answered"}
    posted = await numbered.client.post(
        "/api/v1/call/guessed", data=form, headers=numbered.headers("duty")
    )
    refused(posted, 404, "no_link")
    links = replace(space_of(numbered).links(), lifetime=timedelta(0))
    grant = Grant(
        purpose="call",
        space="incidents",
        incident=incident,
        body="city-msa",
        seat="duty",
        until=space_of(numbered).now(),
    )
    late = await numbered.client.post(f"/api/v1/call/{links.token(grant)}", data=form)
    refused(late, 410, "link_expired")


@pytest.mark.parametrize("seat", ["observer", HEALTH, "administrator"])
async def test_who_may_not_report_by_telephone_gets_boxes_and_no_forms(
    numbered: Api, seat: str
) -> None:
    incident = await numbered.open()
    sheet = await numbered.get(f"/incidents/{incident}/call-sheet", seat=seat)
    assert sheet.status_code == 200
    assert "<form" not in sheet.text


@pytest.mark.clause("3.2.4")
async def test_a_call_that_was_made_earlier_is_keyed_in_with_its_time(numbered: Api) -> None:
    incident = await numbered.open()
    sheet = await numbered.get(
        f"/incidents/{incident}/call-sheet", headers={"X-Person": "%E7%8E%8B%E4%BA%94"}
    )
    (row,) = [r for r in sheet.text.split("<tr") if "0533-2770000" in r]
    action = re.search(r'action="([^"]+)"', row)
    assert action
    earlier = space_of(numbered).now() - timedelta(minutes=7)
    form = {
        "at": "x",
        "other": "值班员李某",
        "action": "answered",
        "when": earlier.astimezone(BEIJING).strftime("%H:%M"),
    }
    done = await numbered.client.post(action.group(1), data=form)
    assert done.status_code == 303, done.text
    await numbered.get(done.headers["Location"])
    state = await numbered.state(incident)
    (report,) = state["reports"].values()
    given = datetime.fromisoformat(report["given"][0]["at"])
    assert given == earlier.replace(second=0, microsecond=0)
    events = (await numbered.get(f"/incidents/{incident}/events", params={"limit": 200})).json()
    (made,) = [e for e in events["items"] if e["type"] == "call.made"]
    assert made["by"]["recorder_person"] == "王五"
    assert made["by"]["late_reason"]


async def test_a_call_answers_what_its_page_showed_and_nothing_newer(numbered: Api) -> None:
    incident = await numbered.open()
    shown = await notices(numbered, incident)
    grant = Grant(
        purpose="call",
        space="incidents",
        incident=incident,
        about=tuple(shown[:1]),
        body=HEALTH,
        seat="duty",
        until=space_of(numbered).now() + timedelta(hours=1),
    )
    token = space_of(numbered).links().token(grant)
    form = {"at": "x", "other": "值班员", "action": "answered"}
    done = await numbered.client.post(f"/api/v1/call/{token}", data=form)
    await numbered.get(done.headers["Location"])
    assert (await known(numbered, incident, shown[0]))["acknowledged_at"]
    assert (await known(numbered, incident, shown[1]))["acknowledged_at"] is None
