"""Tables as spreadsheets save them, read so that every fault is named by row and column. Pure."""

import csv
import io
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from domain.base import Strict, Text

T = TypeVar("T")
Words = Mapping[str, tuple[str, ...]]
"""The code's names of columns, each with what a file may call it besides."""

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for a formula at the start of a cell."""


class RowError(Strict):
    """What is wrong in one cell. ``row`` counts as a spreadsheet does, the header being row 1."""

    row: int
    column: str | None
    """As the file calls it; None where the whole row is meant."""
    message: Text


@dataclass
class Sheet(Generic[T]):
    """What was read. Rows without a fault are in ``found`` even when others have one."""

    found: list[T] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)


class CellFault(Exception):
    """A cell cannot be read; says why and what to write instead."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.message = Text(zh=zh, en=en)


@dataclass
class Row:
    """A row by the code's names of its columns, with the faults found in it so far."""

    number: int
    cells: tuple[tuple[str, str], ...]
    called: Mapping[str, str]
    errors: list[RowError] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return next((cell for column, cell in self.cells if column == name and cell), "")

    def read(self, name: str, cell: str, reader: Callable[[str], T]) -> T | None:
        """What ``reader`` makes of a cell; None, and a fault, when it cannot read it."""
        try:
            return reader(cell)
        except CellFault as fault:
            self.wrong(name, fault.message)
            return None

    def wrong(self, name: str | None, message: Text) -> None:
        """Note a fault in the column ``name``, or in the row as a whole."""
        self.errors.append(self.note(name, message))

    def note(self, name: str | None, message: Text) -> RowError:
        """``message`` about the column ``name`` of this row, as the file calls it."""
        called = None if name is None else self.called.get(name, name)
        return RowError(row=self.number, column=called, message=message)


def read_rows(
    data: bytes,
    words: Words,
    required: Collection[str],
    sheet: Sheet[T],
    *,
    others: re.Pattern[str] | None = None,
) -> list[Row]:
    """The rows that say something; faults of the file as a whole go to ``sheet``, as row 1.

    Args:
        required: columns that must be there.
        others: what further columns may be called, as often as they like; without it they are
            passed over.
    """
    try:
        lines = list(csv.reader(io.StringIO(_decoded(data), newline=""), strict=True))
    except CellFault as fault:
        sheet.errors.append(RowError(row=1, column=None, message=fault.message))
        return []
    except csv.Error as error:
        message = Text(zh=f"不是有效的 CSV 文件：{error}", en=f"no valid CSV file: {error}")
        sheet.errors.append(RowError(row=1, column=None, message=message))
        return []
    header = [cell.strip() for cell in lines[0]] if lines else []
    names = _names(header, words, sheet, others)
    for name in required:
        if name not in names:
            spoken = (words.get(name) or (name,))[0]
            message = Text(zh=f"缺少“{spoken}”列", en=f"the column {name!r} is missing")
            sheet.errors.append(RowError(row=1, column=None, message=message))
    if sheet.errors:
        return []
    called = {name: cell for name, cell in zip(names, header, strict=True) if name}
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        cells = zip(names, map(_bare, line), strict=False)
        row = Row(number, tuple((name, cell) for name, cell in cells if name), called)
        if any(cell.strip() for cell in line[len(names) :]):
            row.wrong(None, Text(zh="单元格多于表头", en="more cells than the header has"))
        rows.append(row)
    return rows


def _names(
    header: Iterable[str], words: Words, sheet: Sheet[T], others: re.Pattern[str] | None
) -> list[str]:
    """The code's name of each column; empty for those to be passed over."""
    known = {word: name for name, spoken in words.items() for word in (*spoken, name)}
    names: list[str] = []
    for cell in header:
        word = plain(cell).lower()
        name = known.get(word, "")
        if not name and others is not None and word:
            name = word
            if not others.fullmatch(word):
                message = Text(
                    zh=f"不认识“{cell}”列；渠道名用小写英文字母、数字和横线",
                    en=f"no column {cell!r} is known; channels have small letters, digits, dashes",
                )
                sheet.errors.append(RowError(row=1, column=cell, message=message))
        names.append(name)
    return names


def _decoded(data: bytes) -> str:
    # Excel saves UTF-8 with a mark, or GB18030, and never says which.
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CellFault(
        "文件编码不是 UTF-8 或 GB18030，请另存为“CSV UTF-8”",
        "the file is neither UTF-8 nor GB18030: save it as CSV UTF-8",
    )


def plain(cell: str) -> str:
    """``cell`` with full-width letters, digits and signs made plain, without blanks around it."""
    return unicodedata.normalize("NFKC", cell).strip()


def _bare(cell: str) -> str:
    text = cell.strip()
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def guarded(cell: str) -> str:
    """A spreadsheet runs a cell that looks like a formula; an apostrophe keeps it a text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
