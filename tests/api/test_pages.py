"""What an official prints: the call sheet (E4) and the reports (3.2.3), in Chinese, on A4."""

import html
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api import docs
from tests.api.driver import SERIOUS, Api, refused
from tests.workflows.harness import PLAN


def plain(page: str) -> str:
    """The page's text."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.clause("3.2.2(1)", "3.2.2(3)")
async def test_the_call_sheet_says_whom_to_call_by_when_and_what_to_say(api: Api) -> None:
    incident = await api.open(findings=SERIOUS, lots=["2007122721", "2007121511"])
    answer = await api.get(f"/incidents/{incident}/call-sheet")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    page, text = answer.text, plain(answer.text)
    state = await api.state(incident)
    owed = [
        clock
        for clock in state["clocks"].values()
        if clock["status"] == "open" and clock["recipient"] and clock["owner"] != "reporter"
    ]
    assert owed
    for clock in owed:
        assert PLAN.body_by_id[clock["recipient"]].name.zh in text
        assert clock["clause"] in text
    assert "法定" in text
    assert "内控" in text
    assert "待解释" in text
    assert "向上报告" in text
    assert "您好，这里是县市场监管局" in text, "the text to read out"
    assert "收到请回复" in text, "the text to copy into a chat group"
    assert "2007122721、2007121511" in text
    assert "接话人" in text
    assert "通话时间" in text
    assert page.count('class="box"') >= 3
    assert "<script" not in page
    assert incident in text


async def test_the_upward_calls_come_first_and_those_made_are_gone(api: Api) -> None:
    incident = await api.open()
    rows = re.findall(r"<tr( class=\"upward\")?>\s*<td>([^<]+)", await _sheet(api, incident))
    flags = [bool(flag) for flag, _ in rows]
    assert flags == sorted(flags, reverse=True)
    assert "市市场监管局" in {name for _, name in rows}
    await api.do(
        incident,
        "submit-report",
        {
            "decider": "county-msa",
            "kind": "initial",
            "given": [{"recipient": "city-msa", "channel": "phone", "taken_by": "值班员"}],
        },
    )
    rows = re.findall(r"<tr( class=\"upward\")?>\s*<td>([^<]+)", await _sheet(api, incident))
    assert "市市场监管局" not in {name for _, name in rows}


async def _sheet(api: Api, incident: str) -> str:
    return (await api.get(f"/incidents/{incident}/call-sheet")).text


async def test_what_people_typed_is_text_and_never_markup(api: Api) -> None:
    incident = await api.open(place='<script>alert("x")</script>', people="<b>3人</b>")
    page = await _sheet(api, incident)
    assert "<script>" not in page
    assert "&lt;b&gt;3人&lt;/b&gt;" in page
    answer = await api.get(f"/incidents/{incident}/call-sheet")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


@pytest.mark.clause("3.2.3(1)")
async def test_a_report_prints_its_fields_in_the_plans_order(api: Api) -> None:
    incident = await api.open()
    report = {
        "decider": "county-msa",
        "kind": "initial",
        "fields": {"drug": "刺五加注射液", "place": "第三人民医院", "liaison": "值班员"},
        "given": [{"recipient": "city-msa", "channel": "phone", "taken_by": "市局接报人"}],
    }
    await api.do(incident, "submit-report", report)
    answer = await api.get(f"/incidents/{incident}/reports/1", headers={"Accept": "text/html"})
    text = plain(answer.text)
    form = PLAN.report_by_kind["initial"]
    at = [text.index(field.name.zh) for field in form.fields if field.name.zh != "报告单位"][:15]
    assert at == sorted(at)
    assert "不详" in text
    for block in ("报告单位", "联络员", "通讯方式", "签发"):
        assert block in text
    assert "市局接报人" in text
    assert "电话" in text
    assert "已被" not in text
    await api.do(
        incident,
        "sign-report",
        {"decider": "county-msa", "decider_person": "签发领导", "report": await _id(api, incident)},
    )
    signed = plain((await api.get(f"/incidents/{incident}/reports/1")).text)
    assert "签发领导" in signed


@pytest.mark.clause("3.2.3(1)")
async def test_a_draft_says_what_is_known_and_keeps_nothing(api: Api) -> None:
    incident = await api.open(lots=["2007122721"], kind="group-adverse-event", measures="已停用")
    draft = (await api.get(f"/incidents/{incident}/report-draft")).json()
    assert draft["fields"] == {
        "nature": "药品群体不良事件",
        "drug": "刺五加注射液",
        "lots": "2007122721",
        "place": "第三人民医院",
        "people": "6人不适",
        "measures": "已停用",
        "unit": "县市场监管局",
    }
    assert (await api.get(f"/incidents/{incident}/reports")).json() == []
    await api.do(incident, "submit-report", {"decider": "county-msa", **draft})


@pytest.mark.clause("3.2.3")
async def test_a_new_version_marks_the_old_one(api: Api) -> None:
    incident = await api.open()
    first = {"decider": "county-msa", "kind": "initial", "fields": {"people": "3人"}}
    await api.do(incident, "submit-report", first)
    second = {**first, "fields": {"people": "5人"}, "supersedes": await _id(api, incident)}
    await api.do(incident, "submit-report", second)
    old = (await api.get(f"/incidents/{incident}/reports/1")).text
    new = (await api.get(f"/incidents/{incident}/reports/2")).text
    assert "已被第2号报告" in old
    assert "3人" in old
    assert "已被" not in new
    assert "取代第1号" in new
    listed = (await api.get(f"/incidents/{incident}/reports")).json()
    assert [view["report"]["version"] for view in listed] == [1, 2]
    assert listed[0]["superseded_by"] == listed[1]["report"]["id"]
    as_json = await api.get(
        f"/incidents/{incident}/reports/2", headers={"Accept": "application/json"}
    )
    assert as_json.json()["report"]["fields"] == {"people": "5人"}
    refused(await api.get(f"/incidents/{incident}/reports/3"), 404, "no_report")


async def _id(api: Api, incident: str) -> str:
    return str(list((await api.state(incident))["reports"])[-1])


async def test_the_style_sheet_is_ours(api: Api) -> None:
    answer = await api.get("/static/print.css", None)
    assert answer.status_code == 200
    assert "size: A4" in answer.text


async def test_the_openapi_page_needs_no_internet(api: Api) -> None:
    page = await api.get("/docs", None)
    assert "https://" not in page.text
    for asset in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        found = await api.get(asset, None)
        assert found.status_code == 200, asset
    refused(await api.get("/docs/assets/../app.py", None), 404, "http_404")


async def test_without_its_assets_the_page_says_what_to_run(tmp_path: Path) -> None:
    app = FastAPI(docs_url=None)
    app.include_router(docs.router(tmp_path))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        assert "make setup" in (await client.get("/docs")).text
