"""A migrated store of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance.service.migrate import open_migrated
from compliance.service.settings import Settings
from epcis.ledger.store import Store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def settings(tmp_path: Path, database: str) -> Settings:
    return Settings(data_dir=tmp_path, database=database)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = open_migrated(settings)
    yield opened
    opened.close()
