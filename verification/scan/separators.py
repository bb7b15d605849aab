"""Separators that scanners and people write for GS, and the ways to read a text that lost them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from schemas.gs1 import ai, national
from schemas.gs1.content_rules import cset_82, date_yymmd0, has_check_digit
from schemas.gs1.element_string import GS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READINGS_MAX: Final = 64
"""Ways to read one text without separators that are returned at most."""
STEPS_MAX: Final = 3_000
"""Attempts after which the search for readings ends."""
STAND_INS: Final = (
    "<GS>",
    "<gs>",
    "{GS}",
    "{gs}",
    "[GS]",
    "<FNC1>",
    "{FNC1}",
    "[FNC1]",
    "\\u001d",
    "\\u001D",
    "\\x1d",
    "\\x1D",
    "\\F",
    "\\f",
    "(029)",
    "\u241d",
    "^]",
    "|",
    "~",
    "^",
    " ",
)
"""What stands for GS in texts; longer ones before those they contain."""
_ENVELOPE: Final = (
    ("<RS>", "\x1e"),
    ("{RS}", "\x1e"),
    ("\\x1e", "\x1e"),
    ("\\u001e", "\x1e"),
    ("(030)", "\x1e"),
    ("^^", "\x1e"),
    ("\u241e", "\x1e"),
    ("<EOT>", "\x04"),
    ("{EOT}", "\x04"),
    ("\\x04", "\x04"),
    ("\\u0004", "\x04"),
    ("(004)", "\x04"),
    ("^D", "\x04"),
    ("\u2404", "\x04"),
)
PACK_IDENTIFIERS: Final = (
    "01", "17", "21", "10", "11", "240", "710", "711", "712", "713", "714", "715", "716", "717",
)  # fmt: skip
"""Identifiers that medicine packs carry; others are not sought in a text without separators."""
_ENVELOPE_HEAD: Final = re.compile(r"\[\)>\x1e?06")
_GTIN_AHEAD: Final = re.compile(r"01\d{14}", re.ASCII)


def put_back(text: str) -> Iterator[tuple[str, str]]:
    r"""(text with separators, what stood for them), for each stand-in that the text holds.

    >>> list(put_back("21A|10B"))
    [('21A\x1d10B', '|')]
    """
    if text.startswith("[)>"):
        plain = text
        for written, control in _ENVELOPE:
            plain = plain.replace(written, control)
        text = plain
        if GS in text:
            yield text, "<RS>"
    rest = text
    for stand_in in STAND_INS:
        if stand_in in rest:
            yield text.replace(stand_in, GS), stand_in
            # What a longer stand-in explains is no sign of a shorter one.
            rest = rest.replace(stand_in, "")


class _Grammar(msgspec.Struct, frozen=True):
    """What the elements of a pack may be, and what a pack must have."""

    fields: tuple[tuple[str, range, Callable[[str], bool]], ...]
    """Identifier, lengths of its data from the longest, and whether data is right."""
    product: frozenset[str]
    """Identifiers of which one names the product."""
    complete: frozenset[str]
    """What the laws of the EU and the US ask of a pack."""


@cache
def _gs1() -> _Grammar:
    known = [identifier for code in PACK_IDENTIFIERS if (identifier := ai.lookup(code))]
    fields = tuple(
        (found.code, range(found.length_max, found.length_min - 1, -1), found.accepts)
        for found in known
    )
    return _Grammar(fields, frozenset({"01"}), frozenset({"01", "10", "17", "21"}))


@cache
def _format_06() -> _Grammar:
    text = range(20, 0, -1)
    fields: tuple[tuple[str, range, Callable[[str], bool]], ...] = (
        ("9N", range(12, 11, -1), lambda v: national.parse_ppn(v) is not None),
        ("8P", range(14, 13, -1), lambda v: v.isdigit() and has_check_digit(v)),
        ("1T", text, lambda v: cset_82(v) is None),
        ("S", text, lambda v: cset_82(v) is None),
        ("D", range(6, 5, -1), lambda v: date_yymmd0(v) is None),
    )
    return _Grammar(fields, frozenset({"9N", "8P"}), frozenset({"1T", "S", "D"}))


def without_separators(text: str) -> list[str]:
    r"""Every way to read a pack's text whose separators are lost, with them put back.

    Each identifier stands once, check digits and dates hold, and a product is named. Readings with
    all that a pack must carry come first; where there are any, the others are left out.

    >>> without_separators("010950600013435221A11727053110L1")
    ['010950600013435221A1\x1d1727053110L1']
    >>> without_separators("[)>069N1103752864141TL1D270531SA1")[0]
    '[)>\x1e06\x1d9N110375286414\x1d1TL1\x1dD270531\x1dSA1\x1e\x04'
    """
    head = _ENVELOPE_HEAD.match(text)
    if head is not None:
        body = text[head.end() :].rstrip("\x1e\x04")
        return [
            "[)>\x1e06" + "".join(f"{GS}{code}{value}" for code, value in parts) + "\x1e\x04"
            for parts in _cuttings(body, _format_06())
        ]
    return [_spelled(parts) for parts in _cuttings(text, _gs1())]


def _cuttings(text: str, grammar: _Grammar) -> list[tuple[tuple[str, str], ...]]:
    search = _Search(text, grammar)
    search.run(0, (), frozenset())
    full = [parts for parts in search.found if {c for c, _ in parts} >= grammar.complete]
    return full or search.found


class _Search:
    """A walk over all ways to cut a text into a pack's elements, within fixed limits."""

    def __init__(self, text: str, grammar: _Grammar) -> None:
        self._text = text
        self._grammar = grammar
        self._steps = 0
        self._hopeless: set[tuple[int, frozenset[str]]] = set()
        self.found: list[tuple[tuple[str, str], ...]] = []

    def run(self, at: int, taken: tuple[tuple[str, str], ...], used: frozenset[str]) -> bool:
        """Read on from `at`; whether that led to any reading."""
        if at == len(self._text):
            if not used & self._grammar.product:
                return False
            self.found.append(taken)
            return True
        self._steps += 1
        exhausted = len(self.found) >= READINGS_MAX or self._steps > STEPS_MAX
        if exhausted or (at, used) in self._hopeless:
            return False
        fruitful = False
        for code, lengths, accepts in self._grammar.fields:
            if code not in used and self._text.startswith(code, at):
                start = at + len(code)
                for value in self._values(start, lengths, accepts):
                    end = start + len(value)
                    fruitful |= self.run(end, (*taken, (code, value)), used | {code})
        if not fruitful:
            self._hopeless.add((at, used))
        return fruitful

    def _values(self, start: int, lengths: range, accepts: Callable[[str], bool]) -> Iterator[str]:
        for length in lengths:
            value = self._text[start : start + length]
            if len(value) == length and accepts(value):
                yield value


