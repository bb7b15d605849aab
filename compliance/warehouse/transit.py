"""Goods on the way: which shipments are open, between whom, and since when."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from epcis.store.items import items
from verification.decision.many import is_pack
from verification.registry.rights import share_prefix
from verification.stock import PAGE_ITEMS_MAX, Standing, stock_items

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem
    from verification.stock import StockFilter

ITEMS_MAX = 20_000
"""Items on the way that are looked at."""


class OpenShipment(msgspec.Struct, frozen=True, kw_only=True):
    """What is on the way in one case or pallet, or loose, between two parties."""

    sender: str
    """Canonical GLN key."""
    receiver: str
    """Canonical GLN key; empty where the shipment names none."""
    container: str
    """Canonical key of the outermost case or pallet; empty for loose packs."""
    packs: int
    since: datetime
    """When it left, or was last seen on the way."""
    days: int
    is_transfer: bool
    """Both ends are sites of one company."""


class GoodsOnTheWay(msgspec.Struct, frozen=True):
    """The open shipments, the oldest first."""

    shipments: tuple[OpenShipment, ...]
    is_cut: bool
    """There are more than `ITEMS_MAX` items on the way."""


def goods_on_the_way(snapshot: Snapshot, wanted: StockFilter, now: datetime) -> GoodsOnTheWay:
    """What was shipped and is not received, of the goods that a filter names."""
    wanted = msgspec.structs.replace(wanted, standing=Standing.IN_TRANSIT)
    groups: dict[tuple[str, str, str], list[StoredItem]] = defaultdict(list)
    after: str | None = ""
    seen = 0
    while after is not None and seen < ITEMS_MAX:
        page = stock_items(snapshot, wanted, now, after=after, most=PAGE_ITEMS_MAX)
        seen += len(page.items)
        for one in items(snapshot, [one.id for one in page.items if is_pack(one.id)]).values():
            groups[one.state.shipper, one.holder, one.top or ""].append(one)
        after = page.next
    found = [
        _shipment(sender, receiver, container, packs, now)
        for (sender, receiver, container), packs in groups.items()
    ]
    found.sort(key=lambda one: (one.since, one.sender, one.receiver, one.container))
    return GoodsOnTheWay(tuple(found), after is not None)


def _shipment(
    sender: str, receiver: str, container: str, packs: list[StoredItem], now: datetime
) -> OpenShipment:
    since = max(one.last_event_time for one in packs)
    # Where no receiver was named, the shipper is still recorded as the holder.
    to = "" if receiver == sender else receiver
    return OpenShipment(
        sender=sender,
        receiver=to,
        container=container,
        packs=len(packs),
        since=since,
        days=max(0, (now - since).days),
        is_transfer=bool(to) and share_prefix(f"0{sender[5:]}", to[5:]),
    )
