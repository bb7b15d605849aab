"""Read any text a scanner transmits: recognise its format and parse it.

Recognised: GS1 element strings with and without symbology identifier, bracketed text, Digital Link
URIs, EPC URNs, the memory of RFID tags, ISO/IEC 15434 envelopes (formats 05 and 06), the XML that
some scanners write for German packs, HIBC, EAN, UPC, PZN and NDC numbers. Damage is only reported
here; `verification.scan.recover` repairs it.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import (
    ai,
    digital_link,
    element_string,
    envelope,
    epc,
    hibc,
    rfid,
    scanner_xml,
    typed_number,
)
from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.expiry import expiry_date
from schemas.gs1.text_findings import (
    bad_tag,
    bad_urn,
    day_unknown,
    not_gs1,
    too_long,
    trailing,
    unrecognised,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

TEXT_LENGTH_MAX: Final = 100_000
"""Characters of the longest text that is read; the largest symbol holds some 7,000."""
SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""A symbology identifier in front of the data (ISO/IEC 15424)."""
GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]e0", "]e1", "]e2", "]d2", "]d8", "]Q3", "]J1"})
"""Symbology identifiers that promise a GS1 element string (General Specifications 7.8).

`]d8` is the Data Matrix Rectangular Extension (ISO/IEC 21471) with FNC1 in first place.
"""
_RETAIL_SYMBOLOGIES: Final = ("]E", "]I")
_IDENTIFIED_DATA: Final = re.compile(r"\(\s*(\d{0,3}[A-Z])\s*\)", re.ASCII)
"""A data identifier in brackets, as `(9N)`."""

_TAG_MEMORY: Final = re.compile(r"[0-9A-Fa-f]{24}|[0-9A-Fa-f]{48,64}", re.ASCII)
"""The 96 bits of most tags, or the 195 to 202 bits of those with a serial of letters."""
_TAG_HEADERS: Final = frozenset(f"{scheme.header:02X}" for scheme in rfid.SCHEMES)


class Reading(msgspec.Struct, frozen=True, dict=True):
    r"""The parsed text, and the findings about it.

    >>> pack = read("]d2010950600013435221A1\x1d1727053110L1")
    >>> pack.format, pack.gtin, pack.serial, pack.lot, pack.expiry.isoformat()
    ('gs1-element-string', '09506000134352', 'A1', 'L1', '2027-05-31')
    """

    text: str
    """As given."""
    format: str
    """gs1-element-string, gs1-bracketed, gs1-digital-link, epc-urn, epc-tag, iso-15434-05,
    iso-15434-06, scanner-xml, hibc, ean-upc, pzn, ndc, or unknown."""
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


def spelled(form: str, text: str, elements: Mapping[str, str]) -> str:
    """The elements of a reading, written for people in a form that `read` accepts.

    >>> spelled("gs1-element-string", "", {"01": "09506000134352", "10": "A1"})
    '(01) 09506000134352 (10) A1'
    >>> spelled("pzn", "-03752864", {"pzn": "03752864"})
    'PZN 03752864'
    """
    if form in ("pzn", "ndc"):
        return " ".join(f"{name.upper()} {value}" for name, value in elements.items())
    if form == "hibc":
        return text.strip()
    return " ".join(f"({name}) {value}" for name, value in elements.items())


def read(text: str, *, today: date | None = None) -> Reading:
    """Read any text a scanner gives.

    `today` (by default the machine's date) decides the century of two-digit years. Never raises: a
    text that cannot be read has the format `unknown` and a finding.

    >>> read("(01)09506000134352(21)A1").gtin
    '09506000134352'
    >>> read("https://example.com/01/09506000134352/21/A1").serial
    'A1'
    >>> read("4006381333931").gtin
    '04006381333931'
    >>> read("3074257BF7194E4000001A85").serial
    '6789'
    >>> read("hello").format
    'unknown'
    """
    if len(text) > TEXT_LENGTH_MAX:
        return Reading(text, "unknown", findings=(too_long(len(text), TEXT_LENGTH_MAX),))
    body = text.rstrip("\r\n\t ")
    found = () if len(body) == len(text) else (trailing(len(body)),)
    symbology = body[:3]
    if symbology not in GS1_SYMBOLOGIES:
        match = SYMBOLOGY.match(body)
        symbology = match[0] if match else ""
    scan = _Scan(text, body[len(symbology) :], symbology, found, today)
    if symbology in GS1_SYMBOLOGIES:
        return _gs1(scan, "gs1-element-string", element_string.parse(scan.body))
    for recognises, reader in _READERS:
        if recognises(scan.body):
            return reader(scan)
    if symbology and symbology[:2] not in _RETAIL_SYMBOLOGIES:
        return _refused(scan, "unknown", not_gs1(symbology))
    return _number_or_elements(scan)


