"""A recall as it is kept, and the list of its packs, which is looked up and never copied."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import select

from compliance.recall.reach import Notified, ReachNow, RecallReach, reach_of
from compliance.recall.recall_tables import (
    recall,
    recall_arrival,
    recall_lot,
    recall_notice,
    recall_pack,
)
from compliance.recall.scope import (
    KEYS_PER_QUESTION,
    LISTED,
    RecallScope,
    ScopeKind,
    items_in,
    items_named,
    keys_in,
    uploaded_in,
)
from epcis.database.columns import moment_of
from verification.decision.words import PackState

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import RowMapping

    from compliance.recall.genealogy import Lot
    from epcis.database.transactions import Snapshot
    from epcis.store.items import StoredItem

PACKS_SHOWN_MAX = 1_000
"""Packs in one answer; `/recalls/{id}/packs` streams all of them."""


@dataclass(frozen=True, slots=True)
class RecalledPack:
    """A pack of a recall as it is now."""

    key: str
    """Canonical key, `/01/{gtin}/21/{serial}`."""
    status: str
    """By its events; the registry's state where no event names it."""
    holder: str | None
    location: str | None
    container: str | None = None
    arrived: datetime | None = None
    """When an event first named it, where that was after the recall was opened."""

    def as_dict(self) -> dict[str, object]:
        """The pack as ``recall --json`` shows it."""
        return {
            "id": self.key,
            "status": self.status,
            "holder": self.holder,
            "location": self.location,
            "container": self.container,
            "arrived": self.arrived.isoformat() if self.arrived else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallRecord:
    """One recall, open or closed; its packs are looked up by `packs_of`."""

    id: str
    scope: RecallScope
    reason: str
    recall_class: str
    """I, II or III; empty while it is not classified (21 CFR 7.3(m); EU rapid alert classes)."""
    depth: str
    """How far down the chain: wholesale, retail or consumer (21 CFR 7.42(b)(1))."""
    is_drill: bool
    """A mock recall: it stops nothing, and notices say so."""
    facts: dict[str, str]
    """What notices say besides, by the names of `NOTICE_FACTS`."""
    opened: datetime
    opened_by: str
    approved: datetime | None
    approved_by: str | None
    """The second person; until then no notice is sent."""
    closed: datetime | None
    closed_by: str | None
    packs: int
    """At the opening, and those that came later."""
    packs_at_opening: int
    reach_at_opening: RecallReach
    list_sha256: str
    """SHA-256 of the keys at the opening in the order of the list, each with a line feed."""
    last_item: int
    withdraw_asked_by: str | None
    """Who asked to take it back as a mistake."""
    withdraw_why: str | None
    withdrawn: datetime | None
    withdrawn_by: str | None
    """The second person, who took it back."""
    holders: tuple[Notified, ...] = ()
    """Whom to tell, and how many packs each had when last looked at."""

    @property
    def gtin(self) -> str:
        """GTIN-14 of the product."""
        return self.scope.gtin

    @property
    def lot(self) -> str:
        """The lot; empty where something else is recalled."""
        return self.scope.lot

    @property
    def state(self) -> str:
        """Where it stands, in a word."""
        if self.withdrawn is not None:
            return "withdrawn"
        if self.closed is not None:
            return "closed"
        return "open" if self.approved is not None else "waiting for approval"

    def as_dict(self) -> dict[str, object]:
        """The recall as `/recalls` lists it, without its packs."""
        return {
            "id": self.id,
            "state": self.state,
            "scope": self.scope.as_dict(),
            "gtin": self.gtin,
            "lot": self.lot,
            "market": self.scope.market,
            "reason": self.reason,
            "class": self.recall_class,
            "depth": self.depth,
            "drill": self.is_drill,
            "facts": self.facts,
            "opened": self.opened.isoformat(),
            "openedBy": self.opened_by,
            "approved": self.approved.isoformat() if self.approved else None,
            "approvedBy": self.approved_by,
            "closed": self.closed.isoformat() if self.closed else None,
            "closedBy": self.closed_by,
            "withdrawAskedBy": self.withdraw_asked_by,
            "withdrawWhy": self.withdraw_why,
            "withdrawn": self.withdrawn.isoformat() if self.withdrawn else None,
            "withdrawnBy": self.withdrawn_by,
            "packsTotal": self.packs,
            "packsAtOpening": self.packs_at_opening,
            "reachAtOpening": self.reach_at_opening.as_dict(),
            "listSha256": self.list_sha256,
            "packsAt": f"/recalls/{self.id}/packs",
            "holders": [holder.as_dict() for holder in self.holders],
        }


def find_recall(snapshot: Snapshot, recall_id: str) -> RecallRecord | None:
    """A recall by its id."""
    row = (
        snapshot.connection.execute(select(recall).where(recall.c.id == recall_id))
        .mappings()
        .first()
    )
    return None if row is None else _of_row(snapshot, row)


def open_recall_of(snapshot: Snapshot, scope: RecallScope) -> RecallRecord | None:
    """The recall, no drill, that is open for the same lot, product or range; None for lists."""
    columns = recall.c
    if scope.kind in LISTED:
        return None
    same = [columns[name] == value for name, value in scope.as_row().items() if value is not None]
    wanted = select(recall).where(*same, columns.drill == 0, columns.closed_us.is_(None))
    row = snapshot.connection.execute(wanted.order_by(columns.opened_us.desc())).mappings().first()
    return None if row is None else _of_row(snapshot, row)


def list_recalls(snapshot: Snapshot, *, only_open: bool = False) -> list[RecallRecord]:
    """All recalls, newest first."""
    wanted = select(recall).order_by(recall.c.opened_us.desc(), recall.c.id)
    if only_open:
        wanted = wanted.where(recall.c.closed_us.is_(None))
    rows = snapshot.connection.execute(wanted).mappings().all()
    return [_of_row(snapshot, row) for row in rows]


def lots_beside(snapshot: Snapshot, recall_id: str) -> list[Lot]:
    """The lots that were made from recalled ones and are recalled with them."""
    columns = recall_lot.c
    wanted = select(columns.gtin, columns.lot).where(columns.recall == recall_id)
    rows = snapshot.connection.execute(wanted.order_by(columns.gtin, columns.lot))
    return [(row.gtin, row.lot) for row in rows]


def keys_named(snapshot: Snapshot, recall_id: str) -> Iterator[str]:
    """The keys of the packs that a recall names one by one, sorted; streams."""
    columns = recall_pack.c
    wanted = select(columns.key).where(columns.recall == recall_id).order_by(columns.key)
    yield from snapshot.connection.execute(wanted).yield_per(KEYS_PER_QUESTION).scalars()


def reach_now(snapshot: Snapshot, about: RecallRecord) -> ReachNow:
    """Where the packs of a recall are now."""
    named, lots = keys_named(snapshot, about.id), lots_beside(snapshot, about.id)
    return reach_of(snapshot, about.scope, named, lots)


def packs_of(snapshot: Snapshot, about: RecallRecord) -> Generator[RecalledPack, None, None]:
    """Every pack of a recall as it is now, those that came later too; in constant memory.

    By number or lot first, then those of which the registry alone knows, then those named one by
    one, then those of lots made from recalled ones; each part by its keys.
    """
    arrived = _arrivals(snapshot, about.id)
    for one in items_in(snapshot, about.scope):
        yield _pack(one.key, one, arrived)
    for key, state in uploaded_in(snapshot, about.scope):
        yield RecalledPack(key, PackState(state).value, None, None, None, arrived.get(key))
    for key, item in items_named(snapshot, keys_named(snapshot, about.id)):
        if not about.scope.covers(key, ""):
            yield _pack(key, item, arrived)
    for lot in _beside(snapshot, about):
        for one in items_in(snapshot, lot):
            yield _pack(one.key, one, arrived)


def _beside(snapshot: Snapshot, about: RecallRecord) -> list[RecallScope]:
    return [
        RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot)
        for gtin, lot in lots_beside(snapshot, about.id)
    ]


