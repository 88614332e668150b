"""A worker of drills for the module, and drills to be opened."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from domain.drill.scenario import Scenario
from settings import DRILL
from store.pool import Pool, open_pool
from tests.conftest import Database
from tests.drills.stage import SECRET, Stage
from tests.workflows.harness import working

Open = Callable[..., Stage]


@pytest.fixture(scope="module")
async def drill_pool(drill_database: Database) -> AsyncIterator[Pool]:
    """Connections to the schema of drills, as the application's role."""
    pool = await open_pool(drill_database.application_url, DRILL)
    yield pool
    pool.terminate()


def data_folder(folder: Path) -> Path:
    """A data folder whose vault has the tests' key."""
    (folder / "vault.key").write_bytes(SECRET)
    return folder


@pytest.fixture(scope="module")
async def drill_queue(
    drill_client: Client,
    drill_pool: Pool,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[str]:
    """A task queue that workers of the module's own serve."""
    name = f"q-{request.module.__name__}"
    folder = data_folder(tmp_path_factory.mktemp("data"))
    async with working(drill_client, drill_pool, name, space=DRILL, data_dir=folder):
        yield name


@pytest.fixture
def stage(drill_client: Client, drill_pool: Pool, drill_queue: str) -> Open:
    """Makes drills: ``await stage(scenario).open({"duty": ["张三"]})``."""

    def make(scenario: Scenario, **options: object) -> Stage:
        return Stage(drill_client, drill_pool, drill_queue, scenario, options=dict(options))

    return make
