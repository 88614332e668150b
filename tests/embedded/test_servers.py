"""The servers that tests and ``yaoan up`` stand on: who may do what, and what they promise."""

from datetime import timedelta

import asyncpg
import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey

from embedded.problem import Problem
from embedded.temporal import RETENTION, ensure_search_attributes
from tests.conftest import Clone, Database
from workflows.contracts import SEARCH_ATTRIBUTES


async def test_the_application_finds_the_tables_of_its_space(postgres: Database) -> None:
    connection = await asyncpg.connect(postgres.application_url)
    try:
        assert await connection.fetchval("SELECT current_user") == "yaoan_app"
        assert await connection.fetchval("SELECT current_schema()") == postgres.space
        assert await connection.fetchval("SHOW timezone") == "UTC"
        assert await connection.fetchval("SELECT count(*) FROM event") == 0
    finally:
        await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM event",
        "UPDATE event SET seq = seq + 1",
        "TRUNCATE event",
        "CREATE TABLE mine (id integer)",
        "CREATE TABLE public.mine (id integer)",
        "CREATE SCHEMA mine",
        "ALTER TABLE event DISABLE TRIGGER ALL",
    ],
)
async def test_the_application_cannot_change_the_record(postgres: Database, statement: str) -> None:
    connection = await asyncpg.connect(postgres.application_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


async def test_nobody_enters_without_the_password(postgres: Database) -> None:
    wrong = postgres.application_url.replace("known-to-the-tests", "guessed")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(wrong)


async def test_each_clone_is_empty_and_alone(postgres: Database, clone_database: Clone) -> None:
    other = await clone_database()
    assert other.name != postgres.name
    connection = await asyncpg.connect(other.application_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM event") == 0
    finally:
        await connection.close()


async def test_closed_incidents_are_kept_for_a_month(temporal_client: Client) -> None:
    answer = await temporal_client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=temporal_client.namespace)
    )
    kept = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    assert kept == RETENTION == timedelta(days=30)


async def test_search_attributes_are_registered_once(temporal_client: Client) -> None:
    await ensure_search_attributes(temporal_client, SEARCH_ATTRIBUTES)
    with pytest.raises(Problem, match="YaoanLevel with another type"):
        await ensure_search_attributes(
            temporal_client, [SearchAttributeKey.for_int(SEARCH_ATTRIBUTES[0].name)]
        )
