"""Recall a lot: find every pack of it and its holders, and answer STOP from this moment on.

One transaction writes the lot's state, the recall with its packs and notices, and the entry of the
log; from its commit on every verification answers "recalled". Recalled packs never return to trade:
closing a recall keeps the record and the stop (2016/161 Art. 40; 21 CFR 7.41-7.59).
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import func, insert, select, update

from compliance.duty_tables import recall, recall_notice, recall_pack
from epcis.ledger.entry import LeafKind
from epcis.store.item_status import ItemStatus
from epcis.store.items import StoredItem, items_of_lot
from epcis.trace import holders_of_lot
from schemas.refusal import Refused
from verification.decision.words import LotState
from verification.registry.pack_registry import free_lot, set_lot_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import RowMapping

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

LOT_CHARS_MAX = 20
REASON_CHARS_MAX = 500
ROWS_PER_INSERT = 5_000


class RecallRefused(Refused):
    """The recall cannot be opened or closed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Notified:
    """A holder to notify, and how many packs of the lot they hold."""

    gln: str | None
    """GLN-13, None where the holder of some packs is not known."""
    name: str | None
    packs: int

    def as_dict(self) -> dict[str, object]:
        """The entry as ``recall --json`` shows it."""
        return {"gln": self.gln, "name": self.name, "packs": self.packs}


@dataclass(frozen=True, slots=True)
class RecalledPack:
    """A pack of the lot and where it was when the recall was opened, or when first named."""

    key: str
    """Canonical key, `/01/{gtin}/21/{serial}`."""
    status: str
    holder: str | None
    location: str | None
    arrived: datetime | None = None
    """When an event first named it, where that was after the recall was opened."""

    def as_dict(self) -> dict[str, object]:
        """The pack as ``recall --json`` shows it."""
        return {
            "id": self.key,
            "status": self.status,
            "holder": self.holder,
            "location": self.location,
            "arrived": self.arrived.isoformat() if self.arrived else None,
        }


class RecallReach(NamedTuple):
    """Where the packs of a recall are: what can still be stopped, and what cannot."""

    at_hand: int = 0
    """At a holder, and not supplied."""
    on_the_way: int = 0
    supplied: int = 0
    """With patients: only a notice to them reaches these."""
    ended: int = 0
    """Destroyed, decommissioned, exported, stolen or lost."""

    @property
    def packs(self) -> int:
        """All of them."""
        return sum(self)

    def as_dict(self) -> dict[str, int]:
        """As `recall --json` and `/recalls` show it."""
        return {
            "packs": self.packs,
            "atHand": self.at_hand,
            "onTheWay": self.on_the_way,
            "supplied": self.supplied,
            "ended": self.ended,
        }


_PLACE_OF = {
    ItemStatus.IN_TRANSIT.value: "on_the_way",
    ItemStatus.DISPENSED.value: "supplied",
}


def counted(packs: Iterable[RecalledPack | StoredItem]) -> RecallReach:
    """Packs by what can still be done about them."""
    return RecallReach(**Counter(_place_of(str(pack.status)) for pack in packs))


def _place_of(status: str) -> str:
    ended = "ended" if ItemStatus(status).is_ended else "at_hand"
    return _PLACE_OF.get(status, ended)


@dataclass(frozen=True, slots=True)
class LotRecall:
    """The recall of a lot, open or closed."""

    id: str
    gtin: str
    lot: str
    reason: str
    opened: datetime
    opened_by: str
    closed: datetime | None
    closed_by: str | None
    packs: int
    holders: tuple[Notified, ...]
    pack_list: tuple[RecalledPack, ...] = ()
    withdraw_asked_by: str | None = None
    """Who asked to take it back as a mistake."""
    withdraw_why: str | None = None
    withdrawn: datetime | None = None
    withdrawn_by: str | None = None
    """The second person, who took it back."""

    def as_dict(self) -> dict[str, object]:
        """The recall as ``recall --json`` and `/recalls` show it."""
        return {
            "id": self.id,
            "gtin": self.gtin,
            "lot": self.lot,
            "reason": self.reason,
            "opened": self.opened.isoformat(),
            "openedBy": self.opened_by,
            "closed": self.closed.isoformat() if self.closed else None,
            "closedBy": self.closed_by,
            "withdrawAskedBy": self.withdraw_asked_by,
            "withdrawWhy": self.withdraw_why,
            "withdrawn": self.withdrawn.isoformat() if self.withdrawn else None,
            "withdrawnBy": self.withdrawn_by,
            "reach": counted(self.pack_list).as_dict(),
            "packs": [pack.as_dict() for pack in self.pack_list],
            "holders": [holder.as_dict() for holder in self.holders],
        }


