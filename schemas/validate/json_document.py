"""Validate JSON-LD documents and events against the schema, with reasons where they fail."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import orjson

from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES
from schemas.finding import Finding, Severity, Where
from schemas.validate.compiled import json_validator
from schemas.validate.json_reasons import JsonReason, reason_of
from schemas.validate.pointer_lines import as_pointer, lines_of
from schemas.wording import PATH_MAX, brief

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.json_value import JsonObject, JsonValue

FINDINGS_MAX: Final = 200
"""Most reasons listed one by one; a sender who corrects that many checks the file again anyway."""

MEMBERS_MAX: Final = 50
"""Members of one object, other than those of the standard, whose faults are explained."""
LEVELS_MAX: Final = 40
"""Levels of nesting that are searched for wide objects."""
_KNOWN: Final = frozenset(
    {
        *("@context", "id", "type", "schemaVersion", "creationDate", "epcisHeader", "epcisBody"),
        *(field.name for field in COMMON_FIELDS),
        *(field.name for kind in EVENT_TYPES for field in kind.fields),
    }
)


def validate_json(
    source: bytes | JsonObject,
    *,
    published: Path | None = None,
    findings_max: int = FINDINGS_MAX,
) -> list[Finding]:
    """What the JSON Schema finds wrong in a document or bare event; empty where it is valid.

    `source` is UTF-8 text or the parsed JSON; findings have line numbers only for text.

    >>> print(validate_json(b'{"type": "EPCISDocument"}')[0])
    error json.field-missing: EPCISDocument has no '@context'
    """
    text = source if isinstance(source, bytes) else b""
    try:
        document = orjson.loads(text) if isinstance(source, bytes) else source
    except orjson.JSONDecodeError as fault:
        return [_malformed(fault)]
    validator = json_validator(published)
    try:
        if validator.is_valid(document):
            return []
        faults = list(islice(validator.iter_errors(narrowed(document)), findings_max + 1))
    except ValueError:
        return [_too_deep()]
    if not faults:
        return [_unexplained()]
    reasons = list(dict.fromkeys(reason_of(fault, document) for fault in faults))
    findings = _placed(reasons[:findings_max], text)
    return findings if len(faults) <= findings_max else [*findings, _more(findings_max)]


def narrowed(value: JsonValue, levels: int = LEVELS_MAX) -> JsonValue:
    """A JSON value without most members of very wide objects, so its faults are explained quickly.

    The validator copies the whole object for each fault in it, so that the time to explain grows
    with the square of its width. Standard members, and those without a prefix first, are kept.

    >>> len(narrowed({f"k{number}": 1 for number in range(1000)})), narrowed([{"a": 1}])
    (50, [{'a': 1}])
    """
    if levels == 0 or not isinstance(value, (dict, list)):
        return value
    if isinstance(value, list):
        return [narrowed(part, levels - 1) for part in value]
    names = list(value)
    if len(names) > MEMBERS_MAX:
        others = sorted((n for n in names if n not in _KNOWN), key=lambda name: ":" in name)
        names = [*(n for n in names if n in _KNOWN), *others[:MEMBERS_MAX]]
    return {name: narrowed(value[name], levels - 1) for name in names}


def _unexplained() -> Finding:
    return Finding(
        "json.invalid",
        Severity.ERROR,
        "the document is not valid against the schema of EPCIS 2.0",
        "Check it with the published schema files for details.",
    )


def _placed(reasons: list[JsonReason], text: bytes) -> list[Finding]:
    lines = lines_of(text, {reason.path for reason in reasons})
    return [
        Finding(
            f"json.{reason.code}",
            Severity.ERROR,
            brief(reason.what),
            brief(reason.hint),
            Where(
                line=lines.get(reason.path), path=brief(as_pointer(reason.path), PATH_MAX) or "/"
            ),
        )
        for reason in reasons
    ]


def _malformed(fault: orjson.JSONDecodeError) -> Finding:
    return Finding(
        "json.malformed",
        Severity.ERROR,
        f"the JSON is not well-formed: {fault.msg}",
        "Have the sender check the file with a JSON parser and send it again.",
        Where(line=fault.lineno),
    )


def _too_deep() -> Finding:
    return Finding(
        "json.too-deep",
        Severity.ERROR,
        "the document nests deeper than any EPCIS document does",
        "Ask the sender what the nesting is for.",
    )


def _more(findings_max: int) -> Finding:
    return Finding(
        "document.more-findings",
        Severity.ERROR,
        f"only the first {findings_max} findings are listed",
        "Mend what is listed and check the document again.",
    )
