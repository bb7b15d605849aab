"""What a JSON-LD document says beside its events, and how it is written there.

JSON-LD has members of its own for the sender, receiver and instance identifier only; the whole
SBDH, and foreign header elements such as the DSCSA transaction statement, stand in `epcisHeader`
under their own namespaces.
"""

from __future__ import annotations

import json
from typing import Any, Final

from epcis.codec.fields import SHAPES
from epcis.codec.jsonld.context import STANDARD_URL, Context, is_standard
from epcis.codec.jsonld.nodes import (
    beside_standard,
    carries_attributes,
    members_to_nodes,
    node_of_value,
    taken_attributes,
    value_of,
)
from epcis.codec.jsonld.prefixes import Prefixes, as_iri
from epcis.codec.namespaces import OWN, SBDH
from epcis.codec.sbdh import MEMBERS, for_json, summary
from epcis.model import Header, Node, Vocabulary, VocabularyElement

_STANDARD: Final = frozenset(
    {
        "@context",
        "id",
        "type",
        "schemaVersion",
        "creationDate",
        "instanceIdentifier",
        "sender",
        "receiver",
        "epcisHeader",
        "epcisBody",
    }
)
RESERVED: Final = _STANDARD | {
    "extension",
    "baseExtension",
    "EPCISHeader",
    "EPCISBody",
    "epcisMasterData",
    "attributes",
    "children",
    "vocabularyElementList",
    "declarationTime",
    "reason",
    "correctiveEventIDs",
    *(field.name for shape in SHAPES.values() for field in shape.fields),
}
"""Names that elements without a namespace may not have as members beside standard ones."""
KIND: Final = f"{OWN}kind"
ROOT_ATTRIBUTES: Final = f"{OWN}rootAttributes"
_OF_ROOT: Final = frozenset({("", "schemaVersion"), ("", "creationDate"), (OWN, "id")})
"""Attributes of the root that say what a document has members for."""
TRAILING: Final = f"{OWN}trailing"


def read_header(document: dict[str, Any], context: Context, written_context: bytes) -> Header:
    """The header from a document's members, its event list taken out."""
    kind = "query" if document["type"] == "EPCISQueryDocument" else "document"
    header = _dict(document.get("epcisHeader"))
    results = _dict(_dict(document.get("epcisBody")).get("queryResults"))
    results_body = _dict(results.get("resultsBody"))
    vocabularies = (
        *_vocabularies(_dict(header.get("epcisMasterData")).get("vocabularyList"), context),
        *_vocabularies(results_body.get("vocabularyList"), context),
    )
    sbdh, extensions = None, []
    foreign = {key: value for key, value in header.items() if key != "epcisMasterData"}
    for node in members_to_nodes(foreign, context):
        if (node.namespace, node.name) == (SBDH, "StandardBusinessDocumentHeader"):
            sbdh = node
        else:
            extensions.append(node)
    beside = {key: value for key, value in document.items() if key not in _STANDARD}
    if beside.get(KIND) == "masterdata":
        kind = beside.pop(KIND)
    attributes = taken_attributes(beside, ROOT_ATTRIBUTES, context, _OF_ROOT)
    trailing = node_of_value(("", "trailing"), beside.pop(TRAILING, None), context).children
    return Header(
        kind=kind,
        schema_version=_str(document.get("schemaVersion")) or "",
        creation_date=_str(document.get("creationDate")),
        sbdh=sbdh,
        master_data=vocabularies,
        header_extensions=tuple(extensions),
        document_extensions=(
            *members_to_nodes(beside, context),
            *(node for node in trailing if isinstance(node, Node)),
        ),
        attributes=attributes,
        namespaces=tuple(context.added.items()),
        context=written_context or None,
        query_name=_str(results.get("queryName")),
        subscription_id=_str(results.get("subscriptionID")),
        document_id=_str(document.get("id")),
        **(_outside_of(sbdh, document)),
    )


def _outside_of(sbdh: Node | None, document: dict[str, Any]) -> dict[str, str | None]:
    said = summary(sbdh)
    return {
        attribute: value
        for member, attribute in MEMBERS.items()
        if (value := _str(document.get(member))) is not None and said.get(member) != value
    }


def _vocabularies(written: Any, context: Context) -> list[Vocabulary]:  # noqa: ANN401  # JSON
    return [_vocabulary(_dict(part), context) for part in _list(written)]


