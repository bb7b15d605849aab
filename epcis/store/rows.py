"""Rows of an event: its own, which items it names, who may see it, by what it can be found."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.columns import microseconds, pack_key
from epcis.model import Event, TransformationEvent
from epcis.store.effect import party_key, place_key
from epcis.store.event_index import FIELD_COLUMNS, SENSOR_COLUMNS, WORD_COLUMNS, index_rows
from epcis.store.event_items import named_classes
from epcis.store.event_tables import Relation, Role
from epcis.store.named import ids_of, signed
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.raw_driver import RawDriver, Row
    from epcis.store.item_states import Masks

EVENT = (
    "seq", "txid", "document", "position", "identity", "hash", "event_id", "type", "action",
    "biz_step", "disposition", "event_time", "event_time_zone_offset", "record_time",
    "read_point", "biz_location", "parent", "transformation_id", "moment", "declared_error",
    "error_reason", "voided", "epcs", "payload",
)  # fmt: skip
EVENT_EPC = ("block", "seq", "role", "mask")
_QUANTITY = ("seq", "role", "position", "key", "quantity", "uom")
_PARTY = ("party", "seq", "relation")
_TRANSACTION_GLN = re.compile(r"urn:epcglobal:cbv:bt:(\d{13}):")


class Sealed(NamedTuple):
    """An event made ready outside of the act: hashed, packed, its place among its like."""

    event: Event
    position: int | None
    """0-based place in its document."""
    digest: bytes
    """CBV event hash, 32 bytes."""
    identity: bytes
    """The hash, or one that takes in the event's own id and its error declaration as well."""
    event_id: str
    payload: bytes
    moment: int
    declared_us: int | None
    """When it was declared wrong, for an error declaration: microseconds since 1970 UTC."""


def event_row(
    sealed: Sealed,
    seq: int,
    now: datetime,
    txid: int,
    document: int | None,
    *,
    parent: int | None,
    epcs: int,
    voided: bool,
) -> Row:
    """The row of table `event`, columns as in `EVENT`."""
    event = sealed.event
    wrong = event.error_declaration
    transformation = event.transformation_id if isinstance(event, TransformationEvent) else None
    return (
        seq,
        txid,
        document,
        sealed.position,
        sealed.identity,
        sealed.digest,
        sealed.event_id,
        type(event).__name__,
        getattr(event, "action", None),
        bare("bizstep", event.biz_step) if event.biz_step else None,
        bare("disp", event.disposition) if event.disposition else None,
        microseconds(event.instant),
        event.event_time_zone_offset,
        microseconds(now),
        place_key(event.read_point) or None,
        place_key(event.biz_location) or None,
        parent,
        transformation,
        sealed.moment,
        sealed.declared_us,
        bare("er", wrong.reason) if wrong is not None and wrong.reason else None,
        voided,
        epcs,
        sealed.payload,
    )


def event_epc_rows(seq: int, role: Role, masks: Masks) -> Iterator[Row]:
    """The rows of table `event_epc` for one list of an event."""
    for block, mask in masks.items():
        yield block, seq, int(role), signed(mask)


def items_of_rows(named: Iterable[Row]) -> Iterator[tuple[int, Role]]:
    """Item ids and roles of rows (block, mask, role)."""
    for block, mask, role in named:
        for item_id in ids_of(block, mask):
            yield item_id, Role(role)


def write_index(driver: RawDriver, events: Sequence[tuple[int, Event]], party: str | None) -> None:
    """Everything by which events are found or may be seen: quantities, parties, search index."""
    quantities: list[Row] = []
    parties: list[Row] = []
    words: list[Row] = []
    fields: list[Row] = []
    sensors: list[Row] = []
    for seq, event in events:
        quantities.extend(_quantity_rows(seq, event))
        parties.extend((who, seq, int(why)) for who, why in parties_of(event, party))
        index = index_rows(event)
        words.extend((word, seq) for word in index.words)
        fields.extend((row[0], seq, *row[1:]) for row in index.fields)
        sensors.extend((seq, *row) for row in index.sensors)
    driver.insert("event_quantity", _QUANTITY, quantities)
    driver.insert("event_party", _PARTY, sorted(parties))
    driver.insert("event_word", WORD_COLUMNS, sorted(words))
    driver.insert("event_field", FIELD_COLUMNS, [_plain(row) for row in fields])
    driver.insert("event_sensor", SENSOR_COLUMNS, [_plain(row) for row in sensors])


def parties_of(event: Event, capturer: str | None) -> set[tuple[str, Relation]]:
    """Who may see an event, by canonical GLN key, and why.

    >>> from epcis.model import ObjectEvent
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> parties_of(event, "/414/9521321000010")
    {('/414/9521321000010', <Relation.CAPTURER: 1>)}
    """
    found: set[tuple[str, Relation]] = set()
    if capturer:
        found.add((capturer, Relation.CAPTURER))
    found.update((party_key(one.id), Relation.SOURCE) for one in event.sources or ())
    found.update((party_key(one.id), Relation.DESTINATION) for one in event.destinations or ())
    for place in (event.read_point, event.biz_location):
        if place is not None:
            found.add((party_key(place.id), Relation.OWNER))
    for transaction in event.biz_transactions or ():
        number = _TRANSACTION_GLN.match(transaction.id)
        if number:
            found.add((f"/414/{number[1]}", Relation.TRADING))
    return found


def _quantity_rows(seq: int, event: Event) -> Iterator[Row]:
    for position, (role, of_class, quantity, uom) in enumerate(named_classes(event)):
        key = pack_key(canonical_key(of_class))
        yield seq, int(role), position, key, _number(quantity), uom


def _plain(row: Row) -> Row:
    """A row as the plain driver takes it: points in time as numbers."""
    return tuple(microseconds(one) if isinstance(one, datetime) else one for one in row)


def _number(text: str | None) -> object:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
