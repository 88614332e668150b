"""Every operation, fed with what its description allows and with what it forbids.

No answer may be a bug, none may differ from its description, and every error is a problem.
"""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from settings import Settings
from tests.api.driver import Api
from tests.workflows.harness import PLAN

EXAMPLES = 5
"""For each operation and mode; enough for each field of a body to be wrong once in a while."""

DESCRIPTION: dict[str, Any] = create_app(Settings(), plan_in_force=PLAN).openapi()
OPERATIONS = sorted(
    operation["operationId"]
    for path in DESCRIPTION["paths"].values()
    for operation in path.values()
    # An endless stream has a test of its own, and those of health take nothing to vary.
    if not operation["operationId"].endswith(("_stream", "_healthz", "_readyz"))
)
CHECKS: list[CheckFunction] = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
async def incident(api: Api) -> str:
    """An incident to which everything may happen."""
    return await api.open()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation_id", OPERATIONS)
async def test_every_answer_is_as_described(
    api: Api, incident: str, operation_id: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(DESCRIPTION)
    operation = schema.find_operation_by_id(operation_id)
    address, headers = str(api.client.base_url), api.headers("duty")

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case: schemathesis.Case[Any]) -> None:
        if "incident" in case.path_parameters and len(str(case.path_parameters["incident"])) % 2:
            case.path_parameters["incident"] = incident
        # It would wait for five seconds each time for what never comes.
        case.query.pop("min_seq", None)
        response = case.call(base_url=address, headers=headers, timeout=20)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.headers["content-type"] == ["application/problem+json"]
        case.validate_response(response, checks=CHECKS)

    # The API answers in this loop, so the questions are put from a thread.
    await asyncio.to_thread(try_it)


def test_every_operation_is_described() -> None:
    for path, operations in DESCRIPTION["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], path
            assert operation["description"], path
            if method == "post" and path.startswith("/api/"):
                names = {parameter["name"] for parameter in operation["parameters"]}
                assert "Idempotency-Key" in names or path.endswith("/grade"), path
                assert "requestBody" in operation or path.endswith("/read"), path
            if path.startswith("/api/"):
                assert "401" in operation["responses"], path
                assert operation["security"], path


def test_a_second_space_can_be_mounted_beside_the_first() -> None:
    app = create_app(Settings(drill_address="127.0.0.1:1"), plan_in_force=PLAN)
    paths = app.openapi()["paths"]
    ids = [op["operationId"] for path in paths.values() for op in path.values()]
    assert len(ids) == len(set(ids))
    first = {path for path in paths if path.startswith("/api/v1/")}
    assert {f"/drill{path}" for path in first} <= set(paths)
