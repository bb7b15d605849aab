"""A shipment as an EPCIS 1.2 file by the GS1 US guideline R1.3, made from captured events.

What is passed on: the events that commissioned what is shipped, those that packed it as it was
when it left, the shipping event, the master data of its products and places, and the transaction
statement. An event that names more than was shipped is narrowed to what was; it gets no id of its
own, since it is another event. Nothing is filled in that no event tells.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec
from sqlalchemy import select

from compliance.reports.transactions import (
    IDS_PER_QUESTION,
    items_of,
    owner_among,
    shipment_events,
    shipped_events,
)
from compliance.rules.header import LEGAL_NOTICES, STATEMENT_NAME, gln_of
from compliance.rules.shipped_file import GS1US
from compliance.transactions.information import SHIPMENTS_MAX, TransactionRefused
from epcis.archive.reading import Shelves
from epcis.codec.document import Syntax, write_document
from epcis.codec.options import EpcFormat, WriteOptions
from epcis.database.raw_driver import RawDriver
from epcis.model import AggregationEvent, Header, Node, ObjectEvent, Vocabulary, VocabularyElement
from epcis.store.event_tables import event, event_epc, item, master_data
from epcis.store.payload import unpack_header
from epcis.store.stays import stays_in
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from compliance.reports.transactions import ShippedEvent
    from epcis.database.transactions import Snapshot
    from epcis.model import Event

SBDH: Final = "http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"
LEVELS_MAX: Final = 16
_PASSED_ON: Final = ("commissioning", "packing", "repackaging")


def write_shipment_file(
    snapshot: Snapshot, number: str, out: BinaryIO, *, owner_gln: str = ""
) -> None:
    """Write the file of the shipments under a number to `out`.

    Where the seller is this installation's own company (`owner_gln`) and no file carried the
    shipment, the statement is its own; else the one that was received is passed on. Raises
    TransactionRefused where there is no such shipment.
    """
    numbers = shipment_events(snapshot, number)
    shipments = list(shipped_events(snapshot, numbers, SHIPMENTS_MAX))
    if not shipments:
        raise TransactionRefused(f"no shipment is known by '{number}'")
    write_shipments(snapshot, shipments, out, FileTerms(owner_gln))


@dataclass(frozen=True, slots=True)
class FileTerms:
    """How a shipment is written, and for whom."""

    owner_gln: str = ""
    syntax: Syntax = Syntax.XML_1_2
    has_extensions: bool = True
    """With the statement and the words of the guideline; else bare EPCIS."""
    sender: str = ""
    """Of the business header; empty: the seller."""
    receiver: str = ""
    """Of the business header; empty: the buyer."""
    company_prefixes: tuple[str, ...] = ()


def write_shipments(
    snapshot: Snapshot, shipments: list[ShippedEvent], out: BinaryIO, terms: FileTerms
) -> None:
    """Write one file of some shipments to `out`."""
    events = _events(snapshot, shipments)
    header = _header(snapshot, shipments, events, terms)
    epcs = EpcFormat.DIGITAL_LINK if terms.syntax is Syntax.JSON_LD else EpcFormat.URN
    options = WriteOptions(epc_format=epcs, company_prefixes=terms.company_prefixes)
    write_document(header, events, out, terms.syntax, options)


def _events(snapshot: Snapshot, shipments: list[ShippedEvent]) -> list[Event]:
    """What led to the shipments and the shipments, in the order they happened."""
    events: dict[bytes, Event] = {}
    moments: dict[bytes, tuple[int, int]] = {}
    for shipped in shipments:
        links = _links(snapshot, shipped)
        for seq, moment, one in _behind(snapshot, shipped, links):
            key = msgspec.msgpack.encode(one)
            events[key], moments[key] = one, (moment, seq)
    ordered = sorted(events, key=lambda key: (events[key].event_time, moments[key]))
    return [events[key] for key in ordered]


class _Links:
    """What is in what when a shipment leaves: ids of items."""

    def __init__(self) -> None:
        self.things: set[int] = set()
        self.inside: dict[int, set[int]] = defaultdict(set)


def _links(snapshot: Snapshot, shipped: ShippedEvent) -> _Links:
    links, driver = _Links(), RawDriver(snapshot)
    level = items_of(snapshot, shipped.seq)
    for _ in range(LEVELS_MAX):
        links.things.update(level)
        inner: list[int] = []
        for start in range(0, len(level), IDS_PER_QUESTION):
            for stay in stays_in(driver, level[start : start + IDS_PER_QUESTION]):
                if stay.since <= shipped.moment <= stay.until:
                    links.inside[stay.parent].add(stay.child)
                    inner.append(stay.child)
        if not inner:
            break
        level = inner
    return links


def _behind(
    snapshot: Snapshot, shipped: ShippedEvent, links: _Links
) -> Iterator[tuple[int, int, Event]]:
    """The events behind a shipment, narrowed to it, and the shipping event itself."""
    keys = _keys_of(snapshot, links.things)
    inside = {
        keys[parent]: {keys[child] for child in children}
        for parent, children in links.inside.items()
    }
    shelves = Shelves(RawDriver(snapshot))
    for some in _in_portions(sorted(_candidates(snapshot, links.things))):
        rows = snapshot.connection.execute(
            select(event.c.seq, event.c.moment, event.c.payload)
            .where(event.c.seq.in_(some), event.c.biz_step.in_(_PASSED_ON))
            .where(event.c.moment <= shipped.moment, event.c.voided.is_(False))
            .order_by(event.c.seq)
        )
        for seq, moment, payload in rows:
            narrowed = _narrowed(shelves.event(seq, payload), set(keys.values()), inside)
            if narrowed is not None:
                yield seq, moment, narrowed
    yield shipped.seq, shipped.moment, _plain(shipped.event)


def _keys_of(snapshot: Snapshot, ids: Iterable[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for some in _in_portions(sorted(ids)):
        asked = select(item.c.id, item.c.key).where(item.c.id.in_(some))
        found.update((row.id, row.key) for row in snapshot.connection.execute(asked))
    return found


def _candidates(snapshot: Snapshot, ids: set[int]) -> set[int]:
    """Events that name something of the blocks in which these items are."""
    found: set[int] = set()
    for some in _in_portions(sorted({one >> 6 for one in ids})):
        asked = select(event_epc.c.seq).where(event_epc.c.block.in_(some)).distinct()
        found.update(snapshot.connection.scalars(asked))
    return found


def _in_portions(ids: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), IDS_PER_QUESTION):
        yield ids[start : start + IDS_PER_QUESTION]


def _narrowed(one: Event, things: set[str], inside: dict[str, set[str]]) -> Event | None:
    """An event as far as it is about what is shipped; None where it is not."""
    if isinstance(one, ObjectEvent) and one.action == "ADD":
        kept = tuple(epc for epc in one.epcs or () if canonical_key(epc) in things)
        if not kept:
            return None
        return _plain(one, is_whole=len(kept) == len(one.epcs or ()), epcs=kept)
    if isinstance(one, AggregationEvent) and one.action == "ADD" and one.parent_id:
        own = inside.get(canonical_key(one.parent_id), set())
        kept = tuple(epc for epc in one.child_epcs or () if canonical_key(epc) in own)
        if not kept:
            return None
        return _plain(one, is_whole=len(kept) == len(one.child_epcs or ()), child_epcs=kept)
    return None


def _plain(one: Event, *, is_whole: bool = True, **changed: tuple[str, ...]) -> Event:
    """The event without the time of its recording; with its id only where it is whole."""
    if is_whole:
        return msgspec.structs.replace(one, record_time=None)
    return msgspec.structs.replace(one, record_time=None, event_id=None, **changed)


def _header(
    snapshot: Snapshot, shipments: list[ShippedEvent], events: list[Event], terms: FileTerms
) -> Header:
    last = shipments[-1]
    seller = owner_among(last.event.sources) or ""
    buyer = owner_among(last.event.destinations) or ""
    created = max(one.event_time for one in events)
    name = "+".join(str(one.event.event_id or one.seq) for one in shipments)
    instance = str(uuid5(NAMESPACE_URL, name))
    header = Header(
        schema_version="1.2" if terms.syntax is Syntax.XML_1_2 else "2.0",
        creation_date=created,
        sbdh=_business_header(terms.sender or seller, terms.receiver or buyer, instance, created),
        master_data=tuple(_master_data(snapshot, events)),
        namespaces=(("sbdh", SBDH),),
    )
    if not terms.has_extensions:
        return header
    return msgspec.structs.replace(
        header,
        header_extensions=tuple(_statements(last, seller, terms.owner_gln)),
        namespaces=(("gs1ushc", GS1US), ("sbdh", SBDH)),
    )


def _business_header(seller: str, buyer: str, instance: str, created: str) -> Node:
    def node(name: str, *children: Node | str, authority: str = "") -> Node:
        attributes = (("", "Authority", authority),) if authority else ()
        return Node(namespace=SBDH, name=name, children=children, attributes=attributes)

    return node(
        "StandardBusinessDocumentHeader",
        node("HeaderVersion", "1.0"),
        node("Sender", node("Identifier", seller, authority="GS1")),
        node("Receiver", node("Identifier", buyer, authority="GS1")),
        node(
            "DocumentIdentification",
            node("Standard", "EPCglobal"),
            node("TypeVersion", "1.0"),
            node("InstanceIdentifier", instance),
            node("Type", "Events"),
            node("CreationDateAndTime", created),
        ),
    )


def _master_data(snapshot: Snapshot, events: list[Event]) -> Iterator[Vocabulary]:
    """What is known of the products and places that the events name."""
    keys: set[str] = set()
    for one in events:
        places = [place.id for place in (one.read_point, one.biz_location) if place]
        parties = [party.id for party in (*(one.sources or ()), *(one.destinations or ()))]
        keys.update(f"/414/{gln_of(uri)}" for uri in (*places, *parties))
        epcs = (*(getattr(one, "epcs", None) or ()), *(getattr(one, "child_epcs", None) or ()))
        parent = getattr(one, "parent_id", None)
        heads = {canonical_key(epc)[:18] for epc in (*epcs, *filter(None, [parent]))}
        keys.update(head for head in heads if head.startswith("/01/"))
    by_type: dict[str, list[VocabularyElement]] = defaultdict(list)
    seen: set[str] = set()
    for start in range(0, len(keys), IDS_PER_QUESTION):
        some = sorted(keys)[start : start + IDS_PER_QUESTION]
        columns = select(master_data.c.type, master_data.c.key, master_data.c.payload)
        asked = columns.where(master_data.c.key.in_(some)).order_by(
            master_data.c.type, master_data.c.key, master_data.c.id.desc()
        )
        for kind, key, payload in snapshot.connection.execute(asked):
            if key not in seen:  # one entry for a product: the same twice is a conflict
                seen.add(key)
                element = msgspec.msgpack.decode(payload, type=VocabularyElement)
                by_type[kind].append(element)
    for kind in sorted(by_type):
        yield Vocabulary(type=kind, elements=tuple(by_type[kind]))


def _statements(shipped: ShippedEvent, seller: str, owner_gln: str) -> Iterator[Node]:
    yield Node(namespace=GS1US, name="guidelineVersion", children=("GS1 US DSCSA R1.3",))
    header = unpack_header(shipped.header) if shipped.header else None
    received = [
        node
        for node in (header.header_extensions if header is not None else ())
        if node.name == STATEMENT_NAME
    ]
    if received:
        yield received[0]
    elif owner_gln and gln_of(seller) == owner_gln:
        yield Node(
            namespace=GS1US,
            name=STATEMENT_NAME,
            children=(
                Node(namespace=GS1US, name="affirmTransactionStatement", children=("true",)),
                Node(namespace=GS1US, name="legalNotice", children=(LEGAL_NOTICES[-1],)),
            ),
        )
