"""Find entries by their subject, without an index that every new entry must update.

Verifications come by the thousand a second, each about another pack: in an index of their subjects
each would dirty a page of its own. So the log indexes subjects in sorted batches as it grows, in
runs of consecutive places; the newest places, of the unfinished batch, are scanned.
Entries of other kinds have the index `ledger_entry_by_subject`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from epcis.database.metadata import BY_KEY, metadata
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.proved import DerivedFrom, proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from epcis.database.transactions import Snapshot

ABOUT_PACKS = (int(LeafKind.VERDICT), int(LeafKind.PACK_OPERATION))
"""Kinds whose subjects are indexed in runs; `UNNOTED_KINDS` excludes them from the index."""
UNNOTED_KINDS = f"event IS NULL AND kind NOT IN {ABOUT_PACKS}"
"""The condition of the partial index of all other kinds; a query must repeat it to use it."""
BATCH_PLACES = 1024
"""Places indexed at a time; the fewer ones after them are scanned."""
RUN_PLACES = 65_536
"""Places in a run; a search needs one index lookup for each run."""
PREFIX_BYTES = 8
"""Bytes of a subject in the index; the entry itself has all 32."""
SUBJECTS_ASKED_MAX = 500
"""Most subjects in one statement; for more, the whole index is read in order."""

ledger_subject = Table(
    "ledger_subject",
    metadata,
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", LargeBinary(PREFIX_BYTES), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    **BY_KEY,
    comment="where the log speaks of a pack: places by the first 8 bytes of their subject",
    info=proof(DerivedFrom("the entries")),
)

_KINDS = ", ".join(map(str, ABOUT_PACKS))
_NOTE = f"""
INSERT INTO ledger_subject (run, subject, place)
SELECT idx / {RUN_PLACES}, substr(subject, 1, {PREFIX_BYTES}), idx FROM ledger_entry
WHERE idx >= ? AND idx < ? AND kind IN ({_KINDS}) ORDER BY 1, 2, 3
"""  # noqa: S608  # numbers of ours only
_SIZE = "SELECT size FROM ledger_head WHERE tenant = 0"
_NOTED = "SELECT place FROM ledger_subject WHERE run IN ({runs}) AND subject = ?"
_ALL = "SELECT subject, place FROM ledger_subject ORDER BY run, subject"
_TAIL = f"SELECT id, subject FROM ledger_entry WHERE idx >= ? AND kind IN ({_KINDS})"  # noqa: S608  # numbers of ours only
_WAITING = f"SELECT id, subject FROM ledger_entry WHERE idx IS NULL AND kind IN ({_KINDS})"  # noqa: S608  # numbers of ours only
_PLACED = "SELECT id, subject FROM ledger_entry WHERE idx = ?"


def note_subjects(driver: RawDriver, size_before: int, size: int) -> None:
    """Index the subjects of the batches that are complete with `size` entries."""
    first, last = size_before // BATCH_PLACES, size // BATCH_PLACES
    if last > first:
        driver.run(_NOTE, (first * BATCH_PLACES, last * BATCH_PLACES))


def entries_about(snapshot: Snapshot, subjects: Iterable[bytes]) -> list[int]:
    """`ledger_entry.id` of verifications and operations on packs, by subject, ascending.

    Entries that have no place in the log yet are included.
    """
    wanted = set(subjects)
    driver = RawDriver(snapshot)
    row = driver.one(_SIZE)
    size = row[0] if row else 0
    found: set[int] = set()
    for place in _noted(driver, wanted, size):
        found.update(id_ for id_, full in driver.all(_PLACED, (place,)) if bytes(full) in wanted)
    for statement, values in ((_TAIL, (size - size % BATCH_PLACES,)), (_WAITING, ())):
        found.update(id_ for id_, full in driver.all(statement, values) if bytes(full) in wanted)
    return sorted(found)


def _noted(driver: RawDriver, wanted: set[bytes], size: int) -> Iterator[int]:
    """Places that the index gives for subjects; prefixes may collide, so a few may be of others."""
    if len(wanted) > SUBJECTS_ASKED_MAX:
        prefixes = {subject[:PREFIX_BYTES] for subject in wanted}
        yield from (place for prefix, place in driver.stream(_ALL) if bytes(prefix) in prefixes)
        return
    # With the runs listed, the database looks each up; as a range it would scan them all.
    runs = ", ".join(map(str, range(size // RUN_PLACES + 1)))
    statement = _NOTED.replace("{runs}", runs)
    for subject in wanted:
        rows = driver.all(statement, (subject[:PREFIX_BYTES],))
        yield from [place for (place,) in rows]
