"""The XML that some scanners write for German packs instead of the symbol's own text.

`<Content dfi="IFA"><PPN>…</PPN><LOT>…</LOT><EXP>…</EXP><SN>…</SN></Content>`, and the same with a
GTIN for packs in GS1 format. Source: IFA coding specification, appendix C.
No XML parser is needed or used: the elements hold plain text and do not nest.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from schemas.gs1 import ai, envelope
from schemas.gs1.element_string import GS

_START: Final = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<content\b", re.IGNORECASE)
_FIELD: Final = re.compile(r"<(\w+)>([^<]*)</\1\s*>", re.ASCII)
_BY_DATA_IDENTIFIER: Final = {
    "PPN": "9N",
    "GTIN": "8P",
    "NTIN": "8P",
    "LOT": "1T",
    "EXP": "D",
    "SN": "S",
    "MFD": "16D",
}
_BY_APPLICATION_IDENTIFIER: Final = {
    "GTIN": "01",
    "NTIN": "01",
    "SN": "21",
    "EXP": "17",
    "LOT": "10",
    "MFD": "11",
}
FIELDS_MAX: Final = 50
"""Most elements that are read from one text."""


def is_scanner_xml(text: str) -> bool:
    """Whether a text begins like a scanner's XML.

    >>> is_scanner_xml('<Content dfi="IFA">'), is_scanner_xml("<html>")
    (True, False)
    """
    return text[:1] in ("<", " ", "\t") and _START.match(text) is not None


def parse(text: str) -> str:
    r"""The text of the symbol that the XML stands for: an envelope with a PPN, or GS1 elements.

    >>> parse("<Content><PPN>110375286414</PPN><SN>A1</SN></Content>")
    '[)>\x1e06\x1d9N110375286414\x1dSA1\x1e\x04'
    >>> parse("<Content><GTIN>09506000134352</GTIN><SN>A1</SN></Content>")
    '010950600013435221A1'
    """
    fields = [(m[1].upper(), unescape(m[2]).strip()) for m in _FIELD.finditer(text)][:FIELDS_MAX]
    if any(name == "PPN" for name, _ in fields):
        known = _BY_DATA_IDENTIFIER
        return envelope.write(known[n] + _value(n, v) for n, v in fields if n in known)
    parts = []
    for name, value in fields:
        code = _BY_APPLICATION_IDENTIFIER.get(name)
        identifier = ai.lookup(code) if code else None
        if identifier is not None:
            data = value.zfill(14) if identifier.code == "01" else _value(name, value)
            parts.append(identifier.code + data + ("" if identifier.predefined else GS))
    return "".join(parts).removesuffix(GS)


def _value(name: str, value: str) -> str:
    """The data as a symbol holds it: an expiry has two digits for its year."""
    digits = value.replace("-", "")
    long = name == "EXP" and len(digits) == 8 and digits.isascii() and digits.isdigit()
    return digits[2:] if long else value
