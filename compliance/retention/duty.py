"""Plan and run a retention policy.

A plan changes nothing and counts what a run at the same moment would archive and erase, and what
keeps the rest. An interrupted run is simply run again; a second run has nothing left to do.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from compliance.dossier.dossier_tables import export_job
from compliance.dossier.jobs import drop_finished
from compliance.retention.ended import erase_rows, tally
from compliance.retention.held import Held
from compliance.retention.hold import lock_holds
from compliance.retention.policy import ARCHIVABLE, LAW, Period, RecordClass, RetentionPolicy, Rule
from epcis.archive.deposit import Depositor, due_events
from epcis.archive.documents import deposit_documents, due_documents
from epcis.archive.erase import erase, records_of, sweep
from epcis.archive.parquet import EVENTS
from epcis.archive.reading import files
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.store import Transaction
from epcis.store.named import ids_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sqlalchemy import RowMapping, Table

    from epcis.archive.reading import ArchiveFile
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

_RECORDED = "SELECT max(record_time) FROM event WHERE archive = ?"
_EXPIRY = """
WITH RECURSIVE recorded(id) AS (
  SELECT DISTINCT lot FROM item WHERE id BETWEEN ? AND ?
  UNION SELECT l.other_lot FROM lot l JOIN recorded r ON l.id = r.id
)
SELECT max(expiry) FROM lot WHERE id IN (SELECT id FROM recorded)
"""
"""The latest expiry recorded for some items."""
_NAMED = "SELECT block, mask FROM event_epc WHERE seq"
_INSIDE = "SELECT block FROM containment WHERE parent"
_ITEMS_PER_BLOCK = 64
_NEVER = datetime.min.replace(tzinfo=UTC)
TOO_YOUNG = "expiry"
"""Reason to keep a file whose packs expired more recently than the law's period."""

BESIDE = "beside what is held"
"""Reason to keep records only because their file holds others under a legal hold."""


@dataclass(slots=True)
class ClassPlan:
    """Plan for one class of record: how many go, and what keeps how many."""

    record: RecordClass
    deed: str
    """`archive` or `erase`."""
    before: datetime
    entries: int = 0
    held: Counter[str] = field(default_factory=Counter)
    """Id of a hold, or another reason -> how many records it keeps."""
    files: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """The line as `retention plan --json` and `/retention` show it."""
        return {
            "record": self.record.value,
            "deed": self.deed,
            "before": self.before.isoformat(),
            "entries": self.entries,
            "held": dict(sorted(self.held.items())),
            "files": self.files,
        }


