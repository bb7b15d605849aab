"""JSON values read with care: numbers as written, nothing twice in one object, bounded nesting."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from epcis.codec.jsonld.nodes import JsonNumber
from schemas.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import DocumentRefused, FindingCollector
    from epcis.model import Event

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_IDENTIFIER_LISTS: Final = frozenset({"epcList", "childEPCs", "inputEPCList", "outputEPCList"})
_HOLDING_THE_EVENTS: Final = frozenset({"epcisBody", "queryResults", "resultsBody", "eventList"})
LEVELS_OF_ELEMENT: Final = 3
"""An element with mixed content is an object, which holds an array, which holds objects."""
_LEVELS_OF_NODE: Final = 2
"""A `Node` and the tuple of its children."""
_LEVELS_OF_EVENT: Final = 8
"""What stands around a tree in an event: lists of sensors with their reports, at most."""
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

    def frame(self, text: bytes) -> dict[str, Any]:
        """The members of a document whose event list has been emptied.

        Other members that stand twice are noted. Two that could hold the event list refuse the
        document: nobody can tell which of them was meant.
        """
        found: list[str] = []
        members: dict[str, Any] = self.value(text, "", repeated=found.extend)
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
        levels: int = 1,
        repeated: Callable[[list[str]], None] | None = None,
    ) -> Any:  # noqa: ANN401  # JSON
        """A JSON value with its numbers as written.

        `levels` is how many levels of JSON one level of the limit on nesting may take. `repeated`
        is told the names of members that stand twice in one object; else they are noted.
        """

        def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) < len(pairs):
                counts = Counter(name for name, _ in pairs)
                twice = sorted(name for name, count in counts.items() if count > 1)
                (repeated or self._note_repeated_at(path))(twice)
            return found

        try:
            text = bytes(raw).decode()
            value = json.loads(
                text,
                parse_int=JsonNumber,
                parse_float=JsonNumber,
                parse_constant=_no_constant,
                object_pairs_hook=members,
            )
            if "\\u" in text:
                json.dumps(value, ensure_ascii=False).encode()  # refuses halves of a character
            if text.count("{") + text.count("[") > levels * self._limits.depth_max:
                self._refuse_deep(value, path, levels)
        except MALFORMED as fault:
            raise self.malformed(fault, path) from fault
        return value

    def not_too_deep(self, read: Callable[[], Event], text: bytes, path: str) -> Event:
        """The event that is read from a text, unless its trees nest deeper than in XML."""
        try:
            event = read()
        except RecursionError as fault:
            raise self._too_deep(path) from fault
        if text.count(b"{") + text.count(b"[") > self._limits.depth_max:
            self._refuse_deep(msgspec.to_builtins(event), path, _LEVELS_OF_NODE)
        return event

    def _refuse_deep(self, value: Any, path: str, levels: int) -> None:  # noqa: ANN401  # JSON
        level, depth = [value], 0
        while level:
            inner = [
                list(part.values()) if isinstance(part, dict) else part
                for part in level
                if isinstance(part, (dict, list, tuple))
            ]
            level = [part for parts in inner for part in parts]
            depth += 1
            if depth > levels * self._limits.depth_max + _LEVELS_OF_EVENT * (levels > 1):
                raise self._too_deep(path)

    def _too_deep(self, path: str) -> DocumentRefused:
        return self._collector.refuse(
            "document.too-deep",
            f"values nest more than {self._limits.depth_max} deep",
            "Have the sender check the file; no EPCIS document nests like this.",
            path=path or "/",
        )

    def refuse_wide(self, event: dict[str, Any], path: str) -> None:
        """Refuse an event that holds too much beside its lists of identifiers."""
        count, left = 0, [value for name, value in event.items() if name not in _IDENTIFIER_LISTS]
        while left:
            part = left.pop()
            inner = list(part.values()) if isinstance(part, dict) else part
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


def _no_constant(name: str) -> Any:  # noqa: ANN401  # never returns
    raise ValueError(f"{name} is no JSON number")
