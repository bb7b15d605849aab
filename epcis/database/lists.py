"""One statement for a list of things that are asked for together; answers keep their place."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from epcis.database.column_types import array_of
from epcis.database.raw_driver import for_postgresql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epcis.database.raw_driver import Row
    from epcis.database.transactions import Snapshot


class ListQuestion:
    """A SELECT from `q`, a table of the things that are asked for, and what it joins.

    `q` has a column `n`, the place of each thing in the list, and the columns named here with their
    kinds (`text`, `bytea`, `int8`). The statement has one text for each number of things on SQLite
    and one in all on PostgreSQL, so that both keep it prepared.
    """

    def __init__(self, select: str, **kinds: str) -> None:
        self._select = select
        self._columns = tuple(kinds)
        arrays = ", ".join(map(array_of, kinds.values()))
        names = ", ".join(kinds)
        self.of_arrays = for_postgresql(
            f"WITH q({names}, n) AS (SELECT * FROM unnest({arrays}) WITH ORDINALITY) {select}"  # noqa: S608  # our own names
        )
        self._of_values = lru_cache(maxsize=256)(self._values)
        self._alone = self._values(1)

    def rows(self, snapshot: Snapshot, things: Sequence[Sequence[object]]) -> list[Row]:
        """The rows that answer for `things`, each with a value for every column."""
        if snapshot.is_sqlite:
            values = [value for thing in things for value in thing]
            found: list[Row] = snapshot.driver.execute(self._of_values(len(things)), values)
            return list(found)
        arrays = [list(column) for column in zip(*things, strict=True)]
        answered: list[Row] = snapshot.driver.execute(self.of_arrays, arrays).fetchall()
        return answered

    def row(self, snapshot: Snapshot, *thing: object) -> Row:
        """The one row that answers for one thing; as `rows` in fewer steps."""
        if not snapshot.is_sqlite:
            return self.rows(snapshot, [thing])[0]
        row: Row = snapshot.driver.execute(self._alone, thing).fetchone()
        return row

    def _values(self, things: int) -> str:
        marks = ", ".join("?" * len(self._columns))
        rows = ", ".join(f"({number}, {marks})" for number in range(things))
        return f"WITH q(n, {', '.join(self._columns)}) AS (VALUES {rows}) {self._select}"
