"""The plain bytes of a document at rest: any part of them can be read, and read again."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class PlainFile:
    """Plain bytes from `start` on in a file, which is the sender's own or a copy of ours.

    >>> with PlainFile(io.BytesIO(b"..plain"), start=2) as plain:
    ...     plain.size_bytes, plain.read(1, 3)
    (5, b'lai')
    """

    def __init__(
        self,
        file: BinaryIO,
        *,
        start: int = 0,
        ours: AbstractContextManager[object] | None = None,
    ) -> None:
        self._file = file
        self._start = start
        self._ours = ours
        self.size_bytes = max(0, file.seek(0, io.SEEK_END) - start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours is not None:
            self._ours.__exit__(None, None, None)

    def read(self, at: int, size: int) -> bytes:
        """So many bytes from there on, or as many as there are."""
        self._file.seek(self._start + at)
        part = self._file.read(size)
        if len(part) == size:
            return part
        parts = [part]  # a file without a buffer may give less than it was asked for
        while part and (size := size - len(part)) > 0:
            part = self._file.read(size)
            parts.append(part)
        return b"".join(parts)

    def on_disk(self) -> tuple[Path, int] | None:
        """Where other processes find these bytes: the file and their start; None if nowhere."""
        name = getattr(self._file, "name", None)
        if not isinstance(name, (str, Path)):
            return None
        try:
            there, here = Path(name).stat(), os.fstat(self._file.fileno())
        except OSError:
            return None
        return (Path(name).absolute(), self._start) if os.path.samestat(there, here) else None
