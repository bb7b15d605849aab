"""Many pictures: read by as many workers as there are cores, given back in the order named."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from schemas.finding import Finding, Severity
from verification.image.reader import PictureReader
from verification.image.symbol import PictureReading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from verification.image.limits import PictureLimits

PROCESSES_MAX = 64
AHEAD_PER_PROCESS = 4
"""Pictures handed out before the first of them is taken back, per process."""


def read_pictures(
    paths: Iterable[Path], *, processes: int = 0, limits: PictureLimits | None = None
) -> Iterator[tuple[Path, PictureReading]]:
    """Each picture with its reading; one that cannot be opened gives a finding.

    `processes` 0 means one for each core. The pictures are read ahead, never all at once: the
    caller's pace bounds what is held in memory.
    """
    count = min(processes or _cores(), PROCESSES_MAX)
    reader = PictureReader(limits=limits, workers_max=count, idle_kept=count)
    underway: deque[tuple[Path, Future[PictureReading]]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for path in paths:
                underway.append((path, pool.submit(_read, path, reader)))
                if len(underway) > count * AHEAD_PER_PROCESS:
                    yield _first(underway)
            while underway:
                yield _first(underway)
        finally:
            # Only when no thread reads any more: a reader that is asked again starts a new worker.
            pool.shutdown(cancel_futures=True)
            reader.close()


def _first(
    underway: deque[tuple[Path, Future[PictureReading]]],
) -> tuple[Path, PictureReading]:
    path, future = underway.popleft()
    return path, future.result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read(path: Path, reader: PictureReader) -> PictureReading:
    try:
        data = path.read_bytes()
    except OSError as fault:
        return PictureReading(findings=(_unreadable(path, fault),))
    return reader.read(data)


def _unreadable(path: Path, fault: OSError) -> Finding:
    return Finding(
        "image.unreadable",
        Severity.ERROR,
        f"{path} cannot be read: {fault.strerror or fault}",
        "Name a picture file that exists and may be read.",
    )
