"""An example for each body that programs send as JSON; a test sends every one of them.

Packs, lots and companies are those of `packtrail serve --demo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from verification.acts.kinds import KINDS, ActKind
from verification.decision.act import PackAct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from schemas.json_value import JsonObject, JsonValue

_GTIN, _SERIAL, _LOT, _EXPIRY = "09521321001015", "0795112158512", "CA2601", "2028-06-30"
_PACK = f"(01){_GTIN}(21){_SERIAL}(17)280630(10){_LOT}"
_CASE = "(00)095213220000041997"
_PHARMACY, _WHOLESALER = "9521323000016", "9521322000017"

_ACTS: Mapping[ActKind, JsonObject] = {
    ActKind.COMMISSION: {"lot": _LOT, "expiry": _EXPIRY},
    ActKind.PACK: {"parent": _CASE},
    ActKind.UNPACK: {"parent": _CASE},
    ActKind.SHIP: {"to": _PHARMACY, "order": "PO-4711"},
    ActKind.RETURN: {"to": _PHARMACY},
    ActKind.INSPECT: {"result": "conformant"},
    ActKind.COUNT_ADJUST: {"result": "missing"},
    ActKind.TRANSFORM: {
        "outputs": [f"(01){_GTIN}(21)NEW0000001"],
        "lot": "RP2601",
        "expiry": _EXPIRY,
    },
}
"""What the acts take beside scans, place and reason."""


def _act(kind: ActKind) -> JsonObject:
    body: JsonObject = {
        "clientId": f"till-1-{kind.value}-000123",
        "scans": [_PACK],
        "place": _WHOLESALER,
        **_ACTS.get(kind, {}),
    }
    if KINDS[kind].reason is not KINDS[ActKind.COMMISSION].reason:
        body["reason"] = "outer carton crushed"
    return body


def _pack_act(act: PackAct) -> JsonObject:
    body: JsonObject = {"gtin": _GTIN, "serial": _SERIAL, "lot": _LOT, "expiry": _EXPIRY}
    return body if act is PackAct.VERIFY else {**body, "transaction": f"till-1-{act.value}-000123"}


_EVENT: JsonObject = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "ObjectEvent",
    "eventTime": "2026-11-28T09:58:12Z",
    "eventTimeZoneOffset": "+02:00",
    "epcList": [f"https://id.gs1.org/01/{_GTIN}/21/{_SERIAL}"],
    "action": "OBSERVE",
}
_DOCUMENT: JsonObject = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-11-28T10:00:00Z",
    "epcisBody": {
        "eventList": [{name: value for name, value in _EVENT.items() if name != "@context"}]
    },
}
_XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
    creationDate="2026-11-28T10:00:00Z">
  <EPCISBody><EventList><ObjectEvent>
    <eventTime>2026-11-28T09:58:12Z</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset>
    <epcList><epc>https://id.gs1.org/01/{_GTIN}/21/{_SERIAL}</epc></epcList>
    <action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:storing</bizStep>
    <readPoint><id>https://id.gs1.org/414/{_PHARMACY}</id></readPoint>
  </ObjectEvent></EventList></EPCISBody>
</epcis:EPCISDocument>
"""
_SOAP = """<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:q="urn:epcglobal:epcis-query:xsd:1"><s:Body><q:GetQueryNames/></s:Body></s:Envelope>
"""
_RECALLED: JsonObject = {"gtin": _GTIN, "lot": _LOT}
_TOTE: JsonObject = {"shipment": "PO-4711", "scans": [_PACK]}

