"""Take a sheet in: every row is checked first, and nothing is written while one is wrong."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import TYPE_CHECKING

from compliance.spreadsheets.rows import read_rows
from epcis.capture import CaptureTerms, capture_on
from epcis.codec.document import Syntax, write_document
from epcis.model import Header
from epcis.store.items import items
from schemas.finding import Finding, Severity, Where, is_acceptable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import BinaryIO

    from compliance.spreadsheets.rows import SheetRow
    from compliance.spreadsheets.sheet_map import SheetMap
    from compliance.spreadsheets.tables import SheetTable, SheetValues
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Store

FINDINGS_MAX = 1_000
"""Findings that are listed; the rest are counted."""


@dataclass(slots=True)
class SheetReport:
    """What a sheet holds, and what came of it."""

    table: str
    rows: int = 0
    findings: list[Finding] = field(default_factory=list)
    findings_left_out: int = 0
    document: str | None = None
    """The SHA-256 under which the document was captured; None where nothing was written."""
    events: int = 0

    @property
    def is_good(self) -> bool:
        """Whether no row is wrong."""
        return is_acceptable(self.findings)

    @property
    def outcome(self) -> str:
        """What came of it, in words."""
        if self.document is not None:
            return f"captured with {self.events} new events"
        return "all good, nothing written" if self.is_good else "nothing written; correct the sheet"

    def add(self, finding: Finding) -> None:
        """List a finding, or count it where too many are listed; errors before all others."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
            return
        self.findings_left_out += 1
        if not is_acceptable([finding]) and is_acceptable(self.findings):
            self.findings[-1] = finding

    def as_dict(self) -> dict[str, object]:
        """The report as `import --json` and `/sheets` show it."""
        return {
            "table": self.table,
            "rows": self.rows,
            "good": self.is_good,
            "written": self.document is not None,
            "document": self.document,
            "events": self.events,
            "findings": [one.as_dict() for one in self.findings],
            "findingsLeftOut": self.findings_left_out,
        }


@dataclass(frozen=True, slots=True)
class SheetTerms:
    """How a sheet is taken in, and for whom."""

    how: SheetMap
    at: datetime
    """The moment that its rows are true at."""
    now: datetime
    sender: str
    party: str | None = None
    """Canonical GLN key of the company whose sheet it is; None for the operator's."""
    is_dry_run: bool = False


def take_in(store: Store, table: SheetTable, source: BinaryIO, terms: SheetTerms) -> SheetReport:
    """Check every row of a sheet, and capture what it says where none is wrong.

    Raises `SheetRefused` where it is no sheet, and what `capture` raises.
    """
    report = SheetReport(table.name)
    columns = [one.name for one in table.columns]
    rows = _checked(table, read_rows(source, terms.how, columns), terms, report)
    with store.read() as snapshot:
        _refuse_known(snapshot, table, rows, report)
    if terms.is_dry_run or not report.is_good or not rows:
        return report
    values = [one for _, one in rows]
    at = terms.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    header = Header(schema_version="2.0", creation_date=at, master_data=table.vocabularies(values))
    text = io.BytesIO()
    write_document(header, table.events(values, at), text, Syntax.JSON_LD)
    capture_terms = CaptureTerms(terms.now, terms.sender, terms.party, whole=True)
    receipt = capture_on(store, text.getvalue(), capture_terms)
    report.document, report.events = receipt.document, receipt.new
    for finding in receipt.findings:
        report.add(finding)
    return report


def _checked(
    table: SheetTable, rows: Iterable[SheetRow], terms: SheetTerms, report: SheetReport
) -> list[tuple[int, SheetValues]]:
    """The rows with nothing wrong in them; the report says what is wrong with the others."""
    good: list[tuple[int, SheetValues]] = []
    first: dict[str, int] = {}
    expired: Counter[str] = Counter()
    for row in rows:
        report.rows += 1
        values = _values(table, row, terms.how, report)
        if values is None:
            continue
        key = table.key(values)
        if key is not None and first.setdefault(key, row.number) != row.number:
            what = f"row {first[key]} holds {key} already"
            report.add(_fault("repeated", row.number, what, "keep one of the two"))
            continue
        if "expiry" in values and date.fromisoformat(values["expiry"]) < terms.at.date():
            expired[values["lot"]] += 1
        good.append((row.number, values))
    for lot, count in expired.items():
        what = f"lot {lot} had expired: {count} rows"
        report.add(_fault("expired", None, what, "segregate it", Severity.WARNING))
    return good


def _values(
    table: SheetTable, row: SheetRow, how: SheetMap, report: SheetReport
) -> SheetValues | None:
    """The values of a row; None, and findings, where one is missing or wrong."""
    values: SheetValues = {}
    is_good = True
    for column in table.columns:
        text = row.cells.get(column.name)
        if text is None:
            if column.is_needed:
                is_good = False
                what = f"{column.name} is empty: {column.says}"
                report.add(_fault("value-missing", row.number, what, "fill it", path=column.name))
            continue
        try:
            text = how.day(text).isoformat() if column.is_day else text
            values[column.name] = column.value(text)
        except ValueError as fault:
            is_good = False
            what = f"{column.name} is {text[:100]!r}: {fault}"
            report.add(_fault("value-wrong", row.number, what, "correct it", path=column.name))
    if is_good and (what := table.contradiction(values)):
        is_good = False
        report.add(_fault("row-contradicts", row.number, what, "correct the row"))
    return values if is_good else None


def _refuse_known(
    snapshot: Snapshot,
    table: SheetTable,
    rows: list[tuple[int, SheetValues]],
    report: SheetReport,
) -> None:
    """A pack whose events are known is where they say; an opening balance would contradict them."""
    if table.name != "stock":
        return
    keyed = {key: number for number, values in rows if (key := table.key(values)) is not None}
    for key, known in items(snapshot, keyed).items():
        since = known.first_event_time.date().isoformat()
        what = f"{key} is known here since {since}, last at {known.location or 'no place named'}"
        report.add(_fault("known", keyed[key], what, "leave it out, or count it"))


def _fault(
    name: str,
    row: int | None,
    what: str,
    hint: str,
    severity: Severity = Severity.ERROR,
    *,
    path: str | None = None,
) -> Finding:
    return Finding(f"sheet.{name}", severity, what, hint, Where(line=row, path=path))
