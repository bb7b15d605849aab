"""Repairs that are safe: what a file says stays as it is, and only its form becomes right.

A repair is in this list where the right value follows from the file itself or is a constant of the
standard. What only the sender can know (a lot, a missing serial, the wording of a legal statement,
whether a drop shipment was one) is never filled in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from compliance.rules.common_repairs import (
    in_order,
    moment_of_texts,
    ship_location_left_out,
    step_of,
    zone_written,
)
from compliance.rules.header import AUTHORITIES, gln_of, is_party
from compliance.rules.lots import day_as_written
from compliance.rules.products import STATE_FORM, dashed_ndc, gtin_of, is_ndc_10
from compliance.rules.shipped_file import CBVMDA, GS1US
from compliance.rules.spans import Change, Edit
from compliance.rules.steps import FITTING, OWN_EXTENSIONS
from compliance.rules.xml_spans import attribute_edit, last_in, removal
from epcis.lot_facts import EXPIRY_NAMES, LOT_NAMES, read_expiry
from schemas import cbv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compliance.rules.xml_spans import XmlElement, XmlFile

MDA_NDC: Final = "additionalTradeItemIdentification"
HEADER_CONSTANTS: Final = {"HeaderVersion": "1.0", "Standard": "EPCglobal", "Type": "Events"}


@dataclass(frozen=True, slots=True)
class FileRepair:
    """The repair of one rule in XML: the codes of the findings that call for it, and the work."""

    rule: str
    codes: frozenset[str]
    changes: Callable[[XmlFile], Iterator[Change]]


def _set_text(one: XmlElement, text: str) -> Change:
    edit = Edit(one.opened, one.closing, escape(text).encode())
    return Change(one.line, f"{one.name}: '{one.text}' becomes '{text}'", (edit,))


def _soap(file: XmlFile) -> Iterator[Change]:
    document = next(file.find("EPCISDocument"), None)
    if file.root.name != "Envelope" or document is None:
        return
    declared = {
        name: value
        for around in _around(document)
        for name, value in around.attributes.items()
        if name.startswith("xmlns") and name not in document.attributes
    }
    namespaces = "".join(f' {name}="{value}"' for name, value in declared.items()).encode()
    name_end = (
        document.start + len(document.prefix) + bool(document.prefix) + len(document.name) + 1
    )
    yield Change(
        document.line,
        "the document is taken out of its SOAP envelope",
        (
            Edit(file.root.start, document.start, b""),
            Edit(name_end, name_end, namespaces),
            Edit(document.end, file.root.end, b""),
        ),
    )


def _around(one: XmlElement) -> list[XmlElement]:
    """The elements around one, from the outside in."""
    found = []
    at = one.parent
    while at is not None:
        found.append(at)
        at = at.parent
    return found[::-1]


def _authority(file: XmlFile) -> Iterator[Change]:
    for one in file.find("Identifier"):
        authority = one.attributes.get("Authority")
        if authority is not None and authority not in AUTHORITIES and is_party(one.text):
            what = f"Authority: '{authority}' becomes 'GS1'"
            yield Change(one.line, what, (attribute_edit(one, "Authority", "GS1"),))


def _header_constants(file: XmlFile) -> Iterator[Change]:
    for header in file.find("StandardBusinessDocumentHeader"):
        for name, right in HEADER_CONSTANTS.items():
            for one in header.find(name):
                if one.text != right and not one.children and not one.within("BusinessScope"):
                    yield _set_text(one, right)


def _statement_in_event(file: XmlFile) -> Iterator[Change]:
    header = next(file.find("EPCISHeader"), None)
    if header is None or not header.children:
        return
    name = "dscsaTransactionStatement"
    has_one = header.child(name) is not None
    for event in file.events():
        for one in list(event.find(name)):
            if header.bound(one.prefix) != one.namespace:
                continue
            edits = [removal(one)]
            if not has_one:
                edits.append(last_in(header, file.data[one.start : one.end]))
                has_one = True
            yield Change(one.line, "the transaction statement moves to the header", tuple(edits))


def _guideline_version(release: str) -> Callable[[XmlFile], Iterator[Change]]:
    def changes(file: XmlFile) -> Iterator[Change]:
        header = next(file.find("EPCISHeader"), None)
        if header is None or not header.children or header.child("guidelineVersion"):
            return
        new = _element(header, "guidelineVersion", f"GS1 US DSCSA {release}", GS1US, "gs1ushc")
        yield Change(
            header.line, f"guidelineVersion 'GS1 US DSCSA {release}' added", (last_in(header, new),)
        )

    return changes


def _element(where: XmlElement, name: str, text: str, namespace: str, prefix: str) -> bytes:
    """A new element, which brings its namespace along where no prefix is bound to it."""
    bound = where.prefix_of(namespace)
    declared = "" if bound else f' xmlns:{prefix}="{namespace}"'
    tag = f"{bound or prefix}:{name}"
    return f"<{tag}{declared}>{text}</{tag}>".encode()


def _namespaces(file: XmlFile) -> Iterator[Change]:
    """Rebind a prefix whose elements are all the guideline's own words."""
    by_declaration: dict[tuple[int, str], list[XmlElement]] = {}
    declarers: dict[tuple[int, str], XmlElement] = {}
    for one in _all(file.root):
        holder = one
        name = f"xmlns:{one.prefix}" if one.prefix else "xmlns"
        while name not in holder.attributes and holder.parent is not None:
            holder = holder.parent
        if name in holder.attributes and holder.attributes[name] != GS1US:
            by_declaration.setdefault((holder.start, name), []).append(one)
            declarers[holder.start, name] = holder
    for (start, name), users in by_declaration.items():
        if all(user.name in OWN_EXTENSIONS for user in users):
            holder = declarers[start, name]
            what = f"{name}: '{holder.attributes[name]}' becomes '{GS1US}'"
            yield Change(holder.line, what, (attribute_edit(holder, name, GS1US),))


