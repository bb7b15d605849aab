"""The format of an archive file: Apache Parquet, which DuckDB, pandas and Spark read directly.

A file of events has one row for each event: columns to query by, the whole event as EPCIS 2.0
JSON in `event`, and in `payload` the exact bytes of the database row, which restoring puts back.
A file of documents has one row for each piece of a document's bytes as received.
docs/how-to/keep-and-archive.md lists the columns.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

EVENTS, DOCUMENTS = "events", "documents"
FORMAT = "1"
ROWS_PER_GROUP = 500
"""Rows of a row group, which is the smallest unit that can be read and decompressed."""
_PIECE_BYTES = 1 << 20


class ArchiveUnavailable(Exception):  # noqa: N818  # a state of the installation
    """The library that reads and writes Parquet is not installed."""


class ArchivedEvent(NamedTuple):
    """One row of a file of events; names and order are the file's columns."""

    seq: int
    """`event.seq` in the database."""
    event_id: str
    hash: bytes
    """CBV event hash, 32 bytes."""
    type: str
    action: str | None
    biz_step: str | None
    """Bare word, as `shipping`."""
    disposition: str | None
    event_time: datetime
    event_time_zone_offset: str | None
    record_time: datetime
    read_point: str | None
    """Canonical key."""
    biz_location: str | None
    parent_id: str | None
    epcs: list[str]
    """Every EPC of every list, as written."""
    parties: list[str]
    """Canonical keys of all parties who may see it."""
    document: bytes | None
    """SHA-256 of the document it came in."""
    event: str
    """The whole event, EPCIS 2.0 JSON, as the log commits to it."""
    payload: bytes
    """The bytes of the payload in the database."""


class ArchivedPiece(NamedTuple):
    """One row of a file of documents: a piece of the bytes received."""

    document: int
    """`document.id` in the database."""
    sha256: bytes
    """Of the whole document."""
    received: datetime
    sender: str | None
    syntax: str
    part: int
    """0-based; the pieces in this order are the document."""
    content: bytes


def _arrow() -> Any:  # noqa: ANN401  # a library without types
    try:
        import pyarrow as pa  # large, and only needed by who archives
        import pyarrow.parquet  # as above
    except ImportError:
        raise ArchiveUnavailable(
            "the archive needs the library pyarrow: pip install 'packtrail[archive]'"
        ) from None
    return pa


def need_library() -> None:
    """Raise ArchiveUnavailable, with the command that installs it, where the library is missing."""
    _arrow()


def _schema(holds: str) -> Any:  # noqa: ANN401  # a pyarrow.Schema
    pa = _arrow()
    text, data, time = pa.string(), pa.binary(), pa.timestamp("us", tz="UTC")
    texts, digest = pa.list_(text), pa.binary(32)
    types = {"seq": pa.int64(), "part": pa.int32(), "payload": data, "content": data}
    types |= {"hash": digest, "sha256": digest, "epcs": texts, "parties": texts}
    types |= {"event_time": time, "record_time": time, "received": time}
    types["document"] = digest if holds == EVENTS else pa.int64()
    columns = ArchivedEvent._fields if holds == EVENTS else ArchivedPiece._fields
    about = {"packtrail.format": FORMAT, "packtrail.holds": holds}
    return pa.schema([(name, types.get(name, text)) for name in columns], metadata=about)


def write_rows(path: Path, holds: str, rows: Iterable[NamedTuple]) -> None:
    """Write a file and wait until it is on disk. Raises OSError, ArchiveUnavailable."""
    pa, schema = _arrow(), _schema(holds)
    with path.open("wb") as file:
        with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for group in _groups(rows):
                columns = [list(column) for column in zip(*group, strict=True)]
                arrays = [
                    pa.array(column, field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
        file.flush()
        os.fsync(file.fileno())


def _groups(rows: Iterable[NamedTuple]) -> Iterator[list[NamedTuple]]:
    group: list[NamedTuple] = []
    size_bytes = 0
    for row in rows:
        group.append(row)
        size_bytes += len(row[-1])
        if len(group) == ROWS_PER_GROUP or size_bytes >= _PIECE_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group


class DamagedFile(Exception):  # noqa: N818  # a state of the file
    """The file is no archive file, or it is damaged."""


@contextmanager
def _opened(path: Path) -> Iterator[Any]:  # pyarrow is untyped
    pa = _arrow()
    try:
        with pa.parquet.ParquetFile(path, memory_map=False) as file:
            about = file.schema_arrow.metadata or {}
            if about.get(b"packtrail.format") != FORMAT.encode():
                raise DamagedFile(f"{path.name} is not a file of the archive")
            yield file
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError) as fault:
        raise DamagedFile(f"{path.name} cannot be read: {fault}") from fault


def read_events(path: Path) -> Iterator[ArchivedEvent]:
    """All events of a file, in the order they were written. Raises OSError, DamagedFile."""
    with _opened(path) as file:
        for number in range(file.num_row_groups):
            yield from _rows(file, number, ArchivedEvent)


def read_pieces(path: Path) -> Iterator[ArchivedPiece]:
    """All pieces of a file of documents, in order. Raises OSError, DamagedFile."""
    with _opened(path) as file:
        for number in range(file.num_row_groups):
            yield from _rows(file, number, ArchivedPiece)


def _rows(file: Any, number: int, kind: Any) -> Iterator[Any]:  # noqa: ANN401  # see the callers
    table = file.read_row_group(number, columns=list(kind._fields))
    lists = [table.column(name).to_pylist() for name in kind._fields]
    yield from map(kind._make, zip(*lists, strict=True))


def read_payloads(path: Path, seqs: Sequence[int]) -> dict[int, bytes]:
    """event.seq -> payload, for all events of the row groups that hold these events.

    The result also has the other events of these groups. Raises OSError, DamagedFile.
    """
    wanted = set(seqs)
    found: dict[int, bytes] = {}
    with _opened(path) as file:
        for number in range(file.num_row_groups):
            if not wanted:
                break
            here = set(file.read_row_group(number, columns=["seq"]).column("seq").to_pylist())
            if wanted.isdisjoint(here):
                continue
            table = file.read_row_group(number, columns=["seq", "payload"])
            columns = [table.column(name).to_pylist() for name in ("seq", "payload")]
            found.update(zip(*columns, strict=True))
            wanted -= here
    return found


def file_digest(path: Path) -> tuple[int, bytes]:
    """Size in bytes and SHA-256 of a file. Raises OSError."""
    digest, size_bytes = sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
    return size_bytes, digest.digest()
