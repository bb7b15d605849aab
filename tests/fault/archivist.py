"""A process that archives, and dies at the point it is told: `archivist.py URL FOLDER POINT`.

Points: a text that progress tells (`events written`), `settled` (the file has its name, the act is
not committed), `unlink` (the act of an erasure is committed, the file still there), or `never`.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from epcis.archive import deposit
from epcis.archive.documents import deposit_documents
from epcis.archive.erase import erase, sweep
from epcis.archive.reading import files
from epcis.ledger.store import Store

NOW = datetime(2028, 1, 1, tzinfo=UTC)
BEFORE = datetime(2027, 1, 1, tzinfo=UTC)


def die(*_said, **_more) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def held(_view, _records):
    return {}


def archive(store: Store, folder: Path, point: str = "never") -> None:
    """All events, then all documents, in files of four."""
    tell = lambda what, _count: die() if what == point else None  # noqa: E731  # short
    run = deposit.Depositor(store, folder, held, "archivist", NOW, tell, records_max=4)
    list(run.events(BEFORE))
    list(deposit_documents(run, BEFORE))


def erase_all(store: Store) -> None:
    """Every file of events."""
    sweep(store)
    with store.read() as snapshot:
        found = [file for file in files(snapshot, holds="events") if file.erased is None]
    for file in found:
        erase(store, file, held, by="archivist", now=NOW)


def main(url: str, folder: Path, point: str) -> None:
    store = Store.open(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if point == "settled":
        deposit.sync_folder = die
    if point == "unlink":
        Path.unlink = die
        erase_all(store)
    archive(store, folder, point)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
