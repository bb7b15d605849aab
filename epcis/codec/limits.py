"""How much of a document the codec is willing to take in: every bound has a name here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from epcis.model import Node

LAYOUT_LEVELS_MAX: Final = 8
"""Elements in which a version of XML wraps what it has no place for: they are no part of a tree."""


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds on one document; exceeding one refuses the document with a finding.

    >>> DocumentLimits().findings_max
    1000
    """

    document_bytes_max: int = 4 * 2**30
    """Plain size, after unpacking."""
    packed_ratio_max: int = 200
    """Plain bytes per packed byte of a gzip or zip file."""
    packed_free_bytes: int = 8 * 2**20
    """Below this plain size the ratio is not looked at: tiny files pack extremely well."""
    prolog_bytes_max: int = 256 * 2**10
    """What may stand before the root element of an XML file."""
    event_bytes_max: int = 64 * 2**20
    """One event, header or foreign part of a document."""
    event_values_max: int = 2_500_000
    """Elements, attributes or JSON values in one event: a few bytes each, much memory."""
    extension_nodes_max: int = 200_000
    """Elements or values in the user extensions of one event."""
    extension_names_max: int = 10_000
    """Different names of elements or keys in one event: each is a field that it is found by."""
    namespaces_max: int = 200
    """Prefixes in scope at one element, of one event, or bound by one `@context`."""
    depth_max: int = 100
    """Trees inside each other in an event or header, as `nesting` counts them in any syntax."""
    events_max: int = 10_000_000
    """Events in one document."""
    findings_max: int = 1000
    """Findings that are listed one by one; further ones are only counted."""


def nesting(value: object) -> int:
    """How many extension trees stand inside each other in an event, a header or parts of them.

    >>> nesting((Node(name="a", children=(Node(name="b"), "text")),)), nesting(())
    (2, 0)
    """
    left: list[Any] = [value]
    level: list[Node] = []
    while left:
        part = left.pop()
        if isinstance(part, Node):
            level.append(part)
        elif isinstance(part, msgspec.Struct):
            left.extend(getattr(part, name) for name in part.__struct_fields__)
        elif isinstance(part, (tuple, list)):
            left.extend(part)
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in node.children if isinstance(child, Node)]
    return depth
