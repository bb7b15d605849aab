"""The index of what the log speaks of, against the entries themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.raw_driver import RawDriver
from epcis.ledger.place import odd
from epcis.ledger.subjects import ABOUT_PACKS, BATCH_PLACES, PREFIX_BYTES, RUN_PLACES
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.ledger.store import Store

FINDINGS_MAX = 1_000
_KINDS = ", ".join(map(str, ABOUT_PACKS))
_SAME = (
    f"s.place = e.idx AND s.run = e.idx / {RUN_PLACES}"
    f" AND s.subject = substr(e.subject, 1, {PREFIX_BYTES})"
)
_SIZE = "SELECT max(idx) + 1 FROM ledger_entry"
_MISSING = (
    f"SELECT e.idx FROM ledger_entry e WHERE e.kind IN ({_KINDS}) AND e.idx >= 0 AND e.idx < ?"  # noqa: S608  # numbers of ours only
    f" AND NOT EXISTS (SELECT 1 FROM ledger_subject s WHERE {_SAME}) ORDER BY e.idx LIMIT ?"
)
_STRAY = (
    "SELECT s.run, s.subject, s.place FROM ledger_subject s WHERE NOT EXISTS"  # noqa: S608  # numbers of ours only
    f" (SELECT 1 FROM ledger_entry e WHERE e.kind IN ({_KINDS}) AND e.idx < ? AND {_SAME})"
    " ORDER BY s.run, s.subject, s.place LIMIT ?"
)


def check_subjects(store: Store) -> Iterator[Finding]:
    """The index of full batches has every entry about a pack, and nothing else."""
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        size = (driver.one(_SIZE) or (0,))[0] or 0
        noted = size - size % BATCH_PLACES
        for (place,) in driver.all(_MISSING, (noted, FINDINGS_MAX)):
            yield Finding(
                "log.subject-missing",
                Severity.ERROR,
                f"log entry {place} is not found by what it speaks of (table ledger_subject)",
                "Restore the table ledger_subject from a backup.",
                Where(path=f"/log/{place}"),
            )
        for row in driver.all(_STRAY, (noted, FINDINGS_MAX)):
            yield odd("ledger_subject", row, "is no entry about a pack")
