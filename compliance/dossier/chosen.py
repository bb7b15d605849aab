"""The entries of the log that belong to a selection, in the order of the log."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import BigInteger, and_, func, select, type_coerce

from compliance.dossier.history import events_of_items, items_of_selection
from compliance.dossier.selection import Period
from epcis.ledger.tables import ledger_entry
from epcis.store.tables import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Select

    from compliance.dossier.selection import Selection
    from epcis.store.database import View

ROWS_PER_READ = 500
"""Rows fetched at a time; what a dossier of any size holds in memory."""


class LogRow(NamedTuple):
    """An entry of the log with what it commits to, as stored."""

    place: int
    kind: int
    subject: bytes
    public_hash: bytes
    confidential_hash: bytes
    salt: bytes | None
    public: bytes | None
    confidential: bytes | None
    record_time_us: int
    payload: bytes | None
    """The event, where the entry is about one (`epcis.store.payload`)."""
    seq: int | None
    leaf: bytes


class Chosen:
    """The entries of a selection among the first `size` of the log; streams them."""

    def __init__(self, view: View, selection: Selection, size: int) -> None:
        self._view = view
        self.size = size
        self._condition: ColumnElement[bool] | None = None
        self._indices: array[int] = array("q")
        if isinstance(selection, Period):
            self._condition = _in_period(selection)
            self.total = self._count(self._condition)
        else:
            seqs = events_of_items(view, items_of_selection(view, selection))
            self._indices = self._logged(seqs)
            self.total = len(self._indices)

    def rows(self, after: int = -1) -> Iterator[LogRow]:
        """The entries behind index `after`, ascending."""
        if self._condition is not None:
            yield from self._read(and_(self._condition, ledger_entry.c.idx > after))
            return
        wanted = (index for index in self._indices if index > after)
        while some := list(islice(wanted, ROWS_PER_READ)):
            yield from self._read(ledger_entry.c.idx.in_(some))

    def _read(self, condition: ColumnElement[bool]) -> Iterator[LogRow]:
        statement = _rows().where(condition, ledger_entry.c.idx < self.size)
        result = self._view.connection.execution_options(yield_per=ROWS_PER_READ).execute(
            statement.order_by(ledger_entry.c.idx)
        )
        return (LogRow._make(row) for row in result)

    def _count(self, condition: ColumnElement[bool]) -> int:
        joined = ledger_entry.outerjoin(event, event.c.seq == ledger_entry.c.event)
        counted = select(func.count()).select_from(joined)
        inside = and_(condition, ledger_entry.c.idx < self.size)
        return self._view.connection.scalar(counted.where(inside)) or 0

    def _logged(self, seqs: array[int]) -> array[int]:
        """The places in the log of some events, ascending."""
        indices: list[int] = []
        for at in range(0, len(seqs), ROWS_PER_READ):
            some = list(seqs[at : at + ROWS_PER_READ])
            found = self._view.connection.scalars(
                select(ledger_entry.c.idx).where(
                    ledger_entry.c.event.in_(some), ledger_entry.c.idx < self.size
                )
            )
            indices.extend(index for index in found if index is not None)
        return array("q", sorted(indices))


def _in_period(period: Period) -> ColumnElement[bool]:
    if period.by_record_time:
        time = ledger_entry.c.record_time
        return and_(time >= period.from_, time < period.to)
    time = event.c.event_time
    return and_(time >= period.from_, time < period.to)


def _rows() -> Select[tuple[object, ...]]:
    entry = ledger_entry.c
    return select(
        entry.idx,
        entry.kind,
        entry.subject,
        entry.public_hash,
        entry.confidential_hash,
        entry.salt,
        entry.public,
        entry.confidential,
        type_coerce(entry.record_time, BigInteger),
        event.c.payload,
        event.c.seq,
        entry.leaf,
    ).select_from(ledger_entry.outerjoin(event, event.c.seq == entry.event))
