"""Moments: the order in which events happened, as one 64-bit number each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.columns import microseconds
from epcis.model import AggregationEvent, ObjectEvent, TransformationEvent
from epcis.store.effect import STATUS_OF_STEP
from epcis.store.item_status import ItemStatus
from schemas.cbv import bare

if TYPE_CHECKING:
    from epcis.model import Event

NEVER = -(1 << 62)
"""The moment of an item that no valid event names."""
ALWAYS = 1 << 62
"""The end of a stay that lasts: a moment after all others."""
_RANK_BITS, _TIE_BITS = 4, 4
MOMENT_BITS = _RANK_BITS + _TIE_BITS
"""Bits of a moment below the microsecond."""
_TIME_MAX = (1 << 63 - _RANK_BITS - _TIE_BITS - 1) - 1
"""Event times beyond the year 2500 count as that; a moment has 64 bits."""
_RANKS = {"encoding": 0, "commissioning": 1, "shipping": 8, "departing": 9, "arriving": 10,
          "receiving": 11, "accepting": 12}  # fmt: skip
_RANK_OBSERVED = 7
_RANK_ENDED = 14


def moment(event: Event, digest: bytes) -> int:
    """Where an event stands in order: by event time, then by what naturally comes first.

    Commissioning comes before packing, that before shipping, that before receiving; four bits of
    the event hash `digest` decide between the rest. 64 bits, signed.

    >>> pack = AggregationEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> made = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> moment(made, b"x") < moment(pack, b"x")
    True
    """
    time_us = max(-_TIME_MAX, min(microseconds(event.instant), _TIME_MAX))
    return (time_us << _RANK_BITS | _rank(event)) << _TIE_BITS | digest[0] & 0xF


def time_of_moment(value: int) -> int:
    """The event time of a moment, in microseconds since 1970 UTC."""
    return value >> MOMENT_BITS


def _rank(event: Event) -> int:
    step = bare("bizstep", event.biz_step or "")
    if isinstance(event, TransformationEvent):
        return 2
    if isinstance(event, AggregationEvent):
        return 3 if event.action == "DELETE" else 4
    if isinstance(event, ObjectEvent) and event.action != "OBSERVE":
        return 1 if event.action == "ADD" else _RANK_ENDED
    if STATUS_OF_STEP.get(step, ItemStatus.ACTIVE).is_ended:
        return _RANK_ENDED
    return _RANKS.get(step, _RANK_OBSERVED)
