"""What stands around the event list of a JSON-LD document and should not: events, unknown members.

A document has one event list. An event anywhere else is not taken in, because nobody can tell
whether its sender meant it so; it is counted and refused, never dropped without a word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from epcis.codec.fields import meant_event
from epcis.codec.jsonld.full import event_name
from epcis.codec.refusal import EventRefused
from schemas.finding import Severity, Where
from schemas.validate.pointer_lines import as_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.codec.refusal import FindingCollector
    from schemas.validate.pointer_lines import Pointer

_MAY_HOLD_EVENTS: Final = re.compile(rb'event"|eventtime"|\\u', re.IGNORECASE)
"""Stands in every text that holds an event; most frames are not looked through."""
_KNOWN: Final = (
    (("epcisBody",), {"eventList", "queryResults"}),
    (("epcisBody", "queryResults"), {"queryName", "subscriptionID", "resultsBody"}),
    (("epcisBody", "queryResults", "resultsBody"), {"eventList", "vocabularyList"}),
)
_GONE: Final = object()


def without_strays(
    members: dict[str, Any], text: bytes, collector: FindingCollector
) -> dict[str, Any]:
    """The members of a document without the events among them, each of which is refused.

    `members` is the document with its event list emptied, and `text` what they were read from.
    """
    _note_unknown(members, collector)
    if _MAY_HOLD_EVENTS.search(text) is None:
        return members
    strays: list[tuple[Pointer, str]] = []
    kept: dict[str, Any] = _without(members, (), strays)
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


def _without(value: Any, path: Pointer, strays: list[tuple[Pointer, str]]) -> Any:  # noqa: ANN401  # JSON
    if isinstance(value, dict):
        name = event_name(value.get("type", value.get("@type")))
        if path and (meant_event(name) or "eventTime" in value):
            strays.append((path, name))
            return _GONE
        kept: dict[str, Any] = {}  # one call for each level: a header may nest deep
        for key, part in value.items():
            left = part if key == "@context" else _without(part, (*path, key), strays)
            if left is not _GONE:
                kept[key] = left
        return kept
    if isinstance(value, list):
        entries: list[Any] = []
        for at, part in enumerate(value):
            if (left := _without(part, (*path, at), strays)) is not _GONE:
                entries.append(left)
        return entries
    return value


def _note_unknown(members: dict[str, Any], collector: FindingCollector) -> None:
    """Note members of the body that neither the standard nor the event model has a place for."""
    for path, unknown in _unknown(members):
        collector.note(
            "json.member-not-kept",
            Severity.WARNING,
            f"{', '.join(unknown)[:200]} is not known inside {path[-1]}",
            "It stays in the document as received, but is not taken in.",
            path=as_pointer(path),
        )


def _unknown(members: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    for path, known in _KNOWN:
        holder: Any = members
        for step in path:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and (unknown := sorted(holder.keys() - known)):
            yield path, unknown
