"""API keys looked up once and remembered until they end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from compliance.service import access
from compliance.service.access import Grant  # noqa: TC001  # a NamedTuple's field
from epcis.store.columns import microseconds

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from epcis.desk import Clock
    from epcis.store.database import Store

REMEMBERED_MAX = 1024
"""Keys held at once; beyond that all are forgotten."""
SECONDS_UNSEEN_MAX = 1.0
"""How long a key's end may go unseen on PostgreSQL."""
_END = "SELECT revoked_us, expires_us FROM api_key WHERE id = ?"


class _Held(NamedTuple):
    grant: Grant
    key_id: str
    seen_s: float


class KeyRing:
    """What keys give, remembered between requests.

    The grant of a key never changes, so only its end is looked for again: on SQLite with every
    request, a few microseconds on a connection held for it; on PostgreSQL once a second.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._watch: Connection | None = None
        self._held: dict[str, _Held] = {}

    def grant(self, text: str) -> Grant | None:
        """What an API key gives now; None where it is unknown, expired or revoked."""
        with self._lock:
            held = self._held.get(text)
            if held is not None and self._is_living(held):
                return held.grant
        with self._store.read() as view:
            grant = access.grant_of_key(view, text, self._clock())
        with self._lock:
            self._held.pop(text, None)
            if grant is not None:
                if len(self._held) >= REMEMBERED_MAX:
                    self._held.clear()
                self._held[text] = _Held(grant, text.split("_", 2)[1], time.monotonic())
        return grant

    def _is_living(self, held: _Held) -> bool:
        """Whether the key was neither revoked nor has expired; one second may pass unseen."""
        if not self._store.is_sqlite:
            return time.monotonic() - held.seen_s < SECONDS_UNSEEN_MAX
        if self._watch is None:
            self._watch = self._store.engine.connect()
        driver = self._watch.connection.driver_connection
        assert driver is not None, "a checked-out connection has its driver's"
        row = driver.execute(_END, (held.key_id,)).fetchone()
        if row is None or row[0] is not None:
            return False
        return row[1] is None or microseconds(self._clock()) < row[1]
