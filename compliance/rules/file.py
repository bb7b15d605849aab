"""Check a file against a profile: EPCIS alone, or a guideline in addition.

The rules of a profile and the EPCIS checks get the same events from one pass over the file.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, BinaryIO, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.dscsa import SUPERSEDED, DscsaWatcher
from compliance.rules.known import KnownBefore
from epcis.check import check

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from epcis.database.transactions import Snapshot
    from schemas.finding import Finding

PROFILES: Final = ("epcis", *(profile.value for profile in GuidelineRelease))
"""Names of profiles; `epcis` demands nothing beyond the standard."""


def check_file(
    data: bytes | BinaryIO,
    profile: str = "epcis",
    *,
    now: datetime | None = None,
    published: Path | None = None,
    known: KnownBefore | None = None,
) -> list[Finding]:
    """All that is wrong with a file by a profile; raises ValueError for one not in `PROFILES`.

    Times after `now` are in the future; `published` is a folder of schema files to use instead of
    Packtrail's own. With `known`, the rules over history and partners are judged as well.

    >>> [finding.code for finding in check_file(b"", "epcis")]
    ['document.empty']
    """
    if profile == "epcis":
        return check(data, now=now, published=published)
    watcher = DscsaWatcher(GuidelineRelease(profile), known)
    findings = check(data, now=now, watchers=[watcher], published=published)
    return list(_without_superseded(findings))


def check_against(
    snapshot: Snapshot,
    file: BinaryIO,
    profile: str,
    *,
    ours: frozenset[str] = frozenset(),
    now: datetime | None = None,
) -> list[Finding]:
    """As `check_file`, with the rules over what a store knew before; the file can be read again.

    `ours` holds the GLNs of this installation.
    """
    digest = sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    file.seek(0)
    return check_file(file, profile, now=now, known=KnownBefore(snapshot, digest.digest(), ours))


def _without_superseded(findings: list[Finding]) -> list[Finding]:
    codes = {finding.code for finding in findings}
    return [f for f in findings if SUPERSEDED.get(f.code) not in codes]