def _vocabulary(members: dict[str, Any], context: Context) -> Vocabulary:
    rest, attributes = _beside(members, {"type", "vocabularyElementList"}, context)
    entries = _list(members.get("vocabularyElementList"))
    return Vocabulary(
        type=_str(members.get("type")) or "",
        elements=tuple(_entry(_dict(entry), context) for entry in entries),
        extensions=rest,
        foreign_attributes=attributes,
    )


def _entry(members: dict[str, Any], context: Context) -> VocabularyElement:
    rest, foreign = _beside(members, {"id", "attributes", "children"}, context)
    children = members.get("children")
    return VocabularyElement(
        id=_str(members.get("id")) or "",
        attributes=tuple(
            (_str(part.get("id")) or "", _content(part.get("attribute"), context))
            for part in map(_dict, _list(members.get("attributes")))
        ),
        children=None if children is None else tuple(str(child) for child in _list(children)),
        extensions=rest,
        foreign_attributes=foreign,
    )


def _content(value: Any, context: Context) -> tuple[Node | str, ...]:  # noqa: ANN401  # JSON value
    if value is None:
        return ()
    node = node_of_value(("", "attribute"), value, context)
    return (node,) if node.kind == "nested" else node.children


def _beside(
    members: dict[str, Any], known: set[str], context: Context
) -> tuple[tuple[Node, ...], tuple[tuple[str, str, str], ...]]:
    """Extensions and foreign attributes of an entry of master data."""
    attributes: tuple[tuple[str, str, str], ...] = ()
    extensions = []
    rest = {key: value for key, value in members.items() if key not in known}
    for node in members_to_nodes(rest, context):
        own = {name for namespace, name, _ in node.attributes if not namespace}
        if carries_attributes(node) and known.isdisjoint(own):
            attributes = node.attributes
        else:
            extensions.append(node)
    return tuple(extensions), attributes


def master_data_members(header: Header, prefixes: Prefixes) -> list[dict[str, Any]]:
    """The master data as a `vocabularyList`."""
    return [
        {
            "type": vocabulary.type,
            "vocabularyElementList": [_entry_members(e, prefixes) for e in vocabulary.elements],
            **beside_members(vocabulary.extensions, vocabulary.foreign_attributes, prefixes),
        }
        for vocabulary in header.master_data
    ]


def _entry_members(entry: VocabularyElement, prefixes: Prefixes) -> dict[str, Any]:
    members: dict[str, Any] = {"id": entry.id}
    if entry.attributes:
        members["attributes"] = [
            {"id": name, "attribute": _content_value(content, prefixes)}
            for name, content in entry.attributes
        ]
    if entry.children is not None:
        members["children"] = entry.children
    return {**members, **beside_members(entry.extensions, entry.foreign_attributes, prefixes)}


def _content_value(content: tuple[Node | str, ...], prefixes: Prefixes) -> Any:  # noqa: ANN401  # JSON
    return value_of(Node(name="attribute", children=content), prefixes)


def beside_members(
    extensions: tuple[Node, ...],
    attributes: tuple[tuple[str, str, str], ...],
    prefixes: Prefixes,
) -> dict[str, Any]:
    """Extensions and foreign attributes of a standard object as members of it."""
    if attributes:
        carrier = Node(namespace=OWN, name="eventAttributes", attributes=attributes)
        extensions = (*extensions, carrier)
    return beside_standard(extensions, prefixes, RESERVED) if extensions else {}


def header_members(header: Header, prefixes: Prefixes) -> dict[str, Any]:
    """The members of `epcisHeader`."""
    members: dict[str, Any] = {}
    if header.master_data and header.kind != "query":
        members["epcisMasterData"] = {"vocabularyList": master_data_members(header, prefixes)}
    nodes = header.header_extensions
    if (whole := for_json(header)) is not None:
        nodes = (whole, *nodes)
    return {**members, **beside_standard(nodes, prefixes, RESERVED)}


def context_of(header: Header, prefixes: Prefixes) -> list[Any]:
    """The `@context` to write: the document's own, completed, or the standard one with prefixes."""
    written = json.loads(header.context) if header.context else []
    parts: list[Any] = written if isinstance(written, list) else [written]
    if not any(isinstance(part, str) and is_standard(part) for part in parts):
        parts = [STANDARD_URL, *parts]
    known = Context.of(parts).prefixes
    missing = {
        prefix: as_iri(namespace)
        for prefix, namespace in prefixes.of_document.items()
        if known.get(prefix) != namespace
    }
    return [*parts, missing] if missing else parts


def _dict(value: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:  # noqa: ANN401  # JSON
    return value if isinstance(value, list) else []


def _str(value: Any) -> str | None:  # noqa: ANN401  # JSON
    return str(value) if isinstance(value, str) else None
