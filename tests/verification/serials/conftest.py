"""An empty store on each database."""

from __future__ import annotations

from databases import store  # noqa: F401  # a fixture
