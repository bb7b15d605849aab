"""The safe repairs of `repairs`, for files in JSON-LD: the same rules, the same changes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from compliance.rules.common_repairs import (
    in_order,
    moment_of_texts,
    ship_location_left_out,
    step_of,
    zone_written,
)
from compliance.rules.header import AUTHORITIES, gln_of, is_party
from compliance.rules.json_spans import JsonSpan, new_member, removal, set_text
from compliance.rules.lots import day_as_written
from compliance.rules.products import STATE_FORM, dashed_ndc, gtin_of, is_ndc_10
from compliance.rules.repairs import HEADER_CONSTANTS, MDA_NDC
from compliance.rules.shipped_file import GS1US
from compliance.rules.spans import Change, Edit
from compliance.rules.steps import FITTING, OWN_EXTENSIONS
from epcis.lot_facts import EXPIRY_NAMES, LOT_NAMES, is_known_namespace, read_expiry
from schemas import cbv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compliance.rules.json_spans import JsonFile

_LISTS: Final = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CBVMDA: Final = "cbvmda"
"""Bound by the standard context (EPCIS 2.0 section 10.1)."""


def _text(one: JsonSpan, text: str) -> Change:
    return Change(one.line, f"{one.name}: '{one.text}' becomes '{text}'", (set_text(one, text),))


def _header(file: JsonFile) -> JsonSpan | None:
    header = file.root.child("epcisHeader")
    return header if header is not None and header.is_object else None


def _authority(file: JsonFile) -> Iterator[Change]:
    for one in file.find("Authority"):
        if one.is_string and one.within("Identifier") and one.text not in AUTHORITIES:
            identifier = next(_around(one, "Identifier"))
            texts = [leaf.text for leaf in _leaves(identifier)]
            if any(is_party(text) for text in texts):
                yield _text(one, "GS1")


def _around(one: JsonSpan, name: str) -> Iterator[JsonSpan]:
    at = one.parent
    while at is not None:
        if at.name == name:
            yield at
        at = at.parent


def _leaves(one: JsonSpan) -> Iterator[JsonSpan]:
    for child in one.children:
        if child.is_string:
            yield child
        yield from _leaves(child)


def _header_constants(file: JsonFile) -> Iterator[Change]:
    for header in file.find("StandardBusinessDocumentHeader"):
        for name, right in HEADER_CONSTANTS.items():
            for one in header.find(name):
                if one.is_string and one.text != right and not one.within("BusinessScope"):
                    yield _text(one, right)


def _statement_in_event(file: JsonFile) -> Iterator[Change]:
    header = _header(file)
    if header is None:
        return
    name = "dscsaTransactionStatement"
    has_one = header.child(name) is not None
    for event in file.events():
        one = event.child(name)
        if one is None:
            continue
        edits = [removal(one)]
        if not has_one:
            edits.append(new_member(header, one.key, file.data[one.start : one.end]))
            has_one = True
        yield Change(one.line, "the transaction statement moves to the header", tuple(edits))


def _guideline_version(release: str) -> Callable[[JsonFile], Iterator[Change]]:
    def changes(file: JsonFile) -> Iterator[Change]:
        header = _header(file)
        if header is None or header.child("guidelineVersion"):
            return
        key, edits = _own_key(file, "guidelineVersion")
        value = json.dumps(f"GS1 US DSCSA {release}").encode()
        what = f"guidelineVersion 'GS1 US DSCSA {release}' added"
        yield Change(header.line, what, (*edits, new_member(header, key, value)))

    return changes


def _own_key(file: JsonFile, name: str) -> tuple[str, tuple[Edit, ...]]:
    """The key of a word of the guideline, and what binds its prefix where nothing does."""
    prefix = file.prefix_of(GS1US)
    if prefix is not None:
        return f"{prefix}:{name}", ()
    context = file.root.child("@context")
    member = json.dumps({"gs1ushc": GS1US}).encode()
    if context is None:
        return f"gs1ushc:{name}", (new_member(file.root, "@context", member),)
    if context.data[context.start : context.start + 1] == b"[" and context.children:
        last = context.children[-1]
        return f"gs1ushc:{name}", (Edit(last.end, last.end, b", " + member),)
    written = file.data[context.start : context.end]
    return f"gs1ushc:{name}", (
        Edit(context.start, context.end, b"[" + written + b", " + member + b"]"),
    )


def _namespaces(file: JsonFile) -> Iterator[Change]:
    """Rebind a prefix whose members are all the guideline's own words."""
    users: dict[str, list[JsonSpan]] = {}
    for one in _members(file.root):
        users.setdefault(one.prefix, []).append(one)
    for prefix, place in file.prefixes().items():
        own = users.get(prefix, [])
        if place.text != GS1US and own and all(one.name in OWN_EXTENSIONS for one in own):
            what = f"{prefix}: '{place.text}' becomes '{GS1US}'"
            yield Change(place.line, what, (set_text(place, GS1US),))


def _members(root: JsonSpan) -> Iterator[JsonSpan]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if ":" in one.key:
            yield one
        waiting.extend(one.children)


def _drop_shipment(file: JsonFile) -> Iterator[Change]:
    header = _header(file)
    drop_shipment = header.child("dropShipment") if header is not None else None
    if drop_shipment is None:
        return
    value = file.data[drop_shipment.start : drop_shipment.end]
    edits = [
        new_member(event, drop_shipment.key, value)
        for event in file.events()
        if step_of(event) == "shipping" and event.child("dropShipment") is None
    ]
    edits.append(removal(drop_shipment))
    yield Change(drop_shipment.line, "dropShipment moves to the shipping events", tuple(edits))


