"""What MATCH parameters match: identifiers, pure identity patterns and ranges of packed keys.

A URN, a Digital Link and a canonical key of one thing are one pattern; `urn:epc:idpat:…*` and the
class-level Digital Link are the same class (EPCIS 2.0 section 8.2.7.1.1). A pattern is never turned
into a wildcard of the database's own: `_` and `%` in a serial are just characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from epcis.store.columns import pack_key
from schemas.gs1.epc import canonical_key

_IDENTITY: Final = re.compile(r"urn:epc:(?:id|idpat|pat|class):([a-z]+):(.+)", re.DOTALL)
_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_RANGE_SPAN_MAX: Final = 10_000
"""Widest numeric range a pattern may name."""
_GTIN_FIELDS, _SSCC_FIELDS = 3, 2
_GTIN_DIGITS, _SSCC_DIGITS = 13, 17


class PatternError(ValueError):
    """A pattern that cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyIs:
    """Exactly this thing."""

    key: str


@dataclass(frozen=True, slots=True)
class PackedBetween:
    """Every item whose packed key lies from `low` up to, not including, `high`."""

    low: bytes
    high: bytes


@dataclass(frozen=True, slots=True)
class TextBegins:
    """Every item without a GS1 key whose URI begins so and has no further dot-separated field."""

    prefix: str


Pattern = KeyIs | PackedBetween | TextBegins


def read(text: str) -> tuple[Pattern, ...]:
    """What a MATCH value on instances names; several patterns mean any of them.

    Raises `PatternError` where a pattern is malformed.

    >>> read("urn:epc:id:sgtin:0614141.107346.2018")
    (KeyIs(key='/01/10614141073464/21/2018'),)
    >>> read("urn:epc:idpat:sgtin:0614141.107346.*") == read("https://id.gs1.org/01/10614141073464")
    True
    """
    identity = _IDENTITY.fullmatch(text)
    if identity is None or not _is_pattern(text):
        return _literal(text)
    scheme, rest = identity.groups()
    fields = rest.split(".", _GTIN_FIELDS - 1 if scheme == "sgtin" else -1)
    if scheme == "sgtin" and len(fields) == _GTIN_FIELDS:
        return _sgtin(*fields)
    if scheme == "sscc" and len(fields) == _SSCC_FIELDS:
        return _sscc(*fields)
    return _general(text, fields)


def _is_pattern(text: str) -> bool:
    return "*" in text or _RANGE.search(text) is not None


def _literal(text: str) -> tuple[Pattern, ...]:
    key = canonical_key(text)
    if re.fullmatch(r"/01/\d{14}", key):
        return (*_of_gtins(int(key[4:]), int(key[4:]) + 1), KeyIs(key))
    return (KeyIs(key),)


def _sgtin(company: str, item: str, serial: str) -> tuple[Pattern, ...]:
    if company == "*":
        if item != "*" or serial != "*":
            raise PatternError("after a wildcard every further field must be a wildcard")
        return _of_gtins(0, 10**14)
    if not company.isdigit() or not 6 <= len(company) <= 12:
        raise PatternError(f"'{company}' is no company prefix of 6 to 12 digits")
    width = _GTIN_DIGITS - len(company)
    if item == "*":
        if serial != "*":
            raise PatternError("after a wildcard every further field must be a wildcard")
        return _every_item_of(company, width)
    if not item.isdigit() or len(item) != width:
        raise PatternError(f"item reference '{item}' must have {width} digits here")
    gtin = canonical_key(f"urn:epc:idpat:sgtin:{company}.{item}.*")[4:18]
    if serial == "*":
        number = int(gtin)
        literal = KeyIs(f"/01/{gtin}")
        return (*_of_gtins(number, number + 1), literal)
    stem = f"urn:epc:id:sgtin:{company}.{item}."
    return tuple(KeyIs(canonical_key(stem + one)) for one in _span(serial))


def _every_item_of(company: str, width: int) -> tuple[Pattern, ...]:
    """GTINs of a company prefix: one run of numbers for each indicator digit."""
    found: list[Pattern] = []
    rest = 10**width  # the item reference without indicator, and the check digit
    for indicator in range(10):
        low = int(f"{indicator}{company}") * rest
        found.extend(_of_gtins(low, low + rest))
    return tuple(found)


