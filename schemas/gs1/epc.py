"""EPC URIs and Digital Links of one thing under one key.

The canonical key is the path of the thing's Digital Link, `/01/{gtin14}/21/{serial}`: it is the
same whichever way a partner wrote the identifier and needs no company-prefix length, because a
URN's parts join to the number that a Digital Link shows. Writing a URN needs the length; where it
is unknown, no URN is made up.
Standard: GS1 EPC Tag Data Standard sections 6 to 8, GS1 Digital Link URI Syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

import msgspec

from schemas.gs1.content_rules import check_digit
from schemas.gs1.digital_link import RESOLVER, key_path

PrefixLength: TypeAlias = Callable[[str], int | None]
"""Length of the GS1 Company Prefix that a number begins with; None where unknown."""

HEADS_CACHED_MAX: Final = 100_000
"""Most URNs and links up to the serial for which the canonical key's part is cached."""
IDENTIFIERS_CACHED_MAX: Final = 16_384
"""Most URIs whose identifier is cached; places and classes repeat in event after event."""
_URN: Final = re.compile(r"urn:epc:(id|idpat|class):([a-z]+):(.+)", re.DOTALL)
_URN_UNSAFE: Final = {ord(c): f"%{ord(c):02X}" for c in '"%&/<>?#'}


class EpcShape(msgspec.Struct, frozen=True):
    """How the parts of a URN scheme join to a key."""

    ai: str
    digits: int
    """Digits of company prefix and reference together; 0 where their number varies."""
    indicator: bool = False
    """The reference begins with a digit that moves before the company prefix."""
    serial: str = ""
    """Where the last part goes: a qualifier's AI, `+` behind the number, or nowhere."""
    serial_optional: bool = False
    head: str = ""
    """Digits before the number, as the 0 of a GRAI."""
    check: bool = True
    parts: int = 2
    """Number of parts before the serial."""


SHAPES: Final[dict[str, EpcShape]] = {
    "sgtin": EpcShape("01", 13, indicator=True, serial="21"),
    "lgtin": EpcShape("01", 13, indicator=True, serial="10"),
    "upui": EpcShape("01", 13, indicator=True, serial="235"),
    "itip": EpcShape("8006", 13, indicator=True, serial="21", parts=4),
    "sscc": EpcShape("00", 17, indicator=True),
    "sgln": EpcShape("414", 12, serial="254", serial_optional=True),
    "pgln": EpcShape("417", 12),
    "grai": EpcShape("8003", 12, serial="+", head="0"),
    "giai": EpcShape("8004", 0, check=False),
    "gsrn": EpcShape("8018", 17),
    "gsrnp": EpcShape("8017", 17),
    "gdti": EpcShape("253", 12, serial="+"),
    "sgcn": EpcShape("255", 12, serial="+"),
    "cpi": EpcShape("8010", 0, serial="8011", check=False),
    "ginc": EpcShape("401", 0, check=False),
    "gsin": EpcShape("402", 16),
}
"""Every EPC scheme of GS1 keys."""

_CLASS_SCHEMES = frozenset({"lgtin"})
_heads: dict[str, str] = {}
"""URN up to the serial: the matching part of the canonical key."""
_link_heads: dict[str, str] = {}
"""Digital Link up to the serial: the matching part of the canonical key."""


class Identifier(msgspec.Struct, frozen=True):
    """What a URI of an event identifies.

    >>> thing = identify("https://id.gs1.org/01/09506000134352/21/A1")
    >>> thing.scheme, thing.key, thing.is_class
    ('sgtin', '/01/09506000134352/21/A1', False)
    >>> thing.to_urn(lambda number: 7)
    'urn:epc:id:sgtin:9506000.013435.A1'
    """

    uri: str
    scheme: str
    """The EPC scheme (`sgtin`, `sscc`, …), `gtin` for a bare GTIN; empty without a GS1 key."""
    key: str
    """The canonical key; the URI itself without a GS1 key."""
    is_class: bool = False
    """It names a kind or lot of things rather than one thing."""
    is_pattern: bool = False
    """It is an `urn:epc:idpat:` pattern."""
    prefix_length: int | None = None
    """Digits of the company prefix, where the URI shows it."""

    def to_digital_link(self, domain: str = RESOLVER) -> str | None:
        """The canonical Digital Link, or None without a GS1 key.

        >>> identify("urn:epc:id:sscc:9506000.1123456789").to_digital_link()
        'https://id.gs1.org/00/195060001234567890'
        """
        return domain + self.key if self.key.startswith("/") else None

    def to_urn(self, prefix_length: PrefixLength | None = None) -> str | None:
        """The EPC URI, or None where the company-prefix length is unknown or no URN exists."""
        if not self.key.startswith("/"):
            return self.uri if self.uri.startswith("urn:") else None
        return _urn_of(self, prefix_length)


def canonical_key(uri: str) -> str:
    """The one key of a thing, however its identifier is written.

    >>> canonical_key("urn:epc:id:sgtin:9506000.013435.A%2F1")
    '/01/09506000134352/21/A%2F1'
    >>> canonical_key("https://shop.example/x/gtin/9506000134352/ser/A%2F1?17=270531")
    '/01/09506000134352/21/A%2F1'
    >>> canonical_key("urn:epc:class:lgtin:9506000.013435.L1")
    '/01/09506000134352/10/L1'
    >>> canonical_key("urn:uuid:9a…")
    'urn:uuid:9a…'
    """
    if uri.startswith("urn:epc:id:sgtin:"):
        # By far the most common case; the class part is computed once for each product.
        prefix, _, rest = uri.partition(".")
        reference, _, serial = rest.partition(".")
        head = _heads.get(f"{prefix}.{reference}")
        if head is not None and serial:
            return head + (serial if serial.isalnum() and serial.isascii() else _recoded(serial))
    head, mark, serial = uri.partition("/21/")
    known = _link_heads.get(head) if mark else None
    if known is not None and serial.isalnum() and serial.isascii() and len(serial) <= 20:
        return known + serial
    return identify(uri).key


