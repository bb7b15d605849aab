"""Check a file against a profile: EPCIS alone, or a guideline in addition.

The rules of a profile and the EPCIS checks get the same events from one pass over the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from compliance.rules.catalogue import GuidelineRelease
from compliance.rules.dscsa import SUPERSEDED, DscsaWatcher
from epcis.check import check

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from schemas.finding import Finding

PROFILES: Final = ("epcis", *(profile.value for profile in GuidelineRelease))
"""Names of profiles; `epcis` demands nothing beyond the standard."""


def check_file(
    data: bytes | BinaryIO,
    profile: str = "epcis",
    *,
    now: datetime | None = None,
    published: Path | None = None,
) -> list[Finding]:
    """All that is wrong with a file by a profile; raises ValueError for one not in `PROFILES`.

    Times after `now` are in the future; `published` is a folder of schema files to use instead of
    Packtrail's own.

    >>> [finding.code for finding in check_file(b"", "epcis")]
    ['document.empty']
    """
    if profile == "epcis":
        return check(data, now=now, published=published)
    watcher = DscsaWatcher(GuidelineRelease(profile))
    findings = check(data, now=now, watchers=[watcher], published=published)
    return list(_without_superseded(findings))


def _without_superseded(findings: list[Finding]) -> list[Finding]:
    codes = {finding.code for finding in findings}
    return [f for f in findings if SUPERSEDED.get(f.code) not in codes]
