"""What stands for GS in texts, where a second scan begins, and zeros that were dropped."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from schemas.gs1.content_rules import CSET_82, has_check_digit
from schemas.gs1.element_string import GS

if TYPE_CHECKING:
    from collections.abc import Iterator

STAND_INS: Final = (
    *("<GS>", "<gs>", "{GS}", "{gs}", "[GS]", "<FNC1>", "{FNC1}", "[FNC1]"),
    *("\\u001d", "\\u001D", "\\x1d", "\\x1D", "\\F", "\\f"),
    *("<Alt029>", "{Alt029}", "[Alt029]", "Alt+0029", "Alt+029", "Alt0029", "Alt029"),
    *("ALT029", "alt029"),
    *("(029)", "\u241d", "\u2194", "^]", "|", "~", "^", "#", " "),
)
"""What stands for GS in texts; longer ones before those they contain.

U+2194 is what code page 437 has at 29; Alt029 is what is left of a key combination.
"""
_ENVELOPE: Final = (
    *(("<RS>", "\x1e"), ("{RS}", "\x1e"), ("\\x1e", "\x1e"), ("\\u001e", "\x1e")),
    *(("(030)", "\x1e"), ("Alt030", "\x1e"), ("^^", "\x1e"), ("\u241e", "\x1e")),
    *(("<EOT>", "\x04"), ("{EOT}", "\x04"), ("\\x04", "\x04"), ("\\u0004", "\x04")),
    *(("(004)", "\x04"), ("Alt004", "\x04"), ("^D", "\x04"), ("\u2404", "\x04")),
)
_PLAIN: Final = frozenset(CSET_82 + "]")
_SYMBOLOGY: Final = r"(?:\][A-Za-z]\w)"
_SECOND: Final = re.compile(rf"{_SYMBOLOGY}?(?:01\d{{14}}|00\d{{18}})|{_SYMBOLOGY}\d", re.ASCII)
"""How a code that names a product or a case begins."""
BETWEEN_SCANS: Final = ("\r\n", "\r", "\n", "\t", GS, " ")
"""What a scanner may put between two codes."""
SCANS_MAX: Final = 8
"""Codes that are distinguished in one text."""


def put_back(text: str) -> Iterator[tuple[str, str]]:
    r"""(text with separators, what stood for them), for each stand-in that the text holds.

    A single sign that is no GS1 data and no letter may stand for it as well, whatever it is.

    >>> list(put_back("21A|10B"))
    [('21A\x1d10B', '|')]
    >>> list(put_back("21A§10B"))
    [('21A\x1d10B', '§')]
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
    strange = {sign for sign in rest if sign not in _PLAIN and ord(sign) > 0x20}
    if len(strange) == 1 and not (sign := strange.pop()).isalnum():
        yield text.replace(sign, GS), sign


def is_data(stand_in: str) -> bool:
    """Whether a stand-in could be data itself, so that putting GS in its place is a guess."""
    return set(stand_in) <= set(CSET_82)


def same_again(text: str) -> str | None:
    r"""The one code in a text that holds it twice or more; None where there is none.

    >>> same_again("0109506000134352210109506000134352") is None
    True
    >>> same_again("010950600013435221A1\r\n010950600013435221A1")
    '010950600013435221A1'
    """
    for between in BETWEEN_SCANS:
        parts = [part for part in text.split(between) if part]
        if 2 <= len(parts) <= SCANS_MAX and len(set(parts)) == 1:
            return parts[0]
    for times in range(SCANS_MAX, 1, -1):
        size, rest = divmod(len(text), times)
        if not rest and size > 7 and text[:size] * times == text:
            return text[:size]
    return None


def scans_in(text: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Ways to cut a text into several codes, and whether something between them shows the cut.

    >>> list(scans_in("010950600013435221A1" + "]d2010950600013435221A2"))
    [(('010950600013435221A1', ']d2010950600013435221A2'), True)]
    """
    # Not splitlines: for it, the separators of an element string end a line too.
    lines = tuple(line for line in re.split(r"[\r\n]+", text) if line)
    if 2 <= len(lines) <= SCANS_MAX:
        yield lines, True
    starts = _starts(text)
    if not 0 < len(starts) < SCANS_MAX:
        return
    if len(starts) > 1:
        yield _cut(text, starts)
    for start in starts:
        yield _cut(text, [start])


def _starts(text: str) -> list[int]:
    """Where a further code may begin: a product or case whose check digit is right."""
    found = []
    at = 8
    while match := _SECOND.search(text, at):
        number = match[0][-14:] if match[0][-16:-14] == "01" else match[0][-18:]
        marked = match[0][0] == "]"
        if (marked and len(match[0]) < 16) or has_check_digit(number):
            found.append(match.start())
        at = match.start() + (4 if marked else 1)
    return found


def _cut(text: str, starts: list[int]) -> tuple[tuple[str, ...], bool]:
    edges = [0, *starts, len(text)]
    parts = tuple(text[a:b].strip(GS) for a, b in pairwise(edges))
    return parts, all(text[at] == "]" for at in starts)


def with_zeros(text: str) -> Iterator[tuple[str, bool]]:
    """The text with the leading zeros put back that a number cell or scanner dropped.

    With each, whether brackets show that the number was cut, so that nothing is guessed.

    >>> list(with_zeros("1095060001343522117"))
    [('01095060001343522117', False)]
    """
    if re.match(r"1\d{14}", text, re.ASCII) and has_check_digit(text[1:15]):
        yield "0" + text, False
    for missing in (1, 2, 6):
        number = re.match(rf"01(\d{{{14 - missing}}})", text, re.ASCII)
        if number and has_check_digit(number[1]):
            yield "01" + number[1].zfill(14) + text[number.end() :], False
        bracketed = re.match(rf"\(01\)(\s*)(\d{{{14 - missing}}})(?!\d)", text, re.ASCII)
        if bracketed and has_check_digit(bracketed[2]):
            yield "(01)" + bracketed[1] + bracketed[2].zfill(14) + text[bracketed.end() :], True
    if text.isascii() and text.isdigit():
        if len(text) == 19 and has_check_digit(text[1:]):
            yield "0" + text, False
        if len(text) in (10, 11) and has_check_digit(text):
            yield text.zfill(12), False