EXAMPLES: Mapping[str, JsonValue] = {
    **{f"/acts/{kind.value}": _act(kind) for kind in KINDS},
    **{f"/packs/{act.value}": _pack_act(act) for act in PackAct},
    "/epcis/capture": _DOCUMENT,
    "/epcis/events": _EVENT,
    "/epcis/queries": {
        "name": "stored-here",
        "query": {"EQ_bizStep": ["storing"], "GE_eventTime": "2026-11-01T00:00:00Z"},
    },
    "/epcis/queries/{query_name}/subscriptions": {
        "dest": "https://partner.example/epcis",
        "schedule": {"minute": "0"},
        "reportIfEmpty": False,
    },
    "/serials/pools": {"code": _GTIN, "template": "12n", "capacity": 100_000},
    "/serials/grants": {"source": "POOL-1", "count": 500, "requestId": "line-2-000123"},
    "/serials/grants/{grant_id}/report": {"printed": 480, "void": ["000000000017"]},
    "/label": {"text": _PACK, "format": "svg"},
    "/label/check": {"text": _PACK, "scanned": f"]d201{_GTIN}21{_SERIAL}\x1d1728063010{_LOT}"},
    "/receiving/compare": _TOTE,
    "/receiving": {**_TOTE, "clientId": "till-1-000124"},
    "/orders": {
        "number": "PO-4711",
        "customer": _PHARMACY,
        "lines": [{"gtin": _GTIN, "packs": 40}],
    },
    "/orders/end": {"number": "PO-4711", "state": "cancelled", "why": "ordered twice"},
    "/recalls": {
        **_RECALLED,
        "reason": "assay below specification",
        "class": "II",
        "depth": "retail",
        "drill": True,
    },
    "/recalls/preview": _RECALLED,
    "/recalls/{recall_id}/withdraw": {"why": "opened for the wrong lot"},
    "/quarantine": {"kind": "lot", "gtin": _GTIN, "lot": _LOT, "reason": "wet cartons"},
    "/quarantine/{number}/release": {"why": "inspected, nothing found"},
    "/holds": {"gtin": _GTIN, "lot": _LOT, "reason": "litigation 2026-17"},
    "/holds/{hold_id}/release": {"why": "litigation closed"},
    "/exports": {"kind": "pack", "gtin": _GTIN, "serial": _SERIAL},
    "/cases": {
        "kind": "suspect",
        "category": "counterfeit",
        "gtin": _GTIN,
        "lot": _LOT,
        "serial": _SERIAL,
        "what": "the seal is broken and the print differs",
    },
    "/cases/{case_id}/facts": {
        "facts": {"strength": "500 mg"},
        "reason": "read wrongly from the photograph",
    },
    "/cases/{case_id}/steps": {"act": "fda notified", "note": "Form 3911 sent"},
    "/partners/licences": {
        "gln": _WHOLESALER,
        "name": "Meridian Wholesale",
        "role": "wholesaler",
        "kind": "state licence",
        "authority": "NJ Department of Health",
        "number": "5003",
        "valid_from": "2026-01-01",
        "valid_to": "2027-12-31",
    },
    "/partners/licences/{licence_id}/end": {"day": "2026-11-30"},
    "/audits": {"planned": "2027-03-01", "scope": "receiving and returns", "auditor": "Ann"},
    "/audits/{audit_id}/done": {"done": "2027-03-02", "outcome": "two findings, both closed"},
    "/recalls/contacts/{gln}": {"email": "quality@meridian.example", "phone": "+1 973 555 0100"},
    "/recalls/notices/{notice_id}/answer": {
        "by": "Kim, quality",
        "received": 60,
        "found": 12,
        "quarantined": 12,
    },
    "/recalls/{recall_id}/checks": {"level": "C", "percent": 10},
    "/recalls/notices/{notice_id}/check": {"outcome": "effective", "how": "telephone"},
    "/recalls/notices/{notice_id}/returns": {"scans": [_PACK]},
    "/requests": {
        "organisation": "Food and Drug Administration",
        "contact": "tracing@fda.example",
        "response_type": "all known owners",
        "reason": "suspect",
        "items": [{"gtin": _GTIN, "lot": _LOT}],
        "authority": True,
        "authenticated": "called back under the number that the agency publishes",
        "role": "wholesaler",
        "drill": True,
    },
    "/requests/{request_id}/end": {"outcome": "answered", "note": "dossier sent by e-mail"},
    "/counts/{number}/scans": {"scans": [_PACK, _CASE]},
    "/counts/{number}/recount": {"why": "the aisle was moved meanwhile"},
    "/counts/{number}/cancel": {"why": "opened for the wrong site"},
    "/counts/{number}/close": {"why": "counted twice, the same"},
    "/inspections": {"gtin": _GTIN, "lot": _LOT, "why": "first delivery of a new supplier"},
    "/inspections/{number}/results": {"scan": _PACK, "result": "passed"},
    "/inspections/{number}/release": {"why": "every sample passed"},
    "/inspections/{number}/reject": {"why": "two seals were broken"},
    "/tables/excel": {"title": "Stock", "columns": ["Lot", "Packs"], "rows": [["A1B2", 12]]},
    "/orders/put-back": {
        "clientId": "till-1-000125",
        "number": "PO-4711",
        "scans": [_PACK],
        "place": _WHOLESALER,
    },
    "/channels/{name}/rules/{sends}": {},
    "/channels": {"name": "meridian", "kind": "folder", "partner": _WHOLESALER},
}
"""The body of each operation that takes JSON, by its path."""
XML_EXAMPLES: Mapping[str, str] = {"/epcis/capture": _XML, "/epcis/soap": _SOAP}
"""The same for what takes XML."""
