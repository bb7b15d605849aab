"""From conditions to SQL: one small builder per kind of condition, for SQLite and PostgreSQL alike.

Each condition is made in two forms: a test of one event, and the numbers of all events it holds
for. `lead` decides which condition the database starts from; the others are tests. Nothing a caller
wrote becomes SQL text or a wildcard; everything is bound.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    LargeBinary,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    type_coerce,
    union,
)

from epcis.database.columns import by_bytes
from epcis.database.item_keys import item_key
from epcis.query.conditions import (
    Amount,
    Condition,
    Declared,
    Descends,
    FieldExists,
    FieldIs,
    FieldOneOf,
    HasAttribute,
    HasSensor,
    HasWord,
    NamesClass,
    NamesItem,
    OneOf,
    Op,
    OrderBy,
    QuantityIs,
    SensorAmount,
    SensorCondition,
    SensorFlag,
    SensorOneOf,
    SensorWhen,
    When,
)
from epcis.query.patterns import KeyIs, PackedBetween, Pattern, TextBegins
from epcis.query.query_tables import event_field, event_sensor, event_word
from epcis.query.visible import below, master_data_of
from epcis.store.event_tables import (
    event,
    event_epc,
    event_quantity,
    item,
    master_data,
    master_data_attribute,
)
from epcis.units import comparable, plain, unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Column, ColumnClause, ColumnElement, CompoundSelect, Select, Subquery

    from epcis.database.transactions import Snapshot

_OPS: Final[dict[Op, Callable[[Any, Any], Any]]] = {
    Op.EQ: operator.eq,
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}
_SENSOR_KINDS = (SensorAmount, SensorOneOf, SensorFlag, SensorWhen)
SORTED_CHARACTERS: Final = 200
"""Characters of an extension field that order results; page tokens carry them."""
_BIT_MASK: Final = 63
_LOWEST: Final = -1.7e308
"""Sorts before every number a field can hold."""


@dataclass(frozen=True, slots=True)
class Way:
    """One condition in two forms: what a row of `event` must fulfil, and who fulfils it."""

    make_test: Callable[[], ColumnElement[bool]]
    """Makes `test`, where it is asked for: the condition that leads is not tested again."""
    seqs: Select[int] | CompoundSelect[int] | None = None
    """The numbers of all events it holds for; None where only the test can be asked."""
    has_index: bool = False
    """Whether an index gives these numbers; else all rows of a table are read for them."""
    streams: bool = False
    """Whether they come in order, few at a time, while `event` itself has no index for it."""
    is_narrow: bool = False
    """Whether it names single things, of which there are few events: it leads without a count."""

    @property
    def test(self) -> ColumnElement[bool]:
        """On a row of `event`; answered by an index for that row, so it never begins with many."""
        return self.make_test()


def ways(conditions: Iterable[Condition]) -> list[Way]:
    """What the rows of `event` must fulfil, all of it; conditions that meet in one row as one."""
    times: dict[str, list[When]] = defaultdict(list)
    quantities: list[QuantityIs] = []
    sensors: list[SensorCondition] = []
    found: list[Way] = []
    for condition in conditions:
        if isinstance(condition, When):
            times[condition.column].append(condition)
        elif isinstance(condition, QuantityIs):
            quantities.append(condition)
        elif isinstance(condition, _SENSOR_KINDS):
            sensors.append(condition)
        else:
            found.append(way(condition))
    # Times stand first: they are asked first how few events they find.
    found[:0] = [_of_column(name, partial(_during, asked=group)) for name, group in times.items()]
    if quantities:
        found.append(_one_quantity(quantities))
    found.extend(_one_report(group) for group in _by_dimension(sensors))
    return found


_NARROW: Final = event.alias("narrow")
"""The events by themselves, where numbers are asked for and not rows."""
_INDEXED: Final = frozenset(
    (
        "type", "biz_step", "disposition", "read_point", "biz_location", "event_id",
        "event_time", "record_time", "declared_error",
    )
)  # fmt: skip
"""Columns of `event` with an index."""


def _of_column(column: str, asked: Callable[[ColumnElement[str]], ColumnElement[bool]]) -> Way:
    """A condition on a column of the event itself."""
    seqs = select(_NARROW.c.seq).where(asked(_NARROW.c[column]))
    return Way(lambda: asked(event.c[column]), seqs, has_index=column in _INDEXED)


def _of_rows(seq: Column[int], *asked: ColumnElement[bool], has_index: bool = True) -> Way:
    """A condition on the rows that a table of the search index has of the event."""
    return Way(
        lambda: exists().where(seq == event.c.seq, *asked),
        select(seq).where(*asked),
        has_index=has_index,
        streams=True,
    )


def _during(column: ColumnElement[str], *, asked: Iterable[When]) -> ColumnElement[bool]:
    return and_(*(_compared(column, one.op, one.moment) for one in asked))


@singledispatch
def way(condition: object) -> Way:
    """The SQL of one condition on `event`."""
    raise TypeError(f"no SQL for {type(condition).__name__}")


@way.register(OneOf)
def _(condition: OneOf) -> Way:
    return _of_column(condition.column, lambda column: column.in_(condition.values))


@way.register(HasWord)
def _(condition: HasWord) -> Way:
    return _of_rows(event_word.c.seq, event_word.c.word.in_(condition.words))


@way.register(FieldExists)
def _(condition: FieldExists) -> Way:
    return _of_fields(condition.fields)


@way.register(FieldIs)
def _(condition: FieldIs) -> Way:
    rows = event_field.c
    if hasattr(condition.value, "year"):
        return _of_fields(condition.fields, _compared(rows.instant, condition.op, condition.value))
    number = float(condition.value)
    return _of_fields(condition.fields, _compared(rows.number, condition.op, number))


@way.register(FieldOneOf)
def _(condition: FieldOneOf) -> Way:
    rows = event_field.c
    found: list[Way] = []
    if condition.words:
        found.append(way(HasWord(condition.words)))
    if condition.numbers:
        alike: list[ColumnElement[bool]] = [
            rows.number.in_([float(one) for one in condition.numbers])
        ]
        if not condition.typed:
            alike.append(_is_plain_number(rows.text))
        found.append(_of_fields(condition.fields, *alike))
    if condition.moments:
        found.append(_of_fields(condition.fields, rows.instant.in_(condition.moments)))
    if len(found) == 1:
        return found[0]
    seqs = union(*(one.seqs for one in found if one.seqs is not None))
    return Way(lambda: or_(*(one.test for one in found)), seqs, has_index=True, streams=True)


_FIRST_OF_BLOCK: Final = event_epc.c.block * literal_column("64")
_IN_BLOCK: Final = (
    item.c.id.between(_FIRST_OF_BLOCK, _FIRST_OF_BLOCK + literal_column("63")),
    event_epc.c.mask.op(">>")(cast(item.c.id - _FIRST_OF_BLOCK, Integer)).op("&")(
        literal_column("1")
    )
    != 0,
)
"""An item is one of those that a row of `event_epc` names."""


@way.register(NamesItem)
def _(condition: NamesItem) -> Way:
    blocks = _blocks(condition.patterns)
    rows = event_epc.c
    in_role = rows.role.in_([int(role) for role in condition.roles])
    named = (
        select(rows.seq)
        .join(blocks, and_(rows.block == blocks.c.block))
        .where(in_role, rows.mask.op("&")(blocks.c.mask) != 0)
    )

    def test() -> ColumnElement[bool]:
        fits = exists().where(*_IN_BLOCK, _fits(item.c.key, condition.patterns))
        return exists().where(rows.seq == event.c.seq, in_role, fits)

    is_narrow = all(isinstance(one, KeyIs) for one in condition.patterns)
    return Way(test, named, has_index=True, streams=True, is_narrow=is_narrow)


@way.register(NamesClass)
def _(condition: NamesClass) -> Way:
    rows = event_quantity.c
    in_role = rows.role.in_([int(role) for role in condition.roles])
    return _of_rows(rows.seq, in_role, _fits(rows.key, condition.patterns))


@way.register(HasSensor)
def _(_condition: HasSensor) -> Way:
    return _of_rows(event_sensor.c.seq, has_index=False)


@way.register(Declared)
def _(_condition: Declared) -> Way:
    return _of_column("declared_error", lambda column: column.is_not(None))


@way.register(Descends)
def _(condition: Descends) -> Way:
    return _of_column(
        condition.column, lambda column: below(column, condition.keys, condition.party)
    )


_WORD_URIS: Final = {
    "biz_step": ("", "urn:epcglobal:cbv:bizstep:", "https://ref.gs1.org/cbv/BizStep-"),
    "disposition": ("", "urn:epcglobal:cbv:disp:", "https://ref.gs1.org/cbv/Disp-"),
}


@way.register(HasAttribute)
def _(condition: HasAttribute) -> Way:
    if condition.own_field is not None:
        rows, ids = event_field.c, _mastered(condition, master_data.c.id)
        return _of_fields((condition.own_field,), rows.text.in_(ids))
    known = mastered(condition)
    stems = _WORD_URIS.get(condition.field, ("",))

    def asked(column: ColumnElement[str]) -> ColumnElement[bool]:
        return or_(*((literal(stem) + column if stem else column).in_(known) for stem in stems))

    found = _of_column(condition.field, asked)
    return found if stems == ("",) else Way(found.make_test)


def mastered(condition: HasAttribute) -> Select[str]:
    """Keys of the master data that has the attribute."""
    return _mastered(condition, master_data.c.key)


def _mastered(condition: HasAttribute, column: Column[str]) -> Select[str]:
    vocabulary, attribute = master_data.c, master_data_attribute.c
    asked = [attribute.name.in_(condition.names), *master_data_of(condition.party)]
    if condition.values is not None:
        asked.append(attribute.value.in_(condition.values))
    join = and_(vocabulary.type == attribute.type, vocabulary.id == attribute.id)
    return select(column).join(master_data_attribute, join).where(*asked)


def _compared(column: Any, op: Op, value: Any) -> ColumnElement[bool]:  # noqa: ANN401  # SQLAlchemy's operators
    compared: ColumnElement[bool] = _OPS[op](column, value)
    return compared


def _of_fields(fields: Iterable[int], *asked: ColumnElement[bool]) -> Way:
    return _of_rows(event_field.c.seq, event_field.c.field.in_(fields), *asked)


def _is_plain_number(text: Column[str]) -> ColumnElement[bool]:
    """A text that can only be meant as a number; lot 020 is not the number 20."""
    padded = and_(text.like("0%"), not_(text.like("0.%")), text != "0")
    return not_(padded)


# --- items ----------------------------------------------------------------------------------------


def _blocks(patterns: Iterable[Pattern]) -> Subquery:
    """The items that fit, 64 to a row as `event_epc` names them."""
    return _OF_BLOCKS.where(_fits(item_key.c.key, patterns)).subquery()


def _of_blocks() -> Select[int, int]:
    block = item_key.c.id.op(">>")(literal_column("6"))
    bit = literal(1, BigInteger).op("<<")(cast(item_key.c.id.op("&")(_BIT_MASK), Integer))
    mask = cast(func.sum(bit), BigInteger)
    return select(block.label("block"), mask.label("mask")).group_by(block)


_OF_BLOCKS: Final = _of_blocks()


def _fits(key: ColumnClause[str], patterns: Iterable[Pattern]) -> ColumnElement[bool]:
    exact: list[str] = []
    ways: list[ColumnElement[bool]] = []
    packed = type_coerce(key, LargeBinary)
    for pattern in patterns:
        if isinstance(pattern, KeyIs):
            exact.append(pattern.key)
        elif isinstance(pattern, PackedBetween):
            ways.append(and_(packed >= pattern.low, packed < pattern.high))
        elif isinstance(pattern, TextBegins):
            low = b"\x00" + pattern.prefix.encode()
            ways.append(and_(packed >= low, packed < low[:-1] + bytes([low[-1] + 1])))
    if exact:
        ways.append(key.in_(exact))
    return or_(*ways)


# --- amounts --------------------------------------------------------------------------------------


def _one_quantity(conditions: Iterable[QuantityIs]) -> Way:
    """All of them hold in one quantity element."""
    rows = event_quantity.c
    asked = [_amount(rows.quantity, rows.uom, condition.amount) for condition in conditions]
    return _of_rows(rows.seq, *asked, has_index=False)


def _amount(column: Column[float], uom: Column[str], amount: Amount) -> ColumnElement[bool]:
    """An amount as written, or in any unit it can be compared in."""
    if amount.uom is None:
        return _amounts(column, amount.op, [plain(one) for one in amount.amounts])
    own = unit(amount.uom)
    spread = amount.column == "s_dev"
    ways = []
    for other in comparable(amount.uom):
        values = [
            plain(one) if other is own else own.amount_in(other, one, spread=spread)
            for one in amount.amounts
        ]
        ways.append(and_(uom == other.code, _amounts(column, amount.op, values)))
    return or_(*ways)


def _amounts(column: Column[float], op: Op, values: list[float]) -> ColumnElement[bool]:
    return column.in_(values) if op is Op.EQ else _compared(column, op, values[0])


def _by_dimension(conditions: list[SensorCondition]) -> list[list[SensorCondition]]:
    """Groups that must meet in one report: numbers of one dimension and all else asked."""
    measured: dict[str, list[SensorCondition]] = defaultdict(list)
    others: list[SensorCondition] = []
    for condition in conditions:
        if isinstance(condition, SensorAmount) and condition.amount.uom is not None:
            measured[unit(condition.amount.uom).dimension].append(condition)
        else:
            others.append(condition)
    if not measured:
        return [others] if others else []
    return [group + others for group in measured.values()]


def _one_report(conditions: Iterable[SensorCondition]) -> Way:
    asked = [_of_report(condition) for condition in conditions]
    return _of_rows(event_sensor.c.seq, *asked, has_index=False)


def _of_report(condition: SensorCondition) -> ColumnElement[bool]:
    rows = event_sensor.c
    if isinstance(condition, SensorAmount):
        return _amount(rows[condition.amount.column], rows.uom, condition.amount)
    if isinstance(condition, SensorOneOf):
        return or_(*(rows[column].in_(condition.values) for column in condition.columns))
    if isinstance(condition, SensorFlag):
        return rows.boolean_value.is_(condition.value)
    return or_(
        *(_compared(rows[column], condition.op, condition.moment) for column in condition.columns)
    )


# --- order ----------------------------------------------------------------------------------------


# Numbers or texts.
def sort_keys(order: OrderBy | None, snapshot: Snapshot) -> list[ColumnElement[Any]]:
    """What rows are sorted by before their number; events without the field come as the lowest."""
    if order is None:
        return []
    if order.column is not None:
        return [type_coerce(event.c[order.column], BigInteger)]
    rows = event_field.c
    first = (
        select(func.min(rows.position))
        .where(rows.field.in_(order.fields), rows.seq == event.c.seq)
        .correlate(event)
        .scalar_subquery()
    )
    at = and_(rows.field.in_(order.fields), rows.seq == event.c.seq, rows.position == first)
    number = cast(func.coalesce(rows.number, type_coerce(rows.instant, BigInteger)), Float)
    begins = func.substr(rows.text, 1, SORTED_CHARACTERS)
    text = case((or_(rows.number.is_not(None), rows.instant.is_not(None)), ""), else_=begins)
    by_number = func.coalesce(
        select(number).where(at).correlate(event).limit(1).scalar_subquery(), _LOWEST
    )
    by_text = func.coalesce(
        select(text).where(at).correlate(event).limit(1).scalar_subquery(), literal("")
    )
    return [by_number, by_bytes(snapshot, by_text)]
