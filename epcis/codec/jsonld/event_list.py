"""Where the event list of a long JSON-LD document lies, and how it is cut into portions.

The document is never read as a whole. Its beginning is followed bracket by bracket to the list. The
list's end is found from the end of the document where only brackets close behind the last event;
where more stands there, as the header does in a document with its members in alphabetical order,
the list is followed to its end, so that the header is complete before the first event is read.

A portion holds whole events with their commas. It is cut before an object that begins as the first
event did. Such a cut is right exactly if the portion is a well-formed list by itself, because an
object inside an event would leave that event open; where it is not, `cut_exactly` follows brackets.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from epcis.codec.cores import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.codec.at_rest import PlainFile

PORTION_BYTES: Final = 256 * 2**10
_BLOCK_BYTES: Final = 2**20
_TAIL_BYTES: Final = 2**20
"""So far from the end the last event is looked for."""
_PIECES: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")++|[{}\[\]]', re.DOTALL)
_OPENING: Final = (b"{", b"[")
_CLOSING: Final = (b"}", b"]")
_NAME_AT_END: Final = re.compile(rb'"([^"\\]*)"\s*:\s*\Z')
_NAME_BYTES_MAX: Final = 256
"""A member's name that is longer is not one of the standard's."""
_DEPTH_MAX: Final = 100
"""Brackets open at once in what stands before the list."""
_TEXT_BYTES_MAX: Final = 64 * 2**20
"""One text of a document that is followed bracket by bracket."""
_HOMES: Final = (
    [b"", b"epcisBody", b"eventList"],
    [b"", b"epcisBody", b"queryResults", b"resultsBody", b"eventList"],
)
_NEXT: Final = re.compile(rb"\s*,\s*(?=\{)")
_FIRST_MEMBER: Final = re.compile(
    rb'\s*\{\s*"(?P<name>[^"\\]+)"\s*:\s*(?P<kind>"[\w:]*Event")?', re.ASCII
)
_WINDOW_BYTES: Final = 16 * 2**10
"""How much of a portion's end is looked at for the last event, before all of it is."""


class UnendedListError(Exception):
    """The event list of a path does not end before its document does."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class EventTooLargeError(Exception):
    """One event, which begins at an offset, is larger than the limits allow."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class EventList:
    """The event list of a document: the bytes from offset `start` to offset `end`."""

    def __init__(self, file: PlainFile, start: int, end: int, *, path: str = "") -> None:
        self.file = file
        self.start = start
        self.end = end
        self.path = path
        """JSON pointer of the list."""
        self._begins: re.Pattern[bytes] | None = None
        self._is_exact = False

    @classmethod
    def find(cls, file: PlainFile, size_bytes_max: int) -> EventList | None:
        """The event list; None where none begins before `size_bytes_max`.

        Raises UnendedListError where it does not end, as in a file that was cut off.

        >>> from io import BytesIO
        >>> from epcis.codec.at_rest import PlainFile
        >>> text = b'{"epcisBody": {"eventList": [{"a": []}]}, "type": "EPCISDocument"}'
        >>> found = EventList.find(PlainFile(BytesIO(text)), 1000)
        >>> found.path, text[found.start:found.end]
        ('/epcisBody/eventList', b'{"a": []}')
        """
        names: list[bytes] = []
        for at, sign, before in _brackets(file, 0):
            if sign in _OPENING:
                name = _NAME_AT_END.search(before)
                names.append(name[1] if name else b"")
                if sign == b"[" and names in _HOMES:
                    path = "/".join(step.decode() for step in names)
                    return cls(file, at + 1, _end_of(file, at + 1, path), path=path)
            elif names:
                names.pop()
            if not names or len(names) > _DEPTH_MAX or at > size_bytes_max:
                return None
        return None

    @property
    def beside_bytes(self) -> int:
        """How much stands around the list."""
        return self.start + self.file.size_bytes - self.end

    def frame(self) -> bytes:
        """The document around its list, which is left empty."""
        behind = self.file.size_bytes - self.end
        return self.file.read(0, self.start) + self.file.read(self.end, behind)

    def spans(self, at: int, size_bytes_max: int) -> Iterator[Span]:
        """Where portions lie, from the event at an offset on.

        Raises EventTooLargeError where an event has more bytes than allowed.
        """
        while at < self.end:
            size, length, following = PORTION_BYTES, 0, 0
            while not length:
                if at + size >= self.end:
                    length = following = self.end - at
                else:
                    length, following = self._cut(at, size)
                if not length and size > size_bytes_max:
                    raise EventTooLargeError(at)
                size *= 2
            yield Span(at, length)
            at += following

    def take(self, span: Span) -> bytes:
        """The text of a portion."""
        return self.file.read(span.at, span.size_bytes)

    def cut_exactly(self) -> bool:
        """From now on follow brackets instead of trusting how events begin; False if it did."""
        was_exact, self._is_exact = self._is_exact, True
        return not was_exact

    def _cut(self, at: int, size: int) -> tuple[int, int]:
        """The length of the whole events there, and where the next begins; 0 if none is whole."""
        if self._begins is None:
            self._begins = _beginning_like(self.file.read(at, size))
        for window in () if self._is_exact else (min(_WINDOW_BYTES, size), size):
            skipped = size - window
            text = self.file.read(at + skipped, window)
            found = deque(self._begins.finditer(text), maxlen=1)
            if found:
                return skipped + found[0].start() + 1, skipped + found[0].end("gap")
        return _last_event_end(self.file.read(at, size))


