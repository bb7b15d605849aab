"""Learning a workstation's keyboard from one code whose text is known."""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from schemas.gs1.content_rules import CSET_82
from schemas.gs1.element_string import GS
from verification.scan.keyboard import SYMBOLOGIES, with_joined_accents

SEPARATOR_LENGTH_MAX: Final = 8
"""Characters that a workstation may write for one separator."""
_LENGTH: Final = len(CSET_82)
_HALF: Final = _LENGTH // 2
_ACCENTS: Final = "+='\";:W"
"""Characters whose key is an accent that waits for a letter on some keyboard."""
_OWN_SYMBOLOGY: Final = "]d1"
"""Symbology identifier of the calibration code, which is no GS1 code."""
_TAILS: Final = frozenset(symbology[1:] for symbology in SYMBOLOGIES)


def calibration_text() -> str:
    """The content of the code that is scanned once to learn a workstation's layout.

    All characters of GS1 data, with one separator in the middle. Those whose key is an accent on
    some keyboards stand before a digit, with which no accent joins.

    >>> len(calibration_text()), calibration_text().count(GS)
    (83, 1)
    """
    digits = "123456789"[: len(_ACCENTS)]
    joined = "".join(accent + digit for accent, digit in zip(_ACCENTS, digits, strict=True))
    text = joined + "".join(c for c in CSET_82 if c not in joined)
    return text[:_HALF] + GS + text[_HALF:]


class Layout(msgspec.Struct, frozen=True):
    """What one workstation writes, learnt by calibration.

    >>> from verification.scan.keyboard import Keyboard
    >>> layout = calibrate(Keyboard("qwertz").types(calibration_text()).replace(GS, ""))
    >>> layout.undo("ABCYZ/-"), layout.separator
    ('ABCZY&/', '')
    >>> layout.undo("+d201")
    ']d201'
    >>> Layout.parse(str(layout)) == layout
    True
    """

    typed: str
    """What came for each character of the calibration text, in its order, without separator."""
    separator: str
    """What came for the separator; empty where the workstation loses it."""

    def __str__(self) -> str:
        return f"{self.typed}{GS}{self.separator}"

    @classmethod
    def parse(cls, text: str) -> Layout:
        """The layout a setting holds, as `str` wrote it; ValueError where it is none."""
        typed, mark, separator = text.partition(GS)
        if not mark:
            raise ValueError("not a workstation layout: calibrate again")
        return _checked(typed, separator)

    def undo(self, text: str) -> str:
        """The scanner's text behind what the workstation wrote."""
        true = calibration_text().replace(GS, "")
        table = with_joined_accents(dict(zip(self.typed, true, strict=True)))
        return self._identified(text, table) or self._translated(text, table)

    def _translated(self, text: str, table: dict[int, str]) -> str:
        # A separator of several characters, or of one that is no data, is put back first.
        parts = text.split(self.separator) if self.separator else [text]
        return GS.join(part.translate(table) for part in parts)

    def _identified(self, text: str, table: dict[int, str]) -> str | None:
        """The scanner's text where it begins with a symbology identifier; None where not.

        What comes for ] is no character of the data, whatever the keyboard; an accent may have
        joined with the letter behind it.
        """
        if not text or text[0] in self.typed:
            return None
        letter = unicodedata.normalize("NFD", text[0])[0]
        for rest in (text[1:], letter + text[1:]):
            undone = self._translated(rest, table)
            if undone[:2] in _TAILS:
                return "]" + undone
        return None


def calibrate(typed: str) -> Layout:
    """The layout of the workstation that wrote `typed` for the calibration code.

    A scanner may send a symbology identifier before it. Raises ValueError, saying why, where it is
    not that code's text or two characters came out alike, so that the layout cannot be undone.

    >>> calibrate("hello")
    Traceback (most recent call last):
    ...
    ValueError: this is not the calibration code: 82 characters are expected, 5 came
    """
    body = typed.strip("\r\n\t")
    fault: ValueError | None = None
    for text in (body[len(_OWN_SYMBOLOGY) :], body):
        surplus = len(text) - _LENGTH
        if not 0 <= surplus <= SEPARATOR_LENGTH_MAX:
            continue
        data = text[:_HALF] + text[_HALF + surplus :]
        if text is not body and not _is_own_symbology(body, data):
            continue
        try:
            return _checked(data, text[_HALF : _HALF + surplus])
        except ValueError as found:
            fault = found
    raise fault or ValueError(
        f"this is not the calibration code: {_LENGTH} characters are expected, {len(body)} came"
    )


def _is_own_symbology(body: str, data: str) -> bool:
    """Whether the text begins with the code's symbology identifier, as this keyboard writes it."""
    true = calibration_text().replace(GS, "")
    return all(
        body[at] == data[true.index(sign)] for at, sign in enumerate(_OWN_SYMBOLOGY) if at > 0
    )


def _checked(typed: str, separator: str) -> Layout:
    if len(typed) != _LENGTH:
        raise ValueError("not a workstation layout: calibrate again")
    twice = sorted({c for c in typed if typed.count(c) > 1})
    if twice:
        raise ValueError(
            f"the workstation writes different characters alike: {''.join(twice)!r};"
            " turn caps lock off, check the scanner's keyboard setting, and scan again"
        )
    if separator and len(separator) == 1 and separator in typed:
        raise ValueError("the workstation writes the separator like a character of the data")
    return Layout(typed, separator)
