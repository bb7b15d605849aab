"""Which lots and expiry dates events tell for one item; two of them are a conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from epcis.database.columns import pack_key
from epcis.database.item_keys import ID_OF_KEY
from epcis.database.raw_driver import RawDriver
from epcis.lot_facts import lot_facts
from epcis.store.event_tables import Role
from epcis.store.payload import unpack_outline

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot

_TELLING = f"""
SELECT DISTINCT e.moment, e.seq, e.event_id, e.payload FROM event_epc x
JOIN event e ON e.seq = x.seq
JOIN item i ON i.id = {ID_OF_KEY}
WHERE x.block = i.id >> 6 AND x.mask & (CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) <> 0
  AND x.role IN ({int(Role.EPC)}, {int(Role.OUTPUT)})
  AND NOT e.voided AND e.declared_error IS NULL
ORDER BY e.moment, e.seq
"""  # noqa: S608  # our own names


class RecordedLot(NamedTuple):
    """What one event says about the lot of an item; empty where it says nothing."""

    lot: str
    expiry: str
    """ISO 8601 day."""
    event: str
    """The id of the event."""


def lots_recorded(snapshot: Snapshot, key: str) -> list[RecordedLot]:
    """Every lot and expiry that valid events tell for an item, by event time; cold path."""
    rows = RawDriver(snapshot).all(_TELLING, (pack_key(key),))
    recorded = ((lot_facts(unpack_outline(payload)), event_id) for _, _, event_id, payload in rows)
    return [
        RecordedLot(lot.code, lot.expiry, event_id) for lot, event_id in recorded if lot is not None
    ]
