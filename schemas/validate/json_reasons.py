"""Explain in plain words why a JSON-LD document is not valid."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas import cbv
from schemas.epcis.as_json import JSON_EVENT_TYPES
from schemas.epcis.events import COMMON_FIELDS, event
from schemas.epcis.parts import ACTIONS
from schemas.wording import near

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jsonschema_rs import ValidationError

    from schemas.epcis.events import Needs
    from schemas.json_value import JsonValue
    from schemas.validate.pointer_lines import Pointer

_EVENT_NAMES: Final = frozenset(kind.name for kind in JSON_EVENT_TYPES)
_SHOWN_MAX: Final = 60
"""Most characters of a wrong value that are shown."""

_WORD_KINDS: Final = {
    "bizStep": ("bizstep", "business step"),
    "disposition": ("disp", "disposition"),
    "reason": ("er", "error reason"),
    "component": ("comp", "component"),
    "exception": ("alert", "sensor alert"),
}
_ENTRY_KINDS: Final = {
    "bizTransactionList": ("btt", "type of business transaction"),
    "sourceList": ("sdt", "role of a source or destination"),
    "destinationList": ("sdt", "role of a source or destination"),
    "sensorReport": ("measurement", "measurement"),
    "set": ("disp", "disposition"),
    "unset": ("disp", "disposition"),
}
_FORMATS: Final = {
    "uri": ("a URI", "Write it as a URN, e.g. urn:epc:id:…, or as a web address."),
    "date-time": (
        "a date and time with a time zone",
        "Write it as 2026-01-31T12:00:00+01:00.",
    ),
}
_PATTERNS: Final = {
    "eventTimeZoneOffset": ("an offset", "Write it as +01:00 or -05:00."),
    "uom": ("a unit code", "Write a code of UN/ECE Recommendation 20, such as KGM."),
    "schemaVersion": ("a version", "Write 2.0."),
    "hexBinaryValue": ("hexadecimal", "Write only the digits 0-9 and A-F."),
}
_ALTERNATIVES: Final = {
    "certificationInfo": (
        "a URI or a list of URIs",
        "Name the certificate by its URI; details go into a field of your own.",
    ),
    "@context": (
        "a context",
        "Give the URL of the EPCIS context, alone or in a list with your own prefixes.",
    ),
}
_TYPES: Final = {
    "array": "a list",
    "object": "an object",
    "string": "a text",
    "number": "a number",
    "boolean": "true or false",
}


@dataclass(frozen=True, slots=True)
class JsonReason:
    """One thing that is wrong, and the path of the value it concerns."""

    code: str
    what: str
    hint: str
    path: Pointer


def reason_of(fault: ValidationError, document: JsonValue) -> JsonReason:
    """The reason for one fault the validator found in `document`."""
    path: Pointer = tuple(fault.instance_path)
    keyword = str(fault.schema_path[-1]) if fault.schema_path else ""
    if "propertyNames" in fault.schema_path:
        keyword = "propertyNames"
    explain = _EXPLAIN.get(keyword, _other)
    return explain(_JsonFault(fault, path, _value_at(document, path), document))


@dataclass(frozen=True, slots=True)
class _JsonFault:
    error: ValidationError
    path: Pointer
    value: JsonValue
    document: JsonValue

    @property
    def name(self) -> str:
        """The field the value belongs to: the last name on its path."""
        return next((step for step in reversed(self.path) if isinstance(step, str)), "")

    @property
    def called(self) -> str:
        """The value's name in a finding: its field, an entry of it, or the document."""
        if not self.name:
            return "the document"
        return self.name if self.path[-1] == self.name else f"an entry of {self.name}"

    @property
    def owner(self) -> str:
        """An object's name in a finding: its type, or the field that holds it."""
        kind = self.value.get("type") if isinstance(self.value, dict) else None
        return kind if isinstance(kind, str) and kind in _OWNERS else self.name or "the document"

    def reason(self, code: str, what: str, hint: str, *below: str) -> JsonReason:
        return JsonReason(code, what, hint, (*self.path, *below))


_OWNERS: Final = frozenset({*_EVENT_NAMES, "EPCISDocument", "EPCISQueryDocument"})


def _value_at(document: JsonValue, path: Iterable[str | int]) -> JsonValue:
    for step in path:
        if isinstance(document, dict):
            document = document[str(step)]
        elif isinstance(document, list):
            document = document[int(step)]
    return document


def _shown(value: JsonValue) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def _required(fault: _JsonFault) -> JsonReason:
    missing = str(fault.error.kind.value)
    return fault.reason("field-missing", f"{fault.owner} has no '{missing}'", f'Add "{missing}".')


def _property_name(fault: _JsonFault) -> JsonReason:
    name, _ = json.JSONDecoder().raw_decode(fault.error.message)
    return _unknown(fault, str(name))


def _additional(fault: _JsonFault) -> JsonReason:
    names = list(fault.error.kind.value)
    return _unknown(fault, str(names[0]))


def _unknown(fault: _JsonFault, name: str) -> JsonReason:
    known = [field.name for field in COMMON_FIELDS]
    if fault.owner in _EVENT_NAMES:
        known += [field.name for field in event(fault.owner).fields]
    what = f"{fault.owner} knows no field '{name}'"
    if meant := near(name, known):
        hint = f"Did you mean '{meant}'?"
    else:
        hint = "A field of your own needs a prefix that @context declares, as in ex:field."
    return fault.reason("field-unknown", what, hint, name)


