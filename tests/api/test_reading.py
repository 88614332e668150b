"""What can be read of incidents, of the plan, and of one's own inbox."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.api.driver import ORDINARY, Api, refused
from tests.api.story import ordinary
from tests.workflows.harness import PLAN


@pytest.fixture(scope="module")
async def responding(api: Api) -> str:
    """A level IV incident under response, shared by those that only read."""
    return await ordinary(api)


async def test_lists_filter_and_page(api: Api) -> None:
    place = "分页镇卫生院"
    opened = {await api.open(place=place) for _ in range(5)}
    seen: list[str] = []
    params: dict[str, Any] = {"q": place, "limit": 2, "order": "newest"}
    for _ in itertools.count():
        page = (await api.get("/incidents", params=params)).json()
        seen.extend(item["incident"] for item in page["items"])
        if page["cursor"] is None:
            break
        params["cursor"] = page["cursor"]
    assert len(seen) == 5
    assert set(seen) == opened
    none = await api.get("/incidents", params={"q": place, "phase": "closed"})
    assert none.json()["items"] == []
    late = await api.open(place=place, learned_at="2026-01-01T08:00:00+08:00")
    found = await api.get("/incidents", params={"q": place, "overdue": True})
    assert [item["incident"] for item in found.json()["items"]] == [late]
    heard = {"q": late.lower().replace("-", " ").replace("0", "o")}
    found = await api.get("/incidents", params=heard)
    assert [item["incident"] for item in found.json()["items"]] == [late]
    refused(await api.get("/incidents", params={"cursor": "x"}), 422, "bad_cursor")
    refused(await api.get("/incidents", params={"limit": 201}), 422, "malformed")


async def test_one_incident_says_where_it_stands(api: Api, responding: str) -> None:
    answer = await api.get(f"/incidents/{responding}")
    shown = answer.json()
    assert shown["phase"] == "responding"
    assert shown["next"]["name"]["zh"]
    assert not shown["next"]["overdue"]
    assert "county-msa" in shown["waiting_for"]
    assert shown["state"]["handled"] == {}
    same = await api.get(
        f"/incidents/{responding}", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert same.status_code == 304
    assert same.headers["ETag"] == answer.headers["ETag"]


async def test_clocks_carry_clause_label_and_reading(api: Api, responding: str) -> None:
    clocks = (await api.get(f"/incidents/{responding}/clocks", params={"status": "open"})).json()
    assert clocks == sorted(clocks, key=lambda clock: (clock["due"], clock["id"]))
    assert {clock["kind"] for clock in clocks} == {"statutory", "internal"}
    assert all(clock["clause"] and clock["name"]["zh"] for clock in clocks)
    assert any(clock["pending_reading"] for clock in clocks)


async def test_tasks_carry_their_text(api: Api, responding: str) -> None:
    tasks = (await api.get(f"/incidents/{responding}/tasks")).json()
    assert tasks
    assert all(task["text"]["zh"] for task in tasks)
    owner = tasks[0]["owner"]
    own = (await api.get(f"/incidents/{responding}/tasks", params={"owner": owner})).json()
    assert {task["owner"] for task in own} == {owner}


async def test_the_record_can_be_paged_and_verifies(api: Api, responding: str) -> None:
    events: list[dict[str, Any]] = []
    after = 0
    while True:
        page = (
            await api.get(f"/incidents/{responding}/events", params={"after": after, "limit": 7})
        ).json()
        events.extend(page["items"])
        if page["after"] is None:
            break
        after = page["after"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(b["prev"] == a["hash"] for a, b in itertools.pairwise(events))


async def test_a_read_waits_for_its_own_write_and_not_for_ever(api: Api, responding: str) -> None:
    problem = refused(
        await api.get(f"/incidents/{responding}", params={"min_seq": 1_000_000}),
        503,
        "not_yet_journaled",
    )
    assert problem["status"] == 503


async def test_a_body_finds_its_notices_and_acknowledges_one(api: Api) -> None:
    incident = await api.open()
    for _ in range(100):
        inbox = (await api.get("/inbox", "county-msa")).json()["items"]
        mine = [item for item in inbox if item["incident"] == incident]
        if mine:
            break
        await asyncio.sleep(0.1)
    assert mine[0]["title"]["zh"]
    above = (await api.get("/inbox", "duty", params={"body": "county-msa"})).json()["items"]
    assert mine[0]["id"] in {item["id"] for item in above}, "the duty room reads its bureau's"
    refused(await api.get("/inbox", "duty", params={"body": "county-health"}), 403, "not_ours")
    read = await api.post(f"/inbox/{mine[0]['id']}/read", seat="county-msa")
    assert read.status_code == 204
    unread = (await api.get("/inbox", "county-msa", params={"unread": True})).json()["items"]
    assert mine[0]["id"] not in {item["id"] for item in unread}
    refused(await api.post(f"/inbox/{mine[0]['id']}/read", seat="county-health"), 404, "not_found")
    await api.do(incident, "acknowledge-notice", {"notice": mine[0]["notice"]}, "county-msa")
    notices = (await api.get(f"/incidents/{incident}/notices")).json()
    found = next(notice for notice in notices if notice["id"] == mine[0]["notice"])
    assert found["acknowledged_by"] is not None


async def test_the_plan_can_be_read(api: Api) -> None:
    answer = await api.get("/plan", "observer")
    assert answer.json()["id"] == PLAN.id
    same = await api.get("/plan", headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    readings = (await api.get("/plan/readings")).json()
    assert all(reading["pending"] for reading in readings if reading["confirmed_by"] is None)
    assert len((await api.get("/bodies")).json()) == len(PLAN.bodies)
    assert len((await api.get("/seats")).json()) == len(PLAN.seats)
    assert (await api.get("/me", "county-health")).json()["seat"]["id"] == "county-health"


@pytest.mark.clause("附件1")
async def test_grading_creates_nothing(api: Api) -> None:
    before = (await api.get("/incidents")).json()["items"]
    answer = await api.post("/grade", {**ORDINARY, "short_term": None, "similar_cases": None})
    assert (answer.json()["level"], answer.json()["candidate"]) == ("IV", "IV")
    assert answer.json()["lines"]
    for wrong, field in (
        ({"deaths": 3, "severe": 1}, "severe"),
        ({"affected": -1}, "affected"),
        ({"afected": 1}, "afected"),
        ({"judged_level": "V"}, "judged_level"),
    ):
        problem = refused(await api.post("/grade", wrong), 422, "malformed")
        assert field in problem["detail"]
    assert len((await api.get("/incidents")).json()["items"]) == len(before)
