"""Who gets in, and what each seat sees."""

import base64
import hashlib
from datetime import UTC, datetime

import pytest

from store import credentials
from store.pool import Pool
from tests.api.driver import REPORT, Api, refused


async def signed(api: Api) -> str:
    """An incident with a report that names people who took and signed it."""
    incident = await api.open(caller={"kind": "hospital", "name": "来电护士", "number": "0533-1"})
    await api.do(
        incident,
        "submit-report",
        {
            "decider": "county-msa",
            "decider_person": "值班人员",
            "kind": "initial",
            "fields": {"drug": "刺五加注射液"},
            "given": [{"recipient": "city-msa", "channel": "phone", "taken_by": "市局接报人"}],
        },
    )
    report = next(iter((await api.state(incident))["reports"]))
    await api.do(
        incident,
        "sign-report",
        {"decider": "county-msa", "decider_person": "签发领导", "report": report},
    )
    return incident


# --- tokens ---


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer \xe4\xb8"},
    ],
)
async def test_without_a_token_nothing_is_told(api: Api, headers: dict[str, str]) -> None:
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in ("/incidents", "/plan", "/me", "/stream", "/inbox", "/audit/refusals"):
        answer = await api.client.get(f"/api/v1{path}", headers=sent)
        refused(answer, 401, "not_authenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    answer = await api.client.post("/api/v1/incidents", headers=sent, json=REPORT)
    refused(answer, 401, "not_authenticated")


async def test_a_new_token_works_at_once_and_a_revoked_one_no_more(api: Api, pool: Pool) -> None:
    token = "a-token-made-just-now"
    digest = hashlib.sha256(token.encode()).hexdigest()
    await credentials.put_digests(pool, [(digest, "duty", "duty")])
    tokens = api.app.state.space.tokens
    headers = {"Authorization": f"Bearer {token}"}
    tokens._looked = -1e9
    assert (await api.client.get("/api/v1/me", headers=headers)).status_code == 200
    await credentials.revoke(pool, [digest], datetime.now(UTC))
    await tokens.refresh()
    refused(await api.client.get("/api/v1/me", headers=headers), 401, "not_authenticated")


async def test_the_copy_of_the_tokens_holds_digests_for_its_owner_alone(api: Api) -> None:
    copy = api.app.state.space.settings.data_dir / "tokens-incidents.json"
    assert copy.stat().st_mode & 0o077 == 0
    text = copy.read_text()
    assert hashlib.sha256(api.tokens["duty"].encode()).hexdigest() in text
    assert api.tokens["duty"] not in text


async def test_a_browser_may_give_the_token_as_a_password_for_pages_alone(api: Api) -> None:
    incident = await api.open()
    secret = base64.b64encode(f"duty:{api.tokens['duty']}".encode()).decode()
    basic = {"Authorization": f"Basic {secret}"}
    sheet = f"/api/v1/incidents/{incident}/call-sheet"
    asked = await api.client.get(sheet)
    assert asked.headers["WWW-Authenticate"].startswith("Basic")
    assert (await api.client.get(sheet, headers=basic)).status_code == 200
    for path in (f"/api/v1/incidents/{incident}", "/api/v1/me"):
        refused(await api.client.get(path, headers=basic), 401, "not_authenticated")
    answer = await api.client.post("/api/v1/incidents", headers=basic, json=REPORT)
    refused(answer, 401, "not_authenticated")


@pytest.mark.parametrize("person", ["%00", "a" * 101, "a%0ab"])
async def test_a_person_is_a_name(api: Api, person: str) -> None:
    answer = await api.get("/me", headers={"X-Person": person})
    refused(answer, 422, "bad_person")


# --- what is seen ---


@pytest.mark.clause("3.2.1")
async def test_a_reporter_sees_what_it_reported_and_nothing_else(api: Api) -> None:
    theirs, other = await api.open("reporter"), await signed(api)
    listed = (await api.get("/incidents", "reporter", params={"limit": 200})).json()["items"]
    assert theirs in {item["incident"] for item in listed}
    assert other not in {item["incident"] for item in listed}
    state = await api.state(theirs, "reporter")
    assert state["facts"]["drug"] == "刺五加注射液"
    assert {clock["owner"] for clock in state["clocks"].values()} <= {"reporter"}
    assert state["tasks"] == state["reports"] == state["proposals"] == {}
    for path in ("", "/clocks", "/tasks", "/notices", "/reports", "/call-sheet", "/events"):
        refused(await api.get(f"/incidents/{other}{path}", "reporter"), 404, "no_incident")
    for path in ("/events", "/reports", "/call-sheet"):
        refused(await api.get(f"/incidents/{theirs}{path}", "reporter"), 403, "reads_own_report")
    refused(
        await api.post(f"/incidents/{other}/acknowledge-notice", {"notice": "n1"}, "reporter"),
        404,
        "no_incident",
    )


NAMES = ("市局接报人", "签发领导", "值班人员")


async def test_an_observer_sees_no_names(api: Api) -> None:
    incident = await signed(api)
    for path in ("", "/events", "/reports", "/clocks", "/notices", "/reports/1", "/call-sheet"):
        seen = (await api.get(f"/incidents/{incident}{path}", "observer")).text
        known = (await api.get(f"/incidents/{incident}{path}", "command-office")).text
        assert len(seen) > 100
        assert not any(name in seen for name in NAMES), path
        assert ("/events" not in path and path != "/reports") or any(n in known for n in NAMES)
    state = await api.state(incident, "observer")
    assert state["caller"]["person"] is None
    assert state["persons"] == {}
    assert (await api.state(incident, "duty"))["caller"]["person"].startswith("p-")


async def test_only_some_seats_read_the_audit(api: Api) -> None:
    for seat in ("duty", "command-office", "administrator"):
        assert (await api.get("/audit/refusals", seat)).status_code == 200
        assert (await api.get("/audit/readings", seat)).status_code == 200
    for seat in ("reporter", "observer", "county-health", "expert"):
        refused(await api.get("/audit/refusals", seat), 403, "no_access_to_audit")
        refused(await api.get("/audit/readings", seat), 403, "no_access_to_audit")