def reach(snapshot: Snapshot, gtin: str, lot: str) -> tuple[Notified, ...]:
    """The holders whom a recall of the lot would have to notify, most packs first."""
    found = holders_of_lot(snapshot, gtin, lot)
    return tuple(Notified(h.gln or None, h.name or None, h.packs) for h in found)


def preview(snapshot: Snapshot, gtin: str, lot: str) -> RecallReach:
    """Where the packs of a lot are now, before anything is recalled."""
    return counted(items_of_lot(snapshot, gtin, lot))


def need_confirmation(snapshot: Snapshot, gtin: str, lot: str, confirmed: str) -> None:
    """Raise RecallRefused where no pack of a lot is known and nobody typed the lot again."""
    if confirmed != lot and next(iter(items_of_lot(snapshot, gtin, lot)), None) is None:
        raise RecallRefused(
            f"no pack of lot {lot} of {gtin} is known: check the lot, and type it once more to"
            " recall it all the same"
        )


def open_recall(
    store: Store, gtin: str, lot: str, *, reason: str, by: str, now: datetime
) -> LotRecall:
    """Recall a lot; returns the recall that is already open, if there is one.

    A lot of which no pack was ever seen can be recalled too: its packs may still arrive. Raises
    `RecallRefused` for an invalid lot or reason.
    """
    _check(lot, reason)
    with store.write(now) as tx:
        if (open_one := open_recall_of(tx, gtin, lot)) is not None:
            return _with_packs(tx, open_one)
        recall_id = f"R-{now:%Y%m%d}-{secrets.token_hex(4)}"
        holders = reach(tx, gtin, lot)
        packs = _keep_packs(
            tx,
            recall_id,
            items_of_lot(tx, gtin, lot),
            by=by,
            now=now,
            gtin=gtin,
            lot=lot,
            reason=reason,
        )
        _keep_notices(tx, recall_id, holders)
        set_lot_state(tx, gtin, lot, LotState.RECALLED, reason, now=now, by=by)
        _log(tx, "opened", recall_id, gtin=gtin, lot=lot, packs=packs, reason=reason, by=by)
    with store.read() as snapshot:
        opened = find_recall(snapshot, recall_id)
    assert opened is not None, "an opened recall can be read"
    return opened


def add_arrivals(tx: Transaction, keys: Iterable[str], *, by: str, named: str) -> int:
    """Add packs of recalled lots that events name later, and their holders, to open recalls.

    `keys` are the things that a document is about, `named` is what the log calls it. Returns how
    many packs were added.
    """
    gtins = {key[4:18] for key in keys if key.startswith("/01/")}
    added = 0
    for one in list_recalls(tx, only_open=True):
        if one.gtin not in gtins:
            continue
        known = set(
            tx.connection.scalars(select(recall_pack.c.key).where(recall_pack.c.recall == one.id))
        )
        late = (pack for pack in items_of_lot(tx, one.gtin, one.lot) if pack.key not in known)
        count = 0
        for packs in _batches(late):
            rows = [{**_pack_row(one.id, pack), "arrived_us": _us(tx.now)} for pack in packs]
            tx.connection.execute(insert(recall_pack), rows)
            count += len(rows)
        if count:
            _tell_arrivals(tx, one, count)
            _log(tx, "arrivals", one.id, packs=count, document=named, by=by)
        added += count
    return added


