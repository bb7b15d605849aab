"""The parameters of the simple event query, as a table: name, kind of value, what it asks.

Standard: EPCIS 2.0 section 8.2.7.1. Names follow the standard's text; the spellings of the
published query schema that differ (`GE_errorDeclaration_Time`, `EQ_ATTR_…`) are accepted as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

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
    OrderBy,
    QuantityIs,
    Query,
    SensorAmount,
    SensorFlag,
    SensorOneOf,
    SensorWhen,
    When,
)
from epcis.query.families import FAMILIES
from epcis.query.names import WELL_KNOWN, Names, UnknownName
from epcis.query.patterns import PatternError, read, read_class
from epcis.query.values import (
    TEXT_LENGTH_MAX,
    BadValue,
    Piped,
    TooMuch,
    amount,
    amounts,
    count,
    flag,
    moment,
    one_text,
    texts,
)
from epcis.store.event_index import field as field_key
from epcis.store.event_index import word
from epcis.store.event_tables import Role
from schemas.cbv import bare
from schemas.finding import Finding, Severity, Where
from schemas.gs1.epc import canonical_key, identify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from schemas.gs1.epc import Identifier

PARAMETERS_MAX: Final = 200
"""Most parameters of one query."""
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


class QueryRefused(Exception):  # noqa: N818  # the standard calls it an exception, we a refusal
    """A query that cannot be asked: the EPCIS exception's name and what is wrong where."""

    def __init__(self, name: str, findings: Iterable[Finding]) -> None:
        self.name = name
        """`QueryParameterException`, `QueryTooComplexException`, …"""
        self.findings = tuple(findings)
        super().__init__("; ".join(finding.what for finding in self.findings))


def parse(raw: Mapping[str, object], names: Names | None = None) -> Query:
    """Read a query's parameters, all of them, and say everything that is wrong at once.

    Raises `QueryRefused`. `raw` maps a name to `Piped` text (URL), or to what JSON or SOAP held.

    >>> parse({"EQ_bizStep": ["shipping"], "GE_eventTime": "2026-01-01T00:00:00Z"}).order is None
    True
    """
    names = names or Names()
    if len(raw) > PARAMETERS_MAX:
        raise _too_complex(f"a query may have at most {PARAMETERS_MAX} parameters", None)
    conditions: list[Condition] = []
    findings: list[Finding] = []
    for name, value in raw.items():
        if name in CONTROLS:
            continue
        try:
            condition = _condition(name, value, names)
        except TooMuch as fault:
            raise _too_complex(f"{name} {fault}", name) from None
        except (BadValue, PatternError, UnknownName) as fault:
            findings.append(_fault(name, f"{name} {fault}"))
            continue
        if condition is not None:
            conditions.append(condition)
    query = _controls(raw, tuple(conditions), names, findings)
    if findings:
        raise QueryRefused("QueryParameterException", findings)
    return query


def of_1_2(raw: Mapping[str, object]) -> dict[str, object]:
    """The parameters of an EPCIS 1.2 message: a list left empty asks nothing, quantities are `Int`.

    Raises `QueryRefused`. Standard: EPCIS 1.2 section 8.2.7.1.

    >>> of_1_2({"EQ_bizStep": None, "EXISTS_errorDeclaration": None})
    {'EXISTS_errorDeclaration': None}
    """
    findings = [
        _fault(name, f"{name} must be a whole number, and '{str(raw[name])[:60]}' is none")
        for name in _WHOLE
        if name in raw and not _is_whole(raw[name])
    ]
    if findings:
        raise QueryRefused("QueryParameterException", findings)
    return {name: one for name, one in raw.items() if one is not None or name not in _LISTS}


def _is_whole(raw: object) -> bool:
    try:
        found = amount(raw)
    except BadValue:
        return False
    return found == found.to_integral_value()


def _condition(name: str, value: object, names: Names) -> Condition | None:
    if not name.isprintable() or len(name) > TEXT_LENGTH_MAX:
        raise BadValue("is not a parameter of the simple event query")
    reader = FIXED.get(name)
    if reader is not None:
        return reader(value, names)
    for family in FAMILIES:
        match = family.form.fullmatch(name)
        if match:
            return family.read(match, value, names)
    raise BadValue("is not a parameter of the simple event query")


def _fault(name: str | None, what: str) -> Finding:
    return Finding("query.parameter", Severity.ERROR, what, where=Where(path=name))


def _too_complex(what: str, name: str | None) -> QueryRefused:
    return QueryRefused("QueryTooComplexException", [_fault(name, what)])


# --- how results are ordered and limited ----------------------------------------------------------

CONTROLS: Final = ("orderBy", "orderDirection", "eventCountLimit", "maxEventCount", "@context")


def _controls(
    raw: Mapping[str, object],
    conditions: tuple[Condition, ...],
    names: Names,
    findings: list[Finding],
) -> Query:
    order: OrderBy | None = None
    limit = maximum = None
    ascending = False
    try:
        if "orderDirection" in raw:
            ascending = _direction(raw["orderDirection"])
        if "orderBy" in raw:
            order = _order(one_text(raw["orderBy"]), names, ascending=ascending)
        if "eventCountLimit" in raw:
            limit = count(raw["eventCountLimit"])
        if "maxEventCount" in raw:
            maximum = count(raw["maxEventCount"])
    except (BadValue, UnknownName, TooMuch) as fault:
        findings.append(_fault(None, f"orderBy, orderDirection or a count {fault}"))
    if limit is not None and maximum is not None:
        findings.append(
            _fault("maxEventCount", "eventCountLimit and maxEventCount exclude each other")
        )
    if limit is not None and "orderBy" not in raw:
        findings.append(_fault("eventCountLimit", "eventCountLimit needs orderBy"))
    return Query(conditions, order, limit, maximum)


