"""The events of one portion of a JSON-LD list, held to the schema and read, fast or in full."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import orjson

from epcis.codec.cores import Portion
from epcis.codec.jsonld.context import Context
from epcis.codec.jsonld.fast import FastJsonReader
from epcis.codec.jsonld.full import FullJsonReader
from epcis.codec.jsonld.values import MALFORMED, ValueReader
from epcis.codec.refusal import EventRefused
from schemas.finding import Severity, Where
from schemas.validate import json_event_validator, narrowed
from schemas.validate.json_reasons import JsonReason, reason_of
from schemas.validate.pointer_lines import as_pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import FindingCollector
    from epcis.model import Event
    from schemas.json_value import JsonValue

_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
NAME_BYTES_MIN: Final = len('"":0,')
"""Bytes that a key with its value takes at least, beside its name."""
_LARGE_BYTES: Final = 2**20
"""A portion of this size holds one large event, or something worse; it is counted first."""
_EXPLAINED_MAX: Final = 25
"""Events of one document whose faults against the schema are explained."""


EVENTS: Final = "events"
"""What all events of a JSON-LD document are counted under: they stand in one array."""


class NotWholeError(Exception):
    """A portion is no well-formed list of values."""


@dataclass(frozen=True, slots=True)
class JsonFrame:
    """How portions of one document are read; can be pickled."""

    context: JsonValue
    """The document's `@context`."""
    contexts: Mapping[str, JsonValue]
    """Contexts by address, beside the standard one."""
    list_path: str
    limits: DocumentLimits
    validate: bool = True
    published: Path | None = None

    def read_with(self, collector: FindingCollector) -> Callable[[bytes], Portion | None]:
        """A function that reads portions one by one; None where one is not well-formed."""
        reader = JsonPortionReader(self, collector)

        def read(portion: bytes) -> Portion | None:
            try:
                return Portion(list(reader.events(portion)), Counter({EVENTS: reader.count}))
            except NotWholeError:
                return None

        return read


class JsonPortionReader:
    """Reads portions of one event list, one after the other."""

    def __init__(self, frame: JsonFrame, collector: FindingCollector) -> None:
        self._limits = frame.limits
        self._list_path = frame.list_path
        self._published = frame.published
        self._collector = collector
        self._context = Context.of(frame.context, frame.contexts)
        self._values = ValueReader(frame.limits, collector)
        self._full = FullJsonReader(collector)
        self._fast = FastJsonReader(self._context)
        self._holds = json_event_validator(frame.published).is_valid if frame.validate else None
        self._explained_left = _EXPLAINED_MAX
        self._expects_plain = True
        self.count = 0
        """Events begun so far, those that could not be read among them."""

    @property
    def where(self) -> Where:
        """Where the event read last stands."""
        return Where(path=self._path())

    def _path(self) -> str:
        return f"{self._list_path}/{max(0, self.count - 1)}"

    def events(self, portion: bytes) -> Iterator[Event]:
        """The events of a portion; raises NotWholeError before the first if it was cut wrong."""
        events = self._plainly(portion) if self._expects_plain else None
        if events is None:
            yield from self._one_by_one(portion)
            return
        for event in events:
            self.count += 1
            yield event

    def _plainly(self, portion: bytes) -> list[Event] | None:
        """All events of a portion at once, if each of them is valid and plain."""
        if len(portion) >= _LARGE_BYTES:
            return None
        members: list[JsonValue] | None = None
        if self._holds is not None:
            try:
                members = orjson.loads(b"[%b]" % portion)
            except ValueError:
                return None
            if not all(map(self._holds, members)):
                return None
        events = self._fast.read(portion, members)
        is_within = events is not None and self.count + len(events) <= self._limits.events_max
        return events if is_within else None

    def _one_by_one(self, portion: bytes) -> Iterator[Event]:
        if len(portion) >= _LARGE_BYTES:
            self._refuse_large(portion)
        try:
            items = _ITEMS.decode(b"[%b]" % portion)
        except MALFORMED as fault:
            raise NotWholeError(fault) from fault
        self._expects_plain = True
        for item in items:
            if self.count >= self._limits.events_max:
                raise self._collector.too_many_events(self._limits.events_max)
            self.count += 1
            try:
                yield self._event(bytes(item))
            except EventRefused as refused:
                self._collector.leave_out(refused)

    def _event(self, text: bytes) -> Event:
        members: JsonValue = None
        try:
            members = None if self._holds is None else orjson.loads(text)
            is_valid = self._holds is None or self._holds(members)
        except ValueError:  # unreadable or too deep: the full reading says so
            is_valid = False
        if not is_valid:
            self._explain(text)
        plain = self._fast.read(text, [members] if members else None) if is_valid else None
        if plain:
            return plain[0]
        # A portion that is not plain throughout is rarely followed by one that is.
        self._expects_plain = False
        return self._fully(text)

    def _fully(self, text: bytes) -> Event:
        at = self._path()
        members = self._values.value(text, at)
        if not isinstance(members, dict):
            raise EventRefused(
                "json.wrong-type",
                "an event must be an object",
                "Write each event as an object with its type.",
                Where(path=at),
            )
        if len(text) > NAME_BYTES_MIN * self._limits.extension_names_max:
            self._values.refuse_wide(members, at)
        return self._values.not_too_deep(
            lambda: self._full.read(members, self._context, at, None), text, at
        )

    def _refuse_large(self, text: bytes) -> None:
        is_large = len(text) > self._limits.event_bytes_max
        if is_large or text.count(b",") > self._limits.event_values_max:
            raise self._values.too_large(f"{self._list_path}/{self.count}")

    def _explain(self, text: bytes) -> None:
        """Note why an event does not hold against the schema."""
        faults: list[JsonReason] = []
        try:
            event = narrowed(orjson.loads(text))
            if self._explained_left > 0:
                self._explained_left -= 1
                validator = json_event_validator(self._published)
                faults = [reason_of(fault, event) for fault in validator.iter_errors(event)]
        except ValueError:
            return
        for fault in dict.fromkeys(faults):
            path = self._path() + as_pointer(fault.path)
            self._note_invalid(f"json.{fault.code}", fault.what, fault.hint, path)
        if not faults:
            self._note_invalid(
                "json.invalid",
                "this event is not valid either",
                "Mend the events explained above and check again.",
                self._path(),
            )

    def _note_invalid(self, code: str, what: str, hint: str, path: str) -> None:
        severity = Severity.ERROR if self._collector.strict else Severity.WARNING
        self._collector.note(code, severity, what, hint, path=path)
