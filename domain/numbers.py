"""Incident numbers: no database needed to give one, and they can be read over a telephone.

``GQ-7K4-M2Q-X9C`` is the plan's prefix, eight symbols drawn from a digest of who asked under
which idempotency key, and a check symbol. The alphabet is Crockford's base 32: no I, L, O, U.
"""

import hashlib

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUE = {symbol: value for value, symbol in enumerate(ALPHABET)}
_HEARD = str.maketrans("OIL", "011")
"""What a listener writes for what a speaker said."""
_DRAWN = 8


class BadNumber(ValueError):
    """Not an incident number; ``mistyped`` when only the check symbol does not fit."""

    def __init__(self, given: str, *, mistyped: bool) -> None:
        super().__init__(given)
        self.mistyped = mistyped


def _double(value: int) -> int:
    """``value`` times x in GF(32), modulo x^5 + x^2 + 1."""
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value


def check_symbol(drawn: str) -> str:
    """The check symbol of ``drawn``.

    A weighted sum in GF(32) finds every single wrong symbol and every swap of two symbols,
    which a plain sum modulo 32 does not.
    """
    total = 0
    for symbol in drawn:
        total = _double(total ^ _VALUE[symbol])
    return ALPHABET[total]


def draw(prefix: str, *secret: str) -> str:
    """The number that belongs to ``secret`` (space, seat, idempotency key, salt): always the same.

    It tells nothing about them, and it is the id of the incident's workflow.
    """
    seed = hashlib.sha256("\x00".join(secret).encode()).digest()
    bits = int.from_bytes(seed[:5], "big")
    drawn = "".join(ALPHABET[bits >> shift & 31] for shift in range(35, -1, -5))
    return write(prefix, drawn + check_symbol(drawn))


def write(prefix: str, symbols: str) -> str:
    """The symbols in groups of three behind the prefix."""
    return "-".join((prefix, symbols[:3], symbols[3:6], symbols[6:]))


def read(prefix: str, given: str) -> str:
    """The number that ``given`` means: lower case, no dashes, O for 0, I and L for 1 will do.

    Raises:
        BadNumber: it has another length, a foreign symbol, or the check symbol does not fit.
    """
    letters = "".join(symbol for symbol in given.upper() if symbol.isalnum())
    heard = letters.translate(_HEARD)
    if len(heard) == len(prefix) + _DRAWN + 1 and heard.startswith(prefix.translate(_HEARD)):
        heard = heard[len(prefix) :]
    if len(heard) != _DRAWN + 1 or any(symbol not in _VALUE for symbol in heard):
        raise BadNumber(given, mistyped=False)
    if check_symbol(heard[:_DRAWN]) != heard[_DRAWN]:
        raise BadNumber(given, mistyped=True)
    return write(prefix, heard)
