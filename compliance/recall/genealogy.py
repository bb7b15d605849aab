"""What was made from recalled packs, and what they were made from: repacking and transformation.

By transformation events, pack by pack or lot by lot, and by the links that repackers upload
(2016/161 Art. 34(4), 35(4)). What was made from recalled packs is recalled with them; what they
were made from is shown, because the fault may have come with it.
"""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from sqlalchemy import select

from epcis.database.columns import pack_key, unpack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.event_tables import Role, event_quantity
from epcis.store.named import blocks_of, ids_of
from epcis.trace import lot_of
from verification.registry.pack_tables import repack_link

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.transactions import Snapshot

LEVELS_MAX = 16
"""Transformations after each other beyond which data is taken for a circle."""
IDS_PER_QUESTION = 20_000
_EVENTS_OF_BLOCKS = "SELECT seq, block, mask FROM event_epc WHERE role = ? AND block"
Lot = tuple[str, str]
"""GTIN-14 and lot."""


class Relatives(NamedTuple):
    """Packs and lots that were made from others, or that others were made from."""

    packs: tuple[str, ...] = ()
    """Canonical keys, sorted."""
    lots: tuple[Lot, ...] = ()
    """Lots that are related as a whole, by class or by a repacker's link."""
    lots_of_packs: tuple[tuple[str, str, int], ...] = ()
    """The lots of `packs`, and how many of them: GTIN-14, lot, packs."""

    def as_dict(self) -> dict[str, object]:
        """As `recall --json` and `/recalls` show them."""
        return {
            "packs": len(self.packs),
            "lots": [{"gtin": gtin, "lot": lot, "packs": n} for gtin, lot, n in self.lots_of_packs]
            + [{"gtin": gtin, "lot": lot, "packs": None} for gtin, lot in self.lots],
        }


def made_from(snapshot: Snapshot, ids: Iterable[int], lots: Iterable[Lot]) -> Relatives:
    """What was made from items, by their `item.id`, and from lots; all generations."""
    return _relatives(snapshot, ids, lots, Role.INPUT, Role.OUTPUT)


def sources_of(snapshot: Snapshot, ids: Iterable[int], lots: Iterable[Lot]) -> Relatives:
    """What items and lots were made from; all generations."""
    return _relatives(snapshot, ids, lots, Role.OUTPUT, Role.INPUT)


def _relatives(
    snapshot: Snapshot, ids: Iterable[int], lots: Iterable[Lot], here: Role, there: Role
) -> Relatives:
    found: set[int] = set()
    found_lots: set[Lot] = set()
    first = set(lots)
    next_ids, next_lots = iter(ids), set(first)
    for _ in range(LEVELS_MAX):
        seqs = _events_with(snapshot, next_ids, next_lots, here)
        new = _named_by(snapshot, seqs, there) - found
        linked = _linked(snapshot, next_lots, forward=there is Role.OUTPUT)
        next_lots = (_classes_of(snapshot, seqs, there) | linked) - found_lots - first
        if not new and not next_lots:
            break
        found |= new
        found_lots |= next_lots
        next_ids = iter(sorted(new))
    packs = _packs_of(snapshot, found)
    counted = Counter((key[4:18], lot) for key, lot in packs)
    return Relatives(
        tuple(sorted(key for key, _ in packs)),
        tuple(sorted(found_lots)),
        tuple((gtin, lot, number) for (gtin, lot), number in sorted(counted.items())),
    )


def _events_with(
    snapshot: Snapshot, ids: Iterator[int], lots: Iterable[Lot], role: Role
) -> set[int]:
    """The events that name any of these in this role."""
    seqs: set[int] = set()
    driver = RawDriver(snapshot)
    while some := list(islice(ids, IDS_PER_QUESTION)):
        wanted = blocks_of(some)
        rows = driver.all_in_with(_EVENTS_OF_BLOCKS, (int(role),), list(wanted))
        seqs.update(seq for seq, block, mask in rows if mask & wanted[block])
    keys = [_class_key(one) for one in lots]
    columns = event_quantity.c
    if keys:
        quantities = select(columns.seq).where(columns.key.in_(keys), columns.role == int(role))
        seqs.update(snapshot.connection.scalars(quantities))
    return _valid(snapshot, seqs)


def _valid(snapshot: Snapshot, seqs: set[int]) -> set[int]:
    """Those that were not declared wrong, and others that tell of the same transformation."""
    valid = "SELECT seq, transformation_id FROM event WHERE voided = ? AND seq"
    driver = RawDriver(snapshot)
    rows = driver.all_in_with(valid, (False,), sorted(seqs))
    numbers = sorted({row[1] for row in rows if row[1]})
    parts = "SELECT seq FROM event WHERE voided = ? AND transformation_id"
    others = driver.all_in_with(parts, (False,), numbers) if numbers else []
    return {row[0] for row in (*rows, *others)}


def _named_by(snapshot: Snapshot, seqs: set[int], role: Role) -> set[int]:
    named = "SELECT block, mask, role FROM event_epc WHERE seq"
    rows = RawDriver(snapshot).all_in(named, sorted(seqs))
    return {one for block, mask, of in rows if of == role for one in ids_of(block, mask)}


def _classes_of(snapshot: Snapshot, seqs: set[int], role: Role) -> set[Lot]:
    classes = "SELECT key, role FROM event_quantity WHERE seq"
    rows = RawDriver(snapshot).all_in(classes, sorted(seqs))
    lots = (lot_of(unpack_key(bytes(key))) for key, of in rows if of == role)
    return {lot for lot in lots if lot is not None}


def _linked(snapshot: Snapshot, lots: Iterable[Lot], *, forward: bool) -> set[Lot]:
    """The lots that repackers linked with these."""
    links = repack_link.c
    found: set[Lot] = set()
    for gtin, lot in lots:
        if forward:
            wanted = select(links.code, links.lot).where(
                links.from_code == gtin, links.from_lot == lot
            )
        else:
            wanted = select(links.from_code, links.from_lot).where(
                links.code == gtin, links.lot == lot
            )
        found.update((row[0], row[1]) for row in snapshot.connection.execute(wanted))
    return found


def _class_key(lot: Lot) -> str:
    return f"/01/{lot[0]}/10/{quote(lot[1], safe='')}"


_KEY_AND_LOT = "SELECT i.key, l.code FROM item i LEFT JOIN lot l ON l.id = i.lot WHERE i.id"


def _packs_of(snapshot: Snapshot, ids: set[int]) -> list[tuple[str, str]]:
    """Key and lot of the packs among items."""
    rows = RawDriver(snapshot).all_in(_KEY_AND_LOT, sorted(ids))
    keys = ((unpack_key(bytes(key)), lot or "") for key, lot in rows)
    return [(key, lot) for key, lot in keys if key.startswith("/01/") and key[18:22] == "/21/"]


def ids_of_keys(snapshot: Snapshot, keys: Iterable[str]) -> list[int]:
    """The `item.id` of things by their canonical keys; unknown ones are left out."""
    packed = [pack_key(key) for key in keys]
    rows = RawDriver(snapshot).all_in("SELECT id FROM item_key WHERE key", packed)
    return [row[0] for row in rows]
