"""Asking the store: a page of events, the events of an id, whether there are too many.

Pages are cut by key, not by count: rows are sorted by what the query orders by and then by their
number, and a page begins after the last row of the page before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import and_, func, or_, select

from epcis.archive.reading import Shelves
from epcis.codec.document import Syntax
from epcis.database.raw_driver import RawDriver
from epcis.query import lead
from epcis.query.bounded import bounded
from epcis.query.compile import Way, mastered, sort_keys, ways
from epcis.query.conditions import Condition, Descends, HasAttribute, NamesClass, OrderBy, Query
from epcis.query.parameter_table import ANY_ROLE
from epcis.query.parameters import QueryRefused
from epcis.query.patterns import KeyIs
from epcis.query.visible import events_of
from epcis.store.event_tables import event
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from epcis.model import Event

PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Stored (compressed) bytes of events after which a page ends early."""
_HASH_URI: Final = re.compile(r"ni:///sha-256;([0-9a-fA-F]{64})(?:\?ver=CBV2\.0)?")
CLASSES_WITH_ATTRIBUTE_MAX: Final = 10_000
"""Most product classes an attribute condition may stand for."""


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An event as the repository gives it out: with its record time and number."""

    seq: int
    event: Event
    """As the sender wrote it, with the repository's record time."""
    record_time: datetime
    event_id: str
    """The sender's, or the URI of the event's hash."""

    def written_for(self, syntax: Syntax) -> Event:
        """The event with an id in any case; EPCIS 1.x leaves out what the sender did not give."""
        if syntax is Syntax.XML_1_2 or self.event.event_id is not None:
            return self.event
        return msgspec.structs.replace(self.event, event_id=self.event_id)


@dataclass(frozen=True, slots=True)
class Page:
    """Some events of a result, in order, and where the next page begins."""

    events: tuple[FoundEvent, ...]
    after: tuple[int | float | str, ...] | None = None
    """Sort values and number of the last row; None on the last page."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Whose and which events are looked at."""

    party: str | None = None
    """Only what this party may see; None sees everything."""
    effective: bool = False
    """Only what holds: without events declared wrong and without the declarations."""
    top: int | None = None
    """Only events up to this number."""


COLUMNS = (event.c.seq, event.c.payload, event.c.record_time, event.c.event_id)


def newest(snapshot: Snapshot) -> int:
    """The number of the newest event; 0 where there is none."""
    found: int | None = snapshot.connection.scalar(select(func.max(event.c.seq)))
    return found or 0


def page(
    snapshot: Snapshot,
    query: Query,
    selection: Selection,
    *,
    rows_max: int,
    after: tuple[int | float | str, ...] | None = None,
) -> Page:
    """The next page of a query's result: at most `rows_max` events after the row `after`."""
    order = query.order
    keys = sort_keys(order, snapshot)
    bounds = _bounds(snapshot, selection)
    if after is not None:
        bounds.append(_beyond(order, keys, after))
    ascending = order is None or order.ascending
    sorting = [*keys, event.c.seq]
    statement = (
        select(*COLUMNS, *keys)
        .where(*bounds)
        .order_by(*(key.asc() if ascending else key.desc() for key in sorting))
    )
    rows: list[Any] = []
    with bounded(snapshot):
        for clauses in _asked(snapshot, query, selection, int(after[-1]) if after else 0):
            portion = statement.where(*clauses).limit(rows_max + 1 - len(rows))
            rows.extend(snapshot.connection.execute(portion))
            if len(rows) > rows_max:
                break
    events = given_out(snapshot, rows[:rows_max], size_bytes_max=PAGE_BYTES_MAX)
    if len(events) == len(rows):
        return Page(events)
    last = rows[len(events) - 1]
    return Page(events, (*last[len(COLUMNS) :], last.seq))


def refuse_if_too_many(
    snapshot: Snapshot, query: Query, selection: Selection, count_max: int
) -> None:
    """Raise `QueryRefused` where more events match than `count_max` (exactly as many are fine)."""
    matching = (
        select(event.c.seq).where(*conditions(snapshot, query, selection)).limit(count_max + 1)
    ).subquery()
    with bounded(snapshot):
        count = snapshot.connection.scalar(select(func.count()).select_from(matching)) or 0
    if count > count_max:
        raise QueryRefused(
            "QueryTooLargeException",
            [
                Finding(
                    "query.too-large",
                    Severity.ERROR,
                    f"more than {count_max} events match",
                    "narrow the query, or raise maxEventCount, or page through it",
                )
            ],
        )


def conditions(
    snapshot: Snapshot, query: Query, selection: Selection, *, led: bool = True
) -> list[ColumnElement[bool]]:
    """Everything a row of `event` must fulfil for this query and this onlooker.

    `led`: the narrowest condition says which events are looked at; else each is only tested, for
    whoever looks at few events anyway.
    """
    asked = _ways(snapshot, query, selection)
    leader = lead.narrowest(snapshot, asked, in_order=False) if led else None
    return [*lead.clauses(asked, leader), *_bounds(snapshot, selection)]


