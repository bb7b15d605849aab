"""Which events belong to the history of packs, cases and lots.

An event recorded on a container counts for what was in it at that time.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import select

from compliance.dossier.kinds import Case, LotHistory, Pack
from epcis.database.item_keys import item_key
from epcis.database.raw_driver import RawDriver
from epcis.store.event_tables import event, item
from epcis.store.items import lot_numbers
from epcis.store.named import naming
from epcis.store.stays import stays_of
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from compliance.dossier.kinds import DossierSelection
    from epcis.database.transactions import Snapshot

ITEMS_PER_QUESTION = 400
LEVELS_MAX = 16
"""Containers inside each other."""
ALWAYS = (-(1 << 62), 1 << 62)
Spans: TypeAlias = dict[int, set[tuple[int, int]]]
"""Item id -> the spans of moments in which the item belongs to the history."""


def items_of_selection(snapshot: Snapshot, selection: DossierSelection) -> array[int]:
    """The item ids a selection is about."""
    connection = snapshot.connection
    if isinstance(selection, Pack):
        key = canonical_key(selection.link)
        found = connection.scalars(select(item_key.c.id).where(item_key.c.key == key))
    elif isinstance(selection, Case):
        key = f"/00/{selection.sscc}"
        found = connection.scalars(select(item_key.c.id).where(item_key.c.key == key))
    elif isinstance(selection, LotHistory):
        lots = lot_numbers(RawDriver(snapshot), selection.gtin, selection.lot)
        found = connection.scalars(
            select(item.c.id).where(item.c.lot.in_(lots)).order_by(item.c.id)
        )
    else:
        raise TypeError(f"{selection} is not about items")
    return array("q", found)


def keys_of_items(snapshot: Snapshot, items: Iterable[int]) -> Iterator[str]:
    """The canonical keys of items."""
    for some in _some(items):
        yield from snapshot.connection.scalars(select(item.c.key).where(item.c.id.in_(some)))


def events_of_items(snapshot: Snapshot, items: Iterable[int]) -> array[int]:
    """`event.seq` of all events that name the items, or a container they were in at the time.

    Events declared wrong and their declarations are among them: a history hides nothing.
    """
    seqs: set[int] = set()
    spans: Spans = {one: {ALWAYS} for one in items}
    for _ in range(LEVELS_MAX):
        if not spans:
            break
        seqs.update(_naming(snapshot, spans))
        spans = _containers(snapshot, spans)
    return array("q", sorted(seqs))


def _naming(snapshot: Snapshot, spans: Spans) -> Iterator[int]:
    """Events that name an item within one of its spans."""
    for some in _some(spans):
        always = [one for one in some if ALWAYS in spans[one]]
        if always:
            yield from (row.seq for row in snapshot.connection.execute(naming(always)))
        for one in some:
            for since, until in spans[one] - {ALWAYS}:
                yield from snapshot.connection.scalars(
                    select(event.c.seq).where(
                        event.c.seq.in_(naming((one,))), event.c.moment.between(since, until)
                    )
                )


def _containers(snapshot: Snapshot, spans: Spans) -> Spans:
    """The containers of the items, and from when until when."""
    outer: Spans = {}
    driver = RawDriver(snapshot)
    for some in _some(spans):
        for child, since, until, parent in stays_of(driver, some):
            for first, last in spans[child]:
                begin = max(since, first)
                end = min(until, last)
                if begin <= end:
                    outer.setdefault(parent, set()).add((begin, end))
    return outer


def _some(items: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(items)
    while some := list(islice(waiting, ITEMS_PER_QUESTION)):
        yield some
