"""The national interfaces serve registered participants: here the till is one."""

from __future__ import annotations

import pytest


@pytest.fixture
def packs(packs, as_participant):
    """The store with one product and five packs, and its till registered as a pharmacy."""
    as_participant("till-1")
    return packs
