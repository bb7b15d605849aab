"""Long documents on several cores: portions of the event list go to worker processes.

Events stay in the worker that read them, for handing them over would cost what was gained; the
worker does with them what is wanted, and only its result comes back, in document order. Portions
are handed over by where they lie: in the document itself, if it is a plain file, or else in a file
of ours. A pipe would copy each several times, 64 kB at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
from collections import Counter, deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self, TypeAlias

from epcis.codec.refusal import DocumentRefused, FindingCollector

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence
    from concurrent.futures import Future
    from multiprocessing.context import BaseContext

    from epcis.model import Event
    from schemas.finding import Finding

Work: TypeAlias = "Callable[[list[Event]], tuple[bytes, Sequence[Finding]]]"
"""What a worker does with the events of a portion: a result, and what it found in doing so."""
_AHEAD_PER_PROCESS: Final = 4
"""Portions handed out before the first is done, so that no worker waits."""


class Span(NamedTuple):
    """Where a portion lies in the file that all processes have open."""

    at: int
    size_bytes: int


class Portion(NamedTuple):
    """What reading a portion gave."""

    events: list[Event]
    counts: Counter[str]
    """Events begun, by the name they are counted under."""


class PortionFrame(Protocol):
    """How the portions of a document are read; can be pickled."""

    def read_with(self, collector: FindingCollector) -> Callable[[bytes], Portion | None]:
        """A function that reads portions; None where one cannot be read by itself."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of one portion."""

    result: bytes
    noted: tuple[Finding, ...]
    """What the work itself found."""
    counts: Counter[str]
    lines: int
    findings: tuple[Finding, ...]
    """What was found in reading."""
    refused: int
    """Events that were left out."""


@dataclass(frozen=True, slots=True)
class PortionJob:
    """What is to be done with the events of a document, and by how many.

    `prepare` is called once in each worker with the argument, and gives the function that works on
    a list of events; both must be picklable.
    """

    prepare: Callable[[Any], Work]
    argument: tuple[Any, ...]
    processes: int


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a worker process is given once, when it starts."""

    file: Path
    frame: PortionFrame
    job: PortionJob
    strict: bool
    findings_max: int


class PortionFile:
    """A file of ours with room for every portion that is handed out and not done."""

    def __init__(self, portion_bytes_max: int, processes: int) -> None:
        self._size_bytes = portion_bytes_max
        # A berth is used again only after the result of its last portion came back.
        self._count = processes * _AHEAD_PER_PROCESS + 1
        self._next = 0
        self._file = tempfile.NamedTemporaryFile()  # noqa: SIM115  # closed by __exit__
        self.path = Path(self._file.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def lay(self, portion: bytes) -> Span:
        """Lay a portion into the next berth."""
        at = self._next % self._count * self._size_bytes
        self._next += 1
        self._file.seek(at)
        self._file.write(portion)
        self._file.flush()
        return Span(at, len(portion))

    def take(self, span: Span) -> bytes:
        """A portion that has not been worked on."""
        self._file.seek(span.at)
        return self._file.read(span.size_bytes)


def work_on(
    spans: Iterable[Span],
    file: Path,
    frame: PortionFrame,
    job: PortionJob,
    collector: FindingCollector,
) -> Generator[Worked | None, None, None]:
    """The results of portions that lie in a file, in order; None for what cannot be read so.

    Whoever stops after a None gets no more, and the workers end.
    """
    setting = _Setting(file, frame, job, collector.strict, collector.listed_max)
    pool = ProcessPoolExecutor(
        job.processes, mp_context=_context(), initializer=_begin, initargs=(setting,)
    )
    waiting: deque[Future[Worked | None]] = deque()
    try:
        for span in spans:
            waiting.append(pool.submit(_read_portion, span))
            if len(waiting) > job.processes * _AHEAD_PER_PROCESS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:  # a worker was ended from outside, as for want of memory
        yield None
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    """Forked workers start at once; with other threads about, only new processes are safe."""
    is_alone = threading.active_count() == 1
    methods = multiprocessing.get_all_start_methods()
    method = "fork" if is_alone and "fork" in methods else "spawn"
    return multiprocessing.get_context(method)


_NICENESS = 10


class _PortionWorker:
    """What a worker process keeps between portions."""

    setting: _Setting
    work: Work
    file: IO[bytes]


def _begin(setting: _Setting) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever began the work ends it
    with suppress(OSError, AttributeError):
        os.nice(_NICENESS)  # who is asked about a pack goes before who reads a file
    _PortionWorker.setting = setting
    _PortionWorker.file = setting.file.open("rb", buffering=0)  # the worker's end closes it
    _PortionWorker.work = staticmethod(setting.job.prepare(setting.job.argument))


def _read_portion(span: Span) -> Worked | None:
    setting = _PortionWorker.setting
    _PortionWorker.file.seek(span.at)
    portion = _PortionWorker.file.read(span.size_bytes)
    collector = FindingCollector(
        listed_max=setting.findings_max, strict=setting.strict, raises=False
    )
    try:
        read = setting.frame.read_with(collector)(portion)
    except DocumentRefused:  # whoever reads on from here says why, and where
        return None
    if read is None:
        return None
    result, noted = _PortionWorker.work(read.events)
    lines = portion.count(b"\n")
    return Worked(
        result,
        tuple(noted),
        read.counts,
        lines,
        tuple(collector.listed),
        collector.events_refused,
    )
