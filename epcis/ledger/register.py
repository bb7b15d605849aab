"""Registers: tables of settings and decisions of which the log records every change.

A table declares that it is one (`epcis.ledger.proved`). SQLAlchemy event hooks record every row of
it that a transaction changes; before the commit the final columns of these rows, or their deletion,
are appended to the log. So a row that was changed past Packtrail differs from its newest entry.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Delete, Insert, Table, Update, event, select

from epcis.database.metadata import metadata
from epcis.database.raw_driver import RawDriver
from epcis.database.register_guard import UnloggedWrite, refuse_unlogged
from epcis.ledger.entry import LeafKind
from epcis.ledger.proved import Register
from epcis.ledger.subjects import UNNOTED_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, CursorResult, Engine
    from sqlalchemy.engine.interfaces import ExecutionContext

    from epcis.database.transactions import Snapshot

TOUCHED = "packtrail.touched"
"""Key in a connection's `info` of the rows its transaction changed."""
_NEWEST = (  # a partial index is only used where the query repeats its condition
    "SELECT public, confidential, salt IS NULL FROM ledger_entry WHERE subject = ? AND kind = ?"  # noqa: S608  # no value is put in
    " AND " + UNNOTED_KINDS + " ORDER BY id"
)

_VERSIONS = (
    "SELECT record_time, public, confidential, salt IS NULL FROM ledger_entry"  # noqa: S608  # no value is put in
    " WHERE subject = ? AND kind = ? AND " + UNNOTED_KINDS + " ORDER BY id"
)

Key = tuple[object, ...]


class Version(NamedTuple):
    """One entry's version of a row: its columns, None where it was deleted."""

    number: int
    """1 at the first entry of a row, then one more each time."""
    row: dict[str, object] | None
    is_erased: bool = False
    """Whether the content of the entry was erased, so that the row's version is unknown."""


def watch_registers(engine: Engine) -> None:
    """Record, on the connection of a transaction, the rows of registers its statements change.

    A statement that writes to a register in any other way than by `insert`, `update` or `delete` of
    SQLAlchemy, so that its rows cannot be noted, raises `UnloggedWrite` and does not run.
    """
    event.listen(engine, "before_execute", _note)
    event.listen(engine, "after_execute", _note_numbered)
    event.listen(engine, "before_cursor_execute", _refuse_others)


def _note(
    connection: Connection,
    statement: object,
    many: Sequence[Mapping[str, object]],
    one: Mapping[str, object],
    _options: object,
) -> None:
    written = _register_written(connection, statement)
    if written is None:
        return
    table, names = written
    keys = _touched(connection).setdefault(table, set())
    if isinstance(statement, Insert):
        keys.update(_inserted(table, names, statement, many, one))
    elif isinstance(statement, Update | Delete):
        columns = select(*(table.c[name] for name in names))
        if statement.whereclause is not None:
            columns = columns.where(statement.whereclause)
        # With the statement's own values, should its condition name some of them apart.
        for values in many or [one]:
            keys.update(tuple(row) for row in connection.execute(columns, values))
        if isinstance(statement, Update) and set(names) & statement.compile().params.keys():
            raise UnloggedWrite(f"a row of register {table.name} keeps its key")


def _inserted(
    table: Table,
    names: tuple[str, ...],
    statement: Insert,
    many: Sequence[Mapping[str, object]],
    one: Mapping[str, object],
) -> Iterator[Key]:
    """The keys of new rows, but for a number that the database will give."""
    if statement.select is not None:
        raise UnloggedWrite(f"what a SELECT puts into register {table.name} cannot be logged")
    numbered = table.autoincrement_column
    for row in many or [{**statement.compile().params, **one}]:
        if all(name in row for name in names):
            yield tuple(row[name] for name in names)
        elif numbered is None or names != (numbered.name,):
            raise UnloggedWrite(f"a new row of register {table.name} needs {', '.join(names)}")


def _note_numbered(
    connection: Connection,
    statement: object,
    _many: Sequence[Mapping[str, object]],
    _one: Mapping[str, object],
    _options: object,
    result: CursorResult[object],
) -> None:
    """As `_note`, for a row whose number comes from the database."""
    written = _register_written(connection, statement)
    if written is None or not isinstance(statement, Insert):
        return
    table, names = written
    numbered = table.autoincrement_column
    if numbered is not None and names == (numbered.name,):
        assert not result.context.executemany, "numbered rows of a register come one by one"
        _touched(connection).setdefault(table, set()).add(tuple(result.inserted_primary_key or ()))


def _refuse_others(
    connection: Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: ExecutionContext | None,
    _is_many: bool,  # noqa: FBT001  # SQLAlchemy's signature
) -> None:
    """Refuse a statement that writes to a register without passing `_note`."""
    compiled = getattr(context, "compiled", None)
    written = None if compiled is None else compiled.statement
    if TOUCHED in connection.info and _register_written(connection, written) is None:
        refuse_unlogged(statement)


def _register_written(
    connection: Connection, statement: object
) -> tuple[Table, tuple[str, ...]] | None:
    """The register that a statement changes, and its key."""
    if not isinstance(statement, Insert | Update | Delete) or TOUCHED not in connection.info:
        return None
    table: object = statement.table
    if not isinstance(table, Table):
        return None
    how = table.info.get("proof")
    return (table, how.key_of(table)) if isinstance(how, Register) else None


