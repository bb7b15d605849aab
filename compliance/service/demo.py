"""A small supply chain to try Packtrail on, as the EPCIS documents that its companies would send.

Three products, six lots, 3,000 packs in cases and pallets go from a manufacturer over a wholesaler
to five pharmacies; some are dispensed, one is stolen, one destroyed, one lot is recalled. All of it
passes through the same capture and recall code as anybody's data. The numbers start with 952, the
GS1 prefix kept for examples.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from compliance.recall import recall
from epcis.capture import capture
from epcis.codec.document import Syntax, write_document
from epcis.model import (
    AggregationEvent,
    BizTransaction,
    Event,
    Header,
    Node,
    ObjectEvent,
    Party,
    Place,
    Vocabulary,
    VocabularyElement,
)
from epcis.store.items import item
from schemas.gs1.epc import canonical_key
from verification.label import Label, write_png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from epcis.ledger.store import Store

PACKS_PER_CASE = 25
CASES_PER_PALLET = 10
CASES_PER_LOT = 20
DISPENSED_PER_CASE = 5
_MDA = "urn:epcglobal:cbv:mda"
_STEP = "urn:epcglobal:cbv:bizstep:"
_DISP = "urn:epcglobal:cbv:disp:"
_SDT = "urn:epcglobal:cbv:sdt:"


@dataclass(frozen=True, slots=True)
class Company:
    """A party of the demo: its name and its SGLN."""

    name: str
    sgln: str
    street: str
    city: str


@dataclass(frozen=True, slots=True)
class DemoLot:
    """A production lot: which product, its code, expiry and age when the demo starts."""

    product: int
    code: str
    expiry: str
    made_days_ago: int


@dataclass(frozen=True, slots=True)
class DemoLabel:
    """A picture to try, and what to expect of it."""

    path: Path
    says: str


MAKER = Company("Northwind Pharma", "urn:epc:id:sgln:9521321.00001.0", "1 Harbour Way", "Portview")
WHOLESALER = Company(
    "Meridian Wholesale", "urn:epc:id:sgln:9521322.00001.0", "40 Ring Road", "Midtown"
)
PHARMACIES = tuple(
    Company(name, f"urn:epc:id:sgln:952132{3 + n}.00001.0", street, city)
    for n, (name, street, city) in enumerate(
        (
            ("Lindenhof Pharmacy", "3 Linden Square", "Oldbridge"),
            ("Station Pharmacy", "1 Station Street", "Midtown"),
            ("Seaview Pharmacy", "22 Quay Road", "Portview"),
            ("Hilltop Pharmacy", "7 Upper Lane", "Highfield"),
            ("Market Pharmacy", "15 Market Row", "Oldbridge"),
        )
    )
)
PRODUCTS = (
    ("Cardiolin 20 mg", "000101", "20 mg", "TABLET", "28 tablets"),
    ("Respira 100 µg", "000102", "100 µg", "AEROSOL", "200 puffs"),
    ("Glucofine 500 mg", "000103", "500 mg", "TABLET", "60 tablets"),
)
LOTS = (
    DemoLot(0, "CA2601", "2028-06-30", 200),
    DemoLot(0, "CA2602", "2028-09-30", 150),
    DemoLot(1, "RE7714", "2027-12-31", 180),
    DemoLot(1, "RE7715", "2028-01-31", 120),
    DemoLot(2, "GL0450", "2029-03-31", 160),
    DemoLot(2, "GL0451", "2029-04-30", 100),
)
RECALLED = LOTS[3]
GENUINE = (LOTS[0], 7)
STOLEN = (LOTS[4], 33)
DESTROYED = (LOTS[4], 58)


PRACTICE = Label(gtin="09521321001992", serial="PRACTICE1", lot="SAMPLE", expiry="2030-12-31")
"""What stands on a pack that exists nowhere, to practise on."""


def build(store: Store, labels_dir: Path, now: datetime) -> list[DemoLabel]:
    """Fill an empty store with the demo and draw its three labels; a filled one stays as it is."""
    with store.read() as snapshot:
        is_new = item(snapshot, canonical_key(pack_urn(*GENUINE))) is None
    if is_new:
        for sender, document in documents(now):
            capture(store, document, now=now, sender=sender.sgln)
        recall.open_recall(
            store,
            gtin14(RECALLED.product),
            RECALLED.code,
            reason="Assay below specification at the 12-month stability point",
            by="demo",
            now=now,
        )
    return _draw_labels(labels_dir)


def documents(now: datetime) -> Iterator[tuple[Company, bytes]]:
    """The EPCIS 2.0 documents of the demo in the order they are sent, with their senders."""
    for lot in LOTS:
        made = now - timedelta(days=lot.made_days_ago)
        yield MAKER, _document([*_production(lot, made), *_shipment_of_pallets(lot, made)], made)
        arrived = made + timedelta(days=9)
        yield WHOLESALER, _document(_distribution(lot, arrived), arrived)
        for number, pharmacy in enumerate(PHARMACIES):
            opened = made + timedelta(days=14, hours=number)
            yield pharmacy, _document(_pharmacy(lot, number, pharmacy, opened), opened)
    lost = now - timedelta(days=3)
    yield MAKER, _document(_losses(lost), lost)


def practice_shipment(now: datetime) -> bytes:
    """An EPCIS 2.0 document of three packs that exist nowhere, sent from maker to wholesaler."""
    here = Place(id=MAKER.sgln)
    ilmd = (
        Node(namespace=_MDA, name="lotNumber", children=(PRACTICE.lot,)),
        Node(namespace=_MDA, name="itemExpirationDate", children=(PRACTICE.expiry,)),
    )
    packs = tuple(f"urn:epc:id:sgtin:9521321.000199.{PRACTICE.serial}{n}" for n in range(3))
    made = now - timedelta(days=2)
    events = (
        _commissioning(packs, made, here, ilmd),
        _shipping(packs, made + timedelta(hours=3), MAKER, WHOLESALER, "PRACTICE-1"),
    )
    return _document(list(events), made)


def gtin14(product: int) -> str:
    """The GTIN-14 of a demo product, by its number."""
    return canonical_key(f"urn:epc:idpat:sgtin:9521321.{PRODUCTS[product][1]}.*").split("/")[2]


def pack_serial(lot: DemoLot, number: int) -> str:
    """The serial of pack `number` of a lot: not guessable from its neighbours.

    >>> pack_serial(LOTS[0], 7) != pack_serial(LOTS[0], 8)
    True
    """
    mixed = (number * 7_919 + LOTS.index(lot) * 104_729 + 15_485_863) * 2_654_435_761 % 2**40
    return f"{mixed:013d}"


def pack_urn(lot: DemoLot, number: int) -> str:
    """The EPC of pack `number` of a lot."""
    return f"urn:epc:id:sgtin:9521321.{PRODUCTS[lot.product][1]}.{pack_serial(lot, number)}"


def case_urn(lot: DemoLot, number: int) -> str:
    """The SSCC of case `number` of a lot."""
    return f"urn:epc:id:sscc:9521321.1{LOTS.index(lot) * 1000 + number:09d}"


def pallet_urn(lot: DemoLot, number: int) -> str:
    """The SSCC of pallet `number` of a lot."""
    return f"urn:epc:id:sscc:9521321.2{LOTS.index(lot) * 1000 + number:09d}"


def _packs_of(lot: DemoLot, case: int) -> tuple[str, ...]:
    first = case * PACKS_PER_CASE
    return tuple(pack_urn(lot, number) for number in range(first, first + PACKS_PER_CASE))


def _cases_of(lot: DemoLot, pallet: int) -> tuple[str, ...]:
    first = pallet * CASES_PER_PALLET
    return tuple(case_urn(lot, number) for number in range(first, first + CASES_PER_PALLET))


_PALLETS = range(CASES_PER_LOT // CASES_PER_PALLET)


def _production(lot: DemoLot, made: datetime) -> Iterator[Event]:
    here = Place(id=MAKER.sgln)
    packs = tuple(urn for case in range(CASES_PER_LOT) for urn in _packs_of(lot, case))
    cases = tuple(case_urn(lot, case) for case in range(CASES_PER_LOT))
    pallets = tuple(pallet_urn(lot, pallet) for pallet in _PALLETS)
    ilmd = (
        Node(namespace=_MDA, name="lotNumber", children=(lot.code,)),
        Node(namespace=_MDA, name="itemExpirationDate", children=(lot.expiry,)),
    )
    yield _commissioning(packs, made, here, ilmd)
    yield _commissioning(cases, made + timedelta(hours=1), here, None)
    for case in range(CASES_PER_LOT):
        when = made + timedelta(hours=2, minutes=case)
        yield _aggregation("ADD", case_urn(lot, case), _packs_of(lot, case), when, here)
    yield _commissioning(pallets, made + timedelta(hours=4), here, None)
    for pallet in _PALLETS:
        when = made + timedelta(hours=5, minutes=pallet)
        yield _aggregation("ADD", pallet_urn(lot, pallet), _cases_of(lot, pallet), when, here)


def _shipment_of_pallets(lot: DemoLot, made: datetime) -> Iterator[Event]:
    pallets = tuple(pallet_urn(lot, pallet) for pallet in _PALLETS)
    yield _shipping(pallets, made + timedelta(days=8), MAKER, WHOLESALER, f"PO-{lot.code}")


def _distribution(lot: DemoLot, arrived: datetime) -> Iterator[Event]:
    here = Place(id=WHOLESALER.sgln)
    pallets = tuple(pallet_urn(lot, pallet) for pallet in _PALLETS)
    yield _receiving(pallets, arrived, MAKER, WHOLESALER)
    for pallet in _PALLETS:
        when = arrived + timedelta(hours=3, minutes=pallet)
        yield _aggregation("DELETE", pallet_urn(lot, pallet), _cases_of(lot, pallet), when, here)
    for number, pharmacy in enumerate(PHARMACIES):
        cases = tuple(case_urn(lot, case) for case in _cases_at(number))
        when = arrived + timedelta(days=2, hours=number)
        yield _shipping(cases, when, WHOLESALER, pharmacy, f"PO-{lot.code}-{number}")


def _cases_at(pharmacy: int) -> range:
    """The cases a pharmacy is sent; the last case of each five stays with the wholesaler."""
    share = CASES_PER_LOT // len(PHARMACIES)
    return range(pharmacy * share, (pharmacy + 1) * share - (pharmacy == len(PHARMACIES) - 1))


def _pharmacy(lot: DemoLot, number: int, pharmacy: Company, opened: datetime) -> Iterator[Event]:
    here = Place(id=pharmacy.sgln)
    cases = _cases_at(number)
    yield _receiving(tuple(case_urn(lot, case) for case in cases), opened, WHOLESALER, pharmacy)
    first = cases[0]
    yield _aggregation(
        "DELETE", case_urn(lot, first), _packs_of(lot, first), opened + timedelta(hours=2), here
    )
    yield ObjectEvent(
        event_time=_time(opened + timedelta(days=4)),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        epcs=_packs_of(lot, first)[-DISPENSED_PER_CASE:],
        biz_step=_STEP + "dispensing",
        disposition=_DISP + "dispensed",
        read_point=here,
        biz_location=here,
    )


def _losses(when: datetime) -> Iterator[Event]:
    for (lot, number), step, disposition in (
        (STOLEN, "inspecting", "stolen"),
        (DESTROYED, "destroying", "destroyed"),
    ):
        yield ObjectEvent(
            event_time=_time(when),
            event_time_zone_offset="+00:00",
            action="DELETE" if disposition == "destroyed" else "OBSERVE",
            epcs=(pack_urn(lot, number),),
            biz_step=_STEP + step,
            disposition=_DISP + disposition,
            read_point=Place(id=WHOLESALER.sgln),
        )


def _commissioning(
    epcs: tuple[str, ...], when: datetime, here: Place, ilmd: tuple[Node, ...] | None
) -> Event:
    return ObjectEvent(
        event_time=_time(when),
        event_time_zone_offset="+00:00",
        action="ADD",
        epcs=epcs,
        biz_step=_STEP + "commissioning",
        disposition=_DISP + "active",
        read_point=here,
        biz_location=here,
        ilmd=ilmd,
    )


def _aggregation(
    action: str, parent: str, children: tuple[str, ...], when: datetime, here: Place
) -> Event:
    return AggregationEvent(
        event_time=_time(when),
        event_time_zone_offset="+00:00",
        action=action,
        parent_id=parent,
        child_epcs=children,
        biz_step=_STEP + ("packing" if action == "ADD" else "unpacking"),
        disposition=_DISP + "in_progress",
        read_point=here,
        biz_location=here,
    )


def _shipping(
    epcs: tuple[str, ...], when: datetime, seller: Company, buyer: Company, order: str
) -> Event:
    return ObjectEvent(
        event_time=_time(when),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        epcs=epcs,
        biz_step=_STEP + "shipping",
        disposition=_DISP + "in_transit",
        read_point=Place(id=seller.sgln),
        biz_transactions=(
            BizTransaction(id=f"urn:example:order:{order}", type="urn:epcglobal:cbv:btt:po"),
        ),
        sources=(Party(type=_SDT + "owning_party", id=seller.sgln),),
        destinations=(Party(type=_SDT + "owning_party", id=buyer.sgln),),
    )


def _receiving(epcs: tuple[str, ...], when: datetime, seller: Company, buyer: Company) -> Event:
    here = Place(id=buyer.sgln)
    return ObjectEvent(
        event_time=_time(when),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        epcs=epcs,
        biz_step=_STEP + "receiving",
        disposition=_DISP + "in_progress",
        read_point=here,
        biz_location=here,
        sources=(Party(type=_SDT + "owning_party", id=seller.sgln),),
        destinations=(Party(type=_SDT + "owning_party", id=buyer.sgln),),
    )


def _document(events: Iterator[Event] | list[Event], when: datetime) -> bytes:
    out = io.BytesIO()
    header = Header(schema_version="2.0", creation_date=_time(when), master_data=_master_data())
    write_document(header, events, out, Syntax.JSON_LD)
    return out.getvalue()


def _master_data() -> tuple[Vocabulary, ...]:
    products = tuple(
        _element(
            f"urn:epc:idpat:sgtin:9521321.{reference}.*",
            regulatedProductName=name,
            manufacturerOfTradeItemPartyName=MAKER.name,
            strengthDescription=strength,
            dosageFormType=form,
            netContentDescription=content,
        )
        for name, reference, strength, form, content in PRODUCTS
    )
    places = tuple(
        _element(at.sgln, name=at.name, streetAddressOne=at.street, city=at.city, countryCode="XX")
        for at in (MAKER, WHOLESALER, *PHARMACIES)
    )
    return (
        Vocabulary(type="urn:epcglobal:epcis:vtype:EPCClass", elements=products),
        Vocabulary(type="urn:epcglobal:epcis:vtype:Location", elements=places),
    )


def _element(key: str, **attributes: str) -> VocabularyElement:
    return VocabularyElement(
        id=key,
        attributes=tuple((f"{_MDA}#{name}", (value,)) for name, value in attributes.items()),
    )


def _draw_labels(folder: Path) -> list[DemoLabel]:
    folder.mkdir(parents=True, exist_ok=True)
    lot, number = GENUINE
    wanted = (
        ("genuine.png", lot, pack_serial(lot, number), "a genuine pack: OK"),
        ("recalled.png", RECALLED, pack_serial(RECALLED, 3), "a pack of the recalled lot: STOP"),
        ("falsified.png", lot, "9999999999999", "a serial nobody ever issued: STOP"),
    )
    drawn = []
    for name, of_lot, serial, says in wanted:
        label = Label(
            gtin=gtin14(of_lot.product), serial=serial, lot=of_lot.code, expiry=of_lot.expiry
        )
        path = folder / name
        path.write_bytes(write_png(label))
        drawn.append(DemoLabel(path, says))
    return drawn


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
