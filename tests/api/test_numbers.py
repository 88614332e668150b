"""Incident numbers: given without a database, read out over a telephone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import numbers

symbols = st.text(numbers.ALPHABET, min_size=8, max_size=8)


@given(symbols)
def test_what_was_written_is_read(drawn: str) -> None:
    number = numbers.write("GQ", drawn + numbers.check_symbol(drawn))
    assert numbers.read("GQ", number) == number


@given(symbols, st.integers(0, 8), st.sampled_from(numbers.ALPHABET))
def test_any_one_wrong_symbol_is_found(drawn: str, at: int, wrong: str) -> None:
    whole = drawn + numbers.check_symbol(drawn)
    if whole[at] == wrong:
        return
    changed = whole[:at] + wrong + whole[at + 1 :]
    with pytest.raises(numbers.BadNumber) as caught:
        numbers.read("GQ", changed)
    assert caught.value.mistyped


@given(symbols, st.integers(0, 8), st.integers(0, 8))
def test_any_swap_of_two_symbols_is_found(drawn: str, one: int, other: int) -> None:
    whole = list(drawn + numbers.check_symbol(drawn))
    if whole[one] == whole[other]:
        return
    whole[one], whole[other] = whole[other], whole[one]
    with pytest.raises(numbers.BadNumber):
        numbers.read("GQ", "".join(whole))


@given(symbols)
def test_it_may_be_written_as_it_was_heard(drawn: str) -> None:
    number = numbers.write("GQ", drawn + numbers.check_symbol(drawn))
    heard = number.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert numbers.read("GQ", heard) == number
    assert numbers.read("GQ", heard.removeprefix("gq ").replace("l", "i")) == number


@pytest.mark.parametrize(
    "given_", ["", "GQ", "GQ-7K4", "GQ-7K4-M2Q-X9CZ", "GQ-7K4-M2Q-X9U", "甲" * 9]
)
def test_what_is_no_number_is_said_to_be_none(given_: str) -> None:
    with pytest.raises(numbers.BadNumber) as caught:
        numbers.read("GQ", given_)
    assert not caught.value.mistyped


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_same_request_draws_the_same_number(seat: str, key: str) -> None:
    number = numbers.draw("GQ", "incidents", seat, key, "0")
    assert number == numbers.draw("GQ", "incidents", seat, key, "0")
    assert number != numbers.draw("GQ", "incidents", seat, key, "1")
    assert numbers.read("GQ", number) == number
