"""The record while PostgreSQL is away, and when it holds something else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from temporalio.client import Client

from domain.incident.chain import verify
from domain.incident.commands import CorrectFacts, FactChanges, Verify
from domain.incident.engine import decide
from embedded import binaries, ports
from embedded.folder import ROLES
from embedded.migrations import migrate
from embedded.postgres import APPLICATION, MIGRATOR, Postgres
from embedded.supervisor import Supervisor
from embedded.user import server_user
from store import alarms, journal
from store.pool import open_pool
from tests.conftest import SPACE, Database
from tests.workflows import stories
from tests.workflows.conftest import Open, opening
from tests.workflows.harness import IncidentDriver, number, working
from workflows.contracts import JOURNAL, RETRY_JOURNAL_SIGNAL

VERIFIED = Verify(outcome="confirmed", text="现场核实属实")


class Outage:
    """A PostgreSQL of the test's own, which can be stopped and started again."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.server = server
        self._folder = folder
        self._supervisor: Supervisor | None = None

    async def up(self) -> None:
        self._supervisor = Supervisor(self._folder, lambda name, event: None)
        program = self.server.program(self._folder / "log")
        await self._supervisor.start(program, self.server.ready, 60)

    async def down(self) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop()
        self._supervisor = None


@pytest.fixture
async def outage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Outage]:
    folder = tmp_path_factory.mktemp("outage")
    found = binaries.find()
    user = server_user(folder / "data")
    programs = binaries.reachable(found.postgres, user, folder / "copy")
    port = ports.choose({"PostgreSQL": ("", 0)})["PostgreSQL"]
    passwords = dict.fromkeys(ROLES, "known-to-the-tests")
    server = Postgres(
        programs, folder / "data", folder / "sockets", port, passwords, user, {"fsync": "off"}
    )
    server.initialise(durable=False)
    own = Outage(server, folder)
    await own.up()
    await server.prepare([SPACE])
    await migrate(found.dbmate, server.url(MIGRATOR, space=SPACE), SPACE, folder / "migrations")
    yield own
    await own.down()
    server.close()
    binaries.forget_copy(folder / "copy")


async def details(incident: IncidentDriver) -> str:
    """What the Temporal UI shows of the incident."""
    metadata = await incident.handle.query("__temporal_workflow_metadata")
    return str(metadata.current_details)


@pytest.mark.clause("6.4")
async def test_the_incident_goes_on_without_postgresql_and_the_journal_catches_up(
    temporal_client: Client, outage: Outage
) -> None:
    pool = await open_pool(outage.server.url(APPLICATION, space=SPACE), SPACE)
    queue = f"q-outage-{number()}"
    async with working(temporal_client, pool, queue):
        incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
        await incident.start(opening(incident.number))
        known = (await incident.events())[-1].seq

        await outage.down()
        receipt = await incident.send(VERIFIED)
        given = await stories.report(incident, "initial", *stories.UPWARD)
        overview = await incident.overview()
        assert given
        assert receipt.first == known + 1
        assert overview.unwritten == overview.seq - known
        # The attempts go on; after the grace the incident says that its record is behind.
        await incident.skip(timedelta(minutes=3))
        overview = await incident.overview()
        assert overview.journal == "behind"
        assert overview.phase == "early_handling"
        assert "behind" in await details(incident)

        await outage.up()
        events = await incident.events()

    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert len([e for e in events if e.type == "report.submitted"]) == 1
    rows = [(e.seq, e.canonical(), e.hash) for e in events]
    assert list(verify(incident.number, rows)) == []
    described = await incident.handle.describe()
    assert described.typed_search_attributes[JOURNAL] == "current"
    pool.terminate()


async def test_what_waits_for_postgresql_is_carried_from_run_to_run(
    temporal_client: Client, outage: Outage
) -> None:
    pool = await open_pool(outage.server.url(APPLICATION, space=SPACE), SPACE)
    queue = f"q-outage-{number()}"
    async with working(temporal_client, pool, queue):
        incident = IncidentDriver(temporal_client, pool, number(), queue=queue)
        await incident.start(opening(incident.number), continue_after=70)
        first = (await incident.handle.describe()).run_id
        await incident.settled()
        await outage.down()
        while (await incident.handle.describe()).run_id == first:
            # The journal never ends by itself now, so the run waits for it only so long.
            facts = FactChanges(trend="平稳")
            await incident.send(CorrectFacts(changes=facts, reason="补充"))
            await incident.skip(timedelta(seconds=4))
        assert (await incident.overview()).unwritten > 0

        await outage.up()
        events = await incident.events()

    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert len([e for e in events if e.type == "facts.corrected"]) > 1
    pool.terminate()


@pytest.mark.clause("6.4")
async def test_a_journal_that_holds_something_else_is_an_alarm_and_stops_nothing(
    open_incident: Open, postgres: Database
) -> None:
    incident = await open_incident()
    await incident.settled()
    # Someone slips in an event that fits the chain but that the incident never decided.
    forged = decide(
        incident.plan,
        await incident.state(),
        await incident.envelope(Verify(outcome="ruled_out", text="误报"), request="forged"),
        await incident.now(),
    )
    await journal.append(incident.pool, SPACE, incident.number, None, forged)

    receipt = await incident.send(VERIFIED)
    await incident.settled()

    overview = await incident.overview()
    described = await incident.handle.describe()
    assert overview.journal == "diverged"
    assert overview.unwritten > 0
    assert described.typed_search_attributes[JOURNAL] == "diverged"
    assert "警报" in await details(incident)
    assert any(
        a.incident == incident.number and a.seq == receipt.first and a.kind == "journal_diverged"
        for a in await alarms.list_alarms(incident.pool, limit=1000)
    )
    # Duties do not wait for a repair.
    await incident.skip(timedelta(hours=3))
    await stories.report(incident, "initial", *stories.UPWARD)
    assert (await incident.overview()).overdue > 0

    # Repaired with a superuser's means, which the application does not have.
    owner = await asyncpg.connect(postgres.superuser_url)
    async with owner.transaction():
        await owner.execute(f"ALTER TABLE {SPACE}.event DISABLE TRIGGER USER")
        await owner.execute(
            f"DELETE FROM {SPACE}.event WHERE incident = $1 AND seq >= $2",
            incident.number,
            forged[0].seq,
        )
        await owner.execute(f"ALTER TABLE {SPACE}.event ENABLE ALWAYS TRIGGER event_only_grows")
    await owner.close()
    await incident.handle.signal(RETRY_JOURNAL_SIGNAL)

    events = await incident.events()
    assert (await incident.overview()).journal == "current"
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert len(events) == (await incident.state()).seq
