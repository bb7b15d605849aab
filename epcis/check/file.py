"""A whole file looked at: what the schema, the reader and the rules over events find in it.

Capture asks "can this be taken in"; this asks "what should the sender mend", and so lists all it
finds, with line, path and advice. The file may be of any size: events pass one at a time.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from dataclasses import replace
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from epcis.check.document import DocumentRules
from epcis.check.header_lines import lines_of_header
from epcis.check.rules import RuleCheck
from epcis.codec.document import DocumentLimits, DocumentRefused, open_document
from epcis.codec.refusal import FindingCollector
from epcis.codec.sniff import SNIFF_BYTES, Packing, Syntax, sniff
from epcis.codec.unpack import PlainStream
from schemas.finding import Finding
from schemas.validate import validate_json, validate_xml
from schemas.validate.pointer_lines import TEXT_BYTES_MAX, lines_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from epcis.check.rules import Watcher
    from schemas.validate.pointer_lines import Pointer

WHOLE_BYTES_MAX: Final = 8 * 2**20
"""JSON files up to this size are validated whole; longer ones event by event while reading."""
_SPOOL_MEMORY_BYTES: Final = 16 * 2**20
_EVENTS_BETWEEN_NEWS: Final = 64
_LIMITS: Final = DocumentLimits()


def check(
    source: bytes | BinaryIO,
    *,
    now: datetime | None = None,
    watchers: Sequence[Watcher] = (),
    published: Path | None = None,
    limits: DocumentLimits = _LIMITS,
    tally: Counter[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Finding]:
    """All that is wrong with an EPCIS file, heaviest matters for the sender to mend.

    `source` is the file as received, packed or plain. `now` finds what lies in the future;
    `watchers` see the same events; `published` is a folder of schema files to use instead of
    Packtrail's own. `tally` gets how many findings of each code there are, those that are not
    listed too; `progress` the number of plain bytes read so far. Never raises for what a file
    holds.

    >>> [finding.code for finding in check(b"hello")]
    ['document.unknown-format']
    """
    with _spool() as spool, _spool() as plain:
        original = _seekable(source, spool)
        try:
            is_long = _is_long_json(original, limits)
            reader = open_document(
                original,
                strict=is_long,
                refuses=False,
                limits=limits,
                validate=is_long,
                published=published,
            )
            rules = RuleCheck(reader, (DocumentRules(), *watchers))
            for number, event in enumerate(reader):
                rules.see(event)
                if progress is not None and number % _EVENTS_BETWEEN_NEWS == 0:
                    progress(reader.stream.bytes_read)
            rules.judge(now)
        except DocumentRefused as refused:
            return _counted(_placed(list(refused.findings), original, limits), tally)
        # The reader of a long file has held each event to the schema; its verdict is among its own.
        by_schema = [is_long and one.code.startswith("json.") for one in reader.findings]
        noted = compress(reader.findings, map(not_, by_schema))
        schema = (
            list(compress(reader.findings, by_schema))
            if is_long
            else _against_schema(original, plain, limits, published)
        )
        found = _placed([*schema, *rules.beside(noted, schema)], original, limits)
        return _counted(found, tally, rules.counts)


def _counted(
    findings: list[Finding], tally: Counter[str] | None, counts: Mapping[str, int] | None = None
) -> list[Finding]:
    """The same findings; `tally` gets how many there are of each code."""
    if tally is not None:
        tally.update(finding.code for finding in findings)
        for code in tally:
            tally[code] = max(tally[code], (counts or {}).get(code, 0))
    return findings


def _is_long_json(original: BinaryIO, limits: DocumentLimits) -> bool:
    """Whether a file holds more JSON than is looked at as a whole; raises DocumentRefused."""
    original.seek(0)
    stream = PlainStream(limits, FindingCollector(listed_max=1)).open(original)
    is_json = stream.sniffed.syntax is Syntax.JSON_LD
    is_long = is_json and len(stream.peek(WHOLE_BYTES_MAX + 1)) > WHOLE_BYTES_MAX
    original.seek(0)
    return is_long


def _spool() -> AbstractContextManager[BinaryIO]:
    """A file in memory that moves to the disk when it grows."""
    spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_MEMORY_BYTES)  # noqa: SIM115  # by callers
    return cast("AbstractContextManager[BinaryIO]", spool)


def _seekable(source: bytes | BinaryIO, spool: BinaryIO) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    if source.seekable():
        return source
    shutil.copyfileobj(source, spool)
    spool.seek(0)
    return spool


def _against_schema(
    original: BinaryIO, plain: BinaryIO, limits: DocumentLimits, published: Path | None
) -> list[Finding]:
    is_plain = _is_plain(original)
    original.seek(0)
    stream = PlainStream(limits, FindingCollector(listed_max=limits.findings_max)).open(original)
    if stream.sniffed.syntax is Syntax.JSON_LD:
        return validate_json(stream.read(), published=published)
    if is_plain and not stream.is_transcoded:
        return validate_xml(original, published=published)
    shutil.copyfileobj(stream, plain)
    encoding = "utf-8" if stream.is_transcoded else None
    return validate_xml(plain, encoding=encoding, published=published)


def _is_plain(original: BinaryIO) -> bool:
    original.seek(0)
    found = sniff(original.read(SNIFF_BYTES))
    return not isinstance(found, Finding) and found.packing is Packing.PLAIN


def _placed(findings: list[Finding], original: BinaryIO, limits: DocumentLimits) -> list[Finding]:
    """Findings without a line get the one on which what they name stands."""
    wanted = {f.where.path for f in findings if f.where.line is None and f.where.path}
    if not wanted:
        return findings
    original.seek(0)
    try:
        stream = PlainStream(limits, FindingCollector(listed_max=1)).open(original)
        if stream.sniffed.syntax is Syntax.JSON_LD:
            text = stream.peek(TEXT_BYTES_MAX + 1)
            lines = _lines_in_json(text, wanted) if len(text) <= TEXT_BYTES_MAX else {}
        else:
            encoding = "utf-8" if stream.is_transcoded else None
            lines = lines_of_header(cast("BinaryIO", stream), wanted, encoding)
    except DocumentRefused:
        return findings
    return [_with_line(finding, lines) for finding in findings]


def _lines_in_json(text: bytes, wanted: set[str]) -> dict[str, int]:
    """For each pointer the line of its value, or of the nearest value above it that is there."""
    needed: dict[Pointer, set[str]] = {}
    for path in wanted:
        pointer = _pointer(path)
        for end in range(len(pointer) + 1):
            needed.setdefault(pointer[:end], set()).add(path)
    lines: dict[str, int] = {}
    for pointer, line in sorted(lines_of(text, needed.keys()).items(), key=lambda p: len(p[0])):
        lines.update(dict.fromkeys(needed[pointer], line))
    return lines


def _with_line(finding: Finding, lines: dict[str, int]) -> Finding:
    if finding.where.line is not None or finding.where.path not in lines:
        return finding
    return replace(finding, where=replace(finding.where, line=lines[finding.where.path]))


def _pointer(path: str) -> Pointer:
    steps = path.strip("/").split("/") if path.strip("/") else []
    return tuple(int(step) if step.isdigit() else step for step in steps)
