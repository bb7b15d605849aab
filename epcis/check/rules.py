"""Every rule over the events of a document, followed event by event: one list for every door.

`packtrail check` tells a sender all that they find. Capture follows those about identity and keeps
what they find as warnings: an event that can be read is stored as it was received.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from epcis.check.containers import Containers
from epcis.check.identifiers import has_a_uri_for_an_id, names_real_things
from epcis.check.lot import tells_lot_plainly
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
from epcis.codec.sniff import Syntax
from schemas.epcis.outline import homes
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from epcis.check.fault import Rule
    from epcis.codec.document import DocumentReader
    from epcis.model import Event, Header

LIKE_MAX: Final = 50
"""Findings of one code that are listed; further ones are counted."""
_SEEN_MAX: Final = 100_000
"""Findings that are remembered so that none is reported twice."""

EVENT_RULES: Final[tuple[Rule, ...]] = (
    says_what_it_is_about,
    has_parent_and_children,
    adds_ilmd_only_once,
    names_each_once,
    counts_sensibly,
    has_a_uri_for_an_id,
    names_real_things,
    happened_at_a_time,
    was_declared_wrong_properly,
    speaks_the_standard,
    keeps_dispositions_apart,
    senses_something,
)
"""Every rule over one event; order is the order of findings."""

CAPTURE_RULES: Final[tuple[Rule, ...]] = (
    has_parent_and_children,
    names_real_things,
    tells_lot_plainly,
)
"""Rules that capture follows too: what is wrong about identity, which a schema does not see."""
_FOUND_BY_SCHEMA: Final = frozenset(
    {
        "document.text-not-kept",
        "event.action-unknown",
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


class RuleCheck:
    """Follows the events of one document with rules over events, and with `watchers`."""

    def __init__(
        self,
        reader: DocumentReader,
        watchers: Sequence[Watcher] = (),
        rules: tuple[Rule, ...] = EVENT_RULES,
    ) -> None:
        self._reader = reader
        self._rules = rules
        self._watchers = tuple(watchers)
        self._containers = Containers()
        syntax = reader.stream.sniffed.syntax or Syntax.XML_1_2
        self._xml_version = {Syntax.XML_2_0: "2.0", Syntax.JSON_LD: ""}.get(syntax, "1.2")
        self._listed = _Listed()

    def see(self, event: Event) -> None:
        """Hold the rules against the event that the reader gave last."""
        self._listed.extend(self._findings(event))

    def _findings(self, event: Event) -> Iterator[Finding]:
        for rule in self._rules:
            for fault in rule(event):
                path = _field_path(fault.field, event, self._xml_version)
                yield replace(fault, field=path).at(self._reader.where)
        yield from self._containers.see(event, lambda: self._reader.where)
        for watcher in self._watchers:
            yield from watcher.see(event, self._reader.where)

    def judge(self, now: datetime | None = None) -> None:
        """Judge the document as a whole, once all events have been seen."""
        for watcher in self._watchers:
            found = watcher.judge(self._reader.header, now)
            self._listed.extend(found if self._xml_version else map(_in_json, found))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many findings of each code the rules made, those that are not listed too."""
        return self._listed.counts

    def beside(self, noted: Iterable[Finding], schema: Sequence[Finding]) -> list[Finding]:
        """What the rules found, and what the reader noted, beyond what the schema says already."""
        self._listed.extend_new(noted)
        return list(self._listed.beside(schema))


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


class _Listed:
    """Gathers findings, at most `LIKE_MAX` of one code."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self.counts: Counter[str] = Counter()
        self._seen: set[tuple[str, str | None]] = set()

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add findings of the rules."""
        for finding in findings:
            if finding.where.path is not None and len(self._seen) < _SEEN_MAX:
                self._seen.add((finding.code, finding.where.path))
            self.counts[finding.code] += 1
            if self.counts[finding.code] <= LIKE_MAX:
                self._findings.append(finding)

    def extend_new(self, findings: Iterable[Finding]) -> None:
        """Add what the reader noted, unless a rule says the same of the same place."""
        self.extend(f for f in findings if (f.code, f.where.path) not in self._seen)

    def beside(self, schema: Sequence[Finding]) -> Iterator[Finding]:
        """The findings that say more than those of the schema."""
        topics = {(_topic(finding), _event_path(finding)) for finding in schema}
        places = {finding.where.path for finding in schema}
        for finding in self._findings:
            if finding.code in _FOUND_BY_SCHEMA and schema:
                continue
            is_value = _topic(finding) in _ABOUT_VALUES and finding.where.path in places
            if (_topic(finding), _event_path(finding)) not in topics and not is_value:
                yield finding
        for code, count in self.counts.items():
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
