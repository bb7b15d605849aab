"""Recall packs: stop them at once, have a second person approve it, tell holders, close it.

Opening is one transaction: it sets the stop, freezes how many packs there are and the hash of their
list, and writes an entry of the log; from its commit on every verification answers "recalled". The
second person's approval makes it a recall: the event `recalled` is emitted, and notices go out.
Recalled packs never return to trade, but where two persons take a mistaken recall back; closing
keeps the record and the stop (2016/161 Art. 40; 21 CFR 7.41-7.59). A drill stops nothing.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import func, insert, select, update

from compliance.recall.events import freeing, recalling, stopping
from compliance.recall.genealogy import Relatives, ids_of_keys, made_from, sources_of
from compliance.recall.notices import FACT_CHARS_MAX, NOTICE_FACTS, keep_notices
from compliance.recall.reach import reach_of
from compliance.recall.recall_tables import recall, recall_lot, recall_pack
from compliance.recall.record import (
    RecallRecord,
    digest_of_list,
    find_recall,
    keys_named,
    keys_of,
    lots_beside,
    open_recall_of,
)
from compliance.recall.scope import (
    LISTED,
    RecallRefused,
    RecallScope,
    ScopeKind,
    keys_in,
    packs_named,
)
from epcis.capture import record
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.store.event_tables import item
from epcis.store.items import lot_numbers
from verification.decision.words import Doubt, LotState
from verification.registry.pack_registry import free_lot, set_doubt, set_lot_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from compliance.recall.genealogy import Lot
    from compliance.recall.reach import Notified, ReachNow, RecallReach
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

REASON_CHARS_MAX = 500
ROWS_PER_INSERT = 5_000
CLASSES = ("", "I", "II", "III")
DEPTHS = ("", "wholesale", "retail", "consumer")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallWanted:
    """What opening a recall needs."""

    scope: RecallScope
    reason: str
    """Why; everyone who is notified reads it."""
    recall_class: str = ""
    depth: str = ""
    is_drill: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    """What notices say besides, by the names of `NOTICE_FACTS`."""

    def check(self) -> None:
        """Raise RecallRefused, saying what is wrong."""
        if not self.reason.strip():
            raise RecallRefused("say why it is recalled: everyone notified will read it")
        if len(self.reason) > REASON_CHARS_MAX:
            raise RecallRefused(
                f"the reason has {len(self.reason)} characters, at most {REASON_CHARS_MAX}"
            )
        if self.recall_class not in CLASSES:
            raise RecallRefused("the class of a recall is I, II or III")
        if self.depth not in DEPTHS:
            raise RecallRefused("the depth of a recall is wholesale, retail or consumer")
        if odd := sorted(set(self.facts) - set(NOTICE_FACTS)):
            raise RecallRefused(f"not a fact of a notice: {', '.join(odd)}; see {NOTICE_FACTS}")
        if any(len(value) > FACT_CHARS_MAX for value in self.facts.values()):
            raise RecallRefused(f"a fact has at most {FACT_CHARS_MAX} characters")


@dataclass(frozen=True, slots=True)
class RecallPreview:
    """What a recall would reach, before anything is recalled."""

    now: ReachNow
    made_from: Relatives
    """What was made from the packs: recalled with them."""
    sources: Relatives
    """What they were made from: to be thought about."""

    def as_dict(self) -> dict[str, object]:
        """As `/recalls/preview` shows it."""
        return {
            **self.now.as_dict(),
            "madeFromThem": self.made_from.as_dict(),
            "madeOf": self.sources.as_dict(),
        }


def preview_of(snapshot: Snapshot, scope: RecallScope) -> RecallPreview:
    """What a recall of a scope would reach now; changes nothing."""
    named = packs_named(snapshot, scope)
    lots = _whole_lots(scope)
    after = made_from(snapshot, _ids(snapshot, scope, named), lots)
    before = sources_of(snapshot, _ids(snapshot, scope, named), lots)
    return RecallPreview(reach_of(snapshot, scope, named), after, before)


def reach(snapshot: Snapshot, gtin: str, lot: str) -> tuple[Notified, ...]:
    """The holders whom a recall of the lot would have to notify, most packs first."""
    return reach_of(snapshot, RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot)).holders


def preview(snapshot: Snapshot, gtin: str, lot: str) -> RecallReach:
    """Where the packs of a lot are now, before anything is recalled."""
    return reach_of(snapshot, RecallScope(kind=ScopeKind.LOT, gtin=gtin, lot=lot)).counts


def need_confirmation(snapshot: Snapshot, scope: RecallScope, confirmed: str) -> None:
    """Raise RecallRefused where no pack of a scope is known and nobody typed its word again."""
    if confirmed == scope.word:
        return
    named = packs_named(snapshot, scope)
    with closing(keys_of(snapshot, scope, (), ())) as keys:
        known = next(keys, None)
    if known is None and not ids_of_keys(snapshot, named[:1_000]):
        what = "the lot" if scope.lot else "the GTIN"
        raise RecallRefused(
            f"no pack of {scope} is known: check it, and type {what} once more to recall it all"
            " the same"
        )


def open_recall(
    store: Store, gtin: str, lot: str, *, reason: str, by: str, now: datetime
) -> RecallRecord:
    """Recall a lot; returns the recall that is already open, if there is one.

    A lot of which no pack was ever seen can be recalled too: its packs may still arrive. Raises
    `RecallRefused` for an invalid lot or reason.
    """
    wanted = RecallWanted(scope=RecallScope.parse(gtin=gtin, lot=lot), reason=reason)
    with store.write(now) as tx:
        return start_recall(tx, wanted, by=by)


def start_recall(tx: Transaction, wanted: RecallWanted, *, by: str) -> RecallRecord:
    """Stop the packs of a scope from this transaction on. Raises `RecallRefused`.

    A recall of the same lot, product or range that is open already is returned as it is.
    """
    wanted.check()
    scope = wanted.scope
    if not wanted.is_drill and (open_one := open_recall_of(tx, scope)) is not None:
        return open_one
    number = f"R-{tx.now:%Y%m%d}-{secrets.token_hex(4)}"
    named = packs_named(tx, scope)
    relatives = made_from(tx, _ids(tx, scope, named), _whole_lots(scope))
    beside = _outside(tx, scope, relatives)
    keys = sorted({*named, *beside})
    reached = reach_of(tx, scope, keys, relatives.lots)
    count, digest = digest_of_list(keys_of(tx, scope, keys, relatives.lots))
    _keep(tx, number, wanted, by, packs=count, digest=digest, reached=reached.counts)
    _keep_packs(tx, number, dict.fromkeys(named, "listed") | dict.fromkeys(beside, "made from"))
    _keep_lots(tx, number, relatives.lots)
    keep_notices(tx, number, reached.holders)
    if not wanted.is_drill:
        _stop(tx, number, wanted, keys, relatives.lots, by=by)
    _log(
        tx,
        "opened",
        number,
        **scope.as_dict(),
        packs=count,
        list=digest,
        drill=wanted.is_drill,
        reason=wanted.reason,
        by=by,
    )
    return _found(tx, number)


def approve_recall(tx: Transaction, recall_id: str, *, by: str) -> RecallRecord:
    """Approve a recall, as somebody other than who opened it: its holders get notices from now on.

    The event `recalled` is emitted. Raises `RecallRefused`.
    """
    before = _open(tx, recall_id)
    if before.approved is not None:
        raise RecallRefused(f"{before.approved_by} approved recall {recall_id} already")
    if before.opened_by == by:
        raise RecallRefused(
            f"{by} opened recall {recall_id}: a second person approves it (two-person rule)"
        )
    _change(tx, recall_id, approved_us=microseconds(tx.now), approved_by=by)
    if not before.is_drill:
        keys = list(keys_named(tx, recall_id))
        at = max(tx.now, before.opened + timedelta(milliseconds=1))
        record(tx, recalling(recall_id, _classes(tx, before), keys, at))
    _log(tx, "approved", recall_id, by=by)
    return _found(tx, recall_id)


def withdraw_recall(tx: Transaction, recall_id: str, *, why: str, by: str) -> RecallRecord:
    """Take back a mistaken recall: one person asks for it, a second one does it.

    The first call keeps who asked and why; the second, by somebody else, frees the packs. The
    record stays. Raises `RecallRefused`.
    """
    found = _found(tx, recall_id)
    if found.closed is not None:
        raise RecallRefused(f"recall {recall_id} is closed: its packs stay out of trade")
    if not why.strip() or len(why) > REASON_CHARS_MAX:
        raise RecallRefused(f"say why the recall was a mistake, in {REASON_CHARS_MAX} characters")
    if found.withdraw_asked_by is None:
        _change(tx, recall_id, withdraw_why=why, withdraw_asked_by=by)
        _log(tx, "withdrawal-asked", recall_id, reason=why, by=by)
    elif found.withdraw_asked_by == by:
        raise RecallRefused(f"{by} asked for the withdrawal: a second person does it")
    else:
        us = microseconds(tx.now)
        _change(tx, recall_id, withdrawn_us=us, withdrawn_by=by, closed_us=us, closed_by=by)
        if not found.is_drill:
            _free(tx, found, f"recall {recall_id} was a mistake: {why}", by=by)
        _log(tx, "withdrawn", recall_id, reason=why, by=by)
    return _found(tx, recall_id)


def close_recall(store: Store, recall_id: str, *, by: str, now: datetime) -> RecallRecord:
    """Close a recall: the record stays and so does the stop. Raises `RecallRefused`."""
    with store.write(now) as tx:
        found = _found(tx, recall_id)
        if found.closed is None:
            _change(tx, recall_id, closed_us=microseconds(now), closed_by=by)
            if not found.is_drill:
                _set_lots(tx, found.scope, lots_beside(tx, recall_id), LotState.CLOSED,
                          found.reason, by=by)  # fmt: skip
            _log(tx, "closed", recall_id, by=by, packs=found.packs)
        return _found(tx, recall_id)


def extend_by_relatives(tx: Transaction, about: RecallRecord, relatives: Relatives) -> list[str]:
    """Recall what was made from recalled packs after the opening; returns the new keys."""
    known = set(keys_named(tx, about.id))
    new = [key for key in _outside(tx, about.scope, relatives) if key not in known]
    lots = sorted(set(relatives.lots) - set(lots_beside(tx, about.id)))
    _keep_packs(tx, about.id, dict.fromkeys(new, "made from"))
    _keep_lots(tx, about.id, lots)
    if not about.is_drill:
        stop_more(tx, about, new)
        for gtin, lot in lots:
            set_lot_state(
                tx, gtin, lot, LotState.RECALLED, about.reason,
                now=tx.now, by=about.opened_by, market=about.scope.market,
            )  # fmt: skip
    return new


def stop_more(tx: Transaction, about: RecallRecord, keys: list[str]) -> None:
    """Stop packs that came to a list later, by events."""
    at = max(tx.now, about.opened + timedelta(milliseconds=1))
    record(tx, stopping(about.id, keys, at))
    if about.approved is not None:
        at = max(at, about.approved) + timedelta(milliseconds=1)
        record(tx, recalling(about.id, (), keys, at))


def ids_in(snapshot: Snapshot, about: RecallRecord) -> Iterator[int]:
    """The `item.id` of the packs of a recall."""
    return _ids(snapshot, about.scope, list(keys_named(snapshot, about.id)))


def _whole_lots(scope: RecallScope) -> list[Lot]:
    return [(scope.gtin, scope.lot)] if scope.kind is ScopeKind.LOT else []


def _ids(snapshot: Snapshot, scope: RecallScope, named: list[str]) -> Iterator[int]:
    driver = RawDriver(snapshot)
    if scope.kind is ScopeKind.LOT:
        for number in lot_numbers(driver, scope.gtin, scope.lot):
            for row in driver.stream("SELECT id FROM item WHERE lot = ? ORDER BY id", (number,)):
                yield row[0]
    else:
        yield from ids_of_keys(snapshot, keys_in(snapshot, scope))
    yield from ids_of_keys(snapshot, named)


def _outside(snapshot: Snapshot, scope: RecallScope, relatives: Relatives) -> list[str]:
    """The keys of relatives that do not belong to the scope by their lot or number."""
    if scope.kind is ScopeKind.LOT and any(
        (gtin, lot) == (scope.gtin, scope.lot) for gtin, lot, _ in relatives.lots_of_packs
    ):
        inside = set(keys_in(snapshot, scope))
        return [key for key in relatives.packs if key not in inside]
    return [key for key in relatives.packs if not scope.covers(key, "")]


def _keep(
    tx: Transaction,
    number: str,
    wanted: RecallWanted,
    by: str,
    *,
    packs: int,
    digest: str,
    reached: RecallReach,
) -> None:
    last = tx.connection.scalar(select(func.max(item.c.id))) or 0
    tx.connection.execute(
        insert(recall).values(
            {
                "id": number,
                **wanted.scope.as_row(),
                "reason": wanted.reason,
                "class": wanted.recall_class,
                "depth": wanted.depth,
                "drill": int(wanted.is_drill),
                "facts": orjson.dumps(dict(wanted.facts), option=orjson.OPT_SORT_KEYS).decode(),
                "opened_us": microseconds(tx.now),
                "opened_by": by,
                "packs": packs,
                "packs_at_opening": packs,
                "reach_at_opening": orjson.dumps(reached._asdict()).decode(),
                "list_sha256": digest,
                "last_item": last,
                "check_level": "",
                "check_percent": 0,
            }
        )
    )


def _keep_packs(tx: Transaction, number: str, packs: Mapping[str, str]) -> None:
    rows = [{"recall": number, "key": key, "how": how} for key, how in packs.items()]
    for start in range(0, len(rows), ROWS_PER_INSERT):
        tx.connection.execute(insert(recall_pack), rows[start : start + ROWS_PER_INSERT])


def _keep_lots(tx: Transaction, number: str, lots: list[Lot] | tuple[Lot, ...]) -> None:
    rows = [{"recall": number, "gtin": gtin, "lot": lot} for gtin, lot in lots]
    if rows:
        tx.connection.execute(insert(recall_lot), rows)


def _stop(
    tx: Transaction,
    number: str,
    wanted: RecallWanted,
    keys: list[str],
    lots: tuple[Lot, ...],
    *,
    by: str,
) -> None:
    """Put the stop in force: by the state of the lot, by the range, or pack by pack."""
    scope = wanted.scope
    _set_lots(tx, scope, lots, LotState.RECALLED, wanted.reason, by=by)
    if scope.kind is ScopeKind.RANGE:
        _set_range(tx, number, scope, Doubt.RECALLED)
    record(tx, stopping(number, keys, tx.now))


def _free(tx: Transaction, about: RecallRecord, reason: str, *, by: str) -> None:
    """Return to trade what a recall stopped, but for what another recall stops as well."""
    scope = about.scope
    for gtin, lot in _stopped_lots(scope, lots_beside(tx, about.id)):
        if not _is_stopped_besides(tx, about, gtin, lot):
            free_lot(tx, gtin, lot, reason, by=by, market=scope.market)
    if scope.kind is ScopeKind.RANGE:
        _set_range(tx, about.id, scope, None)
    others = select(recall_pack.c.key).join(recall, recall.c.id == recall_pack.c.recall)
    still = set(
        tx.connection.scalars(
            others.where(
                recall.c.gtin == scope.gtin,
                recall.c.id != about.id,
                recall.c.drill == 0,
                recall.c.withdrawn_us.is_(None),
            )
        )
    )
    keys = [key for key in keys_named(tx, about.id) if key not in still]
    # Two events of one time have no order, and this one must come last.
    last = max(about.opened, about.approved or about.opened)
    at = max(tx.now, last + timedelta(milliseconds=2))
    record(tx, freeing(about.id, _classes(tx, about), keys, at))


def _is_stopped_besides(snapshot: Snapshot, about: RecallRecord, gtin: str, lot: str) -> bool:
    """Whether another recall that was not taken back stops a lot in the same market too."""
    others = (
        recall.c.id != about.id,
        recall.c.market == about.scope.market,
        recall.c.drill == 0,
        recall.c.withdrawn_us.is_(None),
    )
    own = select(recall.c.id).where(
        *others,
        recall.c.gtin == gtin,
        recall.c.lot == lot,
        recall.c.kind.in_((ScopeKind.LOT.value, ScopeKind.PRODUCT.value)),
    )
    beside = (
        select(recall.c.id)
        .join(recall_lot, recall_lot.c.recall == recall.c.id)
        .where(*others, recall_lot.c.gtin == gtin, recall_lot.c.lot == lot)
    )
    return snapshot.connection.execute(own.union(beside)).first() is not None


def _classes(snapshot: Snapshot, about: RecallRecord) -> list[Lot]:
    """The classes of goods that the events of a recall name; an empty lot is the product."""
    own = [] if about.scope.kind in LISTED else [(about.gtin, about.lot)]
    return [*own, *lots_beside(snapshot, about.id)]


def _stopped_lots(scope: RecallScope, lots: list[Lot] | tuple[Lot, ...]) -> list[Lot]:
    """The lots whose state the recall sets; an empty lot is the whole product."""
    by_state = scope.kind in (ScopeKind.LOT, ScopeKind.PRODUCT)
    return [*([(scope.gtin, scope.lot)] if by_state else []), *lots]


def _set_lots(
    tx: Transaction,
    scope: RecallScope,
    lots: list[Lot] | tuple[Lot, ...],
    state: LotState,
    reason: str,
    *,
    by: str,
) -> None:
    for gtin, lot in _stopped_lots(scope, lots):
        set_lot_state(tx, gtin, lot, state, reason, now=tx.now, by=by, market=scope.market)


def _set_range(tx: Transaction, number: str, scope: RecallScope, doubt: Doubt | None) -> None:
    set_doubt(
        tx,
        scope.gtin,
        doubt,
        case_id=number,
        now=tx.now,
        serial=scope.serial,
        serial_to=scope.serial_to,
    )


def _change(tx: Transaction, recall_id: str, **values: object) -> None:
    tx.connection.execute(update(recall).where(recall.c.id == recall_id).values(**values))


def _found(snapshot: Snapshot, recall_id: str) -> RecallRecord:
    found = find_recall(snapshot, recall_id)
    if found is None:
        raise RecallRefused(f"no recall {recall_id}; `packtrail recall status` lists them")
    return found


def _open(snapshot: Snapshot, recall_id: str) -> RecallRecord:
    found = _found(snapshot, recall_id)
    if found.closed is not None:
        raise RecallRefused(f"recall {recall_id} is {found.state} already")
    return found


def _log(tx: Transaction, what: str, recall_id: str, **facts: object) -> None:
    entry = {"act": f"recall-{what}", "recall": recall_id, **facts}
    tx.log(LeafKind.RECALL, orjson.dumps(entry, option=orjson.OPT_SORT_KEYS))
