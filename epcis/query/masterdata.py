"""The simple master data query: vocabularies, their elements, attributes and children.

Standard: EPCIS 1.2 section 8.2.7.2. A caller with a party sees what it may know, see `visible`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import exists, select

from epcis.model import Vocabulary, VocabularyElement
from epcis.query.names import Names
from epcis.query.parameters import QueryRefused
from epcis.query.values import BadValue, TooMuch, count, flag, texts
from epcis.query.visible import below, master_data_of
from epcis.store.event_tables import master_data, master_data_attribute
from schemas.finding import Finding, Severity, Where
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import ColumnElement, Select

    from epcis.database.transactions import Snapshot

ELEMENTS_MAX: Final = 100_000
"""Most elements of one answer."""
_ELEMENT: Final = msgspec.msgpack.Decoder(VocabularyElement)


@dataclass(frozen=True, slots=True)
class MasterDataQuery:
    """What master data is asked for."""

    vocabularies: tuple[str, ...] | None = None
    include_attributes: bool = False
    include_children: bool = False
    attribute_names: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    """EQ_name: canonical keys."""
    below: tuple[str, ...] | None = None
    """WD_name: canonical keys, themselves included."""
    having: tuple[str, ...] | None = None
    """HASATTR: one of these attributes is there."""
    equal: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """EQATTR: attribute and the values it may have."""
    max_element_count: int = ELEMENTS_MAX


def _keys(raw: object) -> tuple[str, ...]:
    return tuple(canonical_key(one) for one in texts(raw))


_READERS: Final[dict[str, tuple[str, Callable[[object], Any]]]] = {
    "vocabularyName": ("vocabularies", texts),
    "includeAttributes": ("include_attributes", flag),
    "includeChildren": ("include_children", flag),
    "attributeNames": ("attribute_names", texts),
    "EQ_name": ("names", _keys),
    "WD_name": ("below", _keys),
    "HASATTR": ("having", texts),
    "maxElementCount": ("max_element_count", count),
}


def _no_such(_raw: object) -> None:
    raise BadValue("is not a parameter of the simple master data query")


_UNKNOWN: Final = ("", _no_such)


def parse(raw: Mapping[str, object]) -> MasterDataQuery:
    """Read the parameters; raises `QueryRefused` with everything that is wrong.

    >>> parse({"includeAttributes": "true", "includeChildren": "false"}).include_attributes
    True
    """
    findings: list[Finding] = []
    values: dict[str, Any] = {}
    equal: dict[str, tuple[str, ...]] = {}
    for name, value in raw.items():
        try:
            if name.startswith("EQATTR_") and len(name) > len("EQATTR_") and name.isprintable():
                equal[name.removeprefix("EQATTR_")] = texts(value)
            else:
                target, read = _READERS.get(name, _UNKNOWN)
                values[target] = read(value)
        except (BadValue, TooMuch) as fault:
            findings.append(_fault(name, f"{name} {fault}"))
    findings.extend(
        _fault(name, f"{name} must be given")
        for name in ("includeAttributes", "includeChildren")
        if name not in raw
    )
    if findings:
        raise QueryRefused("QueryParameterException", findings)
    return MasterDataQuery(**values, equal=equal)


def _fault(name: str, what: str) -> Finding:
    return Finding("query.parameter", Severity.ERROR, what, where=Where(path=name))


def ask(snapshot: Snapshot, query: MasterDataQuery, *, party: str | None) -> tuple[Vocabulary, ...]:
    """The vocabularies found, each with its elements, in the order of their type and id."""
    maximum = min(query.max_element_count, ELEMENTS_MAX)
    rows = snapshot.connection.execute(_statement(query, party).limit(maximum + 1)).all()
    if len(rows) > maximum:
        what = f"more than {maximum} elements match"
        raise QueryRefused("QueryTooLargeException", [_fault("maxElementCount", what)])
    found: dict[str, list[VocabularyElement]] = defaultdict(list)
    for row in rows:
        found[row.type].append(_shown(_ELEMENT.decode(row.payload), query))
    return tuple(Vocabulary(type=kind, elements=tuple(ones)) for kind, ones in found.items())


def _statement(query: MasterDataQuery, party: str | None) -> Select[str, bytes]:
    vocabulary = master_data.c
    statement = select(vocabulary.type, vocabulary.payload).order_by(vocabulary.type, vocabulary.id)
    if query.vocabularies is not None:
        statement = statement.where(vocabulary.type.in_(query.vocabularies))
    if query.names is not None:
        statement = statement.where(vocabulary.key.in_(query.names))
    if query.below is not None:
        statement = statement.where(below(master_data.c.key, query.below, party))
    if query.having is not None:
        statement = statement.where(_has_attribute(query.having))
    for name, values in query.equal.items():
        statement = statement.where(_has_attribute((name,), values))
    return statement.where(*master_data_of(party))


def _has_attribute(
    names: tuple[str, ...], values: tuple[str, ...] | None = None
) -> ColumnElement[bool]:
    rows, vocabulary = master_data_attribute.c, master_data.c
    spelled = tuple(one for name in names for one in Names().spellings(name))
    asked = [rows.type == vocabulary.type, rows.id == vocabulary.id, rows.name.in_(spelled)]
    if values is not None:
        asked.append(rows.value.in_(values))
    return exists().where(*asked)


def _shown(element: VocabularyElement, query: MasterDataQuery) -> VocabularyElement:
    """The element with as much of it as was asked for."""
    attributes = element.attributes if query.include_attributes else ()
    if query.attribute_names is not None:
        wanted = {one for name in query.attribute_names for one in Names().spellings(name)}
        attributes = tuple(one for one in attributes if one[0] in wanted)
    children = element.children if query.include_children else None
    return msgspec.structs.replace(element, attributes=attributes, children=children or None)
