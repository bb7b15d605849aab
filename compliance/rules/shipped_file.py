"""The content of a file, reduced to what the rules need: events, parties, things, places."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from epcis.check.when import instant
from epcis.lot_facts import read_expiry, written_facts
from epcis.model import (
    AggregationEvent,
    Event,
    Node,
    ObjectEvent,
    TransactionEvent,
    TransformationEvent,
)
from schemas import cbv
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.model import QuantityElement
    from schemas.finding import Where

GS1US: Final = "http://epcis.gs1us.org/hc/ns"
CBVMDA: Final = "urn:epcglobal:cbv:mda"
DIRECT_PURCHASE: Final = frozenset(
    {
        "directPurchase",
        "directPurchaseStatement",
        "receivedDirectPurchaseFromPrevWhlsDist",
        "receivedDirectPurchaseFromPrevWhlsDistStatement",
    }
)
"""Elements of the guideline in which a wholesaler declares how the goods were bought."""
EPCS_MAX: Final = 500_000
"""Most objects that are followed through a file; the history of further ones is not checked."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)


class ShippedStep(NamedTuple):
    """One event, reduced."""

    at: datetime
    seq: int
    where: Where
    kind: str
    action: str
    biz_step: str
    disposition: str
    ids: tuple[str, ...]
    """Canonical keys of its objects, or of the children of an aggregation."""
    parent: str
    lot: str
    expiry: str
    """The expiry as it is written."""
    expires: str
    """Its day as ISO 8601, for comparisons; as written where it is no day."""
    time_text: str
    """`eventTime` as it is written."""
    zone: str
    """`eventTimeZoneOffset` as it is written."""
    read_point: str


class Trade(NamedTuple):
    """The parties of one shipping event, as they are written."""

    where: Where
    at: datetime | None
    sources: dict[str, str]
    """Role as a bare word -> id."""
    destinations: dict[str, str]
    ids: tuple[str, ...]
    tells_direct_purchase: bool
    """Whether the event says how its goods were bought (section 581(27), 582(c)(1)(A))."""
    papers: tuple[tuple[str, str], ...] = ()
    """Kind and id of its business transactions, as `desadv`."""
    local_time: str = ""

    @property
    def advices(self) -> tuple[str, ...]:
        """Ids of its despatch advices."""
        return tuple(one for kind, one in self.papers if kind == "desadv")