def _all(root: XmlElement) -> Iterator[XmlElement]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.children)


def _drop_shipment(file: XmlFile) -> Iterator[Change]:
    header = next(file.find("EPCISHeader"), None)
    drop_shipment = header.child("dropShipment") if header is not None else None
    if drop_shipment is None:
        return
    edits = [removal(drop_shipment)]
    for event in file.events():
        if step_of(event) == "shipping" and event.child("dropShipment") is None:
            text = drop_shipment.text.strip()
            edits.append(last_in(event, _element(event, "dropShipment", text, GS1US, "gs1ushc")))
    yield Change(drop_shipment.line, "dropShipment moves to the shipping events", tuple(edits))


def _ndc(file: XmlFile) -> Iterator[Change]:
    """Write an NDC as R1.3 does, where the GTIN tells how its digits are parted."""
    for entry in file.find("VocabularyElement"):
        ndc, code = _attribute(entry, MDA_NDC), _attribute(entry, f"{MDA_NDC}TypeCode")
        if ndc is None or code is None:
            continue
        right = dashed_ndc(ndc.text.strip(), gtin_of(entry.attributes.get("id", "")) or "")
        if right and right != ndc.text:
            yield _set_text(ndc, right)
        if (right or is_ndc_10(ndc.text)) and code.text != "US_FDA_NDC":
            yield _set_text(code, "US_FDA_NDC")


def _attribute(entry: XmlElement, name: str) -> XmlElement | None:
    """The master data attribute of an entry by its last word."""
    for one in entry.children:
        if re.split(r"[#:/]", one.attributes.get("id", ""))[-1] == name:
            return one
    return None


def _address(file: XmlFile) -> Iterator[Change]:
    """Write codes of states and countries in capitals."""
    for entry in file.find("VocabularyElement"):
        for name in ("state", "countryCode"):
            one = _attribute(entry, name)
            right = one.text.strip().upper() if one is not None else ""
            if one is not None and one.text != right and STATE_FORM.match(right):
                yield _set_text(one, right)


