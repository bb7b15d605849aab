"""A long JSON-LD document whose event list is worked on by several processes."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from epcis.codec.cores import PortionFile, PortionJob, Span, Worked, work_on
from epcis.codec.jsonld.event_list import PORTION_BYTES, EventList, EventTooLargeError
from epcis.codec.jsonld.portions import EVENTS, JsonFrame, JsonPortionReader
from epcis.codec.jsonld.read import JsonReader

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from schemas.finding import Finding

_POSITION: Final = re.compile(r"(/eventList/)(\d+)")


class ParallelJsonReader(JsonReader):
    """Iterates what workers made of portions, and the events outside of any portion."""

    job: PortionJob

    @classmethod
    def of(cls, reader: JsonReader, job: PortionJob) -> ParallelJsonReader:
        """The same reader, not begun yet, for several cores."""
        parallel = cls.__new__(cls)
        parallel.__dict__.update(reader.__dict__)
        parallel.job = job
        return parallel

    def _in_portions(
        self, listed: EventList, frame: JsonFrame
    ) -> Iterator[Any]:  # results too, for `worked_on`
        reader = JsonPortionReader(frame, self._collector)
        start = listed.start
        if listed.end - start > PORTION_BYTES:
            start = yield from self._handed_on(listed, frame, reader)
        yield from self._from(start, listed, reader)

    def _handed_on(
        self, listed: EventList, frame: JsonFrame, reader: JsonPortionReader
    ) -> Generator[Worked, None, int]:
        """Hand on results; returns the offset from which there are none."""
        out: deque[Span] = deque()
        end = listed.end

        def noted() -> Iterator[Span]:
            nonlocal end
            try:
                for span in listed.spans(listed.start, self._limits.event_bytes_max):
                    out.append(span)
                    yield span
            except EventTooLargeError as fault:
                end = fault.at

        found = listed.file.on_disk()
        job = replace(self.job, argument=(self.header(), *self.job.argument))
        with PortionFile(self._limits.event_bytes_max, self.job.processes) as berths:
            path, start = found or (berths.path, 0)
            lie: Callable[[Span], Span] = (
                (lambda span: Span(start + span.at, span.size_bytes))
                if found
                else (lambda span: berths.lay(listed.take(span)))
            )
            results = work_on(map(lie, noted()), path, frame, job, self._collector)
            for worked in results:
                if worked is None:
                    results.close()
                    break
                self._take(worked, sum(out.popleft()), reader)
                yield worked
        return out[0].at if out else end

    def _take(self, worked: Worked, position: int, reader: JsonPortionReader) -> None:
        self._collector.events_refused += worked.refused
        for finding in worked.findings:
            self._collector.add(_moved(finding, reader.count))
        reader.count += worked.counts[EVENTS]
        if reader.count > self._limits.events_max:
            raise self._collector.too_many_events(self._limits.events_max)
        self._stream.bytes_read = max(self._stream.bytes_read, position)


def _moved(finding: Finding, before: int) -> Finding:
    """A worker's finding with the event's place in the document instead of the portion."""
    path = finding.where.path or ""
    found = _POSITION.search(path)
    if found is None:
        return finding
    path = f"{path[: found.start(2)]}{int(found[2]) + before}{path[found.end() :]}"
    return replace(finding, where=replace(finding.where, path=path))
