"""A verification question as it stands in a URL: path segments decoded once each, then checked.

GS1 Lightweight Messaging Standard, DSCSA profile release 1.3. Serials and lots may hold any
character of GS1 charset 82, `/ % + & ( )` included, so the raw path is split before it is decoded.
"""

from __future__ import annotations

import calendar
import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK_TYPE = "verificationService"
CONTEXTS = (
    "dscsaSaleableReturn",
    "dscsaSuspect",
    "dscsaException",
    "dscsaProductStatus",
)
"""The four purposes of release 1.3; only the first token is published, so others are settings."""
CENTURY_TURN = 50
"""AI 17: two-digit years up to 49 are of this century (GS1 General Specifications 7.12)."""

_SERIAL = re.compile(r"[!-\"%-?A-Z_a-z]{1,20}\Z")
"""GS1 charset 82, up to 20 characters."""
_EXPIRY = re.compile(r"\d{6}\Z", re.ASCII)
_STEPS = [b"gtin", b"lot", b"ser"]
_GTIN = re.compile(r"\d{14}\Z", re.ASCII)
_GLN = re.compile(r"\d{13}\Z", re.ASCII)
_UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z", re.IGNORECASE
)
_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")

QUESTION_PARAMETERS = frozenset(
    {
        "exp",
        "linkType",
        "context",
        "reqGLN",
        "corrUUID",
        "ctrlPossessAtt",
        "email",
        "telephone",
    }
)


class MalformedError(ValueError):
    """The question is not one the standard knows: status 400, empty body."""


class PrintedExpiry(msgspec.Struct, frozen=True):
    """An AI 17 date: a day, or a whole month where the day is 00.

    >>> PrintedExpiry.parse("270500").matches(date(2027, 5, 31))
    True
    """

    text: str
    last_day: date

    @classmethod
    def parse(cls, text: str) -> PrintedExpiry:
        """From YYMMDD; raises `MalformedError`."""
        return _printed(text)

    def matches(self, recorded: date) -> bool:
        """Whether it means the recorded day; day 00 means the month's last day, and only that."""
        return self.last_day == recorded


@lru_cache(maxsize=4096)
def _printed(text: str) -> PrintedExpiry:
    if not _EXPIRY.match(text):
        raise MalformedError("exp must be six digits, YYMMDD")
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    year += 2000 if year < CENTURY_TURN else 1900
    if not 1 <= month <= 12:
        raise MalformedError("exp has no such month")
    try:
        last = date(year, month, day or calendar.monthrange(year, month)[1])
    except ValueError:
        raise MalformedError("exp has no such day") from None
    return PrintedExpiry(text, last)


class VrsQuestion(msgspec.Struct, frozen=True):
    """One verification request, checked."""

    gtin: str
    serial: str
    lot: str
    expiry: PrintedExpiry | None
    requester: str
    """GLN of who asks."""
    corr_uuid: str
    context: str | None = None
    in_possession: bool | None = None
    email: str | None = None
    telephone: str | None = None
    version: str | None = None
    """Value of the header `GS1US-Version`."""


def question_of(
    raw_path: bytes, query: bytes, *, version: str | None = None, contexts: Iterable[str] = CONTEXTS
) -> VrsQuestion:
    """The question in a raw path `/verify/gtin/…/lot/…/ser/…` and raw query string.

    Raises `MalformedError`.

    >>> path = b"/verify/gtin/00355555678908/lot/A%2F1/ser/S%251"
    >>> more = b"linkType=verificationService&reqGLN=0366666000014"
    >>> more += b"&corrUUID=2f7f2f7e-5d0b-4a0e-9a34-7a9d6f0f3f10&exp=270531"
    >>> asked = question_of(path, more)
    >>> asked.lot, asked.serial
    ('A/1', 'S%1')
    """
    segments = raw_path.split(b"/")
    if len(segments) != 8 or segments[2::2] != _STEPS:
        raise MalformedError("the path is /verify/gtin/{gtin}/lot/{lot}/ser/{serial}")
    gtin = gtin_of(_decoded(segments[3]))
    lot, serial = _decoded(segments[5]), _decoded(segments[7])
    if not _SERIAL.match(lot) or not _SERIAL.match(serial):
        raise MalformedError("lot and serial have 1 to 20 characters of GS1 charset 82")
    given = parameters_of(query, QUESTION_PARAMETERS)
    if given.get("linkType", LINK_TYPE) != LINK_TYPE:
        raise MalformedError(f"linkType is {LINK_TYPE}")
    context = given.get("context")
    if context is not None and context not in contexts:
        raise MalformedError("the context is not one that is answered here")
    exp = given.get("exp")
    return VrsQuestion(
        gtin=gtin,
        serial=serial,
        lot=lot,
        expiry=PrintedExpiry.parse(exp) if exp is not None else None,
        requester=gln_of(_needed(given, "reqGLN")),
        corr_uuid=corr_uuid_of(_needed(given, "corrUUID")),
        context=context,
        in_possession=_attested(given.get("ctrlPossessAtt")),
        email=given.get("email"),
        telephone=given.get("telephone"),
        version=version,
    )


def parameters_of(query: bytes, known: frozenset[str]) -> dict[str, str]:
    """Query parameters, each at most once and each known; raises `MalformedError`.

    A plus sign is a plus sign here: only forms write spaces that way, and e-mail addresses have it.
    """
    if not query:
        return {}
    pairs = _pairs(query)
    given = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"{twice[:40]} is given twice")
    if not given.keys() <= known:
        unknown = next(name for name in given if name not in known)
        raise MalformedError(f"there is no parameter {unknown[:40]!r}")
    return given


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values, each decoded once; what has no percent sign is decoded as a whole."""
    if b"%" not in query:
        texts = [text.partition("=") for text in _decoded(query).split("&")]
        return [(name, value) for name, _, value in texts]
    parts = [pair.partition(b"=") for pair in query.split(b"&")]
    return [(_decoded(name), _decoded(value)) for name, _, value in parts]


def _decoded(segment: bytes) -> str:
    try:
        if b"%" not in segment:
            return segment.decode()
        if _PERCENT.search(segment):
            raise MalformedError("a percent sign must be followed by two hexadecimal digits")
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError:
        raise MalformedError("the URL is not UTF-8") from None


def _needed(given: dict[str, str], name: str) -> str:
    if name not in given:
        raise MalformedError(f"{name} is missing")
    return given[name]


def _attested(text: str | None) -> bool | None:
    if text is None:
        return None
    if text not in ("true", "false"):
        raise MalformedError("ctrlPossessAtt is true or false")
    return text == "true"


def gtin_of(text: str) -> str:
    """A GTIN-14 with a right check digit; raises `MalformedError`."""
    if not _GTIN.match(text) or not _check_digit_fits(text):
        raise MalformedError("gtin has 14 digits, the last one their check digit")
    return text


def gln_of(text: str) -> str:
    """A GLN with a right check digit; raises `MalformedError`."""
    if not _GLN.match(text) or not _check_digit_fits(text):
        raise MalformedError("reqGLN has 13 digits, the last one their check digit")
    return text


def corr_uuid_of(text: str) -> str:
    """A random UUID (version 4) as text; raises `MalformedError`."""
    if not _UUID.match(text):
        raise MalformedError("corrUUID is a version 4 UUID of 36 characters")
    return text


@lru_cache(maxsize=4096)
def _check_digit_fits(digits: str) -> bool:
    numbers = [ord(digit) - 48 for digit in digits]
    total = sum(numbers[-2::-2]) * 3 + sum(numbers[-1::-2])
    return total % 10 == 0
