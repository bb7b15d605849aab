"""What is recorded of packs: by their events and by the registry, of many packs in one look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from epcis.database.columns import pack_key as packed
from epcis.database.raw_driver import ListQuestion
from epcis.store.items import items
from verification.decision.restrictions import MARK, mark_now, restrictions_at
from verification.registry import history

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot
    from verification.decision.restrictions import Restrictions

LOOK_PACKS_MAX = 128
"""Packs in one statement."""

_COLUMNS = f"""
 s.status, s.disposition, s.location, l.code, l.expiry,
 p.state, p.lot, p.expiry, p.location, p.authorisation, p.repeats, p.stolen, p.public, {MARK},
 i.moment, p.since_us, p.version, i.parent, q.n
"""
_JOINS = """
LEFT JOIN item i ON i.id = (SELECT k.id FROM item_key k WHERE k.key = q.key)
LEFT JOIN item_state s ON s.id = i.state_id
LEFT JOIN lot l ON l.id = i.lot
LEFT JOIN pack p ON p.code = q.code AND p.serial = q.serial
"""
_LOOK = ListQuestion(
    f"SELECT {_COLUMNS} FROM q {_JOINS}",  # noqa: S608  # no value is put in
    key="bytea",
    code="text",
    serial="text",
)


class Recorded(NamedTuple):
    """What is recorded of one pack; None where nothing is."""

    status: str | None
    """By its events, as the next four."""
    disposition: str | None
    place: str | None
    event_lot: str | None
    event_expiry: str | None
    state: str | None
    """By the registry, as the next seven."""
    lot: str | None
    expiry: str | None
    location: str | None
    authorisation: str | None
    repeats: int | None
    stolen: int | None
    handed_over: int | None
    mark: int | None
    """Of the stops that it was read with."""
    moment: int | None
    """Of its last event."""
    since_us: int | None
    """Of its state by the registry."""
    version: int | None
    parent: int | None
    """Number of the item it is in."""
    n: int
    """Its place among the packs that were asked for."""

    @property
    def situation(self) -> tuple[str | int | None, ...]:
        """What it has in common with other packs: all but times and numbers of its own."""
        return self[:_SITUATION]

    @property
    def is_known(self) -> bool:
        """Whether any event or upload told of the pack."""
        return self.status is not None or self.state is not None


_SITUATION = Recorded._fields.index("moment")


def look(
    snapshot: Snapshot, packs: Sequence[tuple[str, str]]
) -> tuple[Restrictions, list[Recorded]]:
    """The stops, and what is recorded of packs, as (product code, serial), in their order.

    A pack inside something has the state that the container's later events gave it: a pallet that
    is reported stolen takes its packs along, though no event names them.
    """
    rows: list[Recorded] = []
    for start in range(0, len(packs), LOOK_PACKS_MAX):
        some = packs[start : start + LOOK_PACKS_MAX]
        found = _rows(snapshot, some)
        rows += map(Recorded._make, found if len(found) == 1 else sorted(found, key=_place))
    stops = restrictions_at(snapshot, rows[0].mark if rows else mark_now(snapshot))
    inside = [at for at, row in enumerate(rows) if row.parent is not None]
    if inside:
        keys = [history.pack_key(*packs[at]) for at in inside]
        states = items(snapshot, keys)
        for at, key in zip(inside, keys, strict=True):
            state = states.get(key)
            status, disposition = (
                (None, None) if state is None else (state.status.value, state.disposition)
            )
            rows[at] = rows[at]._replace(status=status, disposition=disposition)
    return stops, rows


def look_at(snapshot: Snapshot, code: str, serial: str) -> tuple[Restrictions, Recorded]:
    """The stops, and what is recorded of one pack; as `look` in fewer steps."""
    key = packed(history.pack_key(code, serial))
    row = Recorded._make(_LOOK.row(snapshot, key, code, serial))
    if row.parent is not None:
        stops, (row,) = look(snapshot, [(code, serial)])
        return stops, row
    return restrictions_at(snapshot, row.mark), row


def _place(row: Sequence[Any]) -> int:
    place: int = row[-1]
    return place


def _rows(snapshot: Snapshot, packs: Sequence[tuple[str, str]]) -> list[Row]:
    things = [(packed(history.pack_key(code, serial)), code, serial) for code, serial in packs]
    return _LOOK.rows(snapshot, things)
