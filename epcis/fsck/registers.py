"""Registers against the log: every row as its newest entry left it, and none gone or added."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import LargeBinary

from epcis.database.metadata import metadata
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.ledger.place import odd
from epcis.ledger.register import Key, newest, quoted, registers, row_now, subject_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Table

    from epcis.ledger.proved import Register
    from epcis.ledger.store import Store
    from schemas.finding import Finding

ROWS_PER_READ = 1_000
_ENTRIES = (
    "SELECT id, public, confidential FROM ledger_entry WHERE id > ? AND kind = ?"
    " AND confidential IS NOT NULL ORDER BY id LIMIT ?"
)


def check_registers(store: Store, progress: Callable[[str, int], None]) -> Iterator[Finding]:
    """Every row of every register, and every row that the log says there is."""
    checked = 0
    for table in registers():
        for keys in _keys_of(store, table):
            with store.read() as snapshot:
                for key in keys:
                    yield from _check(RawDriver(snapshot), table, key)
            checked += len(keys)
            progress("register rows", checked)
    yield from _check_entries(store)


def _keys_of(store: Store, table: Table) -> Iterator[list[Key]]:
    """The keys of a register, some at a time, ascending."""
    names = _register(table).key_of(table)
    columns = quoted(names)
    marks = ", ".join("?" * len(names))
    beyond = f" WHERE ({columns}) > ({marks})"
    last: Key = ()
    while True:
        statement = (
            f"SELECT DISTINCT {columns} FROM {table.name}{beyond if last else ''}"  # noqa: S608  # our own names
            f" ORDER BY {columns} LIMIT {ROWS_PER_READ}"
        )
        with store.read() as snapshot:
            keys = [tuple(row) for row in RawDriver(snapshot).all(statement, last)]
        if not keys:
            return
        yield keys
        last = keys[-1]


def _check(driver: RawDriver, table: Table, key: Key) -> Iterator[Finding]:
    """One row that is there."""
    how = _register(table)
    logged = newest(driver, subject_of(table, key))
    if logged is None:
        yield odd(table.name, key, "was never written by Packtrail: no entry of the log tells it")
        return
    if logged.is_erased:
        return
    if logged.row is None:
        yield odd(table.name, key, "was deleted, as the log tells, and is there")
        return
    now = row_now(driver, table, how, key) or {}
    wrong = sorted(name for name in logged.row if name in now and now[name] != logged.row[name])
    if wrong:
        yield odd(table.name, key, f"has another {', '.join(wrong)} than was logged last")


def _check_entries(store: Store) -> Iterator[Finding]:
    """Rows that their newest entry says are there, and that are not."""
    last = 0
    while True:
        with store.read() as snapshot:
            driver = RawDriver(snapshot)
            rows = driver.all(_ENTRIES, (last, int(LeafKind.REGISTER), ROWS_PER_READ))
            if not rows:
                return
            for _, public, confidential in rows:
                yield from _check_entry(driver, public, confidential)
        last = rows[-1][0]


def _check_entry(driver: RawDriver, public: object, confidential: object) -> Iterator[Finding]:
    try:
        table, number, key, row = _read(public, confidential)
    except (ValueError, KeyError, TypeError):
        return  # damaged, which the audit of the log says with its place
    if row is None or row_now(driver, table, _register(table), key) is not None:
        return
    logged = newest(driver, subject_of(table, key))
    if logged is not None and logged.number == number:
        yield odd(table.name, key, "is gone, and the log tells of no deletion")


def _read(public: object, confidential: object) -> tuple[Table, int, Key, object]:
    fields, more = json.loads(_text(public)), json.loads(_text(confidential))
    table = metadata.tables[fields["register"]]
    names = _register(table).key_of(table)
    key = tuple(_value(table, name, more["key"][name]) for name in names)
    return table, fields["version"], key, more["row"]


def _value(table: Table, name: str, value: object) -> object:
    is_bytes = isinstance(table.c[name].type, LargeBinary) and isinstance(value, str)
    return bytes.fromhex(str(value)) if is_bytes else value


def _text(stored: object) -> bytes:
    return stored if isinstance(stored, bytes) else str(stored).encode()


def _register(table: Table) -> Register:
    how: Register = table.info["proof"]
    return how
