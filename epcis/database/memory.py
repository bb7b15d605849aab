"""How much memory the database may fill with what was read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot


@contextmanager
def little_memory(snapshot: Snapshot, pages_kib: int) -> Iterator[None]:
    """Let SQLite keep few pages while everything is read once: they would only fill memory."""
    if not snapshot.is_sqlite:
        yield
        return
    driver = snapshot.driver
    usual = driver.execute("PRAGMA cache_size").fetchone()[0]
    driver.execute(f"PRAGMA cache_size = -{pages_kib}")
    try:
        yield
    finally:
        driver.execute(f"PRAGMA cache_size = {usual}")
