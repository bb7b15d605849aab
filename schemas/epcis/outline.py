"""Look up the description of an element by the names that lead to it from the root.

>>> record_at("1.2", ("ObjectEvent", "extension")).name
'ObjectEventExtensionType'
>>> [part.name for part in parts_of(record_at("2.0", ("ObjectEvent", "quantityList")))]
['quantityElement']
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from schemas.epcis.events import COMMON_FIELDS, EVENT_TYPES
from schemas.epcis.files import SHARED_FILES, schema_files
from schemas.epcis.grammar import Part
from schemas.epcis.parts import home_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.epcis.grammar import RecordType


def _local(holds: str) -> str:
    return holds.rpartition(":")[2]


@cache
def _records(version: str) -> dict[str, RecordType]:
    # Where two files use the same name for a record, the document file wins.
    files = (*schema_files(version), *SHARED_FILES)
    return {record.name: record for file in reversed(files) for record in file.records}


@cache
def _roots(version: str) -> dict[str, str]:
    files = (*schema_files(version), *SHARED_FILES)
    return {part.name: _local(part.holds) for file in files for part in file.roots}


def parts_of(record: RecordType) -> tuple[Part, ...]:
    """All elements a record may hold, in order, those of groups and choices included."""
    found: list[Part] = []
    for content in record.content:
        parts = (content,) if isinstance(content, Part) else content.parts
        found.extend(_named(part) for part in parts)
    return tuple(found)


def _named(part: Part) -> Part:
    if part.name:
        return part
    return Part(_local(part.holds), _local(part.holds), part.least, part.most)


def part_at(version: str, names: Sequence[str]) -> Part | None:
    """The element that local names, from a root element down, lead to; None where none is known."""
    if not names:
        return None
    holds = _roots(version).get(names[0])
    if holds is None:
        return None
    part = Part(names[0], holds)
    for name in names[1:]:
        record = _records(version).get(_local(part.holds))
        inside = {each.name: each for each in parts_of(record)} if record else {}
        if name not in inside:
            return None
        part = inside[name]
    return part


def record_at(version: str, names: Sequence[str]) -> RecordType | None:
    """The record of the element that local names lead to; None where none is known."""
    part = part_at(version, names)
    return None if part is None else _records(version).get(_local(part.holds))


@cache
def homes(version: str) -> dict[str, dict[str, str]]:
    """Where each event type keeps each field in one version: the nested element, or empty.

    >>> homes("1.2")["ObjectEvent"]["ilmd"], homes("1.2")["ObjectEvent"]["eventID"]
    ('extension', 'baseExtension')
    """
    return {
        kind.name: {
            field.name: home.below
            for field in (*COMMON_FIELDS, *kind.fields)
            if (home := home_of(field, version)) is not None
        }
        for kind in EVENT_TYPES
        if (kind.in_2_0 if version == "2.0" else kind.in_1_2)
    }
