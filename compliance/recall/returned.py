"""Recalled packs that come back: each serial number against what its consignee had received.

The count of a holder's answer is its word; what was scanned is ours. Both stand side by side until
they agree (GMP chapter 8; 21 CFR 7.53(b)(5)).
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import func, insert, select

from compliance.recall.answers import need_notice, notices_of
from compliance.recall.recall_tables import recall_pack, recall_return
from compliance.recall.record import find_recall, lots_beside
from compliance.recall.scope import KEYS_PER_QUESTION, RecallRefused, items_named
from epcis.database.columns import microseconds
from epcis.trace import trace
from verification.decision.many import name_of
from verification.registry.pack_tables import pack as pack_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from compliance.recall.answers import RecallNotice
    from compliance.recall.record import RecallRecord
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from epcis.store.items import StoredItem

RETURNS_MAX: Final = 5_000
"""Most packs in one list of returned packs."""


class ReturnOutcome(StrEnum):
    """What a pack that came back is to its recall and its consignee."""

    THEIRS = "delivered there"
    UNPLACED = "delivery not on record"
    """It belongs to the recall, and no event says who received it."""
    ELSEWHERE = "never delivered there"
    NOT_RECALLED = "not recalled"
    UNKNOWN = "unknown serial"
    """It has the number of a recalled product, and nobody has ever recorded it."""
    AGAIN = "scanned before"
    TWICE = "returned by two holders"


COUNTED: Final = frozenset({ReturnOutcome.THEIRS, ReturnOutcome.UNPLACED, ReturnOutcome.ELSEWHERE})
"""Outcomes that account for a recalled pack."""
_SAY: Final = {
    ReturnOutcome.THEIRS: "it was delivered there, and is accounted for",
    ReturnOutcome.UNPLACED: "it is recalled; no event says who received it",
    ReturnOutcome.ELSEWHERE: "it is recalled, and our records never had it there: find out how"
    " it came there",
    ReturnOutcome.NOT_RECALLED: "it is not part of the recall: send it back, or hold it",
    ReturnOutcome.UNKNOWN: "nobody has recorded this serial number: treat it as suspect",
    ReturnOutcome.AGAIN: "this holder returned it before; it counts once",
    ReturnOutcome.TWICE: "another holder returned the same serial number: treat it as suspect",
}


class ReturnedPack(NamedTuple):
    """One pack that came back."""

    key: str
    """Canonical key."""
    outcome: ReturnOutcome

    @property
    def say(self) -> str:
        """One sentence: what it is, and what to do."""
        return _SAY[self.outcome]

    def as_dict(self) -> dict[str, str]:
        """As `/recalls/notices/{id}/returns` answers."""
        return {"id": self.key, "outcome": self.outcome.value, "say": self.say}


class ConsigneeReturns(NamedTuple):
    """What one holder returned: by its own count, and by what was scanned."""

    notice: RecallNotice
    scanned: Counter[str]
    """Packs by outcome."""

    @property
    def accounted(self) -> int:
        """Recalled packs that were scanned."""
        return sum(self.scanned[one] for one in COUNTED)

    @property
    def difference(self) -> int | None:
        """Packs that the holder says it returned and nobody scanned; None before it answered.

        Below zero: more came than it says.
        """
        answer = self.notice.answer
        return None if answer is None else answer.returned - self.accounted

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/{id}/returns` lists it."""
        answer = self.notice.answer
        return {
            "notice": self.notice.id,
            "gln": self.notice.gln or None,
            "name": self.notice.name or None,
            "packs": self.notice.packs,
            "answered": answer.returned if answer else None,
            "scanned": {one.value: self.scanned[one] for one in ReturnOutcome if self.scanned[one]},
            "accounted": self.accounted,
            "difference": self.difference,
        }


def judge_returned(
    snapshot: Snapshot, notice_id: str, keys: Sequence[str]
) -> tuple[RecallRecord, RecallNotice, list[ReturnedPack]]:
    """What each pack is to the recall of a notice and to its holder. Raises RecallRefused."""
    notice = need_notice(snapshot, notice_id)
    about = find_recall(snapshot, notice.recall)
    if about is None or about.approved is None or about.withdrawn is not None:
        raise RecallRefused(f"recall {notice.recall} is not in force: nothing is returned for it")
    if len(keys) > RETURNS_MAX:
        raise RecallRefused(f"{len(keys)} packs are listed; send at most {RETURNS_MAX} at once")
    return about, notice, list(_judged(snapshot, about, notice, sorted(set(keys))))


def keep_returned(
    tx: Transaction, notice: RecallNotice, judged: Sequence[ReturnedPack], *, by: str
) -> None:
    """Keep which packs a holder returned; what was scanned before is not counted again."""
    us = microseconds(tx.now)
    rows = [
        {
            "notice": notice.id,
            "key": one.key,
            "recall": notice.recall,
            "at_us": us,
            "by": by,
            "outcome": one.outcome.value,
        }
        for one in judged
        if one.outcome is not ReturnOutcome.AGAIN
    ]
    if rows:
        tx.connection.execute(insert(recall_return), rows)


