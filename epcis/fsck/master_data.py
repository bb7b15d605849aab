"""Master data against the headers of the documents it came with; the latest document counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from zstandard import ZstdError

from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.place import differing, odd
from epcis.store.masterdata import rows_of, statement_time
from epcis.store.payload import unpack_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epcis.ledger.store import Store
    from epcis.model import Header, VocabularyElement
    from schemas.finding import Finding

ROWS_PER_READ = 500
_DOCUMENTS = (
    "SELECT id, received, header FROM document WHERE id > ? AND header IS NOT NULL"
    " ORDER BY id LIMIT 1"
)
_ENTRY = (
    "SELECT type, id, key, stated_at, document, payload FROM master_data WHERE type = ? AND id = ?"
)
_ENTRIES = (
    "SELECT type, id, document FROM master_data WHERE (type, id) > (?, ?) ORDER BY type, id LIMIT ?"
)
_HEADER = "SELECT header FROM document WHERE id = ?"
_BESIDE = {
    "master_data_attribute": "SELECT type, id, position, name, value FROM master_data_attribute",
    "master_data_child": "SELECT type, id, child, key, child_key FROM master_data_child",
    "master_data_lot": "SELECT gtin, lot, type, id, expiry FROM master_data_lot",
}
_KEYS = {"master_data_attribute": 3, "master_data_child": 3, "master_data_lot": 4}
"""How many columns of a row are its key."""
_STRAY = (
    " t WHERE NOT EXISTS (SELECT 1 FROM master_data m WHERE m.type = t.type AND m.id = t.id)"
    " LIMIT ?"
)
_NAMES = ("type", "id", "key", "stated_at", "document", "payload")


class _RecordedElement(NamedTuple):
    """What one document holds about one thing."""

    document: int
    stated_us: int
    kind: str
    element: VocabularyElement


def check_master_data(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """What the documents hold is there, and nothing else is."""
    last, checked = -(1 << 63), 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            row = driver.one(_DOCUMENTS, (last,))
            if row is None:
                break
            for telling in _tellings(*row):
                yield from _check_telling(driver, telling)
                checked += 1
        last = row[0]
        progress("master data", checked)
    yield from _check_nothing_else(store)


def _tellings(document: int, received_us: int, packed: bytes) -> Iterator[_RecordedElement]:
    header = _header(packed)
    if header is None:
        return  # damaged, which the check of documents says
    stated_at = statement_time(header)
    stated_us = microseconds(stated_at) if stated_at is not None else received_us
    # Told twice in one document, the later words count.
    yield from {
        (vocabulary.type, element.id): _RecordedElement(
            document, stated_us, vocabulary.type, element
        )
        for vocabulary in header.master_data
        for element in vocabulary.elements
    }.values()


def _header(packed: object) -> Header | None:
    try:
        return unpack_header(packed) if isinstance(packed, bytes) else None
    except (ZstdError, msgspec.MsgspecError, ValueError):
        return None


def _check_telling(driver: RawDriver, telling: _RecordedElement) -> Iterator[Finding]:
    key = (telling.kind, telling.element.id)
    row = driver.one(_ENTRY, key)
    if row is None:
        yield odd("master_data", key, "is gone; a document states it")
        return
    document, stated_us = row[4], row[3]
    is_later = _numbers(stated_us, document) > (telling.stated_us, telling.document)
    if document == telling.document:
        yield from _check_rows(driver, telling, tuple(row))
    elif not is_later:
        yield odd("master_data", key, f"is not what document {telling.document} stated last")


def _numbers(*values: object) -> tuple[object, ...]:  # columns as they are stored
    return tuple(value if isinstance(value, int) else -1 for value in values)


def _check_rows(
    driver: RawDriver, telling: _RecordedElement, stored: tuple[object, ...]
) -> Iterator[Finding]:
    key = (telling.kind, telling.element.id)
    entry, beside = rows_of(telling.kind, telling.element)
    expected = (*key, entry["key"], telling.stated_us, telling.document, entry["payload"])
    if wrong := differing(_NAMES, stored, expected):
        yield odd("master_data", key, f"{wrong} than its document tells")
    for table, rows in beside.items():
        kept = {
            tuple(row) for row in driver.all(_BESIDE[table] + " WHERE type = ? AND id = ?", key)
        }
        for row in kept ^ {tuple(row.values()) for row in rows}:
            what = "stands in no document" if row in kept else "is gone or changed"
            yield odd(table, row[: _KEYS[table]], what)


def _check_nothing_else(store: Store) -> Iterator[Finding]:
    last: tuple[object, ...] = ("", "")
    entry: tuple[object, frozenset[tuple[str, str]]] = (None, frozenset())
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            rows = driver.all(_ENTRIES, (*last, ROWS_PER_READ))
            for kind, element_id, document in rows:
                if entry[0] != document:
                    entry = document, _elements_in(driver, document)
                if (kind, element_id) not in entry[1]:
                    yield odd("master_data", (kind, element_id), "stands in no document")
        if not rows:
            break
        last = tuple(rows[-1][:2])
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        for table, statement in _BESIDE.items():
            for row in driver.all(statement + _STRAY, (ROWS_PER_READ,)):
                yield odd(table, row[: _KEYS[table]], "belongs to no row of table master_data")


def _elements_in(driver: RawDriver, document: object) -> frozenset[tuple[str, str]]:
    found = driver.one(_HEADER, (document,))
    header = _header(found[0]) if found is not None else None
    return frozenset(
        (vocabulary.type, element.id)
        for vocabulary in (header.master_data if header is not None else ())
        for element in vocabulary.elements
    )
