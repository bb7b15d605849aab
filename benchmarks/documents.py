"""How fast documents are read and converted, as ratios to the floor measured in the same run.

The documents are made here: ObjectEvents that commission and ship packs, AggregationEvents that
pack cases, as one partner's day looks. By default 24,000 events with 1.4 million EPCs.

    python benchmarks/documents.py [--events 24000] [--only xml json convert memory]
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

_XML_START = """<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:cbvmda="urn:epcglobal:cbv:mda" \
schemaVersion="1.2" creationDate="2026-03-01T08:00:00Z">
  <EPCISBody>
    <EventList>
"""
_XML_END = """    </EventList>
  </EPCISBody>
</epcis:EPCISDocument>
"""
_JSON_START = """{"@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"],
"type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-03-01T08:00:00Z",
"epcisBody": {"eventList": [
"""
CASE_SIZE = 100
_START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


class Made(NamedTuple):
    """One event to be written down."""

    time: str
    kind: str
    epcs: list[str]
    parent: str
    lot: str


def made_events(count: int, seed: int = 20260301):
    """`count` events: five ObjectEvents of 1 to 100 packs for each packed case."""
    dice = random.Random(seed)
    serial = 100_000_000
    for number in range(count):
        time = (_START + timedelta(seconds=37 * number)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        is_case = number % 6 == 5
        size = CASE_SIZE if is_case else dice.randint(1, CASE_SIZE)
        item = f"urn:epc:id:sgtin:0355555.0{10000 + number // 500:05d}"
        epcs = [f"{item}.{serial + offset}" for offset in range(size)]
        serial += size
        parent = f"urn:epc:id:sscc:0355555.0{number:09d}"
        kind = "pack" if is_case else dice.choice(("commission", "commission", "ship", "receive"))
        yield Made(time, kind, epcs, parent, f"L{number // 500:04d}A")


def write_xml(out: IO[str], count: int) -> int:
    """Write an EPCIS 1.2 document; returns how many EPCs it holds."""
    total = 0
    out.write(_XML_START)
    for event in made_events(count):
        total += len(event.epcs)
        out.write(_xml_event(event))
    out.write(_XML_END)
    return total


def _xml_event(event: Made) -> str:
    listed = "\n".join(f"          <epc>{epc}</epc>" for epc in event.epcs)
    when = (
        f"        <eventTime>{event.time}</eventTime>\n"
        "        <eventTimeZoneOffset>+01:00</eventTimeZoneOffset>\n"
    )
    where = (
        "        <readPoint>\n          <id>urn:epc:id:sgln:0355555.00001.0</id>\n"
        "        </readPoint>\n"
        "        <bizLocation>\n          <id>urn:epc:id:sgln:0355555.00001.0</id>\n"
        "        </bizLocation>\n"
    )
    step, disposition = _STEPS[event.kind]
    why = (
        f"        <bizStep>urn:epcglobal:cbv:bizstep:{step}</bizStep>\n"
        f"        <disposition>urn:epcglobal:cbv:disp:{disposition}</disposition>\n"
    )
    if event.kind == "pack":
        return (
            f"      <AggregationEvent>\n{when}        <parentID>{event.parent}</parentID>\n"
            f"        <childEPCs>\n{listed}\n        </childEPCs>\n"
            f"        <action>ADD</action>\n{why}{where}      </AggregationEvent>\n"
        )
    action = "ADD" if event.kind == "commission" else "OBSERVE"
    return (
        f"      <ObjectEvent>\n{when}        <epcList>\n{listed}\n        </epcList>\n"
        f"        <action>{action}</action>\n{why}{where}{_xml_rest(event)}"
        "      </ObjectEvent>\n"
    )


def _xml_rest(event: Made) -> str:
    if event.kind == "commission":
        return (
            "        <extension>\n          <ilmd>\n"
            f"            <cbvmda:lotNumber>{event.lot}</cbvmda:lotNumber>\n"
            "            <cbvmda:itemExpirationDate>2028-01-31</cbvmda:itemExpirationDate>\n"
            "          </ilmd>\n        </extension>\n"
        )
    return (
        "        <bizTransactionList>\n"
        '          <bizTransaction type="urn:epcglobal:cbv:btt:po">'
        f"urn:epcglobal:cbv:bt:0355555000010:PO{event.lot}</bizTransaction>\n"
        "        </bizTransactionList>\n"
    )


_STEPS = {
    "pack": ("packing", "in_progress"),
    "commission": ("commissioning", "active"),
    "ship": ("shipping", "in_transit"),
    "receive": ("receiving", "in_progress"),
}


def write_json(out: IO[str], count: int) -> None:
    """Write the same events as EPCIS 2.0 JSON-LD."""
    import json

    out.write(_JSON_START)
    for number, event in enumerate(made_events(count)):
        out.write((",\n" if number else "") + json.dumps(_json_event(event)))
    out.write("]}}\n")


def _json_event(event: Made) -> dict[str, object]:
    step, disposition = _STEPS[event.kind]
    place = {"id": "urn:epc:id:sgln:0355555.00001.0"}
    members: dict[str, object] = {
        "type": "AggregationEvent" if event.kind == "pack" else "ObjectEvent",
        "eventTime": event.time,
        "eventTimeZoneOffset": "+01:00",
    }
    if event.kind == "pack":
        members |= {"parentID": event.parent, "childEPCs": event.epcs, "action": "ADD"}
    else:
        action = "ADD" if event.kind == "commission" else "OBSERVE"
        members |= {"epcList": event.epcs, "action": action}
    members |= {
        "bizStep": step,
        "disposition": disposition,
        "readPoint": place,
        "bizLocation": place,
    }
    if event.kind == "commission":
        members["ilmd"] = {
            "cbvmda:lotNumber": event.lot,
            "cbvmda:itemExpirationDate": "2028-01-31",
        }
    elif event.kind != "pack":
        members["bizTransactionList"] = [
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:0355555000010:PO{event.lot}"}
        ]
    return members


def documents(folder: Path, events: int) -> tuple[Path, Path]:
    """The XML and the JSON-LD file of so many events, made unless they are there."""
    xml, jsonld = folder / f"{events}.xml", folder / f"{events}.jsonld"
    if not xml.exists():
        with xml.open("w") as out:
            write_xml(out, events)
    if not jsonld.exists():
        with jsonld.open("w") as out:
            write_json(out, events)
    return xml, jsonld
