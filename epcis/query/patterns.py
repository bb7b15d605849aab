"""What MATCH parameters match: identifiers, pure identity patterns and ranges of packed keys.

A URN, a Digital Link and a canonical key of one thing are one pattern; `urn:epc:idpat:…*` and the
class-level Digital Link are the same class (EPCIS 2.0 section 8.2.7.1.1). A pattern is never turned
into a wildcard of the database's own: `_` and `%` in a serial are just characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from epcis.database.columns import pack_key
from schemas.gs1.epc import SHAPES, EpcShape, canonical_key, identify

_IDENTITY: Final = re.compile(r"urn:epc:(?:id|idpat|pat|class):([a-z]+):(.+)", re.DOTALL)
_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_RANGE_SPAN_MAX: Final = 10_000
"""Widest numeric range a pattern may name."""
_GTIN_FIELDS, _WITH_REFERENCE = 3, 2
_GTIN_DIGITS, _SSCC_DIGITS, _GLN_DIGITS = 13, 17, 13
_AFTER_WILDCARD: Final = "after a wildcard every further field must be a wildcard"


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
    """Every thing whose key is kept as text and begins so."""

    prefix: str


Pattern = KeyIs | PackedBetween | TextBegins


def read(text: str) -> tuple[Pattern, ...]:
    """What a MATCH value on instances names; several patterns mean any of them.

    Raises `PatternError` where a pattern is malformed.

    >>> read("urn:epc:id:sgtin:0614141.107346.2018")
    (KeyIs(key='/01/10614141073464/21/2018'),)
    >>> read("urn:epc:idpat:sgtin:0614141.107346.*") == read("https://id.gs1.org/01/10614141073464")
    True
    >>> read("urn:epc:idpat:giai:0614141.*")
    (TextBegins(prefix='/8004/0614141'),)
    """
    identity = _IDENTITY.fullmatch(text)
    if identity is None or not _is_pattern(text):
        return _literal(text)
    scheme, rest = identity.groups()
    shape = SHAPES.get(scheme)
    width = shape.parts + bool(shape.serial) if shape else 0
    fields = rest.split(".", width - 1)
    if shape is not None and len(fields) != width:
        raise PatternError(f"'{text[:200]}' must have {width} fields")
    if scheme == "sgtin":
        return _sgtin(*fields)
    if scheme == "sscc":
        return _sscc(*fields)
    return _general(scheme, shape, fields)


def _is_pattern(text: str) -> bool:
    return "*" in text or _RANGE.search(text) is not None


def _literal(text: str) -> tuple[Pattern, ...]:
    thing = identify(text)
    return _all_of(thing.key) if thing.is_class else (KeyIs(thing.key),)


def _all_of(class_key: str) -> tuple[Pattern, ...]:
    """A class by its key, and every thing of it."""
    _, ai, number, *lot = class_key.split("/")
    if lot:
        return (KeyIs(class_key),)
    if ai == "01":
        return (*_of_gtins(int(number), int(number) + 1), KeyIs(class_key))
    if ai == "414":
        low = pack_key(class_key)
        return (KeyIs(class_key), PackedBetween(low, low + b"\xff"))
    if ai == "8010":  # a part number has no fixed length, so its end is looked for as well
        return (KeyIs(class_key), TextBegins(f"{class_key}/8011/"))
    return (TextBegins(class_key),)


def _sgtin(company: str, item: str, serial: str) -> tuple[Pattern, ...]:
    if company == "*":
        if item != "*" or serial != "*":
            raise PatternError(_AFTER_WILDCARD)
        return _of_gtins(0, 10**14)
    _check_company(company)
    if item == "*":
        if serial != "*":
            raise PatternError(_AFTER_WILDCARD)
        return _every_item_of(company, _GTIN_DIGITS - len(company))
    gtin = _gtin(company, item)
    if serial == "*":
        return _all_of(f"/01/{gtin}")
    stem = f"urn:epc:id:sgtin:{company}.{item}."
    return tuple(KeyIs(canonical_key(stem + one)) for one in _span(serial))


def _check_company(company: str) -> None:
    if not company.isdigit() or not 6 <= len(company) <= 12:
        raise PatternError(f"'{company}' is no company prefix of 6 to 12 digits")


def _gtin(company: str, item: str) -> str:
    width = _GTIN_DIGITS - len(company)
    if not item.isdigit() or len(item) != width:
        raise PatternError(f"item reference '{item}' must have {width} digits here")
    return canonical_key(f"urn:epc:idpat:sgtin:{company}.{item}.*")[4:18]


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
        if serial != "*":
            raise PatternError(_AFTER_WILDCARD)
        return (PackedBetween(b"\x03", b"\x04"),)
    _check_company(company)
    width = _SSCC_DIGITS - len(company)
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


def _general(scheme: str, shape: EpcShape | None, fields: list[str]) -> tuple[Pattern, ...]:
    """A pattern of another scheme: its fixed fields, then anything."""
    first = next(i for i, one in enumerate(fields) if _is_pattern(one))
    if first == len(fields) - 1 and fields[first] != "*":
        stem = f"urn:epc:id:{scheme}:" + "".join(f"{one}." for one in fields[:-1])
        return tuple(KeyIs(canonical_key(stem + one)) for one in _span(fields[-1]))
    if any(one != "*" for one in fields[first:]):
        raise PatternError(_AFTER_WILDCARD)
    if shape is None:
        return (TextBegins(f"urn:epc:id:{scheme}:" + "".join(f"{one}." for one in fields[:first])),)
    if first:
        _check_company(fields[0])
    if first < _WITH_REFERENCE:
        digits = "0123456789" if first and shape.indicator else ("",)
        return tuple(_begins(shape, digit + "".join(fields[:first])) for digit in digits)
    if scheme in ("itip", "upui"):  # a GTIN, then what tells the thing
        gtin = _gtin(fields[0], fields[1])
        end = "/235/" if scheme == "upui" else "".join(fields[2:first])
        return (TextBegins(f"/{shape.ai}/{gtin}{end}"),)
    class_key = canonical_key(f"urn:epc:idpat:{scheme}:{'.'.join(fields)}")
    if not class_key.startswith("/"):
        raise PatternError(f"'{fields[0]}.{fields[1]}' has not the digits of an {scheme.upper()}")
    return _all_of(class_key)


def _begins(shape: EpcShape, digits: str) -> Pattern:
    """Every thing of a scheme whose number begins so."""
    if shape.ai != "414":
        return TextBegins(f"/{shape.ai}/{shape.head}{digits}")
    low, rest = int(digits.ljust(_GLN_DIGITS, "0")), 10 ** (_GLN_DIGITS - len(digits))
    ends = (b"\x04" + one.to_bytes(6, "big") for one in (low, low + rest))
    return PackedBetween(*ends)


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
    if identity is None or not _is_pattern(text):
        return (KeyIs(canonical_key(text)),)
    scheme, rest = identity.groups()
    if scheme not in ("sgtin", "lgtin", "upui"):
        return read(text)
    fields = rest.split(".", _GTIN_FIELDS - 1)
    if len(fields) != _GTIN_FIELDS:
        raise PatternError(f"'{text[:200]}' must have {_GTIN_FIELDS} fields")
    company, item, last = fields
    if last != "*":
        raise PatternError("a class pattern ends with a wildcard")
    if scheme != "lgtin" and "*" not in (company, item):
        return (KeyIs(f"/01/{_gtin(company, item)}"),)
    shape = b"\x06" if scheme == "lgtin" else b"\x05"
    return tuple(
        PackedBetween(shape + one.low[1:], shape + one.high[1:])
        for one in _sgtin(company, item, "*")
        if isinstance(one, PackedBetween) and one.low[0] == 1
    )
