"""What XML says to its reader and not about events: comments, instructions and the DOCTYPE.

They have no place in an event. `packtrail convert` tells that they were there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS: Final = re.compile(rb"<!--|<!\[CDATA\[|<!DOCTYPE|<\?(?!xml\s)")
_ENDS: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<!DOCTYPE": b">", b"<?": b"?>"}
_NAMES: Final = {
    b"<!--": ("comments", "comment"),
    b"<?": ("instructions", "processing instruction"),
    b"<!DOCTYPE": ("doctype", "DOCTYPE"),
}
_CARRIED_BYTES: Final = 8
"""One less than the longest sign that begins something."""


class LeftOut:
    r"""Counts what is left out of one document, by the bytes its parser is fed.

    >>> left_out = LeftOut()
    >>> left_out.see(b"<a><!-- one --><![CDATA[<!-- text -->]]>\n<!-", 0)
    >>> left_out.see(b"- two --></a>", 0)
    >>> [finding.what for finding in left_out.findings()]
    ['2 comments are not kept, the first of line 1']
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, int] = {}
        self._first_lines: dict[bytes, int] = {}
        self._carried = b""
        self._end = b""
        self._line = 1

    def see(self, part: bytes, line_shift: int) -> None:
        """Look through the next bytes; `line_shift` lines went elsewhere before them."""
        text = self._carried + part
        at = counted = 0
        while True:
            if not self._end:
                found = _BEGINS.search(text, at)
                if found is None:
                    break
                at, sign = found.end(), found[0]
                self._line += text.count(b"\n", counted, at)
                counted = at
                self._note(sign, self._line + line_shift)
                self._end = _ENDS[sign]
            end = text.find(self._end, at)
            if end < 0:
                break
            at, self._end = end + len(self._end), b""
        kept = max(at, len(text) - _CARRIED_BYTES)
        self._line += text.count(b"\n", counted, kept)
        self._carried = text[kept:]

    def _note(self, sign: bytes, line: int) -> None:
        if sign in _NAMES:
            self._counts[sign] = self._counts.get(sign, 0) + 1
            self._first_lines.setdefault(sign, line)

    def findings(self) -> Iterator[Finding]:
        """One for each kind there is, with the line of the first."""
        for sign, count in self._counts.items():
            code, name = _NAMES[sign]
            line = self._first_lines[sign]
            what = f"{count} {name}s are" if count > 1 else f"a {name} is"
            first = f", the first of line {line}" if count > 1 else ""
            yield Finding(
                f"xml.{code}-not-kept",
                Severity.INFO,
                f"{what} not kept{first}",
                "It is no part of any event; keep the original where it matters.",
                Where(line=line),
            )
