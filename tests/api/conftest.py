"""The API over HTTP against the session's servers, with a token for every seat."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from temporalio.client import Client

from api.app import create_app
from settings import Settings
from store.credentials import put_digests
from store.pool import Pool, open_pool
from tests.api.driver import Api, serving
from tests.conftest import Database
from tests.workflows.harness import PLAN, working

TOKENS = {seat.id: secrets.token_urlsafe(24) for seat in PLAN.seats}
"""A token for every seat of the plan."""


async def know_tokens(pool: Pool) -> None:
    """Put the tokens' digests on record."""
    await put_digests(
        pool,
        [
            (hashlib.sha256(TOKENS[seat.id].encode()).hexdigest(), seat.id, seat.body)
            for seat in PLAN.seats
        ],
    )


def settings_for(database_url: str, folder: Path, queue: str) -> Settings:
    """Settings with a vault key of their own."""
    (folder / "vault.key").write_bytes(secrets.token_bytes(32))
    return Settings(
        database_url=SecretStr(database_url),
        task_queue=queue,
        data_dir=folder,
        attachment_max_bytes=200_000,
    )


@pytest.fixture(scope="module")
async def pool(postgres: Database) -> AsyncIterator[Pool]:
    """Connections as the application's role; the tokens are on record."""
    pool = await open_pool(postgres.application_url, postgres.space)
    await know_tokens(pool)
    yield pool
    pool.terminate()


@pytest.fixture(scope="module")
def app(
    postgres: Database,
    pool: Pool,
    temporal_client: Client,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> FastAPI:
    """The application on the module's database and a task queue of the module's own."""
    settings = settings_for(
        postgres.application_url,
        tmp_path_factory.mktemp("data"),
        f"q-{request.module.__name__}",
    )

    async def connect() -> Client:
        return temporal_client

    return create_app(settings, plan_in_force=PLAN, connect_temporal=connect)


@pytest.fixture(scope="module")
async def idle_api(app: FastAPI) -> AsyncIterator[Api]:
    """The API while no worker runs."""
    async with serving(app) as address, httpx.AsyncClient(base_url=address, timeout=30) as client:
        yield Api(client, TOKENS, app)


@pytest.fixture(scope="module")
async def api(idle_api: Api, temporal_client: Client, pool: Pool) -> AsyncIterator[Api]:
    """The API with a worker."""
    queue = idle_api.app.state.space.settings.task_queue
    async with working(temporal_client, pool, queue):
        yield idle_api


@pytest.fixture(scope="module")
def two_spaces(
    postgres: Database,
    pool: Pool,
    temporal_client: Client,
    drill_client: Client,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> FastAPI:
    """The application of real incidents with the drill space beside it."""
    folder, queue = tmp_path_factory.mktemp("data"), f"q-{request.module.__name__}"
    settings = settings_for(postgres.application_url, folder, queue).model_copy(
        update={"drill_address": "127.0.0.1:1"}
    )

    async def live() -> Client:
        return temporal_client

    async def drill() -> Client:
        return drill_client

    return create_app(settings, plan_in_force=PLAN, connect_temporal=live, connect_drill=drill)