@dataclass
class ShippedFile:
    """Gathers the events of one file."""

    steps: list[ShippedStep] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    urns: dict[str, dict[str, Where]] = field(default_factory=lambda: defaultdict(dict))
    """GTIN, SSCC and GLN keys -> the URNs up to the serial that the file uses for them."""
    places: dict[str, Where] = field(default_factory=dict)
    """Every read point, location and party, with the first event that names it."""
    gtins: dict[str, Where] = field(default_factory=dict)
    followed: int = 0
    heads: set[str] = field(default_factory=set)
    """Identifiers as written, up to the serial."""
    links: set[str] = field(default_factory=set)
    """Keys of objects that are written as a Digital Link."""
    units: dict[str, dict[str, Where]] = field(default_factory=lambda: defaultdict(dict))
    """Product -> the units of measure in which its quantities are given."""
    known_items: set[str] = field(default_factory=set)
    """Keys of objects that earlier files have commissioned, where a store was asked."""
    known_masters: set[str] = field(default_factory=set)
    """GTINs and places that our own records describe, where a store was asked."""
    is_cut: bool = False

    def add(self, event: Event, where: Where) -> ShippedStep | None:
        """Add an event; None where the file exceeds `EPCS_MAX`."""
        ids = _ids(event)
        self.followed += len(ids)
        if self.followed > EPCS_MAX:
            self.is_cut = True
            return None
        keys = tuple(self._key(uri, where) for uri in ids)
        lot, expiry = written_facts(getattr(event, "ilmd", None) or ())
        parent = getattr(event, "parent_id", None) or ""
        step = ShippedStep(
            at=instant(event.event_time, event.event_time_zone_offset) or _FIRST,
            seq=len(self.steps),
            where=where,
            kind=type(event).__name__,
            action=getattr(event, "action", ""),
            biz_step=cbv.bare("bizstep", event.biz_step or ""),
            disposition=cbv.bare("disp", event.disposition or ""),
            ids=keys,
            parent=self._key(parent, where) if parent else "",
            lot=lot,
            expiry=expiry,
            expires=day.isoformat() if (day := read_expiry(expiry).day) else expiry,
            time_text=event.event_time,
            zone=event.event_time_zone_offset or "",
            read_point=event.read_point.id if event.read_point else "",
        )
        self.steps.append(step)
        self._note_places(event, where)
        for one in quantities_of(event):
            product = canonical_key(one.epc_class)[:18]
            self.units[product].setdefault(one.uom or "", where)
        if step.biz_step == "shipping":
            self._note_trade(event, step)
        return step

    def _key(self, uri: str, where: Where) -> str:
        key = canonical_key(uri)
        # The part before the serial is processed once for each product: files hold many serials.
        is_item = key.startswith("/01/")
        head = uri
        if not uri.startswith("urn:"):
            self.links.add(key)
        if is_item:
            head = ".".join(uri.split(".", 2)[:2]) if uri.startswith("urn:") else key[:18]
        if head in self.heads:
            return key
        if is_item:
            self.heads.add(head)
            self.gtins.setdefault(key[4:18], where)
        if uri.startswith("urn:epc:id:"):
            self.urns[key[:18] if is_item else key].setdefault(head, where)
        return key

    def _note_places(self, event: Event, where: Where) -> None:
        places = [place.id for place in (event.read_point, event.biz_location) if place]
        parties = [p.id for p in (*(event.sources or ()), *(event.destinations or ()))]
        for uri in (*places, *parties):
            self.places.setdefault(uri, where)

    def _note_trade(self, event: Event, step: ShippedStep) -> None:
        sources = {cbv.bare("sdt", party.type): party.id for party in event.sources or ()}
        goals = {cbv.bare("sdt", party.type): party.id for party in event.destinations or ()}
        at = None if step.at == _FIRST else step.at
        is_direct = any(node.name in DIRECT_PURCHASE for node in event.extensions)
        papers = tuple((cbv.bare("btt", p.type or ""), p.id) for p in event.biz_transactions or ())
        local = local_time(step.at, step.zone)
        self.trades.append(
            Trade(step.where, at, sources, goals, step.ids, is_direct, papers, local)
        )

    def in_time(self) -> list[ShippedStep]:
        """The events in the order they happened, by document order where times are equal."""
        return sorted(self.steps, key=lambda step: (step.at, step.seq))


def local_time(at: datetime, zone: str) -> str:
    """A moment in the local time of a zone such as `-05:00`; empty where no time was read.

    >>> local_time(datetime(2026, 11, 20, 14, 30, tzinfo=UTC), "-05:00")
    '2026-11-20 09:30 -05:00'
    """
    if at == _FIRST:
        return ""
    try:
        local = at.astimezone(datetime.fromisoformat(f"2000-01-01T00:00:00{zone}").tzinfo or UTC)
    except (ValueError, OverflowError):
        return f"{at:%Y-%m-%d %H:%M} UTC"
    return f"{local:%Y-%m-%d %H:%M} {zone or 'UTC'}"


def _ids(event: Event) -> tuple[str, ...]:
    match event:
        case ObjectEvent() | TransactionEvent():
            return event.epcs or ()
        case TransformationEvent():
            return (*(event.input_epcs or ()), *(event.output_epcs or ()))
        case AggregationEvent():
            return event.child_epcs or ()
        case _:
            return getattr(event, "child_epcs", None) or ()


def quantities_of(event: Event) -> tuple[QuantityElement, ...]:
    """The quantities of an event, of its objects and of an aggregation's children."""
    return (
        *(getattr(event, "quantities", None) or ()),
        *(getattr(event, "child_quantities", None) or ()),
    )


def named(nodes: Iterable[Node | str], name: str) -> Iterator[Node]:
    """The elements of one name, in any namespace.

    >>> next(named([Node(name="a"), Node(name="b")], "b")).name
    'b'
    """
    for node in nodes:
        if isinstance(node, Node) and node.name == name:
            yield node


def is_sgtin(key: str) -> bool:
    """Whether a canonical key is a serialised GTIN.

    >>> is_sgtin("/01/09506000134352/21/A1"), is_sgtin("/00/195060001234567890")
    (True, False)
    """
    return key.startswith("/01/") and key[18:22] == "/21/"


def is_sscc(key: str) -> bool:
    """Whether a canonical key is an SSCC."""
    return key.startswith("/00/")