def _tell_arrivals(tx: Transaction, about: LotRecall, count: int) -> None:
    """Count the arrivals, and give every holder of today its notice."""
    here = recall.c.id == about.id
    tx.connection.execute(update(recall).where(here).values(packs=recall.c.packs + count))
    noticed = {holder.gln or "": holder.packs for holder in about.holders}
    new = []
    for holder in reach(tx, about.gtin, about.lot):
        party = holder.gln or ""
        if party not in noticed:
            new.append(holder)
        elif noticed[party] < holder.packs:
            of_party = (recall_notice.c.recall == about.id, recall_notice.c.party == party)
            more = update(recall_notice).where(*of_party)
            tx.connection.execute(more.values(packs=holder.packs, acknowledged_us=None))
    _keep_notices(tx, about.id, new)


def withdraw_recall(tx: Transaction, recall_id: str, *, why: str, by: str) -> LotRecall:
    """Take back a mistaken recall: one person asks for it, a second one does it.

    The first call keeps who asked and why; the second, by somebody else, frees the lot. The record
    stays. Raises `RecallRefused`.
    """
    found = find_recall(tx, recall_id)
    if found is None:
        raise RecallRefused(f"no recall {recall_id}")
    if found.closed is not None:
        raise RecallRefused(f"recall {recall_id} is closed: its packs stay out of trade")
    if not why.strip() or len(why) > REASON_CHARS_MAX:
        raise RecallRefused(f"say why the recall was a mistake, in {REASON_CHARS_MAX} characters")
    here = update(recall).where(recall.c.id == recall_id)
    if found.withdraw_asked_by is None:
        tx.connection.execute(here.values(withdraw_why=why, withdraw_asked_by=by))
        _log(tx, "withdrawal-asked", recall_id, reason=why, by=by)
    elif found.withdraw_asked_by == by:
        raise RecallRefused(f"{by} asked for the withdrawal: a second person does it")
    else:
        us = _us(tx.now)
        done = here.values(withdrawn_us=us, withdrawn_by=by, closed_us=us, closed_by=by)
        tx.connection.execute(done)
        reason = f"recall {recall_id} was a mistake: {why}"
        free_lot(tx, found.gtin, found.lot, reason, by=by)
        _log(tx, "withdrawn", recall_id, reason=why, by=by)
    after = find_recall(tx, recall_id)
    assert after is not None, "a withdrawn recall keeps its record"
    return after


def close_recall(store: Store, recall_id: str, *, by: str, now: datetime) -> LotRecall:
    """Close a recall: the record stays and so does the stop. Raises `RecallRefused`."""
    with store.write(now) as tx:
        found = find_recall(tx, recall_id)
        if found is None:
            raise RecallRefused(f"no recall {recall_id}")
        if found.closed is None:
            tx.connection.execute(
                update(recall)
                .where(recall.c.id == recall_id)
                .values(closed_us=_us(now), closed_by=by)
            )
            set_lot_state(tx, found.gtin, found.lot, LotState.CLOSED, found.reason, now=now, by=by)
            _log(tx, "closed", recall_id, by=by)
    with store.read() as snapshot:
        closed = find_recall(snapshot, recall_id)
    assert closed is not None, "a closed recall keeps its record"
    return closed


def find_recall(snapshot: Snapshot, recall_id: str) -> LotRecall | None:
    """A recall by its id, with its packs."""
    row = (
        snapshot.connection.execute(select(recall).where(recall.c.id == recall_id))
        .mappings()
        .first()
    )
    return None if row is None else _with_packs(snapshot, _of_row(snapshot, row))


def open_recall_of(snapshot: Snapshot, gtin: str, lot: str) -> LotRecall | None:
    """The recall that is open for a lot, without its packs."""
    row = (
        snapshot.connection.execute(
            select(recall)
            .where(recall.c.gtin == gtin, recall.c.lot == lot, recall.c.closed_us.is_(None))
            .order_by(recall.c.opened_us.desc())
        )
        .mappings()
        .first()
    )
    return None if row is None else _of_row(snapshot, row)


def list_recalls(snapshot: Snapshot, *, only_open: bool = False) -> list[LotRecall]:
    """All recalls, newest first, without their packs."""
    query = select(recall).order_by(recall.c.opened_us.desc())
    if only_open:
        query = query.where(recall.c.closed_us.is_(None))
    return [_of_row(snapshot, row) for row in snapshot.connection.execute(query).mappings().all()]


