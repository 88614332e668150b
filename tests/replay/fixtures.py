"""Events and states as earlier versions wrote them; every later version must read them."""

import json
from collections.abc import Iterator
from pathlib import Path

from domain.incident.record import Event
from domain.incident.state import State

FOLDER = Path(__file__).parents[1] / "fixtures"


def keep(name: str, events: list[Event], state: State) -> None:
    """Keep one event of each type and version not kept yet, and the state. Nothing is replaced."""
    there = {(event["type"], event["v"]) for _, event in stored_events()}
    lines: list[str] = []
    for event in events:
        if (event.type, event.v) not in there:
            there.add((event.type, event.v))
            lines.append(f"{event.hash} {event.canonical().decode()}")
    if lines:
        path = FOLDER / f"events-{name}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = FOLDER / f"state-{name}.json"
    if not path.exists():
        path.write_text(state.model_dump_json(indent=1) + "\n", encoding="utf-8")


def stored_events() -> Iterator[tuple[str, dict[str, object]]]:
    """Each stored event: its line, hash and bytes, and the bytes as JSON."""
    for path in sorted(FOLDER.glob("events-*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield line, json.loads(line.partition(" ")[2])


def states() -> list[Path]:
    """The stored states."""
    return sorted(FOLDER.glob("state-*.json"))
