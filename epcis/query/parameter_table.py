"""The table of the simple event query's parameters with fixed names: one row each.

A row says how its value is read and which condition on a column or an index it becomes; the
refusals, the interface description and the JSON form of a query follow from it. To add one, see
`CONTRIBUTING.md`. Standard: EPCIS 2.0 section 8.2.7.1. Names follow the standard's text; the
spellings of the published query schema that differ (`GE_errorDeclaration_Time`) are accepted too.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from epcis.query.conditions import (
    Amount,
    Condition,
    Declared,
    Descends,
    HasSensor,
    HasWord,
    NamesClass,
    NamesItem,
    OneOf,
    Op,
    QuantityIs,
    SensorAmount,
    SensorFlag,
    SensorOneOf,
    SensorWhen,
    When,
)
from epcis.query.names import WELL_KNOWN, Names
from epcis.query.patterns import read, read_class
from epcis.query.values import BadValue, amount, amounts, flag, moment, texts
from epcis.store.event_index import word
from epcis.store.event_tables import Role
from schemas.cbv import bare
from schemas.gs1.epc import canonical_key, identify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.gs1.epc import Identifier

EVENT_TYPES: Final = (
    "ObjectEvent",
    "AggregationEvent",
    "TransactionEvent",
    "TransformationEvent",
    "AssociationEvent",
    "QuantityEvent",
)
ACTIONS: Final = ("ADD", "OBSERVE", "DELETE")
_PREFIX_LENGTHS: Final = range(6, 13)
"""Digits of a GS1 Company Prefix."""
ANY_ROLE: Final = (Role.EPC, Role.CHILD, Role.PARENT, Role.INPUT, Role.OUTPUT)

Reader = Callable[[object, Names], Condition | None]


class Takes(Enum):
    """What a caller writes as the value of a parameter."""

    TEXTS = auto()
    TIME = auto()
    NUMBER = auto()
    NUMBERS = auto()
    FLAG = auto()


class Parameter(NamedTuple):
    """One row: how a value is read, and what the caller may write."""

    read: Reader
    takes: Takes
    choices: tuple[str, ...] = ()
    """All that may be written, where only these may."""


def _fixed() -> dict[str, Parameter]:
    table = {
        "eventType": Parameter(_event_type, Takes.TEXTS, EVENT_TYPES),
        "EQ_action": _choice("action", ACTIONS),
        "EQ_bizStep": _vocabulary("biz_step", "bizstep"),
        "EQ_disposition": _vocabulary("disposition", "disp"),
        "EQ_persistentDisposition_set": _word("persistentDisposition_set", "disp"),
        "EQ_persistentDisposition_unset": _word("persistentDisposition_unset", "disp"),
        "EQ_readPoint": _place("read_point"),
        "WD_readPoint": _below("read_point"),
        "EQ_bizLocation": _place("biz_location"),
        "WD_bizLocation": _below("biz_location"),
        "EQ_transformationID": _spelled("transformation_id"),
        "MATCH_epc": _names(Role.EPC, Role.CHILD),
        "MATCH_parentID": _names(Role.PARENT),
        "MATCH_inputEPC": _names(Role.INPUT),
        "MATCH_outputEPC": _names(Role.OUTPUT),
        "MATCH_anyEPC": _names(*ANY_ROLE),
        "MATCH_epcClass": _names_class(Role.EPC, Role.CHILD),
        "MATCH_inputEPCClass": _names_class(Role.INPUT),
        "MATCH_outputEPCClass": _names_class(Role.OUTPUT),
        "MATCH_anyEPCClass": _names_class(*ANY_ROLE),
        "EQ_eventID": _iris("event_id"),
        "EXISTS_errorDeclaration": _if_true(Declared()),
        "EQ_errorReason": _vocabulary("error_reason", "er"),
        "EQ_correctiveEventID": _word("correctiveEventID"),
        "EXISTS_sensorElementList": _if_true(HasSensor()),
        "EQ_type": _sensor("type", spell=partial(bare, "measurement")),
        "EQ_deviceID": _sensor("device", "element_device", spell=canonical_key),
        "EQ_dataProcessingMethod": _sensor("method", "element_method"),
        "EQ_bizRules": _sensor("rules", "element_rules"),
        "EQ_microorganism": _sensor("microorganism"),
        "EQ_chemicalSubstance": _sensor("substance"),
        "EQ_stringValue": _sensor_text("string_value"),
        "EQ_hexBinaryValue": _sensor_text("hex_value", str.upper),
        "EQ_uriValue": _sensor("uri_value"),
        "EQ_booleanValue": Parameter(lambda raw, _: SensorFlag(flag(raw)), Takes.FLAG),
    }
    for op in (Op.GE, Op.LT):
        table[f"{op}_eventTime"] = _when("event_time", op)
        table[f"{op}_recordTime"] = _when("record_time", op)
        table[f"{op}_errorDeclarationTime"] = _when("declared_error", op)
        table[f"{op}_errorDeclaration_Time"] = _when("declared_error", op)
        table[f"{op}_time"] = _sensor_when(op, "time", "element_time")
        table[f"{op}_startTime"] = _sensor_when(op, "start_time")
        table[f"{op}_endTime"] = _sensor_when(op, "end_time")
    for op in Op:
        table[f"{op}_quantity"] = _bare_amount("quantity", op, sensor=False)
        table[f"{op}_percRank"] = _bare_amount("perc_rank", op, sensor=True)
    return table


def _vocabulary(column: str, kind: str) -> Parameter:
    def read_words(raw: object, names: Names) -> Condition:
        return OneOf(column, tuple(bare(kind, names.word(text)) for text in texts(raw)))

    return Parameter(read_words, Takes.TEXTS)


def _word(kind: str, vocabulary: str | None = None) -> Parameter:
    def read_word(raw: object, names: Names) -> Condition:
        values = (names.word(text) for text in texts(raw))
        return HasWord(
            tuple(word(kind, bare(vocabulary, one) if vocabulary else one) for one in values)
        )

    return Parameter(read_word, Takes.TEXTS)


def _when(column: str, op: Op) -> Parameter:
    return Parameter(lambda raw, _: When(column, op, moment(raw)), Takes.TIME)


def _iris(column: str) -> Parameter:
    return Parameter(
        lambda raw, names: OneOf(column, tuple(map(names.word, texts(raw)))), Takes.TEXTS
    )


def _spelled(column: str) -> Parameter:
    """Ids kept as written: asked for in every spelling of GS1, whatever the prefix's length."""

    def read_ids(raw: object, names: Names) -> Condition:
        asked = map(identify, map(names.word, texts(raw)))
        return OneOf(column, tuple({one: 0 for thing in asked for one in _spellings(thing)}))

    return Parameter(read_ids, Takes.TEXTS)


