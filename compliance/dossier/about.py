"""Find the places in the log of the history of something: its events and the entries about it."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.dossier.history import events_of_items, items_of_selection, keys_of_items
from compliance.dossier.kinds import LotHistory, RecallOf, Shipment, TraceRequestOf
from compliance.dossier.refusal import ExportRefused
from compliance.recall.events import NUMBER_PREFIX
from compliance.recall.recall import ids_in
from compliance.recall.record import find_recall
from compliance.reports.trace_answer import trace_answer
from compliance.reports.transactions import shipment_events
from compliance.requests.trace_requests import find_request
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.subjects import entries_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement

    from compliance.dossier.kinds import History
    from epcis.database.transactions import Snapshot

PLACES_PER_QUESTION = 500


def places_of(snapshot: Snapshot, selection: History, size: int) -> array[int]:
    """The places in the log (below `size`) of all that belongs to a selection, ascending.

    Raises ExportRefused for a recall or request that does not exist.
    """
    places: set[int] = set()
    seqs: list[int] = []
    items: Iterable[int] = ()
    if isinstance(selection, RecallOf):
        recall = find_recall(snapshot, selection.id)
        if recall is None:
            raise ExportRefused(f"there is no recall {selection.id}")
        places.update(_entries_naming(snapshot, LeafKind.RECALL, selection.id))
        seqs += shipment_events(snapshot, NUMBER_PREFIX + selection.id)
        items = array("q", ids_in(snapshot, recall))
    elif isinstance(selection, TraceRequestOf):
        asked = find_request(snapshot, selection.id)
        if asked is None:
            raise ExportRefused(f"there is no trace request {selection.id}")
        places.update(_entries_naming(snapshot, LeafKind.CASE, selection.id))
        seqs += trace_answer(snapshot, asked).seqs
    elif isinstance(selection, Shipment):
        seqs += shipment_events(snapshot, selection.transaction)
    else:
        items = items_of_selection(snapshot, selection)
        if isinstance(selection, LotHistory):
            places.update(_entries_naming(snapshot, LeafKind.RECALL, selection.gtin, selection.lot))
    if items:
        seqs += events_of_items(snapshot, items)
        subjects = [sha256(key.encode()).digest() for key in keys_of_items(snapshot, items)]
        places.update(_where(snapshot, entries_about(snapshot, subjects), ledger_entry.c.id))
    places.update(_where(snapshot, seqs, ledger_entry.c.event))
    return array("q", sorted(place for place in places if place < size))


def _entries_naming(snapshot: Snapshot, kind: LeafKind, *named: str) -> Iterator[int]:
    """Places of the entries of a kind whose public part has these texts as values."""
    rows = snapshot.connection.execute(
        select(ledger_entry.c.idx, ledger_entry.c.public).where(
            ledger_entry.c.kind == int(kind), ledger_entry.c.idx.is_not(None)
        )
    )
    values = [f'"{one}"'.encode() for one in named]
    for row in rows:
        if all(value in (row.public or b"") for value in values):
            yield row.idx


def _where(snapshot: Snapshot, values: Iterable[int], column: ColumnElement[int]) -> Iterator[int]:
    waiting = list(values)
    for at in range(0, len(waiting), PLACES_PER_QUESTION):
        some = waiting[at : at + PLACES_PER_QUESTION]
        yield from snapshot.connection.scalars(
            select(ledger_entry.c.idx).where(column.in_(some), ledger_entry.c.idx.is_not(None))
        )
