"""The keys of a house, made once for all tests."""

from __future__ import annotations

import pytest

from compliance.seal import Keys


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys.open(tmp_path_factory.mktemp("house") / "keys", "open sesame")
