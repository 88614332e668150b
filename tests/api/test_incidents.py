"""An incident over HTTP from the first report until it is closed, and what can be read of it."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.api.driver import ORDINARY, SERIOUS, Api, key, refused
from tests.workflows.harness import PLAN


async def proposal(api: Api, incident: str) -> str:
    """The id of the newest proposal."""
    state = await api.state(incident)
    return str(list(state["proposals"])[-1])


async def ordinary(api: Api) -> str:
    """A level IV incident whose response has started."""
    incident = await api.open(findings=ORDINARY)
    await api.do(incident, "assess", {"decider": "county-msa", "reasons": "达到四级标准"})
    await api.do(
        incident,
        "propose-activation",
        {
            "decider": "command-office",
            "level": "IV",
            "area": "全县",
            "scope": "各医疗机构",
            "reasons": "达到IV级标准",
            "expected_duration": "约两周",
            "measures": "停用、封存、救治",
        },
    )
    await api.do(
        incident,
        "decide-activation",
        {
            "decider": "county-government",
            "decider_person": "分管副县长",
            "means": "phone",
            "proposal": await proposal(api, incident),
            "approve": True,
        },
    )
    return incident


async def end(api: Api, incident: str) -> None:
    """End the response of ``incident``, every condition met."""
    await api.do(
        incident,
        "propose-termination",
        {
            "decider": "command-office",
            "conditions": {
                condition.id: {"met": True, "by": "county-health", "text": "是"}
                for condition in PLAN.termination.conditions
            },
            "reasons": "条件均已具备",
        },
    )
    await api.do(
        incident,
        "decide-termination",
        {
            "decider": "county-government",
            "proposal": await proposal(api, incident),
            "approve": True,
        },
    )


async def close(api: Api, incident: str) -> None:
    """Settle everything and close ``incident``."""
    await api.do(
        incident,
        "submit-report",
        {
            "decider": "county-msa",
            "kind": "summary",
            "fields": {"origin": "污染"},
            "given": [
                {"recipient": body, "channel": "paper"}
                for body in ("county-government", "city-government-duty", "city-msa")
                if body in PLAN.body_by_id
            ],
        },
    )
    await api.do(
        incident,
        "determine-cause",
        {"decider": "county-msa", "cause": PLAN.causes[0].id, "conclusion": "药品被污染"},
    )
    state = await api.state(incident)
    for task in list(state["tasks"].values()):
        if task["status"] == "open":
            body = {"decider": task["owner"], "task": task["id"], "result": "已完成"}
            await api.do(incident, "complete-task", body)
    state = await api.state(incident)
    for clock in state["clocks"].values():
        if clock["status"] == "open" and clock["recipient"] and clock["owner"] != "reporter":
            report = next(r for r in state["reports"].values() if r["kind"] == "summary")
            await api.do(
                incident,
                "give-report",
                {
                    "decider": "county-msa",
                    "report": report["id"],
                    "delivery": {"recipient": clock["recipient"], "channel": "paper"},
                },
            )
            state = await api.state(incident)
    await api.do(incident, "close", {"decider": "command-office", "text": "各项工作办结"})


@pytest.fixture(scope="module")
async def responding(api: Api) -> str:
    """A level IV incident under response, shared by those that only read."""
    return await ordinary(api)


@pytest.mark.clause("4.6.1", "4.6.4", "5.3")
async def test_an_ordinary_incident_goes_from_report_to_closed_and_is_reopened(api: Api) -> None:
    incident = await ordinary(api)
    state = await api.state(incident)
    assert (state["phase"], state["level"], state["response_level"]) == ("responding", "IV", "IV")
    await end(api, incident)
    assert (await api.state(incident))["phase"] == "aftermath"
    await close(api, incident)
    assert (await api.state(incident))["phase"] == "closed"
    # Its workflow ends; what comes later takes it up again from the record.
    handle = (await api.app.state.space.temporal.client()).get_workflow_handle(incident)
    await asyncio.wait_for(handle.result(), 20)
    refused(
        await api.post(f"/incidents/{incident}/verify", {"outcome": "pending", "text": "x"}),
        409,
        "ended",
    )
    answer = await api.do(
        incident, "reopen", {"decider": "command-office", "reason": "出现新的类似病例"}
    )
    assert answer["status"] == "done"
    assert (await api.state(incident))["phase"] in ("aftermath", "early_handling", "responding")


@pytest.mark.clause("4.4", "附件1")
async def test_a_serious_incident_runs_under_a_superiors_order(api: Api) -> None:
    incident = await api.open(findings=SERIOUS)
    await api.do(incident, "assess", {"decider": "county-msa", "reasons": "3人死亡，有类似病例"})
    assert (await api.state(incident))["level"] == "II"
    problem = refused(
        await api.post(
            f"/incidents/{incident}/propose-activation",
            {
                "decider": "command-office",
                "level": "II",
                "area": "全县",
                "scope": "全县",
                "reasons": "x",
                "expected_duration": "x",
                "measures": "x",
            },
        ),
        403,
        "superior_leads",
    )
    assert problem["clause"] == "4.4"
    body = {
        "decider": "province-command",
        "means": "phone",
        "kind": "start",
        "level": "II",
        "text": "启动II级应急响应",
        "daily_hour": 16,
    }
    await api.do(incident, "record-order", body)
    state = await api.state(incident)
    assert state["response_level"] == "II"
    assert state["daily_hour"] == 16


# --- commands ---


async def test_a_command_carries_who_decided_who_recorded_how_and_when(api: Api) -> None:
    incident = await api.open()
    done = await api.do(
        incident,
        "verify",
        {
            "decider": "county-msa",
            "decider_person": "局负责同志",
            "means": "phone",
            "outcome": "pending",
            "text": "待核实",
        },
        headers={"X-Person": "%E7%8E%8B%E4%BA%94"},
    )
    events = (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).json()["items"]
    event = next(e for e in events if e["seq"] == done["receipt"]["first"])
    by = event["by"]
    assert (by["decider"], by["decider_person"]) == ("county-msa", "局负责同志")
    assert (by["recorder"], by["recorder_person"]) == ("duty", "王五")
    assert by["means"] == "phone"
    assert event["clause"] == "3.2.2(2)"
    assert event["occurred"] == event["received"] <= event["recorded"]


async def test_the_same_command_again_changes_nothing(api: Api) -> None:
    incident, again = await api.open(), key()
    body = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}
    first = await api.do(incident, "verify", body, key=again)
    second = await api.do(incident, "verify", body, key=again)
    assert second == first
    other = {**body, "text": "已核实", "outcome": "confirmed"}
    refused(
        await api.post(f"/incidents/{incident}/verify", other, key=again), 409, "request_reused"
    )
    refused(
        await api.post(f"/incidents/{incident}/dismiss", {"reasons": "x"}, key=again),
        409,
        "request_reused",
    )


async def test_a_handled_request_can_be_asked_for(api: Api) -> None:
    incident, again = await api.open(), key()
    done = await api.do(
        incident,
        "verify",
        {"decider": "county-msa", "outcome": "pending", "text": "待核实"},
        key=again,
    )
    found = (await api.get(f"/incidents/{incident}/requests/{again}")).json()
    assert (found["status"], found["receipt"]) == ("done", done["receipt"])
    refused(await api.get(f"/incidents/{incident}/requests/never-sent"), 404, "no_request")


@pytest.mark.clause("4.6.1", "2.1.1(4)")
@pytest.mark.parametrize(
    ("seat", "command", "body", "status", "code", "clause"),
    [
        ("duty", "assess", {"reasons": "x"}, 403, "no_authority", "3.2.2(2)"),
        ("county-health", "verify", {"outcome": "pending", "text": "x"}, 403, "no_authority", "3"),
        (
            "county-health",
            "verify",
            {"decider": "county-msa", "outcome": "pending", "text": "x"},
            403,
            "not_on_behalf",
            "2.1.1(4)",
        ),
        ("observer", "dismiss", {"reasons": "x"}, 403, "seat_reads_only", "2.1.1(4)"),
        ("duty", "sign-report", {"decider": "county-msa", "report": "r99"}, 422, "unknown_", None),
        ("duty", "assess", {"decider": "nobody", "reasons": "x"}, 422, "unknown_body", None),
        (
            "duty",
            "verify",
            {
                "decider": "county-msa",
                "outcome": "pending",
                "text": "x",
                "occurred_at": "2199-01-01T00:00:00+08:00",
            },
            422,
            "in_the_future",
            None,
        ),
        (
            "duty",
            "verify",
            {
                "decider": "county-msa",
                "outcome": "pending",
                "text": "x",
                "occurred_at": "2026-01-01T00:00:00+08:00",
            },
            422,
            "late_reason_missing",
            None,
        ),
        (
            "duty",
            "verify",
            {"decider": "county-msa", "outcome": "pending", "text": "联系电话13912345678"},
            422,
            "personal_data",
            "突发事件应对法 83",
        ),
        (
            "duty",
            "decide-termination",
            {"decider": "county-government", "proposal": "p1", "approve": True},
            None,
            None,
            None,
        ),
        ("duty", "reopen", {"decider": "command-office", "reason": "x"}, 409, "", None),
    ],
)
async def test_a_refusal_names_its_clause_and_is_kept(
    api: Api,
    responding: str,
    seat: str,
    command: str,
    body: dict[str, Any],
    status: int | None,
    code: str | None,
    clause: str | None,
) -> None:
    answer = await api.post(f"/incidents/{responding}/{command}", body, seat, key=(mine := key()))
    found = answer.json()
    assert status in (None, answer.status_code), answer.text
    assert answer.status_code in (403, 409, 422)
    assert found["code"].startswith(code or "")
    assert found["clause"].startswith(clause or "")
    kept = (await api.get("/audit/refusals", params={"incident": responding})).json()[0]
    assert kept["request_id"] == mine
    assert (kept["seat"], kept["code"], kept["clause"]) == (seat, found["code"], found["clause"])
    assert kept["command"] == command.replace("-", "_")
    assert kept["message"]["zh"] == found["detail"]


@pytest.mark.clause("4.7.2")
async def test_nothing_is_published_without_authority(api: Api, responding: str) -> None:
    await api.do(
        responding,
        "propose-release",
        {"decider": "command-office", "title": "通报", "text": "情况稳定", "channel": "网站"},
    )
    body = {
        "decider": "county-publicity",
        "proposal": await proposal(api, responding),
        "channel": "网站",
    }
    for decider in ("county-publicity", "county-government"):
        answer = await api.post(
            f"/incidents/{responding}/publish-release", {**body, "decider": decider}
        )
        assert answer.status_code in (403, 409), answer.text
        assert "4.7" in answer.json()["clause"]


async def test_a_merge_takes_a_number_as_it_was_heard(api: Api) -> None:
    one, other = await api.open(), await api.open()
    body = {"decider": "county-msa", "into": other.lower().replace("-", ""), "reasons": "同一起"}
    await api.do(one, "merge", body)
    for _ in range(100):
        if (await api.state(one))["phase"] == "merged":
            break
        await asyncio.sleep(0.1)
    assert (await api.state(one))["merged_into"] == other
    assert one in (await api.state(other))["merged_from"]
    body["into"] = "12345"
    refused(await api.post(f"/incidents/{other}/merge", body), 404, "not_a_number")


# --- reading ---


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
