"""What the open holds cover: packs with every container they were in, lots, parties, times.

The packs of a hold, and every case and pallet that one of them was ever in, are found once for a
run, as blocks of item ids; each event that names one of them is held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compliance.retention.hold import Hold, Matter, open_holds, packs_of_case
from epcis.database.columns import microseconds, pack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.items import lot_numbers
from epcis.store.named import masks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from epcis.database.transactions import Snapshot

_BY_KEY = "SELECT id FROM item_key WHERE key = ?"
_BY_LOT = "SELECT id FROM item WHERE lot = ?"
_BY_GTIN = "SELECT id FROM item_key WHERE key >= ? AND key < ?"
_CONTAINERS = "SELECT block, parent, mask FROM containment WHERE block"
_NAMED = "SELECT seq, block, mask FROM event_epc WHERE seq"
_CLASSES = "SELECT seq, key FROM event_quantity WHERE seq"
_PARTIES = "SELECT seq FROM event_party WHERE party = ? AND seq"
_TIMES = "SELECT seq, event_time FROM event WHERE seq"
_OF_DOCUMENTS = "SELECT document, seq FROM event WHERE document"
_DOCUMENTS = (
    "SELECT d.id, d.received, d.party, d.events, (SELECT count(*) FROM event e"
    " WHERE e.document = d.id) FROM document d WHERE d.id"
)
_SERIAL_SHAPES = (b"\x01", b"\x02")
"""How the packed key of a pack begins, before its GTIN; see epcis.database.columns."""


@dataclass(frozen=True, slots=True)
class _Covered:
    """A hold and the items and classes it covers, as far as they can be found beforehand."""

    hold: Hold
    items: Mapping[int, int]
    """block -> mask"""
    classes: frozenset[bytes]
    """Packed class keys; those of a GTIN without a lot cover every lot."""


class Held:
    """Tells which events and documents the open holds cover.

    Each call takes into account the holds opened or released since the last one.
    """

    def __init__(self) -> None:
        self.holds: list[Hold] = []
        self._covered: list[_Covered] = []

    def _look(self, snapshot: Snapshot) -> None:
        holds = open_holds(snapshot)
        if holds != self.holds:
            self._covered = [_cover(snapshot, RawDriver(snapshot), hold) for hold in holds]
            self.holds = holds

    def events(self, snapshot: Snapshot, seqs: Sequence[int]) -> dict[int, str]:
        """event.seq -> id of the first hold that covers it."""
        self._look(snapshot)
        driver = RawDriver(snapshot)
        found: dict[int, str] = {}
        for one in self._covered:
            left = [seq for seq in seqs if seq not in found]
            for seq in _events_of(driver, one, left) if left else ():
                found[seq] = one.hold.id
        return found

    def documents(self, snapshot: Snapshot, ids: Sequence[int]) -> dict[int, str]:
        """document.id -> id of a hold that covers it or one of its events."""
        self._look(snapshot)
        if not self.holds:
            return {}
        driver = RawDriver(snapshot)
        events = driver.all_in(_OF_DOCUMENTS, list(ids))
        held = self.events(snapshot, [seq for _, seq in events])
        found = {number: held[seq] for number, seq in events if seq in held}
        for number, received, party, stated, own in driver.all_in(_DOCUMENTS, list(ids)):
            for hold in self.holds:
                matter = hold.matter
                # Events that another document brought first are not looked up: the document stays.
                is_of_packs = matter.is_about_packs and stated > own
                is_of_time = _is_within(matter, received) and not matter.is_about_packs
                if is_of_packs or (is_of_time and matter.party in (None, party)):
                    found.setdefault(number, hold.id)
        return found


def _cover(snapshot: Snapshot, driver: RawDriver, hold: Hold) -> _Covered:
    matter = hold.matter
    packs: set[tuple[str, str, str]] = set()
    if matter.case_id is not None:
        packs |= packs_of_case(snapshot, matter.case_id)
    if matter.gtin is not None:
        packs.add((matter.gtin, matter.lot or "", matter.serial or ""))
    ids = (item for pack in sorted(packs) for item in _items_of(driver, *pack))
    classes = {pack_key(f"/01/{gtin}/10/{lot}" if lot else f"/01/{gtin}") for gtin, lot, _ in packs}
    return _Covered(hold, _with_containers(driver, ids), frozenset(classes))


def _items_of(driver: RawDriver, gtin: str, lot: str, serial: str) -> Iterator[int]:
    if serial:
        yield from (row[0] for row in driver.all(_BY_KEY, (pack_key(f"/01/{gtin}/21/{serial}"),)))
    elif lot:
        for number in lot_numbers(driver, gtin, lot):
            yield from (row[0] for row in driver.stream(_BY_LOT, (number,)))
    else:
        head = pack_key(f"/01/{gtin}")[1:]
        after = (int.from_bytes(head, "big") + 1).to_bytes(len(head), "big")
        for shape in _SERIAL_SHAPES:
            yield from (row[0] for row in driver.stream(_BY_GTIN, (shape + head, shape + after)))


def _with_containers(driver: RawDriver, ids: Iterable[int]) -> dict[int, int]:
    """These items and everything that one of them was ever in, as block -> mask."""
    covered: dict[int, int] = {}
    fresh = masks_of(ids)
    while fresh:
        for block, mask in fresh.items():
            covered[block] = covered.get(block, 0) | mask
        parents = {
            parent
            for block, parent, mask in driver.all_in(_CONTAINERS, sorted(fresh))
            if mask & fresh[block]
        }
        above = masks_of(parents)
        fresh = {
            block: new for block, mask in above.items() if (new := mask & ~covered.get(block, 0))
        }
    return covered


def _events_of(driver: RawDriver, covered: _Covered, seqs: list[int]) -> set[int]:
    """Which of these events a hold covers: an event must meet all of its conditions."""
    matter = covered.hold.matter
    found = set(seqs)
    if matter.since is not None or matter.until is not None:
        times = driver.all_in(_TIMES, seqs)
        found &= {seq for seq, time_us in times if _is_within(matter, time_us)}
    if matter.party is not None and found:
        rows = driver.all_in_with(_PARTIES, (matter.party,), sorted(found))
        found &= {row[0] for row in rows}
    if matter.is_about_packs and found:
        left = sorted(found)
        found = {
            seq
            for seq, block, mask in driver.all_in(_NAMED, left)
            if mask & covered.items.get(block, 0)
        }
        rest = [seq for seq in left if seq not in found]
        found |= {
            seq
            for seq, key in driver.all_in(_CLASSES, rest)
            if _is_class_of(bytes(key), covered.classes)
        }
    return found


def _is_class_of(key: bytes, classes: frozenset[bytes]) -> bool:
    """Whether a class (a GTIN, or a lot of it) is one of these or a lot of one of these."""
    whole = pack_key("/01/00000000000000")
    return key in classes or whole[:1] + key[1 : len(whole)] in classes


def _is_within(matter: Matter, time_us: int) -> bool:
    return (matter.since is None or time_us >= microseconds(matter.since)) and (
        matter.until is None or time_us < microseconds(matter.until)
    )
