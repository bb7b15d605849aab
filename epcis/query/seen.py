"""Which values the events of the repository hold: the lists behind the top-level resources.

Without a party the lists hop from value to value along an index and read no event; a party's list
is made from the events it may see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import func, select

from epcis.database.item_keys import item_key
from epcis.query.visible import events_of, items_of
from epcis.store.event_items import named_items
from epcis.store.event_tables import event, item
from epcis.store.named import naming
from epcis.store.payload import unpack_outline
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.model import Event

COLUMNS: Final = {
    "eventTypes": "type",
    "bizSteps": "biz_step",
    "bizLocations": "biz_location",
    "readPoints": "read_point",
    "dispositions": "disposition",
}
"""Resource and the column of `event` whose values it lists."""


def values(
    snapshot: Snapshot, resource: str, *, party: str | None, after: str | None, rows_max: int
) -> list[str]:
    """Up to `rows_max` values of a resource in ascending order, those after `after`."""
    column = event.c[COLUMNS[resource]]
    if party is None:
        return _hop(snapshot, resource, after, rows_max)
    statement = select(column).where(column.is_not(None), *events_of(snapshot, party))
    if after is not None:
        statement = statement.where(column > after)
    rows = snapshot.connection.scalars(statement.distinct().order_by(column).limit(rows_max))
    return list(rows)


def _hop(snapshot: Snapshot, resource: str, after: str | None, rows_max: int) -> list[str]:
    column = event.c[COLUMNS[resource]]
    found: list[str] = []
    while len(found) < rows_max:
        statement = select(func.min(column))
        if after is not None:
            statement = statement.where(column > after)
        after = snapshot.connection.scalar(statement)
        if after is None:
            break
        found.append(after)
    return found


def is_seen(snapshot: Snapshot, resource: str, value: str, *, party: str | None) -> bool:
    """Whether an event that the party may see has this value."""
    column = event.c[COLUMNS[resource]]
    statement = select(event.c.seq).where(column == value, *events_of(snapshot, party)).limit(1)
    return snapshot.connection.execute(statement).first() is not None


def example(snapshot: Snapshot, resource: str, value: str, *, party: str | None) -> Event | None:
    """An event with this value, to tell how senders write it."""
    column = event.c[COLUMNS[resource]]
    statement = select(event.c.payload).where(column == value, *events_of(snapshot, party)).limit(1)
    payload = snapshot.connection.scalar(statement)
    return None if payload is None else unpack_outline(payload)


def item_keys(
    snapshot: Snapshot, *, party: str | None, after: int, rows_max: int
) -> list[tuple[int, str]]:
    """Up to `rows_max` items the party may see, in the order they were first recorded."""
    statement = select(item.c.id, item.c.key).where(item.c.id > after, *items_of(snapshot, party))
    rows = snapshot.connection.execute(statement.order_by(item.c.id).limit(rows_max))
    return [(row.id, row.key) for row in rows]


def item_as_written(snapshot: Snapshot, number: int, key: str, *, party: str | None) -> str | None:
    """An item's id as one of the events the party may see has it; None where none can be read."""
    statement = select(event.c.payload).where(
        event.c.seq.in_(naming([number])), *events_of(snapshot, party)
    )
    payload = snapshot.connection.scalar(statement.limit(1))
    named = () if payload is None else named_items(unpack_outline(payload))
    return next((one for _, ids in named for one in ids if canonical_key(one) == key), None)


def item_is_seen(snapshot: Snapshot, key: str, *, party: str | None) -> bool:
    """Whether an event that the party may see names this item."""
    number = select(item_key.c.id).where(item_key.c.key == key).scalar_subquery()
    statement = select(item.c.id).where(item.c.id == number, *items_of(snapshot, party))
    return snapshot.connection.execute(statement).first() is not None
