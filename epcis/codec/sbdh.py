"""The Standard Business Document Header: what JSON-LD says of it, and the smallest one for XML.

JSON-LD documents name sender, receiver and instance identifier only. XML wants a whole SBDH, so one
is made that says nothing else; when such a one is read, JSON-LD needs only the three again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.codec.namespaces import SBDH
from epcis.model import Node

if TYPE_CHECKING:
    from epcis.model import Header

MEMBERS: Final = {
    "sender": "sender",
    "receiver": "receiver",
    "instanceIdentifier": "instance_identifier",
}
"""JSON-LD members and the attributes of the document header that hold them."""
_PATHS: Final = {
    "sender": ("Sender", "Identifier"),
    "receiver": ("Receiver", "Identifier"),
    "instanceIdentifier": ("DocumentIdentification", "InstanceIdentifier"),
}


def summary(sbdh: Node | None) -> dict[str, str]:
    """Sender, receiver and instance identifier of an SBDH, by their JSON-LD names.

    >>> summary(smallest({"sender": "urn:x:1"}, None))
    {'sender': 'urn:x:1'}
    """
    found = {}
    for member, path in _PATHS.items():
        node = sbdh
        for name in path:
            node = _child(node, name)
        if node is not None and node.text:
            found[member] = node.text
    return found


def summary_members(header: Header) -> dict[str, str]:
    """Sender, receiver and instance identifier of a document, wherever it says them."""
    summarized = summary(header.sbdh)
    written = {
        name: getattr(header, field) or summarized.get(name) for name, field in MEMBERS.items()
    }
    return {name: value for name, value in written.items() if value}


def smallest(summarized: dict[str, str], creation_date: str | None) -> Node:
    """The SBDH that says these things and nothing else."""
    date = creation_date or ""
    return _sbdh(
        "StandardBusinessDocumentHeader",
        _sbdh("HeaderVersion", "1.0"),
        _sbdh("Sender", _sbdh("Identifier", summarized.get("sender", ""))),
        _sbdh("Receiver", _sbdh("Identifier", summarized.get("receiver", ""))),
        _sbdh(
            "DocumentIdentification",
            _sbdh("Standard", "EPCglobal"),
            _sbdh("TypeVersion", "1.0"),
            _sbdh("InstanceIdentifier", summarized.get("instanceIdentifier", "")),
            _sbdh("Type", "Events"),
            _sbdh("CreationDateAndTime", date),
        ),
    )


def for_xml(header: Header) -> Node | None:
    """The SBDH to write in XML: the sender's own, or the smallest with what JSON-LD has."""
    if header.sbdh is not None:
        return header.sbdh
    summarized = summary_members(header)
    return smallest(summarized, header.creation_date) if summarized else None


def for_json(header: Header) -> Node | None:
    """The SBDH to write whole in JSON-LD; None where its three members say it all."""
    if header.sbdh == smallest(summary(header.sbdh), header.creation_date):
        return None
    return header.sbdh


def _sbdh(name: str, *children: Node | str) -> Node:
    return Node(namespace=SBDH, name=name, children=tuple(child for child in children if child))


def _child(node: Node | None, name: str) -> Node | None:
    for child in node.children if node else ():
        if isinstance(child, Node) and child.name == name:
            return child
    return None
