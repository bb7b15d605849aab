"""Several picture workers, so that one slow picture keeps nobody waiting.

One worker stays for the next picture. Others are started when they are needed and end when they
are not, or when their picture took so long that they gave way to others.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from schemas.finding import Finding, Severity
from verification.image.symbol import PictureReading
from verification.image.worker import MEMORY_BYTES_MAX, TIMEOUT_S, PictureReader

if TYPE_CHECKING:
    from types import TracebackType

    from verification.image.limits import Limits

WORKERS_MAX = 8
"""Pictures read at once. A large one takes some 300 MB while it is read."""
IDLE_KEPT = 1
"""Workers that wait for the next picture."""


class PicturePool:
    """Reads pictures in worker processes, each picture in one of them; safe to share by threads.

    >>> with PicturePool() as pool:
    ...     pool.read(b"").error
    'the file is empty'
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        workers_max: int = WORKERS_MAX,
    ) -> None:
        self._limits = limits
        self._memory_bytes_max = memory_bytes_max
        self._free = threading.Semaphore(workers_max)
        self._lock = threading.Lock()
        self._idle: list[PictureReader] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, data: bytes, timeout_s: float = TIMEOUT_S) -> PictureReading:
        """The symbols of a picture file; never raises for what the picture does.

        `timeout_s` is for waiting and reading together.
        """
        until = time.monotonic() + timeout_s
        if not self._free.acquire(timeout=timeout_s):
            return PictureReading(findings=(_busy(),))
        try:
            reader = self._take()
            try:
                return reader.read(data, until - time.monotonic())
            finally:
                self._give_back(reader)
        finally:
            self._free.release()

    def close(self) -> None:
        """End the workers that wait; those at work end with their picture."""
        with self._lock:
            self._closed = True
            waiting, self._idle = self._idle, []
        for reader in waiting:
            reader.close()

    @property
    def idle_count(self) -> int:
        """Workers that wait for a picture."""
        return len(self._idle)

    def _take(self) -> PictureReader:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return PictureReader(limits=self._limits, memory_bytes_max=self._memory_bytes_max)

    def _give_back(self, reader: PictureReader) -> None:
        with self._lock:
            keep = not self._closed and not reader.was_slow and len(self._idle) < IDLE_KEPT
            if keep:
                self._idle.append(reader)
        if not keep:
            reader.close()


def _busy() -> Finding:
    return Finding(
        "image.busy",
        Severity.ERROR,
        "too many pictures are being read at once",
        "Try again in a moment.",
    )
