"""A file against a profile: EPCIS alone, or a guideline on top of it.

The rules of a profile see the same events as the checks of EPCIS, in one reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from epcis.check import check

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from epcis.check import Watcher
    from schemas.finding import Finding

PROFILES: Final[dict[str, Callable[[], list[Watcher]]]] = {
    "epcis": list,
    "dscsa-r1.3": list,
    "dscsa-r1.2": list,
}
"""What each profile asks beyond EPCIS."""


def check_file(
    data: bytes | BinaryIO,
    profile: str = "epcis",
    *,
    now: datetime | None = None,
    published: Path | None = None,
) -> list[Finding]:
    """All that is wrong with a file by a profile; raises KeyError for a profile not in `PROFILES`.

    `now` finds what lies in the future; `published` is a folder of schema files to use instead of
    Packtrail's own.

    >>> [finding.code for finding in check_file(b"", "epcis")]
    ['document.empty']
    """
    return check(data, now=now, watchers=PROFILES[profile](), published=published)
