"""The watchdog: what it finds, whom it tells, and that nothing that is down silences it."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.outward.providers import channels_of
from commands.database import CannotTell
from commands.rounds import Rounds
from commands.watching import AGAIN, Watchdog, operator_of
from domain.incident.commands import Dismiss, Verify
from domain.incident.engine import decide
from embedded import binaries, ports
from embedded.supervisor import Supervisor
from embedded.temporal import TIME_SKIPPING, Temporal, ensure_namespace, ensure_search_attributes
from settings import Settings, SmtpProvider
from store import alarms, journal, outbox, watchdog
from store.pool import Pool, open_pool
from store.watchdog import GRACE, INTAKE
from tests.activities.conftest import Postbox, postbox
from tests.activities.receiver import Receiver, receiving, reply
from tests.commands.test_record import Ended, yaoan
from tests.conftest import SPACE, Clone, Database
from tests.store.conftest import NOW, Tell, plan, tell
from tests.store.telling import record
from tests.workflows.conftest import opening
from tests.workflows.harness import IncidentDriver, number, working
from workflows.contracts import SEARCH_ATTRIBUTES

__all__ = ["plan", "postbox", "tell"]  # fixtures of others

QUEUE = "q-watchdog"


@pytest.fixture(scope="module")
async def keeper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Supervisor]:
    """Keeps the module's own Temporal running."""
    keeper = Supervisor(tmp_path_factory.mktemp("records"), lambda name, event: None)
    yield keeper
    await keeper.stop()


