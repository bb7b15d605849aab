"""EPCIS documents in and out: the face of the codec.

`open_document` reads any EPCIS document as a stream of events, whatever its version, syntax and
packing; `write_document` writes events in the syntax asked for; `convert` does both.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from epcis.codec.cores import PortionJob, Work, Worked
from epcis.codec.jsonld import cores as jsonld_cores
from epcis.codec.jsonld.read import JsonReader
from epcis.codec.jsonld.write import JsonWriter
from epcis.codec.limits import DocumentLimits
from epcis.codec.options import CbvFormat, EpcFormat, WriteOptions
from epcis.codec.refusal import DocumentRefused, FindingCollector
from epcis.codec.sniff import Syntax
from epcis.codec.unpack import PlainStream
from epcis.codec.xml import cores as xml_cores
from epcis.codec.xml.read import XmlReader
from epcis.codec.xml.write import XmlWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from epcis.model import Event, Header
    from schemas.finding import Finding, Where
    from schemas.json_value import JsonValue

__all__ = [
    "CbvFormat",
    "Document",
    "DocumentLimits",
    "DocumentReader",
    "DocumentRefused",
    "EpcFormat",
    "Syntax",
    "WriteOptions",
    "convert",
    "event_divider",
    "open_document",
    "read_document",
    "write_document",
    "write_event_json",
]

_LIMITS = DocumentLimits()
_OPTIONS = WriteOptions()


class DocumentReader:
    """A document being read: iterate it for its events, in document order.

    `header` grows while reading and is complete after the last event; `findings` holds what was
    found so far. Iterating raises DocumentRefused where the document cannot be read on.
    """

    def __init__(
        self,
        source: BinaryIO | bytes,
        *,
        strict: bool,
        refuses: bool,
        limits: DocumentLimits,
        contexts: Mapping[str, JsonValue] | None,
        validate: bool,
        published: Path | None,
    ) -> None:
        listed_max = limits.findings_max
        self._collector = FindingCollector(listed_max=listed_max, strict=strict, raises=refuses)
        self.stream = PlainStream(limits, self._collector).open(source)
        syntax = self.stream.sniffed.syntax
        self._reader: XmlReader | JsonReader = (
            JsonReader(
                self.stream,
                limits,
                self._collector,
                contexts,
                validate=validate,
                published=published,
            )
            if syntax is Syntax.JSON_LD
            else XmlReader(
                self.stream, limits, self._collector, validate=validate, published=published
            )
        )

    def __iter__(self) -> Iterator[Event]:
        return iter(self._reader)

    @property
    def header(self) -> Header:
        """What the document says beside its events."""
        return self._reader.header()

    def worked_on(
        self,
        prepare: Callable[[Any], Work],  # what it takes is its own affair
        rest: tuple[Any, ...],  # as above
        processes: int,
    ) -> Iterator[Event | Worked]:
        """Results of a function on portions of the events, made in worker processes, in order.

        `prepare` is called in each worker with the header and `rest`; it gives the function.
        Events outside of portions, and all events where there are none, come as they are.
        """
        job = PortionJob(prepare, rest, processes)
        if isinstance(self._reader, JsonReader):
            self._reader = jsonld_cores.ParallelJsonReader.of(self._reader, job)
        else:
            self._reader = xml_cores.ParallelXmlReader.of(self._reader, job)
        return iter(self._reader)

    @property
    def where(self) -> Where:
        """Where the event read last stands: its path, and in XML its line."""
        return self._reader.where

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return self._collector.listed

    @property
    def events_refused(self) -> int:
        """How many events so far could not be taken in; each has an error among the findings."""
        return self._collector.events_refused

    @property
    def left_out(self) -> list[Finding]:
        """What has been read that no event or header can hold, as comments in XML."""
        return self._reader.left_out()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document in memory."""

    header: Header
    events: tuple[Event, ...]
    findings: tuple[Finding, ...]


def open_document(
    source: BinaryIO | bytes,
    *,
    strict: bool = False,
    refuses: bool = True,
    limits: DocumentLimits = _LIMITS,
    contexts: Mapping[str, JsonValue] | None = None,
    validate: bool = True,
    published: Path | None = None,
) -> DocumentReader:
    """Begin to read a document of any EPCIS version and syntax, plain or packed.

    `strict` refuses at the first error; otherwise errors are findings and only the events they
    concern are left out. Without `refuses`, strict reading goes on and tells all errors.
    `contexts` holds JSON-LD contexts by address, beside the standard one. `validate` holds every
    event against the schema, ours or the `published` one in that folder; in lenient reading what it
    finds are warnings.
    Raises DocumentRefused where it is no document at all.

    >>> reader = open_document(b'{"type": "ObjectEvent", "action": "ADD", "epcList": [],'
    ...     b' "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00"}')
    >>> [event.action for event in reader], reader.header.kind
    (['ADD'], 'event')
    """
    return DocumentReader(
        source,
        strict=strict,
        refuses=refuses,
        limits=limits,
        contexts=contexts,
        validate=validate,
        published=published,
    )


