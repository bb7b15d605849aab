"""How fast documents are read and converted, as ratios to the floor measured in the same run.

The documents are made here: ObjectEvents that commission and ship packs, AggregationEvents that
pack cases, as one partner's day looks. By default 24,000 events with 1.4 million EPCs.

    python -m benchmarks.documents [--events 24000] [--only xml cores json convert memory hostile]
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
import orjson
from lxml import etree

from epcis.codec.document import DocumentRefused, Syntax, convert, open_document
from schemas.validate import json_event_validator, json_validator

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


# --- measuring --------------------------------------------------------------------------------


class Clock:
    """Processor seconds of this process and its ended children, and seconds on the wall."""

    def __init__(self) -> None:
        self.wall_s = -time.perf_counter()
        self.cpu_s = -_cpu_s()

    def stop(self) -> Clock:
        self.wall_s += time.perf_counter()
        self.cpu_s += _cpu_s()
        return self


def _cpu_s() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def best_cpu_s(*works, rounds: int = 3) -> list[float]:
    """The least processor time of each work, measured in turns so that all see the same machine."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            gc.collect()
            clock = Clock()
            work()
            best[index] = min(best[index], clock.stop().cpu_s)
    return best


def row(what: str, measured: float, must: str, more: str = "") -> None:
    print(f"{what:<58} {measured:7.2f}   must {must:<10} {more}")


def read_all(path: Path, **options) -> int:
    with path.open("rb") as source:
        return sum(1 for _ in open_document(source, **options))


def xml_row(xml: Path) -> None:
    """EPCIS 1.2 XML to validated typed events, to lxml's plain parse of the same file."""
    plain, typed = best_cpu_s(lambda: etree.parse(xml), lambda: read_all(xml))
    rate = read_all(xml) / typed
    row(
        "1.2 XML, validated typed events / lxml DOM parse",
        plain / typed,
        ">= 0.36",
        f"{rate:,.0f} ev/s",
    )


def count_events(_: object):
    """What each worker process is to do: read its events and say how many."""
    return lambda events: (len(events).to_bytes(4, "big"), ())


def cores_row(path: Path) -> None:
    """The same reading on one core and on two; on a busy machine the wall tells little."""

    def on(processes: int) -> Clock:
        clock = Clock()
        with path.open("rb") as source:
            reader = open_document(source)
            for _ in reader.worked_on(count_events, (), processes) if processes > 1 else reader:
                pass
        return clock.stop()

    ones, twos = zip(*[(on(1), on(2)) for _ in range(3)], strict=True)
    one, two = (min(clock.wall_s for clock in clocks) for clocks in (ones, twos))
    ideal = min(c.cpu_s for c in ones) / (min(c.cpu_s for c in twos) / 2)
    row(
        f"{'1.2 XML' if path.suffix == '.xml' else 'JSON-LD'} on two cores / one core (wall)",
        one / two,
        ">= 1.7" if path.suffix == ".xml" else "no figure",
        f"by processor time {ideal:.2f}",
    )


class _Place(msgspec.Struct):
    id: str


class _Transaction(msgspec.Struct):
    bizTransaction: str  # noqa: N815
    type: str | None = None


class _Event(msgspec.Struct):
    """A typed event as one would write it for this file, to measure against."""

    type: str
    eventTime: str  # noqa: N815
    eventTimeZoneOffset: str  # noqa: N815
    action: str
    bizStep: str | None = None  # noqa: N815
    disposition: str | None = None
    readPoint: _Place | None = None  # noqa: N815
    bizLocation: _Place | None = None  # noqa: N815
    parentID: str | None = None  # noqa: N815
    epcList: list[str] | None = None  # noqa: N815
    childEPCs: list[str] | None = None  # noqa: N815
    bizTransactionList: list[_Transaction] | None = None  # noqa: N815
    ilmd: dict[str, str] | None = None


class _Body(msgspec.Struct):
    eventList: list[msgspec.Raw]  # noqa: N815


class _Document(msgspec.Struct):
    epcisBody: _Body  # noqa: N815


def count_json(data: bytes) -> int:
    return sum(1 for _ in open_document(data, validate=False))


def json_rows(jsonld: Path) -> None:
    """JSON-LD to typed events, to msgspec alone; with validation, to jsonschema-rs alone."""
    data = jsonld.read_bytes()
    split, decode = msgspec.json.Decoder(_Document).decode, msgspec.json.Decoder(_Event).decode

    def floor() -> list[_Event]:
        return [decode(raw) for raw in split(data).epcisBody.eventList]

    def floor_unkept() -> None:
        for raw in split(data).epcisBody.eventList:
            decode(raw)

    def unkept() -> None:
        for _ in open_document(data, validate=False):
            pass

    kept, least, ours, light = best_cpu_s(
        floor, floor_unkept, lambda: list(open_document(data, validate=False)), unkept
    )
    what = "JSON-LD, typed events / msgspec split + typed"
    row(f"{what}, kept", kept / ours, ">= 0.6")
    row(f"{what}, none kept", least / light, ">= 0.6", f"{count_json(data) / light:,.0f} ev/s")
    events = [orjson.loads(bytes(raw)) for raw in split(data).epcisBody.eventList]
    holds = json_event_validator().is_valid
    document = {**orjson.loads(data), "epcisBody": {"eventList": events}}
    whole = json_validator().is_valid
    alone, at_once, judged = best_cpu_s(
        lambda: [holds(event) for event in events],
        lambda: whole(document),
        lambda: [None for _ in open_document(data)],
    )
    more = f"document at once: {at_once / judged:.2f}"
    row("JSON-LD, validated typed events / jsonschema-rs", alone / judged, ">= 0.35", more)


