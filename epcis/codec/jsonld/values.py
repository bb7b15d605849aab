"""JSON values read with care: numbers as written, nothing twice in one object, bounded nesting."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from epcis.codec.jsonld.nodes import JsonNumber
from epcis.codec.limits import nesting
from schemas.finding import Severity
from schemas.json_value import members_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import DocumentRefused, FindingCollector
    from schemas.json_value import JsonObject, JsonValue

_Read = TypeVar("_Read")
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTIFIER_LISTS: Final = frozenset({"epcList", "childEPCs", "inputEPCList", "outputEPCList"})
_HOLDING_THE_EVENTS: Final = frozenset({"epcisBody", "queryResults", "resultsBody", "eventList"})
_LEVELS_OF_TREE: Final = 4
"""A tree with mixed content is an object, which holds an array of objects, which hold arrays."""
_LEVELS_AROUND: Final = 16
"""What stands around a tree: an event and its lists of sensors with their reports, at most."""
MALFORMED: Final = (msgspec.DecodeError, ValueError, RecursionError)
"""What reading bytes that are no JSON raises."""


class ValueReader:
    """Reads the values of one document; what cannot be read refuses it."""

    def __init__(self, limits: DocumentLimits, collector: FindingCollector) -> None:
        self._limits = limits
        self._collector = collector

    def members(self, text: bytes | msgspec.Raw, path: str) -> dict[str, msgspec.Raw]:
        """The members of an object, not read yet."""
        try:
            return _MEMBERS.decode(text)
        except MALFORMED as fault:
            raise self.malformed(fault, path) from fault

    def frame(self, text: bytes) -> JsonObject:
        """The members of a document whose event list has been emptied.

        Other members that stand twice are noted. Two that could hold the event list refuse the
        document: nobody can tell which of them was meant.
        """
        found: list[str] = []
        members = members_of(self.value(text, "", repeated=found.extend))
        if lists := sorted(_HOLDING_THE_EVENTS.intersection(found)):
            raise self._collector.refuse(
                "json.member-repeated",
                f"{', '.join(lists)} stands twice in one object",
                "Have the sender write each member once (RFC 8259 section 4).",
                path="/",
            )
        if found:
            self._note_repeated_at("")(found)
        return members

    def value(
        self,
        raw: bytes | msgspec.Raw,
        path: str,
        repeated: Callable[[list[str]], None] | None = None,
    ) -> JsonValue:
        """A JSON value with its numbers as written.

        `repeated` gets the names of members that stand twice in one object; else they are noted.
        """

        def members(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
            found = dict(pairs)
            if len(found) < len(pairs):
                counts = Counter(name for name, _ in pairs)
                twice = sorted(name for name, count in counts.items() if count > 1)
                (repeated or self._note_repeated_at(path))(twice)
            return found

        try:
            text = bytes(raw).decode()
            value: JsonValue = json.loads(
                text,
                parse_int=JsonNumber,
                parse_float=JsonNumber,
                parse_constant=_no_constant,
                object_pairs_hook=members,
            )
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode()  # refuses halves of a character
            levels_max = _LEVELS_OF_TREE * self._limits.depth_max + _LEVELS_AROUND
            if text.count("{") + text.count("[") > levels_max and _levels(value) > levels_max:
                raise self._too_deep(path)
        except MALFORMED as fault:
            raise self.malformed(fault, path) from fault
        return value

    def not_too_deep(self, read: Callable[[], _Read], text: bytes, path: str) -> _Read:
        """The event or header that is read from a text, unless its trees nest deeper than allowed.

        XML is held to the same limit, so that what was read can be written and read again.
        """
        try:
            value = read()
        except RecursionError as fault:
            raise self._too_deep(path) from fault
        depth_max = self._limits.depth_max
        if text.count(b"{") + text.count(b"[") > depth_max and nesting(value) > depth_max:
            raise self._too_deep(path)
        return value

    def _too_deep(self, path: str) -> DocumentRefused:
        return self._collector.refuse(
            "document.too-deep",
            f"values nest more than {self._limits.depth_max} deep",
            "Have the sender check the file; no EPCIS document nests like this.",
            path=path or "/",
        )

    def refuse_wide(self, event: JsonObject, path: str) -> None:
        """Refuse an event that holds too much, or names too much, beside its identifiers."""
        names = set(event)
        count, left = 0, [value for name, value in event.items() if name not in _IDENTIFIER_LISTS]
        while left:
            part = left.pop()
            inner = list(part.values()) if isinstance(part, dict) else part
            if isinstance(part, dict):
                names.update(part)
            if isinstance(inner, list):
                count += len(inner)
                left.extend(one for one in inner if isinstance(one, (dict, list)))
            if count > self._limits.extension_nodes_max:
                raise self._collector.refuse(
                    "document.extension-too-large",
                    f"the event holds more than {self._limits.extension_nodes_max} values "
                    "beside its identifiers",
                    "Send smaller events.",
                    path=path or "/",
                )
        if len(names) > self._limits.extension_names_max:
            raise self._collector.refuse(
                "document.too-many-names",
                f"the event has more than {self._limits.extension_names_max} different keys",
                "Send a few keys with many values, not many keys.",
                path=path or "/",
            )

    def too_large(self, path: str) -> DocumentRefused:
        """The refusal of an event, or of what stands beside the events, that is too large."""
        return self._collector.refuse(
            "document.part-too-large",
            f"one event, or what stands beside the events, is larger than "
            f"{self._limits.event_bytes_max} bytes or {self._limits.event_values_max} values",
            "Send smaller events.",
            path=path or "/",
        )

    def malformed(self, fault: Exception | str, path: str) -> DocumentRefused:
        """The refusal of what is no JSON."""
        reason = "it nests too deep" if isinstance(fault, RecursionError) else str(fault)
        return self._collector.refuse(
            "json.malformed",
            f"the JSON cannot be read: {reason}",
            "Have the sender check the file with a JSON parser and send it again.",
            path=path or "/",
        )

    def _note_repeated_at(self, path: str) -> Callable[[list[str]], None]:
        def note(twice: list[str]) -> None:
            self._collector.note(
                "json.member-repeated",
                Severity.ERROR,
                f"{', '.join(twice)[:200]} stands twice in one object; only the last one counts",
                "Have the sender write each member once (RFC 8259 section 4).",
                path=path or "/",
            )

        return note


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON number")


def _levels(value: JsonValue) -> int:
    """How many arrays and objects stand inside each other."""
    level, depth = [value], 0
    while level := [part for part in level if isinstance(part, (dict, list))]:
        inner = [part.values() if isinstance(part, dict) else part for part in level]
        level = [part for parts in inner for part in parts]
        depth += 1
    return depth
