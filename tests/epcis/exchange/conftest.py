"""A mailbox of its own for each test, its worker turned by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from partners import Site


@pytest.fixture
def site(store, tmp_path):
    """One company with its store and its channels, on each database."""
    return Site(store, tmp_path / "site", datetime(2026, 6, 1, 12, tzinfo=UTC))