def _repeated(file: XmlFile) -> Iterator[Change]:
    for holder in file.find("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        seen: set[str] = set()
        for epc in holder.children:
            if epc.text in seen:
                yield Change(epc.line, f"the repeated {epc.text} is left out", (removal(epc),))
            seen.add(epc.text)


def _places(file: XmlFile) -> Iterator[Change]:
    """Write a GLN of 13 digits as the URN by which the file names the same place."""
    urns: dict[str, set[str]] = {}
    candidates = list(file.find("id", "source", "destination"))
    places = [one.text.strip() for one in candidates]
    places += [one.attributes.get("id", "") for one in file.find("VocabularyElement")]
    for text in places:
        if text.startswith("urn:epc:id:sgln:"):
            urns.setdefault(gln_of(text), set()).add(text)
    for one in candidates:
        text = one.text.strip()
        found = urns.get(text, set()) if len(text) == 13 and text.isdigit() else set()
        if len(found) == 1:
            yield _set_text(one, next(iter(found)))


def _zone(file: XmlFile) -> Iterator[Change]:
    return zone_written(file.events(), _set_text)


def _ship_location(file: XmlFile) -> Iterator[Change]:
    return ship_location_left_out(file.events(), removal)


def _disposition(file: XmlFile) -> Iterator[Change]:
    for event in file.events():
        fitting = FITTING.get(step_of(event), frozenset())
        step = event.child("bizStep")
        if step is None or len(fitting) != 1 or event.child("disposition") is not None:
            continue
        word = next(iter(fitting))
        is_short = not step.text.strip().startswith("urn:")
        new = f"<disposition>{word if is_short else cbv.urn('disp', word)}</disposition>"
        edit = Edit(step.end, step.end, _space_before(step) + new.encode())
        yield Change(step.line, f"disposition {word} added", (edit,))


def _space_before(one: XmlElement) -> bytes:
    before = one.data[: one.start]
    return before[len(before.rstrip()) :]


def _expiry(file: XmlFile) -> Iterator[Change]:
    for one in file.find(*EXPIRY_NAMES):
        day = read_expiry(one.text.strip()).day
        if day is not None and not day_as_written(one.text):
            yield _set_text(one, day.isoformat())


def _ilmd(file: XmlFile) -> Iterator[Change]:
    for ilmd in file.find("ilmd"):
        for one in ilmd.find(*LOT_NAMES, *EXPIRY_NAMES):
            if one.namespace == CBVMDA or one.children:
                continue
            name = LOT_NAMES[0] if one.name in LOT_NAMES else EXPIRY_NAMES[0]
            text = file.data[one.opened : one.closing].decode(errors="replace")
            new = _element(one, name, text, CBVMDA, "cbvmda")
            what = f"{one.name} in '{one.namespace}' becomes {name} in '{CBVMDA}'"
            yield Change(one.line, what, (Edit(one.start, one.end, new),))


def _order(file: XmlFile) -> Iterator[Change]:
    return in_order(file.data, file.find("EventList"), _time)


def _time(one: XmlElement) -> str | None:
    # EPCIS 1.2 puts some events into an element of its own, which stands in the list.
    time, zone = one.find("eventTime"), one.find("eventTimeZoneOffset")
    return moment_of_texts(next(time, None), next(zone, None))


def repairs(release: str) -> tuple[FileRepair, ...]:
    """All repairs under a release of the guideline, as `R1.3`, in the order they are made."""
    made = (
        ("D13", "xml.not-epcis", _soap),
        ("H04", "dscsa.h04-authority", _authority),
        ("H05", "dscsa.h05-standard", _header_constants),
        ("H13", "dscsa.h13-namespace", _namespaces),
        ("H11", "dscsa.h11-statement-in-body", _statement_in_event),
        ("H12", "dscsa.h12-guideline-version", _guideline_version(release)),
        ("H14", "dscsa.h14-drop-shipment-in-header", _drop_shipment),
        (
            "M04",
            "dscsa.m04-ndc-type dscsa.d11-mixed-guidelines",
            _ndc if release == "R1.3" else None,
        ),
        ("M11", "dscsa.m11-address-form", _address),
        ("I07", "dscsa.i07-epc-repeated event.id-repeated", _repeated),
        ("I10", "dscsa.i10-place-form", _places),
        ("T01", "dscsa.t01-no-zone event.time-without-zone", _zone),
        ("V03", "dscsa.v03-disposition", _disposition),
        ("V06", "dscsa.v06-ship-location", _ship_location),
        ("L04", "dscsa.l04-ilmd-namespace", _ilmd),
        ("L03", "dscsa.l03-expiry-form", _expiry),
        ("T08", "dscsa.t08-order", _order),
    )
    return tuple(
        FileRepair(rule, frozenset(codes.split()), work) for rule, codes, work in made if work
    )
