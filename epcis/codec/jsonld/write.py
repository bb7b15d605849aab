"""Events and header as EPCIS 2.0 JSON-LD, event by event."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from epcis.codec.fields import SHAPES
from epcis.codec.jsonld.context import STANDARD_URL
from epcis.codec.jsonld.full import NIL
from epcis.codec.jsonld.header import (
    KIND,
    RESERVED,
    ROOT_ATTRIBUTES,
    TRAILING,
    beside_members,
    context_of,
    header_members,
    master_data_members,
)
from epcis.codec.jsonld.nodes import beside_standard, number, to_members
from epcis.codec.jsonld.prefixes import Prefixes
from epcis.codec.quantity_event import modern
from epcis.codec.sbdh import summary_members
from epcis.codec.sensors import NUMBERS, SENSOR_FIELDS, WORD_KINDS
from epcis.codec.words import Words
from epcis.codec.zones import creation_date, with_zones
from schemas.cbv import CBV_URN, VOCABULARIES, bare, is_standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.codec.options import WriteOptions
    from epcis.model import (
        BizTransaction,
        ErrorDeclaration,
        Event,
        Header,
        Node,
        Party,
        PersistentDisposition,
        Place,
        QuantityElement,
        SensorElement,
        SensorMetadata,
        SensorReport,
    )
    from schemas.finding import Finding

_WORDS_CACHED_MAX: Final = 1024
"""Vocabulary words whose form in JSON-LD is remembered."""
_encode: Final = msgspec.json.Encoder().encode
_FieldWriter: TypeAlias = Callable[[Any], object]  # each takes what its own field holds


class _Plan(NamedTuple):
    """How events of one type are written."""

    values: Callable[[Event], tuple[object, ...]]
    """All fields of an event, in the order of `members`."""
    members: tuple[tuple[str, _FieldWriter | None, bool], ...]
    """Name of each field, what writes its value where that is not written as it is, and whether it
    stands apart."""


class JsonWriter:
    """Writes one document: `begin`, then each `event`, then `end`; all return bytes to write.

    `apart` tells of members of events that `bare_parts` puts into an object of their own.
    """

    def __init__(self, options: WriteOptions, apart: Callable[[str], bool] | None = None) -> None:
        self._apart = apart or _never
        self._words = Words(options)
        self._own_findings: list[Finding] = []
        self._prefixes = Prefixes(())
        self._count = 0
        self._is_bare = False
        self._nil: list[str] = []
        self._close = b""
        self._plans: dict[str, _Plan] = {}
        self._writers: dict[str, _FieldWriter] = {
            "ErrorDeclarationType": self._error_declaration,
            "EPCListType": self._words.epcs,
            "QuantityListType": self._quantities,
            "ReadPointType": self._place,
            "BusinessLocationType": self._place,
            "BusinessTransactionListType": self._transactions,
            "SourceListType": self._sources,
            "DestinationListType": self._destinations,
            "SensorElementListType": self._sensors,
            "PersistentDispositionType": self._persistent_disposition,
            "ILMDType": self._ilmd,
            "bizStep": partial(_word, "bizstep"),
            "disposition": partial(_word, "disp"),
            "certificationInfo": _one_or_more,
            "parentID": self._words.epc,
            "transformationID": self._words.epc,
        }
        """By the name of a field, or of the record it holds."""

    @property
    def findings(self) -> list[Finding]:
        """What could not be written as it was."""
        return [*self._own_findings, *self._words.findings]

    def begin(self, header: Header) -> bytes:
        """Everything up to the first event."""
        if header.kind == "event":
            self._is_bare = True
            return b""
        self._prefixes = Prefixes(header.namespaces)
        contexts = context_of(header, self._prefixes)
        members: dict[str, object] = {"@context": contexts}
        if header.document_id is not None:
            members["id"] = header.document_id
        is_query = header.kind == "query"
        members["type"] = "EPCISQueryDocument" if is_query else "EPCISDocument"
        members["schemaVersion"] = "2.0"
        if header.creation_date is not None:
            members["creationDate"] = creation_date(header.creation_date, self._own_findings)
        members.update(summary_members(header))
        if header.kind == "masterdata":
            members[KIND] = header.kind
        if header.attributes:
            members[ROOT_ATTRIBUTES] = {
                self._prefixes.key(namespace, name): value
                for namespace, name, value in header.attributes
            }
        if inside := header_members(header, self._prefixes):
            members["epcisHeader"] = inside
        if extra := self._prefixes.take():
            contexts.append({**extra})
        return self._open_body(members, header)

    def _open_body(self, members: dict[str, object], header: Header) -> bytes:
        if header.kind != "query":
            self._close = b"]}"
            return _encode(members)[:-1] + b',"epcisBody":{"eventList":['
        results: dict[str, object] = {"queryName": header.query_name or ""}
        if header.subscription_id is not None:
            results["subscriptionID"] = header.subscription_id
        body: dict[str, object] = {}
        if header.master_data:
            body["vocabularyList"] = master_data_members(header, self._prefixes)
        opened = _encode(body)[:-1] + (b"," if body else b"") + b'"eventList":['
        self._close = b"]}}}"
        return (
            _encode(members)[:-1]
            + b',"epcisBody":{"queryResults":'
            + _encode(results)[:-1]
            + b',"resultsBody":'
            + opened
        )

    def event(self, event: Event) -> bytes:
        """One event, with the comma before it where it needs one."""
        if self._is_bare:
            return self.bare_event(event) + b"\n"
        self._count += 1
        encoded = _encode(self.members(event))
        return encoded if self._count == 1 else b",\n" + encoded

    def joined(self, events: Iterable[Event]) -> bytes:
        """Events with commas between them only, for `follow`."""
        return b",\n".join([_encode(self.members(event)) for event in events])

    def follow(self, events: bytes) -> bytes:
        """Events written before, by another writer's `joined`, at this place."""
        self._count += bool(events)
        return events if self._count == 1 or not events else b",\n" + events

    def end(self, header: Header) -> bytes:
        """What closes the document: `header` as it is after the last event."""
        if self._is_bare:
            return b""
        if not header.document_extensions:
            return self._close + b"}\n"
        members = beside_standard(header.document_extensions, self._prefixes, RESERVED)
        if extra := self._prefixes.take():
            members = {TRAILING: {"@context": extra, **members}}
        return self._close + b"," + _encode(members)[1:] + b"\n"

    def bare_event(self, event: Event) -> bytes:
        """One event that stands by itself, with its own `@context`."""
        return _encode(self._bare_members(event))

    def bare_parts(self, event: Event) -> tuple[bytes, bytes]:
        """The members of a bare event as two objects; the second is empty where none is apart."""
        apart: dict[str, object] = {}
        members = self._bare_members(event, apart)
        return _encode(members), _encode(apart) if apart else b""

    def _bare_members(
        self, event: Event, apart: dict[str, object] | None = None
    ) -> dict[str, object]:
        """An event that stands by itself, as a JSON object with its own `@context`."""
        self._prefixes = Prefixes(())
        members: dict[str, object] = {"@context": STANDARD_URL}
        self._tell(event, members, members if apart is None else apart)
        if extra := self._prefixes.take():
            members["@context"] = [STANDARD_URL, extra]
        return members

    def members(self, event: Event) -> dict[str, object]:
        """The event as a JSON object; numbers are raw JSON."""
        members: dict[str, object] = {}
        self._tell(event, members, members)
        if extra := self._prefixes.take():
            members["@context"] = extra
        return members

    def _tell(self, event: Event, *objects: dict[str, object]) -> None:
        """Add all that an event says to the first of two objects, or the second if it is apart."""
        if event.namespaces:
            self._prefixes.hint(event.namespaces)
        event = with_zones(modern(event))
        name = type(event).__name__
        plan = self._plans.get(name) or self._plan(name)
        objects[0]["type"] = name
        for (member, write, apart), value in zip(plan.members, plan.values(event), strict=True):
            if value is not None:
                objects[apart][member] = value if write is None else write(value)
        if event.extensions or event.attributes:
            beside = beside_members(event.extensions, event.attributes, self._prefixes)
            for member, value in beside.items():
                objects[self._apart(member)][member] = value
        if self._nil:
            objects[self._apart(NIL)][NIL] = self._nil
            self._nil = []

    def _plan(self, name: str) -> _Plan:
        fields, writers = SHAPES[name].fields, self._writers
        values = attrgetter(*(field.attribute for field in fields))
        members = tuple(
            (one.name, writers.get(one.holds) or writers.get(one.name), self._apart(one.name))
            for one in fields
        )
        plan = self._plans[name] = _Plan(values, members)
        return plan

    def _quantities(self, quantities: Sequence[QuantityElement]) -> list[dict[str, object]]:
        written = []
        for quantity in quantities:
            epc_class = self._words.epc(quantity.epc_class)
            members: dict[str, object] = {"epcClass": epc_class}
            if quantity.quantity is not None:
                members["quantity"] = number(quantity.quantity)
            if quantity.is_nil:
                self._nil.append(epc_class)
            if quantity.uom is not None:
                members["uom"] = quantity.uom
            written.append(members)
        return written

    def _place(self, place: Place) -> dict[str, object]:
        return {
            "id": self._words.epc(place.id),
            **(to_members(place.extensions, self._prefixes) if place.extensions else {}),
        }

    def _transactions(self, transactions: Sequence[BizTransaction]) -> list[dict[str, object]]:
        written = []
        for transaction in transactions:
            members: dict[str, object] = {}
            if transaction.type is not None:
                members["type"] = _word("btt", transaction.type)
            members["bizTransaction"] = self._words.epc(transaction.id)
            written.append(members)
        return written

    def _sources(self, parties: Sequence[Party]) -> list[dict[str, object]]:
        return [self._party("source", party) for party in parties]

    def _destinations(self, parties: Sequence[Party]) -> list[dict[str, object]]:
        return [self._party("destination", party) for party in parties]

    def _party(self, role: str, party: Party) -> dict[str, object]:
        return {"type": _word("sdt", party.type), role: self._words.epc(party.id)}

    def _persistent_disposition(self, persistent: PersistentDisposition) -> dict[str, object]:
        members: dict[str, object] = {}
        if persistent.set is not None:
            members["set"] = [_word("disp", word) for word in persistent.set]
        if persistent.unset is not None:
            members["unset"] = [_word("disp", word) for word in persistent.unset]
        return members

    def _ilmd(self, ilmd: tuple[Node, ...]) -> dict[str, object]:
        return to_members(ilmd, self._prefixes)

    def _error_declaration(self, declaration: ErrorDeclaration) -> dict[str, object]:
        members: dict[str, object] = {"declarationTime": declaration.declaration_time}
        if declaration.reason is not None:
            members["reason"] = _word("er", declaration.reason)
        if declaration.corrective_event_ids is not None:
            members["correctiveEventIDs"] = declaration.corrective_event_ids
        beside = beside_members(declaration.extensions, declaration.attributes, self._prefixes)
        return {**members, **beside}

    def _sensors(self, elements: Sequence[SensorElement]) -> list[dict[str, object]]:
        written = []
        for element in elements:
            members: dict[str, object] = {}
            if element.metadata is not None:
                members["sensorMetadata"] = self._sensor_members(element.metadata)
            members["sensorReport"] = [self._sensor_members(report) for report in element.reports]
            members.update(to_members(element.extensions, self._prefixes))
            written.append(members)
        return written

    def _sensor_members(self, part: SensorMetadata | SensorReport) -> dict[str, object]:
        members: dict[str, object] = {}
        for name, attribute in SENSOR_FIELDS[type(part)].items():
            value = getattr(part, attribute)
            if value is not None:
                members[name] = _sensor_value(name, value)
        if part.extensions:
            members.update(to_members(part.extensions, self._prefixes))
        return members


@lru_cache(maxsize=_WORDS_CACHED_MAX)
def _word(kind: str, word: str) -> str:
    """A word of CBV 2.0 by its bare name; of the URN of any other the web URI, or it as written.

    JSON-LD has no URNs of CBV, so that those of CBV 1.0 would be refused.
    """
    if is_standard(kind, word):
        return bare(kind, word)
    head, vocabulary = f"{CBV_URN}:{kind}:", VOCABULARIES[kind]
    return word.replace(head, f"{vocabulary.host}{vocabulary.stem}", 1)


def _never(_member: str) -> bool:
    return False


def _one_or_more(values: Sequence[str]) -> str | Sequence[str]:
    return values[0] if len(values) == 1 else values


def _sensor_value(name: str, value: str) -> object:
    if name in NUMBERS:
        return number(value)
    if name == "booleanValue" and value in ("true", "false", "1", "0"):
        return value in ("true", "1")
    if name in WORD_KINDS:
        return _word(WORD_KINDS[name], value)
    return value
