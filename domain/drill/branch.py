"""An incident of a drill made anew from another one's record, to try again from a saved point."""

from collections.abc import Iterable, Iterator

from domain.incident.record import GENESIS, Event


def anew(events: Iterable[Event], number: str) -> Iterator[Event]:
    """``events`` as the record of the incident ``number``: the same, in a chain of their own."""
    prev = GENESIS
    for event in events:
        made = event.model_copy(update={"incident": number, "prev": prev}).sealed()
        prev = made.hash
        yield made
