"""How fast files are validated and checked, as ratios measured in the same run.

XML: to lxml's plain DOM parse of the same file. JSON Schema: to the published schema, where its
folder is named. The file is a shipment of our own, made larger: cases of 50 packages on a pallet.

    python -m benchmarks.check [--cases 400] [--published FOLDER]
"""

from __future__ import annotations

import argparse
import io
import re
import time
from pathlib import Path

import orjson
from lxml import etree

from compliance.rules.file import check_file
from epcis.codec.document import Syntax, convert
from schemas.validate import json_validator, validate_xml

SHIPMENT = Path(__file__).parent.parent / "docs/examples/shipment.xml"
EVENT = re.compile(r" {6}<(ObjectEvent|AggregationEvent)>.*?</\1>\n", re.DOTALL)
CASE_SIZE = 50
ROUNDS = 3


def with_ids(event, ids):
    listed = "".join(f"<epc>{each}</epc>" for each in ids)
    return re.sub(
        r"(<(epcList|childEPCs)>).*?(</\2>)", rf"\g<1>{listed}\g<3>", event, flags=re.DOTALL
    )


def shipment(cases):
    """The right shipment file with so many full cases on its pallet."""
    text = SHIPMENT.read_text(encoding="utf-8")
    units, case, fill, _, pallet, load, ship = (m.group() for m in EVENT.finditer(text))
    case_ids = [f"urn:epc:id:sgtin:0355555.167890.C{number}" for number in range(cases)]
    unit_ids = [
        [f"urn:epc:id:sgtin:0355555.067890.U{number}x{unit}" for unit in range(CASE_SIZE)]
        for number in range(cases)
    ]
    events = [with_ids(units, ids) for ids in unit_ids] + [with_ids(case, case_ids)]
    for case_id, ids in zip(case_ids, unit_ids, strict=True):
        filled = re.sub(r"<parentID>.*?</parentID>", f"<parentID>{case_id}</parentID>", fill)
        events.append(with_ids(filled, ids))
    events += [pallet, with_ids(load, case_ids), ship]
    first, last = text.index(units), text.index(ship) + len(ship)
    return (text[:first] + "".join(events) + text[last:]).encode()


def seconds(work):
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def main():
    """Print each figure on a line of its own."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--cases", type=int, default=400)
    arguments.add_argument("--published", type=Path)
    options = arguments.parse_args()
    data = shipment(options.cases)
    floor = seconds(lambda: etree.parse(io.BytesIO(data)))
    print(f"file: {len(data) / 1e6:.1f} MB, {options.cases * CASE_SIZE} packages")
    for name, work in (
        ("schema verdict, streaming", lambda: validate_xml(data)),
        ("check --profile epcis", lambda: check_file(data, "epcis")),
        ("check --profile dscsa-r1.3", lambda: check_file(data, "dscsa-r1.3")),
    ):
        print(f"{name}: {seconds(work) / floor:.1f} x the plain DOM parse")
    out = io.BytesIO()
    convert(data, out, Syntax.JSON_LD)
    document = orjson.loads(out.getvalue())
    ours = seconds(lambda: json_validator().is_valid(document))
    parse = seconds(lambda: orjson.loads(out.getvalue()))
    print(f"JSON Schema: {ours / parse:.1f} x the plain parse")
    if options.published:
        theirs = seconds(lambda: json_validator(options.published).is_valid(document))
        print(f"JSON Schema: {ours / theirs:.2f} x the time of the published one")


if __name__ == "__main__":
    main()
