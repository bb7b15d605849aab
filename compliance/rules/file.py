"""Check a file against a profile: EPCIS alone, or a guideline in addition.

The one function behind `packtrail check`, `POST /files/check`, the page of files, and the reader of
captured documents: one file, one profile, one answer. The rules of a profile and the EPCIS checks
get the same events from one pass over the file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.content import content_of
from compliance.rules.dscsa import SUPERSEDED, DscsaWatcher
from compliance.rules.known import KnownBefore
from compliance.rules.profiles import AUTO, profile_named, weighed
from compliance.rules.shipped_file import ShippedFile, named
from epcis.check import check
from epcis.codec.document import DocumentRefused, Syntax, open_document
from epcis.model import Header
from schemas.finding import Severity, is_acceptable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from compliance.rules.content import FileContent
    from epcis.database.transactions import Snapshot
    from epcis.model import Event
    from schemas.finding import Finding, Where

_WEIGHT: Final = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class FileQuestion:
    """How a file is to be checked."""

    profile: str = AUTO
    now: datetime | None = None
    """Times after this are in the future."""
    published: Path | None = None
    """Folder of schema files to use instead of Packtrail's own."""
    known: KnownBefore | None = None
    """Asks the rules over history and partners as well."""
    weights: Mapping[str, Severity | None] = field(default_factory=dict)
    """Settings for the sender of the file, as `RuleProfile.weights`."""
    progress: Callable[[int], None] | None = None
    """Gets the number of plain bytes read so far."""


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """All that is wrong with a file, and what it says."""

    profile: str
    findings: tuple[Finding, ...]
    """The heaviest first, of one weight as they stand in the file."""
    counts: Mapping[str, int]
    """Code -> how many findings of it there are, those that are not listed too."""
    content: FileContent

    @property
    def is_fine(self) -> bool:
        """Whether nothing among the findings is an error or worse."""
        return is_acceptable(self.findings)


class _ContentReader:
    """Keeps what the content of a file is made from; `file` is filled by the rules, or here."""

    def __init__(self, file: ShippedFile, *, fills: bool) -> None:
        self._file = file
        self._fills = fills
        self.header = Header()

    def see(self, event: Event, where: Where) -> Iterator[Finding]:
        """Note one event."""
        if self._fills:
            self._file.add(event, where)
        return iter(())

    def judge(self, header: Header, now: datetime | None = None) -> Iterator[Finding]:
        """Keep the header."""
        del now
        self.header = header
        return iter(())


def examine(source: bytes | BinaryIO, question: FileQuestion) -> FileAnswer:
    """Check a file and read what it says; a stream must be seekable for the profile `auto`.

    Raises ValueError for a profile that does not exist, and nothing for what a file holds.

    >>> answer = examine(b"hello", FileQuestion())
    >>> answer.profile, [finding.code for finding in answer.findings]
    ('epcis', ['document.unknown-format'])
    """
    name = profile_of(source) if question.profile == AUTO else question.profile
    profile, file, tally = profile_named(name), ShippedFile(), Counter[str]()
    reading = _ContentReader(file, fills=profile.release is None)
    watchers = [DscsaWatcher(profile.release, question.known, file)] if profile.release else []
    found = check(
        source,
        now=question.now,
        watchers=[*watchers, reading],
        published=question.published,
        tally=tally,
        progress=question.progress,
    )
    if profile.release is not None:
        found = list(_without_superseded(found))
    found = list(weighed(found, profile.weights, f"profile {profile.name}"))
    found = list(weighed(found, question.weights, "settings for this partner"))
    found.sort(key=lambda one: _WEIGHT[one.severity])
    codes = {one.code for one in found}
    counts = {code: count for code, count in tally.items() if code in codes}
    return FileAnswer(name, tuple(found), counts, content_of(file, reading.header))


def check_file(
    data: bytes | BinaryIO,
    profile: str = "epcis",
    *,
    now: datetime | None = None,
    published: Path | None = None,
    known: KnownBefore | None = None,
) -> list[Finding]:
    """All that is wrong with a file by a profile; raises ValueError for an unknown one.

    >>> [finding.code for finding in check_file(b"", "epcis")]
    ['document.empty']
    """
    question = FileQuestion(profile, now=now, published=published, known=known)
    return list(examine(data, question).findings)


def asked_of(
    snapshot: Snapshot,
    file: BinaryIO,
    question: FileQuestion,
    ours: frozenset[str] = frozenset(),
) -> FileQuestion:
    """The question, with what a store knows of a file that can be read again and of its sender.

    `ours` holds the GLNs of this installation.
    """
    digest = sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    return replace(question, known=KnownBefore(snapshot, digest.digest(), ours))


def release_of(header: Header) -> GuidelineRelease | None:
    """The release of the guideline that a file follows by its own word.

    One that names none and affirms no transaction statement is no shipment file of the US supply
    chain.
    """
    version = next((n.text for n in named(header.header_extensions, "guidelineVersion")), "")
    if "1.3" in version:
        return GuidelineRelease.R1_3
    if version or any(named(header.header_extensions, "dscsaTransactionStatement")):
        return GuidelineRelease.R1_2
    return None


def profile_of(source: bytes | BinaryIO) -> str:
    """The profile that a file names itself; `epcis` where it names none or cannot be read.

    >>> profile_of(b"hello")
    'epcis'
    """
    try:
        reader = open_document(source, validate=False)
        for _ in reader:
            if (release := release_of(reader.header)) is not None:
                return release.value
            if reader.stream.sniffed.syntax is not Syntax.JSON_LD:
                break  # in XML the header is over when events begin
        release = release_of(reader.header)
    except DocumentRefused:
        return "epcis"
    finally:
        if not isinstance(source, bytes):
            source.seek(0)
    return release.value if release is not None else "epcis"


def _without_superseded(findings: list[Finding]) -> Iterator[Finding]:
    codes = {finding.code for finding in findings}
    return (f for f in findings if SUPERSEDED.get(f.code) not in codes)
