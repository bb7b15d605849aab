"""What was scanned against what was announced."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from compliance.receiving.expected import expected_goods
from verification.acts.scans import scanned_thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from compliance.receiving.expected import ExpectedGoods, ExpectedPack
    from epcis.database.transactions import Snapshot
    from verification.acts.request import ScannedThing


class ScanOutcome(StrEnum):
    """What one scan is to a delivery."""

    MATCHES = "matches"
    CONTAINER = "case or pallet"
    EXTRA = "not announced"
    DIFFERS = "print and data differ"
    HERE = "received before"
    TWICE = "scanned twice"
    UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class ScanLine:
    """One scan and what it is to the delivery."""

    scan: str
    key: str
    """Canonical; empty where the scan names nothing."""
    outcome: ScanOutcome
    say: str
    lot: str = ""
    """As printed."""
    expiry: str = ""
    """As printed, ISO 8601."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A delivery so far."""

    lines: tuple[ScanLine, ...]
    """One for each scan, in order."""
    in_hand: frozenset[str]
    """Awaited packs that were scanned, or are in a case of which nothing else was scanned."""
    missing: tuple[str, ...]
    """Awaited packs that are neither in hand nor different, sorted."""

    def of(self, outcome: ScanOutcome) -> list[ScanLine]:
        """The scans of one outcome."""
        return [line for line in self.lines if line.outcome is outcome]

    @property
    def is_complete(self) -> bool:
        """Whether everything that was announced is here, and nothing else."""
        wrong = {ScanOutcome.EXTRA, ScanOutcome.DIFFERS, ScanOutcome.UNREADABLE}
        return not self.missing and not any(line.outcome in wrong for line in self.lines)

    def as_dict(self, goods: ExpectedGoods) -> dict[str, object]:
        """The comparison as `/receiving/compare` and `receive --json` show it."""
        return {
            "shipment": goods.number,
            "seller": goods.seller,
            "announced": len(goods.packs),
            "awaited": sum(one.is_awaited for one in goods.packs.values()),
            "inHand": len(self.in_hand),
            "complete": self.is_complete,
            "missing": list(self.missing),
            "scans": [
                {"scan": one.scan, "id": one.key, "outcome": one.outcome.value, "say": one.say}
                for one in self.lines
            ],
        }


def compared(
    snapshot: Snapshot, number: str, scans: Sequence[str], now: datetime
) -> tuple[ExpectedGoods, Comparison]:
    """A delivery and what was scanned of it. Raises ReceivingRefused."""
    goods = expected_goods(snapshot, number)
    return goods, compare(goods, [scanned_thing(one, now.date()) for one in scans])


def compare(goods: ExpectedGoods, scanned: Sequence[ScannedThing]) -> Comparison:
    """Compare scans with a delivery.

    A case stands for all packs in it as long as none of them is scanned by itself: whoever opens a
    case counts what is in it.
    """
    keys = {one.key for one in scanned}
    lines: list[ScanLine] = []
    in_hand: set[str] = set()
    seen: set[str] = set()
    for one in scanned:
        line = _line(goods, one, keys, is_again=one.key in seen)
        lines.append(line)
        seen.add(one.key)
        if line.outcome is ScanOutcome.MATCHES:
            in_hand.add(one.key)
        elif line.outcome is ScanOutcome.CONTAINER and not _is_opened(goods, one.key, keys):
            in_hand.update(_awaited_in(goods, one.key))
    different = {line.key for line in lines if line.outcome is ScanOutcome.DIFFERS}
    missing = (
        key
        for key, pack in goods.packs.items()
        if pack.is_awaited and key not in in_hand and key not in different
    )
    return Comparison(tuple(lines), frozenset(in_hand), tuple(sorted(missing)))


def _line(goods: ExpectedGoods, one: ScannedThing, keys: set[str], *, is_again: bool) -> ScanLine:
    expiry = one.expiry.isoformat() if one.expiry else ""
    if one.refusal is not None:
        outcome, say = ScanOutcome.UNREADABLE, f"{one.what}: scan it again, or type its code"
    elif is_again:
        outcome, say = ScanOutcome.TWICE, "this code was scanned before; it counts once"
    elif one.key in goods.contents:
        count = sum(1 for _ in _awaited_in(goods, one.key))
        opened = "; its packs are counted one by one" if _is_opened(goods, one.key, keys) else ""
        outcome, say = ScanOutcome.CONTAINER, f"{count} packs are awaited in it{opened}"
    else:
        outcome, say = _of_pack(goods.packs.get(one.key), one.lot, expiry)
    return ScanLine(one.scan, one.key, outcome, say, one.lot, expiry)


def _of_pack(pack: ExpectedPack | None, lot: str, expiry: str) -> tuple[ScanOutcome, str]:
    """What a pack is to the delivery."""
    if pack is None:
        what = "the data of this shipment does not name it: keep it aside"
        return ScanOutcome.EXTRA, what
    if not pack.is_awaited:
        return ScanOutcome.HERE, "it is no longer on its way; nothing is left to do"
    if differs := _difference(pack, lot, expiry):
        return ScanOutcome.DIFFERS, f"{differs}: keep it aside"
    return ScanOutcome.MATCHES, "announced, and here"


def _difference(pack: ExpectedPack, lot: str, expiry: str) -> str:
    """How the print and the data of a pack differ; empty where they do not."""
    if lot and pack.lot and lot != pack.lot:
        return f"lot {lot} is printed, lot {pack.lot} is in the data"
    if expiry and pack.expiry and expiry != pack.expiry:
        return f"expiry {expiry} is printed, {pack.expiry} is in the data"
    return ""


def _is_opened(goods: ExpectedGoods, key: str, keys: set[str]) -> bool:
    """Whether a pack of a case was scanned by itself."""
    return any(inner in keys for inner in goods.packs_in(key))


def _awaited_in(goods: ExpectedGoods, key: str) -> Iterator[str]:
    return (inner for inner in goods.packs_in(key) if goods.packs[inner].is_awaited)