class _Scan(msgspec.Struct, frozen=True):
    """The state of reading one text."""

    text: str
    body: str
    """Without symbology identifier and trailing blanks."""
    symbology: str
    found: tuple[Finding, ...]
    today: date | None


def _bracketed(scan: _Scan) -> Reading:
    if scan.symbology:
        # Brackets are only for print; a symbol that encodes them breaks GS1's rules.
        return _refused(scan, "unknown", not_gs1(scan.symbology))
    return _gs1(scan, "gs1-bracketed", element_string.parse_bracketed(scan.body))


def _digital_link(scan: _Scan) -> Reading:
    return _gs1(scan, "gs1-digital-link", digital_link.parse(scan.body))


def _number_or_elements(scan: _Scan) -> Reading:
    """A product number where the digits are one, else an element string."""
    body = scan.body
    number = typed_number.number_in(body, scan.symbology)
    if number is not None and (number.gtin is None or _is_digits(body)):
        number = _unless_elements(body, number)
    if number is not None:
        return Reading(
            scan.text,
            number.format,
            number.elements,
            scan.found + number.findings,
            scan.symbology,
            number.gtin,
        )
    # GS1's own tools write ^ for FNC1; the character is in no GS1 character set.
    data = body.replace("^", element_string.GS) if body.startswith("^") else body
    if _is_digits(data[:2]) or data[:1] == element_string.GS:
        return _gs1(scan, "gs1-element-string", element_string.parse(data))
    return _refused(scan, "unknown", unrecognised(body))


def _unless_elements(
    digits: str, number: typed_number.ProductNumber
) -> typed_number.ProductNumber | None:
    """The number, unless it is doubtful and its digits form a faultless element string.

    A date in them shows the element string; a lone lot or serial may be any digits that begin
    with 10 or 21, and no scan of a medicine gives it without its product.
    """
    if number.gtin is not None and all(f.severity == Severity.INFO for f in number.findings):
        return number
    parsed = element_string.parse(digits)
    if any(finding.severity == Severity.ERROR for finding in parsed.findings):
        return number
    known = [ai.lookup(element.ai) for element in parsed.elements]
    return None if any(found is not None and found.predefined for found in known) else number


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _refused(scan: _Scan, form: str, finding: Finding) -> Reading:
    return Reading(scan.text, form, {}, (*scan.found, finding), scan.symbology)


def _gs1(scan: _Scan, form: str, parsed: element_string.ElementString) -> Reading:
    elements = parsed.as_dict()
    offset = len(scan.symbology)
    findings = scan.found
    if parsed.findings:
        findings += tuple(_shifted(finding, offset) for finding in parsed.findings)
    written = elements.get("17")
    expiry = expiry_date(written, scan.today) if written else None
    if expiry is not None and written is not None and written.endswith("00"):
        findings += (day_unknown(written, expiry),)
    return Reading(
        scan.text,
        form,
        elements,
        findings,
        scan.symbology,
        _gtin(elements, sound=not parsed.findings),
        _text(elements, "21", sound=not parsed.findings),
        _text(elements, "10", sound=not parsed.findings),
        expiry,
    )


def _text(elements: dict[str, str], code: str, *, sound: bool) -> str | None:
    """A serial or lot; None for one that breaks its rule, as it may contain the next element."""
    value = elements.get(code)
    if value is None or sound:
        return value
    identifier = ai.lookup(code)
    return value if identifier is not None and identifier.accepts(value) else None


def _gtin(elements: dict[str, str], *, sound: bool) -> str | None:
    gtin = elements.get("01") or elements.get("8006", "")[:14]
    if sound:
        return gtin or None
    return gtin if len(gtin) == 14 and _is_digits(gtin) and has_check_digit(gtin) else None