def read_document(
    data: bytes,
    *,
    strict: bool = False,
    limits: DocumentLimits = _LIMITS,
    contexts: Mapping[str, JsonValue] | None = None,
    validate: bool = True,
) -> Document:
    """Read a whole document; for small ones. Raises DocumentRefused as `open_document` does."""
    reader = open_document(data, strict=strict, limits=limits, contexts=contexts, validate=validate)
    events = tuple(reader)
    return Document(reader.header, events, tuple(reader.findings))


def write_document(
    header: Header,
    events: Iterable[Event],
    out: BinaryIO,
    syntax: Syntax,
    options: WriteOptions = _OPTIONS,
) -> list[Finding]:
    """Write a document; returns findings about what the syntax cannot hold as it is.

    >>> import io
    >>> from epcis.model import Header
    >>> out = io.BytesIO()
    >>> write_document(Header(), [], out, Syntax.JSON_LD)
    []
    """
    writer = _writer(syntax, options)
    out.write(writer.begin(header))
    out.writelines(writer.event(event) for event in events)
    out.write(writer.end(header))
    return writer.findings


def _writer(syntax: Syntax, options: WriteOptions) -> XmlWriter | JsonWriter:
    if syntax is Syntax.JSON_LD:
        return JsonWriter(options)
    return XmlWriter("1.2" if syntax is Syntax.XML_1_2 else "2.0", options)


def write_event_json(event: Event, options: WriteOptions = _OPTIONS) -> bytes:
    """One event as a bare EPCIS 2.0 JSON-LD event on one line, without a line end.

    >>> from epcis.model import ObjectEvent
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD", epcs=())
    >>> b'"type":"ObjectEvent"' in write_event_json(event)
    True
    """
    return JsonWriter(options).bare_event(event)


def event_divider(
    apart: Callable[[str], bool], options: WriteOptions = _OPTIONS
) -> Callable[[Event], tuple[bytes, bytes]]:
    """Writes bare EPCIS 2.0 JSON-LD events as two objects, members that stand `apart` second.

    The second is empty where no member does. For one thread at a time.
    """
    return JsonWriter(options, apart).bare_parts


def convert(
    source: BinaryIO | bytes,
    target: BinaryIO,
    syntax: Syntax,
    options: WriteOptions = _OPTIONS,
    *,
    limits: DocumentLimits = _LIMITS,
    validate: bool = True,
    processes: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[Finding]:
    """Convert a document in constant memory; `progress` gets the number of plain bytes read so far.

    With several `processes`, long documents are worked on side by side. An event that cannot be
    read is left out and is a finding; `open_document` with `strict` refuses at the first instead.

    Raises DocumentRefused where the source cannot be read; then the target is incomplete.
    """
    reader = open_document(source, limits=limits, validate=validate)
    writer = _writer(syntax, options)
    findings: list[Finding] = []
    if options.epc_format is EpcFormat.URN:
        processes = 1  # the URNs written before tell how links of the same company are written
    for piece in _converted(
        reader, writer, PortionJob(_event_writer, (syntax, options), processes), findings
    ):
        target.write(piece)
        if progress is not None:
            progress(reader.stream.bytes_read)
    target.write(writer.end(reader.header))
    findings = findings[: limits.findings_max]
    return [*reader.findings, *reader.left_out, *writer.findings, *findings]


def _converted(
    reader: DocumentReader, writer: XmlWriter | JsonWriter, job: PortionJob, findings: list[Finding]
) -> Iterator[bytes]:
    """The beginning of the written document, then its events; `noted` is what the workers found."""
    events: Iterator[Any] = iter(reader)
    if job.processes > 1:
        events = reader.worked_on(job.prepare, job.argument, job.processes)
    first = next(events, None)
    if first is None and reader.header.kind == "event":
        raise DocumentRefused(reader.findings)  # the one event there is could not be read
    yield writer.begin(reader.header)
    for event in () if first is None else itertools.chain((first,), events):
        if isinstance(event, Worked):
            findings.extend(event.noted)
            yield writer.follow(event.result)
        else:
            yield writer.event(event)


def _event_writer(argument: tuple[Header, Syntax, WriteOptions]) -> Work:
    """What a worker process does with events: write them as the given document would."""
    header, syntax, options = argument
    writer = _writer(syntax, options)
    writer.begin(header)

    def write(events: list[Event]) -> tuple[bytes, list[Finding]]:
        before = Counter(writer.findings)
        return writer.joined(events), list((Counter(writer.findings) - before).elements())

    return write
