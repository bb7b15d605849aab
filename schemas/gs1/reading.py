"""Any text a scanner gives, read for what it is.

Recognised: GS1 element strings with and without symbology identifier, bracketed text, Digital Link
URIs, EPC URNs, ISO/IEC 15434 envelopes (formats 05 and 06), HIBC, plain EAN/UPC numbers, German
Code 39 PZN. What is damaged is not mended here, only named; mending is
`verification.scan.recover`'s work.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import digital_link, element_string, envelope, epc, hibc, national
from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.expiry import expiry_date

if TYPE_CHECKING:
    from datetime import date

TEXT_LENGTH_MAX: Final = 100_000
"""Longest text that is looked at; the largest symbol holds some 7,000 characters."""
SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""A symbology identifier in front of the data (ISO/IEC 15424)."""
GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]e0", "]e1", "]e2", "]d2", "]Q3", "]J1"})
"""Symbology identifiers that promise a GS1 element string (General Specifications 7.8)."""
_RETAIL_LENGTHS: Final = (8, 12, 13, 14)
_ENVELOPE_STARTS: Final = ("[)>\x1e", "[)>␞", "[)>\u241e")


class Reading(msgspec.Struct, frozen=True, dict=True):
    """What a text says, and what is wrong with it.

    >>> pack = read("]d2010950600013435221A1\\x1d1727053110L1")
    >>> pack.format, pack.gtin, pack.serial, pack.lot, pack.expiry.isoformat()
    ('gs1-element-string', '09506000134352', 'A1', 'L1', '2027-05-31')
    """

    text: str
    """As given."""
    format: str
    """gs1-element-string, gs1-bracketed, gs1-digital-link, epc-urn, iso-15434-05, iso-15434-06,
    hibc, ean-upc, pzn, or unknown."""
    elements: dict[str, str] = {}
    """Data by Application Identifier; by data identifier in ISO 15434 format 06 and HIBC."""
    findings: tuple[Finding, ...] = ()
    symbology: str = ""
    """The symbology identifier, where the text had one."""
    gtin: str | None = None
    """GTIN-14; of a German PPN the NTIN that its PZN stands for."""
    serial: str | None = None
    lot: str | None = None
    expiry: date | None = None
    """Last day of use."""

    @cached_property
    def is_pack(self) -> bool:
        """Whether it names a product that a pack can be looked up by."""
        return self.gtin is not None

    @cached_property
    def is_valid(self) -> bool:
        """Whether no finding is an error."""
        return all(f.severity not in (Severity.ERROR, Severity.CRITICAL) for f in self.findings)

    def as_dict(self) -> dict[str, object]:
        """The reading as `packtrail parse --json` shows it.

        >>> read("(10)A1(01)09506000134352").as_dict()["elements"]
        {'10': 'A1', '01': '09506000134352'}
        """
        return {
            "text": self.text,
            "format": self.format,
            "elements": self.elements,
            "gtin": self.gtin,
            "serial": self.serial,
            "lot": self.lot,
            "expiry": self.expiry.isoformat() if self.expiry else None,
            "findings": [finding.as_dict() for finding in self.findings],
        }


def read(text: str, *, today: date | None = None) -> Reading:
    """Read any text a scanner gives.

    `today` places two-digit years; by default the machine's date does. Nothing raises: what cannot
    be read has the format `unknown` and a finding.

    >>> read("(01)09506000134352(21)A1").gtin
    '09506000134352'
    >>> read("https://example.com/01/09506000134352/21/A1").serial
    'A1'
    >>> read("4006381333931").gtin
    '04006381333931'
    >>> read("hello").format
    'unknown'
    """
    if len(text) > TEXT_LENGTH_MAX:
        return Reading(text, "unknown", findings=(_too_long(len(text)),))
    if text[:3] == "]d2" and text[-1] > "\x1f":
        return _gs1(text, text[:3], element_string.parse(text[3:]), 3, [], today)
    found: list[Finding] = []
    body = text.rstrip("\r\n\t ")
    if len(body) < len(text):
        found.append(_trailing(len(body)))
    symbology = ""
    match = SYMBOLOGY.match(body)
    if match is not None:
        symbology = match[0]
        body = body[3:]
    return _sniffed(text, body, symbology, found, today)


def _sniffed(
    text: str, body: str, symbology: str, found: list[Finding], today: date | None
) -> Reading:
    offset = 3 if symbology else 0
    if symbology in GS1_SYMBOLOGIES:
        parsed = element_string.parse(body)
        return _gs1(text, symbology, parsed, offset, found, today)
    if body[:1] == "(" and body[1:3].isdigit():
        parsed = element_string.parse_bracketed(body)
        return _gs1(text, symbology, parsed, offset, found, today, form="gs1-bracketed")
    if body[:8].lower().startswith(("http://", "https://")):
        parsed = digital_link.parse(body)
        return _gs1(text, symbology, parsed, offset, found, today, form="gs1-digital-link")
    if body.startswith("urn:epc:"):
        return _urn(text, body, found)
    if body.startswith(_ENVELOPE_STARTS):
        return _envelope(text, body, symbology, found, today)
    if body.startswith("+"):
        return _hibc(text, body, symbology, found)
    if body.startswith("-") and body[1:].isdigit():
        return _pzn(text, body, symbology, found)
    return _digits_or_elements(text, body, symbology, found, today)


