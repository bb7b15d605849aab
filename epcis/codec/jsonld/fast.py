"""The plain majority of JSON-LD events, a portion of them read in one step; None for all others.

An event is plain if it holds nothing but the standard members named here, each once. msgspec
refuses members it does not know, but keeps the last of those that stand twice, so that must be
noticed by other means: every name and every text brings two quotation marks, and so a portion must
have as many as the names and texts that were read. A backslash could write a quotation mark; such
portions are left to the full reading as well. The one long list of an event is left out of the
count: it holds strings only, or msgspec would not have taken it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

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
    from collections.abc import Sequence

    from epcis.codec.jsonld.context import Context
    from schemas.json_value import JsonValue


_Transactions: TypeAlias = tuple[BizTransaction, ...] | None
_Parties: TypeAlias = tuple[Party, ...] | None


class _TransactionEntry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    bizTransaction: str  # noqa: N815  # as in JSON
    type: str


class _SourceEntry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    source: str
    type: str


class _DestinationEntry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    destination: str
    type: str


class _PlainEvent(msgspec.Struct, gc=False, tag_field="type", forbid_unknown_fields=True):
    eventTime: str  # noqa: N815  # as in JSON
    action: Literal["ADD", "OBSERVE", "DELETE"]
    eventTimeZoneOffset: str | None = None  # noqa: N815  # as in JSON
    bizStep: str | None = None  # noqa: N815  # as in JSON
    disposition: str | None = None
    readPoint: Place | None = None  # noqa: N815  # as in JSON
    bizLocation: Place | None = None  # noqa: N815  # as in JSON
    eventID: str | None = None  # noqa: N815  # as in JSON
    bizTransactionList: tuple[_TransactionEntry, ...] | None = None  # noqa: N815  # as in JSON
    sourceList: tuple[_SourceEntry, ...] | None = None  # noqa: N815  # as in JSON
    destinationList: tuple[_DestinationEntry, ...] | None = None  # noqa: N815  # as in JSON


class _PlainObjectEvent(_PlainEvent, gc=False, tag="ObjectEvent"):
    epcList: tuple[str, ...] | None = None  # noqa: N815  # as in JSON
    ilmd: dict[str, str] | None = None


class _PlainAggregationEvent(_PlainEvent, gc=False, tag="AggregationEvent"):
    parentID: str | None = None  # noqa: N815  # as in JSON
    childEPCs: tuple[str, ...] | None = None  # noqa: N815  # as in JSON


_DECODER: Final = msgspec.json.Decoder(list[_PlainObjectEvent | _PlainAggregationEvent])
_PLAIN: Final[dict[str, type[_PlainObjectEvent | _PlainAggregationEvent]]] = {
    "ObjectEvent": _PlainObjectEvent,
    "AggregationEvent": _PlainAggregationEvent,
}
_LISTS: Final = (b'"epcList":', b'"epcList": ', b'"childEPCs":', b'"childEPCs": ')
"""What stands before the long list of an event."""


class FastJsonReader:
    """Reads the plain events of one document."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._names: dict[str, tuple[str, str]] = {}
        self._strings = 0
        """How many names and texts the events of this portion hold, beside their long lists."""
        self._lots: dict[tuple[tuple[str, str], ...], tuple[Node, ...]] = {}
        """The instance and lot master data of this portion: one lot fills many events."""

    def read(
        self, portion: bytes, members: Sequence[JsonValue] | None = None
    ) -> list[Event] | None:
        """The events, if all are plain and their times say their zone; commas stand between them.

        `members` is the same text decoded already, whose strings are then not decoded again.
        """
        if b"\\" in portion:
            return None
        self._strings = 0
        self._lots.clear()
        try:
            if members is None:
                events = [self._event(wire) for wire in _DECODER.decode(b"[%b]" % portion)]
            else:
                events = [self._event(_wire_of(event)) for event in members]
        except (msgspec.ValidationError, msgspec.DecodeError, ValueError):
            return None
        return events if 2 * self._strings == _marks_beside_lists(portion) else None

    def _event(self, wire: _PlainObjectEvent | _PlainAggregationEvent) -> Event:
        time = wire.eventTime
        if datetime.fromisoformat(time).tzinfo is None:
            raise ValueError(time)
        offset, step, disposition = wire.eventTimeZoneOffset, wire.bizStep, wire.disposition
        identifier, read_point, location = wire.eventID, wire.readPoint, wire.bizLocation
        named = (offset is not None) + (step is not None) + (disposition is not None)
        named += identifier is not None
        placed = (read_point is not None) + (location is not None)
        # The names and texts of type, time and action; of the others; a place has a name inside.
        self._strings += 6 + 2 * named + 3 * placed
        transactions: _Transactions = None
        sources: _Parties = None
        destinations: _Parties = None
        has_parties = wire.sourceList is not None or wire.destinationList is not None
        if has_parties or wire.bizTransactionList is not None:
            transactions, sources, destinations = self._lists(wire)
        if type(wire) is _PlainObjectEvent:
            self._strings += (epcs := wire.epcList) is not None
            ilmd = None if wire.ilmd is None else self._nodes(wire.ilmd)
            return ObjectEvent(
                event_time=time,
                event_time_zone_offset=offset,
                event_id=identifier,
                biz_step=step,
                disposition=disposition,
                read_point=read_point,
                biz_location=location,
                biz_transactions=transactions,
                sources=sources,
                destinations=destinations,
                action=wire.action,
                epcs=epcs,
                ilmd=ilmd,
            )
        assert isinstance(wire, _PlainAggregationEvent)
        self._strings += 2 * ((parent := wire.parentID) is not None)
        self._strings += (children := wire.childEPCs) is not None
        return AggregationEvent(
            event_time=time,
            event_time_zone_offset=offset,
            event_id=identifier,
            biz_step=step,
            disposition=disposition,
            read_point=read_point,
            biz_location=location,
            biz_transactions=transactions,
            sources=sources,
            destinations=destinations,
            action=wire.action,
            parent_id=parent,
            child_epcs=children,
        )

    def _lists(self, wire: _PlainEvent) -> tuple[_Transactions, _Parties, _Parties]:
        """Transactions, sources and destinations as values, their strings counted."""
        transactions: _Transactions = None
        sources: _Parties = None
        destinations: _Parties = None
        if (listed := wire.bizTransactionList) is not None:
            transactions = tuple([BizTransaction(id=b.bizTransaction, type=b.type) for b in listed])
            self._strings += 1 + 4 * len(transactions)
        if wire.sourceList is not None:
            sources = tuple([Party(id=party.source, type=party.type) for party in wire.sourceList])
            self._strings += 1 + 4 * len(sources)
        if wire.destinationList is not None:
            destinations = tuple(
                [Party(id=party.destination, type=party.type) for party in wire.destinationList]
            )
            self._strings += 1 + 4 * len(destinations)
        return transactions, sources, destinations

    def _nodes(self, ilmd: dict[str, str]) -> tuple[Node, ...]:
        self._strings += 1 + 2 * len(ilmd)
        lot = tuple(ilmd.items())
        nodes = self._lots.get(lot)
        if nodes is None:
            nodes = self._lots[lot] = tuple([self._node(*member) for member in lot])
        return nodes

    def _node(self, key: str, value: str) -> Node:
        name = self._names.get(key)
        if name is None:
            name = self._names[key] = self._context.resolve(key)
        return Node(namespace=name[0], name=name[1], children=(value,) if value else ())


def _wire_of(members: JsonValue) -> _PlainObjectEvent | _PlainAggregationEvent:
    """The struct of a decoded event; raises ValidationError where it is no plain event."""
    kind = members.get("type") if isinstance(members, dict) else None
    plain = _PLAIN.get(kind) if isinstance(kind, str) else None
    if plain is None:
        raise msgspec.ValidationError
    return msgspec.convert(members, plain)


def _marks_beside_lists(portion: bytes) -> int:
    """How many quotation marks a portion has outside the long lists of its events."""
    find, count, ends = portion.find, portion.count, portion.endswith
    at = counted = marks = 0
    while (opened := find(b"[", at)) >= 0:
        at = opened + 1
        # Names cannot end so inside a text: its quotation mark would need a backslash.
        if ends(_LISTS, counted, opened):
            marks += count(b'"', counted, opened)
            at = counted = find(b"]", opened)
    return marks + count(b'"', counted)
