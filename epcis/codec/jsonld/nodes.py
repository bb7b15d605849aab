"""User extensions in JSON-LD as trees, and trees as JSON-LD, faithfully both ways.

A plain element is a string, an element with elements an object, repeated elements an array. What
JSON has no word for stands in members of our own namespace, `urn:packtrail:ns:`: `attributes`,
`content` (mixed content in order), `order` (names of siblings that repeat apart from each other)
and `plain` (elements without a namespace whose names the standard uses itself). An element with
nothing but an `xsi:type` is a typed value of JSON-LD.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

import msgspec

from epcis.codec.names import is_attribute
from epcis.codec.namespaces import OWN, XSI
from epcis.model import Node
from schemas.json_value import entries_of, members_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from epcis.codec.jsonld.context import Context
    from epcis.codec.jsonld.prefixes import Prefixes
    from schemas.json_value import JsonObject, JsonValue

ATTRIBUTES: Final = f"{OWN}attributes"
CONTENT: Final = f"{OWN}content"
ORDER: Final = f"{OWN}order"
PLAIN: Final = f"{OWN}plain"
_RESERVED: Final = frozenset({(OWN, "kind"), (OWN, "name")})
"""Attributes with which XML says what a member was in JSON."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class JsonNumber(str):
    """A JSON number as written."""

    __slots__ = ()


def number(text: str) -> msgspec.Raw | str:
    """A written number as JSON writes it, digit by digit where JSON allows; else the text.

    >>> bytes(number("26.0")), bytes(number("+5.")), number("many")
    (b'26.0', b'5', 'many')
    """
    if _NUMBER.fullmatch(text):
        return msgspec.Raw(text.encode())
    plain = text.strip().removeprefix("+")
    whole, _, part = plain.partition(".")
    sign = "-" if whole.startswith("-") else ""
    whole = whole.removeprefix("-").lstrip("0") or "0"
    tidy = f"{sign}{whole}.{part}" if part else f"{sign}{whole}"
    return msgspec.Raw(tidy.encode()) if _NUMBER.fullmatch(tidy) else text


def nodes_of(key: str, value: JsonValue, context: Context) -> list[Node]:
    """A member of an object as trees: several where its value is an array."""
    name = context.resolve(key)
    if not isinstance(value, list):
        return [node_of_value(name, value, context)]
    if not value:
        return [_named(name, kind="array")]
    nodes = [node_of_value(name, part, context) for part in value]
    if len(nodes) == 1:
        kind = f"array {nodes[0].kind or 'string'}"
        return [msgspec.structs.replace(nodes[0], kind=kind)]
    return nodes


def _named(
    name: tuple[str, str],
    *,
    kind: str = "",
    children: tuple[Node | str, ...] = (),
    attributes: tuple[tuple[str, str, str], ...] = (),
) -> Node:
    return Node(
        namespace=name[0], name=name[1], kind=kind, children=children, attributes=attributes
    )


def node_of_value(name: tuple[str, str], value: JsonValue, context: Context) -> Node:
    """A JSON value as the tree of the given (namespace, local name)."""
    if isinstance(value, JsonNumber):
        return _named(name, children=(str(value),), kind="number")
    if isinstance(value, str):
        return _named(name, children=(value,) if value else ())
    if isinstance(value, bool):
        return _named(name, children=("true" if value else "false",), kind="boolean")
    if value is None:
        return _named(name, kind="null")
    if isinstance(value, list):
        items = tuple(node_of_value(("", "item"), part, context) for part in value)
        return _named(name, children=items, kind="nested")
    return _object_node(name, members_of(value), context)


def _object_node(name: tuple[str, str], members: JsonObject, context: Context) -> Node:
    if "@context" in members:
        context = context.extended(members["@context"])
        members = {key: value for key, value in members.items() if key != "@context"}
    if not members:
        return _named(name, kind="object")
    if members.keys() == {"@type", "@value"} and type(members["@type"]) is str:
        plain = node_of_value(name, members["@value"], context)
        return msgspec.structs.replace(plain, attributes=((XSI, "type", members["@type"]),))
    members = dict(members)
    attributes = taken_attributes(members, ATTRIBUTES, context)
    children: list[Node | str] = []
    content = entries_of(members.get(CONTENT))
    if not all(isinstance(part, (str, dict)) for part in content):
        content = []
    elif isinstance(members.get(CONTENT), list):
        del members[CONTENT]
    for part in content:
        if isinstance(part, dict):
            children.extend(members_to_nodes(part, context))
        else:
            children.append(str(part))
    children.extend(members_to_nodes(members, context))
    return _named(name, attributes=attributes, children=tuple(children))


