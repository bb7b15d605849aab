"""Who waits for work is told of a commit, and looks again for nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from epcis.database.changes import Changes

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def commit(store) -> None:
    with store.write(NOW) as tx:
        tx.connection.exec_driver_sql("DELETE FROM ended_page_token")
        tx.connection.exec_driver_sql(
            "INSERT INTO ended_page_token (digest, expires) VALUES "
            + ("(x'00', 1)" if tx.is_sqlite else "('\\x00', 1)")
        )


def test_a_mark_stays_until_something_is_committed(store):
    async def story() -> None:
        with Changes(store) as changes:
            commit(store)
            mark = await changes.mark()
            assert await changes.mark() == mark
            commit(store)
            assert await changes.mark() != mark
            await changes.after(mark, look_s=0.001)  # returns, for something was committed

    asyncio.run(story())


def test_a_signal_ends_the_wait(store):
    async def story() -> None:
        bell = asyncio.Event()
        with Changes(store) as changes:
            mark = await changes.mark()
            asyncio.get_running_loop().call_soon(bell.set)
            await changes.after(mark, bell, look_s=3600, at_latest_s=3600)

    asyncio.run(story())
