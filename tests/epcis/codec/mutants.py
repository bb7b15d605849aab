"""Documents damaged in the ways files get damaged, and in ways an attacker would choose."""

from __future__ import annotations

import json
import random
import re
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAG = re.compile(rb"<[^<>]+>")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')


def xml_mutants(documents: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    for _ in range(count):
        document = dice.choice(documents)
        for _ in range(dice.choice((1, 1, 2, 4))):
            document = dice.choice(_XML)(document, dice)
        yield document


def json_mutants(documents: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    dice = random.Random(seed)
    for _ in range(count):
        document = dice.choice(documents)
        for _ in range(dice.choice((1, 1, 2, 4))):
            document = dice.choice(_JSON)(document, dice)
        yield document


def _flip(document: bytes, dice: random.Random) -> bytes:
    if not document:
        return document
    at = dice.randrange(len(document))
    return document[:at] + bytes([dice.randrange(256)]) + document[at + 1 :]


def _cut_off(document: bytes, dice: random.Random) -> bytes:
    return document[: dice.randrange(len(document) + 1)]


def _drop_bytes(document: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(document) + 1)
    return document[:at] + document[at + dice.randint(1, 40) :]


def _double_bytes(document: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(document) + 1)
    part = document[at : at + dice.randint(1, 400)]
    return document[:at] + part + document[at:]


def _swap_tags(document: bytes, dice: random.Random) -> bytes:
    tags = list(_TAG.finditer(document))
    if len(tags) < 2:
        return document
    one, other = sorted(dice.sample(tags, 2), key=lambda tag: tag.start())
    between = document[one.end() : other.start()]
    return document[: one.start()] + other[0] + between + one[0] + document[other.end() :]


def _tree(change):
    def mutate(document: bytes, dice: random.Random) -> bytes:
        try:
            root = etree.fromstring(document)
        except (etree.XMLSyntaxError, ValueError):
            return document
        elements = [e for e in root.iter(etree.Element) if e.getparent() is not None]
        if elements:
            change(dice.choice(elements), dice)
        return etree.tostring(root)

    return mutate


def _drop(element, dice):
    element.getparent().remove(element)


def _double(element, dice):
    element.addnext(etree.fromstring(etree.tostring(element)))


def _reorder(element, dice):
    parent = element.getparent()
    parent.insert(dice.randrange(len(parent)), element)


def _rename(element, dice):
    names = ("ObjectEvent", "extension", "epcList", "action", "x", "{urn:x}y", "EventList", "ilmd")
    element.tag = dice.choice(names)


def _retype(element, dice):
    element.text = dice.choice(
        ("", "ADD", "2026-13-45T99:99:99", "\u00e9\u0301", "9" * 400, "-1", " ")
    )


def _attribute(element, dice):
    name = dice.choice(("type", "{urn:x}a", "{http://www.w3.org/2001/XMLSchema-instance}nil", "id"))
    element.set(name, dice.choice(("", "true", "urn:x:y")))


def _nest(element, dice):
    for _ in range(dice.randint(1, 150)):
        element = etree.SubElement(element, dice.choice(("extension", "{urn:x}deep", "epc")))


def _members(change):
    def mutate(document: bytes, dice: random.Random) -> bytes:
        try:
            value = json.loads(document)
        except (ValueError, RecursionError):
            return document
        holders = []
        level = [value]
        while level:
            part = level.pop()
            if isinstance(part, (dict, list)) and part:
                holders.append(part)
                level.extend(part.values() if isinstance(part, dict) else part)
        if holders:
            change(dice.choice(holders), dice)
        return json.dumps(value).encode()

    return mutate


_ODD = (
    None,
    True,
    [],
    {},
    "",
    "ADD",
    7,
    -1.5e300,
    ["x"],
    {"id": 3},
    {"@value": 1, "@type": 2},
    [[[]]],
)


def _key(holder, dice):
    return dice.choice(list(holder)) if isinstance(holder, dict) else dice.randrange(len(holder))


def _drop_member(holder, dice):
    del holder[_key(holder, dice)]


def _retype_member(holder, dice):
    holder[_key(holder, dice)] = dice.choice(_ODD)


def _add_member(holder, dice):
    name = dice.choice(
        ("type", "@context", "x:y", "epcList", "urn:packtrail:ns:content", "", "@id")
    )
    if isinstance(holder, dict):
        holder[name] = dice.choice(_ODD)
    else:
        holder.append(dice.choice(_ODD))


def _nest_member(holder, dice):
    value = holder[_key(holder, dice)]
    for _ in range(dice.randint(1, 150)):
        value = [value] if dice.random() < 0.5 else {"urn:x:y": value}
    holder[_key(holder, dice)] = value


def _double_string(document: bytes, dice: random.Random) -> bytes:
    strings = list(_STRING.finditer(document))
    if not strings:
        return document
    one, other = dice.choice(strings), dice.choice(strings)
    return document[: one.start()] + other[0] + document[one.end() :]


def _escape(document: bytes, dice: random.Random) -> bytes:
    at = document.find(b'"', dice.randrange(len(document) + 1)) + 1
    odd = dice.choice((rb"\ud800", rb"\u0000", rb"\udc00\ud800", b"\xff", rb"\q", b"\x00", b"NaN"))
    return document[:at] + odd + document[at:]


_BYTES = (_flip, _cut_off, _drop_bytes, _double_bytes)
_XML = (
    *_BYTES,
    _swap_tags,
    *map(_tree, (_drop, _double, _reorder, _rename, _retype, _attribute, _nest)),
)
_JSON = (
    *_BYTES,
    _double_string,
    _escape,
    *map(_members, (_drop_member, _retype_member, _retype_member, _add_member, _nest_member)),
)
