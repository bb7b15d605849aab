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

from compliance.retention.duty import Duty
from compliance.retention.policy import parse_policy
from epcis.archive import deposit
from epcis.store.database import Store

POLICY = parse_policy(
    '[events]\narchive_after = "1 year"\nerase_after = "7 years"\n'
    '[documents]\narchive_after = "1 year"\n'
)


def die(*_said) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def tell(point: str):
    return lambda what, _count: die() if what == point else None


def main(url: str, folder: Path, year: int, point: str) -> None:
    store = Store.open(url)
    if point == "settled":
        deposit.sync_folder = die
    if point == "unlink":
        Path.unlink = lambda self, **_: die() if self.name[:6] == "events" else None
    now = datetime(year, 1, 1, tzinfo=UTC)
    print("ready", flush=True)
    Duty(store, POLICY, folder, folder, now, "archivist").run(tell(point))
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