def taken_attributes(
    members: JsonObject,
    key: str,
    context: Context,
    reserved: frozenset[tuple[str, str]] = _RESERVED,
) -> tuple[tuple[str, str, str], ...]:
    """XML attributes that a member of an object holds; the member is taken out of the object.

    It stays, as any other member, where it holds what cannot be attributes: values that are no
    strings, names that XML does not allow, that stand twice, or that are `reserved`.
    """
    written = members.get(key)
    if not isinstance(written, dict) or not all(isinstance(v, str) for v in written.values()):
        return ()
    names = [context.resolve(name) for name in written]
    can_be = len(set(names)) == len(names) and reserved.isdisjoint(names)
    if not can_be or not all(is_attribute(*name) for name in names):
        return ()
    del members[key]
    return tuple((*name, str(value)) for name, value in zip(names, written.values(), strict=True))


def carries_attributes(node: Node) -> bool:
    """Whether a tree is what `beside_members` writes for the attributes of a standard object."""
    return (node.namespace, node.name) == (OWN, "eventAttributes") and not node.children


def members_to_nodes(members: JsonObject, context: Context) -> list[Node]:
    """The members of an object as trees, in order."""
    order = members.get(ORDER)
    nodes = {
        key: nodes_of(key, value, context)
        for key, value in members.items()
        if key not in (ORDER, PLAIN)
    }
    if isinstance(plain := members.get(PLAIN), dict):
        nodes[PLAIN] = members_to_nodes(plain, context)
    if not isinstance(order, list):
        return [node for group in nodes.values() for node in group]
    left = {key: deque(group) for key, group in nodes.items()}
    ordered = [left[key].popleft() for key in order if type(key) is str and left.get(key)]
    return [*ordered, *(node for group in left.values() for node in group)]


def beside_standard(
    nodes: Iterable[Node], prefixes: Prefixes, reserved: frozenset[str]
) -> dict[str, object]:
    """Trees as members beside standard members; those that bear a standard name stand apart."""
    nodes = list(nodes)
    apart = [node for node in nodes if not node.namespace and node.name in reserved]
    if not apart:
        return to_members(nodes, prefixes)
    rest = [node for node in nodes if node.namespace or node.name not in reserved]
    return {**to_members(rest, prefixes), PLAIN: to_members(apart, prefixes)}


def to_members(nodes: Iterable[Node], prefixes: Prefixes) -> dict[str, object]:
    """Sibling trees as the members of an object."""
    keys: list[str] = []
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        key = prefixes.key(node.namespace, node.name)
        keys.append(key)
        groups.setdefault(key, []).append(node)
    members: dict[str, object] = {key: _value(group, prefixes) for key, group in groups.items()}
    in_groups = [key for key, group in groups.items() for _ in group]
    if keys != in_groups:
        members[ORDER] = keys
    return members


def _value(group: Sequence[Node], prefixes: Prefixes) -> object:
    if len(group) > 1:
        return [value_of(node, prefixes) for node in group]
    node = group[0]
    if node.kind == "array":
        return []
    value = value_of(node, prefixes)
    return [value] if node.kind.startswith("array ") else value


def value_of(node: Node, prefixes: Prefixes) -> object:
    """One tree as a JSON value."""
    kind = node.kind.removeprefix("array ")
    if not node.attributes:
        if kind == "nested":
            return [value_of(child, prefixes) for child in node.children if isinstance(child, Node)]
        if not any(isinstance(child, Node) for child in node.children):
            return _scalar(node, kind)
        if all(isinstance(child, Node) for child in node.children):
            return to_members((c for c in node.children if isinstance(c, Node)), prefixes)
    elif [a[:2] for a in node.attributes] == [(XSI, "type")] and _is_leaf(node):
        return {"@type": node.attributes[0][2], "@value": _scalar(node, kind)}
    return _full(node, prefixes)


def _is_leaf(node: Node) -> bool:
    return not any(isinstance(child, Node) for child in node.children)


def _scalar(node: Node, kind: str) -> object:
    text = "".join(child for child in node.children if isinstance(child, str))
    if kind == "number":
        return number(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "null" and not text:
        return None
    if kind == "object" and not text:
        return {}
    return text


def _full(node: Node, prefixes: Prefixes) -> dict[str, object]:
    members: dict[str, object] = {}
    if node.attributes:
        members[ATTRIBUTES] = {
            prefixes.key(namespace, name): value for namespace, name, value in node.attributes
        }
    elements = [child for child in node.children if isinstance(child, Node)]
    if len(elements) == len(node.children):
        return {**members, **to_members(elements, prefixes)}
    members[CONTENT] = [
        child if isinstance(child, str) else to_members([child], prefixes)
        for child in node.children
    ]
    return members
