"""What stands around the event list of a JSON-LD document and should not: events, unknown members.

A document has one event list. An event anywhere else is not taken in, because nobody can tell
whether its sender meant it so; it is counted and refused, never dropped without a word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from epcis.codec.fields import meant_event
from epcis.codec.jsonld.full import event_name
from epcis.codec.refusal import EventRefused
from schemas.finding import Severity, Where
from schemas.json_value import members_of
from schemas.validate.pointer_lines import as_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.codec.refusal import FindingCollector
    from schemas.json_value import JsonObject, JsonValue
    from schemas.validate.pointer_lines import Pointer

_MAY_HOLD_EVENTS: Final = re.compile(rb'event"|eventtime"|\\u', re.IGNORECASE)
"""Stands in every text that holds an event; most frames are not looked through."""
_KNOWN: Final = (
    (("epcisBody",), {"eventList", "queryResults"}),
    (("epcisBody", "queryResults"), {"queryName", "subscriptionID", "resultsBody"}),
    (("epcisBody", "queryResults", "resultsBody"), {"eventList", "vocabularyList"}),
)


def without_strays(members: JsonObject, text: bytes, collector: FindingCollector) -> JsonObject:
    """The members of a document without the events among them, each of which is refused.

    `members` is the document with its event list emptied, and `text` what they were read from.
    """
    _note_unknown(members, collector)
    if _MAY_HOLD_EVENTS.search(text) is None:
        return members
    strays: list[tuple[Pointer, str]] = []
    kept = members_of(_without(members, (), strays))
    for path, name in strays:
        collector.leave_out(
            EventRefused(
                "document.event-misplaced",
                f"{name or 'an event'} stands outside the event list of the document",
                "Put all events into epcisBody/eventList.",
                Where(path=as_pointer(path)),
            )
        )
    return kept


def _without(value: JsonValue, path: Pointer, strays: list[tuple[Pointer, str]]) -> JsonValue:
    # One call for each level, with loops in it: a header may nest deep.
    if isinstance(value, dict):
        kept: JsonObject = {}
        for key, part in value.items():
            if key == "@context":
                kept[key] = part
            elif not _is_event(part, (*path, key), strays):
                kept[key] = _without(part, (*path, key), strays)
        return kept
    if isinstance(value, list):
        left: list[JsonValue] = []
        for at, part in enumerate(value):
            if not _is_event(part, (*path, at), strays):
                left.append(_without(part, (*path, at), strays))  # see above
        return left
    return value


def _is_event(value: JsonValue, path: Pointer, strays: list[tuple[Pointer, str]]) -> bool:
    """Whether a value is an event; it is added to the strays if so."""
    if not isinstance(value, dict):
        return False
    name = event_name(value.get("type", value.get("@type")))
    is_event = bool(meant_event(name)) or "eventTime" in value
    if is_event:
        strays.append((path, name))
    return is_event


def _note_unknown(members: JsonObject, collector: FindingCollector) -> None:
    """Note members of the body that neither the standard nor the event model has a place for."""
    for path, unknown in _unknown(members):
        collector.note(
            "json.member-not-kept",
            Severity.WARNING,
            f"{', '.join(unknown)[:200]} is not known inside {path[-1]}",
            "It stays in the document as received, but is not taken in.",
            path=as_pointer(path),
        )


def _unknown(members: JsonObject) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    for path, known in _KNOWN:
        holder: JsonValue = members
        for step in path:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and (unknown := sorted(holder.keys() - known)):
            yield path, unknown
