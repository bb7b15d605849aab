"""Which item has which key, in two levels on SQLite: what is new, and what is settled.

With random serials every new key belongs on a page of its own of a large index, and each page that
changes is written twice. So new keys go into a small table first, those of even and odd generations
into one each. While one generation comes in, the one before it moves into the large table in the
order of keys, many to a page, a little with every act. Ask the view `item_key`, which knows all, by
itself or in a subselect: older SQLite joins it without its indexes. On PostgreSQL it is the table
`item` with its unique index, and these tables stay empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, column, table

from epcis.database.columns import ItemKey
from epcis.database.metadata import make_after_tables

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from epcis.database.raw_driver import RawDriver

item_key = table("item_key", column("key", ItemKey), column("id", BigInteger))
"""The door: every item's key and id."""

ID_OF_KEY = "(SELECT id FROM item_key WHERE key = ?)"
"""The id of the item with this packed key, to be put into a statement."""

_VIEW_OF_LEVELS = (
    "CREATE VIEW IF NOT EXISTS item_key AS SELECT key, id FROM item_key_settled"
    " UNION ALL SELECT key, id FROM item_key_even UNION ALL SELECT key, id FROM item_key_odd"
)
GENERATION_IDS = 1 << 19
"""Item ids in a generation."""
SETTLE_IDS_MIN = 1 << 12
"""Small acts settle nothing until together they have given out so many ids."""

YOUNG = ("item_key_even", "item_key_odd")
"""By the parity of the generation: where its keys are until they settle."""
_ENTER = "INSERT INTO {} (key, id) SELECT key, id FROM item WHERE id BETWEEN ? AND ? ORDER BY key"
_LAST_TO_SETTLE = "SELECT max(key) FROM (SELECT key FROM {} ORDER BY key LIMIT ?)"
_SETTLE = (
    "INSERT INTO item_key_settled (key, id) SELECT key, id FROM {} WHERE key <= ? ORDER BY key"
)
_LEAVE = "DELETE FROM {} WHERE key <= ?"


def view_keys(metadata: MetaData) -> None:
    """Have the view `item_key` made with the tables of `metadata`."""
    make_after_tables(
        metadata,
        "view item_key",
        # Most keys are settled; where one is asked for, the other tables are not looked at.
        sqlite=(_VIEW_OF_LEVELS,),
        postgresql=("CREATE OR REPLACE VIEW item_key AS SELECT key, id FROM item",),
    )


def keeps_levels(driver: RawDriver) -> bool:
    """Whether keys are kept in two levels here; else these tables stay empty."""
    return driver.is_sqlite


def enter_keys(driver: RawDriver, first: int, last: int) -> None:
    """Make items that were just added, with ids from `first` to `last`, known by their keys.

    A key that is known already raises the driver's IntegrityError, here or when it settles.
    """
    if not driver.is_sqlite:
        return
    parity = last // GENERATION_IDS % 2
    driver.run(_ENTER.format(YOUNG[parity]), (first, last))
    steps = (last + 1) // SETTLE_IDS_MIN - first // SETTLE_IDS_MIN
    if steps:
        # A generation has no more keys than ids, so the one before it has settled when it is full.
        settle(driver, YOUNG[1 - parity], steps * SETTLE_IDS_MIN)


def settle(driver: RawDriver, young: str, keys_max: int) -> None:
    """Let the first keys of a table of `YOUNG`, in their order, move; SQLite only."""
    last = driver.one(_LAST_TO_SETTLE.format(young), (keys_max,))
    if last is not None and last[0] is not None:
        driver.run(_SETTLE.format(young), last)
        driver.run(_LEAVE.format(young), last)
