"""Mistakes in files that people write: each with the field it stands in."""

import difflib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Loc = tuple[int | str, ...]
"""The path of a field in the file: keys and positions."""


class Fault(NamedTuple):
    """One contradiction: the field it stands in and what is wrong."""

    loc: Loc
    message: str


def field_name(loc: Loc) -> str:
    """``loc`` as people write it: ``obligations[3].recipients[0]``."""
    name = ""
    for part in loc:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def unknown(
    loc: Loc, ids: str | Iterable[str] | None, known: Iterable[str], what: str
) -> Iterator[Fault]:
    """A fault for every one of ``ids`` that is not ``known``."""
    if ids is None:
        return
    choices = list(known)
    named = [(loc, ids)] if isinstance(ids, str) else [((*loc, i), v) for i, v in enumerate(ids)]
    for at, value in named:
        if value not in choices:
            close = difflib.get_close_matches(value, choices, 1)
            hint = f": did you mean {close[0]!r}?" if close else ""
            yield Fault(at, f"no {what} {value!r}{hint}")


def twice(loc: Loc, keys: Iterable[object], what: str, field: str = "id") -> Iterator[Fault]:
    """A fault for every entry that repeats the key of an earlier one."""
    seen: dict[object, int] = {}
    for index, key in enumerate(keys):
        if key in seen:
            yield Fault((*loc, index, field), f"{what} {key!r} stands twice")
        seen.setdefault(key, index)
