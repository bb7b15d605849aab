"""The event by which a pack leaves a company for its customer."""

from __future__ import annotations

from datetime import timedelta

from epcis.model import BizTransaction, ObjectEvent, Party

POSSESSOR = "urn:epcglobal:cbv:sdt:possessing_party"


def shipping(key, at, seller, customer, order="urn:packtrail:order:SO-1"):
    """A shipment an hour before `at`; parties are GLN-13, `key` is canonical."""
    return ObjectEvent(
        event_time=(at - timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
        event_time_zone_offset="+00:00",
        action="OBSERVE",
        biz_step="urn:epcglobal:cbv:bizstep:shipping",
        disposition="urn:epcglobal:cbv:disp:in_transit",
        epcs=(f"https://id.gs1.org{key}",),
        biz_transactions=(BizTransaction(id=order, type="urn:epcglobal:cbv:btt:po"),),
        sources=(Party(type=POSSESSOR, id=f"https://id.gs1.org/414/{seller}"),),
        destinations=(Party(type=POSSESSOR, id=f"https://id.gs1.org/414/{customer}"),),
    )
