"""GS1 Digital Link URIs: web addresses that carry GS1 keys.

Any domain and any path before the key are allowed, keys may be spelled as numbers (`/01/`) or by
their old convenience names (`/gtin/`), and a GTIN may have 8, 12, 13 or 14 digits.
Standard: GS1 Digital Link: URI Syntax, release 1.4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from schemas.finding import Finding, Severity, Where
from schemas.gs1 import ai, compressed_link
from schemas.gs1.element_string import Element, ElementString, associations, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RESOLVER: Final = "https://id.gs1.org"
"""The domain of canonical Digital Links."""
URI_LENGTH_MAX: Final = 8000
SEGMENTS_MAX: Final = 100
"""Most segments of a path that is parsed; a key with all qualifiers has eight."""
ATTRIBUTES_MAX: Final = 200
"""Most parameters of a query that is parsed."""
CONVENIENCE_NAMES: Final = {
    "gtin": "01",
    "itip": "8006",
    "gmn": "8013",
    "cpid": "8010",
    "gln": "414",
    "payto": "415",
    "party": "417",
    "gsrnp": "8017",
    "gsrn": "8018",
    "gcn": "255",
    "sscc": "00",
    "gdti": "253",
    "ginc": "401",
    "gsin": "402",
    "grai": "8003",
    "giai": "8004",
    "cpv": "22",
    "lot": "10",
    "ser": "21",
    "tpx": "235",
    "cpsn": "8011",
    "glnx": "254",
    "refno": "8020",
    "srin": "8019",
}
"""Names that the standard allowed in paths for Application Identifiers until release 1.2."""
_NOT_OF_URIS: Final = re.compile(
    r"[^A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]|%(?![0-9A-Fa-f]{2})", re.ASCII
)
"""Characters and broken escapes that RFC 3986 does not know."""
_ATTRIBUTE_NAMES: Final = {"exp": "17", "expdt": "7003"}
_QUALIFIERS: Final = frozenset({"10", "21", "22", "235", "254", "7040", "8011", "8019", "8020"})
_SCHEME_OF = {
    "00": "sscc", "01": "gtin", "253": "gdti", "255": "sgcn", "401": "ginc", "402": "gsin",
    "414": "sgln", "417": "pgln", "8003": "grai", "8004": "giai", "8006": "itip", "8010": "cpi",
    "8017": "gsrnp", "8018": "gsrn",
}  # fmt: skip
_NUMBER_LENGTH = {"253": 13, "255": 13, "8003": 14}
"""Keys with a serial in the same field: the length without it."""


def parse(uri: str) -> ElementString:
    """The elements a Digital Link carries: key, qualifiers, attributes.

    >>> parse("https://example.com/some/path/01/9506000134352/10/A1?17=270531").as_dict()
    {'01': '09506000134352', '10': 'A1', '17': '270531'}
    """
    findings: list[Finding] = []
    if len(uri) > URI_LENGTH_MAX:
        return ElementString((), (_not_a_link(f"longer than {URI_LENGTH_MAX} characters"),))
    stranger = _NOT_OF_URIS.search(uri)
    if stranger is not None:
        why = f"{stranger[0]!r} at character {stranger.start()} may not stand in a web address"
        return ElementString((), (_not_a_link(why),))
    try:
        split = urlsplit(uri)
    except ValueError as fault:
        return ElementString((), (_not_a_link(str(fault)),))
    named = _named(split.path)
    if named is None:
        return ElementString((), (_not_a_link("no GS1 key in its path"),))
    findings += _order(named)
    named += _attributes(split.query, findings)
    elements = [Element(code, value, max(uri.find(value), 0)) for code, value in named]
    findings += _refusals(elements)
    findings += associations(elements, whole_item=True)
    return ElementString(tuple(elements), tuple(findings))


def _refusals(elements: list[Element]) -> list[Finding]:
    found = []
    for element in elements:
        identifier = ai.lookup(element.ai)
        if identifier is not None and not identifier.accepts(element.value):
            found.append(refusal(identifier, element.value, element.position))
    return found


def _key_pairs(path: str) -> list[tuple[str, str]] | None:
    """(AI, value as written) from the primary key on; None where the path has no key.

    The search goes from the right, because the path before the key is the owner's own.
    """
    segments = path.rstrip("/").split("/")
    start = len(segments) - 2
    if len(segments) > SEGMENTS_MAX:
        return None
    while start >= 1:
        code = _code(segments[start])
        identifier = ai.lookup(code) if code else None
        if identifier is None or not code:
            return None
        if identifier.qualifiers is not None:
            named = segments[start::2]
            return [
                (_code(name), value)
                for name, value in zip(named, segments[start + 1 :: 2], strict=True)
            ]
        start -= 2
    return None


def _named(path: str) -> list[tuple[str, str]] | None:
    """(AI, value) of key and what follows it, compressed or not; None where there is no key."""
    pairs = _key_pairs(path)
    if pairs is not None:
        return [(code, _padded(code, unquote(value))) for code, value in pairs]
    before, _, segment = path.rstrip("/").rpartition("/")
    # The key may come uncompressed before the compressed rest.
    key = _key_pairs(before)
    if key is None and len(segment) < compressed_link.SEGMENT_LENGTH_MIN:
        return None
    try:
        packed = compressed_link.decompress(segment)
    except ValueError:
        return None
    found = [(code, _padded(code, unquote(value))) for code, value in key or ()] + packed
    sound = all((known := ai.lookup(c)) is not None and known.accepts(v) for c, v in found)
    return _key_first(found) if sound else None


def _key_first(found: list[tuple[str, str]]) -> list[tuple[str, str]] | None:
    values = dict(found)
    try:
        codes = _path_codes(values)
    except ValueError:
        return None
    return [(code, values[code]) for code in [*codes, *(c for c in values if c not in codes)]]


def _code(segment: str) -> str:
    if segment.isdigit() and segment.isascii():
        return segment
    return CONVENIENCE_NAMES.get(segment, "")


def _padded(code: str, value: str) -> str:
    return value.zfill(14) if code in ("01", "02") and len(value) in (8, 12, 13) else value


def _order(pairs: list[tuple[str, str]]) -> list[Finding]:
    key, *others = [code for code, _ in pairs]
    # A compressed link holds attributes of the item beside its qualifiers.
    qualifiers = [code for code in others if not _is_attribute(code)]
    identifier = ai.lookup(key)
    sequences = (identifier.qualifiers if identifier else None) or ()
    if any(_is_subsequence(qualifiers, sequence) for sequence in sequences):
        return []
    return [
        Finding(
            "link.qualifiers",
            Severity.ERROR,
            f"({key}) may not be followed by {', '.join(f'({code})' for code in qualifiers)}",
            "Qualifiers stand in the order 22, 10, 21; other data goes behind the question mark.",
            Where(path="path"),
        )
    ]


def _is_attribute(code: str) -> bool:
    identifier = ai.lookup(code)
    return identifier is not None and identifier.attribute and code not in _QUALIFIERS


def _is_subsequence(codes: list[str], sequence: tuple[str, ...]) -> bool:
    rest = iter(sequence)
    return all(code in rest for code in codes)


def _attributes(query: str, findings: list[Finding]) -> list[tuple[str, str]]:
    found = []
    fields = query.replace(";", "&").split("&", ATTRIBUTES_MAX)
    if len(fields) > ATTRIBUTES_MAX:
        findings.append(_too_many_attributes())
        fields.pop()
    for name, value in parse_qsl("&".join(fields), keep_blank_values=True):
        code = _ATTRIBUTE_NAMES.get(name, name)
        if not (code.isdigit() and code.isascii()):
            continue
        identifier = ai.lookup(code)
        if identifier is None or not identifier.attribute:
            findings.append(_no_attribute(code))
        else:
            found.append((code, _padded(code, value)))
    return found


def _too_many_attributes() -> Finding:
    return Finding(
        "link.too-many",
        Severity.ERROR,
        f"the query has more than {ATTRIBUTES_MAX} parameters",
        "This is not the Digital Link of an item.",
        Where(path="query"),
    )


def _no_attribute(code: str) -> Finding:
    return Finding(
        "link.attribute",
        Severity.ERROR,
        f"({code}) may not stand in the query of a Digital Link",
        "Only attributes of the item may; keys and qualifiers stand in the path.",
        Where(path="query"),
    )


def _not_a_link(why: str) -> Finding:
    return Finding(
        "link.no-key",
        Severity.ERROR,
        f"not a GS1 Digital Link: {why}",
        "A Digital Link looks like https://id.gs1.org/01/09506000134352/21/…",
        Where(position=0),
    )


def key_path(uri: str) -> tuple[str, str, bool] | None:
    """(EPC scheme, canonical key, whether it names a class) of a Digital Link.

    None where the URI is no Digital Link or its key is invalid.

    >>> key_path("http://example.com/414/9506000134352/254/A")
    ('sgln', '/414/9506000134352/254/A', False)
    """
    if len(uri) > URI_LENGTH_MAX:
        return None
    bare = uri.partition("?")[0].partition("#")[0]
    path = bare.partition("://")[2]
    values = _named(path)
    if values is None or _order(values):
        return None
    for code, value in values:
        identifier = ai.lookup(code)
        if identifier is None or not identifier.accepts(value):
            return None
    return _canonical(dict(values), values[0][0])


def _canonical(found: dict[str, str], key: str) -> tuple[str, str, bool] | None:
    value = found[key]
    head = f"/{key}/{quote(value, safe='')}"
    for qualifier, scheme in _FINEST.get(key, ()):
        if qualifier in found:
            tail = f"/{qualifier}/{quote(found[qualifier], safe='')}"
            return scheme, head + tail, qualifier == "10"
    if key not in _SCHEME_OF:
        return None
    unserialised = len(value) <= _NUMBER_LENGTH.get(key, 0)
    return _SCHEME_OF[key], head, key in ("01", "8006", "8010") or unserialised


_FINEST: Final = {
    "01": (("21", "sgtin"), ("235", "upui"), ("10", "lgtin")),
    "8006": (("21", "itip"), ("10", "itip")),
    "8010": (("8011", "cpi"),),
    "414": (("254", "sgln"),),
}
"""Qualifiers that identify more finely than their key, the finest first, and the EPC scheme."""


def write(elements: Iterable[tuple[str, str]] | Mapping[str, str], domain: str = RESOLVER) -> str:
    """The Digital Link of some elements; attributes go behind the question mark.

    Raises ValueError where there is no key or a value is invalid.

    >>> write({"01": "09506000134352", "10": "A/1", "17": "270531"})
    'https://id.gs1.org/01/09506000134352/10/A%2F1?17=270531'
    """
    found = dict(elements.items() if hasattr(elements, "items") else elements)
    for code, value in found.items():
        identifier = ai.lookup(code)
        if identifier is None:
            raise ValueError(f"({code}) is no GS1 Application Identifier")
        if not identifier.accepts(value):
            raise ValueError(refusal(identifier, value, 0).what)
    sequence = _path_codes(found)
    path = "".join(f"/{code}/{quote(found[code], safe='')}" for code in sequence)
    rest = [f"{c}={quote(v, safe='')}" for c, v in found.items() if c not in sequence]
    return domain.rstrip("/") + path + ("?" + "&".join(rest) if rest else "")


def _path_codes(found: dict[str, str]) -> list[str]:
    for key in found:
        identifier = ai.lookup(key)
        if identifier is not None and identifier.qualifiers is not None:
            best = max(identifier.qualifiers, key=lambda s: sum(q in found for q in s))
            return [key, *(q for q in best if q in found)]
    raise ValueError("no element is a GS1 key")
