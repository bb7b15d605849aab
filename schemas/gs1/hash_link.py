"""Identifiers as the event hash writes them: constrained canonical Digital Links.

Constrained means: the domain of GS1, Application Identifiers in digits, a GTIN with 14 digits, the
finest level only (a serial makes the lot superfluous), no consumer variant, no query. Check digits
are not judged: a hash names what was written. Standard: CBV 2.0 section 8.9, step 8.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from schemas.gs1.digital_link import CONVENIENCE_NAMES, RESOLVER, URI_LENGTH_MAX
from schemas.gs1.epc import identify

HEADS_CACHED_MAX: Final = 100_000
"""Most products whose part of the link is cached."""
LINKS_CACHED_MAX: Final = 16_384
_SAFE: Final = "'.;=-_"
"""Characters other than letters and digits that are not escaped."""
_KEYS: Final = frozenset(
    {"00", "01", "253", "255", "401", "402", "414", "417"}
    | {"8003", "8004", "8006", "8010", "8017", "8018"}
)
_FINER: Final = {
    "01": ("21", "235", "10"),
    "8006": ("21", "10"),
    "414": ("254",),
    "8010": ("8011",),
}
"""Qualifiers that remain, the finest first; all others go (22) or forbid the form."""
_heads: dict[str, str] = {}
_is_plain_pack = re.compile(re.escape(RESOLVER) + r"/01/[0-9]{14}/21/[0-9A-Za-z]+").fullmatch
"""Matches a link that already has the form the hash needs, as nearly all links do."""
_begins_like_a_key = re.compile(r"[0-9]{4}[^/]*").fullmatch


def constrained_link(uri: str) -> str:
    """The constrained canonical Digital Link of a URN or link; any other text unchanged.

    >>> constrained_link("urn:epc:id:sgtin:4012345.011111.9876")
    'https://id.gs1.org/01/04012345111118/21/9876'
    >>> constrained_link("https://example.com/gtin/4012345111118/lot/L1/ser/9876?17=270531")
    'https://id.gs1.org/01/04012345111118/21/9876'
    >>> constrained_link("urn:uuid:1")
    'urn:uuid:1'
    """
    first = uri.find(".")
    second = uri.find(".", first + 1)
    head = _heads.get(uri[:second])
    if head is not None:
        serial = uri[second + 1 :]
        if serial.isalnum() and serial.isascii():
            return head + serial
    return uri if _is_plain_pack(uri) else _worked_out(uri)


def product_head(uri: str) -> tuple[str, str] | None:
    """The parts of a URN and of its link before the serial; None where they are no such pair.

    >>> product_head("urn:epc:id:sgtin:4012345.011111.9876")
    ('urn:epc:id:sgtin:4012345.011111.', 'https://id.gs1.org/01/04012345111118/21/')
    """
    if not uri.startswith("urn:epc:id:sgtin:"):
        return None
    second = uri.find(".", uri.find(".") + 1)
    if uri[:second] not in _heads:
        _worked_out(uri)
    head = _heads.get(uri[:second])
    return (uri[: second + 1], head) if head is not None else None


@lru_cache(maxsize=LINKS_CACHED_MAX)
def _worked_out(uri: str) -> str:
    plain = uri.strip()
    if plain.startswith("urn:epc:"):
        return _of_urn(plain)
    if plain.startswith(("http://", "https://")) and len(plain) <= URI_LENGTH_MAX:
        return _of_link(plain)
    return plain


def _of_urn(urn: str) -> str:
    thing = identify(urn)
    if not thing.scheme:
        return urn
    if thing.scheme in ("sgtin", "upui", "lgtin") and len(_heads) < HEADS_CACHED_MAX:
        second = urn.index(".", urn.index(".") + 1)
        _heads[urn[:second]] = RESOLVER + thing.key.rpartition("/")[0] + "/"
    return RESOLVER + "/".join(_escaped(segment) for segment in thing.key.split("/"))


def _escaped(segment: str) -> str:
    return quote(unquote(segment), safe=_SAFE)


def _of_link(link: str) -> str:
    path = link.partition("#")[0].partition("?")[0].partition("://")[2].rstrip("/")
    segments = path.split("/")
    for start in range(1, len(segments) - 1):
        code = CONVENIENCE_NAMES.get(segments[start], segments[start])
        if code in _KEYS and _begins_like_a_key(segments[start + 1]):
            return _constrained(code, segments[start + 1 :]) or link
    return link


def _constrained(code: str, segments: list[str]) -> str | None:
    value, *others = segments
    if len(others) % 2:
        return None
    if code == "01" and len(value) in (8, 12, 13):
        value = value.zfill(14)
    names = [CONVENIENCE_NAMES.get(name, name) for name in others[::2]]
    found = dict(zip(names, others[1::2], strict=True))
    finer = _FINER.get(code, ())
    if not set(found) <= {*finer, "22"}:
        return None
    link = f"{RESOLVER}/{code}/{_escaped(value)}"
    finest = next((name for name in finer if name in found), None)
    return f"{link}/{finest}/{_escaped(found[finest])}" if finest else link
