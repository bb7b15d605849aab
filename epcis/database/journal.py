"""A small journal beside the database file, for what must be durable before the writer is free.

A file of records, each with its number, moment, length and checksum, behind the journal's id. What
a crash cut off at its end was never answered and is dropped. Once all records are taken in, an
empty journal with a new id takes the file's place.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import struct
import threading
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from epcis.database.transactions import StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ID_BYTES = 16
_HEAD = struct.Struct(">QqII")
"""Number, microseconds, length in bytes, CRC-32 of all that with the length and the record."""


class KeptRound(NamedTuple):
    """Records that were kept together; what is in them is for whoever kept them."""

    number: int
    at_us: int
    entries: bytes


class SideJournal:
    """Records on the disk until they are taken in; safe from many threads and processes.

    The file is made when the first of them is kept.
    """

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        self._path = file
        self._descriptor: int | None = None
        self._id = b""
        self._end = self._taken_to = 0
        """Where the last whole record ends, and the last that was taken in."""
        self._last = 0
        self.is_empty = not file.exists()

    @property
    def id(self) -> str:
        """The name of this journal, which a new file does not share."""
        with self._held():
            return self._id.hex()

    def keep(self, at_us: int, entries: bytes) -> None:
        """Keep the records of a round; they are on the disk when this returns. Raises StoreFull."""
        with self._held() as file:
            self.is_empty = False
            record = _framed(self._last + 1, at_us, entries)
            try:
                _write(file, record, self._end)
                os.fsync(file)
            except OSError as fault:
                os.ftruncate(file, self._end)
                raise StoreFull("the disk is full") from fault
            self._end += len(record)
            self._last += 1

    def oldest(self, rounds_max: int) -> list[KeptRound]:
        """The oldest rounds that are not taken in."""
        with self._held() as file:
            at, rounds = self._taken_to, list[KeptRound]()
            while len(rounds) < rounds_max and (found := _read(file, at)):
                rounds.append(found)
                at += _HEAD.size + len(found.entries)
        return rounds

    def forget(self, last: int) -> None:
        """Forget what was taken in, up to a number."""
        with self._held() as file:
            while (found := _read(file, self._taken_to)) and found.number <= last:
                self._taken_to += _HEAD.size + len(found.entries)
            self.is_empty = self._taken_to >= self._end
            if self.is_empty and self._last:
                _begin(self._path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._close()

    @contextmanager
    def _held(self) -> Iterator[int]:
        """The file, which nobody else writes meanwhile, with what others wrote before seen."""
        with self._lock:
            file = self._locked()
            try:
                while found := _read(file, self._end):
                    self._end += _HEAD.size + len(found.entries)
                    self._last = found.number
                os.ftruncate(file, self._end)
                yield file
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _locked(self) -> int:
        while True:
            file = self._descriptor if self._descriptor is not None else self._open()
            fcntl.flock(file, fcntl.LOCK_EX)
            # An empty journal may have taken its place before we had it to ourselves.
            if _is_at(file, self._path):
                return file
            self._close()

    def _open(self) -> int:
        if not self._path.exists() or self._path.stat().st_size < _ID_BYTES:
            _begin(self._path)
        file = self._descriptor = os.open(self._path, os.O_RDWR)
        self._id = os.pread(file, _ID_BYTES, 0)
        self._end = self._taken_to = _ID_BYTES
        self._last = 0
        return file

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_at(file: int, path: Path) -> bool:
    """Whether an open file is the one that a path names."""
    return path.exists() and os.path.samestat(os.fstat(file), path.stat())


def _begin(path: Path) -> None:
    """Put an empty journal in the place of a file, whole or not at all. Raises StoreFull."""
    fresh = path.with_name(path.name + ".new")
    try:
        with open(fresh, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_bytes(_ID_BYTES))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        raise StoreFull("the disk is full") from fault


def _framed(number: int, at_us: int, entries: bytes) -> bytes:
    return _HEAD.pack(number, at_us, len(entries), _sum(number, at_us, entries)) + entries


def _sum(number: int, at_us: int, entries: bytes) -> int:
    return zlib.crc32(entries, zlib.crc32(_HEAD.pack(number, at_us, len(entries), 0)))


def _write(file: int, record: bytes, at: int) -> None:
    if os.pwrite(file, record, at) != len(record):
        raise OSError(errno.ENOSPC, "no room for the whole record")


def _read(file: int, at: int) -> KeptRound | None:
    """The record at a place; None where none stands there, or only the beginning of one."""
    head = os.pread(file, _HEAD.size, at)
    if len(head) < _HEAD.size:
        return None
    number, at_us, length, checksum = _HEAD.unpack(head)
    entries = os.pread(file, length, at + _HEAD.size)
    if len(entries) < length or _sum(number, at_us, entries) != checksum:
        return None
    return KeptRound(number, at_us, entries)
