"""Whether a pack was sold, and to whom: proved by the events of its shipments, by nothing else."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from epcis.database.raw_driver import RawDriver
from epcis.store.effect import party_key, party_of
from epcis.store.payload import unpack_outline
from epcis.trace import path
from verification.registry.rights import share_prefix

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.model import Event

_PAYLOAD = "SELECT payload, document FROM event WHERE seq = ?"
_BACK = frozenset({"receiving", "accepting"})


class Sale(msgspec.Struct, frozen=True):
    """One shipment of a pack, alone or in a case, by a company."""

    event: str
    """Id of the event."""
    at: datetime
    customer: str
    """Canonical GLN key; empty where the event names none."""
    orders: tuple[str, ...]
    """URIs of the business transactions that the event names."""
    came_back: datetime | None = None
    """When the company had it again, by its own event; None as long as it is sold."""
    is_void: bool = False
    """The company took the shipment back itself: it never left."""


class SalesLookup:
    """Looks sales up; what each event says is read once."""

    def __init__(self, snapshot: Snapshot, site: str) -> None:
        """`site` is the canonical GLN key of a place of the company; empty: whoever records here.

        Without it only events that were made here, and came in no document, are the company's.
        """
        self._snapshot, self._site = snapshot, site
        self._events: dict[int, tuple[Event, bool]] = {}

    def sales(self, key: str) -> list[Sale]:
        """All shipments of a pack by the company, the oldest first."""
        found: list[Sale] = []
        for one in path(self._snapshot, key):
            if one.biz_step == "shipping":
                event, is_own = self._event(one.seq)
                place = event.read_point or event.biz_location
                sender = party_of(event.sources) or (party_key(place.id) if place else "")
                if self._is_ours(sender, is_own=is_own):
                    orders = tuple(order.id for order in event.biz_transactions or ())
                    to = party_of(event.destinations)
                    found.append(Sale(one.event_id, one.event_time, to, orders))
            elif found and found[-1].came_back is None and self._is_back(one.seq, one.biz_step):
                is_void = one.biz_step == "void_shipping"
                found[-1] = msgspec.structs.replace(
                    found[-1], came_back=one.event_time, is_void=is_void
                )
        return found

    def _is_back(self, seq: int, step: str | None) -> bool:
        if step != "void_shipping" and step not in _BACK:
            return False
        event, is_own = self._event(seq)
        place = event.biz_location or event.read_point
        return self._is_ours(party_key(place.id) if place else "", is_own=is_own)

    def _is_ours(self, party: str, *, is_own: bool) -> bool:
        if not self._site:
            return is_own
        return party == self._site or share_prefix(f"0{party[5:]}", self._site[5:])

    def _event(self, seq: int) -> tuple[Event, bool]:
        known = self._events.get(seq)
        if known is None:
            row = RawDriver(self._snapshot).one(_PAYLOAD, (seq,))
            assert row is not None, "an event that was just found is stored"
            known = self._events[seq] = (unpack_outline(row[0]), row[1] is None)
        return known


def last_sale(snapshot: Snapshot, key: str, site: str) -> Sale | None:
    """The newest shipment of a pack by a company that was not taken back as never sent."""
    real = [one for one in SalesLookup(snapshot, site).sales(key) if not one.is_void]
    return real[-1] if real else None


def own_site(gln: str) -> str:
    """The key of the operator's GLN, as its settings have it; empty where they have none."""
    return f"/414/{gln}" if gln else ""
