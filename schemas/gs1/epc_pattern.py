"""EPC patterns: many things named by one URI, as queries and subscriptions name them.

A pattern is compared with canonical keys, so it finds things captured as a URN and things
captured as a Digital Link alike. Standard: EPC Tag Data Standard section 8, EPCIS 8.2.7.1.1.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.gs1.epc import SHAPES, EpcShape, canonical_key, identify

_RANGE: Final = re.compile(r"\[(\d+)-(\d+)\]")
_URN: Final = re.compile(r"urn:epc:idpat:([a-z]+):(.+)")
_DIGIT_RUN_MAX: Final = 13


class EpcPattern(msgspec.Struct, frozen=True):
    """The canonical keys that a pattern URI matches.

    >>> pattern = parse("urn:epc:idpat:sgtin:9506000.013435.*")
    >>> pattern.key_prefix, pattern.matches("/01/09506000134352/21/A1")
    ('/01/09506000134352/21/', True)
    >>> parse("urn:epc:idpat:sgtin:9506000.*.*").matches("/01/19506000134359/21/A1")
    True
    """

    uri: str
    key_prefix: str
    """What every matching key begins with; narrows a search before `matches` decides."""
    regex: str
    """A regular expression that matching keys match whole."""
    ranges: tuple[tuple[int, int], ...] = ()
    """Bounds of the regex's groups, both included."""

    def matches(self, key: str) -> bool:
        """Whether the thing with this canonical key is one of those the pattern names."""
        found = re.fullmatch(self.regex, key)
        if found is None:
            return False
        numbers = zip(found.groups(), self.ranges, strict=True)
        return all(low <= int(number) <= high for number, (low, high) in numbers)


def parse(uri: str) -> EpcPattern | None:
    """The pattern that a URI of a query stands for; None where the URI breaks the grammar.

    A pure pattern (`urn:epc:idpat:`) may have `*` from some part on and `[low-high]` for a serial.
    Any other URI is the pattern of its one thing; a GTIN stands for all its serials too.

    >>> parse("urn:epc:idpat:sgtin:9506000.013435.[10-20]").matches("/01/09506000134352/21/15")
    True
    >>> parse("https://id.gs1.org/01/09506000134352").matches("/01/09506000134352/21/15")
    True
    """
    shape_of = _URN.fullmatch(uri)
    if shape_of is None:
        return _of_one_thing(uri)
    shape = SHAPES.get(shape_of[1])
    if shape is None:
        return None
    width = shape.parts + (1 if shape.serial else 0)
    parts = shape_of[2].split(".", width - 1)
    stars = parts.count("*")
    if len(parts) != width or parts[width - stars :] != ["*"] * stars:
        return None
    if stars == width:
        return EpcPattern(uri, f"/{shape.ai}/", re.escape(f"/{shape.ai}/") + ".+")
    if stars >= (2 if shape.serial else 1):
        return _of_company(uri, shape, parts[0])
    return _of_class(uri, shape, parts)


def _of_one_thing(uri: str) -> EpcPattern:
    thing = identify(uri)
    if thing.is_class and thing.scheme in ("gtin", "itip", "cpi"):
        return EpcPattern(uri, thing.key, re.escape(thing.key) + "(?:/.*)?")
    if thing.is_class and thing.scheme in ("grai", "gdti", "sgcn"):
        return EpcPattern(uri, thing.key, re.escape(thing.key) + ".*")
    return EpcPattern(uri, thing.key, re.escape(thing.key))


def _of_company(uri: str, shape: EpcShape, prefix: str) -> EpcPattern | None:
    """All things of one company prefix; an indicator digit before it may be any."""
    if not (prefix.isascii() and prefix.isdigit() and len(prefix) <= _DIGIT_RUN_MAX):
        return None
    head = f"/{shape.ai}/{shape.head}"
    start = re.escape(head) + (r"\d" if shape.indicator else "") + prefix
    known = head if shape.indicator else head + prefix
    if not shape.serial or shape.serial == "+":
        return EpcPattern(uri, known, start + "[^/]*")
    tail = f"/{shape.serial}/[^/]+"
    return EpcPattern(
        uri, known, f"{start}[^/]*" + (f"(?:{tail})?" if shape.serial_optional else tail)
    )


def _of_class(uri: str, shape: EpcShape, parts: list[str]) -> EpcPattern | None:
    serial = parts[-1] if shape.serial else ""
    limits = _RANGE.fullmatch(serial)
    exact = uri.replace(":idpat:", ":id:", 1)
    if not shape.serial or not (serial == "*" or limits):
        key = canonical_key(exact)
        return EpcPattern(uri, key, re.escape(key)) if key.startswith("/") else None
    # A serial that no real key has marks where the class part of the key ends.
    key = canonical_key(exact[: -len(serial)] + "1")
    if not key.startswith("/"):
        return None
    before = key[:-1]
    if limits:
        bounds = ((int(limits[1]), int(limits[2])),)
        return EpcPattern(uri, before, re.escape(before) + r"(\d{1,20})", bounds)
    if shape.serial_optional:
        bare = before.removesuffix(f"/{shape.serial}/")
        return EpcPattern(uri, bare, re.escape(bare) + f"(?:/{shape.serial}/.+)?")
    return EpcPattern(uri, before, re.escape(before) + ".+")
