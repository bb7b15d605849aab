"""Looks at packs that are asked for at the same moment, made in one statement."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from verification.glance import glance
from verification.recorded import Recorded, look
from verification.stops import Stops

if TYPE_CHECKING:
    from epcis.store.database import Store

Seen = tuple[Stops, Recorded]
"""The stops, and what is recorded of one pack."""


class Together:
    """Looks of one event loop; on PostgreSQL each alone were a trip that all others wait for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[tuple[str, str], asyncio.Future[Seen]]] = []

    async def look(self, code: str, serial: str) -> Seen:
        """The stops, and what is recorded of a pack. Raises `StoreAway`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Seen] = loop.create_future()
        self._waiting.append(((code, serial), future))
        if len(self._waiting) == 1:
            loop.call_soon(self._look)
        return await future

    def _look(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            with glance(self._store) as view:
                stops, rows = look(view, [pack for pack, _ in waiting])
        except Exception as fault:  # noqa: BLE001  # handed to whoever asked
            for _, future in waiting:
                if not future.done():
                    future.set_exception(fault)
            return
        for (_, future), row in zip(waiting, rows, strict=True):
            if not future.done():
                future.set_result((stops, row))
