"""The outline of an archived event, which stays in the database: all that item state depends on.

The row keeps its columns, the items it names and its search words. Of the payload, business step,
disposition, sensor reports, place, parties and lot stay, so that late and corrected events still
give every item the right state, and trace, recall and state need no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from zstandard import ZstdError

from epcis.lot_facts import fact_nodes
from epcis.model import AggregationEvent, Node
from epcis.store.effect import event_effects
from epcis.store.payload import is_outline, unpack_outline

if TYPE_CHECKING:
    from epcis.model import Event, Place

_KEPT = frozenset(
    {
        "event_time",
        "event_time_zone_offset",
        "biz_step",
        "disposition",
        "persistent_disposition",
        "sensor_elements",
        "sources",
        "destinations",
        "action",
        "epc_class",
        "quantity",
    }
)


def outline(event: Event) -> Event:
    """An event reduced to the data on which the state of its items depends.

    >>> from epcis.model import BizTransaction, ObjectEvent
    >>> order = BizTransaction(id="urn:epcglobal:cbv:bt:9521321000018:1")
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD", epcs=("urn:x",),
    ...     biz_step="commissioning", biz_transactions=(order,))
    >>> kept = outline(event)
    >>> kept.biz_step, kept.epcs, kept.biz_transactions
    ('commissioning', None, None)
    """
    fields = msgspec.structs.fields(event)
    bare = {f.name: f.default for f in fields if f.name not in _KEPT}
    bare["read_point"] = _bare_place(event.read_point)
    bare["biz_location"] = _bare_place(event.biz_location)
    if "ilmd" in bare:
        bare["ilmd"] = _of_lots(getattr(event, "ilmd", None))
    if isinstance(event, AggregationEvent) and event.action == "DELETE":
        # Whether it names anything decides if it empties the parent: keep one of each list.
        bare["child_quantities"] = (event.child_quantities or ())[:1] or None
        bare["child_epcs"] = (event.child_epcs or ())[:1] or None
    kept = msgspec.structs.replace(event, **bare)
    assert is_faithful(kept, event), "an outline gives items the state that its event gives"
    return kept


def is_outline_of(payload: bytes, event: Event) -> bool:
    """Whether a payload is exactly the outline of an event."""
    try:
        return is_outline(payload) and unpack_outline(payload) == outline(event)
    except (ValueError, ZstdError):
        return False


def is_faithful(kept: Event, event: Event) -> bool:
    """Whether an outline changes the state of every item as its event does."""
    return all(
        event_effects(kept, is_own=is_own) == event_effects(event, is_own=is_own)
        for is_own in (False, True)
    )


def _bare_place(place: Place | None) -> Place | None:
    return None if place is None else type(place)(id=place.id)


def _of_lots(ilmd: tuple[Node, ...] | None) -> tuple[Node, ...] | None:
    return tuple(fact_nodes(ilmd or ())) or None
