"""The rows of events against the events themselves: what they say, how they are found, who may see.

Everything beside an event's payload can be written again from it, so what differs was changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, cast

import msgspec
from zstandard import ZstdError

from epcis.archive.reading import Shelves
from epcis.database.columns import moment_of, pack_key
from epcis.store.digest import event_digest
from epcis.store.event_index import FIELD_COLUMNS, SENSOR_COLUMNS, WORD_COLUMNS
from epcis.store.event_items import named_items
from epcis.store.event_tables import Relation, Role
from epcis.store.intake import seal
from epcis.store.payload import unpack_event
from epcis.store.rows import EVENT, event_row, write_index
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.model import Event

_INDEXES = {
    "event_quantity": ("seq", "role", "position", "key", "quantity", "uom"),
    "event_party": ("party", "seq", "relation"),
    "event_word": WORD_COLUMNS,
    "event_field": FIELD_COLUMNS,
    "event_sensor": SENSOR_COLUMNS,
}
_GIVEN = frozenset({"seq", "txid", "document", "position", "parent", "voided", "payload"})
"""Columns that the payload does not tell; other checks look at them."""
_ROWS = f"SELECT {', '.join(EVENT)} FROM event WHERE seq"  # noqa: S608  # our own names
_CAPTURERS = "SELECT e.seq, d.party FROM event e JOIN document d ON d.id = e.document WHERE e.seq"


def row_faults(driver: RawDriver, seqs: Sequence[int]) -> Iterator[tuple[int, str]]:
    """(event.seq, what is wrong) for every event whose rows are not what its payload gives.

    A payload that cannot be read is left to whoever checks payloads.
    """
    rows = driver.all_in(_ROWS, list(seqs))
    shelves = Shelves(driver)
    events: dict[int, Event] = {}
    for row in rows:
        columns = dict(zip(EVENT, row, strict=True))
        try:
            events[row[0]] = event = unpack_event(shelves.at_hand(row[0], columns["payload"]))
            differing = _differing_columns(event, columns)
        except (ZstdError, msgspec.MsgspecError, ValueError, TypeError, OverflowError):
            events.pop(row[0], None)
            continue
        if differing:
            yield row[0], f"its row has another {', '.join(differing)} than its payload"
    for seq, table in _differing_indexes(driver, events):
        yield seq, f"what it is found by is not what it says (table {table})"


def _differing_columns(event: Event, row: dict[str, Any]) -> list[str]:  # a row of event by column
    epcs = {
        (role, pack_key(canonical_key(epc)))
        for role, named in named_items(event)
        if role is not Role.PARENT
        for epc in named
    }
    expected = event_row(
        seal(event, event_digest(event), row["position"]),
        row["seq"],
        moment_of(row["record_time"]),
        row["txid"],
        row["document"],
        parent=row["parent"],
        epcs=len(epcs),
        voided=row["voided"],
    )
    return [
        name
        for name, value in zip(EVENT, expected, strict=True)
        if name not in _GIVEN and row[name] != value
    ]


class _Paper:
    """Takes what would be written, row by row."""

    def __init__(self) -> None:
        self.rows: dict[str, Counter[Row]] = defaultdict(Counter)

    def insert(self, table: str, _columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Note rows instead of storing them."""
        self.rows[table].update(rows)


def _differing_indexes(driver: RawDriver, events: dict[int, Event]) -> Iterator[tuple[int, str]]:
    paper = _Paper()
    write_index(cast("RawDriver", paper), list(events.items()), None)
    capturers = [
        (party, seq, int(Relation.CAPTURER))
        for seq, party in driver.all_in(_CAPTURERS, list(events))
        if party
    ]
    paper.insert("event_party", (), capturers)
    without_document = set(events) - {row[0] for row in driver.all_in(_CAPTURERS, list(events))}
    for table, columns in _INDEXES.items():
        at = columns.index("seq")
        question = f"SELECT {', '.join(columns)} FROM {table} WHERE seq"  # noqa: S608  # our own names
        stored = Counter(tuple(row) for row in driver.all_in(question, list(events)))
        expected = paper.rows[table]
        if table == "event_party":
            # Who captured an event of our own making is known by the act, not by a document.
            for row in [row for row in stored if row[2] == int(Relation.CAPTURER)]:
                if row[1] in without_document:
                    del stored[row]
        for row in (stored - expected) + (expected - stored):
            yield row[at], table
