"""Events as a table for spreadsheets: CSV (RFC 4180) and Excel, neither of which runs formulas."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from schemas.cbv import bare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from epcis.model import Event

COLUMNS = (
    "log_index",
    "record_time",
    "event_time",
    "event_time_zone_offset",
    "type",
    "action",
    "biz_step",
    "disposition",
    "read_point",
    "biz_location",
    "parent",
    "epc_count",
    "epcs",
    "quantities",
    "event_id",
    "event_hash",
)
EXCEL_EVENTS_MAX = 20_000
"""A dossier with more events has no workbook: spreadsheet programs open the CSV too."""
CELL_CHARACTERS_MAX = 32_767
_NO_TIME = datetime(1980, 1, 1, tzinfo=UTC)
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str) -> str:
    """The text, escaped so that no spreadsheet program runs it as a formula.

    >>> safe("=1+1"), safe("12"), safe("-3")
    ("'=1+1", '12', "'-3")
    """
    return "'" + text if text.startswith(_STARTS_FORMULA) else text


def row_of(event: Event, *, index: int, record_time: str, event_hash: str) -> list[str]:
    """An event as a row of `COLUMNS`."""
    epcs = _epcs(event)
    return [
        str(index),
        record_time,
        event.event_time,
        safe(event.event_time_zone_offset or ""),
        type(event).__name__,
        getattr(event, "action", None) or "",
        safe(bare("bizstep", event.biz_step or "")),
        safe(bare("disp", event.disposition or "")),
        safe(event.read_point.id if event.read_point else ""),
        safe(event.biz_location.id if event.biz_location else ""),
        safe(getattr(event, "parent_id", None) or ""),
        str(len(epcs)),
        safe(" ".join(epcs)),
        safe(_quantities(event)),
        safe(event.event_id or ""),
        event_hash,
    ]


def writer_of(file: IO[str]) -> csv._writer:  # type: ignore[name-defined]  # typeshed hides its name
    """A CSV writer for Excel and RFC 4180: all fields quoted, CRLF."""
    return csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")


def write_excel(table: Path, workbook: Path, title: str = "events") -> None:
    """The CSV table as an Excel workbook of text cells; the same table gives the same bytes."""
    from xlsxwriter import Workbook

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(str(workbook), options) as book, table.open(newline="") as rows:
        book.set_properties({"title": title.capitalize(), "created": _NO_TIME})
        sheet = book.add_worksheet(title)
        sheet.freeze_panes(1, 0)
        for number, cells in enumerate(csv.reader(rows)):
            for column, cell in enumerate(cells):
                sheet.write_string(number, column, _fitting(cell))


def _fitting(cell: str) -> str:
    """A text cut to the length of an Excel cell; the CSV has all of it."""
    if len(cell) <= CELL_CHARACTERS_MAX:
        return cell
    return cell[: CELL_CHARACTERS_MAX - 1] + "\u2026"


def _epcs(event: Event) -> Sequence[str]:
    named: list[str] = []
    for field in ("epcs", "child_epcs", "input_epcs", "output_epcs"):
        named.extend(getattr(event, field, None) or ())
    return named


def _quantities(event: Event) -> str:
    quantities: list[str] = []
    for field in ("quantities", "child_quantities", "input_quantities", "output_quantities"):
        quantities.extend(
            " ".join(filter(None, (one.epc_class, one.quantity, one.uom)))
            for one in getattr(event, field, None) or ()
        )
    return "; ".join(quantities)
