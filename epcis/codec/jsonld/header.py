"""What a JSON-LD document says beside its events, and how it is written there.

JSON-LD has members of its own for the sender, receiver and instance identifier only; the whole
SBDH, and foreign header elements such as the DSCSA transaction statement, stand in `epcisHeader`
under their own namespaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.json_value import JsonObject, JsonValue

import json
from typing import Final

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
from schemas.json_value import entries_of, members_of, text_of

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


def read_header(document: JsonObject, context: Context, written_context: bytes) -> Header:
    """The header from a document's members, its event list taken out."""
    kind = "query" if document["type"] == "EPCISQueryDocument" else "document"
    header = members_of(document.get("epcisHeader"))
    results = members_of(members_of(document.get("epcisBody")).get("queryResults"))
    results_body = members_of(results.get("resultsBody"))
    vocabularies = (
        *_vocabularies(members_of(header.get("epcisMasterData")).get("vocabularyList"), context),
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
        kind = "masterdata"
        del beside[KIND]
    attributes = taken_attributes(beside, ROOT_ATTRIBUTES, context, _OF_ROOT)
    trailing = node_of_value(("", "trailing"), beside.pop(TRAILING, None), context).children
    return Header(
        kind=kind,
        schema_version=text_of(document.get("schemaVersion")) or "",
        creation_date=text_of(document.get("creationDate")),
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
        query_name=text_of(results.get("queryName")),
        subscription_id=text_of(results.get("subscriptionID")),
        document_id=text_of(document.get("id")),
        **(_outside_of(sbdh, document)),
    )


def _outside_of(sbdh: Node | None, document: JsonObject) -> dict[str, str | None]:
    summarized = summary(sbdh)
    return {
        attribute: value
        for member, attribute in MEMBERS.items()
        if (value := text_of(document.get(member))) is not None and summarized.get(member) != value
    }


def _vocabularies(written: JsonValue, context: Context) -> list[Vocabulary]:
    return [_vocabulary(members_of(part), context) for part in entries_of(written)]


def _vocabulary(members: JsonObject, context: Context) -> Vocabulary:
    rest, attributes = _beside(members, {"type", "vocabularyElementList"}, context)
    entries = entries_of(members.get("vocabularyElementList"))
    return Vocabulary(
        type=text_of(members.get("type")) or "",
        elements=tuple(_entry(members_of(entry), context) for entry in entries),
        extensions=rest,
        foreign_attributes=attributes,
    )


def _entry(members: JsonObject, context: Context) -> VocabularyElement:
    rest, foreign = _beside(members, {"id", "attributes", "children"}, context)
    children = members.get("children")
    return VocabularyElement(
        id=text_of(members.get("id")) or "",
        attributes=tuple(
            (text_of(part.get("id")) or "", _content(part.get("attribute"), context))
            for part in map(members_of, entries_of(members.get("attributes")))
        ),
        children=None if children is None else tuple(str(child) for child in entries_of(children)),
        extensions=rest,
        foreign_attributes=foreign,
    )


def _content(value: JsonValue, context: Context) -> tuple[Node | str, ...]:
    if value is None:
        return ()
    node = node_of_value(("", "attribute"), value, context)
    return (node,) if node.kind == "nested" else node.children


def _beside(
    members: JsonObject, known: set[str], context: Context
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


def master_data_members(header: Header, prefixes: Prefixes) -> list[dict[str, object]]:
    """The master data as a `vocabularyList`."""
    return [
        {
            "type": vocabulary.type,
            "vocabularyElementList": [_entry_members(e, prefixes) for e in vocabulary.elements],
            **beside_members(vocabulary.extensions, vocabulary.foreign_attributes, prefixes),
        }
        for vocabulary in header.master_data
    ]


def _entry_members(entry: VocabularyElement, prefixes: Prefixes) -> dict[str, object]:
    members: dict[str, object] = {"id": entry.id}
    if entry.attributes:
        members["attributes"] = [
            {"id": name, "attribute": _content_value(content, prefixes)}
            for name, content in entry.attributes
        ]
    if entry.children is not None:
        members["children"] = entry.children
    return {**members, **beside_members(entry.extensions, entry.foreign_attributes, prefixes)}


def _content_value(content: tuple[Node | str, ...], prefixes: Prefixes) -> object:
    return value_of(Node(name="attribute", children=content), prefixes)


def beside_members(
    extensions: tuple[Node, ...],
    attributes: tuple[tuple[str, str, str], ...],
    prefixes: Prefixes,
) -> dict[str, object]:
    """Extensions and foreign attributes of a standard object as members of it."""
    if attributes:
        carrier = Node(namespace=OWN, name="eventAttributes", attributes=attributes)
        extensions = (*extensions, carrier)
    return beside_standard(extensions, prefixes, RESERVED) if extensions else {}


def header_members(header: Header, prefixes: Prefixes) -> dict[str, object]:
    """The members of `epcisHeader`."""
    members: dict[str, object] = {}
    if header.master_data and header.kind != "query":
        members["epcisMasterData"] = {"vocabularyList": master_data_members(header, prefixes)}
    nodes = header.header_extensions
    if (whole := for_json(header)) is not None:
        nodes = (whole, *nodes)
    return {**members, **beside_standard(nodes, prefixes, RESERVED)}


def context_of(header: Header, prefixes: Prefixes) -> list[JsonValue]:
    """The `@context` to write: the document's own, completed, or the standard one with prefixes."""
    written = json.loads(header.context) if header.context else []
    parts: list[JsonValue] = written if isinstance(written, list) else [written]
    if not any(isinstance(part, str) and is_standard(part) for part in parts):
        parts = [STANDARD_URL, *parts]
    known = Context.of(parts).prefixes
    missing: JsonObject = {
        prefix: as_iri(namespace)
        for prefix, namespace in prefixes.of_document.items()
        if known.get(prefix) != namespace
    }
    return [*parts, missing] if missing else parts
