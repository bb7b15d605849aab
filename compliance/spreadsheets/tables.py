"""The tables that come in as sheets: their columns, and the EPCIS document that a sheet becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from compliance.spreadsheets.columns import PLACES, PRODUCTS, STOCK
from epcis.codec.namespaces import CBV_MDA
from epcis.model import (
    AggregationEvent,
    Node,
    ObjectEvent,
    Place,
    QuantityElement,
    Vocabulary,
    VocabularyElement,
)
from schemas.gs1 import digital_link
from schemas.gs1.digital_link import RESOLVER
from verification.registry.history import pack_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from compliance.spreadsheets.columns import SheetColumn
    from epcis.model import Event

SheetValues = dict[str, str]
"""The checked values of one row, by column."""

EPCS_PER_EVENT = 5_000
_MDA = "urn:epcglobal:cbv:mda#"
_STEP = "urn:epcglobal:cbv:bizstep:stock_taking"
_KEPT = "urn:epcglobal:cbv:disp:sellable_accessible"
PRODUCT_ATTRIBUTES = {
    "name": "regulatedProductName",
    "manufacturer": "manufacturerOfTradeItemPartyName",
    "strength": "strengthDescription",
    "form": "dosageFormType",
    "content": "netContentDescription",
}
PLACE_ATTRIBUTES = {
    "name": "name",
    "street": "streetAddressOne",
    "city": "city",
    "postcode": "postalCode",
    "country": "countryCode",
}


class SheetTable(NamedTuple):
    """A table that comes in as a sheet."""

    name: str
    says: str
    columns: tuple[SheetColumn, ...]
    key: Callable[[SheetValues], str | None]
    """What may stand in one row only; None where rows may repeat."""
    contradiction: Callable[[SheetValues], str]
    """Why the values of a row do not go together; empty where they do."""
    vocabularies: Callable[[Sequence[SheetValues]], tuple[Vocabulary, ...]]
    events: Callable[[Sequence[SheetValues], str], Iterator[Event]]
    """The events of all rows, at a time in RFC 3339."""


def _no_vocabularies(_rows: Sequence[SheetValues]) -> tuple[Vocabulary, ...]:
    return ()


def _no_events(_rows: Sequence[SheetValues], _at: str) -> Iterator[Event]:
    return iter(())


def _products(rows: Sequence[SheetValues]) -> tuple[Vocabulary, ...]:
    entries = (_entry(f"/01/{row['gtin']}", row, PRODUCT_ATTRIBUTES) for row in rows)
    return (Vocabulary(type="urn:epcglobal:epcis:vtype:EPCClass", elements=tuple(entries)),)


def _places(rows: Sequence[SheetValues]) -> tuple[Vocabulary, ...]:
    entries = (_entry(f"/414/{row['gln']}", row, PLACE_ATTRIBUTES) for row in rows)
    return (Vocabulary(type="urn:epcglobal:epcis:vtype:Location", elements=tuple(entries)),)


def _entry(key: str, row: SheetValues, attributes: Mapping[str, str]) -> VocabularyElement:
    named = ((_MDA + name, (row[column],)) for column, name in attributes.items() if column in row)
    return VocabularyElement(id=RESOLVER + key, attributes=tuple(named))


def _pack(row: SheetValues) -> str | None:
    return pack_key(row["gtin"], row["serial"]) if "serial" in row else None


def _no_contradiction(_row: SheetValues) -> str:
    return ""


def _stock_contradiction(row: SheetValues) -> str:
    """Serialized and lot-level stock stand side by side, each row is one of the two."""
    if "serial" in row:
        return "" if row.get("quantity", "1") == "1" else "one serial number is one pack"
    if "quantity" not in row:
        return "the row has neither a serial number nor a quantity"
    return "packs without serial numbers are in no container" if "container" in row else ""


def opening_stock(rows: Sequence[SheetValues], at: str) -> Iterator[Event]:
    """What was there when the records begin: packs by serial, else lots by quantity.

    Nobody commissions anything here, so the step is `stock_taking`; the action is ADD, because
    only that carries lot and expiry (EPCIS 2.0 section 7.4.1).
    """
    lots: dict[tuple[str, str, str, str], list[SheetValues]] = {}
    containers: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        lots.setdefault((row["gtin"], row["lot"], row["expiry"], row["place"]), []).append(row)
        pack = _pack(row)
        if pack is not None and "container" in row:
            containers.setdefault((row["container"], row["place"]), []).append(RESOLVER + pack)
    for (gtin, lot, expiry, place), there in lots.items():
        packs = [RESOLVER + pack for pack in map(_pack, there) if pack is not None]
        for some in _parts(packs):
            yield _object_event(at, place, (lot, expiry), epcs=tuple(some))
        if loose := sum(int(row["quantity"]) for row in there if "serial" not in row):
            counted = QuantityElement(
                epc_class=digital_link.write({"01": gtin, "10": lot}), quantity=str(loose)
            )
            yield _object_event(at, place, (lot, expiry), quantities=(counted,))
    for (container, place), packs in containers.items():
        yield AggregationEvent(
            event_time=at,
            event_time_zone_offset="+00:00",
            action="ADD",
            biz_step=_STEP,
            disposition=_KEPT,
            parent_id=f"{RESOLVER}/00/{container}",
            child_epcs=tuple(packs),
            read_point=_at(place),
            biz_location=_at(place),
        )


def _object_event(
    at: str,
    place: str,
    lot: tuple[str, str],
    *,
    epcs: tuple[str, ...] | None = None,
    quantities: tuple[QuantityElement, ...] | None = None,
) -> ObjectEvent:
    number, expiry = lot
    return ObjectEvent(
        event_time=at,
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step=_STEP,
        disposition=_KEPT,
        epcs=epcs,
        quantities=quantities,
        ilmd=(
            Node(namespace=CBV_MDA, name="lotNumber", children=(number,)),
            Node(namespace=CBV_MDA, name="itemExpirationDate", children=(expiry,)),
        ),
        read_point=_at(place),
        biz_location=_at(place),
    )


def _at(gln: str) -> Place:
    return Place(id=f"{RESOLVER}/414/{gln}")


def _parts(epcs: list[str]) -> Iterable[list[str]]:
    return (epcs[at : at + EPCS_PER_EVENT] for at in range(0, len(epcs), EPCS_PER_EVENT))


TABLES = {
    one.name: one
    for one in (
        SheetTable(
            "products",
            "names and strengths of products, as master data",
            PRODUCTS,
            lambda row: row["gtin"],
            _no_contradiction,
            _products,
            _no_events,
        ),
        SheetTable(
            "places",
            "names and addresses of places and companies, as master data",
            PLACES,
            lambda row: row["gln"],
            _no_contradiction,
            _places,
            _no_events,
        ),
        SheetTable(
            "stock",
            "the opening balance: what is there when the records begin",
            STOCK,
            _pack,
            _stock_contradiction,
            _no_vocabularies,
            opening_stock,
        ),
    )
}
"""By the word of the command and the page."""
