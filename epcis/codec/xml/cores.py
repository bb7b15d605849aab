"""A long XML document whose event list is worked on by several processes."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from epcis.codec.cores import PortionFile, PortionJob, Span, Worked, work_on
from epcis.codec.xml.portions import PORTION_BYTES_MAX, XmlFrame, spans
from epcis.codec.xml.read import BLOCK_BYTES, XmlReader

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from schemas.finding import Finding

_POSITION: Final = re.compile(r"(/EventList/(\w+)\[)(\d+)\]")


class ParallelXmlReader(XmlReader):
    """Iterates what workers made of portions, and the events outside of any portion."""

    job: PortionJob

    @classmethod
    def of(cls, reader: XmlReader, job: PortionJob) -> ParallelXmlReader:
        """The same reader, not begun yet, for several cores."""
        parallel = cls.__new__(cls)
        parallel.__dict__.update(reader.__dict__)
        parallel.job = job
        return parallel

    # Beside events these give results too, for `worked_on`.
    def _in_portions(self, frame: XmlFrame, rest: bytes) -> Generator[Any, None, bytes]:
        position = self._stream.position - len(rest)
        file = self._stream.as_it_lies()
        found = file.on_disk() if file else None
        if file is None or found is None:
            return (yield from self._in_berths(frame, rest))
        path, start = found
        lying = (Span(start + at, size) for at, size in spans(file, position, frame.version))
        left, end = yield from self._handed_on(lying, path, frame)
        position = left[0].at - start if left else max(position, end - start)
        self._stream.go_on_from(position)
        return self._stream.read(BLOCK_BYTES)

    # Results too, as above.
    def _in_berths(self, frame: XmlFrame, rest: bytes) -> Generator[Any, None, bytes]:
        with PortionFile(2 * PORTION_BYTES_MAX, self.job.processes) as berths:
            laid = map(berths.lay, self._cut_portions(frame.version, rest))
            left, _ = yield from self._handed_on(laid, berths.path, frame)
            return b"".join([*map(berths.take, left), self._unread])

    def _handed_on(
        self, spans: Iterable[Span], path: Path, frame: XmlFrame
    ) -> Generator[Worked, None, tuple[deque[Span], int]]:
        """Hand on results; returns what was handed out in vain, and the end of what was not."""
        out: deque[Span] = deque()
        end = 0

        def noted() -> Iterator[Span]:
            for span in spans:
                out.append(span)
                yield span

        job = replace(self.job, argument=(self.header(), *self.job.argument))
        results = work_on(noted(), path, frame, job, self._collector)
        for worked in results:
            if worked is None:
                results.close()
                break
            end = sum(out.popleft())
            self._stream.bytes_read = max(self._stream.bytes_read, end)
            self._take(worked)
            yield worked
        return out, end

    def _take(self, worked: Worked) -> None:
        lines_before = self._list_line + self._line_shift
        self._collector.events_refused += worked.refused
        for finding in worked.findings:
            self._collector.add(_moved(finding, self._count, lines_before))
        self._count.update(worked.counts)
        self._line_shift += worked.lines
        self._stop_at_limit()


def _moved(finding: Finding, before: Counter[str], lines_before: int) -> Finding:
    """A worker's finding with the event's place in the document instead of the portion."""
    path, line = finding.where.path, finding.where.line
    found = _POSITION.search(path) if path else None
    if path is not None and found is not None:
        position = int(found[3]) + before[found[2]]
        path = f"{path[: found.end(1)]}{position}]{path[found.end() :]}"
    line = None if line is None else line + lines_before
    return replace(finding, where=replace(finding.where, path=path, line=line))
