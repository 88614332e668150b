"""Two spaces in one process: real incidents in our time, and drills in times of their own."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

from activities.timekeeper import Timekeeper
from api.app import create_app
from api.space import Space
from domain import numbers
from domain.base import beijing_day
from settings import DRILL, Settings
from store.pool import Pool, open_pool
from tests.api.conftest import TOKENS, know_tokens
from tests.api.driver import REPORT, Api, refused, serving
from tests.conftest import Database
from tests.workflows.conftest import opening
from tests.workflows.harness import PLAN, IncidentDriver, Silent, directory_of, working

VERIFY = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}
NEAR = timedelta(seconds=30)
PLENTY = 1_000
HEALTH = "county-health"


@pytest.fixture(scope="module")
async def drill_pool(drill_database: Database) -> AsyncIterator[Pool]:
    """Connections to the schema of drills, beside that of real incidents."""
    pool = await open_pool(drill_database.application_url, DRILL)
    await know_tokens(pool)
    yield pool
    pool.terminate()


@pytest.fixture(scope="module")
def silent() -> Silent:
    """A way out, which somebody has configured and no drill may use."""
    return Silent(retryable=False)


@pytest.fixture(scope="module")
def app(two_spaces: FastAPI, drill_pool: Pool) -> FastAPI:
    """Both spaces, with the tokens of the drill's seats."""
    return two_spaces


@pytest.fixture(scope="module")
async def drill(
    api: Api, drill_client: Client, drill_pool: Pool, silent: Silent
) -> AsyncIterator[Api]:
    """The API as it is used in drills: the same process, with a worker for its space."""
    people = directory_of({HEALTH: {"duty_phone": "room"}}, "silent")
    more = {"directory": people, "channels": {"silent": silent}}
    async with working(drill_client, drill_pool, DRILL, space=DRILL, **more):
        yield api


async def opened(drill: Api) -> str:
    """A first report of a drill; its number, once it is on record."""
    answer = await drill.post("/drill/api/v1/incidents", REPORT)
    assert answer.status_code == 201, answer.text
    number: str = answer.json()["incident"]
    seq = answer.json()["receipt"]["last"]
    path = f"/drill/api/v1/incidents/{number}"
    assert (await drill.get(path, params={"min_seq": seq})).status_code == 200
    return number


def moment(said: str) -> datetime:
    return datetime.fromisoformat(said).astimezone(UTC)


async def test_after_two_days_of_a_drill_everything_is_in_its_time(
    drill: Api, drill_client: Client, drill_pool: Pool
) -> None:
    number = numbers.draw(PLAN.jurisdiction.prefix, DRILL, "two days")
    story = IncidentDriver(drill_client, drill_pool, number, queue=DRILL)
    # By the rules of before, for nobody answers, and would be told again a thousand times.
    await story.start(opening(number), rules_version=1)
    path = f"/drill/api/v1/incidents/{number}"
    clocks = (await drill.get(f"{path}/clocks", params={"min_seq": 1})).json()
    assert not any(clock["overdue"] for clock in clocks if clock["kind"] == "statutory")
    later = datetime.now(UTC) + timedelta(days=2)
    await Timekeeper(drill_client, patience=30).advance(number, later, PLENTY)

    answer = await drill.post(f"{path}/verify", VERIFY)
    assert answer.status_code == 200, answer.text
    receipt = answer.json()["receipt"]
    said = await drill.get(
        f"{path}/events",
        params={"after": receipt["first"] - 1, "limit": 1, "min_seq": receipt["last"]},
    )
    (event,) = said.json()["items"]
    assert event["by"]["recorder"] == "duty"
    assert abs(moment(event["received"]) - later) < NEAR
    assert abs(moment(event["recorded"]) - later) < NEAR

    clocks = (await drill.get(f"{path}/clocks")).json()
    (upward,) = [clock for clock in clocks if clock["id"] == "report-2h/county-government"]
    assert upward["overdue"]
    shown = (await drill.get(path)).json()
    assert shown["overdue"] > 0

    sheet = (await drill.get(f"{path}/call-sheet")).text
    assert "【演练】" in sheet
    day = beijing_day(later)
    assert re.search(rf"{day:%Y-%m-%d}|{day.month}月{day.day}日", sheet)
    refusal = await drill.post(f"{path}/verify", {**VERIFY, "decider": "county-culture"})
    refused(refusal, 403, refusal.json()["code"])
    kept = (await drill.get("/drill/api/v1/audit/refusals")).json()
    assert abs(moment(kept[0]["at"]) - later) < NEAR


