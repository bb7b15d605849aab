"""The rows of a CSV file or Excel sheet, one after the other, under the names of our columns."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from compliance.dossier.table import safe
from compliance.spreadsheets.sheet_map import SheetRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from compliance.spreadsheets.sheet_map import SheetMap

ROWS_MAX = 200_000
CELL_CHARACTERS_MAX = 1_000
_EXCEL_BYTES_MAX = 512 << 20
"""Of all parts of an Excel file, unpacked."""
_LOOKED_AT_BYTES = 64 << 10


class SheetRow(NamedTuple):
    """One row below the headings."""

    number: int
    """As the spreadsheet counts it, from 1."""
    cells: dict[str, str]
    """Our column: the text of its cell, without spaces around it; empty cells are left out."""


def read_rows(source: BinaryIO, how: SheetMap, columns: Iterable[str]) -> Iterator[SheetRow]:
    """The rows of a sheet; empty ones are left out.

    Raises `SheetRefused` where it is no sheet, lacks a column that the map names, or is too large.
    """
    start = source.read(4)
    source.seek(0)
    lines = _excel(source, how) if start == b"PK\x03\x04" else _csv(source, how)
    headings: dict[int, str] = {}
    count = 0
    for number, cells in lines:
        if number < how.header_row:
            continue
        if number == how.header_row:
            headings = _headings(cells, how, tuple(columns))
            continue
        row = {
            name: _meant(name, cells[at], how)
            for at, name in headings.items()
            if at < len(cells) and cells[at]
        }
        if not row:
            continue
        count += 1
        if count > ROWS_MAX:
            raise SheetRefused(f"a sheet has {ROWS_MAX} rows at most; split it")
        yield SheetRow(number, {**how.fixed, **row})
    if not headings:
        raise SheetRefused("the sheet is empty, or its headings stand in another row")


def _meant(name: str, text: str, how: SheetMap) -> str:
    return how.values.get(name, {}).get(text, text)


def _headings(cells: list[str], how: SheetMap, columns: tuple[str, ...]) -> dict[int, str]:
    """The place of each of our columns. Raises `SheetRefused`."""
    if unknown := sorted({*how.columns, *how.fixed, *how.values} - set(columns)):
        raise SheetRefused(
            f"the map names {', '.join(unknown)}; the columns are {', '.join(columns)}"
        )
    by_text: dict[str, int] = {}
    for at, text in enumerate(cells):
        if text.casefold() in by_text and text:
            raise SheetRefused(f"the heading {text[:100]!r} stands there twice; rename one")
        by_text[text.casefold()] = at
    found = {name: by_text.get(how.columns.get(name, name).casefold()) for name in columns}
    if missing := [one for one in how.columns if found[one] is None]:
        wanted = ", ".join(repr(how.columns[one]) for one in missing)
        raise SheetRefused(f"the sheet has no column {wanted}; it has {', '.join(cells)[:500]}")
    places = {at: name for name, at in found.items() if at is not None}
    if not places:
        raise SheetRefused(
            f"no heading of the sheet is one of {', '.join(columns)}; write a map file"
        )
    return places


def _csv(source: BinaryIO, how: SheetMap) -> Iterator[tuple[int, list[str]]]:
    try:
        text = io.TextIOWrapper(source, encoding=how.encoding, newline="")
    except LookupError:
        raise SheetRefused(f"{how.encoding}: no such encoding") from None
    try:
        look = text.read(_LOOKED_AT_BYTES)
        if "\0" in look:
            raise SheetRefused("this is neither CSV nor Excel (.xlsx); save it as one of the two")
        text.seek(0)
        delimiter = how.delimiter or max(",;\t", key=look.partition("\n")[0].count)
        for number, cells in enumerate(csv.reader(text, delimiter=delimiter), 1):
            yield number, [_short(cell, number) for cell in cells]
    except UnicodeDecodeError as fault:
        raise SheetRefused(
            f"the file is not {how.encoding} at byte {fault.start}; name its encoding in the map,"
            ' as in encoding = "cp1252"'
        ) from None
    except csv.Error as fault:
        raise SheetRefused(f"this is no CSV file: {fault}") from None
    except TypeError:
        raise SheetRefused("the delimiter of a CSV file is one character") from None
    finally:
        text.detach()


def _excel(source: BinaryIO, how: SheetMap) -> Iterator[tuple[int, list[str]]]:
    from openpyxl import load_workbook  # an Excel file only

    _need_plain_parts(source)
    try:
        book = load_workbook(source, read_only=True, data_only=True)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile, SyntaxError) as fault:
        raise SheetRefused(f"this is no Excel file (.xlsx): {fault}") from None
    try:
        if how.sheet and how.sheet not in book.sheetnames:
            raise SheetRefused(f"no sheet {how.sheet!r}; there are {', '.join(book.sheetnames)}")
        sheet = book[how.sheet] if how.sheet else book.worksheets[0]
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            yield number, [_short(_text(cell), number) for cell in cells]
    finally:
        book.close()


def _need_plain_parts(source: BinaryIO) -> None:
    """Refuse a file that grows without bound when it is read. Raises `SheetRefused`."""
    try:
        with zipfile.ZipFile(source) as parts:
            size = sum(part.file_size for part in parts.infolist())
            if size > _EXCEL_BYTES_MAX:
                raise SheetRefused(f"unpacked, the file has {size} bytes; split it")
            for part in parts.infolist():
                if part.filename.endswith((".xml", ".rels")):
                    with parts.open(part) as text:
                        if b"<!DOCTYPE" in text.read(_LOOKED_AT_BYTES):
                            raise SheetRefused("a part of the file has a DOCTYPE: not from Excel")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as fault:
        raise SheetRefused(f"this is no Excel file (.xlsx): {fault}") from None
    source.seek(0)


def _text(cell: object) -> str:
    """A cell as text: days as ISO 8601, whole numbers without a point.

    >>> _text(5410013.0), _text(None)
    ('5410013', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _short(text: str, number: int) -> str:
    text = text.strip()
    if text.startswith("'") and safe(text[1:]) == text:
        text = text[1:]  # as our own sheets keep a value from being run as a formula
    if len(text) > CELL_CHARACTERS_MAX:
        raise SheetRefused(f"a cell of row {number} has more than {CELL_CHARACTERS_MAX} characters")
    return text