def _entries(file: JsonFile) -> Iterator[JsonSpan]:
    for entries in file.find("vocabularyElementList"):
        yield from (one for one in entries.children if one.is_object)


def _attribute(entry: JsonSpan, name: str) -> JsonSpan | None:
    """The value of a master data attribute by its last word."""
    attributes = entry.child("attributes")
    for one in attributes.children if attributes is not None else ():
        known, value = one.child("id"), one.child("attribute")
        is_wanted = known is not None and re.split(r"[#:/]", known.text)[-1] == name
        if is_wanted and value is not None and value.is_string:
            return value
    return None


def _ndc(file: JsonFile) -> Iterator[Change]:
    """Write an NDC as R1.3 does, where the GTIN tells how its digits are parted."""
    for entry in _entries(file):
        ndc, code = _attribute(entry, MDA_NDC), _attribute(entry, f"{MDA_NDC}TypeCode")
        known = entry.child("id")
        if ndc is None or code is None or known is None:
            continue
        right = dashed_ndc(ndc.text.strip(), gtin_of(known.text) or "")
        if right and right != ndc.text:
            yield _text(ndc, right)
        if (right or is_ndc_10(ndc.text)) and code.text != "US_FDA_NDC":
            yield _text(code, "US_FDA_NDC")


def _address(file: JsonFile) -> Iterator[Change]:
    """Write codes of states and countries in capitals."""
    for entry in _entries(file):
        for name in ("state", "countryCode"):
            one = _attribute(entry, name)
            right = one.text.strip().upper() if one is not None else ""
            if one is not None and one.text != right and STATE_FORM.match(right):
                yield _text(one, right)


def _repeated(file: JsonFile) -> Iterator[Change]:
    for holder in file.find(*_LISTS):
        seen: set[str] = set()
        for epc in holder.children:
            if epc.is_string and epc.text in seen:
                yield Change(epc.line, f"the repeated {epc.text} is left out", (removal(epc),))
            seen.add(epc.text)


def _places(file: JsonFile) -> Iterator[Change]:
    """Write a GLN of 13 digits as the URN by which the file names the same place."""
    candidates = [one for one in file.find("id", "source", "destination") if one.is_string]
    urns: dict[str, set[str]] = {}
    for one in candidates:
        if one.text.startswith("urn:epc:id:sgln:"):
            urns.setdefault(gln_of(one.text), set()).add(one.text)
    for one in candidates:
        text = one.text.strip()
        found = urns.get(text, set()) if len(text) == 13 and text.isdigit() else set()
        if len(found) == 1:
            yield _text(one, next(iter(found)))


def _zone(file: JsonFile) -> Iterator[Change]:
    return zone_written(file.events(), _text)


def _ship_location(file: JsonFile) -> Iterator[Change]:
    return ship_location_left_out(file.events(), removal)


def _disposition(file: JsonFile) -> Iterator[Change]:
    for event in file.events():
        fitting = FITTING.get(step_of(event), frozenset())
        step = event.child("bizStep")
        if step is None or len(fitting) != 1 or event.child("disposition") is not None:
            continue
        word = next(iter(fitting))
        is_short = not step.text.strip().startswith("urn:")
        value = json.dumps(word if is_short else cbv.urn("disp", word)).encode()
        edit = new_member(event, "disposition", value)
        yield Change(step.line, f"disposition {word} added", (edit,))


def _expiry(file: JsonFile) -> Iterator[Change]:
    for one in file.find(*EXPIRY_NAMES):
        day = read_expiry(one.text.strip()).day if one.is_string else None
        if day is not None and not day_as_written(one.text):
            yield _text(one, day.isoformat())


def _ilmd(file: JsonFile) -> Iterator[Change]:
    bound = {prefix: one.text for prefix, one in file.prefixes().items()}
    for ilmd in file.find("ilmd"):
        for one in ilmd.find(*LOT_NAMES, *EXPIRY_NAMES):
            namespace = bound.get(one.prefix, one.prefix)
            if one.prefix == _CBVMDA or not one.is_string or not is_known_namespace(namespace):
                continue
            name = LOT_NAMES[0] if one.name in LOT_NAMES else EXPIRY_NAMES[0]
            key = json.dumps(f"{_CBVMDA}:{name}").encode()
            end = one.key_start + len(json.dumps(one.key))
            what = f"{one.key} becomes {_CBVMDA}:{name}"
            yield Change(one.line, what, (Edit(one.key_start, end, key),))


def _order(file: JsonFile) -> Iterator[Change]:
    return in_order(file.data, file.event_lists(), _time)


def _time(one: JsonSpan) -> str | None:
    return moment_of_texts(one.child("eventTime"), one.child("eventTimeZoneOffset"))


def json_repairs(release: str) -> dict[str, Callable[[JsonFile], Iterator[Change]]]:
    """Number of the rule -> the work on a file in JSON-LD."""
    return {
        "H04": _authority,
        "H05": _header_constants,
        "H13": _namespaces,
        "H11": _statement_in_event,
        "H12": _guideline_version(release),
        "H14": _drop_shipment,
        "M04": _ndc,
        "M11": _address,
        "I07": _repeated,
        "I10": _places,
        "T01": _zone,
        "V03": _disposition,
        "V06": _ship_location,
        "L04": _ilmd,
        "L03": _expiry,
        "T08": _order,
    }
