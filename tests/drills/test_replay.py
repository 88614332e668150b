"""A drill that is under way survives a new version: recorded ones replay to the same commands."""

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from activities.sealing import Sealing
from domain.drill import course
from domain.drill.play import Play
from tests.drills.stage import SECRET
from workflows.drill import Drill
from workflows.sandbox import workflow_runner

RECORDED = sorted((Path(__file__).parent / "histories").glob("*.json.gz"))


def history(path: Path) -> WorkflowHistory:
    """A recorded drill, sealed as it was."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return WorkflowHistory.from_json(path.stem, json.load(file))


def replayer() -> Replayer:
    """Replays drills as a worker runs them, with the key of the tests."""
    converter: DataConverter = dataclasses.replace(
        pydantic_data_converter,
        payload_codec=Sealing(SECRET),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    return Replayer(workflows=[Drill], data_converter=converter, workflow_runner=workflow_runner())


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name)
async def test_a_recorded_drill_replays_to_the_same_commands(path: Path) -> None:
    await replayer().replay_workflow(history(path))


def test_there_are_unattended_and_directed_ones() -> None:
    assert {path.name.partition(".")[0] for path in RECORDED} >= {"unattended", "directed"}


async def test_a_drill_that_would_go_otherwise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(play: Play, real: Any) -> course.Step:
        return None

    monkeypatch.setattr(course, "next_step", hasty)
    with pytest.raises(NondeterminismError):
        await replayer().replay_workflow(history(RECORDED[0]))
