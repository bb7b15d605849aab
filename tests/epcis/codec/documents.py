"""What the codec's tests share: the published documents, and how two documents compare."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from lxml import etree
from msgspec import structs

from epcis.codec.document import Syntax, WriteOptions, convert, read_document, write_document
from schemas.cbv import bare

if TYPE_CHECKING:
    from pathlib import Path

    from epcis.model import Event
    from schemas.finding import Finding


def published_xml(data: Path) -> list[Path]:
    """Every published XML document with events or master data that is not invalid on purpose."""
    folders = ("dscsa", "gs1-xml", "openepcis-1.2-xml", "openepcis-2.0-xml", "partner-1.2-xml")
    found = [p for folder in folders for p in (data / "epcis/examples" / folder).glob("*.xml")]
    found += (data / "epcis/hash-vectors").glob("*.xml")
    found += (data / "epcis/query-interop").glob("*s/*events.xml")
    found += (data / "epcis/query-interop/masterdata").glob("*.xml")
    return sorted(path for path in found if "CaptureJob" not in path.name)


def published_json(data: Path) -> list[Path]:
    """Every published JSON-LD document that is not invalid on purpose."""
    found = list((data / "epcis/examples/gs1-json").glob("*.jsonld"))
    found += (data / "epcis/examples/openepcis-2.0-json").glob("*.json")
    found += (data / "epcis/hash-vectors").glob("*.jsonld")
    return sorted(found)


def converted(document: bytes, syntax: Syntax, options: WriteOptions | None = None) -> bytes:
    """A document in another syntax."""
    return converted_with_findings(document, syntax, options)[0]


def converted_with_findings(
    document: bytes, syntax: Syntax, options: WriteOptions | None = None
) -> tuple[bytes, list[Finding]]:
    out = io.BytesIO()
    findings = convert(document, out, syntax, options or WriteOptions())
    return out.getvalue(), findings


def written(document: bytes, syntax: Syntax) -> bytes:
    """A document read whole and written again."""
    read = read_document(document)
    out = io.BytesIO()
    write_document(read.header, read.events, out, syntax)
    return out.getvalue()


def syntax_of(document: bytes) -> Syntax:
    return Syntax.XML_2_0 if b":xsd:2" in document[:20_000] else Syntax.XML_1_2


def canonical(document: bytes) -> str:
    """Canonical XML (C14N 2.0), prefixes renamed, white space around text left out."""
    parsed = etree.fromstring(document, etree.XMLParser(remove_comments=True))
    text = etree.tostring(parsed, encoding="unicode")
    return etree.canonicalize(xml_data=text, rewrite_prefixes=True, strip_text=True)


def leaf_values(document: bytes) -> Counter[tuple[str, str, str]]:
    """Every text of an element without elements, and every attribute."""
    root = etree.fromstring(document, etree.XMLParser(remove_comments=True))
    values: Counter[tuple[str, str, str]] = Counter()
    for element in root.iter(etree.Element):
        local = etree.QName(element).localname
        for name, value in element.attrib.items():
            values[local, etree.QName(name).localname, value] += 1
        if len(element) == 0 and (element.text or "").strip():
            values[local, "", (element.text or "").strip()] += 1
    return values


def in_bare_words(event: Event) -> Event:
    """The event with its standard words bare, as JSON-LD writes them."""
    changes = {}
    for attribute, kind in (("biz_step", "bizstep"), ("disposition", "disp")):
        if (word := getattr(event, attribute)) is not None:
            changes[attribute] = bare(kind, word)
    for attribute, kind in (
        ("biz_transactions", "btt"),
        ("sources", "sdt"),
        ("destinations", "sdt"),
    ):
        if (listed := getattr(event, attribute)) is not None:
            changes[attribute] = tuple(
                structs.replace(one, type=one.type and bare(kind, one.type)) for one in listed
            )
    if (persistent := event.persistent_disposition) is not None:
        changes["persistent_disposition"] = structs.replace(
            persistent,
            set=persistent.set and tuple(bare("disp", word) for word in persistent.set),
            unset=persistent.unset and tuple(bare("disp", word) for word in persistent.unset),
        )
    if (declared := event.error_declaration) is not None and declared.reason is not None:
        reason = bare("er", declared.reason)
        changes["error_declaration"] = structs.replace(declared, reason=reason)
    if event.sensor_elements is not None:
        changes["sensor_elements"] = tuple(
            structs.replace(one, reports=tuple(_bare_report(report) for report in one.reports))
            for one in event.sensor_elements
        )
    return structs.replace(event, namespaces=(), **changes)


def _bare_report(report):
    kinds = (("type", "measurement"), ("exception", "alert"), ("component", "comp"))
    changes = {
        attribute: bare(kind, word)
        for attribute, kind in kinds
        if (word := getattr(report, attribute)) is not None
    }
    return structs.replace(report, **changes)
