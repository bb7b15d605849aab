"""Write a table as CSV or Excel: what `import` takes in comes out in the same columns."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import select

from compliance.dossier.table import safe, write_excel, writer_of
from compliance.spreadsheets.sheet_map import SheetRefused
from compliance.spreadsheets.tables import PLACE_ATTRIBUTES, PRODUCT_ATTRIBUTES
from epcis.model import VocabularyElement
from epcis.store.event_tables import master_data
from epcis.store.items import all_items
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.digital_link import parse as parse_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

EXCEL_ROWS_MAX = 1_048_575
"""Rows of an Excel sheet below its heading."""
_MDA = "urn:epcglobal:cbv:mda#"


class ExportedTable(NamedTuple):
    """A table that can be written as a sheet."""

    columns: tuple[str, ...]
    rows: Callable[[Snapshot], Iterator[tuple[str, ...]]]


def _packs(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    """Every pack with a serial number, where it is and how it stands."""
    for one in all_items(snapshot):
        pack = _parts(one.key)
        if "01" not in pack or "21" not in pack:
            continue
        yield (
            pack["01"],
            pack["21"],
            one.lot,
            one.expiry_text,
            _parts(one.location).get("414", ""),
            _parts(one.location).get("254", ""),
            _parts(one.top or "").get("00", ""),
            one.status.value,
            _parts(one.holder).get("414", ""),
            " ".join(one.conditions),
            one.last_event_time.isoformat(),
        )


def _parts(key: str) -> dict[str, str]:
    """The data of a canonical key, by Application Identifier; none of an empty key."""
    return {one.ai: one.value for one in parse_link(RESOLVER + key).elements} if key else {}


def _products(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    return _master_data(snapshot, "01", PRODUCT_ATTRIBUTES)


def _places(snapshot: Snapshot) -> Iterator[tuple[str, ...]]:
    return _master_data(snapshot, "414", PLACE_ATTRIBUTES)


def _master_data(
    snapshot: Snapshot, identifier: str, attributes: Mapping[str, str]
) -> Iterator[tuple[str, ...]]:
    """Master data of products or places, the key first, one row for each key."""
    known: dict[str, dict[str, str]] = {}
    rows = snapshot.connection.execute(
        select(master_data.c.key, master_data.c.payload)
        .where(master_data.c.key.startswith(f"/{identifier}/", autoescape=True))
        .order_by(master_data.c.key, master_data.c.stated_at)
    )
    for key, payload in rows:
        element = msgspec.msgpack.decode(bytes(payload), type=VocabularyElement)
        values = known.setdefault(_parts(key)[identifier], {})
        for name, content in element.attributes:
            if len(content) == 1 and isinstance(content[0], str):
                values[name.removeprefix(_MDA)] = content[0]
    for number, values in known.items():
        yield (number, *(values.get(name, "") for name in attributes.values()))


EXPORTS = {
    "packs": ExportedTable(
        (
            *("gtin", "serial", "lot", "expiry", "place", "sublocation", "container"),
            *("status", "holder", "conditions", "last_event"),
        ),
        _packs,
    ),
    "products": ExportedTable(("gtin", *PRODUCT_ATTRIBUTES), _products),
    "places": ExportedTable(("gln", *PLACE_ATTRIBUTES), _places),
}
"""By the word of the command."""


def write_sheet(store: Store, name: str, out: Path) -> int:
    """Write a table as CSV, or as Excel where `out` ends so; returns how many rows it has.

    Raises `SheetRefused` for an unknown table, and for more rows than Excel holds.
    """
    if name not in EXPORTS:
        raise SheetRefused(f"{name}: no such table; there are {', '.join(EXPORTS)}")
    table = EXPORTS[name]
    if out.suffix.lower() != ".xlsx":
        return _write_csv(store, table, out)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "sheet.csv"
        count = _write_csv(store, table, plain)
        if count > EXCEL_ROWS_MAX:
            raise SheetRefused(f"{count} rows are too many for Excel; write {out.stem}.csv")
        write_excel(plain, out, name)
    return count


def _write_csv(store: Store, table: ExportedTable, out: Path) -> int:
    count = 0
    with out.open("w", newline="", encoding="utf-8") as file, store.read() as snapshot:
        writer = writer_of(file)
        writer.writerow(table.columns)
        for row in table.rows(snapshot):
            writer.writerow([safe(cell) for cell in row])
            count += 1
    return count