def _of_gtins(low: int, high: int) -> tuple[Pattern, ...]:
    """Serialised packs with a GTIN from `low` up to, not including, `high`."""
    shapes = (b"\x01", b"\x02")
    return tuple(
        PackedBetween(shape + low.to_bytes(6, "big"), shape + high.to_bytes(6, "big"))
        for shape in shapes
    )


def _sscc(company: str, serial: str) -> tuple[Pattern, ...]:
    if company == "*":
        return (PackedBetween(b"\x03", b"\x04"),)
    width = _SSCC_DIGITS - len(company)
    if not company.isdigit() or not 6 <= len(company) <= 12:
        raise PatternError(f"'{company}' is no company prefix of 6 to 12 digits")
    if serial != "*":
        return tuple(
            KeyIs(canonical_key(f"urn:epc:id:sscc:{company}.{one.zfill(width)}"))
            for one in _span(serial)
        )
    found: list[Pattern] = []
    rest = 10**width
    for extension in range(10):
        low = int(f"{extension}{company}") * rest
        found.append(PackedBetween(_packed_sscc(low), _packed_sscc(low + rest)))
    return tuple(found)


def _packed_sscc(number: int) -> bytes:
    return b"\x03" + number.to_bytes(8, "big")


def _general(text: str, fields: list[str]) -> tuple[Pattern, ...]:
    """A pattern of another scheme: its fixed fields, then anything."""
    first = next(i for i, one in enumerate(fields) if one == "*" or _is_pattern(one))
    if any(one != "*" for one in fields[first:]):
        raise PatternError("after a wildcard every further field must be a wildcard")
    scheme = text.split(":")[3]
    stem = ".".join(fields[:first])
    fixed = f"urn:epc:id:{scheme}:{stem}" + ("." if stem else "")
    class_key = canonical_key(f"urn:epc:idpat:{scheme}:{'.'.join(fields)}")
    found: list[Pattern] = [TextBegins(fixed)]
    if class_key.startswith("/"):
        low = pack_key(class_key)
        found = [KeyIs(class_key), PackedBetween(low, low + b"\xff")]
    return tuple(found)


def _span(serial: str) -> tuple[str, ...]:
    """The serials of a fixed serial or of a numeric range `[low-high]`.

    >>> _span("[8-10]")
    ('8', '9', '10')
    """
    match = _RANGE.fullmatch(serial)
    if match is None:
        return (serial,)
    low, high = int(match[1]), int(match[2])
    if not 0 <= high - low <= _RANGE_SPAN_MAX:
        raise PatternError(
            f"range {serial} must run upwards over at most {_RANGE_SPAN_MAX} serials"
        )
    return tuple(str(one) for one in range(low, high + 1))


def read_class(text: str) -> tuple[Pattern, ...]:
    """What a MATCH value on classes names: a class key, or every class of a wider pattern.

    >>> read_class("urn:epc:idpat:sgtin:0614141.107346.*")
    (KeyIs(key='/01/10614141073464'),)
    """
    identity = _IDENTITY.fullmatch(text)
    if identity is None or not _is_pattern(text) or identity[1] not in ("sgtin", "lgtin"):
        return (KeyIs(canonical_key(text)),)
    scheme, rest = identity.groups()
    fields = rest.split(".", _GTIN_FIELDS - 1)
    if len(fields) != _GTIN_FIELDS:
        raise PatternError(f"'{text}' needs company prefix, item reference and serial or lot")
    company, item, last = fields
    if last != "*":
        raise PatternError("a class pattern ends with a wildcard")
    shape = b"\x05" if scheme == "sgtin" else b"\x06"
    if scheme == "sgtin" and "*" not in (company, item):
        return (KeyIs(canonical_key(text)),)
    return tuple(
        PackedBetween(shape + one.low[1:], shape + one.high[1:])
        for one in _sgtin(company, item, "*")
        if isinstance(one, PackedBetween) and one.low[0] == 1
    )
