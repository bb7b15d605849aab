"""The map file: how the columns of a sheet are called here, and how its values are read."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path

import msgspec

from schemas.refusal import Refused

MAPS = Path(__file__).parent / "maps"
MAP_BYTES_MAX = 1 << 20


class SheetRefused(Refused):
    """A sheet or its map cannot be read; the text says why and what to do."""


class SheetMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to read a sheet; without a map, its columns are called as ours."""

    columns: dict[str, str] = {}
    """Our column: the heading in the sheet."""
    fixed: dict[str, str] = {}
    """Our column: its value in every row, where the sheet has no such column."""
    values: dict[str, dict[str, str]] = {}
    """Our column: its values in the sheet, and what each means here."""
    dates: str = "%Y-%m-%d"
    """How days are written, as in Python's `strptime`."""
    sheet: str = ""
    """Name of the sheet in an Excel file; empty: the first."""
    header_row: int = 1
    """The row of the headings, counted from 1."""
    delimiter: str = ""
    """What stands between the cells of a CSV file; empty: comma, semicolon or tab, by its look."""
    encoding: str = "utf-8-sig"
    """The characters of a CSV file, by their name in Python."""

    @classmethod
    def read(cls, name: str) -> SheetMap:
        """A map file, or one of those that come with Packtrail by its name.

        Raises `SheetRefused`.

        >>> SheetMap.read("odoo-stock").columns["gtin"]
        'Product/Barcode'
        """
        path = MAPS / f"{name}.toml" if name in shipped_maps() else Path(name)
        try:
            with path.open("rb") as file:
                return cls.parse(file.read(MAP_BYTES_MAX + 1), name)
        except OSError:
            known = ", ".join(shipped_maps())
            raise SheetRefused(f"{name}: no such map file; ready ones are {known}") from None

    @classmethod
    def parse(cls, text: bytes, name: str) -> SheetMap:
        """The map that a file holds. Raises `SheetRefused`."""
        if len(text) > MAP_BYTES_MAX:
            raise SheetRefused(f"{name}: a map has {MAP_BYTES_MAX} bytes at most")
        try:
            return msgspec.convert(tomllib.loads(text.decode()), cls)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as fault:
            raise SheetRefused(f"{name}: {fault}") from None

    def day(self, text: str) -> date:
        """A day as the sheet writes it, or as ISO 8601 does.

        Raises ValueError.

        >>> SheetMap(dates="%d.%m.%Y").day("31.05.2028"), SheetMap().day("2028-05-31 00:00:00")
        (datetime.date(2028, 5, 31), datetime.date(2028, 5, 31))
        """
        try:
            return datetime.strptime(text, self.dates).date()  # noqa: DTZ007  # a day has no zone
        except ValueError:
            pass
        try:
            return datetime.fromisoformat(text).date()
        except ValueError:
            raise ValueError(f"a day is written as {self.dates} or 2028-05-31") from None


def shipped_maps() -> tuple[str, ...]:
    """The maps that come with Packtrail."""
    return tuple(sorted(path.stem for path in MAPS.glob("*.toml")))
