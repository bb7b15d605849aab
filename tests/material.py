"""Where tests find documents: those of our own, and the published ones beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

_TESTS = Path(__file__).resolve().parent
EXAMPLES = _TESTS.parent / "docs" / "examples"
"""The example shipment, its master data and pictures, which the README and the tutorial use too."""
DOCUMENTS = _TESTS / "data" / "documents"
"""Documents of our own in every version and syntax, with every kind of event."""
PUBLISHED = Path(os.environ.get("PACKTRAIL_SHARED", _TESTS.parent.parent / "shared")) / "data"
"""Schemas, examples and vectors that others published; not part of the project."""
NO_PUBLISHED = "the published documents (../shared/data) are not beside this checkout"
"""The one reason for which a run that must not skip may skip a test."""


def own(*endings: str) -> list[Path]:
    """Our own documents, those of docs/examples too, whose names end so."""
    folders = (DOCUMENTS, EXAMPLES)
    return sorted(path for folder in folders for path in folder.iterdir() if path.suffix in endings)
