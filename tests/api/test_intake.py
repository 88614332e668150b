"""Taking a report: six fields, at once, and never turned away (3.2, E5, E6)."""

import asyncio
from typing import Any

import pytest

from domain import numbers
from tests.api.driver import REPORT, Api, key, refused

OLD = "2026-01-31T14:32:00+08:00"


@pytest.mark.clause("3.2.1", "3.2.2(1)")
async def test_six_fields_open_an_incident(api: Api) -> None:
    body = {
        "caller": {"kind": "hospital", "unit": "第三人民医院", "number": "0533-1234567"},
        "learned_at": OLD,
        "drug": "刺五加注射液",
        "people": "不详",
        "place": "第三人民医院",
    }
    answer = await api.post("/incidents", body)
    assert answer.status_code == 201, answer.text
    opened = answer.json()
    assert opened["number"].startswith("GQ-")
    assert opened["receipt"]["first"] == 1
    assert len(opened["receipt"]["head"]) == 64
    assert opened["warnings"] == []
    assert answer.headers["Location"] == opened["links"]["self"]
    assert answer.headers["Idempotency-Key"] == opened["request_id"]
    shown = await api.get(opened["links"]["self"], params={"min_seq": opened["receipt"]["last"]})
    assert shown.json()["state"]["facts"]["people"] == "不详"
    assert shown.json()["phase"] == "reported"
    assert shown.json()["overdue"] > 0, "learned long ago: overdue at birth"


async def test_a_report_can_be_read_the_moment_it_is_taken(api: Api) -> None:
    opened = (await api.post("/incidents", REPORT)).json()
    sheet = await api.get(opened["call_sheet"])
    assert sheet.status_code == 200, sheet.text
    assert opened["number"] in sheet.text


@pytest.mark.clause("3.2.3(1)")
async def test_blanks_read_unknown(api: Api) -> None:
    answer = await api.post("/incidents", {"caller": {"kind": "public"}})
    assert answer.status_code == 201, answer.text
    state = await api.state(answer.json()["number"])
    facts = state["facts"]
    assert [facts[name] for name in ("drug", "people", "place")] == ["不详"] * 3
    assert facts["learned_at"] == state["received_at"]


@pytest.mark.clause("1.4")
@pytest.mark.parametrize(
    ("facts", "flag"),
    [
        ({"in_scope": False}, "out_of_scope"),
        ({"findings": {"severe": 1, "deaths": 2}}, "deaths_exceed_severe"),
        ({"kind": "no-such-kind"}, "unknown_kind"),
        ({"caller": {"kind": "no-such-reporter"}}, "unknown_reporter"),
        ({"learned_at": "2199-01-01T00:00:00Z"}, "learned_in_the_future"),
    ],
)
async def test_a_doubtful_report_is_flagged_and_never_refused(
    api: Api, facts: dict[str, Any], flag: str
) -> None:
    incident = await api.open(**facts)
    assert flag in (await api.state(incident))["flags"]


@pytest.mark.clause("3.2.2(1)")
async def test_what_an_outside_reporter_learned_is_its_own_discovery(api: Api) -> None:
    incident = await api.open("reporter", learned_at=OLD)
    state = await api.state(incident)
    assert state["discovered_at"].startswith("2026-01-31T06:32:00")
    assert state["facts"]["learned_at"] == state["received_at"], "the county knows since now"
    theirs = {c["obligation"] for c in state["clocks"].values() if c["owner"] == "reporter"}
    assert theirs


async def test_the_number_may_be_written_as_it_was_heard(api: Api) -> None:
    incident = await api.open()
    heard = incident.lower().replace("-", "").replace("0", "O").replace("1", "i")
    assert (await api.get(f"/incidents/{heard}")).json()["incident"] == incident


async def test_a_mistyped_number_is_called_mistyped(api: Api) -> None:
    incident = await api.open()
    last = incident[-1]
    other = next(symbol for symbol in numbers.ALPHABET if symbol != last)
    refused(await api.get(f"/incidents/{incident[:-1]}{other}"), 404, "number_mistyped")
    refused(await api.get("/incidents/12345"), 404, "not_a_number")
    unknown = numbers.draw("GQ", "nobody", "ever", "reported", "this")
    refused(await api.get(f"/incidents/{unknown}"), 404, "no_incident")
    refused(await api.post(f"/incidents/{unknown}/close", {"text": "x"}), 404, "no_incident")


# --- the same request again ---


async def test_the_same_request_again_gives_the_same_incident(api: Api) -> None:
    again = key()
    first = await api.post("/incidents", REPORT, key=again)
    second = await api.post("/incidents", REPORT, key=again)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["incident"] == first.json()["incident"]
    assert second.json()["receipt"] == first.json()["receipt"]
    assert second.json()["status"] == "again"


async def test_the_same_request_many_times_at_once_gives_one_incident(api: Api) -> None:
    again = key()
    body = {**REPORT, "caller": {**REPORT["caller"], "name": "来电人", "number": "0533-7654321"}}
    answers = await asyncio.gather(*(api.post("/incidents", body, key=again) for _ in range(6)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({answer.json()["incident"] for answer in answers}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {**REPORT, "people": "7人不适"},
        {**REPORT, "caller": {**REPORT["caller"], "number": "0533-0000001"}},
    ],
)
async def test_the_same_key_for_another_report_is_refused(api: Api, other: Any) -> None:
    again = key()
    assert (await api.post("/incidents", REPORT, key=again)).status_code == 201
    refused(await api.post("/incidents", other, key=again), 409, "request_reused")


async def test_the_same_key_at_another_seat_is_another_request(api: Api) -> None:
    again = key()
    one = await api.post("/incidents", REPORT, "duty", key=again)
    other = await api.post("/incidents", REPORT, "county-health", key=again)
    assert one.json()["incident"] != other.json()["incident"]


# --- on whose authority ---


@pytest.mark.clause("2.1.1(4)")
async def test_a_seat_that_only_reads_takes_no_report(api: Api) -> None:
    problem = refused(await api.post("/incidents", REPORT, "observer"), 403, "seat_reads_only")
    assert problem["clause"]
    refusals = (await api.get("/audit/refusals")).json()
    assert refusals[0]["command"] == "intake"
    assert refusals[0]["seat"] == "observer"


async def test_a_body_that_the_plan_does_not_know_decides_nothing(api: Api) -> None:
    body = {**REPORT, "decider": "no-such-body"}
    refused(await api.post("/incidents", body), 422, "unknown_body")
