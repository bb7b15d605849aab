"""An item as a party knows it: its state as told by the events that this party may see, alone.

The house keeps the state of every item from all events; a partner who was told it would learn
where the pack went after it left its hands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from epcis.database.columns import pack_key
from epcis.model import AggregationEvent, AssociationEvent
from epcis.query.conditions import NamesItem, OrderBy, Query
from epcis.query.parameters import ANY_ROLE
from epcis.query.patterns import KeyIs
from epcis.query.search import Selection, page
from epcis.store.event_tables import Role
from epcis.store.item_state import (
    ItemState,
    advance,
    happening,
    moment,
    named_items,
    share,
    time_of_moment,
    told_lot,
)
from epcis.store.items import LEVELS_MAX, StoredItem
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.model import Event
    from epcis.query.search import Found

EVENTS_MAX: Final = 1000
"""Newest events of an item that are looked at."""
_UNTIED: Final = b"\x00"


@dataclass(slots=True)
class _Tale:
    """What was told of one item so far."""

    state: ItemState
    lot: str = ""
    expiry: str = ""
    parent: str | None = None
    top: str | None = None
    first_us: int = 0
    last_us: int = 0


def told_state(snapshot: Snapshot, key: str, party: str) -> StoredItem | None:
    """The item's state by the party's own knowledge; None where nothing it may see holds of it."""
    tale = _tale(snapshot, key, party, LEVELS_MAX)
    if tale is None:
        return None
    return StoredItem(
        key,
        tale.state,
        tale.lot,
        tale.expiry,
        pack_key(tale.parent) if tale.parent else None,
        pack_key(tale.top) if tale.top else None,
        tale.first_us,
        tale.last_us,
    )


def _tale(snapshot: Snapshot, key: str, party: str, levels_max: int) -> _Tale | None:
    found = _events(snapshot, key, party)
    if not found:
        return None
    tale = _Tale(ItemState())
    for event in found:
        _hear(tale, event, key)
    tale.first_us = time_of_moment(moment(found[0], _UNTIED))
    tale.last_us = time_of_moment(moment(found[-1], _UNTIED))
    if tale.parent is not None and levels_max:
        tale.top = tale.parent
        container = _tale(snapshot, tale.parent, party, levels_max - 1)
        if container is not None:
            _go_along(tale, container)
    return tale


def _events(snapshot: Snapshot, key: str, party: str) -> list[Event]:
    """Events that name the item, that hold, and that the party may see, in the order of life."""
    asked = Query((NamesItem(ANY_ROLE, (KeyIs(key),)),), OrderBy("event_time"))
    selection = Selection(party=party, effective=True)
    found = page(snapshot, asked, selection, rows_max=EVENTS_MAX).events
    return [one.event for one in sorted(found, key=_place_in_life)]


def _place_in_life(one: Found) -> tuple[int, int]:
    return moment(one.event, _UNTIED), one.seq


def _hear(tale: _Tale, event: Event, key: str) -> None:
    """What one event makes of the item."""
    for role, epcs in named_items(event):
        if key not in map(canonical_key, epcs):
            continue
        tale.state = advance(tale.state, happening(event, role))
        if role in (Role.EPC, Role.OUTPUT) and (lot := told_lot(event)):
            tale.lot, tale.expiry = lot.code or tale.lot, lot.expiry or tale.expiry
        if role is Role.CHILD and isinstance(event, AggregationEvent | AssociationEvent):
            if event.action == "ADD" and event.parent_id:
                tale.parent = canonical_key(event.parent_id)
            elif event.action == "DELETE":
                tale.parent = None


def _go_along(tale: _Tale, container: _Tale) -> None:
    """What happened to the container since happened to what is in it."""
    tale.top = container.top or tale.top
    if container.last_us > tale.last_us:
        tale.state = share(tale.state, container.state)
        tale.last_us = container.last_us
