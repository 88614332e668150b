"""The directory over HTTP: who keeps it, who reads numbers, and what a faulty table is told."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.driver import BASE, Api, key, refused
from tests.workflows.harness import PLAN

NUMBER = "0533-6961234"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def contact(body: str = "county-health", **more: Any) -> dict[str, Any]:
    """A contact as it is sent."""
    addresses = [{"channel": "phone", "to": NUMBER}, {"channel": "mail", "to": "a@health.cn"}]
    return {"body": body, "role": "duty_officer", "name": "李四", "addresses": addresses, **more}


async def put(api: Api, id: str, body: dict[str, Any], seat: str = "duty") -> httpx.Response:
    """PUT a contact."""
    return await api.client.put(
        f"{BASE}/directory/contacts/{id}", json=body, headers=api.headers(seat)
    )


async def retire(api: Api, id: str, seat: str = "duty") -> httpx.Response:
    """DELETE a contact."""
    return await api.client.delete(f"{BASE}/directory/contacts/{id}", headers=api.headers(seat))


async def send(
    api: Api, what: str, table: str | bytes, seat: str = "duty", **params: Any
) -> httpx.Response:
    """POST a table."""
    return await api.client.post(
        f"{BASE}/directory/{what}",
        content=table.encode() if isinstance(table, str) else table,
        params=params,
        headers=api.headers(seat) | {"Content-Type": "text/csv; charset=utf-8"},
    )


async def entries(api: Api, body: str, seat: str = "duty") -> dict[str, Any]:
    """What the directory says of ``body``."""
    answer = await api.get("/directory", seat, params={"body": body})
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()
    assert found["body"] == body
    return dict(found)


async def test_a_contact_is_entered_changed_and_retired(idle_api: Api) -> None:
    answer = await put(idle_api, "h-1", contact(quiet_from="22:00", quiet_to="07:00"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "id": "h-1",
        "role": "duty_officer",
        "position": 0,
        "name": "李四",
        "addresses": contact()["addresses"],
        "quiet_from": "22:00:00",
        "quiet_to": "07:00:00",
        "on_duty": False,
    }
    await put(idle_api, "h-1", contact(role="leader"))
    (found,) = (await entries(idle_api, "county-health"))["contacts"]
    assert (found["role"], found["quiet_from"]) == ("leader", None)

    assert (await retire(idle_api, "h-1")).status_code == 204
    assert (await entries(idle_api, "county-health"))["contacts"] == []
    refused(await retire(idle_api, "h-1"), 404, "not_found")
    log = (await idle_api.get("/directory/changes", params={"body": "county-health"})).json()
    assert [one["what"] for one in log] == ["contact_retired", "contact_put", "contact_put"]
    assert {one["seat"] for one in log} == {"duty"}
    assert NUMBER not in str(log)


async def test_names_and_numbers_are_for_those_who_work_with_them(idle_api: Api) -> None:
    await put(idle_api, "p-1", contact("county-police"))
    for seat in ("duty", "county-culture", "expert"):
        (found,) = (await entries(idle_api, "county-police", seat))["contacts"]
        assert (found["name"], found["addresses"][0]["to"]) == ("李四", NUMBER)
    for seat in ("reporter", "observer"):
        answer = await idle_api.get("/directory", seat)
        assert [one["body"] for one in answer.json()] == [body.id for body in PLAN.bodies]
        assert NUMBER not in answer.text
        assert "李四" not in answer.text
        assert "p-1" in answer.text


@pytest.mark.parametrize("seat", ["duty", "command-office", "administrator", "county-justice"])
async def test_who_may_keep_a_bodys_entries(idle_api: Api, seat: str) -> None:
    answer = await put(idle_api, f"j-{seat}", contact("county-justice"), seat)
    assert answer.status_code == 200, answer.text
    assert (await retire(idle_api, f"j-{seat}", seat)).status_code == 204


@pytest.mark.parametrize("seat", ["county-culture", "reporter", "observer", "expert"])
async def test_who_may_not_is_told_whom_to_ask_and_it_is_kept(idle_api: Api, seat: str) -> None:
    await put(idle_api, "f-1", contact("county-finance"))
    await put(idle_api, "f-2", contact("county-finance"))
    table = "body,id,role,phone\ncounty-finance,f-1,leader,110\n"
    shifts = "body,contact,starts,ends\ncounty-finance,f-1,2026-03-02 08:00,2026-03-02 16:00\n"
    absence = {
        "contact": "f-1",
        "substitute": "f-2",
        "starts": NOW.isoformat(),
        "ends": (NOW + HOUR).isoformat(),
    }
    for answer in (
        await put(idle_api, "f-1", contact("county-finance", role="leader"), seat),
        await retire(idle_api, "f-1", seat),
        await send(idle_api, "import", table, seat),
        await send(idle_api, "roster", shifts, seat),
        await idle_api.post(
            "/directory/handover", {"outgoing": "f-1", "incoming": "f-2"}, seat, key=key()
        ),
        await idle_api.post("/directory/substitutions", absence, seat),
        await idle_api.get("/directory/changes", seat, params={"body": "county-finance"}),
    ):
        problem = refused(answer, 403, "not_ours")
        assert "ask a duty, office or administrator seat" in problem["detail_en"]
    (kept, *_) = (await idle_api.get("/audit/refusals", params={"limit": 50})).json()
    assert (kept["seat"], kept["command"], kept["code"]) == (
        seat,
        "read_directory_changes",
        "not_ours",
    )
    (found, _) = (await entries(idle_api, "county-finance"))["contacts"]
    assert found["role"] == "duty_officer"


async def test_a_contact_is_not_taken_from_another_body(idle_api: Api) -> None:
    await put(idle_api, "own", contact("county-science"))
    answer = await put(idle_api, "own", contact("county-culture"), "county-culture")
    problem = refused(answer, 409, "contact_elsewhere")
    assert "retire it there first" in problem["detail_en"]
    table = "body,id,role,phone\ncounty-culture,own,leader,110\n"
    refused(await send(idle_api, "import", table, "county-culture"), 422, "bad_rows")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"body": "county-nothing"}, "body"),
        ({"role": "king"}, "role"),
        (
            {"addresses": [{"channel": "mail", "to": "a@b.cn"}, {"channel": "mail", "to": "a"}]},
            "addresses.1.to",
        ),
        ({"addresses": [{"channel": "phone", "to": "call me"}]}, "addresses.0.to"),
        ({"quiet_from": "22:00+08:00", "quiet_to": "07:00"}, "quiet_from"),
        ({"quiet_from": "22:00"}, ""),
        ({"nickname": "x"}, "nickname"),
    ],
)
async def test_a_contact_that_cannot_be_right_is_refused_by_field(
    idle_api: Api, change: dict[str, Any], field: str
) -> None:
    problem = refused(await put(idle_api, "wrong", {**contact(), **change}), 422, "malformed")
    assert [error["field"] for error in problem["errors"]] == [field or "body"]


async def test_a_table_is_taken_whole_in_any_encoding_and_a_dry_run_takes_nothing(
    idle_api: Api,
) -> None:
    table = (
        "单位,编号,职务,姓名,电话,钉钉\n"
        "县商务事业服务中心,c-1,值班电话,,110,\n"
        "县商务事业服务中心,c-2,值班员,王五,120,\n"
    )
    refused(await send(idle_api, "import", table), 422, "bad_rows")
    data = table.replace("钉钉", "dingtalk").encode("gb18030")
    tried = await send(idle_api, "import", data, dry_run=True)
    assert tried.status_code == 200, tried.text
    assert (tried.json()["rows"], tried.json()["changed"], tried.json()["dry_run"]) == (2, 0, True)
    assert [(one["row"], one["column"]) for one in tried.json()["warnings"]] == [(1, "dingtalk")]
    assert (await entries(idle_api, "county-commerce"))["contacts"] == []

    taken = await send(idle_api, "import", data, "county-commerce")
    assert (taken.json()["rows"], taken.json()["changed"]) == (2, 2)
    assert "Idempotency-Key" in taken.headers
    assert (await send(idle_api, "import", data)).json()["changed"] == 0
    found = (await entries(idle_api, "county-commerce"))["contacts"]
    assert [(one["id"], one["name"]) for one in found] == [("c-1", None), ("c-2", "王五")]


async def test_a_faulty_table_takes_nothing_and_names_every_row(idle_api: Api) -> None:
    table = (
        "body,id,role,phone\n"
        "county-data,d-1,leader,110\n"
        "county-dada,d-2,king,110\n"
        "county-data,d-1,leader,one\n"
    )
    problem = refused(await send(idle_api, "import", table), 422, "bad_rows")
    assert [error["field"] for error in problem["errors"]] == [
        "row 3, body",
        "row 3, role",
        "row 4, phone",
        "row 4, id",
    ]
    assert "did you mean 'county-data'?" in problem["errors"][0]["message"]
    assert "4 处错误" in problem["detail"]
    assert (await entries(idle_api, "county-data"))["contacts"] == []


async def test_a_table_may_come_in_a_form(idle_api: Api) -> None:
    async def form(**more: Any) -> httpx.Response:
        return await idle_api.client.post(
            f"{BASE}/directory/import", headers=idle_api.headers("duty"), **more
        )

    table = "body,id,role,phone\ncounty-labour,l-1,leader,110\n"
    answer = await form(files={"file": ("通讯录.csv", table.encode("utf-8-sig"), "text/csv")})
    assert answer.json()["changed"] == 1
    refused(await form(files={"other": ("x.csv", b"", "text/csv")}), 422, "malformed")
    refused(await form(json={}), 415, "not_csv")
    half = {"Content-Type": "multipart/form-data"} | idle_api.headers("duty")
    broken = await idle_api.client.post(f"{BASE}/directory/import", content=b"x", headers=half)
    refused(broken, 400, "bad_multipart")


async def test_a_department_imports_for_itself_alone(idle_api: Api) -> None:
    table = "body,id,role,phone\ncounty-education,e-1,leader,110\ncounty-police,e-2,leader,110\n"
    refused(await send(idle_api, "import", table, "county-education"), 403, "not_ours")
    assert (await entries(idle_api, "county-education"))["contacts"] == []


def beijing(moment: datetime) -> str:
    """A time as a roster has it."""
    return f"{moment + 8 * HOUR:%Y-%m-%d %H:%M}"


async def test_a_roster_is_imported_and_handed_over(idle_api: Api) -> None:
    for id, name in (("t-1", "张三"), ("t-2", "李四"), ("x-1", "王五")):
        ours = "county-police" if id == "x-1" else "county-transport"
        await put(idle_api, id, contact(ours, name=name))
    start, seam, end = NOW - 8 * HOUR, NOW + HOUR, NOW + 9 * HOUR
    table = (
        "单位,值班人,开始,结束\n"
        f"县交通运输局,张三,{beijing(start)},{beijing(seam)}\n"
        f"县交通运输局,李四,{beijing(seam)},{beijing(end)}\n"
    )
    tried = await send(idle_api, "roster", table, "county-transport", dry_run=True)
    assert (tried.json()["rows"], tried.json()["changed"]) == (2, 0)
    assert (await entries(idle_api, "county-transport"))["shifts"] == []
    taken = await send(idle_api, "roster", table, "county-transport")
    assert (taken.json()["rows"], taken.json()["changed"]) == (2, 2)
    assert (await send(idle_api, "roster", table)).json()["changed"] == 0
    contacts = (await entries(idle_api, "county-transport"))["contacts"]
    assert {one["id"]: one["on_duty"] for one in contacts} == {"t-1": True, "t-2": False}

    note = "两项待办，联系人电话13912345678"
    body = {"outgoing": "t-1", "incoming": "t-2", "note": note}
    for _ in range(2):
        answer = await idle_api.post("/directory/handover", body, "county-transport", key=key())
        assert answer.status_code == 200, answer.text
        duty = {one["id"]: one["on_duty"] for one in answer.json()["contacts"]}
        assert duty == {"t-1": False, "t-2": True}
    log = (await idle_api.get("/directory/changes", "county-transport")).json()
    assert [one["what"] for one in log[:2]] == ["shift_handed_over"] * 2
    # The log can never be cleared, so no number of a person comes in.
    assert log[0]["note"] == "两项待办，联系人电话＊＊＊＊＊＊＊＊＊78"

    async def again(status: int, code: str, **change: Any) -> None:
        refused(await idle_api.post("/directory/handover", {**body, **change}), status, code)

    await again(409, "not_on_duty", incoming="t-1")
    await again(409, "not_of_this_body", incoming="x-1")
    await again(404, "not_found", incoming="nobody")
    await again(422, "in_the_future", at=(datetime.now(UTC) + HOUR).isoformat())


async def test_a_faulty_roster_takes_nothing(idle_api: Api) -> None:
    await put(idle_api, "i-1", contact("county-industry"))
    table = (
        "body,contact,starts,ends\n"
        "county-industry,i-1,2026-03-02 08:00,2026-03-02 16:00\n"
        "county-industry,i-1,2026-03-02 15:00,2026-03-02 14:00\n"
    )
    problem = refused(await send(idle_api, "roster", table), 422, "bad_rows")
    assert [error["field"] for error in problem["errors"]] == ["row 3, ends"]
    changes = (await idle_api.get("/directory/changes", "county-industry")).json()
    assert [one["what"] for one in changes] == ["contact_put"]


async def test_an_absence_is_entered_and_shown(idle_api: Api) -> None:
    for id in ("g-1", "g-2"):
        await put(idle_api, id, contact("county-agriculture"))
    absence = {
        "contact": "g-1",
        "substitute": "g-2",
        "starts": (NOW - HOUR).isoformat(),
        "ends": (NOW + HOUR).isoformat(),
        "reason": "学习",
    }
    answer = await idle_api.post("/directory/substitutions", absence, "county-agriculture")
    assert answer.status_code == 200, answer.text
    (found,) = (await entries(idle_api, "county-agriculture"))["substitutions"]
    assert (found["contact"], found["substitute"], found["reason"]) == ("g-1", "g-2", "学习")
    (masked,) = (await entries(idle_api, "county-agriculture", "observer"))["substitutions"]
    assert masked["reason"] is None
    over = {**absence, "ends": (NOW - HOUR / 2).isoformat()}
    await idle_api.post("/directory/substitutions", over)
    assert (await entries(idle_api, "county-agriculture"))["substitutions"] == []

    for change in ({"ends": absence["starts"]}, {"substitute": "g-1"}):
        answer = await idle_api.post("/directory/substitutions", {**absence, **change})
        refused(answer, 422, "malformed")
    nobody = {**absence, "substitute": "nobody"}
    problem = refused(await idle_api.post("/directory/substitutions", nobody), 404, "not_found")
    assert "enter it first" in problem["detail_en"]


async def test_a_substitute_of_another_body_is_refused(idle_api: Api) -> None:
    await put(idle_api, "a-1", contact("county-environment"))
    await put(idle_api, "m-1", contact("city-health"))
    absence = {
        "contact": "a-1",
        "substitute": "m-1",
        "starts": NOW.isoformat(),
        "ends": (NOW + HOUR).isoformat(),
    }
    answer = await idle_api.post("/directory/substitutions", absence)
    problem = refused(answer, 422, "not_of_this_body")
    assert "代班人须与 a-1 同属一个单位" in problem["detail"]
    assert "m-1 is no contact of county-environment" in problem["detail_en"]
    assert (await entries(idle_api, "county-environment"))["substitutions"] == []
    await retire(idle_api, "m-1")


async def test_a_telephone_number_is_no_id(idle_api: Api) -> None:
    number = "13900001111"
    faulty = contact(addresses=[{"channel": "phone", "to": "call me"}])
    problem = refused(await put(idle_api, number, faulty), 422, "malformed")
    assert [error["field"] for error in problem["errors"]] == ["contact", "addresses.0.to"]
    assert "编号至少须有一个英文字母" in problem["detail"]
    assert "ids go into events" in problem["detail_en"]
    table = f"body,id,role,phone\ncounty-health,{number},leader,110\n"
    problem = refused(await send(idle_api, "import", table), 422, "bad_rows")
    assert [error["field"] for error in problem["errors"]] == ["row 2, id"]


@pytest.mark.clause("6.4")
async def test_the_check_names_who_could_not_be_reached_now(idle_api: Api) -> None:
    found = (await idle_api.get("/directory/check", "county-culture")).json()
    assert found["reachable"] is False
    gaps = {(gap["body"], gap["problem"]): gap["text"] for gap in found["gaps"]}
    assert gaps["county-united-front", "no_contact"]["zh"].startswith("县委统战部：")
    assert ("city-msa", "no_number") in gaps

    await put(idle_api, "u-1", contact("county-united-front"))
    await put(idle_api, "city", contact("city-msa", role="duty_phone"))
    found = (await idle_api.get("/directory/check")).json()
    problems = {(gap["body"], gap["problem"]) for gap in found["gaps"]}
    assert ("county-united-front", "no_contact") not in problems
    assert ("county-united-front", "never_tested") in problems
    assert ("city-msa", "no_number") not in problems
    for seat in ("reporter", "observer"):
        refused(await idle_api.get("/directory/check", seat), 403, "not_ours")


@pytest.mark.clause("6.4")
async def test_who_telephones_a_contact_records_whether_it_was_reached(idle_api: Api) -> None:
    await put(idle_api, "pet-1", contact("county-petitions", role="duty_phone"))
    path = "/directory/contacts/pet-1/trial"
    said = {"channel": "phone", "ok": True}

    refused(await idle_api.post(path, said, "county-culture", key=key()), 403, "not_ours")
    kept = await idle_api.post(path, said, "county-petitions", key=key())
    assert kept.status_code == 200, kept.text
    found = (await idle_api.get("/directory/check")).json()
    assert "county-petitions" not in {gap["body"] for gap in found["gaps"]}

    other = {"channel": "fax", "ok": True}
    refused(await idle_api.post(path, other, key=key()), 422, "no_such_channel")
    nobody = "/directory/contacts/nobody/trial"
    refused(await idle_api.post(nobody, said, key=key()), 404, "no_contact")
