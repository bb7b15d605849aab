"""What a file is, by its first bytes: XML or JSON, which EPCIS version, packed or plain.

>>> str(sniff(b'{"type": "EPCISDocument"}').syntax)
'json-ld'
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from epcis.codec.namespaces import OF_EPCIS, VERSION_2
from schemas.finding import Finding, Severity

SNIFF_BYTES: Final = 4096
"""Enough of a file to tell what it is; a long comment may hide the root element from it."""


class Syntax(StrEnum):
    """The syntaxes Packtrail writes; 1.2 stands for 1.0 and 1.1 too."""

    XML_1_2 = "xml-1.2"
    XML_2_0 = "xml-2.0"
    JSON_LD = "json-ld"


class Packing(StrEnum):
    """How a file is packed."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes tell; `syntax` is None for packed files, to be looked into."""

    packing: Packing
    encoding: str = "utf-8"
    """The encoding of the bytes; XML in an 8-bit encoding names it itself."""
    syntax: Syntax | None = None
    root: str = ""
    """Local name of an XML root element."""
    namespace: str = ""


_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_WITHOUT_BOM: Final = (
    (re.compile(rb"[<{\[\s]\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"\x00\x00\x00[<{\[\s]"), "utf-32-be"),
    (re.compile(rb"[<{\[\s]\x00"), "utf-16-le"),
    (re.compile(rb"\x00[<{\[\s]"), "utf-16-be"),
)
ROOT_TAG: Final = re.compile(
    r"""<(?:(?P<prefix>[^\s<>/:!?"'&=]+):)?(?P<name>[^\s<>/:!?"'&=]+)"""
    r"""(?P<attributes>(?:\s+[^\s<>="']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*/?>"""
)
_BEFORE_ROOT: Final = re.compile(r"<\?.*?\?>|<!--.*?-->|<![A-Z][^<>\[]*>|\s+", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"""([^\s<>="']+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')""")


def sniff(first: bytes) -> Sniffed | Finding:
    """What a file is by its first bytes (some `SNIFF_BYTES`), or a finding that says it is nothing.

    >>> sniff(b"hello").code
    'document.unknown-format'
    >>> sniff(bytes([31, 139, 8])).packing.value
    'gzip'
    """
    if first[:2] == b"\x1f\x8b":
        return Sniffed(Packing.GZIP)
    if first[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Sniffed(Packing.ZIP)
    encoding = encoding_of(first)
    usable = len(first) - len(first) % 4 if encoding[:6] in ("utf-16", "utf-32") else len(first)
    text = first[:usable].decode(
        "latin-1" if encoding in ("utf-8", "utf-8-sig") else encoding, errors="replace"
    )
    start = text.removeprefix("\u00ef\u00bb\u00bf").lstrip()
    if start.startswith(("{", "[")):
        return Sniffed(Packing.PLAIN, encoding, Syntax.JSON_LD)
    if start.startswith("<"):
        return _sniff_xml(start, encoding)
    if not start:
        return Finding(
            "document.empty", Severity.ERROR, "the file is empty", "Send the document itself."
        )
    return Finding(
        "document.unknown-format",
        Severity.ERROR,
        "this is neither XML nor JSON",
        "Send an EPCIS document as XML or JSON-LD, plain or packed with gzip or zip.",
    )


def encoding_of(first: bytes) -> str:
    """The encoding of XML or JSON by byte order mark or zero bytes; `utf-8` stands for all 8-bit.

    >>> encoding_of("<a/>".encode("utf-16-be"))
    'utf-16-be'
    """
    for mark, encoding in _BOMS:
        if first.startswith(mark):
            return encoding
    for pattern, encoding in _WITHOUT_BOM:
        if pattern.match(first):
            return encoding
    return "utf-8"


def _sniff_xml(text: str, encoding: str) -> Sniffed:
    at = 0
    while gap := _BEFORE_ROOT.match(text, at):
        at = gap.end()
    found = ROOT_TAG.match(text, at)
    if found is None:
        return Sniffed(Packing.PLAIN, encoding, Syntax.XML_1_2)
    attributes = {
        name: double or single for name, double, single in _ATTRIBUTE.findall(found["attributes"])
    }
    prefix = found["prefix"]
    namespace = attributes.get(f"xmlns:{prefix}" if prefix else "xmlns", "")
    is_2 = namespace in VERSION_2 or (
        namespace not in OF_EPCIS and attributes.get("schemaVersion", "").startswith("2")
    )
    syntax = Syntax.XML_2_0 if is_2 else Syntax.XML_1_2
    return Sniffed(Packing.PLAIN, encoding, syntax, found["name"], namespace)
