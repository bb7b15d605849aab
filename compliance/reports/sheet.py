"""A report before it is printed: sections of sentences, facts and a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with sentences, facts and a table; any of them may be empty."""

    title: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    rows_total: int = 0
    """How many rows there are, printed or not."""
    is_quoted: bool = False
    """Whether the sentences are quoted from a partner's file."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report before it is printed."""

    title: str
    made: datetime
    made_by: str
    sections: tuple[Section, ...] = field(default_factory=tuple)
