"""Length of GS1 Company Prefixes: from GS1's table, the operator, or captured URNs; never guessed.

A GTIN does not show where its company prefix ends, an EPC URN does. GS1 publishes a table of
ranges; an operator may override it with own entries; each captured URN proves one more prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTH_MIN: Final = 4
LENGTH_MAX: Final = 12
PROVEN_MAX: Final = 100_000
"""Prefixes remembered from captured URNs."""
_URN_SCHEMES_WITH_PREFIX: Final = ("urn:epc:id:", "urn:epc:class:", "urn:epc:idpat:")


class CompanyPrefixes:
    """All known company prefixes; `length` looks one up.

    An object of this class serves as the `prefix_length` of `schemas.gs1.epc`.

    >>> prefixes = CompanyPrefixes(published=False)
    >>> prefixes.length("9506000134352") is None
    True
    >>> prefixes.learn("urn:epc:id:sgtin:9506000.013435.A1")
    >>> prefixes.length("9506000134352")
    7
    """

    def __init__(self, overlay: Iterable[str] = (), *, published: bool = True) -> None:
        """Start from an operator's `overlay` of prefixes and, if `published`, GS1's table.

        Raises ValueError where an entry of the overlay is no row of 4 to 12 digits.
        """
        self._overlay = frozenset(_checked(prefix) for prefix in overlay)
        self._proven: set[str] = set()
        self._published = published

    def __call__(self, number: str) -> int | None:
        """As `length`."""
        return self.length(number)

    def learn(self, urn: str) -> None:
        """Remember the company prefix that a URN of a GS1 key shows; other URIs are ignored."""
        if not urn.startswith(_URN_SCHEMES_WITH_PREFIX) or len(self._proven) >= PROVEN_MAX:
            return
        prefix = urn.split(":", 4)[-1].partition(".")[0]
        if _is_prefix(prefix):
            self._proven.add(prefix)

    def proven(self) -> frozenset[str]:
        """The prefixes that URNs have shown."""
        return frozenset(self._proven)

    def length(self, number: str) -> int | None:
        """Length of the company prefix that `number` (without indicator digit) begins with.

        The operator's entries come first, then the captured URNs, then GS1's table. None where
        the length is unknown or URNs contradict each other.
        """
        for known in (self._overlay, self._proven):
            lengths = _matching(number, known)
            if lengths:
                return lengths[0] if len(lengths) == 1 else None
        return _published_length(number) if self._published else None


def _checked(prefix: str) -> str:
    if not _is_prefix(prefix):
        raise ValueError(f"a GS1 Company Prefix has 4 to 12 digits: {prefix!r}")
    return prefix


def _is_prefix(text: str) -> bool:
    return text.isascii() and text.isdigit() and LENGTH_MIN <= len(text) <= LENGTH_MAX


def _matching(number: str, prefixes: frozenset[str] | set[str]) -> list[int]:
    if not prefixes:
        return []
    return [n for n in range(LENGTH_MIN, LENGTH_MAX + 1) if number[:n] in prefixes]


def _published_length(number: str) -> int | None:
    # Unpacking the table takes about 10 ms, so it is only done when somebody needs it.
    from biip import ParseError  # loaded on first use, see above
    from biip.gs1_prefixes import GS1CompanyPrefix  # loaded on first use

    if len(number) < LENGTH_MIN or not (number.isascii() and number.isdigit()):
        return None
    try:
        found = GS1CompanyPrefix.extract(number)
    except ParseError:
        return None
    return len(found.value) if found else None
