"""What a query asks, as values: one class per way of asking, no SQL and no syntax of requests.

`parameters` reads requests into these, `compile` turns them into SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from epcis.query.patterns import Pattern
    from epcis.store.event_tables import Role


class Op(StrEnum):
    """How a stored value must stand to the asked one."""

    EQ = "EQ"
    GT = "GT"
    GE = "GE"
    LT = "LT"
    LE = "LE"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A column of the event holds one of these texts."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class When:
    """A point in time of the event stands in this order to the asked one."""

    column: str
    op: Op
    moment: datetime


@dataclass(frozen=True, slots=True)
class HasWord:
    """The event can be found by one of these words of the index."""

    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FieldIs:
    """An extension field stands in this order to a number or an instant."""

    fields: tuple[int, ...]
    op: Op
    value: Decimal | datetime


@dataclass(frozen=True, slots=True)
class FieldOneOf:
    """An extension field has one of these texts, or equals one of these numbers or instants."""

    fields: tuple[int, ...]
    words: tuple[int, ...]
    numbers: tuple[Decimal, ...] = ()
    moments: tuple[datetime, ...] = ()
    typed: bool = False
    """Numbers were sent as numbers: they also equal numbers with leading zeros."""


@dataclass(frozen=True, slots=True)
class FieldExists:
    """An extension field is there, whatever it holds."""

    fields: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NamesItem:
    """The event names an item that fits one of the patterns, in one of these lists."""

    roles: tuple[Role, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class NamesClass:
    """A quantity list of the event names a class that fits one of the patterns."""

    roles: tuple[Role, ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount stands in this order to one of the asked ones; `uom` None is the bare number."""

    column: str
    op: Op
    amounts: tuple[Decimal, ...]
    uom: str | None


@dataclass(frozen=True, slots=True)
class QuantityIs:
    """A quantity element of the event; all of them must hold in one element."""

    amount: Amount


@dataclass(frozen=True, slots=True)
class SensorAmount:
    """A number of a sensor report; all with units of one dimension must hold in one report."""

    amount: Amount


@dataclass(frozen=True, slots=True)
class SensorOneOf:
    """An attribute of a sensor report, or of its element, is one of these."""

    columns: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SensorFlag:
    """A sensor report holds this boolean."""

    value: bool


@dataclass(frozen=True, slots=True)
class SensorWhen:
    """A time of a sensor report or its element stands in this order to the asked one."""

    columns: tuple[str, ...]
    op: Op
    moment: datetime


@dataclass(frozen=True, slots=True)
class HasSensor:
    """The event has a sensor element list."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The event carries an error declaration."""


@dataclass(frozen=True, slots=True)
class Descends:
    """A place of the event is one of these or lies below one of them by master data."""

    column: str
    keys: tuple[str, ...]
    party: str | None = None
    """By the master data that this party may know; None knows all."""


@dataclass(frozen=True, slots=True)
class HasAttribute:
    """Master data of what a field names has an attribute, perhaps with one of these values."""

    field: str
    """`read_point`, `biz_location`, `biz_step`, `disposition`, `epc_class`; empty for one's own."""
    names: tuple[str, ...]
    values: tuple[str, ...] | None = None
    party: str | None = None
    """By the master data that this party may know; None knows all."""
    own_field: int | None = None
    """Digest of the extension field, see `index.field`."""


SensorCondition = SensorAmount | SensorOneOf | SensorFlag | SensorWhen

Condition = (
    OneOf
    | When
    | HasWord
    | FieldIs
    | FieldOneOf
    | FieldExists
    | NamesItem
    | NamesClass
    | QuantityIs
    | SensorCondition
    | HasSensor
    | Declared
    | Descends
    | HasAttribute
)


@dataclass(frozen=True, slots=True)
class OrderBy:
    """What results are sorted by: a time of the event, or an extension field."""

    column: str | None
    """`event_time` or `record_time`; None for an extension field."""
    fields: tuple[int, ...] = ()
    ascending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A simple event query, read and checked (section 8.2.7.1)."""

    conditions: tuple[Condition, ...] = ()
    order: OrderBy | None = None
    event_count_limit: int | None = None
    max_event_count: int | None = None
