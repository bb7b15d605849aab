"""Long JSON-LD documents, read with the events left on disk.

The text is followed bracket by bracket, never as a whole: events are noted by where they lie, and
what stands around them is the frame. The header may stand behind the events, so the frame is
complete before the first event is read.
"""

from __future__ import annotations

import re
import tempfile
from array import array
from typing import TYPE_CHECKING, BinaryIO, Final, Self, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.codec.limits import Limits
    from epcis.codec.refusal import Gathering
    from epcis.codec.unpack import PlainStream

_BLOCK_BYTES: Final = 2**20
_PIECES: Final = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")++|[{}\[\]]', re.DOTALL)
_NAME_AT_END: Final = re.compile(rb'"([^"\\]*)"\s*:\s*\Z')
_BETWEEN: Final = re.compile(rb"\s*,\s*")
_HOMES: Final = (
    [b"", b"epcisBody"],
    [b"", b"epcisBody", b"queryResults", b"resultsBody"],
)


class LongDocument:
    """A document whose events lie in a file: `frame` around an empty event list, and `events`."""

    def __init__(
        self, first: bytes, stream: PlainStream, limits: Limits, gathering: Gathering
    ) -> None:
        self._limits = limits
        self._gathering = gathering
        self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # closed with the reader
        self._starts = array("Q")
        self._ends = array("Q")
        self._frame: list[bytes] = []
        self._frame_bytes = 0
        self._names: list[bytes] = []
        self._depth = 0
        self._list_depth = 0
        self._before = b""
        try:
            self._split(first, stream)
        except BaseException:
            self._file.close()
            raise
        self.frame = b"".join(self._frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def events(self) -> Iterator[bytes]:
        """The events in order, each as its text."""
        for start, end in zip(self._starts, self._ends, strict=True):
            self._file.seek(start)
            yield self._file.read(end - start)

    def _split(self, first: bytes, stream: PlainStream) -> None:
        carried, offset, block = b"", 0, first
        while block:
            self._file.write(block)
            buffer = carried + block
            at = 0
            for piece in _PIECES.finditer(buffer):
                if piece.start() != at:
                    break
                at = piece.end()
                self._take(piece[0], offset + piece.start())
            carried = buffer[at:]
            offset += at
            if len(carried) > self._limits.event_bytes_max:
                raise self._malformed("a text does not end")
            block = stream.read(_BLOCK_BYTES)
        if carried or self._depth:
            raise self._malformed("it ends too early")

    def _take(self, piece: bytes, at: int) -> None:
        in_list = self._list_depth and self._depth >= self._list_depth
        if piece in (b"{", b"["):
            self._open(piece, at)
        elif piece in (b"}", b"]"):
            self._close(piece, at)
        elif not in_list:
            self._before = (self._before + piece)[-_NAME_BYTES_MAX:]
            self._keep(piece)
        elif self._is_between(piece):
            raise self._malformed("something else stands between the events")

    def _is_between(self, piece: bytes) -> bool:
        """Whether something stands between two events that is no comma."""
        is_beside = self._depth == self._list_depth and bool(piece.strip())
        return is_beside and not _BETWEEN.fullmatch(piece)

    def _open(self, piece: bytes, at: int) -> None:
        self._depth += 1
        if self._list_depth and self._depth > self._list_depth:
            if self._depth == self._list_depth + 1:
                self._starts.append(at)
                if len(self._starts) > self._limits.events_max:
                    raise self._gathering.too_many_events(self._limits.events_max)
            return
        name = _NAME_AT_END.search(self._before)
        self._before = b""
        self._keep(piece)
        if piece == b"[" and name and name[1] == b"eventList" and self._names in _HOMES:
            self._list_depth = self._depth
        self._names.append(name[1] if name else b"")

    def _close(self, piece: bytes, at: int) -> None:
        if self._list_depth and self._depth > self._list_depth:
            if self._depth == self._list_depth + 1:
                self._ends.append(at + 1)
            self._depth -= 1
            return
        if self._depth == self._list_depth:
            self._list_depth = 0
        if not self._names:
            raise self._malformed("a bracket closes that was not opened")
        self._names.pop()
        self._depth -= 1
        self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        self._frame.append(piece)
        self._frame_bytes += len(piece)
        if self._frame_bytes > self._limits.event_bytes_max:
            raise self._malformed("what stands beside the events is too large")

    def _malformed(self, why: str) -> Exception:
        return self._gathering.refuse(
            "json.malformed",
            f"the JSON cannot be read: {why}",
            "Have the sender check the file with a JSON parser and send it again.",
            path="/",
        )


_NAME_BYTES_MAX: Final = 256
"""A member's name that is longer is not one of the standard's."""
