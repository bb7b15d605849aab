"""Files that all servers on one database can read: bodies that wait, dossiers that are ready.

A file is kept as parts of `PART_BYTES` and read a part at a time, each in a snapshot of its own, so
that a slow reader holds nothing open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from epcis.database.raw_driver import RawDriver
from epcis.store.work_tables import shared_part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Database, Snapshot
    from epcis.ledger.store import Transaction

PART_BYTES: Final = 1024 * 1024
_COLUMNS: Final = ("file", "part", "content")
_PART: Final = "SELECT content FROM shared_part WHERE file = ? AND part = ?"
_SIZE: Final = "SELECT sum(length(content)) FROM shared_part WHERE file = ?"
_DROP: Final = "DELETE FROM shared_part WHERE file = ?"


def share_file(tx: Transaction, name: str, source: BinaryIO) -> None:
    """Keep a file under a name; what had that name is replaced."""
    driver = RawDriver(tx)
    driver.run(_DROP, (name,))
    part = 0
    while content := source.read(PART_BYTES):
        driver.insert(shared_part.name, _COLUMNS, [(name, part, content)])
        part += 1


def shared_size_bytes(snapshot: Snapshot, name: str) -> int | None:
    """How large a file is; None where there is none."""
    row = RawDriver(snapshot).one(_SIZE, (name,))
    return None if row is None or row[0] is None else int(row[0])


def shared_parts(store: Database, name: str) -> Iterator[bytes]:
    """The bytes of a file, part by part; none where there is no such file."""
    part = 0
    while True:
        with store.read() as snapshot:
            row = RawDriver(snapshot).one(_PART, (name, part))
        if row is None:
            return
        yield bytes(row[0])
        part += 1


def drop_shared(tx: Transaction, name: str) -> None:
    """Keep it no longer."""
    RawDriver(tx).run(_DROP, (name,))
