"""Edits of the bytes of a file, whatever its syntax."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE_BYTES_MAX: Final = 64 * 2**20
"""Largest file whose places are kept: they take some ten times its size in memory."""


class NotMendable(ValueError):  # noqa: N818  # an answer, shown to a person
    """The places of the file cannot be kept; the text says why and what to do."""


class Edit(NamedTuple):
    """Bytes of a file from `start` to before `end`, and what stands there afterwards."""

    start: int
    end: int
    new: bytes


class Change(NamedTuple):
    """One thing that a repair changes."""

    line: int
    what: str
    edits: tuple[Edit, ...]


def apply(data: bytes, edits: Iterable[Edit]) -> bytes:
    """The bytes with edits made; edits that overlap are a fault of whoever made them.

    >>> apply(b"a wrong word", [Edit(2, 7, b"right")])
    b'a right word'
    """
    ordered = sorted(edits)
    assert all(one.end <= other.start for one, other in pairwise(ordered)), "edits overlap"
    parts: list[bytes] = []
    at = 0
    for edit in ordered:
        parts += [data[at : edit.start], edit.new]
        at = edit.end
    return b"".join([*parts, data[at:]])