def _check(lot: str, reason: str) -> None:
    if not 1 <= len(lot) <= LOT_CHARS_MAX:
        raise RecallRefused(f"a lot has 1 to {LOT_CHARS_MAX} characters, not {len(lot)}")
    if not reason.strip():
        raise RecallRefused("say why the lot is recalled: everyone notified will read it")
    if len(reason) > REASON_CHARS_MAX:
        raise RecallRefused(f"the reason has {len(reason)} characters, at most {REASON_CHARS_MAX}")


def _keep_packs(
    tx: Transaction,
    recall_id: str,
    items: Iterable[StoredItem],
    *,
    gtin: str,
    lot: str,
    reason: str,
    by: str,
    now: datetime,
) -> int:
    tx.connection.execute(
        insert(recall).values(
            id=recall_id,
            gtin=gtin,
            lot=lot,
            reason=reason,
            opened_us=_us(now),
            opened_by=by,
            packs=0,
        )
    )
    for rows in _batches(items):
        tx.connection.execute(insert(recall_pack), [_pack_row(recall_id, i) for i in rows])
    counted = select(func.count()).where(recall_pack.c.recall == recall_id)
    packs = tx.connection.execute(counted).scalar_one()
    tx.connection.execute(update(recall).where(recall.c.id == recall_id).values(packs=packs))
    return packs


def _batches(items: Iterable[StoredItem]) -> Iterator[list[StoredItem]]:
    batch: list[StoredItem] = []
    for one in items:
        batch.append(one)
        if len(batch) == ROWS_PER_INSERT:
            yield batch
            batch = []
    if batch:
        yield batch


def _pack_row(recall_id: str, pack: StoredItem) -> dict[str, object]:
    return {
        "recall": recall_id,
        "key": pack.key,
        "status": str(pack.status),
        "holder": pack.holder or None,
        "location": pack.location or None,
        "arrived_us": None,
    }


def _keep_notices(tx: Transaction, recall_id: str, holders: Iterable[Notified]) -> None:
    rows = [
        {"recall": recall_id, "party": h.gln or "", "name": h.name, "packs": h.packs}
        for h in holders
    ]
    if rows:
        tx.connection.execute(insert(recall_notice), rows)


def _of_row(snapshot: Snapshot, row: RowMapping) -> LotRecall:
    notices = snapshot.connection.execute(
        select(recall_notice)
        .where(recall_notice.c.recall == row["id"])
        .order_by(recall_notice.c.packs.desc(), recall_notice.c.party)
    )
    return LotRecall(
        id=row["id"],
        gtin=row["gtin"],
        lot=row["lot"],
        reason=row["reason"],
        opened=_instant(row["opened_us"]),
        opened_by=row["opened_by"],
        closed=_instant(row["closed_us"]) if row["closed_us"] is not None else None,
        closed_by=row["closed_by"],
        packs=row["packs"],
        holders=tuple(Notified(n.party or None, n.name, n.packs) for n in notices),
        withdraw_asked_by=row["withdraw_asked_by"],
        withdraw_why=row["withdraw_why"],
        withdrawn=_instant(row["withdrawn_us"]) if row["withdrawn_us"] is not None else None,
        withdrawn_by=row["withdrawn_by"],
    )


def _with_packs(snapshot: Snapshot, found: LotRecall) -> LotRecall:
    rows = snapshot.connection.execute(
        select(recall_pack).where(recall_pack.c.recall == found.id).order_by(recall_pack.c.key)
    )
    packs = tuple(
        RecalledPack(
            r.key, r.status, r.holder, r.location, _instant(r.arrived_us) if r.arrived_us else None
        )
        for r in rows
    )
    named = {name: getattr(found, name) for name in LotRecall.__dataclass_fields__}
    return LotRecall(**{**named, "pack_list": packs})


def _log(tx: Transaction, what: str, recall_id: str, **facts: object) -> None:
    entry = {"act": f"recall-{what}", "recall": recall_id, **facts}
    tx.log(LeafKind.RECALL, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))


def _us(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1_000_000)


def _instant(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, tz=UTC)