def _asked(
    snapshot: Snapshot, query: Query, selection: Selection, after: int
) -> Iterator[list[ColumnElement[bool]]]:
    """What the rows of a page must fulfil, in one or more portions in the order of the page."""
    asked = _ways(snapshot, query, selection)
    leader = lead.narrowest(snapshot, asked, in_order=query.order is None)
    if leader is None and query.order is None:
        yield from lead.portions(snapshot, asked, after)
    else:
        yield lead.clauses(asked, leader)


def _ways(snapshot: Snapshot, query: Query, selection: Selection) -> list[Way]:
    asked = (_known_to(selection.party, one) for one in query.conditions)
    return ways(_settled_classes(snapshot, tuple(asked)))


def _bounds(snapshot: Snapshot, selection: Selection) -> list[ColumnElement[bool]]:
    """What a row must fulfil whatever the query asks: whose and which events are looked at."""
    clauses = events_of(snapshot, selection.party)
    if selection.effective:
        clauses.extend([event.c.voided.is_(False), event.c.declared_error.is_(None)])
    if selection.top is not None:
        clauses.append(event.c.seq <= selection.top)
    return clauses


def by_id(snapshot: Snapshot, event_id: str, selection: Selection) -> tuple[FoundEvent, ...]:
    """The event with this id or hash and the declarations that it was wrong, oldest first."""
    named = event.c.event_id == event_id
    digest = _HASH_URI.fullmatch(event_id)
    if digest:
        named = or_(named, event.c.hash == bytes.fromhex(digest[1]))
    statement = (
        select(*COLUMNS).where(named, *events_of(snapshot, selection.party)).order_by(event.c.seq)
    )
    return given_out(snapshot, snapshot.connection.execute(statement).fetchall())


def given_out(
    snapshot: Snapshot,
    rows: Sequence[Any],  # rows of event
    *,
    size_bytes_max: int | None = None,  # rows of event
) -> tuple[FoundEvent, ...]:
    """Rows of the columns of `COLUMNS` as events given out, archived ones out of their files.

    With `size_bytes_max` only the first whose payloads together have so many; at least one. Raises
    ArchiveAway where a file is not at hand.
    """
    shelves = Shelves(RawDriver(snapshot))
    given: list[FoundEvent] = []
    size_bytes = 0
    for row in rows:
        size_bytes += len(shelves.whole(row.seq, row.payload))
        if given and size_bytes_max is not None and size_bytes > size_bytes_max:
            break
        given.append(_found(shelves, row))
    return tuple(given)


def _found(shelves: Shelves, row: Any) -> FoundEvent:  # noqa: ANN401  # a row of the `event` table
    written = row.record_time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = shelves.event(row.seq, row.payload)
    return FoundEvent(
        row.seq, msgspec.structs.replace(event, record_time=written), row.record_time, row.event_id
    )


def _beyond(
    order: OrderBy | None,
    keys: list[ColumnElement[Any]],  # as `sort_keys` gives them
    after: tuple[int | float | str, ...],
) -> ColumnElement[bool]:
    """Rows that come after the one with these sort values."""
    if not _fits(order, after):
        raise QueryRefused(
            "QueryParameterException",
            [Finding("query.page", Severity.ERROR, "nextPageToken belongs to another query")],
        )
    ascending = order is None or order.ascending
    beyond: ColumnElement[bool] | None = None
    for key, value in zip(reversed([*keys, event.c.seq]), reversed(after), strict=True):
        strictly = key > value if ascending else key < value
        beyond = strictly if beyond is None else or_(strictly, and_(key == value, beyond))
    if beyond is None:
        raise AssertionError("a page is always sorted by at least the number")
    return beyond


def _fits(order: OrderBy | None, after: tuple[int | float | str, ...]) -> bool:
    """Whether the values are of the kinds the rows are sorted by."""
    kinds: tuple[tuple[type, ...], ...] = ((int,),)
    if order is not None:
        keys = ((int,),) if order.column is not None else ((int, float), (str,))
        kinds = (*keys, (int,))
    return len(after) == len(kinds) and all(map(isinstance, after, kinds))


def _known_to(party: str | None, condition: Condition) -> Condition:
    """A condition on master data, decided by what this party may know of it."""
    if isinstance(condition, HasAttribute | Descends):
        return replace(condition, party=party)
    return condition


def _settled_classes(snapshot: Snapshot, asked: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Attribute conditions on product classes as the classes they stand for."""
    return tuple(
        _classes_with(snapshot, one)
        if isinstance(one, HasAttribute) and one.field == "epc_class"
        else one
        for one in asked
    )


def _classes_with(snapshot: Snapshot, condition: HasAttribute) -> NamesClass:
    statement = mastered(condition).limit(CLASSES_WITH_ATTRIBUTE_MAX + 1)
    keys = snapshot.connection.scalars(statement).all()
    if len(keys) > CLASSES_WITH_ATTRIBUTE_MAX:
        raise QueryRefused(
            "QueryTooComplexException",
            [Finding("query.classes", Severity.ERROR, "too many classes have this attribute")],
        )
    return NamesClass(ANY_ROLE, tuple(KeyIs(key) for key in keys) or (KeyIs(""),))
