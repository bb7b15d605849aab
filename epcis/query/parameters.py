"""A request's parameters read into a query, with everything that is wrong in them.

`parameter_table` has the parameters with fixed names, `families` those whose names carry a type,
a unit or a field. Standard: EPCIS 2.0 section 8.2.7.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.query.conditions import Condition, Op, OrderBy, Query
from epcis.query.families import FAMILIES
from epcis.query.names import Names, UnknownName
from epcis.query.parameter_table import FIXED
from epcis.query.patterns import PatternError
from epcis.query.values import TEXT_LENGTH_MAX, BadValue, Piped, TooMuch, amount, count, one_text
from epcis.store.event_index import field as field_key
from schemas.finding import Finding, Severity, Where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARAMETERS_MAX: Final = 200
"""Most parameters of one query."""


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
    parameter = FIXED.get(name)
    if parameter is not None:
        return parameter.read(value, names)
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


_WHOLE: Final = tuple(f"{op}_quantity" for op in Op)
_LISTS: Final = frozenset(
    name for name in FIXED if name.startswith(("eventType", "EQ_", "MATCH_", "WD_"))
)


def piped(raw: Mapping[str, str]) -> dict[str, object]:
    """Parameters of a URL, ready for `parse`."""
    return {name: Piped(value) for name, value in raw.items()}
