"""The entries of the log that belong to a selection, in the order of the log."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import BigInteger, and_, func, literal, or_, select, type_coerce

from compliance.dossier.about import places_of
from compliance.dossier.kinds import AuditTrail, EventPeriod, History, RecordedEntries
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.store.event_tables import event, event_party

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import ColumnElement, Select

    from compliance.dossier.kinds import DossierSelection
    from epcis.database.transactions import Snapshot

ROWS_PER_READ = 500
"""Rows fetched at a time, so that a dossier of any size needs the same memory."""


class LogRow(NamedTuple):
    """An entry of the log and the content it commits to, as stored."""

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
    is_visible: bool
    """Whether the recipient may see the event at all."""


class Chosen:
    """Streams the entries of a selection among the first `size` of the log.

    With `party`, events that this party may not see are left out. In a complete run of the log
    nothing may be left out, so only their leaf hash is shown.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        selection: DossierSelection,
        size: int,
        *,
        party: str | None = None,
    ) -> None:
        self.view = snapshot
        self._party = party
        self.size = size
        self.complete: range | None = None
        """The places of which every entry is in the dossier."""
        self._condition: ColumnElement[bool] | None = None
        self._places: array[int] = array("q")
        if isinstance(selection, EventPeriod) and selection.by_record_time:
            self._choose_run(selection)
        elif isinstance(selection, EventPeriod | RecordedEntries):
            self._condition = self._seen(_condition(selection))
        elif isinstance(selection, AuditTrail):
            self._places = self._trail(selection)
        else:
            assert isinstance(selection, History), "every kind is of a period or of something"
            self._places = places_of(snapshot, selection, size)
            if party is not None:
                # That there are others must not show: who may see none gets an empty answer.
                self._places = array("q", [row.place for row in self.rows()])
        self.total = self._count() if self._condition is not None else len(self._places)

    def rows(self, after: int = -1) -> Generator[LogRow, None, None]:
        """The entries behind place `after`, ascending."""
        if self._condition is not None:
            yield from self._read(and_(self._condition, ledger_entry.c.idx > after))
            return
        wanted = (place for place in self._places if place > after)
        while some := list(islice(wanted, ROWS_PER_READ)):
            yield from self._read(self._seen(ledger_entry.c.idx.in_(some)))

    def _choose_run(self, period: EventPeriod) -> None:
        """All entries recorded in the period, and the neighbours that show where it ends."""
        time, place = ledger_entry.c.record_time, ledger_entry.c.idx
        first, last = self.view.connection.execute(
            select(func.min(place), func.max(place)).where(
                time >= period.from_, time < period.to, place < self.size
            )
        ).one()
        if first is None:
            before = select(func.count()).where(time < period.from_, place < self.size)
            first = self.view.connection.scalar(before) or 0
            last = first - 1
        self.complete = range(first, last + 1)
        self._condition = place.between(first - 1, last + 1)

    def _seen(self, condition: ColumnElement[bool]) -> ColumnElement[bool]:
        return and_(condition, _visible(self._party)) if self._party else condition

    def _read(self, condition: ColumnElement[bool]) -> Generator[LogRow, None, None]:
        statement = _rows(self._party).where(condition, ledger_entry.c.idx < self.size)
        connection = self.view.connection.execution_options(yield_per=ROWS_PER_READ)
        with connection.execute(statement.order_by(ledger_entry.c.idx)) as result:
            for row in result:
                yield LogRow._make(row)

    def _count(self) -> int:
        joined = ledger_entry.outerjoin(event, event.c.seq == ledger_entry.c.event)
        counted = select(func.count()).select_from(joined).where(ledger_entry.c.idx < self.size)
        if self._condition is not None:
            counted = counted.where(self._condition)
        return self.view.connection.scalar(counted) or 0

    def _trail(self, trail: AuditTrail) -> array[int]:
        """Places of what a person did: the entries that name the person."""
        time = ledger_entry.c.record_time
        acts = ledger_entry.c.kind.not_in((LeafKind.EVENT, LeafKind.REGISTER))
        inside = and_(acts, time >= trail.from_, time < trail.to)
        named = f'"{trail.who}"'.encode() if trail.who else b""
        return array(
            "q",
            (
                row.place
                for row in self._read(inside)
                if named in (row.public or b"") or named in (row.confidential or b"")
            ),
        )


def _condition(selection: EventPeriod | RecordedEntries) -> ColumnElement[bool]:
    happened = and_(event.c.event_time >= selection.from_, event.c.event_time < selection.to)
    if isinstance(selection, EventPeriod):
        return happened
    time = ledger_entry.c.record_time
    recorded = and_(
        time >= selection.from_,
        time < selection.to,
        ledger_entry.c.kind.in_(selection.logged),
    )
    return or_(happened, recorded) if selection.has_events else recorded


def _visible(party: str) -> ColumnElement[bool]:
    return (
        select(event_party.c.seq)
        .where(event_party.c.seq == event.c.seq, event_party.c.party == party)
        .exists()
    )


def _rows(party: str | None) -> Select[tuple[object, ...]]:
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
        _visible(party) if party else literal(1),
    ).select_from(ledger_entry.outerjoin(event, event.c.seq == entry.event))
