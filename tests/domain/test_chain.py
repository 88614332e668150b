"""The record proves edits, deletions, insertions and reorders (design: evidence)."""

import json
from collections.abc import Callable

import pytest

from domain.incident.chain import verify
from domain.incident.record import canonical_json, digest
from tests.domain.later import Story

Row = tuple[int, bytes, str]


def rows() -> list[Row]:
    """A short record as it is stored."""
    story = Story().intake().graded("IV").activate()
    return [(e.seq, e.canonical(), e.hash) for e in story.events]


def edited(row: Row, sealed: bool) -> Row:
    """The row with another clause; ``sealed`` with a hash that fits the new content."""
    content = json.loads(row[1])
    content["clause"] = "0.0"
    body = canonical_json(content)
    return row[0], body, digest(body) if sealed else row[2]


def test_an_untouched_record_has_no_findings() -> None:
    assert list(verify("GQ-1", rows())) == []
    assert list(verify("GQ-1", [])) == []


def test_an_edit_shows_in_its_row() -> None:
    record = rows()
    record[3] = edited(record[3], sealed=False)
    assert [(f.seq, f.what) for f in verify("GQ-1", record)] == [
        (4, "edited: the content does not match its hash")
    ]


def test_an_edit_with_a_new_hash_shows_in_the_next_row() -> None:
    record = rows()
    record[3] = edited(record[3], sealed=True)
    (found,) = verify("GQ-1", record)
    assert (found.seq, found.what.partition(":")[0]) == (5, "inserted or reordered")


def test_the_spelling_counts_as_well() -> None:
    record = rows()
    seq, body, stored = record[2]
    record[2] = seq, json.dumps(json.loads(body), ensure_ascii=False).encode(), stored
    assert [f.seq for f in verify("GQ-1", record)] == [3]


@pytest.mark.parametrize("place", [0, 4])
def test_a_deletion_shows(place: int) -> None:
    record = rows()
    del record[place]
    found = list(verify("GQ-1", record))
    assert found[0].seq == place + 1
    assert found[0].what == f"missing up to {place + 1}"


def test_a_deletion_with_the_rest_renumbered_shows() -> None:
    record = rows()
    del record[4]
    record = [(place, body, stored) for place, (_, body, stored) in enumerate(record, start=1)]
    found = {f.what.partition(":")[0] for f in verify("GQ-1", record)}
    assert {"misplaced", "inserted or reordered"} <= found


def test_an_insertion_shows() -> None:
    record = rows()
    record.insert(5, record[5])
    found = list(verify("GQ-1", record))
    assert found[0].seq == 7
    assert any("inserted or reordered" in f.what for f in found)


def test_a_reorder_shows() -> None:
    record = rows()
    third, fourth = record[2], record[3]
    record[2] = third[0], fourth[1], fourth[2]
    record[3] = fourth[0], third[1], third[2]
    seqs = {f.seq for f in verify("GQ-1", record)}
    assert {3, 4} <= seqs


def test_a_row_of_another_incident_shows() -> None:
    record = rows()
    other = Story(incident="GQ-2").intake()
    record[0] = 1, other.events[0].canonical(), other.events[0].hash
    found = list(verify("GQ-1", record))
    assert found[0].what == "misplaced: it is GQ-2 1"
    assert found[1].seq == 2


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b"[1,2]", "不是事件".encode()])
def test_what_is_no_event_is_a_finding_and_no_crash(body: bytes) -> None:
    record = rows()
    record[1] = 2, body, digest(body)
    found = list(verify("GQ-1", record))
    assert (found[0].seq, found[0].what) == (2, "unreadable: the content is no event")
    assert found[1].seq == 3


def test_a_cut_off_tail_is_not_seen_here() -> None:
    """Only a head kept elsewhere shows that the newest rows are gone."""
    assert list(verify("GQ-1", rows()[:-3])) == []


Damage = Callable[[list[Row]], list[Row]]
DAMAGES: dict[str, Damage] = {
    "edit": lambda r: [*r[:2], edited(r[2], sealed=False), *r[3:]],
    "sealed edit": lambda r: [*r[:2], edited(r[2], sealed=True), *r[3:]],
    "delete": lambda r: [*r[:2], *r[3:]],
    "insert": lambda r: [*r[:3], r[2], *r[3:]],
    "reorder": lambda r: [*r[:2], r[3], r[2], *r[4:]],
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_first_finding_stands_at_or_after_the_damage_never_before(name: str) -> None:
    found = list(verify("GQ-1", DAMAGES[name](rows())))
    assert found
    assert min(f.seq for f in found) >= 3
