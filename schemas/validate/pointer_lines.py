r"""Find the lines of values in a JSON text without building the values.

>>> lines_of(b'{"a": 1,\n "b": [2,\n 3]}', {("b", 1)})
{('b', 1): 3}
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

Pointer: TypeAlias = tuple[str | int, ...]

TEXT_BYTES_MAX: Final = 16 * 2**20
"""In larger texts findings name the path alone: finding lines would take too long."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def as_pointer(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901).

    >>> as_pointer(["epcisBody", "eventList", 0, "a/b"])
    '/epcisBody/eventList/0/a~1b'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def lines_of(text: bytes, wanted: AbstractSet[Pointer]) -> dict[Pointer, int]:
    """The 1-based line on which each wanted value begins, as far as it can be found.

    `text` is well-formed JSON in UTF-8.
    """
    found: dict[Pointer, int] = {}
    if not wanted or len(text) > TEXT_BYTES_MAX:
        return found
    line, counted_to = 1, 0
    for pointer, at in _values(text, max(len(pointer) for pointer in wanted)):
        if pointer in wanted and pointer not in found:
            line += text.count(b"\n", counted_to, at)
            counted_to = at
            found[pointer] = line
            if len(found) == len(wanted):
                break
    return found


def _values(text: bytes, depth_max: int) -> Iterator[tuple[Pointer, int]]:
    """Every value down to a depth, with the offset it begins at."""
    path: list[str | int] = []
    awaits_key = False
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in (b"}", b"]"):
            path.pop()
            awaits_key = False
        elif sign == b",":
            step = path[-1]
            awaits_key = isinstance(step, str)
            path[-1] = step if isinstance(step, str) else step + 1
        elif awaits_key:
            path[-1] = str(json.loads(sign)) if len(path) <= depth_max else ""
            awaits_key = False
        elif sign != b":":
            if len(path) <= depth_max:
                yield tuple(path), token.start()
            if sign in (b"{", b"["):
                path.append("" if sign == b"{" else 0)
                awaits_key = sign == b"{"