@dataclass(frozen=True, slots=True)
class Duty:
    """A policy applied to a store at a moment, with the folder of the archive."""

    store: Store
    policy: RetentionPolicy
    archive: Path
    exports: Path
    now: datetime
    by: str

    def plan(self) -> list[ClassPlan]:
        """What `run` would do now. Changes nothing. Raises StoreAway."""
        lines = []
        with self.store.read() as snapshot:
            for rule in self.policy.rules:
                if rule.archive_after is not None:
                    lines.append(self._to_archive(snapshot, rule, rule.archive_after))
                if rule.erase_after is not None and rule.record in ARCHIVABLE:
                    lines.append(self._files_over(snapshot, rule, rule.erase_after)[0])
                elif rule.erase_after is not None:
                    before = rule.erase_after.before(self.now)
                    found = tally(snapshot, rule.record, before)
                    line = ClassPlan(rule.record, "erase", before, found.due, found.held)
                    lines.append(line)
        return lines

    def run(self, progress: Callable[[str, int], None]) -> list[ClassPlan]:
        """Carry out the plan; `progress` is called with each thing done and its count.

        Raises ArchiveUnavailable, ArchiveInterrupted, OSError, StoreAway, StoreFull; batches
        finished before the error stay finished.
        """
        lines: list[ClassPlan] = []
        sweep(self.store)
        for rule in self.policy.rules:
            if rule.archive_after is not None:
                lines.append(self._archive(rule, rule.archive_after, progress))
            if rule.erase_after is not None and rule.record in ARCHIVABLE:
                lines.append(self._erase_files(rule, rule.erase_after, progress))
            elif rule.erase_after is not None:
                lines.append(self._erase_rows(rule, rule.erase_after, progress))
        return lines

    def _to_archive(self, snapshot: Snapshot, rule: Rule, after: Period) -> ClassPlan:
        line = ClassPlan(rule.record, "archive", after.before(self.now))
        held = Held()
        if rule.record is RecordClass.EVENTS:
            for seqs in due_events(snapshot, line.before):
                self._count(line, len(seqs), held.events(snapshot, seqs))
            return line
        events_after = self.policy.rule(RecordClass.EVENTS).archive_after
        events_before = events_after.before(self.now) if events_after else _NEVER
        for ids in due_documents(snapshot, line.before, events_before):
            self._count(line, len(ids), held.documents(snapshot, ids))
        return line

    @staticmethod
    def _count(line: ClassPlan, looked_at: int, held: dict[int, str]) -> None:
        line.entries += looked_at - len(held)
        line.held.update(held.values())

    def _archive(
        self, rule: Rule, after: Period, progress: Callable[[str, int], None]
    ) -> ClassPlan:
        with self.store.read() as snapshot:
            line = self._to_archive(snapshot, rule, after)
        held = Held()
        line.entries = 0

        def tell(what: str, count: int) -> None:
            line.entries += count if what.endswith("archived") else 0
            progress(what, count)

        is_events = rule.record is RecordClass.EVENTS
        covers = held.events if is_events else held.documents
        depositor = Depositor(self.store, self.archive, covers, self.by, self.now, tell)
        if is_events:
            line.files.extend(depositor.events(line.before))
        else:
            line.files.extend(deposit_documents(depositor, line.before))
        return line

    def _files_over(
        self, snapshot: Snapshot, rule: Rule, after: Period
    ) -> tuple[ClassPlan, list[ArchiveFile]]:
        """The files of the archive whose whole content is past its period and under no hold."""
        line = ClassPlan(rule.record, "erase", after.before(self.now))
        over = []
        held = Held()
        for file in files(snapshot, holds=rule.record.value):
            if file.erased is not None or file.restored is not None:
                continue
            if file.newest >= line.before or _recorded_us(snapshot, file) >= microseconds(
                line.before
            ):
                continue
            records = records_of(snapshot, file)
            covers = held.events if file.holds == EVENTS else held.documents
            kept = covers(snapshot, records)
            if kept:
                line.held.update(kept.values())
                line.held[BESIDE] += len(records) - len(kept)
            elif self._is_too_young(snapshot, rule, file, records):
                line.held[TOO_YOUNG] += len(records)
            else:
                line.entries += len(records)
                line.files.append(file.name)
                over.append(file)
        return line, over

    def _is_too_young(
        self, snapshot: Snapshot, rule: Rule, file: ArchiveFile, records: Sequence[int]
    ) -> bool:
        """Whether the packs of a file expired too recently for the law."""
        law = LAW.get(rule.record)
        if law is None or law.after_expiry is None or rule.because:
            return False
        driver = RawDriver(snapshot)
        seqs = list(records)
        if file.holds != EVENTS:
            rows = driver.all_in("SELECT seq FROM event WHERE document", seqs)
            seqs = [row[0] for row in rows]
        day = law.after_expiry.before(self.now).date().isoformat()
        return latest_expiry(driver, seqs) >= day

    def _erase_files(
        self, rule: Rule, after: Period, progress: Callable[[str, int], None]
    ) -> ClassPlan:
        with self.store.read() as snapshot:
            line, over = self._files_over(snapshot, rule, after)
        line.entries = 0
        for file in over:
            covers = _covers_events if file.holds == EVENTS else _covers_documents
            count = erase(self.store, file, covers, by=self.by, now=self.now)
            line.entries += count
            progress(f"{rule.record} erased", count)
        return line

    def _erase_rows(
        self, rule: Rule, after: Period, progress: Callable[[str, int], None]
    ) -> ClassPlan:
        before = after.before(self.now)
        with self.store.read() as snapshot:
            line = ClassPlan(
                rule.record, "erase", before, held=tally(snapshot, rule.record, before).held
            )
        acts = erase_rows(
            self.store, rule, before, by=self.by, now=self.now, gone=self._take_dossiers
        )
        for count in acts:
            line.entries += count
            progress(f"{rule.record} erased", count)
        return line

    def _take_dossiers(self, table: Table, rows: Sequence[RowMapping]) -> None:
        """Delete the files of dossiers whose orders were erased."""
        if table is export_job:
            with self.store.write(self.now) as tx:
                for row in rows:
                    drop_finished(tx, row["id"], self.exports)


def latest_expiry(driver: RawDriver, seqs: Sequence[int]) -> str:
    """The latest expiry day (ISO 8601) of the packs that events name, directly or by a container.

    Neighbours in the dictionary of items may count too, so the day may be too late but never too
    early. Empty where none is known.
    """
    blocks: set[int] = set()
    fresh: dict[int, int] = {}
    for block, mask in driver.all_in(_NAMED, list(seqs)):
        fresh[block] = fresh.get(block, 0) | mask
    while fresh:
        items = [item for block, mask in fresh.items() for item in ids_of(block, mask)]
        blocks |= fresh.keys()
        inside = {row[0] for row in driver.all_in(_INSIDE, items)} - blocks
        fresh = dict.fromkeys(inside, -1)
    days = (_expiry_in(driver, block) for block in sorted(blocks))
    return max(days, default="")


def _expiry_in(driver: RawDriver, block: int) -> str:
    first = block * _ITEMS_PER_BLOCK
    row = driver.one(_EXPIRY, (first, first + _ITEMS_PER_BLOCK - 1))
    return (row[0] if row is not None else None) or ""


def _recorded_us(snapshot: Snapshot, file: ArchiveFile) -> int:
    row = RawDriver(snapshot).one(_RECORDED, (file.id,)) if file.holds == EVENTS else None
    return (row[0] if row is not None else None) or 0


def _covers_events(snapshot: Snapshot, seqs: Sequence[int]) -> dict[int, str]:
    if isinstance(snapshot, Transaction):
        lock_holds(snapshot)
    return Held().events(snapshot, seqs)


def _covers_documents(snapshot: Snapshot, ids: Sequence[int]) -> dict[int, str]:
    if isinstance(snapshot, Transaction):
        lock_holds(snapshot)
    return Held().documents(snapshot, ids)
