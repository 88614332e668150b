"""What earlier versions wrote is read by this one, and its bytes still mean the same."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from domain.incident.engine import read
from domain.incident.events import EVENTS
from domain.incident.state import State
from domain.incident.upcast import upcast
from tests.replay import corpus, fixtures
from workflows.contracts import IncidentStart

LINES = [line for line, _ in fixtures.stored_events()]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:12])
def test_a_stored_event_is_read_and_keeps_its_hash(line: str) -> None:
    stored, _, body = line.partition(" ")

    event = read(body)

    assert hashlib.sha256(body.encode()).hexdigest() == stored == event.hash
    assert event.canonical() == body.encode(), "today's code writes the same bytes"
    kind, data = upcast(event)
    EVENTS[kind].model_validate(data)


def test_every_type_of_event_is_among_the_stored() -> None:
    stored = {str(event["type"]) for _, event in fixtures.stored_events()}

    assert set(EVENTS) - stored == set(), "record a run that has the new type"


@pytest.mark.parametrize("path", fixtures.states(), ids=lambda path: path.stem)
def test_a_stored_state_is_read_and_says_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    state = State.model_validate_json(text)

    # Fields of a later version may be added, none of an older one may get lost.
    assert holds(state.model_dump(mode="json"), json.loads(text))


def holds(again: Any, stored: Any) -> bool:
    """Whether ``again`` says everything that ``stored`` says, and in the same places."""
    if isinstance(stored, dict):
        return all(key in again and holds(again[key], stored[key]) for key in stored)
    if isinstance(stored, list):
        pairs = zip(again, stored, strict=False)
        return len(again) == len(stored) and all(holds(one, other) for one, other in pairs)
    return bool(again == stored)


def test_a_state_from_the_future_is_read_too() -> None:
    """A worker of the version before may get a state from the one after."""
    state = corpus.load("county-iv").state
    data = {**state.model_dump(mode="json"), "invented_tomorrow": {"deep": [1, 2]}}

    assert State.model_validate(data) == state


def test_start_arguments_of_the_first_version_are_read() -> None:
    """Those recorded in the histories: with an opening, and handed over by an earlier run."""
    starts = []
    for name in corpus.names():
        first = corpus.load(name).history.events[0].workflow_execution_started_event_attributes
        starts.append(IncidentStart.model_validate_json(first.input.payloads[0].data))

    assert any(start.opening is not None for start in starts)
    assert any(start.state is not None for start in starts)
    assert len({start.plan.id for start in starts}) == 1
