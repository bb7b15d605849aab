"""Helpers for the text of findings: shorten long values, suggest the word probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SENTENCE_MAX: Final = 400
"""Most characters of a finding's sentence; a longer one would only quote the sender's file."""
PATH_MAX: Final = 600
_WORD_MAX: Final = 64
"""Longer words are not compared: they are no misspellings."""


def brief(text: str, characters_max: int = SENTENCE_MAX) -> str:
    """A text cut to a length, with an ellipsis where it was cut.

    >>> brief("abcdefgh", 5)
    'abcd…'
    """
    return text if len(text) <= characters_max else f"{text[: characters_max - 1]}…"


def near(word: str, words: Iterable[str]) -> str:
    """The most similar of some words; empty where none is similar enough.

    >>> near("shiping", ["shipping", "receiving"]), near("x", ["shipping"])
    ('shipping', '')
    """
    if len(word) > _WORD_MAX:
        return ""
    found = difflib.get_close_matches(word, list(words), n=1)
    return found[0] if found else ""
