"""Numbers that people type or retail codes carry: EAN and UPC, PZN, NDC; recognises which.

None of them names a single pack; each names a product, so the finding says what to scan instead.
Sources: General Specifications section 7.9 (check digits), IFA (PZN), 21 CFR 207.33 (NDC).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.finding import Finding, Severity
from schemas.gs1 import national
from schemas.gs1.content_rules import check_digit, has_check_digit
from schemas.gs1.text_findings import ambiguous, names_product, wrong_check_digit, wrong_ndc

RETAIL_NAMES: Final = {8: "EAN-8", 12: "UPC-A", 13: "EAN-13", 14: "GTIN-14"}
"""What a retail number of so many digits is called."""
_PZN: Final = re.compile(r"(?:-|PZN\s*[:.-]?\s*)(\d[\d ]{0,9})", re.ASCII | re.IGNORECASE)
_NDC: Final = re.compile(
    r"(?:NDC\s*[:#-]?\s*)?(\d{4,5}-\d{3,4}-\d{1,2})|NDC\s*[:#-]?\s*(\d{10,11})",
    re.ASCII | re.IGNORECASE,
)


class ProductNumber(msgspec.Struct, frozen=True):
    """A product number: which kind it is, and the GTIN that stands for it.

    >>> number_in("PZN 03752864").gtin
    '04150037528643'
    """

    format: str
    """ean-upc, pzn or ndc."""
    elements: dict[str, str] = {}
    gtin: str | None = None
    """GTIN-14; None where the number is wrong or stands for several."""
    findings: tuple[Finding, ...] = ()


def number_in(text: str, symbology: str = "") -> ProductNumber | None:
    """The product number that a text is; None where it is none, and may be anything else.

    `symbology` is the symbology identifier in front of the text, if there was one.

    >>> number_in("3400930000120").gtin, number_in("0777-3105-02").gtin
    ('03400930000120', '00307773105025')
    >>> print(number_in("3400930000126").findings[0].what)
    the check digit of the EAN-13 number 3400930000126 is wrong: 0 is expected
    """
    if match := _PZN.fullmatch(text):
        return _pzn(match[1].replace(" ", ""))
    if match := _NDC.fullmatch(text):
        return _ndc(match[1] or match[2], Severity.INFO)
    if not (text.isascii() and text.isdigit()):
        return None
    if len(text) in RETAIL_NAMES:
        return _retail(text, symbology)
    # Bare digits may be another number that lost its zeros, so this is a warning, not a note.
    return _ndc(text, Severity.WARNING) if len(text) in (10, 11) else None


def _retail(digits: str, symbology: str) -> ProductNumber:
    meanings = _meanings(digits, symbology)
    if not meanings:
        return ProductNumber("ean-upc", findings=(_wrong_retail(digits),))
    (name, number), *others = meanings
    if name == "PZN":
        return _pzn(number)
    findings = (ambiguous(name, [other for other, _ in others]),) if others else ()
    gtin = number.zfill(14)
    return ProductNumber("ean-upc", {"01": gtin}, gtin, findings)


def _meanings(digits: str, symbology: str) -> list[tuple[str, str]]:
    """Name and digits of each number these digits are, the likeliest first."""
    found = []
    if has_check_digit(digits):
        found.append((RETAIL_NAMES[len(digits)], digits))
    if len(digits) != 8 or symbology == "]E4":
        return found
    long = national.upc_of_short(digits)
    if long is not None:
        # An EAN-8 that begins with 0 is for use inside a shop only; ]E0 is never an EAN-8.
        first = digits[0] == "0" or symbology == "]E0"
        found.insert(0 if first else len(found), ("UPC-E", long))
    if not symbology and national.has_pzn_check_digit(digits):
        found.append(("PZN", digits))
    return found


def _pzn(digits: str) -> ProductNumber:
    pzn = digits.zfill(8)
    if not national.has_pzn_check_digit(pzn):
        return ProductNumber("pzn", findings=(wrong_check_digit(f"PZN {digits}"),))
    gtin = national.ntin_of_pzn(pzn).zfill(14)
    return ProductNumber(
        "pzn", {"pzn": pzn}, gtin, (names_product("pzn", f"a PZN, the German number {pzn}"),)
    )


def _ndc(text: str, weight: Severity) -> ProductNumber:
    """An NDC with hyphens, or its ten or eleven digits.

    Ten digits are the same in every split, and so is the GTIN that holds them.
    """
    try:
        if "-" in text:
            found: tuple[national.Ndc, ...] = (national.parse_ndc(text),)
        elif len(text) == 10:
            found = national.ndc_candidates(text)
        else:
            found = national.ndc_of_eleven_digits(text)
    except ValueError as fault:
        return ProductNumber("ndc", findings=(wrong_ndc(str(fault)),))
    gtins = {ndc.gtin for ndc in found}
    if len(gtins) != 1:
        why = f"{text} may be any of {', '.join(map(str, found))}" if found else f"{text!r} is none"
        return ProductNumber("ndc", findings=(wrong_ndc(why),))
    gtin = found[0].gtin
    written = str(found[0]) if len(found) == 1 else text
    named = names_product("ndc", f"an NDC, the US number {written}", weight)
    return ProductNumber("ndc", {"ndc": written}, gtin, (named,))


def _wrong_retail(digits: str) -> Finding:
    also = "; it is no UPC-E and no PZN either" if len(digits) == 8 else ""
    expected = f": {check_digit(digits[:-1])} is expected{also}"
    return wrong_check_digit(f"{RETAIL_NAMES[len(digits)]} number {digits}", expected)
