"""Find ordinary records past their retention period and destroy those that no open hold covers.

Rows are deleted in batches, each in one transaction with its certificate; the next run continues
an interrupted one.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import BigInteger, Column, ColumnElement, Table, delete, insert, select, tuple_

from compliance.dossier.dossier_tables import export_job
from compliance.duty_tables import browser_session, service_time, sign_in_link
from compliance.retention.hold import lock_holds, open_holds, packs_of_case
from compliance.retention.policy import RecordClass
from compliance.retention.retention_tables import erasure
from epcis.database.columns import Instant, microseconds
from epcis.database.many_writers import alone_in
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.proved import Register, proof_of
from epcis.ledger.register import subject_of
from epcis.query.query_tables import ended_page_token
from epcis.store.event_tables import capture_job
from verification.alerts.alert import Status
from verification.registry.pack_tables import (
    act,
    alert,
    alert_step,
    bulk,
    bulk_part,
    client_transaction,
    saleable_return,
    unknown_answer,
    verification_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import FromClause, RowMapping, Select

    from compliance.retention.hold import Hold
    from compliance.retention.policy import Rule
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store, Transaction

ROWS_PER_ACT = 1_000
_CONTENT = (
    "UPDATE ledger_entry SET salt = NULL, confidential = NULL WHERE subject = ? AND event IS NULL"
)


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A table of a class of record, and when the retention period of its rows begins."""

    table: Table
    ends: str
    """The column with the time at which the row's retention period begins."""
    over: ColumnElement[bool] | None = None
    """Only rows that meet this condition are ever destroyed; None: all."""
    parts: Column[Any] | None = None
    """The column of another table that refers to these rows; its rows are deleted with them."""
    packs: tuple[str, ...] = ()
    """Columns with GTIN, lot and serial, empty where it has none."""
    is_evidence: bool = False
    """Whether legal holds cover it; traces of work are no evidence."""
    begins: str | None = None
    """The column with the time of the first thing a row tells, where that is not `ends`."""


TABLES: dict[RecordClass, tuple[KeptTable, ...]] = {
    RecordClass.VERIFICATIONS: (
        KeptTable(
            verification_request,
            "asked_us",
            over=verification_request.c.next_us.is_(None),
            is_evidence=True,
        ),
    ),
    RecordClass.ALERTS: (
        KeptTable(
            alert,
            "last_us",
            begins="at_us",
            over=alert.c.status == Status.CLOSED.value,
            parts=alert_step.c.alert,
            packs=("code", "lot", "serial"),
            is_evidence=True,
        ),
    ),
    RecordClass.RETURNS: (
        KeptTable(saleable_return, "at_us", packs=("gtin", "", "serial"), is_evidence=True),
    ),
    RecordClass.SERVICE_TIMES: (KeptTable(service_time, "day", is_evidence=True),),
    RecordClass.CAPTURE_JOBS: (
        KeptTable(capture_job, "finished", over=capture_job.c.running.is_(False)),
    ),
    RecordClass.RETRIES: (
        KeptTable(client_transaction, "at_us"),
        KeptTable(act, "at_us"),
        KeptTable(bulk, "expires_us", over=bulk.c.finished_us.is_not(None), parts=bulk_part.c.bulk),
    ),
    RecordClass.GUESSES: (KeptTable(unknown_answer, "day"),),
    RecordClass.EXPORTS: (KeptTable(export_job, "finished"),),
    RecordClass.SESSIONS: (
        KeptTable(browser_session, "expires_us"),
        KeptTable(sign_in_link, "expires_us"),
    ),
    RecordClass.PAGE_TOKENS: (KeptTable(ended_page_token, "expires"),),
}
"""Events and documents are not here: they leave by the archive."""


@dataclass(slots=True)
class Tally:
    """How many records of a class are past their period, and what keeps the others."""

    due: int = 0
    held: Counter[str] = field(default_factory=Counter)
    """Id of a hold, or another reason -> how many records it keeps."""


class _Order(NamedTuple):
    """By which rule, from when and by whom rows are destroyed."""

    rule: Rule
    before: datetime
    by: str


