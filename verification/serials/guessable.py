"""Serial numbers that come in a list: characters, and how hard they are to guess (Art. 4)."""

from __future__ import annotations

import re
import string
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SERIALS_MAX = 1_000_000
"""Serial numbers in one upload."""
RUN_MAX = 16
"""Consecutive numbers among the serials beyond which they are not random (Art. 4(b)(ii))."""
FINDINGS_MAX = 100
"""Faults of one kind that are named one by one."""
TEXT_82 = re.compile(r"[!-\"%-?A-Z_a-z]{1,20}\Z")
"""A serial or lot: 1 to 20 characters of GS1 charset 82."""
_ALPHABETS = (string.digits, string.ascii_uppercase, string.ascii_lowercase)
_SIGNS = 20
"""Characters of GS1 charset 82 that are neither letters nor digits."""


def serial_space(serials: Sequence[str]) -> int:
    """How many serial numbers of that length and those characters are possible.

    >>> serial_space(["12345", "54321"])
    100000
    """
    used = set("".join(serials))
    letters = sum(len(alphabet) for alphabet in _ALPHABETS if used & set(alphabet))
    signs = _SIGNS if used - set("".join(_ALPHABETS)) else 0
    return int((letters + signs) ** min((len(one) for one in serials), default=0))


def longest_run(serials: Sequence[str]) -> int:
    """The longest run of consecutive numbers among the serials.

    >>> longest_run(["10", "11", "12", "99"])
    3
    """
    numbers = sorted(int(one) for one in serials if one.isdigit() and one.isascii())
    longest = run = min(len(numbers), 1)
    for before, after in pairwise(numbers):
        run = run + 1 if after == before + 1 else 1
        longest = max(longest, run)
    return longest


def serial_faults(
    serials: Sequence[str], issued: int, space_min: int
) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the serials of a lot, each as (code, sentence, path).

    `issued` serials of the product are active already; `space_min` must be possible for each one.

    >>> list(serial_faults([], 0, 10_000))
    [('serials', 'an upload has 1 to 1000000 serial numbers', 'serials')]
    """
    if not 1 <= len(serials) <= SERIALS_MAX:
        yield "serials", f"an upload has 1 to {SERIALS_MAX} serial numbers", "serials"
        return
    bad = [at for at, one in enumerate(serials) if not TEXT_82.match(one)]
    for at in bad[:FINDINGS_MAX]:
        yield "serial", "a serial has 1 to 20 characters of GS1 charset 82", f"serials/{at}"
    if bad:
        return
    if len({len(one) for one in serials}) > 1:
        yield "serial-length", "the serials of a lot have one length", "serials"
    if longest_run(serials) > RUN_MAX:
        yield "sequential", "the serials run in sequence and can be guessed", "serials"
    space, together = serial_space(serials), issued + len(serials)
    if together * space_min >= space:
        what = (
            f"{together} serials of {space} possible ones: the chance of guessing one is not below"
            f" 1 in {space_min} (Art. 4(c))"
        )
        yield "guessable", what, "serials"
