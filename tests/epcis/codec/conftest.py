"""The documents that every reader and writer is tried on: our own, and the published ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from material import own

from tests.epcis.codec.documents import published_json, published_xml

KINDS = ("own", "published")


@pytest.fixture(scope="session", params=KINDS)
def xml_documents(request: pytest.FixtureRequest) -> list[Path]:
    """XML documents with events or master data, none invalid on purpose."""
    if request.param == "own":
        found, expected = own(".xml"), 5
    else:
        found, expected = published_xml(request.getfixturevalue("shared")), 40
    assert len(found) >= expected, "documents are missing"
    return found


@pytest.fixture(scope="session", params=KINDS)
def json_documents(request: pytest.FixtureRequest) -> list[Path]:
    """JSON-LD documents with events, none invalid on purpose."""
    if request.param == "own":
        found, expected = own(".jsonld"), 4
    else:
        found, expected = published_json(request.getfixturevalue("shared")), 40
    assert len(found) >= expected, "documents are missing"
    return found
