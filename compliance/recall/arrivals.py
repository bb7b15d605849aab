"""A recall lives: packs and holders that become known after its opening belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from sqlalchemy import insert, select, update

from compliance.recall.genealogy import ids_of_keys, made_from
from compliance.recall.notices import keep_notices
from compliance.recall.recall import extend_by_relatives, stop_more
from compliance.recall.recall_tables import recall, recall_arrival, recall_pack
from compliance.recall.record import RecallRecord, keys_named, list_recalls, lots_beside, reach_now
from compliance.recall.scope import ScopeKind, items_named, packs_named
from epcis.database.columns import microseconds, pack_key, unpack_key
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from epcis.ledger.store import Transaction

ROWS_PER_INSERT = 5_000


def add_arrivals(tx: Transaction, keys: Iterable[str], *, by: str, named: str) -> int:
    """Count packs of open recalls that events name later, and give their holders a notice.

    `keys` are the things that a document is about, `named` is what the log calls it. Returns how
    many packs came to recalls.
    """
    packs = sorted(key for key in keys if key.startswith("/01/") and key[18:22] == "/21/")
    gtins = {key[4:18] for key in packs}
    added = 0
    for one in list_recalls(tx, only_open=True):
        if one.gtin in gtins or any(gtin in gtins for gtin, _ in lots_beside(tx, one.id)):
            added += _add(tx, one, packs, by=by, named=named)
    return added


def _add(tx: Transaction, about: RecallRecord, packs: list[str], *, by: str, named: str) -> int:
    members = _members(tx, about, packs)
    fresh = set(_window_arrivals(tx, about, packs))
    ids = ids_of_keys(tx, sorted({*members, *fresh}))
    made = extend_by_relatives(tx, about, made_from(tx, ids, ()))
    late = sorted((_recorded_later(tx, about, members) | fresh | set(made)) - _known(tx, about.id))
    rows = [{"recall": about.id, "key": key, "at_us": microseconds(tx.now)} for key in late]
    for start in range(0, len(rows), ROWS_PER_INSERT):
        tx.connection.execute(insert(recall_arrival), rows[start : start + ROWS_PER_INSERT])
    if late:
        here = update(recall).where(recall.c.id == about.id)
        tx.connection.execute(here.values(packs=recall.c.packs + len(late)))
        entry = {"act": "recall-arrivals", "recall": about.id, "packs": len(late)}
        details = {"document": named, "by": by}
        tx.log(LeafKind.RECALL, orjson.dumps(entry | details, option=orjson.OPT_SORT_KEYS))
    if late or members:
        keep_notices(tx, about.id, reach_now(tx, about).holders)
    return len(late)


def _members(tx: Transaction, about: RecallRecord, packs: list[str]) -> set[str]:
    """Those of some packs that belong to a recall."""
    beside = set(lots_beside(tx, about.id))
    named = set(_among_named(tx, about.id, packs))
    found = set(named)
    for key, item in items_named(tx, packs):
        if item is None:
            continue
        lot = (key[4:18], item.lot)
        if about.scope.covers(key, item.lot) or lot in beside:
            found.add(key)
    return found


def _among_named(tx: Transaction, recall_id: str, packs: list[str]) -> Iterable[str]:
    for start in range(0, len(packs), 500):
        some = packs[start : start + 500]
        wanted = select(recall_pack.c.key).where(
            recall_pack.c.recall == recall_id, recall_pack.c.key.in_(some)
        )
        yield from tx.connection.scalars(wanted)


def _recorded_later(tx: Transaction, about: RecallRecord, members: set[str]) -> set[str]:
    """Those whose first event came after the opening: items are numbered as they come."""
    packed = [pack_key(key) for key in sorted(members)]
    rows = RawDriver(tx).all_in("SELECT key, id FROM item_key WHERE key", packed)
    return {unpack_key(bytes(key)) for key, number in rows if number > about.last_item}


def _window_arrivals(tx: Transaction, about: RecallRecord, packs: list[str]) -> list[str]:
    """Packs made in the window of a recall that a late file tells of; they are stopped now."""
    if about.scope.kind is not ScopeKind.WINDOW:
        return []
    known = set(keys_named(tx, about.id))
    new = sorted((set(packs_named(tx, about.scope)) & set(packs)) - known)
    rows = [{"recall": about.id, "key": key, "how": "listed"} for key in new]
    if rows:
        tx.connection.execute(insert(recall_pack), rows)
        if not about.is_drill:
            stop_more(tx, about, new)
    return new


def _known(tx: Transaction, recall_id: str) -> set[str]:
    wanted = select(recall_arrival.c.key).where(recall_arrival.c.recall == recall_id)
    return set(tx.connection.scalars(wanted))
