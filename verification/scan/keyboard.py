"""Keyboards between a scanner and its text: layouts that differ, caps lock, and their undoing.

A keyboard scanner presses the keys of an American keyboard; the computer writes what its own
layout has on them. What was typed proves some keyboards and rules out others.
"""

# ruff: noqa: RUF001, RUF002  # accents look alike; telling them apart is what this is about
from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

import msgspec

from verification.scan.layouts import LAYOUTS, SHIFT_LOCKED, US_KEYS

KNOWN_LAYOUTS: Final = tuple(LAYOUTS)
"""Layouts that are undone without calibration."""
SYMBOLOGIES: Final = (
    *("]d2", "]d8", "]C1", "]Q3", "]J1", "]e0"),
    *("]d1", "]d7", "]Q1", "]E0", "]E4", "]C0", "]I1", "]A0"),
)
"""Symbology identifiers that scanners put before the codes of packs, cases and shelves."""
_MARKS: Final = {
    "\u0300": "`",
    "\u0301": "´'΄",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '¨"',
    "\u030c": "ˇ",
    "\u0327": "¸",
    "\u0328": "˛",
}
"""Combining mark -> the accents on keys that wait for a letter and join with it."""


_QUOTES: Final = "'\""


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
        return text.translate(_typing(self))

    def can_type(self, text: str) -> bool:
        """Whether every character of a text is on some key; control characters may be sent past.

        >>> Keyboard("russian").can_type("ABC"), Keyboard("russian").can_type("123")
        (False, True)
        """
        keys = _undoing(self)
        return all(ord(sign) in keys or ord(sign) <= 0x20 for sign in text)


@cache
def _typing(keyboard: Keyboard) -> dict[int, str]:
    """What is written for each key, by the character an American keyboard has there."""
    plain, shifted = LAYOUTS[keyboard.layout]
    if keyboard.shift_lock:
        plain, shifted = shifted, plain
    elif keyboard.caps_lock:
        plain, shifted = _letters_swapped(plain, shifted)
    both = zip(US_KEYS[0] + US_KEYS[1], plain + shifted, strict=True)
    return {ord(key): written for key, written in both}


@cache
def _undoing(keyboard: Keyboard) -> dict[int, str]:
    """What each written character stands for."""
    keys = {written: chr(key) for key, written in _typing(keyboard).items()}
    # Quotes wait for a letter on the American international layout only.
    return with_joined_accents(keys, quotes=keyboard.layout == "us")


def with_joined_accents(keys: dict[str, str], *, quotes: bool = True) -> dict[int, str]:
    """A table for `str.translate` that takes `keys` back, accents joined with letters included.

    A Spanish keyboard writes é where the scanner pressed ' and then e. `quotes` says whether ' and
    " join with letters, too.

    >>> "é".translate(with_joined_accents({"´": "'", "e": "e"}))
    "'e"
    """
    table = {ord(written): key for written, key in keys.items()}
    for mark, accents in _MARKS.items():
        for accent in accents:
            if accent not in keys or (accent in _QUOTES and not quotes):
                continue
            for letter, key in keys.items():
                joined = unicodedata.normalize("NFC", letter + mark)
                if len(joined) == 1 and joined not in keys:
                    table[ord(joined)] = keys[accent] + key
    return table


def _letters_swapped(plain: str, shifted: str) -> tuple[str, str]:
    """Both rows as caps lock writes them: the two letters of a key change places.

    A letter whose key has no capital (ě under a digit) gets one, where it is one sign (not ß).
    """
    rows = []
    for low, high in zip(plain, shifted, strict=True):
        if low.isalpha() and (low.upper() == high or high.lower().startswith(low)):
            rows.append((high, low))
        else:
            rows.append((_swapped(low), _swapped(high)))
    return "".join(low for low, _ in rows), "".join(high for _, high in rows)


def _swapped(sign: str) -> str:
    other = sign.swapcase()
    # The Greek final sigma has no capital of its own.
    return other if len(other) == 1 and other.swapcase() == sign else sign


KEYBOARDS: Final = (
    *(Keyboard(layout) for layout in LAYOUTS),
    *(Keyboard(layout, caps_lock=True) for layout in LAYOUTS),
    *(Keyboard(layout, caps_lock=True, shift_lock=True) for layout in SHIFT_LOCKED),
)
"""Every keyboard that is tried, the most likely first."""


@cache
def _typed_symbologies() -> dict[str, tuple[Keyboard, ...]]:
    """The keyboards that write each beginning which stands for a symbology identifier."""
    proven: dict[str, tuple[Keyboard, ...]] = {}
    for keyboard in KEYBOARDS:
        for symbology in SYMBOLOGIES:
            typed = keyboard.types(symbology)
            for start in {typed, unicodedata.normalize("NFC", typed), _joined(typed)}:
                proven[start] = (*proven.get(start, ()), keyboard)
    return proven


def _joined(typed: str) -> str:
    """The text with accents joined to the letters behind them, as some systems write it."""
    for mark, accents in _MARKS.items():
        for accent in accents:
            if typed.startswith(accent):
                return unicodedata.normalize("NFC", typed[1:2] + mark) + typed[2:]
    return typed


def keyboards_proven(text: str) -> tuple[Keyboard, ...]:
    """The keyboards that would have written the beginning of a text for a symbology identifier.

    Empty where the text begins with none.

    >>> [keyboard.layout for keyboard in keyboards_proven("$dé01")]
    ['azerty', 'belgian']
    """
    by_start = _typed_symbologies()
    return by_start.get(text[:3]) or by_start.get(text[:2]) or ()
