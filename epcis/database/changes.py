"""Whether a database may hold anything new, asked in microseconds: who waits for work asks this.

A worker that looked for its work at every tick would keep an idle server busy. So it looks once,
and again only after somebody, in this process or another, has committed something.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from epcis.database.autocommit_read import autocommit_read
from epcis.database.many_writers import open_transactions
from epcis.database.reading import CommitsOfOthers
from epcis.database.transactions import StoreAway

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from epcis.database.transactions import Database

LOOK_S = 0.25
"""How soon a change by another process is noticed."""
AT_LATEST_S = 30.0
"""A worker looks again after so long, changed or not."""


class Changes:
    """Marks of a database that differ once anything was committed between them."""

    def __init__(self, store: Database) -> None:
        self._store = store
        self._commits = CommitsOfOthers(store.file) if store.has_one_writer else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._commits is not None:
            self._commits.close()

    async def mark(self) -> object:
        """The mark of this moment; take it before the look whose repetition it is to spare."""
        try:
            if self._commits is not None:
                return self._commits.count()
            return await asyncio.to_thread(self._open_transactions)
        except StoreAway:
            return object()  # unlike any other: the look itself says what is wrong

    def _open_transactions(self) -> object:
        with autocommit_read(self._store) as snapshot:
            return open_transactions(snapshot)

    async def after(
        self,
        mark: object,
        *signals: asyncio.Event,
        look_s: float = LOOK_S,
        at_latest_s: float = AT_LATEST_S,
    ) -> None:
        """Return once the database has changed since `mark`, or one of the signals is set."""
        waits = [asyncio.create_task(one.wait()) for one in signals]
        waits.append(asyncio.create_task(self._differs(mark, look_s)))
        try:
            await asyncio.wait(waits, timeout=at_latest_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _differs(self, mark: object, look_s: float) -> Literal[True]:
        await asyncio.sleep(look_s)
        while await self.mark() == mark:  # noqa: ASYNC110  # another process sets no event of ours
            await asyncio.sleep(look_s)
        return True
