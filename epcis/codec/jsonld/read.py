"""A JSON-LD document as a stream of events; its header comes first or last, as written."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from epcis.codec.fields import SHAPES
from epcis.codec.jsonld.context import Context
from epcis.codec.jsonld.events import EventReader
from epcis.codec.jsonld.header import read_header
from epcis.codec.jsonld.long import LongDocument
from epcis.codec.jsonld.nodes import Number
from epcis.codec.jsonld.swift import SwiftReader
from epcis.model import Event, Header
from schemas.finding import Severity, Where
from schemas.validate import json_event_validator, validate_json
from schemas.validate.json_reasons import Reason, reason_of
from schemas.validate.pointer_lines import as_pointer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from epcis.codec.limits import Limits
    from epcis.codec.refusal import Gathering
    from epcis.codec.unpack import PlainStream

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NULL: Final = msgspec.Raw(b"null")
_EMPTY: Final = msgspec.Raw(b"{}")
DOCUMENTS: Final = ("EPCISDocument", "EPCISQueryDocument")
WHOLE_BYTES_MAX: Final = 80 * 2**20
"""A longer document is not held in memory as a whole."""
_IDENTIFIER_LISTS: Final = frozenset({"epcList", "childEPCs", "inputEPCList", "outputEPCList"})
_LARGE_EVENT_BYTES: Final = 2**20
_EXPLAINED_MAX: Final = 25
"""Events of one document whose faults against the schema are explained."""
_WHOLE_VALUES_MAX: Final = 4_000_000
"""A document of more values is not held in memory either."""
_EXACT_BYTES_MAX: Final = 64 * 2**10
"""A shorter document is looked through whole for members that stand twice."""
_SEPARATOR_BYTES_MAX: Final = 8
"""Between two events stand a comma and white space; more may hide something."""
_MALFORMED: Final = (msgspec.DecodeError, ValueError, RecursionError)


class _Body(msgspec.Struct):
    eventList: list[msgspec.Raw]  # noqa: N815  # the member's name


class _Document(msgspec.Struct):
    epcisBody: _Body  # noqa: N815  # the member's name


_CUT: Final = msgspec.json.Decoder(_Document)


class JsonReader:
    """Iterates the events of one JSON-LD document."""

    def __init__(
        self,
        stream: PlainStream,
        limits: Limits,
        gathering: Gathering,
        contexts: Mapping[str, Any] | None = None,
        *,
        validate: bool = True,
        published: Path | None = None,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._gathering = gathering
        self._contexts = contexts or {}
        self._validate = validate
        self._published = published
        self._data = b""
        self._header = Header()
        self._list_path = ""
        self._position = 0
        self._explained_left = _EXPLAINED_MAX

    @property
    def where(self) -> Where:
        """Where the event read last stands."""
        return Where(path=f"{self._list_path}/{self._position}" if self._list_path else "")

    def header(self) -> Header:
        """What the document says beside its events."""
        return self._header

    def __iter__(self) -> Iterator[Event]:
        self._data = self._stream.read_up_to(WHOLE_BYTES_MAX + 1)
        is_plain = self._data.count(b",") <= _WHOLE_VALUES_MAX
        if len(self._data) <= WHOLE_BYTES_MAX and is_plain:
            yield from self._whole()
            return
        with LongDocument(self._data, self._stream, self._limits, self._gathering) as long:
            self._data = long.frame
            document = self._members(long.frame, "")
            self._take_events(document)
            self._note_repeated_in(long.frame)
            yield from self._events(document, map(msgspec.Raw, long.events()))

    def _whole(self) -> Iterator[Event]:
        cut = self._cut_plainly()
        if cut is not None:
            events, frame = cut
            document = self._members(frame, "")
            self._take_events(document)
            self._note_repeated_in(frame)
            yield from self._events(document, events)
            return
        document = self._members(self._data, "")
        kind = self._value(document.get("type", _NULL), "/type")
        if isinstance(kind, str) and kind in SHAPES:
            yield from self._bare_event(document)
            return
        events = self._take_events(document)
        if self._repetitions(self._data) > sum(self._repetitions(bytes(raw)) for raw in events):
            self._note_repeated_in(self._data)
        yield from self._events(document, events)

    def _bare_event(self, document: dict[str, msgspec.Raw]) -> Iterator[Event]:
        context = self._context(document)
        self._header = Header(
            kind="event",
            schema_version="2.0",
            namespaces=tuple(context.added.items()),
            context=bytes(document.get("@context", b"")) or None,
        )
        members = self._value(msgspec.Raw(self._data), "")
        if self._validate:
            self._judge_frame(self._data)
        members.pop("@context", None)
        event = EventReader(self._gathering).read(members, context, "", 1)
        if event is not None:
            yield event

    def _events(
        self, document: dict[str, msgspec.Raw], events: Iterable[msgspec.Raw]
    ) -> Iterator[Event]:
        """The events of a document from which they have been cut out."""
        kind = self._value(document.get("type", _NULL), "/type")
        if kind not in DOCUMENTS:
            raise self._gathering.refuse(
                "json.not-epcis",
                f"the type of the document is {str(kind)[:40]!r}, which is no EPCIS document",
                "Send an EPCISDocument, an EPCISQueryDocument or one event.",
                path="/type",
            )
        context = self._context(document)
        plain = {key: self._value(raw, f"/{key}") for key, raw in document.items()}
        self._header = read_header(plain, context, bytes(document.get("@context", b"")))
        if self._validate:
            self._judge_frame(msgspec.json.encode(document))
        reader = EventReader(self._gathering)
        swift = SwiftReader(context)
        holds = json_event_validator(self._published).is_valid if self._validate else None
        for position, raw in enumerate(events):
            if position >= self._limits.events_max:
                raise self._gathering.too_many_events(self._limits.events_max)
            self._position = position
            text = bytes(raw)
            if len(text) > _LARGE_EVENT_BYTES:
                self._refuse_large(text)
            members: Any = None
            try:
                members = None if holds is None else orjson.loads(text)
                is_valid = holds is None or holds(members)
            except ValueError:  # unreadable or too deep: the full reading says so
                is_valid = False
            if not is_valid:
                self._explain(text)
            event = swift.read(text, members) if is_valid else None
            if event is None:
                event = self._full(reader, raw, context)
            if event is not None:
                yield event

    def _refuse_large(self, text: bytes) -> None:
        is_large = len(text) > self._limits.event_bytes_max
        if is_large or text.count(b",") > self._limits.event_values_max:
            raise self._gathering.refuse(
                "document.part-too-large",
                f"one event is larger than {self._limits.event_bytes_max} bytes or "
                f"{self._limits.event_values_max} values",
                "Send smaller events.",
                path=f"{self._list_path}/{self._position}",
            )

    def _full(self, reader: EventReader, raw: msgspec.Raw, context: Context) -> Event | None:
        at = f"{self._list_path}/{self._position}"
        members = self._value(raw, at)
        if not isinstance(members, dict):
            self._gathering.note(
                "json.wrong-type",
                Severity.ERROR,
                "an event must be an object",
                "Write each event as an object with its type.",
                path=at,
            )
            return None
        if len(memoryview(raw)) > self._limits.extension_nodes_max:
            self._refuse_wide(members, at)
        return reader.read(members, context, at, None)

    def _explain(self, text: bytes) -> None:
        """Note why an event does not hold against the schema."""
        faults: list[Reason] = []
        try:
            event = orjson.loads(text)
            if self._explained_left > 0:
                self._explained_left -= 1
                validator = json_event_validator(self._published)
                faults = [reason_of(fault, event) for fault in validator.iter_errors(event)]
        except ValueError:
            return
        at = f"{self._list_path}/{self._position}"
        for fault in dict.fromkeys(faults):
            self._note_invalid(
                f"json.{fault.code}", fault.what, fault.hint, at + as_pointer(fault.path)
            )
        if not faults:
            self._note_invalid(
                "json.invalid",
                "this event is not valid either",
                "Mend the events explained above and check again.",
                at,
            )

    def _judge_frame(self, frame: bytes) -> None:
        """Note what does not hold in what stands around the events."""
        for finding in validate_json(frame, published=self._published):
            severity = finding.severity if self._gathering.strict else Severity.WARNING
            where = Where(path=finding.where.path)
            self._gathering.add(replace(finding, severity=severity, where=where))

    def _note_invalid(self, code: str, what: str, hint: str, path: str) -> None:
        severity = Severity.ERROR if self._gathering.strict else Severity.WARNING
        self._gathering.note(code, severity, what, hint, path=path)

    def _context(self, document: dict[str, msgspec.Raw]) -> Context:
        written = self._value(document.get("@context", _NULL), "/@context")
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

    def _take_events(self, document: dict[str, msgspec.Raw]) -> list[msgspec.Raw]:
        """Cut the event list out of the document, leaving an empty one."""
        names = ["epcisBody"]
        body = self._members(document.get("epcisBody", _EMPTY), "/epcisBody")
        holders = [document, body]
        for name in ("queryResults", "resultsBody") if "queryResults" in body else ():
            names.append(name)
            holders.append(self._members(holders[-1].get(name, _EMPTY), f"/{'/'.join(names)}"))
        self._list_path = f"/{'/'.join(names)}/eventList"
        listed = holders[-1].get("eventList")
        if listed is None:
            self._gathering.note(
                "document.no-event-list",
                Severity.WARNING,
                "the document has no event list",
                "An EPCISDocument without events holds an empty eventList.",
                path=self._list_path,
            )
            return []
        holders[-1]["eventList"] = msgspec.Raw(b"[]")
        for holder, name, inner in zip(
            reversed(holders[:-1]), reversed(names), reversed(holders[1:]), strict=True
        ):
            holder[name] = msgspec.Raw(msgspec.json.encode(inner))
        try:
            return _ITEMS.decode(listed)
        except _MALFORMED as fault:
            raise self._malformed(fault, self._list_path) from fault

    def _cut_plainly(self) -> tuple[list[msgspec.Raw], bytes] | None:
        """The events and the document's own text around them; None where that is not plain."""
        if len(self._data) < _EXACT_BYTES_MAX:
            return None
        try:
            events = _CUT.decode(self._data).epcisBody.eventList
        except _MALFORMED:
            return None
        opened = self._data.find(b"[", self._data.find(b'"eventList"'))
        if not events or opened < 0:
            return None
        last = bytes(events[-1])
        closed = self._data.rfind(last) + len(last)
        separators = closed - opened - sum(len(memoryview(raw)) for raw in events)
        if separators > _SEPARATOR_BYTES_MAX * (len(events) + 2):
            return None
        frame = self._data[: opened + 1] + self._data[closed:]
        try:
            is_whole = not _CUT.decode(frame).epcisBody.eventList
        except _MALFORMED:
            return None
        return (events, frame) if is_whole else None

    def _repetitions(self, text: bytes) -> int:
        """How many objects of a text have a member twice."""
        count = 0

        def members(pairs: list[tuple[str, Any]]) -> None:
            nonlocal count
            count += len({name for name, _ in pairs}) < len(pairs)

        try:
            json.loads(text, object_pairs_hook=members)
        except _MALFORMED as fault:
            raise self._malformed(fault, "") from fault
        return count

    def _note_repeated_in(self, text: bytes) -> None:
        self._value(msgspec.Raw(text), "")

    def _members(self, data: bytes | msgspec.Raw, path: str) -> dict[str, msgspec.Raw]:
        try:
            return _MEMBERS.decode(data)
        except _MALFORMED as fault:
            raise self._malformed(fault, path) from fault

    def _value(self, raw: msgspec.Raw, path: str) -> Any:  # noqa: ANN401  # JSON
        """A JSON value with its numbers as written; notes members that stand there twice."""

        def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                self._note_repeated(pairs, path)
            return found

        try:
            text = bytes(raw).decode()
            value = json.loads(
                text,
                parse_int=Number,
                parse_float=Number,
                parse_constant=_no_constant,
                object_pairs_hook=members,
            )
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode()  # refuses halves of a character
            if text.count("{") + text.count("[") > self._limits.depth_max:
                self._refuse_deep(value, path)
        except _MALFORMED as fault:
            raise self._malformed(fault, path) from fault
        return value

    def _refuse_deep(self, value: Any, path: str) -> None:  # noqa: ANN401  # JSON
        level, depth = [value], 0
        while level:
            inner = [
                list(part.values()) if isinstance(part, dict) else part
                for part in level
                if isinstance(part, (dict, list))
            ]
            level = [part for parts in inner for part in parts]
            depth += 1
            if depth > self._limits.depth_max:
                raise self._gathering.refuse(
                    "document.too-deep",
                    f"values nest more than {self._limits.depth_max} deep",
                    "Have the sender check the file; no EPCIS document nests like this.",
                    path=path or "/",
                )

    def _refuse_wide(self, event: dict[str, Any], path: str) -> None:
        """Refuse an event that holds too much beside its lists of identifiers."""
        count, left = 0, [value for name, value in event.items() if name not in _IDENTIFIER_LISTS]
        while left:
            part = left.pop()
            inner = list(part.values()) if isinstance(part, dict) else part
            if isinstance(inner, list):
                count += len(inner)
                left.extend(one for one in inner if isinstance(one, (dict, list)))
            if count > self._limits.extension_nodes_max:
                raise self._gathering.refuse(
                    "document.extension-too-large",
                    f"the event holds more than {self._limits.extension_nodes_max} values "
                    "beside its identifiers",
                    "Send smaller events.",
                    path=path or "/",
                )

    def _note_repeated(self, pairs: list[tuple[str, Any]], path: str) -> None:
        counts = Counter(name for name, _ in pairs)
        twice = sorted(name for name, count in counts.items() if count > 1)
        self._gathering.note(
            "json.member-repeated",
            Severity.ERROR,
            f"{', '.join(twice)[:200]} stands twice in one object; only the last one counts",
            "Have the sender write each member once (RFC 8259 section 4).",
            path=path or "/",
        )

    def _malformed(self, fault: Exception, path: str) -> Exception:
        reason = "it nests too deep" if isinstance(fault, RecursionError) else str(fault)
        return self._gathering.refuse(
            "json.malformed",
            f"the JSON cannot be read: {reason}",
            "Have the sender check the file with a JSON parser and send it again.",
            path=path or "/",
        )


def _no_constant(name: str) -> Any:  # noqa: ANN401  # never returns
    raise ValueError(f"{name} is no JSON number")
