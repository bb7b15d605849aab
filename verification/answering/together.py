"""Looks at packs that are asked for at the same moment, made in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verification.answering.autocommit_read import autocommit_read
from verification.decision.recorded import Recorded, look
from verification.decision.restrictions import Restrictions

if TYPE_CHECKING:
    from epcis.ledger.store import Store

Seen = tuple[Restrictions, Recorded]
"""The stops, and what is recorded of one pack."""


class LookLane:
    """Answers a round of looks at packs, as (product code, serial), beside the event loop.

    On the loop itself every other request would wait for the database's answer.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, packs: list[tuple[str, str]]) -> list[Seen | BaseException]:
        """What is seen of each pack; the fault for all where there is no database."""
        try:
            with autocommit_read(self._store) as snapshot:
                stops, rows = look(snapshot, packs)
        except Exception as fault:  # noqa: BLE001  # handed to whoever asked
            return [fault] * len(packs)
        return [(stops, row) for row in rows]

    def close(self) -> None:
        """The views that it used wait with the others (`autocommit_read.let_go`)."""
