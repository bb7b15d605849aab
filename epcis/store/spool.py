"""Sealed events on the disk, until the act that stores them begins.

A large document is read, checked and hashed to its end before its act: as long as it reads, nobody
waits for the one writer of SQLite, and on PostgreSQL no open transaction holds up the log.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Self

import msgspec

from epcis.database.transactions import StoreFull
from epcis.store.rows import Sealed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LENGTH_BYTES = 4
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Sealed)


class SealedSpool:
    """Sealed events in a file without a name, which ends with the block."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed at the end of the block

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self._file.close()

    def fill(self, events: Iterable[Sealed]) -> None:
        """Keep all of these events. Raises StoreFull."""
        try:
            for one in events:
                kept = _ENCODER.encode(one)
                self._file.write(len(kept).to_bytes(_LENGTH_BYTES, "big"))
                self._file.write(kept)
            self._file.flush()
        except OSError as fault:
            raise StoreFull("the disk for temporary files is full") from fault

    def __iter__(self) -> Iterator[Sealed]:
        """They come as they went in."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            yield _DECODER.decode(self._file.read(int.from_bytes(length, "big")))
