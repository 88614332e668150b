"""Drills over HTTP: directed by their staff, blind to their players, and never in the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client
from typer.testing import CliRunner

from api.security import digest_of
from commands.drill import app as command
from domain.drill.play import STAFF_SEATS
from settings import DRILL
from store.credentials import put_digests
from store.pool import Pool, open_pool
from tests.api.conftest import TOKENS, know_tokens
from tests.api.driver import Api, refused, serving
from tests.conftest import Database
from tests.drills.short import SECRETS, SHORT
from tests.workflows.harness import PLAN, working

pytestmark = pytest.mark.clause("6.5")

DIRECTOR, EVALUATOR = STAFF_SEATS
STAFF = {seat: f"token-of-{seat}" for seat in STAFF_SEATS}
PEOPLE = {"duty": ["张三"], "health": ["李四"]}


@pytest.fixture(scope="module")
async def drill_pool(drill_database: Database) -> AsyncIterator[Pool]:
    """Connections to the schema of drills, with the tokens of seats and staff."""
    pool = await open_pool(drill_database.application_url, DRILL)
    await know_tokens(pool)
    digests = [(digest_of(token), seat, PLAN.government) for seat, token in STAFF.items()]
    await put_digests(pool, digests)
    yield pool
    pool.terminate()


@pytest.fixture(scope="module")
def app(two_spaces: FastAPI, drill_pool: Pool) -> FastAPI:
    """Both spaces, with the tokens of the staff."""
    return two_spaces


@pytest.fixture(scope="module")
async def api(app: FastAPI, drill_client: Client, drill_pool: Pool) -> AsyncIterator[Api]:
    """The API of both spaces, with a worker for drills alone."""
    folder = app.state.space.settings.data_dir
    async with (
        working(drill_client, drill_pool, DRILL, space=DRILL, data_dir=folder),
        serving(app) as address,
        httpx.AsyncClient(base_url=address, timeout=30) as client,
    ):
        yield Api(client, {**TOKENS, **STAFF}, app)


BASE = "/drill/api/v1"


class Game:
    """A drill as its director leads it over HTTP."""

    def __init__(self, api: Api, number: str) -> None:
        self.api, self.number = api, number

    async def order(self, name: str, seat: str = DIRECTOR, **fields: Any) -> httpx.Response:
        return await self.api.post(f"{BASE}/drills/{self.number}/{name}", fields, seat)

    async def done(self, name: str, seat: str = DIRECTOR, **fields: Any) -> None:
        answer = await self.order(name, seat, **fields)
        assert answer.status_code == 200, answer.text

    async def seen(self, seat: str = DIRECTOR) -> dict[str, Any]:
        answer = await self.api.get(f"{BASE}/drills/{self.number}", seat)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def arrived(self) -> dict[str, Any]:
        """As the director sees it, once it has come to its goal."""
        async with asyncio.timeout(60):
            while (seen := await self.seen())["goal"] is not None:
                await asyncio.sleep(0.2)
        return seen


async def opened(api: Api, players: dict[str, list[str]] | None = None) -> Game:
    body = {"text": SHORT, "players": PEOPLE if players is None else players}
    answer = await api.post(f"{BASE}/drills", body, DIRECTOR)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{BASE}/drills/{answer.json()['drill']}"
    return Game(api, answer.json()["drill"])


@pytest.fixture(scope="module")
async def game(api: Api) -> Game:
    """A drill at half past its first hour: one inject has come, three are to come."""
    game = await opened(api)
    await game.done("start")
    await game.done("advance", to="inject")
    await game.arrived()
    await game.done("advance", by="PT30M")
    await game.arrived()
    return game


async def test_only_the_director_opens_and_steers(api: Api, game: Game) -> None:
    for seat in ("duty", "command-office"):
        answer = await api.post(f"{BASE}/drills", {"scenario": "county-iv-cluster"}, seat)
        refused(answer, 403, "not_of_the_staff")
        refused(await game.order("pause", seat), 403, "not_of_the_staff")
    refused(await game.order("pause", EVALUATOR), 403, "not_of_the_staff")
    assert (await game.seen())["mode"] == "running"


async def test_real_incidents_know_neither_drills_nor_their_staff(api: Api) -> None:
    assert (await api.get("/api/v1/drills", "duty")).status_code == 404
    assert (await api.get("/api/v1/incidents", DIRECTOR)).status_code == 401


async def test_the_staff_plays_no_part(api: Api, game: Game) -> None:
    number = (await game.seen())["incidents"]["main"]
    body = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}
    answer = await api.post(f"{BASE}/incidents/{number}/verify", body, DIRECTOR)
    assert answer.status_code == 403
    message = (await api.get(f"{BASE}/inbox", "county-health")).json()["items"][0]
    answer = await api.post(f"{BASE}/inbox/{message['id']}/read", None, DIRECTOR)
    refused(answer, 403, "staff_reads_only")


async def test_the_same_request_opens_one_drill(api: Api) -> None:
    body = {"text": SHORT}
    first = await api.post(f"{BASE}/drills", body, DIRECTOR, key="opened-once")
    again = await api.post(f"{BASE}/drills", body, DIRECTOR, key="opened-once")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["drill"] == again.json()["drill"]
    other = {"scenario": "late-report"}
    answer = await api.post(f"{BASE}/drills", other, DIRECTOR, key="opened-once")
    refused(answer, 409, "request_reused")


async def test_a_scenario_that_cannot_be_played_is_explained_line_by_line(api: Api) -> None:
    faulty = SHORT.replace("seat: county-msa", "seat: nobody")
    answer = await api.post(f"{BASE}/drills", {"text": faulty}, DIRECTOR)
    refused(answer, 422, "bad_scenario")
    assert any("nobody" in error["message"] for error in answer.json()["errors"])
    answer = await api.post(f"{BASE}/drills", {"scenario": "no-such"}, DIRECTOR)
    refused(answer, 404, "no_scenario")
    answer = await api.post(f"{BASE}/drills", {}, DIRECTOR)
    refused(answer, 422, "which_scenario")
    answer = await api.post(f"{BASE}/drills", {"text": SHORT, "players": {"x": ["y"]}}, DIRECTOR)
    refused(answer, 422, "no_such_role")
    refused(await api.get(f"{BASE}/drills/D-NONE", DIRECTOR), 404, "no_drill")
    answer = await api.post(f"{BASE}/drills/D-NONE/start", {}, DIRECTOR)
    refused(answer, 404, "no_drill")


async def test_what_comes_to_a_player_says_that_it_is_an_exercise(game: Game) -> None:
    seen = await game.seen("duty")
    assert seen["title"]["zh"] == "【演练】值班室来电"
    assert seen["mine"] == ["duty"]
    (cue,) = seen["cues"]
    assert cue["text"]["zh"] == "【演练】两个病人输液后发抖"
    assert (cue["discussion"], cue["speak"]) == (False, False)
    assert (await game.seen("county-health"))["cues"] == []


async def test_no_route_gives_a_player_what_is_to_come(api: Api, game: Game) -> None:
    """Every route that can be read, for every seat: nothing of it tells the plot."""
    seen = await game.seen()
    values = {
        "drill": game.number,
        "incident": seen["incidents"]["main"],
        "name": "script",
        "language": "zh",
        "form": "md",
    }
    paths = [
        path
        for path, item in (await api.get("/openapi.json", None)).json()["paths"].items()
        if "get" in item and path.startswith("/drill") and not path.endswith("/stream")
    ]
    assert len(paths) > 20
    for seat in TOKENS:
        for path in paths:
            try:
                url = path.format(**values)
            except KeyError:
                continue
            answer = await api.get(url, seat)
            for secret in (*SECRETS, "short-one", "医院来电，记者追问"):
                assert secret not in answer.text, f"{seat} reads {secret} on {path}"
    for url in ("/openapi.json", "/docs"):
        answer = await api.get(url, None)
        assert not any(secret in answer.text for secret in SECRETS)


async def test_directors_and_evaluators_see_all_of_it(api: Api, game: Game) -> None:
    assert (await api.get(f"{BASE}/me", DIRECTOR)).json()["seat"] is None
    for seat in STAFF_SEATS:
        seen = await game.seen(seat)
        texts = json.dumps(seen, ensure_ascii=False)
        assert all(secret in texts for secret in SECRETS)
        assert [one["played"]["status"] for one in seen["injects"]] == [
            "delivered",
            "waiting",
            "waiting",
            "waiting",
        ]
    assert {one["id"] for one in (await api.get(f"{BASE}/scenarios", DIRECTOR)).json()} >= {
        "county-iv-cluster",
        "late-report",
    }
    refused(await api.get(f"{BASE}/scenarios", "duty"), 403, "not_of_the_staff")


async def test_an_evaluator_observes_and_rates(api: Api, game: Game) -> None:
    await game.done("observe", EVALUATOR, text="先问了批号", inject=1, expected=0, met=True)
    await game.done("override", EVALUATOR, objective="report", rating="S", reason="口头补充")
    where = f"{BASE}/drills/{game.number}/evaluation"
    found = (await api.get(where, EVALUATOR)).json()
    assert found["judged"][0]["status"] == "met"
    assert found["objectives"][0]["rating"] == "S"
    refused(await api.get(where, "duty"), 403, "not_of_the_staff")
    refused(await game.order("observe", "duty", text="x"), 403, "not_of_the_staff")
    wrong = await game.order("observe", EVALUATOR, text="x", inject=77)
    refused(wrong, 422, "no_such_inject")


async def test_once_it_has_ended_everybody_reads_how_it_went(api: Api, drill_pool: Pool) -> None:
    game = await opened(api)
    await game.done("start")
    await game.done("advance", to="inject")
    await game.arrived()
    before = {p["name"] for p in await papers(game, "duty")}
    assert before == {"scheme", "sign-in"}
    staff = {p["name"] for p in await papers(game, DIRECTOR)}
    assert staff == {"scheme", "sign-in", "script", "evaluation"}
    await game.done("end")
    number = (await game.seen())["incidents"]["main"]
    late = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}
    while (answer := await api.post(f"{BASE}/incidents/{number}/verify", late)).is_success:
        await asyncio.sleep(0.2)
    refused(answer, 409, "exercise_over")
    # Remarks come when it is over; its workflow may have ended.
    await game.done("comment", "duty", text="电话占线", lesson=True)
    await game.done("improve", DIRECTOR, text="加一部电话", owner="county-msa", due="2026-12-31")
    after = {p["name"] for p in await papers(game, "duty")}
    assert after >= {"summary", "after-action", "script"}
    for paper in await papers(game, "duty"):
        text = await api.get(paper["markdown"], "duty")
        assert text.status_code == 200
        assert text.text.startswith("# 【演练】")
        word = await api.get(paper["docx"], "duty")
        assert word.content.startswith(b"PK")
    report = (await api.get(f"{BASE}/drills/{game.number}/papers/after-action.zh.md", "duty")).text
    assert "电话占线" in report
    assert "加一部电话" in report
    figures = (await api.get(f"{BASE}/drills/figures", "duty")).json()
    assert [one["improvement"]["text"] for one in figures["improvements"]] == ["加一部电话"]
    assert game.number in figures["clauses"]["3.2.2(1)"]
    await game.done("complete", DIRECTOR, improvement="i1", day="2026-12-01")
    assert (await api.get(f"{BASE}/drills/figures", "duty")).json()["improvements"] == []


async def papers(game: Game, seat: str) -> list[dict[str, Any]]:
    answer = await game.api.get(f"{BASE}/drills/{game.number}/papers", seat)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_anyone_suspends_every_drill_and_is_sent_to_the_real_thing(api: Api) -> None:
    games = [await opened(api), await opened(api)]
    await games[0].done("start")
    answer = await api.post(f"{BASE}/drills/suspend", {"reason": "真实报告"}, "county-health")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["live_intake"] == "/api/v1/incidents"
    assert all(found["drills"].values())
    for game in games:
        assert found["drills"][game.number]
        seen = await game.seen("duty")
        assert (seen["mode"], seen["suspended"]) == ("suspended", "真实报告")
        assert seen["live_intake"] == "/api/v1/incidents"
    told = (await api.get(f"{BASE}/inbox", "duty")).json()["items"]
    assert {one["incident"] for one in told if "实战" in one["title"]["zh"]} >= {
        game.number for game in games
    }
    message = next(one for one in told if one["incident"] == games[0].number)
    answer = await api.post(f"{BASE}/inbox/{message['id']}/read", None, "duty")
    assert answer.status_code == 204
    await games[0].done("resume")
    assert (await games[0].seen())["mode"] == "running"
    await games[0].done("end")


async def test_a_terminal_directs_a_drill_too(api: Api, tmp_path: Path) -> None:
    credentials = {"credentials": [{"seat": DIRECTOR, "body": "-", "token": STAFF[DIRECTOR]}]}
    (tmp_path / "credentials.json").write_text(json.dumps(credentials))
    (tmp_path / "short.yaml").write_text(SHORT, encoding="utf-8")
    options = ["--url", str(api.client.base_url), "--data", str(tmp_path)]

    async def run(*arguments: str, code: int = 0) -> str:
        result = await asyncio.to_thread(
            CliRunner().invoke, command, [*arguments, *options], catch_exceptions=False
        )
        assert result.exit_code == code, result.output
        return str(result.output)

    said = await run("open", str(tmp_path / "short.yaml"), "--player", "duty=张三")
    number = said.split()[0]
    assert "（按脚本）" in said
    assert "running" in await run("order", number, "start", "minutes_per_hour=60")
    await run("order", number, "advance", "by=PT2M", "through=true")
    shown = json.loads(await run("show", number))
    assert shown["drill"] == number
    assert "第77条" in await run("order", number, "deliver", "number=77", code=1)
    assert "no order" in await run("order", number, "explode", code=2)
    assert "实战" in await run("suspend", "真实报告")
    await run("order", number, "end")
    (tmp_path / "credentials.json").unlink()
    assert "holds no token" in await run("show", number, code=2)
