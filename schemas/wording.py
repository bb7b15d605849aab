"""How findings put things: long values cut short, and the word that was probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SENTENCE_MAX: Final = 400
"""Characters of a finding's sentence; whoever writes more quotes a file back at its sender."""
PATH_MAX: Final = 600
_WORD_MAX: Final = 64
"""Longer words are not misspelt ones."""


def brief(text: str, characters_max: int = SENTENCE_MAX) -> str:
    """A text cut to a length, the cut shown.

    >>> brief("abcdefgh", 5)
    'abcd…'
    """
    return text if len(text) <= characters_max else f"{text[: characters_max - 1]}…"


def near(word: str, words: Iterable[str]) -> str:
    """The one of some words that was probably meant; empty where none is near.

    >>> near("shiping", ["shipping", "receiving"]), near("x", ["shipping"])
    ('shipping', '')
    """
    if len(word) > _WORD_MAX:
        return ""
    found = difflib.get_close_matches(word, list(words), n=1)
    return found[0] if found else ""
