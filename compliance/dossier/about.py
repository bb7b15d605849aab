"""Where in the log the history of something stands: its events and the entries about it."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.dossier.history import events_of_items, items_of_selection, keys_of_items
from compliance.dossier.refusal import ExportRefused
from compliance.dossier.selection import Lot, RecallOf, Shipment
from compliance.recall.recall import find_recall
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.subjects import entries_about
from epcis.query.query_tables import event_word
from epcis.store.event_index import word
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement

    from compliance.dossier.selection import About
    from epcis.database.transactions import Snapshot

PLACES_PER_QUESTION = 500
TRANSACTION_TYPES = (
    "", "bol", "cert", "desadv", "inv", "pedigree", "po", "poc", "prodorder", "recadv", "rma",
    "testprd", "testres", "upevt",
)  # fmt: skip
"""Business transaction types of CBV 2.0 section 7.3, and none."""


def places_of(snapshot: Snapshot, selection: About, size: int) -> array[int]:
    """The places in the log (below `size`) of all that belongs to a selection, ascending.

    Raises ExportRefused for a recall that does not exist.
    """
    places: set[int] = set()
    if isinstance(selection, RecallOf):
        recall = find_recall(snapshot, selection.id)
        if recall is None:
            raise ExportRefused(f"there is no recall {selection.id}")
        places.update(_entries_naming(snapshot, LeafKind.RECALL, selection.id))
        selection = Lot(recall.gtin, recall.lot)
    if isinstance(selection, Shipment):
        seqs = under_transaction(snapshot, selection.transaction)
    else:
        items = items_of_selection(snapshot, selection)
        seqs = list(events_of_items(snapshot, items))
        if isinstance(selection, Lot):
            places.update(_entries_naming(snapshot, LeafKind.RECALL, selection.gtin, selection.lot))
        subjects = [sha256(key.encode()).digest() for key in keys_of_items(snapshot, items)]
        places.update(_where(snapshot, entries_about(snapshot, subjects), ledger_entry.c.id))
    places.update(_where(snapshot, seqs, ledger_entry.c.event))
    return array("q", sorted(place for place in places if place < size))


def under_transaction(snapshot: Snapshot, transaction: str) -> list[int]:
    """The events under a business transaction, whatever type it has."""
    key = canonical_key(transaction)
    words = [word("bizTransaction", key, kind) for kind in TRANSACTION_TYPES]
    found = select(event_word.c.seq).where(event_word.c.word.in_(words)).distinct()
    return list(snapshot.connection.scalars(found))


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