def _recoded(serial: str) -> str:
    return quote(unquote(serial), safe="")


@lru_cache(maxsize=IDENTIFIERS_CACHED_MAX)
def identify(uri: str) -> Identifier:
    """What a URN or Digital Link identifies; a URI without a GS1 key identifies itself.

    >>> thing = identify("urn:epc:idpat:sgtin:9506000.013435.*")
    >>> thing.scheme, thing.key, thing.is_class, thing.prefix_length
    ('gtin', '/01/09506000134352', True, 7)
    """
    if uri.startswith("urn:epc:"):
        found = _from_urn(uri)
    elif uri[:4].lower() == "http":
        found = _from_link(uri)
    else:
        found = None
    return found or Identifier(uri, "", uri, is_pattern=uri.startswith("urn:epc:idpat:"))


def _from_urn(uri: str) -> Identifier | None:
    urn = _URN.fullmatch(uri)
    shape = SHAPES.get(urn[2]) if urn else None
    if urn is None or shape is None:
        return None
    kind, scheme, body = urn.groups()
    width = shape.parts + (1 if shape.serial else 0)
    parts = body.split(".", width - 1)
    if len(parts) != width or not _is_number(parts[0]):
        return None
    serial = parts.pop() if shape.serial else None
    if kind == "idpat":
        return _from_pattern(uri, scheme, shape, parts, serial)
    number = _number(shape, parts)
    if number is None or serial == "":
        return None
    head = f"/{shape.ai}/{number}"
    if scheme == "sgtin" and len(_heads) < HEADS_CACHED_MAX:
        _heads[uri[: uri.index(".", uri.index(".") + 1)]] = f"{head}/21/"
    key = head + _tail(shape, serial)
    return Identifier(
        uri, scheme, key, is_class=scheme in _CLASS_SCHEMES, prefix_length=len(parts[0])
    )


def _from_pattern(
    uri: str, scheme: str, shape: EpcShape, parts: list[str], serial: str | None
) -> Identifier | None:
    number = _number(shape, parts)
    if number is None:
        return None
    if serial == "*":
        kind = "gtin" if shape.ai == "01" else scheme
        key, is_class = f"/{shape.ai}/{number}", True
    else:
        kind, key, is_class = scheme, f"/{shape.ai}/{number}{_tail(shape, serial)}", False
    return Identifier(uri, kind, key, is_class, is_pattern=True, prefix_length=len(parts[0]))


def _tail(shape: EpcShape, serial: str | None) -> str:
    if serial is None or (shape.serial_optional and serial == "0"):
        return ""
    text = serial if serial.isalnum() and serial.isascii() else _recoded(serial)
    return text if shape.serial == "+" else f"/{shape.serial}/{text}"


def _number(shape: EpcShape, parts: list[str]) -> str | None:
    """The key's number from a URN's parts, with its check digit; None where they do not fit."""
    prefix, reference, *pieces = [*parts, ""] if len(parts) == 1 else parts
    if not shape.digits:
        text = prefix + unquote(reference)
        return quote(text, safe="") if reference else None
    digits = reference[:1] + prefix + reference[1:] if shape.indicator else prefix + reference
    if len(digits) != shape.digits or not _is_number(digits) or not all(map(_is_number, pieces)):
        return None
    return shape.head + digits + check_digit(digits) + "".join(pieces)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _from_link(uri: str) -> Identifier | None:
    found = key_path(uri)
    if found is None:
        return None
    scheme, key, is_class = found
    head, mark, _ = uri.partition("/21/")
    simple = scheme == "sgtin" and mark and not set("?#") & set(head)
    if simple and len(_link_heads) < HEADS_CACHED_MAX:
        _link_heads[head] = key[: key.index("/21/") + 4]
    return Identifier(uri, scheme, key, is_class)


def _urn_of(thing: Identifier, prefix_length: PrefixLength | None) -> str | None:
    scheme = "sgtin" if thing.scheme == "gtin" else thing.scheme
    shape = SHAPES.get(scheme)
    if shape is None:
        return None
    segments = thing.key.split("/")
    number = unquote(segments[2]).removeprefix(shape.head)
    digits = number[1:] if shape.indicator else number
    length = thing.prefix_length or (prefix_length(digits) if prefix_length else None)
    if length is None:
        return None
    kind = "idpat" if thing.is_class and scheme != "lgtin" else "class" if thing.is_class else "id"
    tail = _urn_serial(thing, shape, number, segments)
    return f"urn:epc:{kind}:{scheme}:{_urn_number(shape, number, length)}{tail}"


def _urn_number(shape: EpcShape, number: str, length: int) -> str:
    if not shape.digits:
        return f"{number[:length]}.{number[length:].translate(_URN_UNSAFE)}"
    if not shape.indicator:
        return f"{number[:length]}.{number[length : shape.digits]}"
    parts = f"{number[1 : 1 + length]}.{number[0]}{number[1 + length : shape.digits]}"
    return parts if shape.parts == 2 else f"{parts}.{number[14:16]}.{number[16:18]}"


def _urn_serial(thing: Identifier, shape: EpcShape, number: str, segments: list[str]) -> str:
    if shape.serial == "+":
        serial = number[shape.digits + 1 :]
    elif shape.serial:
        serial = unquote(segments[4]) if len(segments) > 4 else ""
    else:
        return ""
    if not serial:
        return ".*" if thing.is_class else ".0"
    return "." + serial.translate(_URN_UNSAFE)
