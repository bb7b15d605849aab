"""Write the files of docs/examples that are made from others: master data, JSON-LD and pictures.

`docs/examples/shipment.xml` is written by hand and the source of all of them:

    python scripts/make_examples.py

`master-data.xml` holds the shipment's products and places as a document of its own,
`shipment.jsonld` the same shipment as EPCIS 2.0, `pack.png` the label of its first pack, and
`shelf.png` the labels of all its packs in one photograph.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image

from epcis.codec.document import Syntax, convert, read_document
from schemas.gs1.epc import canonical_key
from verification.label import Label, write_png

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
PAPER = 225
"""Grey of the photographed shelf: darker than the labels, as shelves are."""
ANGLES = (-4.0, 2.5, 0.0, 6.0)
"""Degrees by which each label lies askew."""
GAP_PX = 40


def labels() -> list[Label]:
    """The label of each pack, as the shipment's commissioning event gives lot and expiry."""
    event = read_document((EXAMPLES / "shipment.xml").read_bytes()).events[0]
    told = {node.name: node.text for node in event.ilmd}
    keys = [canonical_key(epc).split("/") for epc in event.epcs]
    return [
        Label(gtin, serial, told["lotNumber"], told["itemExpirationDate"])
        for _, _, gtin, _, serial in keys
    ]


def master_data() -> str:
    """The shipment's vocabularies as a master data document of EPCIS 1.2."""
    text = (EXAMPLES / "shipment.xml").read_text(encoding="utf-8")
    listed = re.search(r" *<VocabularyList>.*</VocabularyList>\n", text, re.DOTALL)
    assert listed
    body = re.sub(r"^ {4}", "", listed.group(), flags=re.MULTILINE)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<epcismd:EPCISMasterDataDocument"
        ' xmlns:epcismd="urn:epcglobal:epcis-masterdata:xsd:1" schemaVersion="1.2"'
        ' creationDate="2026-02-01T09:00:00Z">\n'
        f"  <EPCISBody>\n{body}  </EPCISBody>\n</epcismd:EPCISMasterDataDocument>\n"
    )


def in_json() -> bytes:
    """The shipment as JSON-LD."""
    out = io.BytesIO()
    convert((EXAMPLES / "shipment.xml").read_bytes(), out, Syntax.JSON_LD)
    return out.getvalue()


def shelf() -> bytes:
    """All labels side by side on grey paper, each a little askew."""
    drawn = [
        Image.open(io.BytesIO(write_png(label, module_px=6))).rotate(
            angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255
        )
        for label, angle in zip(labels(), ANGLES, strict=True)
    ]
    width = sum(one.width + GAP_PX for one in drawn) + GAP_PX
    picture = Image.new("L", (width, max(one.height for one in drawn) + 2 * GAP_PX), PAPER)
    left = GAP_PX
    for one in drawn:
        picture.paste(one, (left, GAP_PX))
        left += one.width + GAP_PX
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()


def made() -> dict[str, bytes]:
    """Each made file by its name."""
    return {
        "master-data.xml": master_data().encode(),
        "shipment.jsonld": in_json(),
        "pack.png": write_png(labels()[0]),
        "shelf.png": shelf(),
    }


def main() -> None:
    """Write every file and say its name."""
    for name, content in made().items():
        (EXAMPLES / name).write_bytes(content)
        print(f"docs/examples/{name}")


if __name__ == "__main__":
    main()
