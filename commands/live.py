"""Compare the record with what the incidents' workflows hold: the two are kept apart."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from commands.database import CannotTell
from domain.incident.chain import Finding
from domain.incident.state import TERMINAL, State
from settings import temporal_config
from store import board, journal
from store.pool import Pool
from workflows.contracts import INCIDENT_WORKFLOW, STATE_QUERY

PATIENCE_SECONDS = 10.0
"""How long the journal may lag behind a workflow before it is a finding."""

ANSWER = timedelta(seconds=10)

RUNNING = f"WorkflowType = '{INCIDENT_WORKFLOW}' AND ExecutionStatus = 'Running'"
"""The incidents that Temporal carries on."""


async def connect() -> Client:
    """A client of the Temporal that the environment names.

    Raises:
        CannotTell: it cannot be reached.
    """
    try:
        return await Client.connect(**temporal_config(), data_converter=pydantic_data_converter)
    except RuntimeError as error:
        raise CannotTell(f"Temporal cannot be reached: {error}") from error


async def live_findings(
    pool: Pool, client: Client, incident: str | None = None, patience: float = PATIENCE_SECONDS
) -> tuple[int, list[Finding]]:
    """How many workflows were asked, and where the record is not what they hold.

    An incident that has ended may have no workflow any more: Temporal keeps ended ones for a
    while only. ``patience`` is in seconds.

    Raises:
        CannotTell: Temporal or the workers are down.
        Unavailable: PostgreSQL cannot answer.
    """
    return await compare(pool, client, await _incidents(pool, client, incident), patience)


async def compare(
    pool: Pool, client: Client, incidents: Sequence[tuple[str, bool]], patience: float
) -> tuple[int, list[Finding]]:
    """As live_findings, for these incidents, each with whether it has ended.

    Raises:
        CannotTell: Temporal or the workers are down.
        Unavailable: PostgreSQL cannot answer.
    """
    findings: list[Finding] = []
    asked = 0
    deadline = asyncio.get_running_loop().time() + patience
    for name, ended in incidents:
        state = await _state(client, name)
        if state is None:
            if not ended:
                findings.append(Finding(name, 0, "live: Temporal has no workflow of it"))
            continue
        asked += 1
        findings += await _compare(pool, client, name, state, deadline)
    return asked, findings


async def _incidents(pool: Pool, client: Client, incident: str | None) -> list[tuple[str, bool]]:
    """The incidents on the board and those that run without being shown there."""
    if incident is not None:
        found = await board.get(pool, incident)
        return [(incident, found is not None and found[0].phase in TERMINAL)]
    shown = await board.numbers(pool)
    try:
        ids = {one.id async for one in client.list_workflows(RUNNING)}
    except RPCError as error:
        raise CannotTell(f"Temporal does not answer: {error.message}") from error
    return shown + [(one, False) for one in sorted(ids - {name for name, _ in shown})]


async def _state(client: Client, incident: str) -> State | None:
    try:
        handle = client.get_workflow_handle(incident)
        found: State = await handle.query(STATE_QUERY, result_type=State, rpc_timeout=ANSWER)
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise CannotTell(f"Temporal or its workers do not answer: {error.message}") from error
    except WorkflowQueryFailedError as error:
        raise CannotTell(f"the workflow of {incident} cannot be asked: {error}") from error
    return found


async def _compare(
    pool: Pool, client: Client, incident: str, state: State, deadline: float
) -> list[Finding]:
    """Both go on while they are compared, so a difference has to last to be one."""
    while True:
        tip = await journal.tip_of(pool, incident)
        state = await _state(client, incident) or state
        if state.seq <= tip.seq:
            break
        if asyncio.get_running_loop().time() >= deadline:
            what = (
                f"live: the workflow is at #{state.seq}, the record ends at #{tip.seq}: "
                "the journal is behind, or its end was cut off"
            )
            return [Finding(incident, tip.seq + 1, what)]
        await asyncio.sleep(0.5)
    if state.seq < tip.seq:
        what = f"live: on record, and the workflow, which is at #{state.seq}, knows nothing of it"
        return [Finding(incident, state.seq + 1, what)]
    if state.head != tip.head:
        return [Finding(incident, tip.seq, "live: the workflow has another head here")]
    return []