def _urn(scan: _Scan) -> Reading:
    thing = epc.identify(scan.body)
    if not thing.scheme:
        return _refused(scan, "epc-urn", bad_urn(scan.body))
    elements = digital_link.parse(digital_link.RESOLVER + thing.key).as_dict()
    return Reading(
        scan.text,
        "epc-urn",
        elements,
        scan.found,
        gtin=elements.get("01"),
        serial=elements.get("21"),
        lot=elements.get("10"),
    )


def _is_tag(body: str) -> bool:
    """Whether a text is the memory of an RFID tag in hexadecimal digits.

    Digits alone may be an element string as well: they are a tag where they break its rules.
    """
    if _TAG_MEMORY.fullmatch(body) is None or body[:2] not in _TAG_HEADERS:
        return False
    return not _is_digits(body) or bool(element_string.parse(body).findings)


def _tag(scan: _Scan) -> Reading:
    """What the memory of a tag, or the tag URI that some readers write in its place, names."""
    try:
        uri = rfid.pure_identity(scan.body)
    except ValueError as fault:
        return _refused(scan, "epc-tag", bad_tag(scan.body, str(fault)))
    named = _urn(msgspec.structs.replace(scan, body=uri))
    return msgspec.structs.replace(named, format="epc-tag")


def _envelope(scan: _Scan) -> Reading:
    message = envelope.parse(scan.body, scan.today)
    if message.format == "05":
        reading = _gs1(scan, "iso-15434-05", element_string.parse(message.data))
        return msgspec.structs.replace(reading, findings=reading.findings + message.findings)
    return Reading(
        scan.text,
        "iso-15434-06" if message.format == "06" else "unknown",
        message.elements,
        scan.found + message.findings,
        scan.symbology,
        message.gtin,
        message.elements.get("S"),
        message.elements.get("1T"),
        message.expiry,
    )


def _hibc(scan: _Scan) -> Reading:
    label = hibc.parse(scan.body)
    return Reading(scan.text, "hibc", label.elements, scan.found + label.findings, scan.symbology)


def _xml(scan: _Scan) -> Reading:
    """Read the XML form: the same fields under other names."""
    written = scanner_xml.parse(scan.body)
    inner = msgspec.structs.replace(scan, body=written, symbology="")
    if written.startswith("[)>"):
        reading = _envelope(inner)
    else:
        reading = _gs1(inner, "scanner-xml", element_string.parse(written))
    return msgspec.structs.replace(reading, format="scanner-xml")


def _data_identifiers(scan: _Scan) -> Reading:
    """Data identifiers in brackets, `(9N)110375286414(S)A1`: format 06 as people write it."""
    marks = list(_IDENTIFIED_DATA.finditer(scan.body))
    ends = [mark.start() for mark in marks[1:]] + [len(scan.body)]
    both = zip(marks, ends, strict=True)
    parts = [mark[1] + scan.body[mark.end() : end].strip() for mark, end in both]
    return _envelope(msgspec.structs.replace(scan, body=envelope.write(parts)))


_READERS: Final[tuple[tuple[Callable[[str], bool], Callable[[_Scan], Reading]], ...]] = (
    (lambda body: body[:1] == "(" and _is_digits(body[1:].lstrip()[:2]), _bracketed),
    (lambda body: _IDENTIFIED_DATA.match(body) is not None, _data_identifiers),
    (lambda body: body[:8].lower().startswith(("http://", "https://")), _digital_link),
    (lambda body: body.startswith("urn:epc:tag:"), _tag),
    (lambda body: body.startswith("urn:epc:"), _urn),
    (_is_tag, _tag),
    (envelope.is_envelope, _envelope),
    (scanner_xml.is_scanner_xml, _xml),
    (lambda body: body.startswith("+"), _hibc),
    (lambda body: body[:1] == "-" and _is_digits(body[1:]), _number_or_elements),
)
"""How each kind of text begins, and the method that reads it."""


def _shifted(finding: Finding, offset: int) -> Finding:
    if not offset or finding.where.position is None:
        return finding
    where = Where(position=finding.where.position + offset)
    return Finding(finding.code, finding.severity, finding.what, finding.hint, where)