def convert_row(xml: Path, folder: Path) -> None:
    """Converting to JSON-LD, to the mere parse by the parser that QU4RTET is built on."""

    def ours() -> None:
        with xml.open("rb") as source, (folder / "converted.jsonld").open("wb") as target:
            convert(source, target, Syntax.JSON_LD)

    (converting,) = best_cpu_s(ours, rounds=2)
    count = read_all(xml, validate=False)
    try:
        from eparsecis.eparsecis import EPCISParser
    except ImportError:
        more = "EParseCIS is not installed here"
        print(f"{'convert 1.2 XML to JSON-LD':<58} {count / converting:7,.0f} ev/s   {more}")
        return
    small, _ = documents(folder, 600)
    (parsing,) = best_cpu_s(lambda: EPCISParser(str(small)).parse(), rounds=2)
    ratio = (count / converting) / (600 / parsing)
    row(
        "convert 1.2 XML to JSON-LD / EParseCIS parse",
        ratio,
        ">= 15",
        f"{count / converting:,.0f} ev/s",
    )


def memory_rows(folder: Path, sizes: list[int]) -> None:
    """Peak memory of reading and of converting, each in a process of its own, at several sizes."""
    for size in sizes:
        xml, jsonld = documents(folder, size)
        for label, path, target in (
            ("read", xml, ""),
            ("to JSON-LD", xml, Syntax.JSON_LD.value),
            ("to XML 1.2", jsonld, Syntax.XML_1_2.value),
        ):
            peak = peak_mb(path, target)
            megabytes = path.stat().st_size / 2**20
            row(f"peak MB: {path.suffix[1:]} of {megabytes:,.0f} MB, {label}", peak, "< 100")


def peak_mb(path: Path, target: str) -> float:
    """Peak resident megabytes of a process that reads or converts one document."""
    command = [sys.executable, "-m", "benchmarks.documents", "--one", str(path), "--to", target]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def hostile_rows(count: int) -> None:
    """The longest that any of so many damaged documents of each syntax takes to convert."""
    from tests.epcis.codec.documents import published_json, published_xml
    from tests.epcis.codec.mutants import json_mutants, xml_mutants

    data = Path(os.environ.get("PACKTRAIL_SHARED", "../shared")) / "data"
    if not data.is_dir():
        print("damaged documents: the published examples are not beside the checkout")
        return
    xml = [path.read_bytes() for path in published_xml(data)]
    jsonld = [path.read_bytes() for path in published_json(data)]
    for label, mutants in (
        ("XML", xml_mutants(xml, count, seed=5)),
        ("JSON-LD", json_mutants(jsonld, count, seed=6)),
    ):
        longest = max(_seconds_to_convert(document) for document in mutants)
        row(f"longest of {count} damaged {label} documents (s)", longest, "< 2")
    row("peak MB over all of them", own_peak_mb(), "< 512")


def _seconds_to_convert(document: bytes) -> float:
    clock = Clock()
    with contextlib.suppress(DocumentRefused):
        convert(document, io.BytesIO(), Syntax.JSON_LD)
    return clock.stop().cpu_s


def own_peak_mb() -> float:
    """Peak resident megabytes since this program began; getrusage counts its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def one(path: Path, target: str) -> None:
    """Read or convert one document and print the peak memory of this process in megabytes."""
    if target:
        with path.open("rb") as source, Path(os.devnull).open("wb") as out:
            convert(source, out, Syntax(target))
    else:
        read_all(path)
    print(own_peak_mb())


ROWS = ("hostile", "memory", "xml", "cores", "json", "convert")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=24_000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "documents")
    parser.add_argument("--only", nargs="*", default=[*ROWS])
    parser.add_argument("--memory-sizes", type=int, nargs="*", default=[6_000, 24_000])
    parser.add_argument("--one", type=Path)
    parser.add_argument("--to", default="")
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, asked.to)
        return
    asked.folder.mkdir(exist_ok=True)
    xml, jsonld = documents(asked.folder, asked.events)
    print(
        f"{asked.events} events: {xml.stat().st_size:,} bytes XML, {jsonld.stat().st_size:,} JSON"
    )
    rows = {
        "xml": lambda: xml_row(xml),
        "json": lambda: json_rows(jsonld),
        "convert": lambda: convert_row(xml, asked.folder),
        "memory": lambda: memory_rows(asked.folder, asked.memory_sizes),
        "cores": lambda: (cores_row(xml), cores_row(jsonld)),
        "hostile": lambda: hostile_rows(2000),
    }
    for name in asked.only:
        rows[name]()


if __name__ == "__main__":
    main()
