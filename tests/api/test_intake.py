"""Taking a report: six fields, at once, and never turned away (3.2, E5, E6)."""

from typing import Any

import pytest

from tests.api.driver import REPORT, Api, key, refused


@pytest.mark.clause("3.2.1", "3.2.2(1)")
async def test_six_fields_open_an_incident(api: Api) -> None:
    body = {
        "caller": {"kind": "hospital", "unit": "第三人民医院", "number": "0533-1234567"},
        "learned_at": "2026-01-31T14:32:00+08:00",
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
    shown = await api.get(
        f"/incidents/{opened['number']}", params={"min_seq": opened["receipt"]["last"]}
    )
    assert shown.json()["head"] == opened["receipt"]["head"]
    assert shown.json()["state"]["facts"]["people"] == "不详"
