"""Find the published schema files in an operator's folder by what they declare, not by name.

Standard: the XSD of EPCIS 1.2 and 2.0 and the JSON Schema of 2.0, as GS1 publishes them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from lxml import etree

from schemas.epcis.as_xsd import XSD
from schemas.epcis.events import EVENT_TYPES
from schemas.epcis.files import namespace
from schemas.json_value import JsonObject, members_of

if TYPE_CHECKING:
    from pathlib import Path

_FILES_MAX: Final = 2000
"""A folder with more files is not a folder of schemas."""
_SPACES: Final = ("epcis", "epcismd", "epcisq")
_ROOTS: Final = {
    "epcis": "EPCISDocument",
    "epcismd": "EPCISMasterDataDocument",
    "epcisq": "EPCISQueryDocument",
}


class PublishedFilesMissingError(FileNotFoundError):
    """The folder an operator named holds no file that declares what is needed."""


def _files(folder: Path, suffix: str) -> list[Path]:
    found = sorted(folder.rglob(f"*{suffix}"))
    if not found:
        raise PublishedFilesMissingError(f"{folder} holds no {suffix} files")
    if len(found) > _FILES_MAX:
        raise PublishedFilesMissingError(f"{folder} holds more than {_FILES_MAX} {suffix} files")
    return found


@cache
def _declared(folder: Path) -> dict[tuple[str, str], Path]:
    """Which file declares a root element: (namespace, element) to path."""
    declared: dict[tuple[str, str], Path] = {}
    for path in _files(folder, ".xsd"):
        root = etree.parse(path).getroot()
        for element in root.iterchildren(f"{{{XSD}}}element"):
            key = (root.get("targetNamespace", ""), element.get("name", ""))
            declared.setdefault(key, path)
    return declared


def _file(folder: Path, space: str, version: str) -> Path:
    uri, root = namespace(space, version).uri, _ROOTS[space]
    path = _declared(folder).get((uri, root))
    if path is None:
        raise PublishedFilesMissingError(
            f"no XSD below {folder} declares {root} of EPCIS {version} ({uri})"
        )
    return path


def xsd(kind: str, version: str, folder: Path) -> etree._ElementTree:
    """A schema that includes the published files of one version.

    `kind` is `all` for documents or `event` for single events. Raises PublishedFilesMissingError.
    """
    root = etree.Element(f"{{{XSD}}}schema", nsmap={"xsd": XSD})
    spaces = _SPACES if kind == "all" else _SPACES[:1]
    for space in spaces:
        path = _file(folder, space, version).resolve()
        etree.SubElement(
            root,
            f"{{{XSD}}}import",
            namespace=namespace(space, version).uri,
            schemaLocation=path.as_uri(),
        )
    if kind == "event":
        _declare_events(root, version)
    # Serialised and parsed again, so that prefixes inside attribute values are bound.
    return etree.ElementTree(etree.fromstring(etree.tostring(root)))


def _declare_events(root: etree._Element, version: str) -> None:
    for kind in EVENT_TYPES:
        if kind.in_2_0 if version == "2.0" else kind.in_1_2:
            element = etree.SubElement(
                root,
                f"{{{XSD}}}element",
                nsmap={"epcis": namespace("epcis", version).uri},
                name=kind.name,
            )
            element.set("type", f"epcis:{kind.name}Type")


@cache
def _json_files(folder: Path) -> tuple[JsonObject, ...]:
    loaded = []
    for path in _files(folder, ".json"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(content, dict) and isinstance(content.get("definitions"), dict):
            loaded.append(content)
    return tuple(loaded)


def json_schema(kind: str, folder: Path) -> JsonObject:
    """The published JSON Schema: `document`, one `event` of it, or `query`.

    Of several versions the newest is taken, by its `$id`. Raises PublishedFilesMissingError.
    """
    wanted = {"document": "epcisDocument", "event": "epcisDocument", "query": "EPCIS-Query"}[kind]
    fitting = [
        schema for schema in _json_files(folder) if wanted in members_of(schema["definitions"])
    ]
    if not fitting:
        raise PublishedFilesMissingError(f"no JSON Schema below {folder} defines {wanted}")
    newest = max(fitting, key=lambda schema: str(schema.get("$id", "")).partition("/2.")[2])
    if kind == "event":
        inside = {"$ref": "#/definitions/EPCIS-Document-Event"}
        return {"$schema": newest.get("$schema"), **inside, "definitions": newest["definitions"]}
    return newest
