"""The plain majority of JSON-LD events, read in one step; None for all others.

An event is plain if it holds nothing but the standard members named here, each once. msgspec
ignores members it does not know and keeps the last of those that stand twice, so both must be told
by other means: every name and every text brings two quotation marks, and so the event must have as
many as the names and texts that were read. A backslash could write a quotation mark; such events
are left to the full reading as well. The one long list of an event is left out of the count: it
holds strings only, or msgspec would not have taken it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from epcis.model import (
    AggregationEvent,
    BizTransaction,
    Event,
    Node,
    ObjectEvent,
    Party,
    Place,
)

if TYPE_CHECKING:
    from epcis.codec.jsonld.context import Context


class _Transaction(msgspec.Struct, gc=False):
    bizTransaction: str  # noqa: N815  # as in JSON
    type: str


class _Source(msgspec.Struct, gc=False):
    source: str
    type: str


class _Destination(msgspec.Struct, gc=False):
    destination: str
    type: str


class _Common(msgspec.Struct, gc=False, tag_field="type"):
    eventTime: str  # noqa: N815  # as in JSON
    action: str
    eventTimeZoneOffset: str | None = None  # noqa: N815  # as in JSON
    bizStep: str | None = None  # noqa: N815  # as in JSON
    disposition: str | None = None
    readPoint: Place | None = None  # noqa: N815  # as in JSON
    bizLocation: Place | None = None  # noqa: N815  # as in JSON
    eventID: str | None = None  # noqa: N815  # as in JSON
    bizTransactionList: tuple[_Transaction, ...] | None = None  # noqa: N815  # as in JSON
    sourceList: tuple[_Source, ...] | None = None  # noqa: N815  # as in JSON
    destinationList: tuple[_Destination, ...] | None = None  # noqa: N815  # as in JSON


class _Object(_Common, gc=False, tag="ObjectEvent"):
    epcList: tuple[str, ...] | None = None  # noqa: N815  # as in JSON
    ilmd: dict[str, str] | None = None


class _Aggregation(_Common, gc=False, tag="AggregationEvent"):
    parentID: str | None = None  # noqa: N815  # as in JSON
    childEPCs: tuple[str, ...] | None = None  # noqa: N815  # as in JSON


_DECODER: Final = msgspec.json.Decoder(_Object | _Aggregation)
_PLAIN: Final[dict[str, type[_Object | _Aggregation]]] = {
    "ObjectEvent": _Object,
    "AggregationEvent": _Aggregation,
}
_LIST_GAP_MAX: Final = 13
"""From the start of a list's name to its bracket: the name, a colon and a space; no other member
fits between them."""


class SwiftReader:
    """Reads the plain events of one document."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._names: dict[str, tuple[str, str]] = {}

    def read(self, text: bytes, members: dict[str, Any] | None = None) -> Event | None:
        """The event, if it is plain and its time says its zone.

        `members` is the same text decoded already, whose strings are then not decoded again.
        """
        if b"\\" in text:
            return None
        try:
            wire = _DECODER.decode(text) if members is None else _wire_of(members)
            if datetime.fromisoformat(wire.eventTime).tzinfo is None:
                return None
        except (msgspec.ValidationError, UnicodeDecodeError, ValueError):
            return None
        if isinstance(wire, _Object):
            return self._object(wire, _marks_beside_list(text, b'"epcList"'))
        return _aggregation(wire, _marks_beside_list(text, b'"childEPCs"'))

    def _object(self, wire: _Object, marks: int) -> ObjectEvent | None:
        strings, sources, destinations, transactions = _common(wire)
        epcs, ilmd = wire.epcList, wire.ilmd
        if epcs is not None:
            strings += 1
        if ilmd is not None:
            strings += 1 + 2 * len(ilmd)
        if marks != 2 * strings:
            return None
        return ObjectEvent(
            event_time=wire.eventTime,
            event_time_zone_offset=wire.eventTimeZoneOffset,
            event_id=wire.eventID,
            biz_step=wire.bizStep,
            disposition=wire.disposition,
            read_point=wire.readPoint,
            biz_location=wire.bizLocation,
            biz_transactions=transactions,
            sources=sources,
            destinations=destinations,
            action=wire.action,
            epcs=epcs,
            ilmd=None if ilmd is None else tuple([self._node(*item) for item in ilmd.items()]),
        )

    def _node(self, key: str, value: str) -> Node:
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._context.resolve(key)
        return Node(namespace=name[0], name=name[1], children=(value,) if value else ())


def _wire_of(members: dict[str, Any]) -> _Object | _Aggregation:
    """The struct of a decoded event; raises ValidationError where it is no plain event."""
    kind = members.get("type") if isinstance(members, dict) else None
    plain = _PLAIN.get(kind) if isinstance(kind, str) else None
    if plain is None:
        raise msgspec.ValidationError
    return msgspec.convert(members, plain)


def _aggregation(wire: _Aggregation, marks: int) -> AggregationEvent | None:
    strings, sources, destinations, transactions = _common(wire)
    parent, children = wire.parentID, wire.childEPCs
    strings += 2 * (parent is not None) + (children is not None)
    if marks != 2 * strings:
        return None
    return AggregationEvent(
        event_time=wire.eventTime,
        event_time_zone_offset=wire.eventTimeZoneOffset,
        event_id=wire.eventID,
        biz_step=wire.bizStep,
        disposition=wire.disposition,
        read_point=wire.readPoint,
        biz_location=wire.bizLocation,
        biz_transactions=transactions,
        sources=sources,
        destinations=destinations,
        action=wire.action,
        parent_id=parent,
        child_epcs=children,
    )


_Parties: TypeAlias = tuple[Party, ...] | None


def _common(
    wire: _Common,
) -> tuple[int, _Parties, _Parties, tuple[BizTransaction, ...] | None]:
    """How many strings the common members hold, names included; and three lists as values."""
    sources: _Parties = None
    destinations: _Parties = None
    transactions: tuple[BizTransaction, ...] | None = None
    strings = 6  # the names and texts of type, time and action
    if wire.eventTimeZoneOffset is not None:
        strings += 2
    if wire.bizStep is not None:
        strings += 2
    if wire.disposition is not None:
        strings += 2
    if wire.eventID is not None:
        strings += 2
    if wire.readPoint is not None:
        strings += 3
    if wire.bizLocation is not None:
        strings += 3
    if (listed := wire.bizTransactionList) is not None:
        transactions = tuple([BizTransaction(id=b.bizTransaction, type=b.type) for b in listed])
        strings += 1 + 4 * len(transactions)
    if wire.sourceList is not None:
        sources = tuple([Party(id=party.source, type=party.type) for party in wire.sourceList])
        strings += 1 + 4 * len(sources)
    if wire.destinationList is not None:
        destinations = tuple([Party(id=p.destination, type=p.type) for p in wire.destinationList])
        strings += 1 + 4 * len(destinations)
    return strings, sources, destinations, transactions


def _marks_beside_list(text: bytes, name: bytes) -> int:
    """How many quotation marks an event has outside its long list; -1 where it hides."""
    listed = text.find(name)
    if listed < 0:
        return text.count(b'"')
    opened = text.find(b"[", listed)
    if opened - listed > _LIST_GAP_MAX:
        return -1
    return text.count(b'"', 0, opened) + text.count(b'"', text.find(b"]", opened))
