"""An item as a partner knows it: its state by the events that this party may see, alone.

The operator keeps the state of every item from all events; a partner who got it would learn
where the pack went after he sold it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.database.columns import pack_key
from epcis.database.raw_driver import RawDriver
from epcis.lot_facts import LotFacts
from epcis.model import AggregationEvent
from epcis.query.conditions import NamesItem, OrderBy, Query
from epcis.query.parameter_table import ANY_ROLE
from epcis.query.patterns import KeyIs
from epcis.query.search import Selection, page
from epcis.store.effect import event_effects
from epcis.store.event_items import named_items
from epcis.store.fold import Fold, ItemEvent
from epcis.store.items import StoredItem
from epcis.store.moments import NEVER, moment, time_of_moment
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.query.search import FoundEvent

EVENTS_MAX: Final = 1000
"""Newest events of an item, or of a container, that are looked at."""
CONTAINERS_MAX: Final = 100
"""Containers whose events are looked at."""
_UNTIED: Final = b"\x00"
_OWN: Final = "SELECT seq FROM event WHERE document IS NULL AND seq"


def state_of_visible(snapshot: Snapshot, key: str, party: str) -> StoredItem | None:
    """The item's state by the party's own knowledge; None where nothing it may see holds of it."""
    fold = Fold()
    fold.run(_visible_events(snapshot, key, party))
    history = fold.histories[key]
    if history.moment == NEVER:
        return None
    last, state = fold.latest(key)
    lot = history.lots[0] if history.lots else LotFacts("", "")
    outer = [str(container) for container in fold.containers_of(key)]
    return StoredItem(
        key,
        state,
        lot.code,
        lot.expiry,
        pack_key(outer[0]) if outer else None,
        pack_key(outer[-1]) if outer else None,
        time_of_moment(history.first),
        time_of_moment(last),
    )


def _visible_events(snapshot: Snapshot, key: str, party: str) -> list[ItemEvent]:
    """What the party may see of the item and of everything that it was in, as recorded."""
    known: dict[int, FoundEvent] = {}
    keys: set[str] = set()
    waiting = [key]
    while waiting and len(keys) <= CONTAINERS_MAX:
        one = waiting.pop()
        keys.add(one)
        for found in _naming(snapshot, one, party):
            known[found.seq] = found
            event = found.event
            if isinstance(event, AggregationEvent) and event.parent_id and event.action != "DELETE":
                container = canonical_key(event.parent_id)
                if container not in keys and one in map(canonical_key, event.child_epcs or ()):
                    waiting.append(container)
    own = {row[0] for row in RawDriver(snapshot).all_in(_OWN, sorted(known))}
    return [_item_event(found, keys, is_own=found.seq in own) for found in known.values()]


def _naming(snapshot: Snapshot, key: str, party: str) -> list[FoundEvent]:
    asked = Query((NamesItem(ANY_ROLE, (KeyIs(key),)),), OrderBy("event_time"))
    selection = Selection(party=party, effective=True)
    return list(page(snapshot, asked, selection, rows_max=EVENTS_MAX).events)


def _item_event(found: FoundEvent, keys: set[str], *, is_own: bool) -> ItemEvent:
    event = found.event
    named = {
        role: tuple(one for one in dict.fromkeys(map(canonical_key, epcs)) if one in keys)
        for role, epcs in named_items(event)
    }
    is_aggregation = isinstance(event, AggregationEvent)
    parent = getattr(event, "parent_id", None)
    effects = event_effects(event, is_own=is_own)
    return ItemEvent(
        moment(event, _UNTIED),
        (b"", found.seq),
        {role: items for role, items in named.items() if items},
        canonical_key(parent) if parent else None,
        is_aggregation,
        is_aggregation and getattr(event, "action", "") == "DELETE",
        effects.takes_all,
        effects.effect,
        effects.lot,
    )