def _spelled(parts: tuple[tuple[str, str], ...]) -> str:
    text = ""
    for code, value in parts:
        identifier = ai.lookup(code)
        text += code + value
        text += "" if identifier is not None and identifier.predefined else GS
    return text.removesuffix(GS)


def cuts(text: str) -> list[int]:
    """Where a second scan may begin in a text that holds two.

    >>> cuts("010950600013435221A1" + "]d2010950600013435221A2")
    [20]
    """
    found = []
    for match in _GTIN_AHEAD.finditer(text, 16):
        if has_check_digit(match[0][2:]):
            start = match.start()
            for prefix in (3, 1):
                head = text[start - prefix : start]
                if (prefix == 3 and head[:1] == "]") or (prefix == 1 and head == GS):
                    start -= prefix
                    break
            found.append(start)
    return found


def with_zeros(text: str) -> Iterator[str]:
    """The text with the leading zeros put back that a number cell or scanner dropped.

    >>> list(with_zeros("1095060001343522117"))
    ['01095060001343522117']
    """
    if re.match(r"1\d{14}", text, re.ASCII) and has_check_digit(text[1:15]):
        yield "0" + text
    for missing in (1, 2, 6):
        number = re.match(rf"01(\d{{{14 - missing}}})", text, re.ASCII)
        if number and has_check_digit(number[1]):
            yield "01" + number[1].zfill(14) + text[number.end() :]
        bracketed = re.match(rf"\(01\)(\d{{{14 - missing}}})(?!\d)", text, re.ASCII)
        if bracketed and has_check_digit(bracketed[1]):
            yield "(01)" + bracketed[1].zfill(14) + text[bracketed.end() :]
    if text.isascii() and text.isdigit():
        if len(text) == 19 and has_check_digit(text[1:]):
            yield "0" + text
        if len(text) in (10, 11) and has_check_digit(text):
            yield text.zfill(12)
