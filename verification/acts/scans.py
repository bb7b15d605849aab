"""What was scanned: the key of a pack, case, pallet or place, in whatever form it comes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.digital_link import RESOLVER
from schemas.gs1.reading import read
from verification.acts.request import SCAN_CHARS_MAX, ActRefusal, ScannedThing
from verification.registry.history import pack_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from schemas.gs1.reading import Reading

_SSCC = re.compile(r"\d{18}", re.ASCII)
_GLN = re.compile(r"(\d{13})(?:[./-]([!-z]{1,20}))?", re.ASCII)
_PLAIN_PACK = re.compile(r"(?:https://id\.gs1\.org)?/01/(\d{14})/21/([0-9A-Za-z]{1,20})", re.ASCII)
"""A pack as programs write it, and nothing else: thousands of them come in one act."""
_KEY = re.compile(r"/(?:00|01|414|417|8003|8004)/")
_LIKE_A_PACK = (("8003", "/8003/"), ("8004", "/8004/"))
"""Returnable assets and individual assets carry goods as well (GRAI, GIAI)."""


def scanned_thing(
    scan: str,
    today: date,
    recovered: Callable[[str], Reading | None] | None = None,
) -> ScannedThing:
    """The pack, case or pallet of a scan; of a text that names none, why it does not.

    `recovered` reads what a keyboard scanner spoiled, see `verification.scan`.

    >>> from datetime import date
    >>> today = date(2026, 6, 1)
    >>> scanned_thing("]d2010950600013435221A1", today).key
    '/01/09506000134352/21/A1'
    >>> scanned_thing("106141412345678908", today).key
    '/00/106141412345678908'
    >>> scanned_thing("3074257BF7194E4000001A85", today).is_tag
    True
    """
    text = scan.strip()
    if (plain := _PLAIN_PACK.fullmatch(text)) and has_check_digit(plain[1]):
        return ScannedThing(scan, f"/01/{plain[1]}/21/{plain[2]}")
    if not text or len(text) > SCAN_CHARS_MAX:
        return _unreadable(scan, "it is empty" if not text else "it is too long")
    if _SSCC.fullmatch(text) and has_check_digit(text):
        return ScannedThing(scan, f"/00/{text}")
    reading = read(RESOLVER + text if _KEY.match(text) else text, today=today)
    if not reading.is_valid and recovered is not None:
        reading = recovered(text) or reading
    return _thing_of(scan, reading)


def _thing_of(scan: str, reading: Reading) -> ScannedThing:
    if not reading.is_valid:
        first = next(one for one in reading.findings if one.severity in ("error", "critical"))
        return _unreadable(scan, first.what)
    is_tag = reading.format == "epc-tag"
    if reading.gtin and reading.serial:
        key = pack_key(reading.gtin, reading.serial)
        lot, expiry = reading.lot or "", reading.expiry
        return ScannedThing(scan, key, lot=lot, expiry=expiry, is_tag=is_tag)
    if sscc := reading.elements.get("00"):
        return ScannedThing(scan, f"/00/{sscc}", is_tag=is_tag)
    for code, head in _LIKE_A_PACK:
        if asset := reading.elements.get(code):
            return ScannedThing(scan, head + quote(asset, safe=""), is_tag=is_tag)
    if reading.gtin:
        return ScannedThing(scan, "", ActRefusal.NO_SERIAL, f"GTIN {reading.gtin}")
    return _unreadable(scan, "it names no pack, case or pallet")


def _unreadable(scan: str, why: str) -> ScannedThing:
    return ScannedThing(scan[:SCAN_CHARS_MAX], "", ActRefusal.NOT_READABLE, why)


def place_key(text: str) -> str:
    """The key of a site, or of a place in it, from 13 digits, a URI or a scanned label.

    A place in a site is the GLN with an extension, after a dot, dash or slash. Raises ValueError.

    >>> place_key("0614141007776"), place_key("0614141007776.A-12")
    ('/414/0614141007776', '/414/0614141007776/254/A-12')
    >>> place_key("(414)0614141007776(254)A1"), place_key("urn:epc:id:sgln:0614141.00777.0")
    ('/414/0614141007776/254/A1', '/414/0614141007776')
    """
    given = text.strip()
    if plain := _GLN.fullmatch(given):
        gln, extension = plain[1], plain[2] or ""
        if not has_check_digit(gln):
            raise ValueError(f"{gln} is no GLN: its check digit is wrong")
        return _key_of_place(gln, extension)
    reading = read(RESOLVER + given if _KEY.match(given) else given)
    gln = reading.elements.get("414") or reading.elements.get("417") or ""
    if not reading.is_valid or not gln:
        raise ValueError(f"'{given[:100]}' is no place: give a GLN of 13 digits")
    return _key_of_place(gln, reading.elements.get("254", ""))


def _key_of_place(gln: str, extension: str) -> str:
    inside = f"/254/{quote(extension, safe='')}" if extension not in ("", "0") else ""
    return f"/414/{gln}{inside}"
