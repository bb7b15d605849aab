"""How long a question may take: the database gives up, and the answer says that it was too much."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from epcis.database.reading import TookTooLong, time_limit
from epcis.query.parameters import QueryRefused
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.database.transactions import Snapshot

QUERY_S_MAX: Final = 30.0
"""Longest a single question may keep the database busy."""


@contextmanager
def bounded(snapshot: Snapshot) -> Iterator[None]:
    """Raise `QueryRefused` (QueryTooComplexException) where the block asks for too long."""
    try:
        with time_limit(snapshot, QUERY_S_MAX):
            yield
    except TookTooLong:
        raise _too_complex() from None


def _too_complex() -> QueryRefused:
    return QueryRefused(
        "QueryTooComplexException",
        [
            Finding(
                "query.too-complex",
                Severity.ERROR,
                f"the query takes longer than {QUERY_S_MAX:g} seconds",
                "Narrow it, by time or by identifiers, or leave out the order.",
            )
        ],
    )
