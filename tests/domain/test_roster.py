"""A roster as it changes: a new one put in, a shift handed over."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.base import Refusal
from domain.directory import handed_over, replaced
from tests.domain.test_directory import NOON, shift


def test_a_new_roster_replaces_what_stood_in_its_span_and_cuts_what_reaches_into_it() -> None:
    old = (shift("li", 0, 8), shift("wang", 8, 16), shift("deputy", 16, 24), shift("li", 30, 31))
    new = (shift("leader", 4, 10), shift("room", 10, 20))
    assert replaced(old, new) == (
        shift("li", 0, 4),
        shift("leader", 4, 10),
        shift("room", 10, 20),
        shift("deputy", 20, 24),
        shift("li", 30, 31),
    )
    assert replaced((shift("li", 0, 10),), (shift("wang", 4, 5),)) == (
        shift("li", 0, 4),
        shift("wang", 4, 5),
        shift("li", 5, 10),
    )
    assert replaced(old, new + old[3:]) == replaced(replaced(old, new + old[3:]), new + old[3:])
    assert replaced(old, ()) == old


def test_an_early_handover_moves_the_seam_between_two_shifts() -> None:
    roster = (shift("li", -8, 1), shift("wang", 1, 9))
    assert handed_over(roster, "li", "wang", NOON) == (shift("li", -8, 0), shift("wang", 0, 9))


def test_a_handover_outside_the_roster_gives_the_rest_of_the_shift() -> None:
    roster = (shift("li", -8, 1), shift("wang", 1, 9), shift("deputy", 20, 30))
    assert handed_over(roster, "li", "deputy", NOON) == (
        shift("li", -8, 0),
        shift("deputy", 0, 1),
        shift("wang", 1, 9),
        shift("deputy", 20, 30),
    )


def test_a_handover_to_somebody_on_shift_ends_the_other_alone() -> None:
    roster = (shift("li", -8, 1), shift("wang", -2, 9))
    after = (shift("li", -8, 0), shift("wang", -2, 9))
    assert handed_over(roster, "li", "wang", NOON) == after
    # Said a second time, or late: it is true already.
    assert handed_over(after, "li", "wang", NOON) == after


def test_who_is_not_on_shift_hands_nothing_over() -> None:
    with pytest.raises(Refusal, match="check the roster") as refusal:
        handed_over((shift("li", 1, 2),), "li", "wang", NOON)
    assert refusal.value.code == "not_on_duty"
    assert "不在班" in refusal.value.message.zh


@given(
    st.lists(st.tuples(st.sampled_from(["li", "wang"]), st.integers(-6, 6), st.integers(1, 6))),
    st.sampled_from([("li", "wang"), ("wang", "deputy")]),
)
def test_after_a_handover_the_incoming_is_on_shift_and_the_outgoing_is_not(
    entries: list[tuple[str, int, int]], who: tuple[str, str]
) -> None:
    roster = tuple(shift(contact, start, start + long) for contact, start, long in entries)
    outgoing, incoming = who
    if not any(one.contact in who and one.covers(NOON) for one in roster):
        return
    after = handed_over(roster, outgoing, incoming, NOON)
    now = {one.contact for one in after if one.covers(NOON)}
    assert incoming in now
    assert outgoing not in now
    assert all(one.starts < one.ends for one in after)
    assert all(a.starts <= b.starts for a, b in pairwise(after))
