"""How each table is proved: what `fsck` compares its rows with.

Every table declares one of three proofs in its `info`, and `docs/reference/proof.md` lists them for
every column:

- `DerivedFrom`: computed from rows that the log commits to; `fsck` computes it again and compares.
- `Register`: settings and decisions; every change of a row is an entry of the log.
- `Outside`: deliberately in no proof, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from epcis.database.register_guard import IS_LOGGED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table


@dataclass(frozen=True, slots=True)
class DerivedFrom:
    """A table whose rows can be computed from what the log commits to."""

    by: str
    """The source of the rows, in words."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Columns in no proof, each with the reason."""


@dataclass(frozen=True, slots=True)
class Register:
    """A table of settings or decisions: the log records each version of each row.

    `by` are the columns that group rows into one entry, for rows that come in thousands and never
    change; without it each row has entries of its own.
    """

    by: tuple[str, ...] = ()
    beside: Mapping[str, str] = field(default_factory=dict)
    """Columns in no proof, each with the reason."""
    secret: frozenset[str] = frozenset()
    """Columns of which the log has only the SHA-256."""

    def key_of(self, table: Table) -> tuple[str, ...]:
        """The columns that identify the subject of one entry."""
        return self.by or tuple(column.name for column in table.primary_key)

    def kept(self, table: Table) -> tuple[str, ...]:
        """The columns stored in an entry."""
        return tuple(column.name for column in table.columns if column.name not in self.beside)


@dataclass(frozen=True, slots=True)
class Outside:
    """A table that no proof covers."""

    why: str


Proof: TypeAlias = DerivedFrom | Register | Outside


def proof(how: Proof) -> dict[str, object]:
    """The `info` of a table.

    >>> proof(Outside("sessions end by themselves"))
    {'proof': Outside(why='sessions end by themselves')}
    """
    return {"proof": how, IS_LOGGED: True} if isinstance(how, Register) else {"proof": how}


def proof_of(table: Table) -> Proof:
    """How a table is proved. Raises LookupError for one that does not say."""
    how = table.info.get("proof")
    if not isinstance(how, DerivedFrom | Register | Outside):
        raise LookupError(f"table {table.name} does not say how it is proved")  # noqa: TRY004  # about the table, not a value
    return how
