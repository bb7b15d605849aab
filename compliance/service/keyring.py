"""API keys looked up once and remembered until anything in the database changes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, cast

from compliance.service import access

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from compliance.service.access import Grant
    from epcis.desk import Clock
    from epcis.store.database import Store

REMEMBERED_MAX = 1024
"""Keys held at once; beyond that all are forgotten."""


class KeyRing:
    """What keys give, remembered between requests.

    On SQLite a key is looked up again as soon as any connection has written, so that a revoked
    key ends at once. On PostgreSQL, which does not tell, after a second at most.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._watch: Connection | None = None
        self._state = (-1, -1)
        self._grants: dict[str, Grant] = {}

    def grant(self, text: str) -> Grant | None:
        """What an API key gives now; None where it is unknown, expired or revoked."""
        with self._lock:
            state = self._database_state()
            if state != self._state or len(self._grants) >= REMEMBERED_MAX:
                self._grants.clear()
                self._state = state
            held = self._grants.get(text)
            if held is not None:
                return held
        with self._store.read() as view:
            grant = access.grant_of_key(view, text, self._clock())
        if grant is not None:
            with self._lock:
                if self._state == state:
                    self._grants[text] = grant
        return grant

    def _database_state(self) -> tuple[int, int]:
        """What changes when the database does, and with every second, so that keys expire."""
        second = int(self._clock().timestamp())
        if not self._store.is_sqlite:
            return second, int(time.monotonic())
        if self._watch is None:
            self._watch = self._store.engine.connect()
        driver = self._watch.connection.driver_connection
        assert driver is not None, "a checked-out connection has its driver's"
        (version,) = driver.execute("PRAGMA data_version").fetchone()
        return second, cast("int", version)
