"""A corrected copy of a file, and the list of changes: `check --fix`, `POST /files/correct`.

A repair is kept only if it cures findings and brings no new ones; all other bytes of the file stay
as they are. A packed file comes out plain.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.file import examine, profile_of
from compliance.rules.json_repairs import json_repairs
from compliance.rules.json_spans import JsonFile
from compliance.rules.profiles import AUTO
from compliance.rules.repairs import repairs
from compliance.rules.spans import FILE_BYTES_MAX, NotMendable, apply
from compliance.rules.xml_spans import XmlFile
from epcis.check.rules import LIKE_MAX
from epcis.codec.document import DocumentLimits, DocumentRefused
from epcis.codec.refusal import FindingCollector
from epcis.codec.sniff import Syntax
from epcis.codec.unpack import PlainStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from compliance.rules.file import FileQuestion
    from compliance.rules.spans import Change
    from schemas.finding import Finding

_ENVELOPE: Final = "D13"


@dataclass(frozen=True, slots=True)
class RepairDone:
    """One change of a file."""

    rule: str
    """Number in the catalogue, as `L03`."""
    line: int
    """1-based line of the file as it was when the repair was made."""
    what: str

    def as_dict(self) -> dict[str, object]:
        """The change as `check --fix --json` shows it."""
        return {"rule": self.rule, "line": self.line, "what": self.what}


@dataclass(frozen=True, slots=True)
class MendedFile:
    """A corrected file, what was changed, and what only its sender can mend."""

    data: bytes
    changes: tuple[RepairDone, ...]
    left: tuple[Finding, ...]


class _Repair(NamedTuple):
    rule: str
    codes: frozenset[str]
    changes: Callable[[bytes], Iterator[Change]]


def mend(data: bytes, question: FileQuestion) -> MendedFile:
    """Make every safe repair that the findings of a profile call for.

    What a store knows is not asked: no repair depends on it. Raises NotMendable for a file whose
    places cannot be kept, and ValueError for an unknown profile.
    """
    plain, syntax = _plain(data)
    profile = profile_of(plain) if question.profile == AUTO else question.profile
    alone = replace(question, profile=profile, known=None, progress=None)

    def findings(of: bytes) -> list[Finding]:
        return list(examine(of, alone).findings)

    left = findings(plain)
    release = "R1.2" if profile == GuidelineRelease.R1_2.value else "R1.3"
    wanted = [
        one
        for one in _repairs(release, syntax)
        if not one.codes.isdisjoint(finding.code for finding in left)
    ]
    together = _all_at_once(plain, wanted, left, findings)
    if together is not None:
        return together
    changes: list[RepairDone] = []
    for repair in _repairs(release, syntax):
        if repair.codes.isdisjoint(finding.code for finding in left):
            continue
        new, made = _made(plain, repair)
        after = findings(new) if made else left
        if made and _is_better(repair, left, after):
            plain, left = new, after
            changes += made
    return MendedFile(plain, tuple(changes), tuple(left))


def _plain(data: bytes) -> tuple[bytes, Syntax | None]:
    """The bytes of a document without what it is packed in."""
    stream = PlainStream(DocumentLimits(), FindingCollector(listed_max=1))
    try:
        stream.open(data)
        plain = b"".join(_pieces(stream))
    except DocumentRefused as refused:
        raise NotMendable(str(refused)) from None
    if stream.is_transcoded:
        raise NotMendable("the file is not in UTF-8: save it as UTF-8")
    mark = b"\xef\xbb\xbf"
    return (mark + plain if data.startswith(mark) else plain), stream.sniffed.syntax


def _pieces(stream: PlainStream) -> Iterator[bytes]:
    size_bytes = 0
    while piece := stream.read(2**20):
        size_bytes += len(piece)
        if size_bytes > FILE_BYTES_MAX:
            raise NotMendable(f"a file of more than {FILE_BYTES_MAX} bytes is not mended in place")
        yield piece


def _repairs(release: str, syntax: Syntax | None) -> Iterator[_Repair]:
    """Every repair under a release, for one syntax, in the order they are made."""
    in_json = json_repairs(release)
    for one in repairs(release):
        if syntax is not Syntax.JSON_LD:
            yield _Repair(one.rule, one.codes, _on_xml(one.changes))
        elif work := in_json.get(one.rule):
            yield _Repair(one.rule, one.codes, _on_json(work))


def _on_xml(work: Callable[[XmlFile], Iterator[Change]]) -> Callable[[bytes], Iterator[Change]]:
    return lambda data: work(XmlFile.read(data))


def _on_json(work: Callable[[JsonFile], Iterator[Change]]) -> Callable[[bytes], Iterator[Change]]:
    return lambda data: work(JsonFile.read(data))


def _all_at_once(
    plain: bytes,
    wanted: list[_Repair],
    before: list[Finding],
    findings: Callable[[bytes], list[Finding]],
) -> MendedFile | None:
    """All repairs with one check at the end; None where one of them did not do what it should."""
    if not wanted or any(repair.rule == _ENVELOPE for repair in wanted):
        return None  # nothing inside the envelope had been looked at
    changes: list[RepairDone] = []
    data = plain
    for repair in wanted:
        data, made = _made(data, repair)
        if not made:
            return None
        changes += made
    after = findings(data)
    if all(_is_better(repair, before, after) for repair in wanted):
        return MendedFile(data, tuple(changes), tuple(after))
    return None


def _made(data: bytes, repair: _Repair) -> tuple[bytes, list[RepairDone]]:
    done = list(repair.changes(data))
    edits = [edit for change in done for edit in change.edits]
    made = [RepairDone(repair.rule, change.line, change.what) for change in done]
    return apply(data, edits), made


def _is_better(repair: _Repair, before: list[Finding], after: list[Finding]) -> bool:
    """Whether findings of the repair's rule are fewer, and no other finding has come."""
    was = Counter(finding.code for finding in before)
    now = Counter(finding.code for finding in after)
    if repair.rule == _ENVELOPE:
        return not repair.codes & now.keys()
    cured = any(was[code] > now[code] or was[code] >= LIKE_MAX for code in repair.codes)
    come = {code for code in now if now[code] > was[code] and code != "document.more-findings"}
    return cured and not come