@pytest.fixture(scope="module")
async def temporal(keeper: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Temporal:
    """A server of the module's own: other tests' incidents are on no board of ours."""
    port = ports.choose({"Temporal": ("", 0)})["Temporal"]
    server = Temporal(binaries.find().temporal, port, SPACE, dynamic_config=TIME_SKIPPING)
    log = tmp_path_factory.mktemp("temporal") / "log"
    await keeper.start(server.program(log), server.ready, 60)
    client = await server.connect()
    await ensure_namespace(client)
    await ensure_search_attributes(client, SEARCH_ATTRIBUTES)
    return server


@pytest.fixture(scope="module")
async def client(temporal: Temporal) -> Client:
    return await temporal.connect()


@pytest.fixture
async def postgres(clone_database: Clone) -> Database:
    """A database for each test."""
    return await clone_database()


@pytest.fixture
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    opened = await open_pool(postgres.application_url, postgres.space)
    yield opened
    opened.terminate()


@pytest.fixture
async def worker(client: Client, pool: Pool) -> AsyncIterator[None]:
    """A worker, and in the end no incident that the next test's board would not show."""
    async with working(client, pool, QUEUE):
        yield
    await end_all(client)


async def end_all(client: Client) -> None:
    """Leave no incident running, and let the server's lists say so."""
    running = "ExecutionStatus = 'Running'"
    while found := [one async for one in client.list_workflows(running)]:
        for one in found:
            await client.get_workflow_handle(one.id).terminate()
        await asyncio.sleep(0.05)


@asynccontextmanager
async def elsewhere(space: str = SPACE) -> AsyncIterator[Client]:
    """A client of a Temporal that is not there."""
    port = ports.choose({"nothing": ("", 0)})["nothing"]
    yield await Client.connect(
        f"127.0.0.1:{port}", namespace=space, data_converter=pydantic_data_converter, lazy=True
    )


@contextmanager
def hanging(keeper: Supervisor) -> Iterator[None]:
    """Within this, the module's Temporal takes connections and answers nothing."""
    pid = keeper.pid("temporal")
    assert pid is not None
    server = psutil.Process(pid)
    server.suspend()
    try:
        yield
    finally:
        server.resume()


def rounds_of(pool: Pool, client: Client, queue: str = QUEUE) -> Rounds:
    made = Rounds(pool, client, queue)
    made.patience = 0.5
    return made


def kinds(found: Any) -> set[tuple[str, str | None]]:
    """What was found, about which incident."""
    return {(one.kind, one.incident) for one in found.findings}


def wall() -> datetime:
    return datetime.now(UTC)


# --- one look ---


@pytest.mark.usefixtures("worker")
async def test_a_stack_at_work_is_well(pool: Pool, client: Client) -> None:
    incident = IncidentDriver(client, pool, number(), queue=QUEUE)
    await incident.start(opening(incident.number))
    await incident.settled()
    seen = await rounds_of(pool, client).look(wall())
    assert (seen.findings, seen.unseen) == ((), frozenset())
    assert seen.well


@pytest.mark.usefixtures("worker")
async def test_a_queue_at_which_nobody_asks_is_found(pool: Pool, client: Client) -> None:
    seen = await rounds_of(pool, client, "q-nobody").look(wall())
    assert kinds(seen) == {("worker", None)}
    assert seen.unseen == {"journal_behind"}


@pytest.mark.usefixtures("worker")
async def test_a_workflow_that_is_not_on_the_board_is_found_after_a_grace(
    pool: Pool, client: Client
) -> None:
    incident = IncidentDriver(client, pool, number(), queue="q-nobody-works-here")
    await incident.start(opening(incident.number))
    while not [one async for one in client.list_workflows("ExecutionStatus = 'Running'")]:
        await asyncio.sleep(0.05)
    rounds = rounds_of(pool, client)
    assert ("not_on_board", incident.number) not in kinds(await rounds.look(wall()))
    assert kinds(await rounds.look(wall() + GRACE)) == {("not_on_board", incident.number)}


@pytest.mark.usefixtures("worker")
async def test_an_open_incident_without_a_workflow_is_found(
    pool: Pool, client: Client, tell: Tell
) -> None:
    story = await record(pool, tell(at=wall()))
    seen = await rounds_of(pool, client).look(wall())
    assert kinds(seen) == {("no_workflow", story.incident)}


@pytest.mark.usefixtures("worker")
async def test_an_ended_incident_needs_no_workflow(pool: Pool, client: Client, tell: Tell) -> None:
    story = tell(at=wall())
    story.do(Dismiss(reasons="误报"))
    assert story.state.phase == "dismissed"
    await record(pool, story)
    assert ("no_workflow", story.incident) not in kinds(await rounds_of(pool, client).look(wall()))


@pytest.mark.usefixtures("worker")
async def test_a_record_that_holds_something_else_is_found_twice_over(
    pool: Pool, client: Client
) -> None:
    incident = IncidentDriver(client, pool, number(), queue=QUEUE)
    await incident.start(opening(incident.number))
    await incident.settled()
    forged = decide(
        incident.plan,
        await incident.state(),
        await incident.envelope(Verify(outcome="confirmed", text="属实"), request="forged"),
        await incident.now(),
    )
    await journal.append(pool, SPACE, incident.number, None, forged)
    await incident.send(Verify(outcome="confirmed", text="确认"))
    await incident.settled()
    assert (await incident.overview()).journal == "diverged"
    # The server's lists follow a moment later.
    query = "YaoanJournal = 'diverged'"
    while not [one async for one in client.list_workflows(query)]:
        await asyncio.sleep(0.05)

    seen = await rounds_of(pool, client).look(wall())

    assert kinds(seen) == {("journal_behind", incident.number), ("alarm", incident.number)}


@pytest.mark.usefixtures("worker")
async def test_a_record_behind_its_workflow_is_found_though_it_says_it_is_current(
    postgres: Database, pool: Pool, client: Client
) -> None:
    incident = IncidentDriver(client, pool, number(), queue=QUEUE)
    await incident.start(opening(incident.number))
    await incident.settled()
    root = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    await root.execute("ALTER TABLE event DISABLE TRIGGER ALL")
    await root.execute("DELETE FROM event WHERE seq = $1", (await incident.state()).seq)
    await root.close()

    assert kinds(await rounds_of(pool, client).look(wall())) == {
        ("journal_behind", incident.number)
    }


@pytest.mark.usefixtures("worker")
async def test_every_incident_has_its_turn_to_be_compared(
    pool: Pool, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.rounds.COMPARED", 1)
    drivers = [IncidentDriver(client, pool, number(), queue=QUEUE) for _ in range(3)]
    for incident in drivers:
        await incident.start(opening(incident.number))
        await incident.settled()
    rounds = rounds_of(pool, client)
    for _ in drivers:
        assert (await rounds.look(wall())).well
    assert rounds.turns == {one.number: turn for turn, one in enumerate(drivers, start=1)}


async def test_while_temporal_hangs_the_record_is_still_looked_at(
    pool: Pool, client: Client, keeper: Supervisor, tell: Tell
) -> None:
    story = await record(pool, tell(at=NOW))
    due = story.state.open_clocks[0].due
    began = time.monotonic()
    with hanging(keeper):
        seen = await rounds_of(pool, client).look(due + GRACE)
    assert time.monotonic() - began < 20
    assert {("temporal", None), ("clock_missed", story.incident)} <= kinds(seen)
    assert {"not_on_board", "no_workflow", "journal_behind"} <= seen.unseen
    assert "clock_missed" not in seen.unseen


@pytest.mark.usefixtures("worker")
async def test_while_postgresql_is_down_temporal_is_still_looked_at(client: Client) -> None:
    port = ports.choose({"nothing": ("", 0)})["nothing"]
    pool = await open_pool(f"postgresql://yaoan_app:x@127.0.0.1:{port}/yaoan", SPACE)
    seen = await rounds_of(pool, client).look(wall())
    pool.terminate()
    assert kinds(seen) == {("postgresql", None)}
    assert {"clock_missed", "notice_stuck", "alarm", "intake_waiting"} <= seen.unseen
    assert "worker" not in seen.unseen


@pytest.mark.usefixtures("worker")
async def test_a_check_that_takes_too_long_stops_no_other(
    postgres: Database, pool: Pool, client: Client, tell: Tell
) -> None:
    await alarms.raise_alarm(
        pool, kind="journal_diverged", incident="GQ-A", seq=1, detail="x", at=wall()
    )
    root = await asyncpg.connect(
        postgres.superuser_url, server_settings={"search_path": postgres.space}
    )
    rounds = rounds_of(pool, client)
    rounds.check_seconds = 1.0
    async with root.transaction():
        await root.execute("LOCK TABLE notice IN ACCESS EXCLUSIVE MODE")
        seen = await rounds.look(wall())
    await root.close()
    assert kinds(seen) == {("unchecked", None), ("alarm", "GQ-A")}
    assert [one.ref for one in seen.findings if one.kind == "unchecked"] == ["notices"]
    assert seen.unseen == {"notice_stuck", "notice_overdue"}


# --- telling of it ---


class Office:
    """A watchdog on a database that nothing else uses, and a clock that the test turns."""

    def __init__(self, pool: Pool, client: Client, queue: str = QUEUE, **settings: Any) -> None:
        self.pool = pool
        self.now = NOW
        self.config = Settings(**settings)
        self.dog = Watchdog(
            self.config,
            rounds_of(pool, client, queue),
            pool,
            operator_of(self.config),
            lambda: self.now,
        )

    async def after(self, passed: timedelta) -> list[dict[str, Any]]:
        """One round, so much later; what it logged of findings."""
        self.now += passed
        with capture_logs() as logged:
            await self.dog.round()
        return [dict(entry) for entry in logged if entry["event"] in ("wrong", "well again")]

    def value(self, name: str, **labels: str) -> float | None:
        """A metric of its own."""
        return self.dog.registry.get_sample_value(f"yaoan_watchdog_{name}", labels)


def mail_to_operator(box: Postbox) -> dict[str, Any]:
    provider = SmtpProvider(host="127.0.0.1", port=box.port, security="none", timeout=5)
    return {
        "channels": {"alarm-mail": provider.model_dump(exclude_none=True)},
        "operator_channel": "alarm-mail",
        "operator_to": "operator@county.invalid",
    }


def text(box: Postbox) -> str:
    """The newest mail's subject and text."""
    part = box.mails[-1].get_body()
    assert part is not None
    return f"{box.mails[-1]['Subject']}\n{part.get_content()}"


@pytest.mark.usefixtures("worker")
async def test_each_change_is_logged_once_and_counted(pool: Pool, client: Client) -> None:
    office = Office(pool, client)
    assert await office.after(timedelta()) == []
    assert office.value("findings", kind="intake_waiting") == 0.0
    assert office.value("complete") == 1.0

    await outbox.put(pool, "GQ-W", {"drug": "刺五加注射液"}, office.now)
    [new] = await office.after(INTAKE)
    assert new == {
        "event": "wrong",
        "log_level": "error",
        "kind": "intake_waiting",
        "incident": "GQ-W",
        "since": NOW.isoformat(),
        "seconds": 60,
    }
    assert office.value("findings", kind="intake_waiting") == 1.0
    assert office.value("last_run_timestamp_seconds") == office.now.timestamp()
    kept = await watchdog.last_run(pool)
    assert kept is not None
    assert (kept.at, kept.findings["intake_waiting"], kept.findings["worker"]) == (office.now, 1, 0)

    assert await office.after(timedelta(seconds=30)) == []
    await outbox.mark_started(pool, "GQ-W", office.now)
    [gone] = await office.after(timedelta(seconds=30))
    assert (gone["event"], gone["log_level"], gone["incident"]) == ("well again", "info", "GQ-W")
    assert gone["seconds"] == 120
    assert office.value("findings", kind="intake_waiting") == 0.0


async def test_what_cannot_be_looked_at_is_not_taken_for_mended(pool: Pool, client: Client) -> None:
    office = Office(pool, client, "q-nobody")
    await outbox.put(pool, "GQ-W", {}, NOW - INTAKE)
    await office.after(timedelta())
    assert office.value("findings", kind="intake_waiting") == 1.0

    # Nothing can be asked of the record any more.
    pool.terminate()
    logged = await office.after(timedelta(minutes=1))

    assert [(entry["event"], entry["kind"]) for entry in logged] == [("wrong", "postgresql")]
    assert office.value("findings", kind="intake_waiting") == 1.0
    assert office.value("complete") == 0.0


@pytest.mark.usefixtures("worker")
async def test_the_operator_hears_of_what_is_new_and_of_what_lasts_once_an_hour(
    pool: Pool, client: Client, postbox: Postbox
) -> None:
    office = Office(pool, client, **mail_to_operator(postbox))
    await office.after(timedelta())
    assert postbox.mails == []

    await outbox.put(pool, "GQ-W", {}, NOW)
    await outbox.put(pool, "GQ-V", {}, NOW)
    await office.after(INTAKE)
    assert len(postbox.mails) == 1
    assert postbox.mails[0]["To"] == "operator@county.invalid"
    assert "2项异常" in text(postbox)
    assert "接报后流程尚未启动:GQ-W,已1分钟" in text(postbox)
    assert "a report waits to be started: GQ-V, for 1 min" in text(postbox)

    await office.after(AGAIN - timedelta(seconds=1))
    assert len(postbox.mails) == 1
    await outbox.mark_failed(pool, "GQ-V", "does not parse")
    await office.after(timedelta())
    # One is new; the other is not due again yet.
    assert len(postbox.mails) == 2
    assert "接报后流程无法启动:GQ-V" in text(postbox)
    assert "GQ-W" not in text(postbox)
    await office.after(timedelta(seconds=1))
    assert len(postbox.mails) == 3
    assert "GQ-W,已61分钟" in text(postbox)
    assert "GQ-V" not in text(postbox)

    await outbox.mark_started(pool, "GQ-W", office.now)
    await office.after(timedelta(seconds=30))
    assert len(postbox.mails) == 3
    await outbox.mark_started(pool, "GQ-V", office.now)
    await office.after(timedelta(seconds=30))
    await office.after(timedelta(seconds=30))
    assert len(postbox.mails) == 4
    assert "已恢复正常" in text(postbox)
    keys = {mail["X-Yaoan-Key"] for mail in postbox.mails}
    assert len(keys) == 4


@pytest.mark.usefixtures("worker")
async def test_what_comes_back_is_news_again(pool: Pool, client: Client, postbox: Postbox) -> None:
    office = Office(pool, client, **mail_to_operator(postbox))
    await alarms.raise_alarm(
        pool, kind="journal_diverged", incident="GQ-A", seq=1, detail="x", at=NOW
    )
    await outbox.put(pool, "GQ-W", {}, NOW - INTAKE)
    await office.after(timedelta())
    assert len(postbox.mails) == 1
    # One finding goes while another stays, and comes back within the hour.
    office.now += AGAIN
    await office.after(timedelta())
    assert "GQ-A" not in text(postbox)
    office.now -= AGAIN
    await office.after(timedelta(minutes=1))
    assert len(postbox.mails) == 3
    assert "GQ-A" in text(postbox)
    assert "GQ-W" not in text(postbox)


@pytest.mark.usefixtures("worker")
async def test_an_alarm_that_nobody_took_is_sent_again_in_the_next_round(
    pool: Pool, client: Client, postbox: Postbox
) -> None:
    office = Office(pool, client, **mail_to_operator(postbox))
    await outbox.put(pool, "GQ-W", {}, NOW - INTAKE)
    postbox.answers = ["451 later", "554 never"]
    for _ in range(2):
        await office.after(timedelta(seconds=30))
        assert postbox.mails == []
        assert office.value("findings", kind="intake_waiting") == 1.0
    await office.after(timedelta(seconds=30))
    assert len(postbox.mails) == 1
    assert "GQ-W" in text(postbox)


@pytest.mark.usefixtures("worker")
async def test_an_alarm_names_neither_drug_nor_place_nor_people(
    pool: Pool, client: Client, postbox: Postbox, tell: Tell
) -> None:
    office = Office(pool, client, **mail_to_operator(postbox))
    story = await record(pool, tell(drug="刺五加注射液", place="县医院"))
    first = story.state.open_clocks[0]
    logged = await office.after(first.due + GRACE - NOW)
    told = text(postbox)
    assert f"{first.id}({first.clause}),已2分钟" in told
    assert story.incident in told
    for word in ("刺五加", "县医院", "6人", "张三"):
        assert word not in told
        assert word not in str(logged)


@pytest.mark.usefixtures("worker")
async def test_many_findings_are_one_message(pool: Pool, client: Client, postbox: Postbox) -> None:
    office = Office(pool, client, **mail_to_operator(postbox))
    for one in range(30):
        await outbox.put(pool, f"GQ-{one:02}", {}, NOW - INTAKE)
    await office.after(timedelta())
    assert len(postbox.mails) == 1
    assert "30项异常" in text(postbox)
    assert "另有10项" in text(postbox)


@pytest.fixture
async def listener() -> AsyncIterator[Receiver]:
    """Whoever waits for the heartbeat."""
    async with receiving() as receiver:
        yield receiver


@pytest.mark.usefixtures("worker")
async def test_the_heartbeat_beats_only_while_all_is_well(
    pool: Pool, client: Client, listener: Receiver
) -> None:
    office = Office(pool, client, heartbeat_url=SecretStr(f"{listener.url}/beat/secret"))
    await office.after(timedelta())
    assert [(one.target, one.body) for one in listener.requests] == [("/beat/secret", b"")]

    await outbox.put(pool, "GQ-W", {}, NOW - INTAKE)
    await office.after(timedelta(seconds=30))
    assert len(listener.requests) == 1
    await outbox.mark_started(pool, "GQ-W", NOW)
    await office.after(timedelta(seconds=30))
    assert len(listener.requests) == 2


async def test_the_heartbeat_is_silent_when_not_everything_could_be_looked_at(
    pool: Pool, listener: Receiver
) -> None:
    async with elsewhere() as nowhere:
        office = Office(pool, nowhere, heartbeat_url=SecretStr(listener.url))
        await office.after(timedelta())
    assert office.value("findings", kind="temporal") == 1.0
    assert listener.requests == []


@pytest.mark.usefixtures("worker")
async def test_a_heartbeat_that_is_refused_or_hangs_stops_nothing(
    pool: Pool, client: Client, listener: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commands.watching.HEARTBEAT_SECONDS", 0.3)
    listener.answers = [reply(500), "hang"]
    office = Office(pool, client, heartbeat_url=SecretStr(f"{listener.url}/secret"))
    for words in ("refused", "nobody"):
        with capture_logs() as logged:
            await office.dog.round()
        [said] = [entry for entry in logged if "heartbeat" in entry["event"]]
        assert words in said["event"]
        assert "secret" not in str(said)
    await office.after(timedelta())
    assert len(listener.requests) == 3


@pytest.mark.usefixtures("worker")
async def test_from_an_exercise_nothing_reaches_the_outside(
    pool: Pool, client: Client, postbox: Postbox, listener: Receiver
) -> None:
    office = Office(
        pool,
        client,
        space="drill",
        heartbeat_url=SecretStr(listener.url),
        **mail_to_operator(postbox),
    )
    assert channels_of(office.config) == {}
    await office.after(timedelta())
    assert office.value("complete") == 1.0
    assert listener.requests == []

    await outbox.put(pool, "GQ-W", {}, NOW - INTAKE)
    await office.after(timedelta(seconds=30))
    assert office.value("findings", kind="intake_waiting") == 1.0
    assert postbox.mails == []


def test_an_operator_who_cannot_be_reached_is_an_error_at_the_start() -> None:
    with pytest.raises(CannotTell, match="names pager, which is no channel"):
        operator_of(Settings(operator_channel="pager", operator_to="x"))
    config = Settings(smtp_host="127.0.0.1", operator_channel="mail")
    with pytest.raises(CannotTell, match="YAOAN_OPERATOR_TO is missing"):
        operator_of(config)
    assert operator_of(Settings()) is None


# --- as a program ---


def environment(postgres: Database, temporal: Temporal, **more: str) -> dict[str, str]:
    return {
        "YAOAN_DATABASE_URL": postgres.application_url,
        "YAOAN_TASK_QUEUE": QUEUE,
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": SPACE,
        **more,
    }


@pytest.mark.usefixtures("worker")
async def test_once_ends_with_0_1_or_2(
    postgres: Database, pool: Pool, temporal: Temporal, listener: Receiver, tmp_path: Path
) -> None:
    known = environment(postgres, temporal, YAOAN_HEARTBEAT_URL=listener.url)
    assert await yaoan("watchdog", "--once", **known) == Ended(0, "", "")
    assert len(listener.requests) == 1

    await outbox.put(pool, "GQ-W", {}, wall() - INTAKE)
    found = await yaoan("watchdog", "--once", **known)
    assert found.status == 1
    assert found.out.startswith("接报后流程尚未启动:GQ-W,已1分钟")
    assert found.out.count("\n") == 1
    assert json.loads(found.err)["kind"] == "intake_waiting"
    assert len(listener.requests) == 1

    for ended, words in [
        (await yaoan("watchdog", "--once", "--data", str(tmp_path)), "start it with `yaoan up`"),
        (
            await yaoan("watchdog", **{**known, "YAOAN_OPERATOR_CHANNEL": "pager"}),
            "which is no channel",
        ),
    ]:
        assert (ended.status, ended.out) == (2, "")
        assert words in ended.err
        assert ended.err.count("\n") == 1


async def test_once_says_what_is_down(postgres: Database) -> None:
    known = {"YAOAN_DATABASE_URL": postgres.application_url, "TEMPORAL_ADDRESS": "127.0.0.1:1"}
    ended = await yaoan("watchdog", "--once", **known)
    assert ended.status == 1
    assert "Temporal does not answer" in ended.out


@asynccontextmanager
async def started(
    known: dict[str, str], *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``yaoan watchdog`` as the supervisor runs it."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("YAOAN_", "TEMPORAL_"))
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        "watchdog",
        *arguments,
        env=kept | known,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """Wait for a line of the log."""
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while line := await process.stderr.readline():
            entry: dict[str, Any] = json.loads(line)
            if entry["event"] == event:
                return entry
    raise AssertionError(f"{event} was not said")


@pytest.mark.usefixtures("worker")
async def test_it_looks_again_and_again_until_it_is_told_to_stop(
    postgres: Database, pool: Pool, temporal: Temporal
) -> None:
    port = ports.choose({"metrics": ("", 0)})["metrics"]
    known = environment(postgres, temporal, YAOAN_WATCHDOG_SECONDS="0.2")
    async with started(known, "--metrics-port", str(port)) as process:
        await said(process, "watching")
        await outbox.put(pool, "GQ-W", {}, wall() - INTAKE)
        entry = await said(process, "wrong")
        assert (entry["level"], entry["kind"], entry["incident"]) == (
            "error",
            "intake_waiting",
            "GQ-W",
        )
        async with httpx.AsyncClient(trust_env=False) as web:
            metrics = (await web.get(f"http://127.0.0.1:{port}/metrics")).text
        assert 'yaoan_watchdog_findings{kind="intake_waiting"} 1.0' in metrics
        listening = {
            one.laddr.ip
            for one in psutil.Process(process.pid).net_connections("inet")
            if one.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}
        # Light enough to stand beside everything else.
        assert psutil.Process(process.pid).memory_info().rss < 150e6
        await outbox.mark_started(pool, "GQ-W", wall())
        assert (await said(process, "well again"))["incident"] == "GQ-W"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
