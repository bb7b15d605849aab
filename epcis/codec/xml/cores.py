"""Long XML documents on several cores: portions of the event list go to worker processes.

Events stay in the worker that read them, for handing them over would cost what was gained; the
worker does with them what is wanted, and only its result comes back, in document order.
"""

from __future__ import annotations

import multiprocessing
import re
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from epcis.codec.refusal import Gathering
from epcis.codec.xml.judge import EXPLAINED_MAX, Judge
from epcis.codec.xml.portions import Frame, PortionReader
from epcis.codec.xml.read import XmlReader

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Generator
    from multiprocessing.context import BaseContext

    from epcis.model import Event
    from schemas.finding import Finding

Work: TypeAlias = "Callable[[list[Event]], bytes]"
_AHEAD_PER_PROCESS: Final = 2
"""Portions handed out before the first is done, so that no worker waits."""
_POSITION: Final = re.compile(r"(/EventList/(\w+)\[)(\d+)\]")


@dataclass(frozen=True, slots=True)
class Worked:
    """What came of one portion."""

    result: bytes
    counts: Counter[str]
    findings: tuple[Finding, ...]


class ParallelReader(XmlReader):
    """Iterates the results of `prepare(...)` on portions, and the events outside of any portion.

    `prepare` is called once in each worker and gives the function that works on a list of events;
    it and its argument must be picklable.
    """

    portion_bytes = 2**20

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
        setting = _Setting(
            frame,
            self._prepare,
            (self.header(), *self._rest),
            self._gathering.strict,
            self._limits.findings_max,
        )
        with ProcessPoolExecutor(
            self._processes, mp_context=_context(), initializer=_begin, initargs=(setting,)
        ) as pool:
            line = self._list_line
            for portion in self._cut_portions(frame.version, rest):
                waiting.append((portion, pool.submit(_read_portion, portion, line)))
                line += portion.count(b"\n")
                is_full = len(waiting) > self._processes * _AHEAD_PER_PROCESS
                if is_full and not (yield from self._next_result(waiting)):
                    break
            while waiting and (yield from self._next_result(waiting)):
                pass
            unread = b"".join(portion for portion, _ in waiting)
            for _, future in waiting:
                future.cancel()
        return unread + self._unread

    def _next_result(
        self, waiting: deque[tuple[bytes, Future[Worked | None]]]
    ) -> Generator[Worked, None, bool]:
        """Hand on the oldest result; returns False, and leaves it, where there is none."""
        portion, future = waiting[0]
        worked = future.result()
        if worked is None:
            return False
        waiting.popleft()
        for finding in worked.findings:
            self._gathering.add(_moved(finding, self._count))
        self._count.update(worked.counts)
        self._line_shift += portion.count(b"\n")
        self._stop_at_limit()
        yield worked
        return True


def _moved(finding: Finding, before: Counter[str]) -> Finding:
    """A worker's finding with the event's position in the document instead of the portion."""
    path = finding.where.path
    found = _POSITION.search(path) if path else None
    if path is None or found is None:
        return finding
    position = int(found[3]) + before[found[2]]
    moved = f"{path[: found.end(1)]}{position}]{path[found.end() :]}"
    return replace(finding, where=replace(finding.where, path=moved))


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


class _Worker:
    """What a worker process keeps between portions."""

    setting: _Setting
    work: Work


def _begin(setting: _Setting) -> None:
    _Worker.setting = setting
    _Worker.work = staticmethod(setting.prepare(setting.argument))


def _read_portion(portion: bytes, line: int) -> Worked | None:
    setting = _Worker.setting
    frame = setting.frame
    gathering = Gathering(listed_max=setting.findings_max, strict=setting.strict, raises=False)
    judge = Judge(frame.version, gathering, frame.published, EXPLAINED_MAX)
    reader = PortionReader(frame, gathering, judge if frame.validate else None)
    event_list = reader.parse(portion)
    if event_list is None:
        return None
    result = _Worker.work(list(reader.events(event_list, portion, line)))
    return Worked(result, reader.counts, tuple(gathering.listed))
