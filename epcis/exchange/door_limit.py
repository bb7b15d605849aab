"""How much strangers may cost at the AS2 address, where anybody may knock.

Who sends is known only once the body is here and its signature was checked. So a few bodies at a
time come from one address and a few more from all, and of what is turned away a few a minute are
noted: nobody fills the disk, or keeps the writer busy, by refusals.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.ledger.store import Store

BODIES_MAX: Final = 16
"""Bodies that are read and opened at a time."""
BODIES_OF_ONE_MAX: Final = 4
"""Of them, those that come from one address."""
NOTES_A_MINUTE_MAX: Final = 60
RETRY_AFTER_S: Final = 5
_MINUTE_S: Final = 60


@dataclass(slots=True)
class DoorLimit:
    """The places at the door, and the notes of the last minute; one of each store."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bodies: Counter[str] = field(default_factory=Counter)
    _notes: deque[datetime] = field(default_factory=deque)

    @classmethod
    def of(cls, store: Store) -> DoorLimit:
        """The limit that all requests to a store share."""
        return store.companions.one(cls)

    @contextmanager
    def place(self, address: str) -> Iterator[bool]:
        """Hold a place for the body of one request; whether there was one.

        >>> limit = DoorLimit()
        >>> with limit.place("192.0.2.1") as has_room:
        ...     has_room
        True
        """
        with self._lock:
            has_room = (
                self._bodies.total() < BODIES_MAX and self._bodies[address] < BODIES_OF_ONE_MAX
            )
            if has_room:
                self._bodies[address] += 1
        try:
            yield has_room
        finally:
            if has_room:
                with self._lock:
                    self._bodies[address] -= 1
                    self._bodies += Counter()  # forgets addresses without a body

    def may_note(self, now: datetime) -> bool:
        """Whether one more refusal is noted in this minute."""
        with self._lock:
            while self._notes and (now - self._notes[0]).total_seconds() >= _MINUTE_S:
                self._notes.popleft()
            if len(self._notes) >= NOTES_A_MINUTE_MAX:
                return False
            self._notes.append(now)
            return True
