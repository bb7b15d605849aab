"""One company with an AS2 door and a worker, as a process that a test kills and starts again.

    python as2_site_process.py FOLDER PORT BEGUN

Its clock runs 300 times as fast as ours since BEGUN (seconds of the epoch), so pauses between tries
end while a test watches.
"""

from __future__ import annotations

import sys
import threading
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path

import databases  # noqa: F401  # so that every table is known
from as2_sites import Door, handler_of
from partners import Site

from epcis.ledger.store import Store

FASTER = 300
LOOK_S = 0.02


class FastSite(Site):
    """A company in a hurry."""

    def __init__(self, store: Store, folder: Path, begun: float) -> None:
        self._begun = datetime.fromtimestamp(begun, UTC)
        super().__init__(store, folder, self._begun)

    @property
    def now(self) -> datetime:
        return self._begun + (datetime.now(UTC) - self._begun) * FASTER

    @now.setter
    def now(self, _: datetime) -> None:
        """Set by its base; the clock goes by itself."""


def site_of(folder: Path, begun: float) -> FastSite:
    folder.mkdir(exist_ok=True)
    store = Store.open(f"sqlite:///{folder / 'site.db'}")
    store.create_all()
    return FastSite(store, folder, begun)


if __name__ == "__main__":
    site = site_of(Path(sys.argv[1]), float(sys.argv[3]))
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), handler_of(Door(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not threading.Event().wait(LOOK_S):
        site.work()
