"""``yaoan up`` at a terminal: first start, again, killed, and what it says when it cannot."""

import hashlib
import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import psutil
import pytest

from api.examples import INTAKE
from domain.drill.play import STAFF_SEATS
from embedded import binaries, ports
from embedded.folder import ROLES, DataFolder
from embedded.postgres import Postgres
from embedded.problem import Problem
from embedded.stack import Options, Stack
from embedded.user import server_user
from tests.embedded.running import ANY_PORTS, DRILL_PARTS, PARTS, YAOAN, Running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack that several tests look at, none of which stops it."""
    with Running(tmp_path_factory.mktemp("office") / "data") as stack:
        yield stack.ready().drilling()
        assert stack.stop() == 0


@pytest.fixture
def run() -> Iterator[Callable[[Path], Running]]:
    """Starts a stack on a folder; whatever still runs in the end is killed."""
    with ExitStack() as stacks:
        yield lambda data: stacks.enter_context(Running(data))


def test_answers_on_loopback_alone(running: Running) -> None:
    assert running.get("/healthz").is_success
    assert running.get("/readyz").is_success
    page = running.get("/docs")
    assert page.is_success
    assert "swagger-ui" in page.text
    ui = next(line for line in running.lines if "temporal ui" in line).split()[-1]
    with httpx.Client(trust_env=False) as client:
        assert client.get(ui).is_success
    listening = {
        connection.laddr.ip
        for process in running.children()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening <= {"127.0.0.1", "::1"}


def test_each_seat_has_a_token_of_which_the_database_knows_the_digest(running: Running) -> None:
    credentials = running.credentials()
    assert (running.data / "credentials.json").stat().st_mode & 0o777 == 0o600
    seats = [(one["seat"], one["body"]) for one in credentials]
    assert len(set(seats)) == len(seats) > 20
    duty = next(one for one in credentials if one["seat"] == "duty")
    assert running.get("/api/v1/incidents").status_code == 401
    assert running.get("/api/v1/incidents", "yaoan_guessed").status_code == 401
    assert running.get("/api/v1/incidents", duty["token"]).is_success
    for path in running.data.rglob("*"):
        if path.is_file() and path.name != "credentials.json":
            assert duty["token"].encode() not in path.read_bytes(), path


async def test_the_database_holds_digests_alone(running: Running) -> None:
    passwords = json.loads((running.data / "secrets.json").read_text())["postgres_passwords"]
    address = next(line for line in running.lines if "postgresql  started on" in line).split()[-1]
    port = urlsplit(f"//{address}").port
    connection = await asyncpg.connect(
        host=ports.HOST,
        port=port,
        user="yaoan_app",
        password=passwords["yaoan_app"],
        database="yaoan",
    )
    try:
        real = await connection.fetch("SELECT digest FROM incidents.credential")
        drill = await connection.fetch("SELECT digest FROM drill.credential")
    finally:
        await connection.close()
    digests = {
        one["seat"]: hashlib.sha256(one["token"].encode()).hexdigest()
        for one in running.credentials()
    }
    assert {row["digest"] for row in drill} == set(digests.values())
    # Whoever directs exercises is nobody among real incidents.
    seats = {seat: digest for seat, digest in digests.items() if seat not in STAFF_SEATS}
    assert {row["digest"] for row in real} == set(seats.values())
    assert len(seats) == len(digests) - len(STAFF_SEATS)


def test_a_second_one_on_the_same_folder_is_refused(running: Running) -> None:
    second = subprocess.run(
        [str(YAOAN), "up", "--data", str(running.data), *ANY_PORTS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 2
    assert second.stdout == ""
    assert second.stderr == (
        f"yaoan: The data folder {running.data} is in use by a yaoan that is running "
        f"(process {running.process.pid}): stop that one, or choose another folder with --data.\n"
    )
    assert running.get("/healthz").is_success


def test_a_part_that_is_killed_comes_back(running: Running) -> None:
    for name in PARTS + DRILL_PARTS:
        killed = running.child(name)
        killed.kill()
        running.said(f"{name:<11} ended (SIGKILL); starting it again")
        running.said(f"{name:<11} runs again")
        assert running.child(name).pid != killed.pid
    assert running.get("/readyz").is_success
    assert running.get("/drill/readyz").is_success


def test_what_a_drill_need_not_know_it_is_not_told(tmp_path: Path) -> None:
    mail = '{"group": {"kind": "smtp", "host": "mail.invalid", "password": "of-the-mail-server"}}'
    with Running(tmp_path / "data", YAOAN_CHANNELS=mail, YAOAN_SMTP_HOST="mail.invalid") as stack:
        stack.ready().drilling()
        live, drill = stack.child("worker").environ(), stack.child("worker-drill").environ()
        assert stack.stop() == 0
    assert live["YAOAN_CHANNELS"] == mail
    assert (live["YAOAN_SPACE"], drill["YAOAN_SPACE"]) == ("incidents", "drill")
    assert live["TEMPORAL_ADDRESS"] != drill["TEMPORAL_ADDRESS"]
    assert not [name for name in drill if name.startswith(("YAOAN_CHANNELS", "YAOAN_SMTP"))]


def test_a_drill_server_that_cannot_run_takes_nobody_with_it(
    tmp_path: Path, run: Callable[[Path], Running]
) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.open()
    folder.close()
    damaged = folder.temporal("drill")
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 8176)
    stack = run(folder.root).ready()
    # More deaths than any other part is allowed, before and after it goes on.
    for _ in range(3):
        said = stack.said("temporal-drill cannot be used")
        assert "starting it again in" in said
        assert str(damaged) in said or str(folder.logs / "temporal-drill.log") in said
    duty = stack.token("duty")
    assert stack.post("/api/v1/incidents", duty, "a-real-one", INTAKE).status_code == 201
    ready = stack.get("/readyz")
    assert ready.is_success
    assert ready.json()["drill"]["temporal"] == "unavailable"
    assert stack.get("/drill/readyz").status_code == 503
    assert stack.process.poll() is None
    assert stack.stop() == 0


def test_carries_on_after_ctrl_c_and_after_a_kill(
    tmp_path: Path, run: Callable[[Path], Running]
) -> None:
    data = tmp_path / "data"
    first = run(data).ready().drilling()
    duty = first.token("duty")
    drilled = first.post("/drill/api/v1/incidents", duty, "first-drill", INTAKE)
    assert drilled.status_code == 201, drilled.text
    drill = f"/drill/api/v1/incidents/{drilled.json()['incident']}"
    assert first.get(f"{drill}?min_seq=1", duty).is_success
    taken = first.post("/api/v1/incidents", duty, "first-call", INTAKE)
    assert taken.status_code == 201, taken.text
    incident = taken.json()["incident"]
    below = first.children()
    assert len(below) > len(PARTS)
    # As through make: the terminal's signal and make's own are one request, not two.
    first.process.send_signal(signal.SIGTERM)
    assert first.stop(signal.SIGINT) == 0
    assert not any("killed" in line for line in first.lines)
    stopped = [line.split()[1] for line in first.lines if line.endswith("stopped")]
    assert stopped[:2] == ["worker-drill", "temporal-drill"]
    assert stopped[2:] == ["watchdog", "api", "worker", "temporal", "postgresql"]
    assert not any(process.is_running() for process in below)
    assert list((data / "run").glob("*.json")) == []

    second = run(data).ready()
    assert second.token("duty") == duty
    seen = second.get(f"/api/v1/incidents/{incident}/events", duty)
    assert seen.is_success
    assert seen.json()["items"]
    again = second.get(drill, duty)
    assert again.json()["state"]["incident"] == drilled.json()["incident"]
    below = second.children()
    second.stop(signal.SIGKILL)
    _, alive = psutil.wait_procs(below, timeout=20)
    assert alive == []

    (data / "credentials.json").unlink()
    third = run(data).ready()
    third.drilling()
    for base in ("/api/v1", "/drill/api/v1"):
        assert third.get(f"{base}/incidents", duty).status_code == 401
    duty = third.token("duty")
    assert third.get("/readyz").is_success
    again = third.get(f"/api/v1/incidents/{incident}/events", duty)
    assert again.json() == seen.json()
    assert third.stop(signal.SIGTERM) == 0


def test_stops_while_it_is_starting(tmp_path: Path, run: Callable[[Path], Running]) -> None:
    starting = run(tmp_path / "data")
    starting.said("started on")
    below = starting.children()
    assert starting.stop() == 0
    assert not any(process.is_running() for process in below)


def test_a_port_in_use_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    with socket.create_server((ports.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        command = [str(YAOAN), "up", "--data", str(tmp_path / "data"), *ANY_PORTS]
        done = subprocess.run(
            [*command, "--temporal-port", str(port)], capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"yaoan: Port {port} for the Temporal server is in use by another program: stop that "
        "one, or choose another with --temporal-port.\n"
    )


async def refused(data: Path) -> str:
    """What is said when the stack cannot start on ``data``."""
    stack = Stack(Options(data, 0, 0, 0, 0), lambda name, event: None)
    try:
        with pytest.raises(Problem) as problem:
            await stack.start()
    finally:
        await stack.stop()
    assert problem.value.status == 2
    return str(problem.value)


@pytest.fixture
def used(tmp_path: Path) -> DataFolder:
    """A data folder that has a database."""
    folder = DataFolder(tmp_path / "data")
    folder.open()
    passwords = folder.passwords()
    folder.ensure_vault_key()
    user = server_user(folder.postgres)
    programs = binaries.reachable(binaries.find().postgres, user, folder.run / "binaries")
    server = Postgres(programs, folder.postgres, folder.sockets, 0, passwords, user)
    assert server.initialise(durable=False)
    folder.close()
    return folder


async def test_a_folder_that_is_no_database_is_named(used: DataFolder) -> None:
    (used.postgres / "PG_VERSION").write_text("15\n")
    assert "was made by PostgreSQL 15" in await refused(used.root)
    (used.postgres / "PG_VERSION").unlink()
    assert "it is no PostgreSQL database" in await refused(used.root)


async def test_damaged_database_files_are_named_with_the_log(used: DataFolder) -> None:
    control = used.postgres / "global" / "pg_control"
    control.write_bytes(b"\0" * control.stat().st_size)
    sentence = await refused(used.root)
    assert sentence.startswith("postgresql ended")
    assert str(used.logs / "postgresql.log") in sentence


async def test_a_damaged_temporal_database_is_named(used: DataFolder) -> None:
    path = used.temporal("incidents")
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 8176)
    assert f"{path} is damaged" in await refused(used.root)
    assert path.stat().st_size == 8192


async def test_passwords_of_another_database_are_named(used: DataFolder) -> None:
    (used.root / "secrets.json").unlink()
    other = DataFolder(used.root / "other")
    other.open()
    other.passwords()
    other.close()
    (other.root / "secrets.json").rename(used.root / "secrets.json")
    assert "PostgreSQL refuses the password in secrets.json" in await refused(used.root)


def test_an_interrupted_first_start_leaves_nothing_half_done(tmp_path: Path) -> None:
    draft = tmp_path / "postgres.new"
    draft.mkdir()
    (draft / "half").write_text("done")
    user = server_user(tmp_path / "postgres")
    programs = binaries.reachable(binaries.find().postgres, user, tmp_path / "binaries")
    server = Postgres(
        programs,
        tmp_path / "postgres",
        tmp_path / "sockets",
        0,
        dict.fromkeys(ROLES, "known-to-the-tests"),
        user,
    )
    assert server.initialise(durable=False)
    assert not draft.exists()
    assert (tmp_path / "postgres" / "PG_VERSION").read_text() == "18\n"
    assert not server.initialise(durable=False)
    binaries.forget_copy(tmp_path / "binaries")


async def test_a_wrong_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_SMTP_PORT", "mail")
    assert "YAOAN_SMTP_PORT" in await refused(tmp_path)
    monkeypatch.delenv("YAOAN_SMTP_PORT")
    monkeypatch.setenv("YAOAN_CHANNELS", "everyone")
    assert "channels" in (await refused(tmp_path)).lower()


async def test_a_channel_that_cannot_work_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAOAN_CHANNELS", '{"group": {"kind": "apprise", "url": "nowhere"}}')
    assert "group.url" in await refused(tmp_path)


async def test_the_space_of_drills_is_not_served_as_the_real_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAOAN_SPACE", "drill")
    assert "YAOAN_SPACE=drill names the space of exercises" in await refused(tmp_path)


async def test_a_wrong_plan_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAOAN_PLAN_FILE", str(tmp_path / "none.yaml"))
    assert "The plan cannot be used" in await refused(tmp_path)
