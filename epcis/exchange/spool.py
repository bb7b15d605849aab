"""Bytes on the disk while they are worked on: parts of a file, and files that go by themselves."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Final

from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

CHUNK_BYTES: Final = 256 * 1024
IN_MEMORY_BYTES_MAX: Final = 1024 * 1024
"""Up to this size a spool stays in memory."""


class SpoolTooLarge(Refused):
    """More bytes than may be written."""


@dataclass(frozen=True, slots=True)
class Region:
    """Some bytes of an open file: `size_bytes` of them from `start`."""

    file: IO[bytes]
    start: int
    size_bytes: int

    @classmethod
    def whole(cls, file: IO[bytes]) -> Region:
        """All of a file."""
        return cls(file, 0, file.seek(0, 2))

    @property
    def end(self) -> int:
        """Where it ends in the file."""
        return self.start + self.size_bytes

    def part(self, start: int, end: int | None = None) -> Region:
        """The bytes from `start` up to `end`, both counted from where this begins."""
        last = self.size_bytes if end is None else min(end, self.size_bytes)
        return Region(self.file, self.start + start, max(last - start, 0))

    def at(self, start: int, count: int) -> bytes:
        """At most `count` bytes from `start`."""
        self.file.seek(self.start + start)
        return self.file.read(max(min(count, self.size_bytes - start), 0))

    def chunks(self) -> Iterator[bytes]:
        """All of it, in pieces; the file may be read elsewhere between two of them."""
        done = 0
        while done < self.size_bytes:
            chunk = self.at(done, CHUNK_BYTES)
            if not chunk:
                return
            done += len(chunk)
            yield chunk

    def read(self, bytes_max: int) -> bytes:
        """All of it. Raises `SpoolTooLarge` where it is more than `bytes_max`."""
        _must_fit(self.size_bytes, bytes_max)
        return self.at(0, self.size_bytes)

    def digest(self, algorithm: str) -> bytes:
        """Its digest.

        >>> import io
        >>> Region.whole(io.BytesIO(b"abc")).digest("sha256").hex()[:8]
        'ba7816bf'
        """
        made = hashlib.new(algorithm)
        for chunk in self.chunks():
            made.update(chunk)
        return made.digest()


@dataclass(frozen=True, slots=True)
class SpoolRoom:
    """Where spools lie, and how large each may grow."""

    folder: Path
    size_bytes_max: int

    def open(self) -> IO[bytes]:
        """An empty file that nobody else can name and that goes when it is closed."""
        return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES_MAX, dir=str(self.folder))

    def write(self, *pieces: Iterable[bytes]) -> Region:
        """Everything into one new file. Raises `SpoolTooLarge`."""
        file, size_bytes = self.open(), 0
        try:
            for chunk in chain.from_iterable(pieces):
                size_bytes += len(chunk)
                _must_fit(size_bytes, self.size_bytes_max)
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        return Region.whole(file)


def _must_fit(size_bytes: int, size_bytes_max: int) -> None:
    if size_bytes > size_bytes_max:
        raise SpoolTooLarge(f"larger than {size_bytes_max} bytes")
