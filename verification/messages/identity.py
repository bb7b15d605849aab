"""Product codes and printed values as national systems write them."""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING

from schemas.gs1.content_rules import check_digit
from schemas.gs1.national import ntin_of_pzn, parse_ppn
from verification.vrs.question import MalformedError, PrintedExpiry, gtin_of

if TYPE_CHECKING:
    from datetime import date, datetime

CHARSET_82 = re.compile(r"[!-\"%-?A-Z_a-z]{1,20}\Z")


class FieldError(ValueError):
    """A field of a request is malformed; `field` is code, ppn, serial, lot or expiry."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(what)
        self.field = field


def product_code(scheme: str, text: str) -> str:
    """The GTIN-14 of a product code; a German PPN stands for the NTIN of its PZN.

    Raises `FieldError`.

    >>> product_code("ppn", "110375286414")
    '04150037528643'
    """
    if scheme.lower() in ("gs1", "gtin", "ntin"):
        try:
            return gtin_of(text)
        except MalformedError as error:
            raise FieldError("code", str(error)) from None
    if scheme.lower() == "ppn":
        ppn = parse_ppn(text)
        pzn = text[2:10]
        if ppn is None or not pzn.isdigit():
            raise FieldError("ppn", "the PPN's check digits are wrong")
        ntin = ntin_of_pzn(pzn)
        assert check_digit(ntin[:-1]) == ntin[-1], "an NTIN is a GTIN-13"
        return ntin.zfill(14)
    raise FieldError("code", "the scheme is gs1 or ppn")


def printed_text(field: str, text: str) -> str:
    """A serial or lot of GS1 charset 82, else `FieldError`."""
    if not CHARSET_82.match(text):
        raise FieldError(field, f"{field} has not 1 to 20 characters of GS1 charset 82")
    return text


def scan_time(scanned: datetime | None) -> datetime | None:
    """When a pack was scanned, in UTC; `FieldError` for a time without zone."""
    if scanned is None:
        return None
    if scanned.tzinfo is None:
        raise FieldError("scanned", "the time of the scan has no time zone: add Z or an offset")
    return scanned.astimezone(UTC)


def printed_expiry(text: str) -> date:
    """A date as YYMMDD, else `FieldError`."""
    try:
        return PrintedExpiry.parse(text).last_day
    except MalformedError as error:
        raise FieldError("expiry", str(error)) from None