async def test_a_link_of_a_drill_is_good_as_long_as_its_own_time_says(
    drill: Api, drill_client: Client, drill_pool: Pool
) -> None:
    number = await opened(drill)
    space: Space = drill.app.state.drill
    story = IncidentDriver(drill_client, drill_pool, number, queue=DRILL)
    await story.settled()
    now = await story.now()
    notices = tuple(n.id for n in (await story.state()).unanswered if n.recipient == HEALTH)
    old = space.links().url(
        "acknowledge", DRILL, number, notices, HEALTH, now - space.settings.link_lifetime
    )
    new = space.links().url("acknowledge", DRILL, number, notices, HEALTH, now)
    host = space.settings.link_base.removesuffix(space.settings.base)
    assert new.startswith(f"{host}/drill/api/v1/acknowledge/")
    page = await drill.get(new.removeprefix(host), None)
    assert page.status_code == 200
    assert "【演练】" in page.text
    refused(await drill.get(old.removeprefix(host), None), 410, "link_expired")
    # Nothing is answered in the other space with it.
    refused(await drill.get(new.removeprefix(f"{host}/drill"), None), 404, "no_link")


async def test_no_drill_reaches_anybody_whatever_is_configured(
    drill: Api, drill_client: Client, drill_pool: Pool, silent: Silent
) -> None:
    number = await opened(drill)
    story = IncidentDriver(drill_client, drill_pool, number, queue=DRILL)
    await story.settled()
    told = [n for n in (await story.state()).notices.values() if n.recipient == HEALTH]
    assert told
    assert {channel for notice in told for channel in notice.channels} == {"inbox"}
    assert silent.asked == 0


async def test_what_happens_in_a_drill_is_nowhere_else(drill: Api, pool: Pool) -> None:
    number = await opened(drill)
    refused(await drill.get(f"/incidents/{number}"), 404, "no_incident")
    live = await drill.open()
    refused(await drill.get(f"/drill/api/v1/incidents/{live}"), 404, "no_incident")
    listed = (await drill.get("/incidents", params={"limit": 200})).json()["items"]
    assert number not in {item["incident"] for item in listed}


async def test_real_incidents_live_in_our_time_and_nobody_is_asked_for_it(
    drill: Api, tmp_path: Path
) -> None:
    incident = await drill.open()
    await drill.do(incident, "verify", VERIFY)
    events = (await drill.get(f"/incidents/{incident}/events")).json()["items"]
    assert abs(moment(events[-1]["received"]) - datetime.now(UTC)) < NEAR
    assert "【演练】" not in (await drill.get(f"/incidents/{incident}/call-sheet")).text

    async def unasked() -> Client:
        raise AssertionError("Temporal was asked for the time")

    space = Space(Settings(data_dir=tmp_path), PLAN, unasked)
    assert abs(await space.now_of(incident) - datetime.now(UTC)) < NEAR


async def test_each_space_says_whether_it_is_ready(drill: Api) -> None:
    ready = await drill.get("/readyz", None)
    well = {"postgres": "ok", "temporal": "ok", "worker": "ok"}
    assert (ready.status_code, ready.json()["parts"], ready.json()["drill"]) == (200, well, well)
    own = await drill.get("/drill/readyz", None)
    assert (own.status_code, own.json()["parts"], own.json()["drill"]) == (200, well, None)
    assert "yaoan_database_up 1.0" in (await drill.get("/drill/metrics", None)).text


async def test_with_the_drill_space_dead_real_incidents_are_taken_as_ever(
    api: Api, pool: Pool, temporal_client: Client, tmp_path: Path
) -> None:
    """Neither its server nor its database answers; nobody in the live space hears of it."""
    live: Space = api.app.state.space
    nowhere = SecretStr("postgresql://yaoan_app@127.0.0.1:9/yaoan")
    settings = live.settings.model_copy(
        update={"drill_address": "127.0.0.1:9", "drill_database_url": nowhere}
    )

    async def connect() -> Client:
        return temporal_client

    app = create_app(settings, plan_in_force=PLAN, connect_temporal=connect)
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        halved = Api(client, TOKENS, app)
        assert await halved.open()
        ready = await halved.get("/readyz", None)
        assert ready.status_code == 200
        assert ready.json()["status"] == "ready"
        assert ready.json()["drill"]["temporal"] == "unavailable"
        assert (await halved.get("/drill/readyz", None)).status_code == 503


async def test_without_a_server_for_drills_there_is_no_drill_space(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), plan_in_force=PLAN)
    assert app.state.drill is None
    assert not [path for path in app.openapi()["paths"] if path.startswith("/drill")]
