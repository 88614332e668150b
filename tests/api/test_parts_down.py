"""Parts that die: what still works, what is told, and that nothing acknowledged is lost.

Every part is a real process that is really killed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from store import outbox
from store.pool import open_pool
from tests.api.conftest import TOKENS, know_tokens, settings_for
from tests.api.driver import REPORT, Api, key, refused, serving
from tests.api.stack import QUEUE, Stack
from tests.conftest import SPACE
from tests.workflows.harness import PLAN

VERIFY = {"decider": "county-msa", "outcome": "pending", "text": "待核实"}
NOT_OURS = {"decider": "county-culture", "outcome": "pending", "text": "x"}


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """All parts, running."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    await stack.prepare()
    await stack.start("worker")
    yield stack
    await stack.stop()


@pytest.fixture(scope="module")
async def api(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """The API before the stack."""
    pool = await open_pool(stack.database_url, SPACE)
    await know_tokens(pool)
    pool.terminate()
    settings = settings_for(stack.database_url, tmp_path_factory.mktemp("data"), QUEUE)
    app = create_app(settings, plan_in_force=PLAN, connect_temporal=stack.connect)
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        api = Api(client, TOKENS, app)
        await ready(api)
        yield api


@pytest.fixture(autouse=True)
async def _all_parts(api: Api) -> None:
    await ready(api)


async def eventually(what: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    """What ``what`` gives once it gives something."""
    async with asyncio.timeout(seconds):
        while not (found := await what()):
            await asyncio.sleep(0.1)
    return found


async def ready(api: Api) -> None:
    """Return when every part is ready, and does what it is there for."""

    async def ok() -> bool:
        if (await api.get("/readyz", None)).status_code != 200:
            return False
        # A killed worker stays in the server's list for a while; only work tells.
        return (await api.post("/incidents", REPORT)).json().get("receipt") is not None

    await eventually(ok)


async def parts(api: Api) -> tuple[int, dict[str, str]]:
    """What /readyz says."""
    answer = await api.get("/readyz", None)
    return answer.status_code, answer.json()["parts"]


# --- PostgreSQL ---


async def test_without_postgresql_commands_succeed_and_reads_say_so(api: Api, stack: Stack) -> None:
    incident = await api.open()
    theirs = await api.open("reporter")
    api.app.state.space.owners._known.clear()
    async with stack.without("postgres"):
        # Whose report it was stands in Temporal too.
        told = {"delivery": {"recipient": "county-health", "channel": "phone"}}
        given = await api.post(f"/incidents/{theirs}/give-report", told, "reporter")
        assert given.status_code == 200, given.text
        other = await api.post(f"/incidents/{incident}/give-report", told, "reporter")
        refused(other, 404, "no_incident")
        assert await parts(api) == (
            503,
            {"postgres": "unavailable", "temporal": "ok", "worker": "ok"},
        )
        done = await api.post(f"/incidents/{incident}/verify", VERIFY)
        assert done.status_code == 200, done.text
        refusal = await api.post(f"/incidents/{incident}/verify", NOT_OURS)
        refused(refusal, 403, "no_authority")
        body = {**REPORT, "caller": {**REPORT["caller"], "name": "来电人", "number": "0533-1"}}
        opened = await api.post("/incidents", body)
        assert opened.status_code == 201, opened.text
        assert "纸上" in opened.json()["warnings"][0]["zh"], "the vault is down too"
        for path in ("/incidents", f"/incidents/{incident}", "/inbox", "/audit/refusals"):
            problem = refused(await api.get(path), 503, "record_unavailable")
            assert problem["detail"].endswith("上报和办理不受影响。")
        # The call sheet prints from the incident itself.
        sheet = await api.get(opened.json()["call_sheet"])
        assert sheet.status_code == 200, sheet.text
        assert opened.json()["number"] in sheet.text
        refused(await api.post(f"/incidents/{incident}/persons", PERSON), 503, "record_unavailable")
        found = await api.get(f"/incidents/{incident}/requests/{done.json()['request_id']}")
        assert found.json()["receipt"] == done.json()["receipt"]
    for answer in (done, opened):
        await eventually(
            lambda answer=answer: _shows(api, answer.json()["receipt"])  # type: ignore[misc]
        )


PERSON = {"person": {"name": "患者甲"}}


async def _shows(api: Api, receipt: dict[str, Any]) -> bool:
    answer = await api.get(f"/incidents/{receipt['incident']}", params={"min_seq": receipt["last"]})
    return answer.status_code == 200


async def test_a_database_that_hangs_holds_no_report_up(api: Api, stack: Stack) -> None:
    incident = await api.open()
    body = {**REPORT, "caller": {**REPORT["caller"], "name": "来电人", "number": "0533-1"}}
    with stack.hanging("postgres"):
        began = time.monotonic()
        opened = await api.post("/incidents", body)
        assert opened.status_code == 201, opened.text
        assert "纸上" in opened.json()["warnings"][0]["zh"]
        done = await api.post(f"/incidents/{incident}/verify", VERIFY)
        assert done.status_code == 200, done.text
        assert time.monotonic() - began < 6
        refused(await api.post(f"/incidents/{incident}/verify", NOT_OURS), 403, "no_authority")
        assert time.monotonic() - began < 12
        refused(await api.get(f"/incidents/{incident}"), 503, "record_unavailable")
    await eventually(lambda: _shows(api, opened.json()["receipt"]))


async def test_tokens_are_known_without_a_database_even_after_a_restart(
    api: Api, stack: Stack, tmp_path: Path
) -> None:
    folder = api.app.state.space.settings.data_dir
    (tmp_path / "tokens-incidents.json").write_bytes(
        (folder / "tokens-incidents.json").read_bytes()
    )
    settings = settings_for(stack.database_url, tmp_path, QUEUE)
    async with stack.without("postgres"):
        app = create_app(settings, plan_in_force=PLAN, connect_temporal=stack.connect)
        async with (
            serving(app) as address,
            httpx.AsyncClient(base_url=address, timeout=30) as client,
        ):
            fresh = Api(client, TOKENS, app)
            assert (await fresh.get("/me", "county-health")).status_code == 200
            assert (await fresh.post("/incidents", REPORT)).status_code == 201
            unknown = await client.get("/api/v1/me", headers={"Authorization": "Bearer x"})
            refused(unknown, 401, "not_authenticated")


# --- no worker ---


async def test_without_a_worker_a_command_is_kept_and_its_outcome_told_later(
    api: Api, stack: Stack
) -> None:
    incident = await api.open()
    accepted, forbidden = key(), key()
    async with stack.without("worker"):
        began = time.monotonic()
        first = await api.post(f"/incidents/{incident}/verify", VERIFY, key=accepted)
        took = time.monotonic() - began
        assert first.status_code == 202, first.text
        assert took < 5
        assert first.headers["Location"] == first.json()["location"]
        second = await api.post(f"/incidents/{incident}/verify", NOT_OURS, key=forbidden)
        assert second.status_code == 202, "nobody could refuse it yet"
        again = await api.post(f"/incidents/{incident}/verify", VERIFY, key=accepted)
        assert again.status_code == 202
        pending = await api.get(first.json()["location"])
        assert pending.json()["status"] == "pending"
        opened = await api.post("/incidents", REPORT)
        assert opened.status_code == 201, "an intake is durable at once"
        assert opened.json()["receipt"] is None
        assert "回执" in opened.json()["warnings"][-1]["zh"]

    async def outcome(answer: httpx.Response) -> Any:
        found = (await api.get(answer.json()["location"])).json()
        return found if found["status"] != "pending" else None

    done = await eventually(lambda: outcome(first))
    assert done["status"] == "done"
    assert done["receipt"]["first"] <= done["receipt"]["last"]
    refusal = await eventually(lambda: outcome(second))
    assert refusal["status"] == "refused"
    assert (refusal["refusal"]["code"], refusal["refusal"]["status"]) == ("no_authority", 403)
    assert refusal["refusal"]["clause"]
    # The same request again tells the same: carried out once, refused once.
    told = await api.post(f"/incidents/{incident}/verify", VERIFY, key=accepted)
    assert told.json()["receipt"] == done["receipt"]
    refused(
        await api.post(f"/incidents/{incident}/verify", NOT_OURS, key=forbidden),
        403,
        "no_authority",
    )

    async def recorded() -> list[str] | None:
        # The incident answers for itself; the record follows.
        events = (await api.get(f"/incidents/{incident}/events", params={"limit": 200})).json()
        types = [event["type"] for event in events["items"]]
        return types if "command.refused" in types else None

    types = await eventually(recorded)
    assert types.count("report.verified") == 1
    assert types.count("command.refused") == 1
    await eventually(lambda: _opened(api, opened.json()["incident"]))


async def _opened(api: Api, incident: str) -> bool:
    return (await api.get(f"/incidents/{incident}")).status_code == 200


async def test_without_a_worker_an_ended_incident_takes_a_command_too(
    api: Api, stack: Stack
) -> None:
    incident = await api.open()
    await api.do(incident, "dismiss", {"decider": "county-msa", "reasons": "与药品无关"})
    # Whoever heard of it has to hear that it was nothing; then there is nothing left to do.
    await api.answer_all(incident)
    client = await stack.connect()
    await asyncio.wait_for(client.get_workflow_handle(incident).result(), 30)
    async with stack.without("worker"):
        answer = await api.post(
            f"/incidents/{incident}/reopen", {"decider": "county-msa", "reason": "又有病例"}
        )
        assert answer.status_code == 202, answer.text

    async def reopened() -> bool:
        return bool((await api.state(incident))["phase"] != "dismissed")

    await eventually(reopened)


# --- Temporal ---


async def test_without_temporal_a_report_is_kept_and_opened_later(api: Api, stack: Stack) -> None:
    incident, again = await api.open(), key()
    body = {**REPORT, "caller": {**REPORT["caller"], "name": "来电人", "number": "0533-1"}}
    async with stack.without("temporal"):
        began = time.monotonic()
        taken = await api.post("/incidents", body, key=again)
        took = time.monotonic() - began
        assert taken.status_code == 202, taken.text
        assert took < 8
        assert taken.json()["status"] == "pending"
        assert "电话报告单" in taken.json()["warnings"][0]["zh"]
        sheet = await api.get(taken.json()["call_sheet"])
        assert sheet.status_code == 200, "whom to call is known before the workflow runs"
        assert "市市场监管局" in sheet.text
        refused(await api.get(taken.json()["links"]["self"]), 503, "not_started_yet")
        began = time.monotonic()
        once_more = await api.post("/incidents", body, key=again)
        assert time.monotonic() - began < 1, "the breaker spares the second caller"
        assert once_more.status_code == 202
        assert once_more.json()["incident"] == taken.json()["incident"]
        refused(await api.post("/incidents", REPORT, key=again), 409, "request_reused")
        pending = await api.get(taken.headers["Location"])
        assert pending.json()["status"] == "pending", pending.text
        answer = await api.post(f"/incidents/{incident}/verify", VERIFY)
        problem = refused(answer, 503, "commands_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert "电话" in problem["detail"]
        assert (await api.get(f"/incidents/{incident}")).status_code == 200, "reads go on"
        status, found = await parts(api)
        assert (status, found["temporal"], found["postgres"]) == (503, "unavailable", "ok")
    number = taken.json()["incident"]
    await eventually(lambda: _opened(api, number))
    first = await api.post("/incidents", body, key=again)
    assert (first.status_code, first.json()["incident"]) == (200, number)
    assert (await api.state(number))["caller"]["person"].startswith("p-")
    pool = await open_pool(stack.database_url, SPACE)

    async def emptied() -> bool:
        return not await outbox.waiting(pool)

    await eventually(emptied)
    pool.terminate()


async def test_what_was_acknowledged_survives_the_death_of_every_part(
    api: Api, stack: Stack
) -> None:
    incident = await api.open()
    receipts: list[dict[str, Any]] = []

    async def talk() -> None:
        for n in range(40):
            body = {**VERIFY, "text": f"第{n}次核实"}
            answer = await api.post(f"/incidents/{incident}/verify", body)
            if answer.status_code == 200:
                receipts.append(answer.json()["receipt"])
            else:
                assert answer.status_code in (202, 503), answer.text

    talking = asyncio.create_task(talk())
    for part in ("postgres", "worker", "temporal"):
        await asyncio.sleep(0.3)
        async with stack.without(part):
            await asyncio.sleep(0.3)
    await talking
    await ready(api)
    last = max(receipts, key=lambda receipt: receipt["last"])
    await eventually(lambda: _shows(api, last))
    heads: dict[int, str] = {}
    after = 0
    while True:
        page = (
            await api.get(f"/incidents/{incident}/events", params={"after": after, "limit": 200})
        ).json()
        heads.update({event["seq"]: event["hash"] for event in page["items"]})
        if page["after"] is None:
            break
        after = page["after"]
    assert [heads[receipt["last"]] for receipt in receipts] == [r["head"] for r in receipts]


# --- both ---


async def test_without_both_the_answer_says_to_telephone(api: Api, stack: Stack) -> None:
    incident = await api.open()
    async with stack.without("worker", "temporal", "postgres"):
        answer = await api.post("/incidents", REPORT)
        problem = refused(answer, 503, "telephone")
        assert PLAN.body_by_id[PLAN.duty].name.zh in problem["detail"]
        assert "电话" in problem["detail"]
        assert "纸上" in problem["detail"]
        refused(
            await api.post(f"/incidents/{incident}/verify", VERIFY), 503, "commands_unavailable"
        )
        refused(await api.get(f"/incidents/{incident}"), 503, "record_unavailable")
        refused(await api.get(f"/incidents/{incident}/call-sheet"), 503, "record_unavailable")
        assert (await api.get("/healthz", None)).status_code == 200
        assert (await parts(api))[0] == 503
        assert (await api.get("/plan")).status_code == 200
