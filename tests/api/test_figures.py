"""How soon bodies are told and answer, for those who may know and for whoever scrapes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import Client

from api.app import create_app
from embedded import ports
from store import watchdog
from store.pool import Pool
from store.watchdog import Run
from tests.api.conftest import TOKENS, settings_for
from tests.api.driver import Api, refused, serving
from tests.workflows.harness import PLAN

ACKNOWLEDGED = {"decider": "county-health", "comment": "已派出救护车"}


async def told(api: Api) -> str:
    """An incident of which the county's health body was told and has acknowledged."""
    incident = await api.open(harm=True)
    state = await api.state(incident)
    notice = next(one for one in state["notices"].values() if one["recipient"] == "county-health")
    await api.do(incident, "acknowledge-notice", {"notice": notice["id"], **ACKNOWLEDGED})
    return incident


async def test_figures_of_each_body(api: Api) -> None:
    before = datetime.now(UTC)
    await told(api)
    answer = await api.get("/figures/notices", params={"since": before.isoformat()})
    assert answer.status_code == 200, answer.text
    found = {one["body"]: one for one in answer.json()["bodies"]}
    health = found["county-health"]
    assert health["name"] == PLAN.body_by_id["county-health"].name.model_dump()
    assert health["acknowledged"] == 1
    assert 0 <= health["answered"]["median"] == health["answered"]["max"] < 60
    assert found["duty"]["acknowledged"] == 0
    assert found["duty"]["answered"] is None
    assert "第三人民医院" not in answer.text

    later = {"since": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    assert (await api.get("/figures/notices", params=later)).json()["bodies"] == []
    everything = await api.get("/figures/notices", params={"until": later["since"]})
    assert {one["body"] for one in everything.json()["bodies"]} >= set(found)


async def test_a_reporter_reads_no_figures_and_all_others_do(api: Api) -> None:
    for seat in PLAN.seats:
        answer = await api.get("/figures/notices", seat.id)
        if seat.kind == "reporter":
            refused(answer, 403, "no_access_to_figures")
        else:
            assert answer.status_code == 200, answer.text
    assert {seat.kind for seat in PLAN.seats} > {"reporter"}
    refused(await api.get("/figures/notices", None), 401, "not_authenticated")


@pytest.mark.parametrize(
    "params", [{"since": "2026-01-31T14:32:00"}, {"until": "soon"}, {"statutory": "perhaps"}]
)
async def test_a_filter_that_cannot_be_read_is_refused(api: Api, params: dict[str, str]) -> None:
    answer = await api.get("/figures/notices", params=params)
    assert answer.status_code == 422
    assert next(iter(params)) in answer.text


Sample = tuple[str, tuple[tuple[str, str], ...]]


async def scrape(client: httpx.AsyncClient) -> dict[Sample, float]:
    """What a scrape without any credentials reads."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


async def test_a_scrape_counts_and_names_nobody(api: Api, pool: Pool) -> None:
    incident = await told(api)
    at = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
    await watchdog.keep_run(pool, Run(at, {"worker": 0, "clock_missed": 3}))

    found = await scrape(api.client)

    assert found["yaoan_database_up", ()] == 1
    health = ("body", "county-health")
    assert found["yaoan_notices", (health, ("state", "acknowledged"))] >= 1
    assert found["yaoan_notices_unanswered", (("body", "duty"), ("statutory", "true"))] >= 1
    for quantile in ("0.5", "0.9", "1"):
        labels = (health, ("quantile", quantile))
        assert 0 <= found["yaoan_notice_acknowledgement_seconds", labels] < 60
        assert ("yaoan_notice_acknowledgement_seconds", (("body", "duty"), labels[1])) not in found
    assert found["yaoan_clocks_overdue", (("kind", "statutory"),)] == 0
    assert found["yaoan_watchdog_findings", (("kind", "clock_missed"),)] == 3
    assert found["yaoan_watchdog_findings", (("kind", "worker"),)] == 0
    assert found["yaoan_watchdog_last_run_timestamp_seconds", ()] == at.timestamp()
    said = (await api.client.get("/metrics")).text
    for word in (incident, "刺五加", "第三人民医院", "6人", "救护车"):
        assert word not in said


async def test_overdue_clocks_are_counted_by_the_clock_of_the_space(
    app: FastAPI, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await api.open()
    state = await api.state(incident)
    kinds = [one["kind"] for one in state["clocks"].values() if one["status"] == "open"]
    later = datetime.now(UTC) + timedelta(days=400)
    monkeypatch.setattr(app.state.space, "now", lambda: later)
    found = await scrape(api.client)
    for kind in ("statutory", "internal"):
        assert found["yaoan_clocks_overdue", (("kind", kind),)] >= kinds.count(kind) > 0


async def test_a_scrape_while_postgresql_is_down_says_so(
    temporal_client: Client, tmp_path: Path
) -> None:
    port = ports.choose({"nothing": ("", 0)})["nothing"]
    settings = settings_for(f"postgresql://yaoan_app:x@127.0.0.1:{port}/yaoan", tmp_path, "q-none")

    async def connect() -> Client:
        return temporal_client

    app = create_app(settings, plan_in_force=PLAN, connect_temporal=connect)
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        assert await scrape(client) == {("yaoan_database_up", ()): 0}
        assert TOKENS["duty"] not in (await client.get("/metrics")).text
