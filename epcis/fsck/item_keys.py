"""The two levels of item keys against the items; with `rebuild` written anew where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.database.item_keys import keeps_levels
from epcis.database.raw_driver import RawDriver
from epcis.ledger.place import written
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from epcis.database.raw_driver import Row
    from epcis.ledger.store import Store

FINDINGS_MAX = 1_000
"""Rows of each kind that findings name one by one."""
_OF_NO_ITEM = "NOT EXISTS (SELECT 1 FROM item i WHERE i.id = t.id AND i.key = t.key)"
_STATED_BY = "EXISTS (SELECT 1 FROM {} s WHERE s.key = t.key)"
_SETTLED, _EVEN = _STATED_BY.format("item_key_settled"), _STATED_BY.format("item_key_even")
_STRAY = {
    "item_key_settled": _OF_NO_ITEM,
    "item_key_even": f"{_OF_NO_ITEM} OR {_SETTLED}",
    "item_key_odd": f"{_OF_NO_ITEM} OR {_SETTLED} OR {_EVEN}",
}
"""By table: which rows `t` should not be there with keys in levels; elsewhere none should."""
_NOT_FOUND = (
    "SELECT t.id FROM item t WHERE NOT EXISTS"
    " (SELECT 1 FROM item_key k WHERE k.key = t.key AND k.id = t.id) LIMIT ?"
)
_ENTER = (
    "INSERT OR IGNORE INTO item_key_even (key, id) SELECT t.key, t.id FROM item t WHERE NOT EXISTS"
    " (SELECT 1 FROM item_key k WHERE k.key = t.key) ORDER BY t.key"
)


def check_item_keys(
    store: Store, *, now: datetime, rebuild_in: Store | None = None
) -> Iterator[Finding]:
    """Every item is found by its key, once, and nothing else is.

    What differs is written anew in `rebuild_in`, the same database, where it is given.
    """
    with store.read() as snapshot:
        differing = list(_differing(RawDriver(snapshot)))
    if differing and rebuild_in is not None:
        with rebuild_in.write(now, long=True) as tx:
            _write_anew(RawDriver(tx))
    for table, key, what in differing:
        name = written(key)
        yield Finding(
            "store.item-key-differs",
            Severity.ERROR if rebuild_in is None else Severity.WARNING,
            f"{table} {name}: {what}",
            "Run fsck with --rebuild." if rebuild_in is None else "It was written anew.",
            Where(path=f"{table}/{name}"),
        )


def _differing(driver: RawDriver) -> Iterator[tuple[str, Row, str]]:
    for table, condition in _STRAY.items():
        where = condition if keeps_levels(driver) else "true"
        stray = f"SELECT t.key FROM {table} t WHERE {where} LIMIT ?"  # noqa: S608  # our own names
        for row in driver.all(stray, (FINDINGS_MAX,)):
            yield table, row, "is not the key of this item, or stands twice"
    for row in driver.all(_NOT_FOUND, (FINDINGS_MAX,)):
        yield "item", row, "is not found by its key"


def _write_anew(driver: RawDriver) -> None:
    for table, condition in _STRAY.items():
        where = condition if keeps_levels(driver) else "true"
        driver.run(f"DELETE FROM {table} AS t WHERE {where}")  # noqa: S608  # our own names
    if keeps_levels(driver):
        driver.run(_ENTER)