def _any_of(fault: _JsonFault) -> JsonReason:
    if fault.owner in _EVENT_NAMES and isinstance(fault.value, dict):
        ways = ", or ".join(_way(needs) for needs in event(fault.owner).what)
        hint = f"Give {ways}."
        return fault.reason("what-missing", f"{fault.owner} does not say what it is about", hint)
    kind = _word_kind(fault.path)
    if kind is not None:
        return _wrong_word(fault, *kind)
    if fault.name in _ALTERNATIVES:
        wanted, hint = _ALTERNATIVES[fault.name]
        return fault.reason("value", f"{fault.name} is not {wanted}", hint)
    return _other(fault)


def _word_kind(path: Pointer) -> tuple[str, str] | None:
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return None
    if names[-1] in _WORD_KINDS:
        return _WORD_KINDS[names[-1]]
    holder = names[-2] if names[-1] == "type" and len(names) > 1 else names[-1]
    return _ENTRY_KINDS.get(holder)


def _wrong_word(fault: _JsonFault, kind: str, called: str) -> JsonReason:
    word = fault.value if isinstance(fault.value, str) else ""
    what = f"'{_shown(fault.value)}' is no {called} of CBV, and no URI"
    if cbv.is_standard(kind, word):
        return fault.reason(
            "word-spelling",
            f"'{word}' is the spelling of XML, not of JSON-LD",
            f"Write '{cbv.bare(kind, word)}'.",
        )
    words = cbv.VOCABULARIES[kind].words
    if newer := cbv.successor(kind, word):
        hint = f"It is a word of CBV 1.0; today it is '{newer}'."
    elif meant := near(word, words):
        hint = f"Did you mean '{meant}'?"
    else:
        hint = "Use a word of the standard, or a URI of your own."
    return fault.reason("word-unknown", what, hint)


def _way(needs: Needs) -> str:
    parts = [f"at least one entry in {name}" for name in needs.some]
    parts += [f"'{name}'" for name in needs.has]
    if needs.action:
        parts.append(f"the action {needs.action}")
    return " and ".join(parts)


def _format(fault: _JsonFault) -> JsonReason:
    if fault.name == "type" and "sensorReport" not in fault.path:
        return fault.reason(
            "type-unknown",
            f"'{_shown(fault.value)}' is no type of event or document",
            f"There are {', '.join(sorted(_OWNERS))}; one of your own needs a URI.",
        )
    wanted, hint = _FORMATS.get(str(fault.error.kind.value), ("of its form", "See the standard."))
    return fault.reason("value", f"{fault.called}: '{_shown(fault.value)}' is not {wanted}", hint)


def _pattern(fault: _JsonFault) -> JsonReason:
    wanted, hint = _PATTERNS.get(fault.name, ("of its form", "See the EPCIS standard."))
    return fault.reason("value", f"{fault.called}: '{_shown(fault.value)}' is not {wanted}", hint)


def _enum(fault: _JsonFault) -> JsonReason:
    return fault.reason(
        "value",
        f"{fault.name}: '{_shown(fault.value)}' is not one of the words that may stand there",
        f"Write {', '.join(ACTIONS.words)}." if fault.name == "action" else "See the standard.",
    )


def _type(fault: _JsonFault) -> JsonReason:
    kinds = fault.error.kind.value
    wanted = " or ".join(
        _TYPES.get(str(kind), str(kind)) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    )
    shown = _shown(fault.value)
    what = f"{fault.called} is {shown}, it must be {wanted}"
    return fault.reason("type", what, f"Write {wanted}.")


def _const(fault: _JsonFault) -> JsonReason:
    return fault.reason(
        "ilmd-outside-add",
        f"ilmd stands in an event whose action is {_shown(fault.value)}",
        "Instance and lot master data belong to the event that adds the objects (action ADD).",
    )


def _min_items(fault: _JsonFault) -> JsonReason:
    return fault.reason("list-empty", f"{fault.name} is empty", "Give at least one entry.")


def _unique_items(fault: _JsonFault) -> JsonReason:
    return fault.reason(
        "list-repeats", f"{fault.name} holds an entry more than once", "Keep each entry once."
    )


def _min_properties(fault: _JsonFault) -> JsonReason:
    return fault.reason("field-missing", f"{fault.name} says nothing", "Give 'set' or 'unset'.")


def _other(fault: _JsonFault) -> JsonReason:
    return fault.reason(
        "schema",
        f"{fault.called} is not valid against the JSON Schema of EPCIS 2.0",
        "Compare it with the schema.",
    )


_EXPLAIN: Final[dict[str, Callable[[_JsonFault], JsonReason]]] = {
    "required": _required,
    "propertyNames": _property_name,
    "additionalProperties": _additional,
    "anyOf": _any_of,
    "format": _format,
    "pattern": _pattern,
    "enum": _enum,
    "type": _type,
    "const": _const,
    "minItems": _min_items,
    "uniqueItems": _unique_items,
    "minProperties": _min_properties,
}
