"""The form of every row: kinds of values, tenant and transaction, and that it belongs to a row.

SQLite keeps any kind of value in any column; what is of another kind than its column was put there
past Packtrail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.metadata import metadata
from epcis.database.raw_driver import RawDriver
from epcis.database.reading import of_another_kind
from epcis.ledger.place import odd
from epcis.ledger.proved import Outside, proof_of
from epcis.ledger.register import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Table

    from epcis.ledger.store import Store
    from schemas.finding import Finding

FINDINGS_MAX = 1_000
"""Rows of each table that findings name one by one."""
_OWNED = {
    "document_part": ("document", "document", "id"),
    "event_epc": ("seq", "event", "seq"),
    "event_quantity": ("seq", "event", "seq"),
    "event_party": ("seq", "event", "seq"),
    "event_word": ("seq", "event", "seq"),
    "event_field": ("seq", "event", "seq"),
    "event_sensor": ("seq", "event", "seq"),
    "containment": ("parent", "item", "id"),
}
"""Tables whose rows belong to a row of another: column, the other table, its column."""
_TRANSACTIONS = (
    "SELECT e.seq FROM event e JOIN ledger_entry l ON l.event = e.seq WHERE e.txid <> l.txid"
    " ORDER BY e.seq LIMIT ?"
)
_INSIDE = (
    "SELECT c.block, c.since, c.parent, c.until FROM containment c WHERE c.mask & ~coalesce(("
    "SELECT CAST(sum(CAST(1 AS BIGINT) << CAST(i.id & 63 AS INTEGER)) AS BIGINT) FROM item i"
    " WHERE i.id BETWEEN c.block * 64 AND c.block * 64 + 63), 0) <> 0 LIMIT ?"
)


def check_forms(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every table that some proof covers, one after the other."""
    with store.read() as snapshot:
        driver = RawDriver(snapshot)
        proved = [
            table
            for _, table in sorted(metadata.tables.items())
            if not isinstance(proof_of(table), Outside)
        ]
        for checked, table in enumerate(proved, 1):
            yield from _check_table(driver, table)
            progress("tables", checked)
        for (seq,) in driver.all(_TRANSACTIONS, (FINDINGS_MAX,)):
            yield odd("event", seq, "has another txid than its entry of the log")
        for row in driver.all(_INSIDE, (FINDINGS_MAX,)):
            yield odd("containment", row, "holds what belongs to no row of table item")


def _check_table(driver: RawDriver, table: Table) -> Iterator[Finding]:
    wrong = of_another_kind(driver, table)
    if wrong is not None:
        yield from _rows_where(
            driver, table, wrong, "holds a value of another kind than its column"
        )
    if "tenant" in table.c:
        yield from _rows_where(driver, table, "tenant <> 0", "has another tenant")
    if "txid" in table.c and driver.has_one_writer:
        yield from _rows_where(driver, table, "txid <> 0", "has another txid")
    if table.name in _OWNED:
        column, owner, key = _OWNED[table.name]
        stray = f"NOT EXISTS (SELECT 1 FROM {owner} o WHERE o.{key} = {table.name}.{column})"  # noqa: S608  # our own names
        yield from _rows_where(driver, table, stray, f"belongs to no row of table {owner}")


def _rows_where(driver: RawDriver, table: Table, condition: str, what: str) -> Iterator[Finding]:
    keys = quoted(column.name for column in table.primary_key)
    statement = f"SELECT {keys} FROM {table.name} WHERE {condition} LIMIT {FINDINGS_MAX}"  # noqa: S608  # our own names
    for row in driver.all(statement):
        yield odd(table.name, row, what)
