"""Which events belong to the history of packs, cases and lots.

An event recorded on a container counts for what was in it at that time.
"""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from sqlalchemy import select

from compliance.dossier.selection import Case, Lot, Pack
from epcis.store.named import naming
from epcis.store.tables import containment, event, item, lot
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from compliance.dossier.selection import Selection
    from epcis.store.database import View

ITEMS_PER_QUESTION = 400
_ALWAYS = (-(1 << 62), 1 << 62)


def items_of_selection(view: View, selection: Selection) -> array[int]:
    """The item ids a selection is about."""
    connection = view.connection
    if isinstance(selection, Pack):
        key = canonical_key(
            f"https://id.gs1.org/01/{selection.gtin}/21/{quote(selection.serial, safe='')}"
        )
        found = connection.scalars(select(item.c.id).where(item.c.key == key))
    elif isinstance(selection, Case):
        found = connection.scalars(select(item.c.id).where(item.c.key == f"/00/{selection.sscc}"))
    elif isinstance(selection, Lot):
        lots = select(lot.c.id).where(lot.c.gtin == selection.gtin, lot.c.code == selection.lot)
        found = connection.scalars(
            select(item.c.id).where(item.c.lot.in_(lots)).order_by(item.c.id)
        )
    else:
        raise TypeError(f"{selection} is not about items")
    return array("q", found)


def events_of_items(view: View, items: Iterable[int]) -> array[int]:
    """The numbers (`event.seq`) of all events that name the items, or what they were in then."""
    seqs: set[int] = set()
    spans = dict.fromkeys(items, _ALWAYS)
    while spans:
        seqs.update(_naming(view, spans))
        spans = _containers(view, spans)
    return array("q", sorted(seqs))


def _naming(view: View, spans: dict[int, tuple[int, int]]) -> Iterator[int]:
    """Events that name an item between the two moments of its span."""
    for some in _some(spans):
        always = [one for one in some if spans[one] == _ALWAYS]
        if always:
            yield from view.connection.scalars(naming(always))
        for one in some:
            since, until = spans[one]
            if (since, until) != _ALWAYS:
                yield from view.connection.scalars(
                    select(event.c.seq).where(
                        event.c.seq.in_(naming((one,))), event.c.moment.between(since, until)
                    )
                )


def _containers(view: View, spans: dict[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """What the items were in, and from when until when at the widest."""
    outer: dict[int, tuple[int, int]] = {}
    for some in _some(spans):
        rows = view.connection.execute(
            select(
                containment.c.child, containment.c.parent, containment.c.since, containment.c.until
            ).where(containment.c.child.in_(some))
        )
        for child, parent, since, until in rows:
            since = max(since, spans[child][0])
            until = min(_ALWAYS[1] if until is None else until, spans[child][1])
            if since <= until:
                before = outer.get(parent, (since, until))
                outer[parent] = (min(before[0], since), max(before[1], until))
    return outer


def _some(items: Iterable[int]) -> Iterator[list[int]]:
    waiting = iter(items)
    while some := list(islice(waiting, ITEMS_PER_QUESTION)):
        yield some
