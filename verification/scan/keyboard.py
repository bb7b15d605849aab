"""Keyboards between a scanner and its text: layouts that differ, caps lock, and their undoing.

A keyboard scanner sends the keys of an American keyboard; the computer writes what its own layout
has on them. Each layout here lists what the same keys give, without and with shift.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from schemas.gs1.content_rules import CSET_82
from schemas.gs1.element_string import GS

_US: Final = (
    "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",
    '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
)
_KEYS: Final[dict[str, tuple[str, str]]] = {
    "us": _US,
    "qwertz": (
        "^1234567890ß\u00b4qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
        "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    ),
    "azerty": (
        "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
        "\x001234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    ),
}
KNOWN_LAYOUTS: Final = ("us", "qwertz", "azerty")
"""Layouts that are undone without calibration."""
SEPARATOR_LENGTH_MAX: Final = 8
"""Characters that a workstation may write for one separator."""
_HALF: Final = len(CSET_82) // 2


class Keyboard(msgspec.Struct, frozen=True):
    """A layout and the state of its caps lock."""

    layout: str
    caps_lock: bool = False
    shift_lock: bool = False
    """Caps lock turns every key's shift, as on French keyboards, and not letters only."""

    def undo(self, typed: str) -> str:
        """The text whose keys gave `typed`; characters that no key gives stay."""
        return typed.translate(_undoing(self))

    def types(self, text: str) -> str:
        """What the computer writes for the keys of `text`.

        >>> Keyboard("qwertz").types("]d2"), Keyboard("azerty").types("]d2")
        ('+d2', '$dé')
        """
        return text.translate({ord(v): chr(k) for k, v in _undoing(self).items()})


@cache
def _undoing(keyboard: Keyboard) -> dict[int, str]:
    """What each written character stands for."""
    plain, shifted = _KEYS[keyboard.layout]
    if keyboard.shift_lock:
        plain, shifted = shifted, plain
    elif keyboard.caps_lock:
        plain, shifted = _letters_swapped(plain), _letters_swapped(shifted)
    table = dict(zip(map(ord, plain), _US[0], strict=True))
    table.update(zip(map(ord, shifted), _US[1], strict=True))
    return table


def _letters_swapped(row: str) -> str:
    # ß has no upper-case key; swapping it would give two characters.
    return "".join(c.swapcase() if len(c.swapcase()) == 1 else c for c in row)


KEYBOARDS: Final = (
    Keyboard("us"),
    Keyboard("us", caps_lock=True),
    Keyboard("qwertz"),
    Keyboard("qwertz", caps_lock=True),
    Keyboard("azerty"),
    Keyboard("azerty", caps_lock=True),
    Keyboard("azerty", caps_lock=True, shift_lock=True),
)
"""Every keyboard that is tried, the most likely first."""


def calibration_text() -> str:
    """The content of the code that is scanned once to learn a workstation's layout.

    All characters of GS1 data, with one separator in the middle. Characters whose key is a dead
    accent on some keyboards stand before a digit, with which no accent joins.

    >>> len(calibration_text()), calibration_text().count(GS)
    (83, 1)
    """
    accents, others = "+=", [c for c in CSET_82 if c not in "+="]
    digits = [others.pop(others.index(d)) for d in "12"]
    joined = "".join(a + d for a, d in zip(accents, digits, strict=True)) + "".join(others)
    return joined[:_HALF] + GS + joined[_HALF:]


class Layout(msgspec.Struct, frozen=True):
    """What one workstation writes, learnt by calibration.

    >>> layout = calibrate(Keyboard("qwertz").types(calibration_text()).replace(GS, ""))
    >>> layout.undo("ABCYZ/-"), layout.separator
    ('ABCZY&/', '')
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
        table = {ord(t): c for t, c in zip(self.typed, true, strict=True)}
        # A separator of several characters, or of one that is no data, is put back first.
        parts = text.split(self.separator) if self.separator else [text]
        return GS.join(part.translate(table) for part in parts)


def calibrate(typed: str) -> Layout:
    """The layout of the workstation that wrote `typed` for the calibration code.

    Raises ValueError, saying why, where it is not that code's text or two characters came out
    alike, so that the layout cannot be undone.

    >>> calibrate("hello")
    Traceback (most recent call last):
    ...
    ValueError: this is not the calibration code: 82 characters are expected, 5 came
    """
    body = typed.rstrip("\r\n\t")
    surplus = len(body) - 2 * _HALF
    if not 0 <= surplus <= SEPARATOR_LENGTH_MAX:
        raise ValueError(
            f"this is not the calibration code: {2 * _HALF} characters are expected,"
            f" {len(body)} came"
        )
    middle = body[_HALF : _HALF + surplus]
    return _checked(body[:_HALF] + body[_HALF + surplus :], middle)


def _checked(typed: str, separator: str) -> Layout:
    if len(typed) != 2 * _HALF:
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