def _digits_or_elements(
    text: str, body: str, symbology: str, found: list[Finding], today: date | None
) -> Reading:
    offset = 3 if symbology else 0
    if body.isdigit() and body.isascii() and len(body) in _RETAIL_LENGTHS:
        if has_check_digit(body):
            return Reading(
                text, "ean-upc", {"01": body.zfill(14)}, tuple(found), symbology, body.zfill(14)
            )
        if symbology[:2] in ("]E", "]I"):
            return Reading(text, "ean-upc", {}, (*found, _bad_check(body)), symbology)
    marked = body.startswith("^")
    # GS1's own tools write ^ for FNC1; the character is in no GS1 character set.
    data = body.replace("^", element_string.GS) if marked else body
    if data[:2].isdigit() or data[:1] == element_string.GS:
        parsed = element_string.parse(data)
        if parsed.elements or marked or data[:1] == element_string.GS:
            return _gs1(text, symbology, parsed, offset, found, today)
    return Reading(text, "unknown", {}, (*found, _unrecognised(body)), symbology)


def _gs1(
    text: str,
    symbology: str,
    parsed: element_string.ElementString,
    offset: int,
    found: list[Finding],
    today: date | None,
    form: str = "gs1-element-string",
) -> Reading:
    elements = parsed.as_dict()
    findings = [*found, *(_shifted(finding, offset) for finding in parsed.findings)]
    gtin = elements.get("01")
    if gtin is None and "8006" in elements:
        gtin = elements["8006"][:14]
    if gtin is not None and not (len(gtin) == 14 and gtin.isdigit() and has_check_digit(gtin)):
        gtin = None
    written = elements.get("17")
    expiry = expiry_date(written, today) if written else None
    if expiry is not None and written is not None and written.endswith("00"):
        findings.append(day_unknown(written, expiry))
    return Reading(
        text,
        form,
        elements,
        tuple(findings),
        symbology,
        gtin,
        elements.get("21"),
        elements.get("10"),
        expiry,
    )


def _urn(text: str, body: str, found: list[Finding]) -> Reading:
    thing = epc.identify(body)
    if not thing.scheme:
        return Reading(text, "epc-urn", {}, (*found, _bad_urn(body)))
    parsed = digital_link.parse(digital_link.RESOLVER + thing.key)
    elements = parsed.as_dict()
    return Reading(
        text,
        "epc-urn",
        elements,
        tuple(found),
        gtin=elements.get("01"),
        serial=elements.get("21"),
        lot=elements.get("10"),
    )


def _envelope(
    text: str, body: str, symbology: str, found: list[Finding], today: date | None
) -> Reading:
    message = envelope.parse(body, today)
    if message.format == "05":
        parsed = element_string.parse(message.data)
        reading = _gs1(text, symbology, parsed, 0, found, today, form="iso-15434-05")
        return msgspec.structs.replace(reading, findings=reading.findings + message.findings)
    return Reading(
        text,
        f"iso-15434-{message.format}" if message.format == "06" else "unknown",
        message.elements,
        (*found, *message.findings),
        symbology,
        message.gtin,
        message.elements.get("S"),
        message.elements.get("1T"),
        message.expiry,
    )


def _hibc(text: str, body: str, symbology: str, found: list[Finding]) -> Reading:
    label = hibc.parse(body)
    return Reading(text, "hibc", label.elements, (*found, *label.findings), symbology)


def _pzn(text: str, body: str, symbology: str, found: list[Finding]) -> Reading:
    pzn = body[1:].zfill(8)
    if len(pzn) != 8 or not national.has_pzn_check_digit(pzn):
        return Reading(text, "pzn", {}, (*found, _bad_check(body)), symbology)
    return Reading(
        text, "pzn", {"pzn": pzn}, tuple(found), symbology, national.ntin_of_pzn(pzn).zfill(14)
    )


def day_unknown(written: str, expiry: date) -> Finding:
    """The note that an expiry names a month only."""
    return Finding(
        "expiry.day-00",
        Severity.INFO,
        f"expiry {written} names no day; the month's last, {expiry.isoformat()}, is meant",
    )


def _shifted(finding: Finding, offset: int) -> Finding:
    if not offset or finding.where.position is None:
        return finding
    where = Where(position=finding.where.position + offset)
    return Finding(finding.code, finding.severity, finding.what, finding.hint, where)


def _trailing(position: int) -> Finding:
    return Finding(
        "text.trailing",
        Severity.INFO,
        "a line end or blank behind the data was left out",
        where=Where(position=position),
    )


def _too_long(length: int) -> Finding:
    return Finding(
        "text.too-long",
        Severity.ERROR,
        f"the text has {length} characters; at most {TEXT_LENGTH_MAX} are read",
        "This is not the text of one symbol.",
    )


def _bad_check(body: str) -> Finding:
    return Finding(
        "ai.incorrect-check-digit",
        Severity.ERROR,
        f"the check digit of {body} is wrong",
        "A digit was misread or mistyped; scan again.",
        Where(position=0),
    )


def _bad_urn(body: str) -> Finding:
    return Finding(
        "urn.no-key",
        Severity.ERROR,
        f"{body[:100]!r} holds no valid GS1 key",
        "Company prefix and reference must have the digits that the scheme asks for.",
        Where(position=0),
    )


def _unrecognised(body: str) -> Finding:
    return Finding(
        "text.unrecognised",
        Severity.ERROR,
        f"{body[:40]!r} is neither GS1, ISO 15434, HIBC nor a retail number",
        "Scan the two-dimensional code of the pack; the text of any other code names no medicine.",
        Where(position=0),
    )
