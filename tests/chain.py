"""A small supply chain to tell stories with: packs, cases and a pallet, and who moves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from epcis.model import (
    AggregationEvent,
    ErrorDeclaration,
    Node,
    ObjectEvent,
    Party,
    PersistentDisposition,
    Place,
    SensorElement,
    SensorReport,
    TransformationEvent,
)
from schemas.gs1.content_rules import check_digit

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
MAKER, WHOLESALER, PHARMACY = "9521321000018", "9521321000025", "9521321000032"
GTIN = "09521321000018"


def pack(number):
    return f"https://id.gs1.org/01/{GTIN}/21/P{number}"


def case(number):
    digits = f"{9521321_0000000000 + number:017d}"
    return f"https://id.gs1.org/00/{digits}{check_digit(digits)}"


def place(gln):
    return Place(id=f"https://id.gs1.org/414/{gln}")


def party(kind, gln):
    return Party(type=kind, id=f"https://id.gs1.org/417/{gln}")


def at(minute):
    return (START + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")


def commission(minute, packs, lot="L1", expiry="2028-05-31", where=MAKER):
    mda = "urn:epcglobal:cbv:mda"
    return ObjectEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        action="ADD",
        biz_step="commissioning",
        disposition="active",
        read_point=place(where),
        biz_location=place(where),
        epcs=tuple(packs),
        ilmd=(
            Node(namespace=mda, name="lotNumber", children=(lot,)),
            Node(namespace=mda, name="itemExpirationDate", children=(expiry,)),
        ),
    )


def put(minute, parent, children, action="ADD", where=MAKER):
    return AggregationEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        action=action,
        biz_step="unpacking" if action == "DELETE" else "packing",
        parent_id=parent,
        child_epcs=tuple(children),
        read_point=place(where),
        biz_location=place(where),
    )


def see(minute, epcs, step, disposition=None, where=MAKER):
    return ObjectEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step=step,
        disposition=disposition,
        read_point=place(where),
        epcs=tuple(epcs),
    )


def ship(minute, epcs, sender=MAKER, receiver=WHOLESALER):
    return ObjectEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step="shipping",
        disposition="in_transit",
        read_point=place(sender),
        epcs=tuple(epcs),
        sources=(party("possessing_party", sender),),
        destinations=(party("possessing_party", receiver),),
    )


def receive(minute, epcs, receiver=WHOLESALER):
    return ObjectEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step="receiving",
        disposition="in_progress",
        read_point=place(receiver),
        biz_location=place(receiver),
        epcs=tuple(epcs),
    )


def repackage(minute, inputs, outputs, lot="L2"):
    mda = "urn:epcglobal:cbv:mda"
    return TransformationEvent(
        event_time=at(minute),
        event_time_zone_offset="+00:00",
        biz_step="repackaging",
        read_point=place(WHOLESALER),
        input_epcs=tuple(inputs),
        output_epcs=tuple(outputs),
        ilmd=(Node(namespace=mda, name="lotNumber", children=(lot,)),),
    )


def lasting(minute, epcs, set_=(), unset=()):
    """An inspection that sets or unsets persistent dispositions."""
    words = PersistentDisposition(set=tuple(set_), unset=tuple(unset))
    return replace(see(minute, epcs, "inspecting"), persistent_disposition=words)


def alarm(minute, epcs, exception="gs1:ALARM_CONDITION"):
    """A logger that travels with some things reports a temperature."""
    report = SensorReport(type="gs1:Temperature", value="11.5", uom="CEL", exception=exception)
    element = SensorElement(reports=(report,))
    return replace(see(minute, epcs, "sensor_reporting"), sensor_elements=(element,))


def wrong(event, minute, reason="did_not_occur"):
    """The declaration that an event was wrong."""
    declaration = ErrorDeclaration(declaration_time=at(minute), reason=reason)
    return replace(event, error_declaration=declaration)
