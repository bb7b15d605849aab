"""The order of texts: the same on both databases, whatever language the server speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot


def by_bytes(snapshot: Snapshot, text: ColumnElement[str]) -> ColumnElement[str]:
    """A text to sort by: by the bytes of its UTF-8."""
    return text if snapshot.is_sqlite else text.collate("C")
