"""Checking a record: every hash, every link, every sequence, from the stored bytes alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from domain.incident.engine import read
from domain.incident.record import GENESIS, digest


@dataclass(frozen=True)
class Finding:
    """Something wrong with the record, where, and what."""

    incident: str
    seq: int
    what: str


def verify(incident: str, rows: Iterable[tuple[int, bytes, str]]) -> Iterator[Finding]:
    """Findings over (sequence, stored bytes, stored hash), given in order of sequence.

    An edit breaks the hash, an insertion or a reorder the link, a deletion the sequence. That the
    newest rows were cut off shows only against a head kept elsewhere.
    """
    head, expected = GENESIS, 1
    for seq, body, stored in rows:
        if seq != expected:
            yield Finding(incident, expected, f"missing up to {seq - 1}")
        computed = digest(body)
        if computed != stored:
            yield Finding(incident, seq, "edited: the content does not match its hash")
        try:
            event = read(body)
        except ValueError:
            yield Finding(incident, seq, "unreadable: the content is no event")
        else:
            if (event.incident, event.seq) != (incident, seq):
                yield Finding(incident, seq, f"misplaced: it is {event.incident} {event.seq}")
            if event.prev != head:
                yield Finding(
                    incident, seq, "inserted or reordered: it does not follow its neighbour"
                )
        head, expected = stored, seq + 1
