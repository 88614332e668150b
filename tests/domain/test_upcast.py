"""Older events are read as today's code understands them; their bytes and hashes stay."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.incident import chain, engine
from domain.incident.record import Event, canonical_json
from domain.incident.upcast import UPCASTERS, upcast
from tests.domain.later import Story

Data = dict[str, Any]


@pytest.fixture
def older() -> Iterator[None]:
    """A past in which a verification had other names, twice."""

    def first(data: Data) -> tuple[str, int, Data]:
        return "report.checked", 2, {"outcome": data["result"], "words": data["words"]}

    def second(data: Data) -> tuple[str, int, Data]:
        return "report.verified", 1, {"outcome": data["outcome"], "text": data["words"]}

    steps = {("report.examined", 1): first, ("report.checked", 2): second}
    UPCASTERS.update(steps)
    yield
    for key in steps:
        del UPCASTERS[key]


def examined(story: Story) -> Event:
    """An event as it was written long ago."""
    template = story.events[-1]
    return template.model_copy(
        update={
            "seq": story.state.seq + 1,
            "prev": story.state.head,
            "type": "report.examined",
            "v": 1,
            "request": None,
            "data": {"result": "pending", "words": "待核实"},
        }
    ).sealed()


@pytest.mark.usefixtures("older")
def test_an_older_event_is_folded_by_way_of_every_version_since() -> None:
    story = Story().intake()
    event = examined(story)
    assert upcast(event) == ("report.verified", {"outcome": "pending", "text": "待核实"})
    state = engine.evolve(story.state, event)
    assert (state.verified, state.seq, state.head) == ("pending", event.seq, event.hash)


@pytest.mark.usefixtures("older")
def test_its_bytes_and_its_place_in_the_chain_stay() -> None:
    story = Story().intake()
    events = [*story.events, examined(story)]
    record = [(e.seq, e.canonical(), e.hash) for e in events]
    assert list(chain.verify("GQ-1", record)) == []
    assert engine.read(record[-1][1]) == events[-1]


def test_without_a_step_an_event_is_read_as_it_stands() -> None:
    story = Story().intake()
    for event in story.events:
        assert upcast(event) == (event.type, event.data)


def test_an_unknown_type_is_never_skipped() -> None:
    story = Story().intake()
    with pytest.raises(KeyError, match=r"report\.examined"):
        engine.evolve(story.state, examined(story))


def test_what_a_later_version_added_is_ignored_and_still_hashed() -> None:
    story = Story().intake()
    event = story.events[0]
    content = event.model_dump(mode="json", exclude={"hash"})
    content["data"]["from_the_future"] = 1
    raw = canonical_json(content)
    later = engine.read(raw)
    assert later.hash != event.hash
    empty = engine.initial("GQ-1", story.plan, "incidents")
    assert engine.evolve(empty, later).reported == engine.evolve(empty, event).reported
