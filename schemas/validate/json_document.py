"""JSON-LD documents and events against the schema: the verdict, and the reasons where it is no."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from schemas.finding import Finding, Severity, Where
from schemas.validate.compiled import json_validator
from schemas.validate.json_reasons import JsonReason, reason_of
from schemas.validate.pointer_lines import as_pointer, lines_of
from schemas.wording import PATH_MAX, brief

if TYPE_CHECKING:
    from pathlib import Path

FINDINGS_MAX: Final = 200
"""Reasons that are listed one by one; whoever mends that many sends the file again."""


def validate_json(
    source: bytes | dict[str, Any],
    *,
    published: Path | None = None,
    findings_max: int = FINDINGS_MAX,
) -> list[Finding]:
    """What the JSON Schema finds wrong in a document or bare event; empty where it holds.

    `source` is UTF-8 text, or what it stands for; only text gives findings lines.

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
        faults = list(islice(validator.iter_errors(document), findings_max + 1))
    except ValueError:
        return [_too_deep()]
    reasons = list(dict.fromkeys(reason_of(fault, document) for fault in faults))
    findings = _placed(reasons[:findings_max], text)
    return findings if len(faults) <= findings_max else [*findings, _more(findings_max)]


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