class _Covering:
    """Which open hold covers a row."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._holds = [(hold, _packs_of(snapshot, hold)) for hold in open_holds(snapshot)]

    def hold_on(self, kept: KeptTable, row: RowMapping) -> str | None:
        """The id of the first hold that covers it; a row without lot or serial may be covered."""
        if not kept.is_evidence:
            return None
        last = _comparable(row[kept.ends])
        first = _comparable(row[kept.begins]) if kept.begins else last
        for hold, packs in self._holds:
            matter = hold.matter
            since = _cut(kept, matter.since) if matter.since else None
            until = _cut(kept, matter.until) if matter.until else None
            if (since is not None and last < since) or (until is not None and first >= until):
                continue
            if matter.is_about_packs and kept.packs and not _names(kept, row, packs):
                continue
            return hold.id
        return None


def tally(snapshot: Snapshot, record: RecordClass, before: datetime) -> Tally:
    """How many rows of a class are past their period; changes nothing."""
    found, covering = Tally(), _Covering(snapshot)
    for kept in TABLES[record]:
        for row in (
            snapshot.connection.execution_options(yield_per=ROWS_PER_ACT)
            .execute(_over(kept, before))
            .mappings()
        ):
            hold = covering.hold_on(kept, row)
            if hold is None:
                found.due += 1
            else:
                found.held[hold] += 1
    return found


def erase_rows(
    store: Store,
    rule: Rule,
    before: datetime,
    *,
    by: str,
    now: datetime,
    gone: Callable[[Table, Sequence[RowMapping]], None],
) -> Iterator[int]:
    """Destroy the rows of a class that are past their period and not held; yields batch counts.

    `gone` is called with each batch after its commit. Raises StoreAway, StoreFull.
    """
    for kept in TABLES[rule.record]:
        held = 0
        while True:
            with store.write(now, long=True) as tx:
                _one_at_a_time(tx)
                covering = _Covering(tx)
                rows = (
                    tx.connection.execute(_over(kept, before).offset(held).limit(ROWS_PER_ACT))
                    .mappings()
                    .all()
                )
                free = [row for row in rows if covering.hold_on(kept, row) is None]
                if free:
                    _certify(tx, _Order(rule, before, by), kept.table, free)
                    _delete(tx, kept, free)
                # A crash before this commit leaves all rows; after it they are gone and certified.
            held += len(rows) - len(free)
            if free:
                gone(kept.table, free)
                yield len(free)
            if len(rows) < ROWS_PER_ACT:
                break


def _one_at_a_time(tx: Transaction) -> None:
    """Lock out other runs and the opening of holds until this transaction ends."""
    alone_in(tx, erasure)
    lock_holds(tx)


def _over(kept: KeptTable, before: datetime) -> Select[*tuple[Any, ...]]:  # all its columns
    column = kept.table.c[kept.ends]
    statement = select(kept.table).where(column.is_not(None), column < _cut_of(column, before))
    if kept.over is not None:
        statement = statement.where(kept.over)
    return statement.order_by(column, *kept.table.primary_key)


def _cut_of(column: ColumnElement[object], at: datetime) -> datetime | int | str:
    if isinstance(column.type, Instant):
        return at
    if isinstance(column.type, BigInteger):
        return microseconds(at)
    return at.date().isoformat()


def _cut(kept: KeptTable, at: datetime) -> Any:  # noqa: ANN401  # number or text, as the column
    return _comparable(_cut_of(kept.table.c[kept.ends], at))


def _comparable(value: datetime | int | str) -> Any:  # noqa: ANN401  # number or text, as the column
    return microseconds(value) if isinstance(value, datetime) else value


def _packs_of(snapshot: Snapshot, hold: Hold) -> set[tuple[str, str, str]]:
    matter = hold.matter
    packs = packs_of_case(snapshot, matter.case_id) if matter.case_id is not None else set()
    if matter.gtin is not None:
        packs.add((matter.gtin, matter.lot or "", matter.serial or ""))
    return packs


def _names(kept: KeptTable, row: RowMapping, packs: set[tuple[str, str, str]]) -> bool:
    """Whether a row may be about one of these packs; a missing lot or serial matches any."""
    values = [row[name] or "" if name else "" for name in kept.packs]
    return any(
        all(
            not mine or not theirs or mine == theirs
            for mine, theirs in zip(values, pack, strict=True)
        )
        for pack in packs
    )


def _certify(tx: Transaction, order: _Order, table: Table, rows: Sequence[RowMapping]) -> None:
    """Write the certificate of the rows to be destroyed, and its entry of the log."""
    digest = sha256()
    for row in rows:
        digest.update(json.dumps(list(row.values()), default=_plain).encode() + b"\n")
    details = {
        "record": order.rule.record.value,
        "entries": len(rows),
        "by": order.by,
        "rule": json.dumps(order.rule.as_dict(), sort_keys=True),
        "digest": digest.hexdigest(),
    }
    tx.connection.execute(insert(erasure).values(at=tx.now, before=order.before, **details))
    entry = {"act": "erased", "table": table.name, "before": order.before.isoformat(), **details}
    tx.log(LeafKind.SETTING, json.dumps(entry, sort_keys=True).encode())


def _plain(value: object) -> str:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else str(value)


def _delete(tx: Transaction, kept: KeptTable, rows: Sequence[RowMapping]) -> None:
    primary = list(kept.table.primary_key)
    keys = [tuple(row[column.name] for column in primary) for row in rows]
    if kept.parts is not None:
        table, named = kept.parts.table, kept.parts.in_([key[0] for key in keys])
        parts = tx.connection.execute(select(*table.primary_key).where(named)).all()
        _forget(tx, table, parts)
        tx.connection.execute(delete(table).where(named))
    _forget(tx, kept.table, keys)
    here = primary[0].in_([key[0] for key in keys])
    if len(primary) > 1:
        here = tuple_(*primary).in_(keys)
    tx.connection.execute(delete(kept.table).where(here))


def _forget(tx: Transaction, table: FromClause, keys: Sequence[Sequence[object]]) -> None:
    """Erase the content of a register's rows from the log; their hashes stay."""
    if isinstance(table, Table) and isinstance(proof_of(table), Register):
        RawDriver(tx).run_many(_CONTENT, [(subject_of(table, key),) for key in keys])
