"""The ways to read a text that lost its separators, the likeliest first."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.gs1 import ai, envelope, national
from schemas.gs1.content_rules import cset_82, date_yymmd0, has_check_digit
from schemas.gs1.element_string import GS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Cut = tuple[tuple[str, str], ...]
    """Identifiers with their data, in the order of the text."""

READINGS_MAX: Final = 64
"""Ways to read one text without separators that are returned at most."""
FOUND_MAX: Final = 1_000
"""Ways that are found at most before the likeliest are chosen."""
STEPS_MAX: Final = 5_000
"""Attempts after which the search ends."""
USUAL: Final = frozenset(
    (
        *("00", "01", "02", "10", "11", "13", "15", "16", "17", "20", "21", "30", "37", "240"),
        *("241", "400", "401", "402", "710", "711", "712", "713", "714", "715", "716", "717"),
        *("90", "91", "92", "93", "94", "95", "96", "97", "98", "99"),
    )
)
"""Identifiers on the labels of packs, cases and pallets; any other is less likely."""
_COMPLETE: Final = frozenset({"01", "10", "17", "21"})
"""What the laws of the EU and the US ask of a pack."""
_KEYS: Final = frozenset({"00", "01", "02", "8006"})
"""Identifiers of which one names the product or the logistic unit."""
_SHORT: Final = {"10": 3, "21": 4}
"""Lots and serials shorter than this are rare."""
_PAD_KEYS: Final = ("029", "0029")
"""What the digits of Alt+029 leave where the combination itself is lost."""
_ENVELOPE_HEAD: Final = re.compile(r"\[\)>\x1e?06")


def without_separators(text: str) -> list[str]:
    r"""Every way to read a text whose separators are lost, with them put back.

    Each identifier stands once, check digits and dates hold, and a product or logistic unit is
    named. All identifiers that GS1 assigned are tried; the likeliest ways come first.

    >>> without_separators("010950600013435221A11727053110L1")[0]
    '010950600013435221A1\x1d1727053110L1'
    >>> without_separators("010950600013435210AB3048")
    ['010950600013435210AB3048', '010950600013435210AB\x1d3048']
    >>> without_separators("[)>069N1103752864141TL1D270531SA1")[0]
    '[)>\x1e06\x1d9N110375286414\x1d1TL1\x1dD270531\x1dSA1\x1e\x04'
    """
    head = _ENVELOPE_HEAD.match(text)
    if head is not None:
        body = text[head.end() :].rstrip("\x1e\x04")
        cuts = _Search(body, _data_identifier_at, frozenset({"9N", "8P"})).cuts()
        cuts.sort(key=lambda cut: {"1T", "S", "D"} - {code for code, _ in cut} != set())
        return [envelope.write(code + value for code, value in cut) for cut in cuts[:READINGS_MAX]]
    cuts = _Search(text, _identifier_at, _KEYS).cuts()
    cuts.sort(key=_unlikelihood)
    return [_spelled(cut) for cut in cuts[:READINGS_MAX]]


class _SearchedField(msgspec.Struct, frozen=True):
    """An identifier as the search needs it."""

    code: str
    lengths: range
    """Lengths of its data, from the longest."""
    accepts: Callable[[str], bool]


def _identifier_at(text: str, at: int) -> _SearchedField | None:
    """The Application Identifier at a place; its first two digits tell how long it is."""
    width = ai.WIDTH_OF.get(text[at : at + 2])
    return _gs1_field(text[at : at + width]) if width else None


@cache
def _gs1_field(code: str) -> _SearchedField | None:
    found = ai.lookup(code)
    if found is None:
        return None
    return _SearchedField(code, range(found.length_max, found.length_min - 1, -1), found.accepts)


def _data_identifier_at(text: str, at: int) -> _SearchedField | None:
    return next((f for f in _data_identifiers() if text.startswith(f.code, at)), None)


@cache
def _data_identifiers() -> tuple[_SearchedField, ...]:
    any_length = range(20, 0, -1)
    return (
        _SearchedField("9N", range(12, 11, -1), lambda v: national.parse_ppn(v) is not None),
        _SearchedField("8P", range(14, 13, -1), lambda v: v.isdigit() and has_check_digit(v)),
        _SearchedField("1T", any_length, lambda v: cset_82(v) is None),
        _SearchedField("S", any_length, lambda v: cset_82(v) is None),
        _SearchedField("D", range(6, 5, -1), lambda v: date_yymmd0(v) is None),
    )


class _Search:
    """A walk over all ways to cut a text into elements, within fixed limits."""

    def __init__(
        self, text: str, field_at: Callable[[str, int], _SearchedField | None], keys: frozenset[str]
    ) -> None:
        self._text = text
        self._field_at = field_at
        self._keys = keys
        self._steps = 0
        self._hopeless: set[tuple[int, frozenset[str]]] = set()
        self._found: list[Cut] = []

    def cuts(self) -> list[Cut]:
        """All ways that were found."""
        self._run(0, (), frozenset())
        return self._found

    def _run(self, at: int, taken: Cut, used: frozenset[str]) -> bool:
        """Read on from `at`; whether that led to any reading."""
        if at == len(self._text):
            if used.isdisjoint(self._keys):
                return False
            self._found.append(taken)
            return True
        self._steps += 1
        exhausted = len(self._found) >= FOUND_MAX or self._steps > STEPS_MAX
        if exhausted or (at, used) in self._hopeless:
            return False
        field = self._field_at(self._text, at)
        fruitful = False
        if field is not None and field.code not in used:
            now = used | {field.code}
            for value, end in self._values(field, at + len(field.code)):
                fruitful |= self._run(end, (*taken, (field.code, value)), now)
        if not fruitful:
            self._hopeless.add((at, used))
        return fruitful

    def _values(self, field: _SearchedField, start: int) -> Iterator[tuple[str, int]]:
        """The data that may stand from `start`, and where the next identifier begins."""
        text = self._text
        for length in field.lengths:
            end = start + length
            value = text[start:end]
            if len(value) != length or GS in value or not field.accepts(value):
                continue
            if text.startswith(GS, end):
                yield value, end + 1
                continue
            yield value, end
            for keys in _PAD_KEYS:
                # Never at the very end: nothing is separated there.
                if text.startswith(keys, end) and end + len(keys) < len(text):
                    yield value, end + len(keys)


def _unlikelihood(cut: Cut) -> int:
    """How little a reading looks like a label; 0 for a pack with all the law asks."""
    codes = tuple(code for code, _ in cut)
    doubt = 4 * len(ai.conflicts(codes)) + 2 * sum(code not in USUAL for code in codes)
    doubt += 0 if set(codes) == _COMPLETE else 3
    return doubt + sum(len(value) < _SHORT.get(code, 0) for code, value in cut)


def _spelled(cut: Cut) -> str:
    text = ""
    for code, value in cut:
        identifier = ai.lookup(code)
        text += code + value
        text += "" if identifier is not None and identifier.predefined else GS
    return text.removesuffix(GS)