def keys_of(
    snapshot: Snapshot, scope: RecallScope, named: Iterable[str], lots: Iterable[Lot]
) -> Generator[str, None, None]:
    """The keys of the packs, in the order of `packs_of`."""
    yield from keys_in(snapshot, scope)
    for key, _ in uploaded_in(snapshot, scope):
        yield key
    for key in named:
        if not scope.covers(key, ""):
            yield key
    for gtin, lot in lots:
        yield from keys_in(snapshot, RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot))


def digest_of_list(keys: Iterable[str]) -> tuple[int, str]:
    """How many keys there are, and the SHA-256 of them, each with a line feed.

    >>> digest_of_list([])[0]
    0
    """
    digest, count = sha256(), 0
    for key in keys:
        digest.update(f"{key}\n".encode())
        count += 1
    return count, digest.hexdigest()


def _pack(key: str, item: StoredItem | None, arrived: dict[str, datetime]) -> RecalledPack:
    if item is None:
        return RecalledPack(key, "", None, None, None, arrived.get(key))
    return RecalledPack(
        key,
        item.status.value,
        item.holder or None,
        item.location or None,
        item.parent,
        arrived.get(key),
    )


def _arrivals(snapshot: Snapshot, recall_id: str) -> dict[str, datetime]:
    columns = recall_arrival.c
    wanted = select(columns.key, columns.at_us).where(columns.recall == recall_id)
    return {row.key: moment_of(row.at_us) for row in snapshot.connection.execute(wanted)}


def _of_row(snapshot: Snapshot, row: RowMapping) -> RecallRecord:
    notices = snapshot.connection.execute(
        select(recall_notice)
        .where(recall_notice.c.recall == row["id"])
        .order_by(recall_notice.c.packs.desc(), recall_notice.c.party)
    )
    return RecallRecord(
        id=row["id"],
        scope=RecallScope.of_row(row),
        reason=row["reason"],
        recall_class=row["class"],
        depth=row["depth"],
        is_drill=bool(row["drill"]),
        facts=orjson.loads(row["facts"]),
        opened=moment_of(row["opened_us"]),
        opened_by=row["opened_by"],
        approved=_moment(row["approved_us"]),
        approved_by=row["approved_by"],
        closed=_moment(row["closed_us"]),
        closed_by=row["closed_by"],
        packs=row["packs"],
        packs_at_opening=row["packs_at_opening"],
        reach_at_opening=RecallReach(**orjson.loads(row["reach_at_opening"])),
        list_sha256=row["list_sha256"],
        last_item=row["last_item"],
        withdraw_asked_by=row["withdraw_asked_by"],
        withdraw_why=row["withdraw_why"],
        withdrawn=_moment(row["withdrawn_us"]),
        withdrawn_by=row["withdrawn_by"],
        holders=tuple(Notified(one.party or None, one.name, one.packs) for one in notices),
    )


def _moment(us: int | None) -> datetime | None:
    return moment_of(us) if us is not None else None
