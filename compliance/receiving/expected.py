"""What was announced of a shipment: its packs, what they are in, and which are still awaited."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from compliance.reports.transactions import (
    IDS_PER_QUESTION,
    owner_among,
    shipment_events,
    shipped_events,
    things_shipped,
)
from epcis.store.item_status import ItemStatus
from epcis.store.items import items as items_by_key
from epcis.trace import gln_of
from schemas.gs1.epc import canonical_key
from schemas.refusal import Refused
from verification.decision.many import is_pack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem

THINGS_MAX: Final = 20_000
"""Packs and containers of one delivery; a larger one is received pallet by pallet."""
SHIPMENTS_MAX: Final = 200


class ReceivingRefused(Refused):
    """The delivery cannot be compared or taken in; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class ExpectedPack:
    """One pack of a delivery, as the data has it."""

    key: str
    """Canonical."""
    lot: str
    expiry: str
    """ISO 8601, or as the sender wrote it."""
    is_awaited: bool
    """Shipped, and not received yet."""


@dataclass(frozen=True, slots=True)
class ExpectedGoods:
    """Everything that was announced under one number."""

    number: str
    seller: str
    """GLN-13; empty where no shipment names its owner."""
    packs: Mapping[str, ExpectedPack]
    contents: Mapping[str, tuple[str, ...]]
    """Case or pallet -> what is directly in it."""
    parents: Mapping[str, str]
    """Thing -> the case or pallet it is in."""

    @property
    def roots(self) -> list[str]:
        """What is in nothing else, sorted."""
        return sorted(key for key in {*self.packs, *self.contents} if key not in self.parents)

    def packs_in(self, key: str) -> Iterator[str]:
        """Keys of the packs in a case or pallet, at any depth; of a pack, itself."""
        waiting = [key]
        while waiting:
            one = waiting.pop()
            if one in self.packs:
                yield one
            waiting.extend(self.contents.get(one, ()))


def expected_goods(snapshot: Snapshot, number: str) -> ExpectedGoods:
    """What was announced under a number as people know it.

    An order, despatch advice, invoice or SSCC, or a partner's GLN and a day. Raises
    ReceivingRefused where no shipment is known by it.
    """
    shipped = list(shipped_events(snapshot, shipment_events(snapshot, number), SHIPMENTS_MAX))
    if not shipped:
        raise ReceivingRefused(
            f"no shipment is known by '{number}': take the seller's file in first, or ask by order,"
            " despatch advice, invoice or SSCC"
        )
    keys = sorted(set(things_shipped(snapshot, [one.seq for one in shipped])))
    if len(keys) > THINGS_MAX:
        raise ReceivingRefused(
            f"'{number}' names {len(keys)} packs and containers, at most {THINGS_MAX} are compared"
            " at one time: ask by the SSCC of one pallet"
        )
    known: dict[str, StoredItem] = {}
    for start in range(0, len(keys), IDS_PER_QUESTION):
        known |= items_by_key(snapshot, keys[start : start + IDS_PER_QUESTION])
    contents: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        parent = known[key].parent if key in known else None
        if parent in known:
            contents[parent or ""].append(key)
    owner = owner_among(shipped[-1].event.sources)
    return ExpectedGoods(
        number=number,
        seller=gln_of(canonical_key(owner)) if owner else "",
        packs={
            key: ExpectedPack(key, one.lot, one.expiry_text, one.status is ItemStatus.IN_TRANSIT)
            for key, one in known.items()
            if is_pack(key) and key not in contents
        },
        contents={key: tuple(inside) for key, inside in contents.items()},
        parents={key: parent for parent, inside in contents.items() for key in inside},
    )
