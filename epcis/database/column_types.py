"""What a column is to the driver of PostgreSQL; the declared table says it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Float, Integer, LargeBinary, SmallInteger
from sqlalchemy.types import TypeDecorator

from epcis.database.metadata import metadata

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_KINDS: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (SmallInteger, "int2"),  # before the class it inherits from
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Float, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
)


@lru_cache(maxsize=1024)
def kind_of(table: str, column: str) -> str:
    """PostgreSQL's name for the type of a declared column.

    Raises KeyError for a table or column that nobody declared.
    """
    declared = metadata.tables[table].columns[column].type
    kind = declared.impl_instance if isinstance(declared, TypeDecorator) else declared
    return next((name for one, name in _KINDS if isinstance(kind, one)), "text")


def array_of(kind: str) -> str:
    """The mark of an array; bytes go as they are, which spares escaping each of them."""
    return f"%b::{kind}[]" if kind == "bytea" else f"%s::{kind}[]"
