"""Recorded histories with the state each ended in, and how they are replayed.

``domain/`` is workflow code: a replay runs ``decide`` and ``evolve`` again. A changed rule that
yields other events differs in the ids of the journal's activities; one that yields the same
events and another state shows only in the state. So both are compared.
"""

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import (
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from domain.incident.state import State
from workflows.incident import Incident
from workflows.sandbox import workflow_runner

HISTORIES = Path(__file__).parent / "histories"


@dataclass(frozen=True)
class Recorded:
    """One run as it was recorded, and the state it ended in."""

    name: str
    history: WorkflowHistory
    state: State


def names() -> list[str]:
    """The recorded runs."""
    return sorted(path.name.removesuffix(".json.gz") for path in HISTORIES.glob("*.json.gz"))


def load(name: str) -> Recorded:
    """A recorded run; a state of older code is read as today's code reads it."""
    with gzip.open(HISTORIES / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        content = json.load(file)
    return Recorded(
        name=name,
        history=WorkflowHistory.from_json(content["workflow_id"], content["history"]),
        state=State.model_validate(content["state"]),
    )


def save(name: str, history: WorkflowHistory, state: State) -> None:
    """Keep a run for ever."""
    content = {
        "workflow_id": history.workflow_id,
        "history": anonymous(history.to_json_dict()),
        "state": state.model_dump(mode="json"),
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    # No name and no time in the file's header: the same run gives the same bytes.
    data = gzip.compress(text.encode(), compresslevel=9, mtime=0)
    (HISTORIES / f"{name}.json.gz").write_bytes(data)


def anonymous(value: Any) -> Any:
    """``value`` without the names of processes and machines, which a replay does not look at."""
    if isinstance(value, dict):
        return {key: anonymous(inner) for key, inner in value.items() if key != "identity"}
    if isinstance(value, list):
        return [anonymous(inner) for inner in value]
    if isinstance(value, str):
        # A worker's own queue is named after its process and machine.
        return re.sub(r"^\d+@\S+$", "a-worker", value)
    return value


class _Keeper(Interceptor):
    """Keeps hold of the replayed workflow, so that its state can be looked at afterwards."""

    def __init__(self) -> None:
        self.state: Callable[[], State] | None = None

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor]:
        keeper = self

        class Inbound(WorkflowInboundInterceptor):
            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
                incident: Any = workflow.instance()
                keeper.state = incident.state
                return await super().execute_workflow(input)

        return Inbound


async def replay(recorded: Recorded, incident: type = Incident) -> State:
    """Replay a recorded run with today's code and return the state it ends in.

    Raises:
        temporalio.workflow.NondeterminismError: the commands are not those on record.
    """
    keeper = _Keeper()
    replayer = Replayer(
        workflows=[incident],
        workflow_runner=workflow_runner(),
        interceptors=[keeper],
        data_converter=pydantic_data_converter,
    )
    result = await replayer.replay_workflow(recorded.history, raise_on_replay_failure=False)
    if result.replay_failure is not None:
        raise result.replay_failure
    assert keeper.state is not None
    return keeper.state()