def _direction(raw: object) -> bool:
    direction = one_text(raw)
    if direction not in ("ASC", "DESC"):
        raise BadValue("must be ASC or DESC")
    return direction == "ASC"


def _order(name: str, names: Names, *, ascending: bool) -> OrderBy:
    columns = {"eventTime": "event_time", "recordTime": "record_time"}
    if name in columns:
        return OrderBy(columns[name], ascending=ascending)
    field = names.field(name)
    return OrderBy(None, (field_key("event", field),), ascending=ascending)


# --- readers of one kind of parameter each --------------------------------------------------------


def _vocabulary(column: str, kind: str) -> Reader:
    def read_words(raw: object, names: Names) -> Condition:
        return OneOf(column, tuple(bare(kind, names.word(text)) for text in texts(raw)))

    return read_words


def _word(kind: str, vocabulary: str | None = None) -> Reader:
    def read_word(raw: object, names: Names) -> Condition:
        values = (names.word(text) for text in texts(raw))
        return HasWord(
            tuple(word(kind, bare(vocabulary, one) if vocabulary else one) for one in values)
        )

    return read_word


def _when(column: str, op: Op) -> Reader:
    return lambda raw, _: When(column, op, moment(raw))


def _iris(column: str) -> Reader:
    return lambda raw, names: OneOf(column, tuple(map(names.word, texts(raw))))


def _spelled(column: str) -> Reader:
    """Ids kept as written: asked for in every spelling of GS1, whatever the prefix's length."""

    def read_ids(raw: object, names: Names) -> Condition:
        asked = map(identify, map(names.word, texts(raw)))
        return OneOf(column, tuple({one: 0 for thing in asked for one in _spellings(thing)}))

    return read_ids


def _spellings(thing: Identifier) -> Iterator[str]:
    yield thing.uri
    for length in _PREFIX_LENGTHS:
        yield thing.to_urn(partial(_always, length)) or thing.uri
    yield thing.to_digital_link() or thing.uri


def _always(length: int, _number: str) -> int:
    return length


def _choice(column: str, allowed: tuple[str, ...]) -> Reader:
    def read_choice(raw: object, _: Names) -> Condition:
        values = texts(raw)
        for one in values:
            if one not in allowed:
                raise BadValue(f"'{one[:60]}' is not one of {', '.join(allowed)}")
        return OneOf(column, values)

    return read_choice


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


def _place(column: str) -> Reader:
    return lambda raw, names: OneOf(column, _keys(raw, names))


def _below(column: str) -> Reader:
    return lambda raw, names: Descends(column, _keys(raw, names))


def _keys(raw: object, names: Names) -> tuple[str, ...]:
    return tuple(canonical_key(names.word(text)) for text in texts(raw))


def _names(*roles: Role) -> Reader:
    def read_patterns(raw: object, names: Names) -> Condition:
        asked = map(names.word, texts(raw))
        return NamesItem(roles, tuple(one for text in asked for one in read(text)))

    return read_patterns


def _names_class(*roles: Role) -> Reader:
    def read_patterns(raw: object, names: Names) -> Condition:
        asked = map(names.word, texts(raw))
        return NamesClass(roles, tuple(one for text in asked for one in read_class(text)))

    return read_patterns


def _sensor(*columns: str, spell: Callable[[str], str] = str) -> Reader:
    """Values that name something, each in the spelling of the index."""

    def read_values(raw: object, names: Names) -> Condition:
        return SensorOneOf(columns, tuple(spell(names.word(one)) for one in texts(raw)))

    return read_values


def _sensor_text(column: str, spell: Callable[[str], str] = str) -> Reader:
    return lambda raw, _: SensorOneOf((column,), tuple(map(spell, texts(raw))))


def _sensor_when(op: Op, *columns: str) -> Reader:
    return lambda raw, _: SensorWhen(columns, op, moment(raw))


def _if_true(condition: Condition) -> Reader:
    return lambda raw, _: condition if flag(raw) else None


def _bare_amount(column: str, op: Op, *, sensor: bool) -> Reader:
    def read_amount(raw: object, _: Names) -> Condition:
        asked = amounts(raw) if op is Op.EQ else (amount(raw),)
        found = Amount(column, op, asked, None)
        return SensorAmount(found) if sensor else QuantityIs(found)

    return read_amount


def _fixed() -> dict[str, Reader]:
    table: dict[str, Reader] = {
        "eventType": _event_type,
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
        "EQ_booleanValue": lambda raw, _: SensorFlag(flag(raw)),
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


FIXED: Final = _fixed()
"""Every parameter with a fixed name."""
_WHOLE: Final = tuple(f"{op}_quantity" for op in Op)
_LISTS: Final = frozenset(
    name for name in FIXED if name.startswith(("eventType", "EQ_", "MATCH_", "WD_"))
)


def piped(raw: Mapping[str, str]) -> dict[str, object]:
    """Parameters of a URL, ready for `parse`."""
    return {name: Piped(value) for name, value in raw.items()}