def _spellings(thing: Identifier) -> Iterator[str]:
    yield thing.uri
    for length in _PREFIX_LENGTHS:
        yield thing.to_urn(partial(_always, length)) or thing.uri
    yield thing.to_digital_link() or thing.uri


def _always(length: int, _number: str) -> int:
    return length


def _choice(column: str, allowed: tuple[str, ...]) -> Parameter:
    def read_choice(raw: object, _: Names) -> Condition:
        values = texts(raw)
        for one in values:
            if one not in allowed:
                raise BadValue(f"'{one[:60]}' is not one of {', '.join(allowed)}")
        return OneOf(column, values)

    return Parameter(read_choice, Takes.TEXTS, allowed)


def event_type(text: str) -> str:
    """The name of an event type, which may be written as the standard's IRI.

    >>> event_type("epcis:ObjectEvent"), event_type("https://ref.gs1.org/epcis/ObjectEvent")
    ('ObjectEvent', 'ObjectEvent')
    """
    return text.removeprefix("epcis:").removeprefix(WELL_KNOWN["epcis"])


def _event_type(raw: object, names: Names) -> Condition:
    values = tuple(event_type(names.word(text)) for text in texts(raw))
    for one in values:
        if one not in EVENT_TYPES and ":" not in one:
            raise BadValue(f"'{one[:60]}' is not one of {', '.join(EVENT_TYPES)}, nor a URI")
    return OneOf("type", values)


def _place(column: str) -> Parameter:
    return Parameter(lambda raw, names: OneOf(column, _keys(raw, names)), Takes.TEXTS)


def _below(column: str) -> Parameter:
    return Parameter(lambda raw, names: Descends(column, _keys(raw, names)), Takes.TEXTS)


def _keys(raw: object, names: Names) -> tuple[str, ...]:
    return tuple(canonical_key(names.word(text)) for text in texts(raw))


def _names(*roles: Role) -> Parameter:
    def read_patterns(raw: object, names: Names) -> Condition:
        asked = map(names.word, texts(raw))
        return NamesItem(roles, tuple(one for text in asked for one in read(text)))

    return Parameter(read_patterns, Takes.TEXTS)


def _names_class(*roles: Role) -> Parameter:
    def read_patterns(raw: object, names: Names) -> Condition:
        asked = map(names.word, texts(raw))
        return NamesClass(roles, tuple(one for text in asked for one in read_class(text)))

    return Parameter(read_patterns, Takes.TEXTS)


def _sensor(*columns: str, spell: Callable[[str], str] = str) -> Parameter:
    """Values that name something, each in the spelling of the index."""

    def read_values(raw: object, names: Names) -> Condition:
        return SensorOneOf(columns, tuple(spell(names.word(one)) for one in texts(raw)))

    return Parameter(read_values, Takes.TEXTS)


def _sensor_text(column: str, spell: Callable[[str], str] = str) -> Parameter:
    return Parameter(
        lambda raw, _: SensorOneOf((column,), tuple(map(spell, texts(raw)))), Takes.TEXTS
    )


def _sensor_when(op: Op, *columns: str) -> Parameter:
    return Parameter(lambda raw, _: SensorWhen(columns, op, moment(raw)), Takes.TIME)


def _if_true(condition: Condition) -> Parameter:
    return Parameter(lambda raw, _: condition if flag(raw) else None, Takes.FLAG)


def _bare_amount(column: str, op: Op, *, sensor: bool) -> Parameter:
    def read_amount(raw: object, _: Names) -> Condition:
        asked = amounts(raw) if op is Op.EQ else (amount(raw),)
        found = Amount(column, op, asked, None)
        return SensorAmount(found) if sensor else QuantityIs(found)

    return Parameter(read_amount, Takes.NUMBERS if op is Op.EQ else Takes.NUMBER)


FIXED: Final = _fixed()
"""Every parameter with a fixed name."""
