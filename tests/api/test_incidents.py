"""An incident over HTTP from the first report until it is closed, and what is refused."""

import asyncio
from typing import Any

import pytest

from tests.api.driver import SERIOUS, Api, key, refused
from tests.api.story import close, end, ordinary, proposal


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
