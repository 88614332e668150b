"""Whatever comes in, the answer is a problem that names the field, and nothing is stored."""

import json
from typing import Any

import httpx
import pytest

from api.app import MAX_BODY
from api.examples import EXAMPLES
from api.schemas import BODIES, route_of
from tests.api.driver import REPORT, Api, refused

OK = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}


@pytest.fixture(scope="module")
async def incident(api: Api) -> str:
    """An incident that nothing happens to."""
    return await api.open()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"outcome": "maybe"}, "outcome"),
        ({"outcome": None}, "outcome"),
        ({"text": ""}, "text"),
        ({"text": 5}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"means": "pigeon"}, "means"),
        ({"deciderr": "county-msa"}, "deciderr"),
        ({"occurred_at": "2026-01-31T14:32:00"}, "occurred_at"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"evidence": ["abc"]}, "evidence.0"),
        ({"name": "verify"}, "name"),
    ],
)
async def test_a_wrong_field_is_named(
    api: Api, incident: str, change: dict[str, Any], field: str
) -> None:
    body = {key: value for key, value in {**OK, **change}.items() if value is not None}
    problem = refused(await api.post(f"/incidents/{incident}/verify", body), 422, "malformed")
    assert problem["errors"][0]["field"] == field
    assert field in problem["detail_en"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**OK, "text": "a\x00b"}, "text"),
        ({**OK, "text": "a\x1bb"}, "text"),
        ({**OK, "late_reason": "\x7f"}, "late_reason"),
        ({**OK, "late_reason": "x" * 20_001}, "late_reason"),
        ({**OK, "occurred_at": "0001-01-01T00:00:00Z"}, "occurred_at"),
        ({**OK, "occurred_at": "9999-12-31T23:59:59Z"}, "occurred_at"),
    ],
)
async def test_what_would_block_the_record_is_refused(
    api: Api, incident: str, body: dict[str, Any], field: str
) -> None:
    problem = refused(await api.post(f"/incidents/{incident}/verify", body), 422, "malformed")
    assert field in problem["detail_en"]


async def test_keys_of_mappings_are_texts_too(api: Api, incident: str) -> None:
    body = {"decider": "county-msa", "kind": "initial", "fields": {"dr\x00ug": "x"}}
    refused(await api.post(f"/incidents/{incident}/submit-report", body), 422, "malformed")


@pytest.mark.parametrize("count", [10**10, 10**400])
async def test_a_number_beyond_counting_is_refused(api: Api, count: int) -> None:
    answer = await api.post("/incidents", {**REPORT, "findings": {"affected": count}})
    assert "affected" in refused(answer, 422, "malformed")["detail_en"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
async def test_a_time_beyond_the_calendar_is_no_bug(api: Api, incident: str, at: str) -> None:
    answer = await api.post(f"/incidents/{incident}/verify", {**OK, "occurred_at": at})
    assert answer.status_code == 422, answer.text
    answer = await api.post("/incidents", {**REPORT, "learned_at": at})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "not_json"),
        (b"", "application/json", 422, "malformed"),
        (b"[]", "application/json", 422, "malformed"),
        (b'"x"', "application/json", 422, "malformed"),
        (b"null", "application/json", 422, "malformed"),
        (b"\xff\xfe", "application/json", 400, ""),
        (b"[" * 100_000, "application/json", 400, ""),
        (b'{"text": "\\ud800", "outcome": "pending"}', "application/json", 422, "malformed"),
        (json.dumps(OK).encode(), "text/plain", 415, "not_json"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "not_json"),
        (b" " * (MAX_BODY + 1), "application/json", 413, "too_large"),
    ],
)
async def test_a_body_that_is_none(
    api: Api, incident: str, content: bytes, content_type: str, status: int, code: str
) -> None:
    answer = await api.client.post(
        f"/api/v1/incidents/{incident}/verify",
        headers=api.headers("duty") | {"Content-Type": content_type},
        content=content,
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"].startswith(code)


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "\x01", "甲".encode().decode("latin-1")])
async def test_a_key_is_a_short_word(api: Api, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    headers += [(k.encode(), v.encode()) for k, v in api.headers("duty").items()]
    try:
        answer = await api.client.post("/api/v1/incidents", headers=headers, json=REPORT)
    except httpx.LocalProtocolError:
        return  # the client itself refuses to send it
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("DELETE", "/incidents", 405),
        ("PUT", "/incidents/GQ-000-000-000/verify", 405),
        ("POST", "/incidents/GQ-000-000-000/no-such-command", 404),
        ("POST", "/incidents/GQ-000-000-000/tick", 404),
        ("POST", "/incidents/GQ-000-000-000/accept-merge", 404),
        ("GET", "/incidents/", 404),
    ],
)
async def test_what_does_not_exist(api: Api, method: str, path: str, status: int) -> None:
    answer = await api.client.request(method, f"/api/v1{path}", headers=api.headers("duty"))
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/incidents?limit=0",
        "/incidents?q=%00",
        "/incidents?waiting_for=%00",
        "/incidents?cursor=%00",
        "/incidents?overdue=perhaps",
        "/incidents?phase=%00&level=%00",
        "/incidents/{incident}?min_seq=0",
        "/incidents/{incident}?min_seq=99999999999",
        "/incidents/{incident}/events?after=-1",
        "/incidents/{incident}/requests/%00",
        "/incidents/{incident}/persons/%00?reason=xx",
        "/incidents/{incident}/persons?reason=%00",
        "/incidents/{incident}/attachments/%00",
        "/incidents/{incident}/reports/0",
        "/incidents/%00",
        "/audit/refusals?incident=%00",
        "/audit/refusals?before=0",
        "/inbox?before=99999999999999999999",
    ],
)
async def test_no_query_is_a_bug(api: Api, incident: str, path: str) -> None:
    answer = await api.get(path.format(incident=incident))
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", sorted(BODIES))
async def test_every_command_has_a_route_and_a_fitting_example(api: Api, name: str) -> None:
    incident = await api.open()
    answer = await api.post(f"/incidents/{incident}/{route_of(name)}", EXAMPLES[name])
    assert answer.status_code in (200, 403, 404, 409, 422), answer.text
    if answer.status_code >= 400:
        assert answer.json()["code"] != "malformed", answer.text


async def test_the_key_comes_back_with_a_refusal_too(api: Api, incident: str) -> None:
    answer = await api.post(f"/incidents/{incident}/verify", OK, "observer")
    refused(answer, 403, "seat_reads_only")
    assert len(answer.headers["Idempotency-Key"]) == 32


async def test_every_answer_carries_its_protection(api: Api, incident: str) -> None:
    for path in (f"/incidents/{incident}", "/nothing", "/healthz", "/docs", "/openapi.json"):
        answer = await api.get(path)
        for name in ("X-Content-Type-Options", "X-Frame-Options", "Content-Security-Policy"):
            assert answer.headers[name]
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert len(answer.headers["X-Request-Id"]) > 8
    answer = await api.get("/me", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["X-Request-Id"] == "mine-1"
    answer = await api.get("/me", headers={"X-Request-Id": "<x>"})
    assert answer.headers["X-Request-Id"] != "<x>"