def _touched(connection: Connection) -> dict[Table, set[Key]]:
    touched: dict[Table, set[Key]] = connection.info[TOUCHED]
    return touched


def changed_rows(
    tx: Snapshot, touched: dict[Table, set[Key]]
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """What to log for every changed row whose newest entry is not its present version.

    Yields public part, confidential part and subject; `touched` is empty afterwards.
    """
    driver = RawDriver(tx)
    for table, keys in touched.items():
        how: Register = table.info["proof"]
        for key in sorted(keys, key=repr):
            subject = subject_of(table, key)
            now, before = row_now(driver, table, how, key), newest(driver, subject)
            if before is not None and before.row == now and not before.is_erased:
                continue
            if before is None and now is None:
                continue
            number = before.number + 1 if before is not None else 1
            yield (
                _json({"register": table.name, "version": number}),
                _json({"key": _plain_key(table, how, key), "row": now}),
                subject,
            )
    touched.clear()


def subject_of(table: Table, key: Iterable[object]) -> bytes:
    """The 32 bytes that identify a row of a register in the log."""
    return sha256(_json(["register", table.name, [plain(value) for value in key]])).digest()


def newest(driver: RawDriver, subject: bytes) -> Version | None:
    """The newest version of a row in the log, entries of this transaction included."""
    found: Version | None = None
    for public, confidential, is_erased in driver.all(_NEWEST, (subject, int(LeafKind.REGISTER))):
        version = version_of(bytes(public), bytes(confidential or b""), is_erased=bool(is_erased))
        if found is None or version.number > found.number:
            found = version
    return found


def versions_of(
    snapshot: Snapshot, table: Table, key: Key
) -> list[tuple[int, dict[str, object] | None]]:
    """Every version of a row that the log still tells, oldest first, and when it was written.

    (record time in microseconds, columns; None where the row was deleted). A version whose content
    was erased is left out.
    """
    rows = RawDriver(snapshot).all(_VERSIONS, (subject_of(table, key), int(LeafKind.REGISTER)))
    found = []
    for at_us, public, confidential, is_erased in rows:
        version = version_of(bytes(public), bytes(confidential or b""), is_erased=bool(is_erased))
        if not version.is_erased:
            found.append((version.number, at_us, version.row))
    return [(at_us, row) for _, at_us, row in sorted(found, key=lambda one: one[0])]


def version_of(public: bytes, confidential: bytes, *, is_erased: bool) -> Version:
    """The version in a stored entry; a damaged entry counts as an erased one."""
    try:
        number = int(json.loads(public)["version"])
        if is_erased:
            return Version(number, None, is_erased=True)
        return Version(number, json.loads(confidential)["row"])
    except (ValueError, KeyError, TypeError):
        return Version(0, None, is_erased=True)


def row_now(driver: RawDriver, table: Table, how: Register, key: Key) -> dict[str, object] | None:
    """The present version of a row, or group of rows; None where there is none."""
    rows = list(_rows(driver, table, how, key))
    if not rows:
        return None
    return rows[0] if not how.by else grouped(rows)


def grouped(rows: Iterable[dict[str, object]]) -> dict[str, object]:
    """What an entry stores of a group of rows: their number, and the SHA-256 over them.

    >>> grouped([])["rows"]
    0
    """
    digest, count = sha256(), 0
    for row in rows:
        digest.update(_json(row) + b"\n")
        count += 1
    return {"rows": count, "sha256": digest.hexdigest()}


def _rows(driver: RawDriver, table: Table, how: Register, key: Key) -> Iterator[dict[str, object]]:
    names = how.kept(table)
    where = " AND ".join(f'"{name}" = ?' for name in how.key_of(table))
    order = ", ".join(f'"{column.name}"' for column in table.primary_key)
    statement = f"SELECT {quoted(names)} FROM {table.name} WHERE {where} ORDER BY {order}"  # noqa: S608  # our own names
    for row in driver.all(statement, key):
        yield as_logged(how, names, row)


def as_logged(how: Register, names: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    """A row's columns in the form of an entry: JSON, bytes in hexadecimal, secrets hashed."""
    content = {name: plain(value) for name, value in zip(names, row, strict=True)}
    for name in how.secret & content.keys():
        if content[name] is not None:
            content[name] = sha256(
                str(content[name]).encode("utf-8", "surrogateescape")
            ).hexdigest()
    return content


def plain(value: object) -> object:
    """A column's value in JSON, the same from both databases."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def quoted(names: Iterable[str]) -> str:
    """Column names quoted for SQL, because some are SQL keywords, such as `by`."""
    return ", ".join(f'"{name}"' for name in names)


def _plain_key(table: Table, how: Register, key: Key) -> dict[str, object]:
    return {name: plain(value) for name, value in zip(how.key_of(table), key, strict=True)}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def registers() -> list[Table]:
    """All registers of the packages that are loaded, by name."""
    return [
        table
        for _, table in sorted(metadata.tables.items())
        if isinstance(table.info.get("proof"), Register)
    ]