def returns_of(snapshot: Snapshot, recall_id: str) -> list[ConsigneeReturns]:
    """What each holder of a recall returned, most packs first."""
    kept = recall_return.c
    wanted = (
        select(kept.notice, kept.outcome, func.count())
        .where(kept.recall == recall_id)
        .group_by(kept.notice, kept.outcome)
    )
    counted: dict[str, Counter[str]] = {}
    for notice, outcome, number in snapshot.connection.execute(wanted):
        counted.setdefault(notice, Counter())[outcome] = number
    return [
        ConsigneeReturns(one, counted.get(one.id, Counter()))
        for one in notices_of(snapshot, recall_id)
    ]


def returned_packs(snapshot: Snapshot, recall_id: str) -> Iterator[tuple[str, str, str]]:
    """Key, id of the notice and outcome of every pack that came back, by key; streams."""
    kept = recall_return.c
    wanted = (
        select(kept.key, kept.notice, kept.outcome)
        .where(kept.recall == recall_id)
        .order_by(kept.key, kept.notice)
    )
    for row in snapshot.connection.execute(wanted).yield_per(KEYS_PER_QUESTION):
        yield row.key, row.notice, row.outcome


def _judged(
    snapshot: Snapshot, about: RecallRecord, notice: RecallNotice, keys: list[str]
) -> Iterator[ReturnedPack]:
    before = _returned_before(snapshot, about.id, keys)
    listed = _listed(snapshot, about.id, keys)
    lots = set(lots_beside(snapshot, about.id))
    uploaded = _uploaded_lots(snapshot, [key for key in keys if key.startswith("/01/")])
    for key, item in items_named(snapshot, keys):
        lot = item.lot if item is not None else uploaded.get(key)
        is_recalled = (
            key in listed
            or (lot is not None and about.scope.covers(key, lot))
            or (lot is not None and (key[4:18], lot) in lots)
        )
        if notice.id in before.get(key, ()):
            outcome = ReturnOutcome.AGAIN
        elif lot is None and key not in listed:
            is_ours = key.startswith(f"/01/{about.gtin}/")
            outcome = ReturnOutcome.UNKNOWN if is_ours else ReturnOutcome.NOT_RECALLED
        elif not is_recalled:
            outcome = ReturnOutcome.NOT_RECALLED
        elif key in before:
            outcome = ReturnOutcome.TWICE
        else:
            outcome = _delivery(snapshot, notice, key, item)
        yield ReturnedPack(key, outcome)


def _delivery(
    snapshot: Snapshot, notice: RecallNotice, key: str, item: StoredItem | None
) -> ReturnOutcome:
    """Whether the holder of a notice ever had a recalled pack, by the events."""
    if item is None or not notice.gln:
        return ReturnOutcome.UNPLACED
    held = {turn.gln for turn in trace(snapshot, key).custody if turn.gln}
    if notice.gln in held:
        return ReturnOutcome.THEIRS
    return ReturnOutcome.ELSEWHERE if held else ReturnOutcome.UNPLACED


def _returned_before(snapshot: Snapshot, recall_id: str, keys: list[str]) -> dict[str, set[str]]:
    """By key: the notices whose holders returned it."""
    kept = recall_return.c
    found: dict[str, set[str]] = {}
    for some in _parts(keys):
        wanted = select(kept.key, kept.notice).where(kept.recall == recall_id, kept.key.in_(some))
        for row in snapshot.connection.execute(wanted):
            found.setdefault(row.key, set()).add(row.notice)
    return found


def _listed(snapshot: Snapshot, recall_id: str, keys: list[str]) -> set[str]:
    kept = recall_pack.c
    found: set[str] = set()
    for some in _parts(keys):
        wanted = select(kept.key).where(kept.recall == recall_id, kept.key.in_(some))
        found.update(snapshot.connection.scalars(wanted))
    return found


def _uploaded_lots(snapshot: Snapshot, keys: list[str]) -> dict[str, str]:
    """The lots of packs that a manufacturer uploaded, by key."""
    kept = pack_table.c
    found: dict[str, str] = {}
    for some in _parts(keys):
        names = {name_of(key): key for key in some}
        gtins = {gtin for gtin, _ in names}
        serials = {serial for _, serial in names}
        wanted = select(kept.code, kept.serial, kept.lot).where(
            kept.code.in_(gtins), kept.serial.in_(serials)
        )
        for row in snapshot.connection.execute(wanted):
            if key := names.get((row.code, row.serial)):
                found[key] = row.lot
    return found


def _parts(keys: list[str]) -> Iterator[list[str]]:
    return (
        keys[start : start + KEYS_PER_QUESTION] for start in range(0, len(keys), KEYS_PER_QUESTION)
    )
