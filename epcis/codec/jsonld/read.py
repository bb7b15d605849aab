"""A JSON-LD document as a stream of events; the header comes first or last, as written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from epcis.codec.fields import SHAPES
from epcis.codec.jsonld.context import Context
from epcis.codec.jsonld.events import EventReader
from epcis.codec.jsonld.header import read_header
from epcis.codec.jsonld.nodes import Number
from epcis.model import Event, Header
from schemas.finding import Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from epcis.codec.limits import Limits
    from epcis.codec.refusal import Gathering
    from epcis.codec.unpack import PlainStream

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
DOCUMENTS: Final = ("EPCISDocument", "EPCISQueryDocument")


class JsonReader:
    """Iterates the events of one JSON-LD document."""

    def __init__(
        self,
        stream: PlainStream,
        limits: Limits,
        gathering: Gathering,
        contexts: Mapping[str, Any] | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._gathering = gathering
        self._contexts = contexts or {}
        self._data = b""
        self._header = Header()
        self.where = Where()
        """Where the event read last stands."""

    def header(self) -> Header:
        """What the document says beside its events."""
        return self._header

    def __iter__(self) -> Iterator[Event]:
        self._data = self._stream.read()
        document = self._members(self._data, "")
        kind = self._value(document.get("type", msgspec.Raw(b"null")), "/type")
        if kind in SHAPES:
            yield from self._bare_event(document)
            return
        if kind not in DOCUMENTS:
            raise self._gathering.refuse(
                "json.not-epcis",
                f"the type of the document is {kind!r}, which is no EPCIS document",
                "Send an EPCISDocument, an EPCISQueryDocument or one event.",
                path="/type",
            )
        events, where = self._take_events(document)
        context = self._context(document)
        plain = {key: self._value(raw, f"/{key}") for key, raw in document.items()}
        self._header = read_header(plain, context, bytes(document.get("@context", b"")))
        reader = EventReader(self._gathering)
        for position, raw in enumerate(events):
            self.where = Where(path=f"{where}/{position}")
            event = self._event(reader, raw, context, f"{where}/{position}")
            if event is not None:
                yield event

    def _bare_event(self, document: dict[str, msgspec.Raw]) -> Iterator[Event]:
        context = self._context(document)
        self._header = Header(
            kind="event",
            schema_version="2.0",
            namespaces=tuple(context.added.items()),
            context=bytes(document.get("@context", b"")) or None,
        )
        members = self._value(msgspec.Raw(self._data), "")
        members.pop("@context", None)
        event = EventReader(self._gathering).read(members, context, "", 1)
        if event is not None:
            yield event

    def _context(self, document: dict[str, msgspec.Raw]) -> Context:
        written = self._value(document.get("@context", msgspec.Raw(b"null")), "/@context")
        context = Context.of(written, self._contexts)
        if written is None:
            self._gathering.note(
                "context.missing",
                Severity.WARNING,
                "the document has no @context",
                "It is read by the standard context; add it to the document.",
                path="/@context",
            )
        for url in context.unknown:
            self._gathering.note(
                "context.unknown",
                Severity.WARNING,
                f"the context {url} is not known here and is not fetched",
                "Give it to Packtrail's settings, or write its terms into the document.",
                path="/@context",
            )
        return context

    def _take_events(self, document: dict[str, msgspec.Raw]) -> tuple[list[msgspec.Raw], str]:
        """Cut the event list out of the document; what stands around it stays."""
        path = ["epcisBody"]
        if "queryResults" in (body := self._members(document.get("epcisBody", b"{}"), path[0])):
            path += ["queryResults", "resultsBody"]
        holders = [document]
        for name in path:
            holders.append(self._members(holders[-1].get(name, b"{}"), name))
        del body
        listed = holders[-1].pop("eventList", None)
        for holder, name, inner in zip(
            reversed(holders[:-1]), reversed(path), reversed(holders[1:]), strict=True
        ):
            holder[name] = msgspec.Raw(msgspec.json.encode(inner))
        where = "/" + "/".join([*path, "eventList"])
        if listed is None:
            self._gathering.note(
                "document.no-event-list",
                Severity.WARNING,
                "the document has no event list",
                "An EPCISDocument without events holds an empty eventList.",
                path=where,
            )
            return [], where
        try:
            return _ITEMS.decode(listed), where
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise self._malformed(fault, where) from fault

    def _members(self, data: Any, path: str) -> dict[str, msgspec.Raw]:  # noqa: ANN401  # bytes-like
        try:
            return _MEMBERS.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise self._malformed(fault, path) from fault

    def _value(self, raw: msgspec.Raw, path: str) -> Any:  # noqa: ANN401  # any JSON value
        """A JSON value with its numbers as written; notes members that stand there twice."""

        def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                self._note_repeated(pairs, path)
            return found

        try:
            value = json.loads(
                bytes(raw),
                parse_int=Number,
                parse_float=Number,
                parse_constant=self._no_constant,
                object_pairs_hook=members,
            )
        except (ValueError, RecursionError) as fault:
            raise self._malformed(fault, path) from fault
        return value

    def _no_constant(self, name: str) -> Any:  # noqa: ANN401  # never returns
        raise ValueError(f"{name} is no JSON number")

    def _note_repeated(self, pairs: list[tuple[str, Any]], path: str) -> None:
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        self._gathering.note(
            "json.member-repeated",
            Severity.ERROR,
            f"{', '.join(twice)} stands twice in one object; only the last one counts",
            "Have the sender write each member once (RFC 8259 section 4).",
            path=path,
        )

    def _event(
        self, reader: EventReader, raw: msgspec.Raw, context: Context, at: str
    ) -> Event | None:
        members = self._value(raw, at)
        if not isinstance(members, dict):
            self._gathering.note(
                "json.wrong-type", Severity.ERROR, f"{at} must be an object", path=at
            )
            return None
        return reader.read(members, context, at, None)

    def _malformed(self, fault: Exception, path: str) -> Exception:
        return self._gathering.refuse(
            "json.malformed",
            f"the JSON cannot be read: {fault}",
            "Have the sender check the file with a JSON parser and send it again.",
            path=path or "/",
        )