def _beginning_like(text: bytes) -> re.Pattern[bytes]:
    """What stands between two events, if the second begins as the first of this text does."""
    first = _FIRST_MEMBER.match(text)
    if first is None:
        return re.compile(rb"\}(?P<gap>\s*,\s*)(?=\{)")
    kind = rb'"[\w:]*Event"' if first["kind"] else b""
    name = re.escape(first["name"])
    return re.compile(rb'\}(?P<gap>\s*,\s*)(?=\{\s*"' + name + rb'"\s*:\s*' + kind + b")", re.ASCII)


def _last_event_end(text: bytes) -> tuple[int, int]:
    """The same by following the brackets of a text that begins with an event."""
    depth = end = following = done = 0
    for piece in _PIECES.finditer(text):
        if piece.start() != done:  # a text that does not end here
            break
        sign, done = piece[0], piece.end()
        if sign in _OPENING:
            depth += 1
        elif sign in _CLOSING:
            depth -= 1
            if depth == 0 and (between := _NEXT.match(text, done)):
                end, following = done, between.end()
    return end, following


def _end_of(file: PlainFile, start: int, path: str) -> int:
    """Where the list ends; raises UnendedListError where it does not."""
    end = _plain_end(file, start, path.count("/") + 1) or _followed_end(file, start)
    if not end:
        raise UnendedListError(path)
    return end


def _plain_end(file: PlainFile, start: int, depth: int) -> int:
    """Where the list ends, if only brackets close behind its last event; else 0."""
    from_ = max(start, file.size_bytes - _TAIL_BYTES)
    tail = file.read(from_, file.size_bytes - from_)
    # Outside a text no quotation mark can stand before these letters and inside none behind them.
    found = tail.rfind(b'"eventTime"')
    if found < 0:
        return 0
    below, end = depth + 1, 0
    for piece in _PIECES.finditer(tail, found):
        sign = piece[0]
        if sign in _OPENING:
            below += 1
        elif sign in _CLOSING:
            below -= 1
        if end and sign not in _CLOSING and sign.strip():
            return 0
        if below == depth - 1 and not end:
            end = from_ + piece.start()
    return end if below == 0 else 0


def _followed_end(file: PlainFile, start: int) -> int:
    """Where the list ends, bracket by bracket; 0 where it does not."""
    depth = 0
    for at, sign, _ in _brackets(file, start):
        depth += 1 if sign in _OPENING else -1
        if depth < 0:
            return at
    return 0


def _brackets(file: PlainFile, at: int) -> Iterator[tuple[int, bytes, bytes]]:
    """The brackets outside of texts from there on: offset, bracket, and what stands before it."""
    carried, before = b"", b""
    while len(carried) <= _TEXT_BYTES_MAX and (
        block := file.read(at + len(carried), max(_BLOCK_BYTES, len(carried)))
    ):
        text = carried + block
        done = 0
        for piece in _PIECES.finditer(text):
            if piece.start() != done:
                break
            done = piece.end()
            if piece[0] in _OPENING or piece[0] in _CLOSING:
                yield at + piece.start(), piece[0], before
                before = b""
            else:
                before = (before + piece[0])[-_NAME_BYTES_MAX:]
        carried = text[done:]
        at += done
