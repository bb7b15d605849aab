"""A JSON-LD document as a stream of events.

A short document is taken as a whole. Of a longer one only the frame around the events is, which
gives the header wherever it stands; the events come in portions, so that memory does not grow.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec

from epcis.codec.at_rest import PlainFile
from epcis.codec.fields import SHAPES
from epcis.codec.jsonld.around import without_strays
from epcis.codec.jsonld.context import Context
from epcis.codec.jsonld.event_list import EventList, EventTooLargeError, UnendedListError
from epcis.codec.jsonld.full import FullJsonReader
from epcis.codec.jsonld.header import read_header
from epcis.codec.jsonld.portions import JsonFrame, JsonPortionReader, NotWholeError
from epcis.codec.jsonld.values import ValueReader
from epcis.codec.refusal import EventRefused
from epcis.model import Event, Header
from schemas.finding import Finding, Severity, Where
from schemas.json_value import members_of
from schemas.validate import validate_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import DocumentRefused, FindingCollector
    from epcis.codec.unpack import PlainStream
    from schemas.json_value import JsonValue

_EMPTY: Final = msgspec.Raw(b"{}")
_NO_EVENTS: Final = b"[]"
DOCUMENTS: Final = ("EPCISDocument", "EPCISQueryDocument")
WHOLE_BYTES_MAX: Final = 2**20
"""A longer document is not held in memory as a whole."""


class JsonReader:
    """Iterates the events of one JSON-LD document."""

    def __init__(
        self,
        stream: PlainStream,
        limits: DocumentLimits,
        collector: FindingCollector,
        contexts: Mapping[str, JsonValue] | None = None,
        *,
        validate: bool = True,
        published: Path | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._collector = collector
        self._contexts = contexts or {}
        self._validate = validate
        self._published = published
        self._values = ValueReader(limits, collector)
        self._header = Header()
        self._portions: JsonPortionReader | None = None

    @property
    def where(self) -> Where:
        """Where the event read last stands."""
        return Where(path="") if self._portions is None else self._portions.where

    def header(self) -> Header:
        """What the document says beside its events."""
        return self._header

    def left_out(self) -> list[Finding]:
        """Nothing: JSON says nothing beside its values."""
        return []

    def __iter__(self) -> Iterator[Event]:
        if len(text := self._stream.peek(WHOLE_BYTES_MAX + 1)) <= WHOLE_BYTES_MAX:
            yield from self._whole(text)
            return
        with self._stream.at_rest() as file:
            try:
                listed = EventList.find(file, self._limits.event_bytes_max)
            except UnendedListError as fault:
                raise self._values.malformed("the event list does not end", fault.path) from fault
            text = self._bounded(file, listed)
            if listed is None:
                yield from self._whole(text)
            else:
                yield from self._listed(text, listed)

    def _bounded(self, file: PlainFile, listed: EventList | None) -> bytes:
        """What of a long document is taken as a whole: all but its event list."""
        size_bytes = file.size_bytes if listed is None else listed.beside_bytes
        if size_bytes <= self._limits.event_bytes_max:
            text = file.read(0, size_bytes) if listed is None else listed.frame()
            if text.count(b",") <= self._limits.event_values_max:
                return text
        raise self._values.too_large("")

    def _whole(self, text: bytes) -> Iterator[Event]:
        """The events of a document that is a bare event, short, or laid out in its own way."""
        document = self._document(text)
        kind = self._values.value(document.get("type", b"null"), "/type")
        if isinstance(kind, str) and kind in SHAPES:
            yield from self._bare_event(text, document)
            return
        self._refuse_unless_document(kind)
        path, events = self._events_of(document)
        if not events:
            self._note_no_list(path)
        frame = self._frame_of(text, events) if events else text
        end = max(1, len(events) - 1)
        yield from self._listed(frame, EventList(PlainFile(io.BytesIO(events)), 1, end, path=path))

    def _document(self, text: bytes) -> dict[str, msgspec.Raw]:
        """The members of the document, none of them read yet."""
        if text.lstrip().startswith(b"["):
            self._values.value(text, "")
            raise self._not_epcis("the file is an array, not an EPCIS document", "/")
        return self._values.members(text, "")

    def _refuse_unless_document(self, kind: JsonValue) -> None:
        if kind is None:
            raise self._not_epcis("the file does not say its type, so it is no EPCIS document", "/")
        if kind not in DOCUMENTS:
            what = f"the type of the document is {str(kind)[:40]!r}, which is no EPCIS document"
            raise self._not_epcis(what, "/type")

    def _not_epcis(self, what: str, path: str) -> DocumentRefused:
        hint = "Send an EPCISDocument, an EPCISQueryDocument or one event."
        return self._collector.refuse("json.not-epcis", what, hint, path=path)

    def _bare_event(self, text: bytes, document: dict[str, msgspec.Raw]) -> Iterator[Event]:
        written = document.get("@context", b"")
        context = self._context(self._values.value(written or b"null", "/@context"))
        self._header = Header(
            kind="event",
            schema_version="2.0",
            namespaces=tuple(context.added.items()),
            context=bytes(written) or None,
        )
        members = members_of(self._values.value(text, ""))
        if self._validate:
            self._judge_frame(text)
        members.pop("@context", None)
        reader = FullJsonReader(self._collector)
        try:
            yield self._values.not_too_deep(lambda: reader.read(members, context, "", 1), text, "")
        except EventRefused as refused:
            self._collector.leave_out(refused)

    def _listed(self, frame: bytes, listed: EventList) -> Iterator[Event]:
        """The events of a document by its list and the text around it."""
        members = self._values.frame(frame)
        self._refuse_unless_document(members.get("type"))
        members = without_strays(members, frame, self._collector)
        written = members.get("@context")
        context = self._context(written)
        as_written = self._values.members(frame, "").get("@context", b"")
        self._header = self._values.not_too_deep(
            lambda: read_header(members, context, bytes(as_written)), frame, ""
        )
        if self._validate:
            self._judge_frame(frame)
        yield from self._in_portions(
            listed,
            JsonFrame(
                context=written,
                contexts=self._contexts,
                list_path=listed.path,
                limits=self._limits,
                validate=self._validate,
                published=self._published,
            ),
        )

    def _in_portions(self, listed: EventList, frame: JsonFrame) -> Iterator[Event]:
        yield from self._from(listed.start, listed, JsonPortionReader(frame, self._collector))

    def _from(self, start: int, listed: EventList, reader: JsonPortionReader) -> Iterator[Event]:
        """The events that stand from an offset on."""
        self._portions = reader
        while start < listed.end:
            try:
                for span in listed.spans(start, self._limits.event_bytes_max):
                    start = span.at
                    yield from reader.events(listed.take(span))
                    self._stream.bytes_read = max(self._stream.bytes_read, sum(span))
            except NotWholeError as fault:
                if not listed.cut_exactly():
                    raise self._values.malformed(fault, listed.path) from fault
            except EventTooLargeError as fault:
                raise self._values.too_large(f"{listed.path}/{reader.count}") from fault
            else:
                return

    def _events_of(self, document: dict[str, msgspec.Raw]) -> tuple[str, bytes]:
        """The path and the text of a document's event list; no text where it has none."""
        path, holder = "", document
        body = self._values.members(document.get("epcisBody", _EMPTY), "/epcisBody")
        results = ("queryResults", "resultsBody") if "queryResults" in body else ()
        for name in ("epcisBody", *results):
            path = f"{path}/{name}"
            holder = self._values.members(holder.get(name, _EMPTY), path)
        path = f"{path}/eventList"
        events = bytes(holder.get("eventList", b""))
        if events and not events.startswith(b"["):
            raise self._values.malformed("the event list is no array", path)
        return path, events

    def _note_no_list(self, path: str) -> None:
        self._collector.note(
            "document.no-event-list",
            Severity.WARNING,
            "the document has no event list",
            "An EPCISDocument without events holds an empty eventList.",
            path=path,
        )

    def _frame_of(self, text: bytes, events: bytes) -> bytes:
        """The text around its event list, which is left empty."""
        at = text.find(events)
        while at >= 0:
            frame = text[:at] + _NO_EVENTS + text[at + len(events) :]
            # The same list may stand elsewhere too, as an extension.
            if self._events_of(self._values.members(frame, ""))[1] == _NO_EVENTS:
                return frame
            at = text.find(events, at + 1)
        return text

    def _judge_frame(self, frame: bytes) -> None:
        """Note what does not hold in what stands around the events."""
        for finding in validate_json(frame, published=self._published):
            severity = finding.severity if self._collector.strict else Severity.WARNING
            where = Where(path=finding.where.path)
            self._collector.add(replace(finding, severity=severity, where=where))

    def _context(self, written: JsonValue) -> Context:
        context = Context.of(written, self._contexts)
        if written is None:
            self._collector.note(
                "context.missing",
                Severity.WARNING,
                "the document has no @context",
                "It is read by the standard context; add it to the document.",
                path="/@context",
            )
        for url in context.unknown:
            self._collector.note(
                "context.unknown",
                Severity.WARNING,
                f"the context {url} is not known here and is not fetched",
                "Give it to Packtrail's settings, or write its terms into the document.",
                path="/@context",
            )
        return context
