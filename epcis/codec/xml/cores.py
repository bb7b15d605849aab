"""Long XML documents on several cores: portions of the event list go to worker processes.

Events stay in the worker that read them, for handing them over would cost what was gained; the
worker does with them what is wanted, and only its result comes back, in document order. Portions
lie in a file that all of them have open: a pipe would copy each several times, 64 kB at a time.
"""

from __future__ import annotations

import multiprocessing
import re
import tempfile
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from epcis.codec.refusal import Gathering
from epcis.codec.xml.judge import EXPLAINED_MAX, Judge
from epcis.codec.xml.portions import PORTION_BYTES_MAX, Frame, PortionReader
from epcis.codec.xml.read import XmlReader

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Generator
    from multiprocessing.context import BaseContext
    from tempfile import _TemporaryFileWrapper

    from epcis.model import Event
    from schemas.finding import Finding

Work: TypeAlias = "Callable[[list[Event]], bytes]"
_AHEAD_PER_PROCESS: Final = 4
"""Portions handed out before the first is done, so that no worker waits."""
_BERTH_BYTES: Final = 2 * PORTION_BYTES_MAX
"""Room in the file for each portion handed out: it doubles while below the maximum."""
_POSITION: Final = re.compile(r"(/EventList/(\w+)\[)(\d+)\]")


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of one portion."""

    result: bytes
    counts: Counter[str]
    lines: int
    findings: tuple[Finding, ...]


class ParallelReader(XmlReader):
    """Iterates the results of `prepare(...)` on portions, and the events outside of any portion.

    `prepare` is called once in each worker and gives the function that works on a list of events;
    it and its argument must be picklable.
    """

    # Handing a portion over costs a little each time; a portion beyond the cache costs more.
    portion_bytes = 2**19

    @classmethod
    def of(cls, reader: XmlReader) -> ParallelReader:
        """The same reader, not begun yet, for several cores."""
        parallel = cls.__new__(cls)
        parallel.__dict__.update(reader.__dict__)
        return parallel

    def work(self, prepare: Callable[[Any], Work], rest: tuple[Any, ...], processes: int) -> None:
        """Say what is to be done with the events, before iterating."""
        self._prepare, self._rest, self._processes = prepare, rest, processes

    def _in_portions(self, frame: Frame, rest: bytes) -> Generator[Any, None, bytes]:
        waiting: deque[tuple[bytes, Future[Worked | None]]] = deque()
        ahead_max = self._processes * _AHEAD_PER_PROCESS
        with tempfile.NamedTemporaryFile() as shared, self._pool(frame, shared) as pool:
            for number, portion in enumerate(self._cut_portions(frame.version, rest)):
                # A berth is used again only after the result of its last portion came back.
                berth = number % (ahead_max + 1) * _BERTH_BYTES
                shared.seek(berth)
                shared.write(portion)
                shared.flush()
                waiting.append((portion, pool.submit(_read_portion, berth, len(portion))))
                if len(waiting) > ahead_max and not (yield from self._next_result(waiting)):
                    break
            while waiting and (yield from self._next_result(waiting)):
                pass
            unread = b"".join(portion for portion, _ in waiting)
            for _, future in waiting:
                future.cancel()
        return unread + self._unread

    def _pool(self, frame: Frame, shared: _TemporaryFileWrapper[bytes]) -> ProcessPoolExecutor:
        setting = _Setting(
            frame,
            self._prepare,
            (self.header(), *self._rest),
            self._gathering.strict,
            self._limits.findings_max,
            shared.name,
        )
        return ProcessPoolExecutor(
            self._processes, mp_context=_context(), initializer=_begin, initargs=(setting,)
        )

    def _next_result(
        self, waiting: deque[tuple[bytes, Future[Worked | None]]]
    ) -> Generator[Worked, None, bool]:
        """Hand on the oldest result; returns False, and leaves it, where there is none."""
        worked = waiting[0][1].result()
        if worked is None:
            return False
        waiting.popleft()
        for finding in worked.findings:
            lines_before = self._list_line + self._line_shift
            self._gathering.add(_moved(finding, self._count, lines_before))
        self._count.update(worked.counts)
        self._line_shift += worked.lines
        self._stop_at_limit()
        yield worked
        return True


def _moved(finding: Finding, before: Counter[str], lines_before: int) -> Finding:
    """A worker's finding with the event's place in the document instead of the portion."""
    path, line = finding.where.path, finding.where.line
    found = _POSITION.search(path) if path else None
    if path is not None and found is not None:
        position = int(found[3]) + before[found[2]]
        path = f"{path[: found.end(1)]}{position}]{path[found.end() :]}"
    line = None if line is None else line + lines_before
    return replace(finding, where=replace(finding.where, path=path, line=line))


def _context() -> BaseContext:
    """Forked workers start at once; with other threads about, only new processes are safe."""
    is_alone = threading.active_count() == 1
    methods = multiprocessing.get_all_start_methods()
    method = "fork" if is_alone and "fork" in methods else "spawn"
    return multiprocessing.get_context(method)


@dataclass(frozen=True, slots=True)
class _Setting:
    """What a worker process is told once."""

    frame: Frame
    prepare: Callable[[Any], Work]
    argument: tuple[Any, ...]
    strict: bool
    findings_max: int
    shared: str
    """The file in which the portions lie."""


class _Worker:
    """What a worker process keeps between portions."""

    setting: _Setting
    work: Work
    shared: IO[bytes]


def _begin(setting: _Setting) -> None:
    _Worker.setting = setting
    _Worker.shared = Path(setting.shared).open("rb", buffering=0)  # noqa: SIM115  # the worker's end
    _Worker.work = staticmethod(setting.prepare(setting.argument))


def _read_portion(berth: int, size_bytes: int) -> Worked | None:
    _Worker.shared.seek(berth)
    portion = _Worker.shared.read(size_bytes)
    setting = _Worker.setting
    frame = setting.frame
    gathering = Gathering(listed_max=setting.findings_max, strict=setting.strict, raises=False)
    judge = Judge(frame.version, gathering, frame.published, EXPLAINED_MAX)
    reader = PortionReader(frame, gathering, judge if frame.validate else None)
    event_list = reader.parse(portion)
    if event_list is None:
        return None
    result = _Worker.work(list(reader.events(event_list, portion, 0)))
    return Worked(result, reader.counts, portion.count(b"\n"), tuple(gathering.listed))
