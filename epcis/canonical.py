"""Values of events in the one spelling that hashes are made of (CBV 2.0 section 8.9).

Words become web URIs, identifiers constrained Digital Links, times UTC with milliseconds, numbers
plain. Text stays text.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from epcis.model import instant_of
from schemas import cbv
from schemas.gs1.hash_link import constrained_link

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EXPONENT_MAX: Final = 100
"""Numbers beyond ten to this power stay as written; spelled out they could fill the memory."""
TIMES_CACHED_MAX: Final = 4096
DOCUMENTS_CACHED_MAX: Final = 16
"""Sets of prefixes whose values are remembered."""
VALUES_CACHED_MAX: Final = 4096
"""Values of each kind whose canonical form is remembered."""
_VOCABULARY_URN: Final = re.compile(r"urn:epcglobal:cbv:(bizstep|disp|btt|sdt|er):")
_STEM_OF: Final = {
    "bizstep": "BizStep-",
    "disp": "Disp-",
    "btt": "BTT-",
    "sdt": "SDT-",
    "er": "ER-",
}
_COMPACT: Final = {"gs1": cbv.GS1_VOC, "cbv": cbv.CBV_WEB}
"""Prefixes that stand for the same namespace in every document."""


class Canon:
    """How single values are written."""

    def __init__(self, namespaces: Mapping[str, str], *, compatible: bool) -> None:
        self.compatible = compatible
        self._namespaces = {**namespaces, **_COMPACT}
        # Places, parties and words return in event after event.
        self.text: Callable[[str], str] = lru_cache(VALUES_CACHED_MAX)(self._text)
        self.word: Callable[[str, str], str] = lru_cache(VALUES_CACHED_MAX)(self._word)

    def _text(self, value: str) -> str:
        """A value of no particular kind: a URI, a word of another namespace, or text."""
        plain = value.strip()
        if "urn:epcglobal:cbv:" in plain:
            plain = _VOCABULARY_URN.sub(lambda m: cbv.CBV_WEB + _STEM_OF[m[1]], plain)
        if self.compatible:
            plain = _as_reference_number(plain)
        prefix, colon, name = plain.partition(":")
        if not colon:
            return plain
        if prefix in ("urn", "http", "https"):
            return constrained_link(plain)
        return self._namespaces[prefix] + name if prefix in self._namespaces else plain

    def _word(self, kind: str, value: str) -> str:
        """A word of a standard vocabulary as its web URI; any other as text."""
        plain = value.strip()
        word = cbv.bare(kind, plain)
        return cbv.web_uri(kind, word) if cbv.is_standard(kind, word) else self.text(plain)

    def number(self, value: str) -> str:
        """A number without sign of plus, leading and trailing zeros or exponent."""
        plain = value.strip()
        if self.compatible:
            return _as_reference_number(plain)
        return _as_number(plain)

    def moment(self, value: str, offset: str | None = None) -> str:
        """A time in UTC to the millisecond, halves rounded up; what is no time stays as it is."""
        return _moment(value.strip(), offset, self.compatible)


@lru_cache(maxsize=DOCUMENTS_CACHED_MAX)
def canon_of(namespaces: tuple[tuple[str, str], ...], compatible: bool) -> Canon:  # noqa: FBT001  # a cache key
    """The canon for a document's prefixes, the same object each time."""
    return Canon(dict(namespaces), compatible=compatible)


@lru_cache(maxsize=TIMES_CACHED_MAX)
def _moment(text: str, offset: str | None, compatible: bool) -> str:  # noqa: FBT001  # a cache key
    try:
        instant = instant_of(text, offset)
        microseconds = instant.microsecond
        milliseconds = (
            round(microseconds, -3) // 1000 if compatible else (microseconds + 500) // 1000
        )
        instant = instant.replace(microsecond=0) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return text
    return instant.isoformat(timespec="milliseconds")[:-6] + "Z"


def _as_number(text: str) -> str:
    if text.isascii() and text.isdigit() and text[0] != "0":
        return text
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if not number.is_finite() or abs(number.adjusted()) > EXPONENT_MAX:
        return text
    return format(number.normalize(), "f") if number else "0"


def _as_reference_number(text: str) -> str:
    """A text as the reference generator writes it, which takes all it can for a float."""
    try:
        number = float(text)
        return str(int(number)) if int(number) == number else str(number)
    except (ValueError, OverflowError):
        return text
