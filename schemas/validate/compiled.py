"""Validators for EPCIS documents, compiled once: XML Schema by lxml, JSON Schema by jsonschema-rs.

The files are Packtrail's own (`schemas/xsd`, `schemas/json`); to use the published ones, an
operator names their folder as `published`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lxml import etree

from schemas.validate import published as operator

if TYPE_CHECKING:
    import xmlschema
    from jsonschema_rs import Draft7Validator

    from schemas.json_value import JsonObject

OWN: Final = Path(__file__).resolve().parent.parent


@cache
def xml_schema(version: str, published: Path | None = None) -> etree.XMLSchema:
    """Documents, query documents, master data documents and query messages of one version.

    `version` is `1.2` (which also takes 1.0 and 1.1) or `2.0`.

    >>> xml_schema("1.2").validate(etree.XML("<EPCISDocument/>"))
    False
    """
    return etree.XMLSchema(_xsd("all", version, published))


@cache
def event_xml_schema(version: str, published: Path | None = None) -> etree.XMLSchema:
    """One event outside any document, its element without a namespace.

    >>> event_xml_schema("2.0").validate(etree.XML("<ObjectEvent/>"))
    False
    """
    return etree.XMLSchema(_xsd("event", version, published))


@cache
def explaining_schema(
    kind: str, version: str, published: Path | None = None
) -> xmlschema.XMLSchema10:
    """The same schema in pure Python: slow, but it reports which element expected which content.

    `kind` is `all` for documents or `event` for one event.
    """
    import xmlschema

    tree = _xsd(kind, version, published)
    # Resolving the files by name needs no network: all of them are in one folder.
    return xmlschema.XMLSchema10(
        etree.tostring(tree, encoding="unicode"), base_url=_folder_of(tree), allow="local"
    )


def _xsd(kind: str, version: str, published: Path | None) -> etree._ElementTree:
    if published is not None:
        return operator.xsd(kind, version, published)
    return etree.parse(OWN / "xsd" / f"{kind}-{version}.xsd")


def _folder_of(tree: etree._ElementTree) -> str:
    return str(Path(str(tree.docinfo.URL or ".")).parent)


def own_json(name: str) -> JsonObject:
    """One of our own JSON Schema files, as `epcis-2.0`."""
    text = (OWN / "json" / f"{name}.json").read_text(encoding="utf-8")
    loaded: JsonObject = json.loads(text)
    return loaded


def _compiled(schema: JsonObject) -> Draft7Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


@cache
def json_validator(published: Path | None = None) -> Draft7Validator:
    """EPCIS 2.0 documents, query documents and bare events in JSON-LD, formats checked.

    >>> json_validator().is_valid({"type": "ObjectEvent"})
    False
    """
    if published is not None:
        return _compiled(operator.json_schema("document", published))
    return _compiled(own_json("epcis-2.0"))


@cache
def json_event_validator(published: Path | None = None) -> Draft7Validator:
    """One event inside a document, where `@context` belongs to the document.

    >>> event = {"type": "ObjectEvent", "action": "ADD", "epcList": ["urn:x:y"],
    ...          "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00"}
    >>> json_event_validator().is_valid(event)
    True
    """
    if published is not None:
        return _compiled(operator.json_schema("event", published))
    return _compiled(own_json("epcis-event-2.0"))


@cache
def query_validator(published: Path | None = None) -> Draft7Validator:
    """The `query` of a named query in JSON.

    >>> query_validator().is_valid({"EQ_bizStep": ["shipping"]})
    True
    """
    if published is not None:
        return _compiled(operator.json_schema("query", published))
    return _compiled(own_json("epcis-query-2.0"))
