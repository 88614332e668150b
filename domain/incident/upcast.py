"""Older events, read as today's code understands them; stored bytes never change."""

from collections.abc import Callable
from typing import Any

from domain.incident.record import Event

Data = dict[str, Any]

UPCASTERS: dict[tuple[str, int], Callable[[Data], tuple[str, int, Data]]] = {}
"""(type, version) → the next version of its content, until a version has no entry."""


def upcast(event: Event) -> tuple[str, Data]:
    """The current type name and content of ``event``."""
    kind, version, data = event.type, event.v, event.data
    while (step := UPCASTERS.get((kind, version))) is not None:
        kind, version, data = step(data)
    return kind, data
