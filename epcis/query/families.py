"""Parameters whose names carry a type, a unit or a field: `EQ_source_{type}`, `GE_value_{uom}`.

Each family has one form of name and one reader; a name that fits no form is no parameter.
Standard: EPCIS 2.0 section 8.2.7.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from epcis.query.conditions import (
    Amount,
    Condition,
    FieldExists,
    FieldIs,
    FieldOneOf,
    HasAttribute,
    HasWord,
    Op,
    QuantityIs,
    SensorAmount,
)
from epcis.query.values import BadValue, amount, amounts, moment, texts
from epcis.store.event_index import field as field_key
from epcis.store.event_index import instant, word
from epcis.units import number
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from epcis.query.names import Names


@dataclass(frozen=True, slots=True)
class Family:
    """Parameters whose names share a form: `EQ_source_{type}`, `GE_value_{uom}`."""

    form: re.Pattern[str]
    read: Callable[[re.Match[str], object, Names], Condition | None]


_SENSOR_COLUMN: Final = {
    "value": "value",
    "minValue": "min_value",
    "maxValue": "max_value",
    "meanValue": "mean_value",
    "sDev": "s_dev",
    "percValue": "perc_value",
    "percRank": "perc_rank",
}


def _quantity(match: re.Match[str], raw: object, _: Names) -> Condition:
    op = Op(match["op"])
    asked = amounts(raw) if op is Op.EQ else (amount(raw),)
    return QuantityIs(Amount("quantity", op, asked, match["uom"]))


def _measured(match: re.Match[str], raw: object, _: Names) -> Condition:
    op = Op(match["op"])
    asked = amounts(raw) if op is Op.EQ else (amount(raw),)
    return SensorAmount(Amount(_SENSOR_COLUMN[match["column"]], op, asked, match["uom"]))


def _typed_id(match: re.Match[str], raw: object, names: Names) -> Condition:
    kind = match["kind"]
    vocabulary = "btt" if kind == "bizTransaction" else "sdt"
    kind_type = bare(vocabulary, names.word(match["type"]))
    asked = map(names.word, texts(raw))
    return HasWord(tuple(word(kind, canonical_key(text), kind_type) for text in asked))


_MASTERED: Final = {
    "readPoint": "read_point",
    "bizLocation": "biz_location",
    "bizStep": "biz_step",
    "disposition": "disposition",
    "epcClass": "epc_class",
}


def _has_attribute(match: re.Match[str], raw: object, names: Names) -> Condition:
    spelled = tuple(one for text in texts(raw) for one in names.spellings(text))
    field, own = _mastered(match["field"], names)
    return HasAttribute(field, spelled, own_field=own)


def _attribute_is(match: re.Match[str], raw: object, names: Names) -> Condition:
    spelled = names.spellings(match["attribute"])
    field, own = _mastered(match["field"], names)
    return HasAttribute(field, spelled, texts(raw), own_field=own)


def _mastered(field: str, names: Names) -> tuple[str, int | None]:
    """The column of a standard field, or the digest of an extension field."""
    column = _MASTERED.get(field.removeprefix("epcis:"))
    return (column, None) if column else ("", field_key("event", names.field(field)))


_SCOPES: Final = {
    "": "event",
    "ILMD_": "ilmd",
    "ERROR_DECLARATION_": "error",
    "SENSORELEMENT_": "sensorElement",
    "SENSORMETADATA_": "sensorMetadata",
    "SENSORREPORT_": "sensorReport",
    "readPoint_": "readPoint",
    "bizLocation_": "bizLocation",
}


def _field(match: re.Match[str], raw: object, names: Names) -> Condition:
    name = names.field(match["name"])
    scope = _SCOPES[match["scope"] or ""]
    if match["inner"]:
        scope = f"INNER {scope}"
    fields = (field_key(scope, name),)
    if match["op"] == "EXISTS":
        return FieldExists(fields)
    op = Op(match["op"])
    if op is Op.EQ:
        return _field_equals(fields, scope, name, raw)
    return FieldIs(fields, op, _number_or_moment(raw))


def _number_or_moment(raw: object) -> Decimal | datetime:
    if isinstance(raw, str) and "T" in raw:
        return moment(raw)
    try:
        return amount(raw)
    except BadValue:
        raise BadValue("must be a number or a date and time") from None


def _field_equals(fields: tuple[int, ...], scope: str, name: str, raw: object) -> Condition:
    """Equality with texts; one that reads as a number or time also equals its other spellings."""
    members = raw if isinstance(raw, list | tuple) else [raw]
    typed = any(isinstance(member, int | float | Decimal) for member in members)
    if typed and not any(isinstance(member, bool) for member in members):
        return FieldOneOf(fields, (), numbers=amounts(raw), typed=True)
    if len(members) == 1 and isinstance(members[0], bool):
        raw = str(members[0]).lower()
    values = texts(raw)
    return FieldOneOf(
        fields,
        tuple(word(scope, value, name) for value in values),
        tuple(one for one in map(_plain_number, values) if one is not None),
        tuple(one for one in map(instant, values) if one is not None),
    )


_PLAIN_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")


def _plain_number(text: str) -> Decimal | None:
    """The number of a text that can only be meant as one: a lot `007` or `1E5` is not.

    >>> _plain_number("20.0"), _plain_number("007")
    (Decimal('20.0'), None)
    """
    return number(text) if _PLAIN_NUMBER.fullmatch(text) else None


_OPS: Final = "(?P<op>EQ|GT|GE|LT|LE)"
_UOM: Final = "(?P<uom>[A-Z0-9]{2,4})"
_SCOPE_NAMES: Final = "|".join(scope for scope in _SCOPES if scope)
_MASTERED_NAMES: Final = "|".join((*_MASTERED, r"[A-Za-z][^_]*[:#/][^_]+"))
"""An extension field has a qualified name without underscores: the attribute follows the first."""

FAMILIES: Final = (
    Family(re.compile(f"{_OPS}_quantity_{_UOM}"), _quantity),
    Family(
        re.compile(f"{_OPS}_(?P<column>value|minValue|maxValue|meanValue|sDev|percValue)_{_UOM}"),
        _measured,
    ),
    Family(
        re.compile(r"EQ_(?P<kind>bizTransaction|source|destination)_(?P<type>.+)", re.DOTALL),
        _typed_id,
    ),
    Family(re.compile(f"HASATTR_(?P<field>{_MASTERED_NAMES})"), _has_attribute),
    Family(
        re.compile(f"EQ_?ATTR_(?P<field>{_MASTERED_NAMES})_(?P<attribute>.+)", re.DOTALL),
        _attribute_is,
    ),
    Family(
        re.compile(
            f"(?P<op>EQ|GT|GE|LT|LE|EXISTS)_(?P<inner>INNER_)?(?P<scope>{_SCOPE_NAMES})?"
            r"(?P<name>[^_].*[:#/].+)",
            re.DOTALL,
        ),
        _field,
    ),
)
"""Every parameter whose name carries a type, a unit or a field."""
