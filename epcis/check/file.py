"""A whole file looked at: what the schema, the reader and the rules over events find in it.

Capture asks "can this be taken in"; this asks "what should the sender mend", and so lists all it
finds, with line, path and advice. The file may be of any size: events pass one at a time.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, cast

from epcis.check.document import DocumentRules
from epcis.check.header_lines import lines_of_header
from epcis.check.identifiers import names_real_things
from epcis.check.sensors import senses_something
from epcis.check.what import (
    adds_ilmd_only_once,
    counts_sensibly,
    has_parent_and_children,
    names_each_once,
    says_what_it_is_about,
)
from epcis.check.when import happened_at_a_time, was_declared_wrong_properly
from epcis.check.why import keeps_dispositions_apart, speaks_the_standard
from epcis.codec.document import DocumentLimits, DocumentRefused, open_document
from epcis.codec.refusal import FindingCollector
from epcis.codec.sniff import SNIFF_BYTES, Packing, Syntax, sniff
from epcis.codec.unpack import PlainStream
from schemas.epcis.outline import homes
from schemas.finding import Finding, Severity, Where
from schemas.validate import validate_json, validate_xml
from schemas.validate.pointer_lines import TEXT_BYTES_MAX, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from epcis.check.fault import Rule
    from epcis.codec.document import DocumentReader
    from epcis.model import Event, Header
    from schemas.validate.pointer_lines import Pointer

LIKE_MAX: Final = 50
"""Findings of one code that are listed; further ones are counted."""
WHOLE_BYTES_MAX: Final = 8 * 2**20
"""JSON files up to this size are validated whole; longer ones event by event while reading."""
_SAID_MAX: Final = 100_000
"""Findings that are remembered so that nothing is said twice."""
_SPOOL_MEMORY_BYTES: Final = 16 * 2**20
_LIMITS: Final = DocumentLimits()

EVENT_RULES: Final[tuple[Rule, ...]] = (
    says_what_it_is_about,
    has_parent_and_children,
    adds_ilmd_only_once,
    names_each_once,
    counts_sensibly,
    names_real_things,
    happened_at_a_time,
    was_declared_wrong_properly,
    speaks_the_standard,
    keeps_dispositions_apart,
    senses_something,
)
"""Every rule over one event; order is the order of findings."""

_SAID_BY_SCHEMA: Final = frozenset(
    {
        "event.attribute-not-kept",
        "event.element-not-kept",
        "event.field-missing",
        "event.field-repeated",
        "event.field-unknown",
        "event.text-not-kept",
        "document.event-unknown",
        "document.no-events",
        "json.wrong-type",
    }
)
"""What the reader notes and the schema says better, with a reason."""


_ABOUT_VALUES: Final = frozenset({"time-unreadable", "offset-invalid", "word-unknown"})
"""Topics of rules that say nothing new where the schema refused the value itself."""


class Watcher(Protocol):
    """Somebody who follows a file's events and judges it at the end, as a profile does."""

    def see(self, event: Event, where: Where) -> Iterator[Finding]:
        """Findings about one event."""

    def judge(self, header: Header, now: datetime | None = None) -> Iterator[Finding]:
        """Findings about the whole file, once all events have been seen."""


def check(
    source: bytes | BinaryIO,
    *,
    now: datetime | None = None,
    watchers: Sequence[Watcher] = (),
    published: Path | None = None,
    limits: DocumentLimits = _LIMITS,
) -> list[Finding]:
    """All that is wrong with an EPCIS file, heaviest matters for the sender to mend.

    `source` is the file as received, packed or plain. `now` finds what lies in the future;
    `watchers` see the same events; `published` is a folder of schema files to use instead of
    Packtrail's own. Never raises for what a file holds.

    >>> [finding.code for finding in check(b"hello")]
    ['document.unknown-format']
    """
    with _spool() as spool, _spool() as plain:
        original = _seekable(source, spool)
        listed = _Listed()
        everyone: list[Watcher] = [DocumentRules(), *watchers]
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
            listed.extend(_read(reader, everyone, now))
            listed.extend_unsaid(reader.findings)
        except DocumentRefused as refused:
            return _placed(list(refused.findings), original, limits)
        schema = [] if is_long else _against_schema(original, plain, limits, published)
        return _placed([*schema, *listed.beside(schema)], original, limits)


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


def _read(
    reader: DocumentReader, watchers: Sequence[Watcher], now: datetime | None
) -> Iterator[Finding]:
    """Findings of the rules over events, then of everyone at the end."""
    version = "2.0" if reader.stream.sniffed.syntax is Syntax.XML_2_0 else "1.2"
    if reader.stream.sniffed.syntax is Syntax.JSON_LD:
        version = ""
    for event in reader:
        for rule in EVENT_RULES:
            for fault in rule(event):
                placed = replace(fault, field=_field_path(fault.field, event, version))
                yield placed.at(reader.where)
        for watcher in watchers:
            yield from watcher.see(event, reader.where)
    for watcher in watchers:
        for finding in watcher.judge(reader.header, now):
            yield finding if version else _in_json(finding)


def _in_json(finding: Finding) -> Finding:
    """What XML keeps in an attribute of the root is a member of the document in JSON."""
    path = (finding.where.path or "").replace("/EPCISDocument/@", "/")
    return replace(finding, where=replace(finding.where, path=path or None))


def _field_path(name: str, event: Event, version: str) -> str:
    """A field's path inside its event: EPCIS 1.2 nests some in `extension`."""
    if not name or not version:
        return name
    below = homes(version).get(type(event).__name__, {}).get(name.partition("/")[0], "")
    return f"{below}/{name}" if below else name


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


class _Listed:
    """Gathers findings, at most `LIKE_MAX` of one code."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._said: set[tuple[str, str | None]] = set()

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings of the rules."""
        for finding in findings:
            if finding.where.path is not None and len(self._said) < _SAID_MAX:
                self._said.add((finding.code, finding.where.path))
            self._counts[finding.code] += 1
            if self._counts[finding.code] <= LIKE_MAX:
                self._findings.append(finding)

    def extend_unsaid(self, findings: Iterable[Finding]) -> None:
        """Add what the reader noted, unless a rule says the same of the same place."""
        self.extend(f for f in findings if (f.code, f.where.path) not in self._said)

    def beside(self, schema: list[Finding]) -> Iterator[Finding]:
        """The findings that say more than the schema said already."""
        topics = {(_topic(finding), _event_path(finding)) for finding in schema}
        places = {finding.where.path for finding in schema}
        for finding in self._findings:
            if finding.code in _SAID_BY_SCHEMA and schema:
                continue
            is_value = _topic(finding) in _ABOUT_VALUES and finding.where.path in places
            if (_topic(finding), _event_path(finding)) not in topics and not is_value:
                yield finding
        for code, count in self._counts.items():
            if count > LIKE_MAX:
                yield _more(code, count - LIKE_MAX)


def _topic(finding: Finding) -> str:
    return finding.code.partition(".")[2]


def _event_path(finding: Finding) -> str:
    """The path of the event a finding is about: up to the first step with a position."""
    steps: list[str] = []
    for step in (finding.where.path or "").split("/"):
        steps.append(step)
        if step.isdigit() or step.endswith("]"):
            break
    return "/".join(steps)


def _more(code: str, count: int) -> Finding:
    return Finding(
        "document.more-findings",
        Severity.INFO,
        f"{count} further findings of the kind {code} are not listed",
        "Mend what is listed and check the file again.",
    )


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
