"""Beside an hour a parameter makes a database read that hour and no more; alone, its index."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.event import listens_for

from epcis.query import lead, search
from epcis.query.compile import ways
from epcis.query.families import FAMILIES
from epcis.query.parameter_table import FIXED, Takes
from epcis.query.parameters import parse
from epcis.store.event_tables import event

HOUR = {"GE_eventTime": "2026-01-01T00:00:00Z", "LT_eventTime": "2026-01-01T01:00:00Z"}
VALUES = {
    Takes.TEXTS: ["urn:epc:id:sgtin:0614141.107346.1"],
    Takes.TIME: "2026-01-01T00:00:00Z",
    Takes.NUMBER: 3,
    Takes.NUMBERS: [3],
    Takes.FLAG: True,
}
OF_FAMILIES = {
    "EQ_bizTransaction_po": ["urn:x:1"],
    "EQ_source_owning_party": ["urn:x:1"],
    "EQ_destination_location": ["urn:x:1"],
    "GE_quantity_KGM": 3,
    "EQ_value_CEL": [3],
    "HASATTR_bizLocation": ["urn:x:attribute"],
    "EQATTR_readPoint_urn:x:attribute": ["1"],
    "HASATTR_http://x.example/ns#place": ["urn:x:attribute"],
    "EQ_http://x.example/ns#grade": ["a"],
    "GT_ILMD_http://x.example/ns#grade": 3,
    "EXISTS_INNER_http://x.example/ns#grade": None,
    "EQ_SENSORREPORT_http://x.example/ns#grade": ["2026-01-01T00:00:00Z"],
}
UNINDEXED = frozenset({"EQ_action", "EQ_transformationID", "EQ_errorReason"})
"""Columns without an index, and with good reason: who asks for them asks for a time as well."""


def asked() -> dict[str, object]:
    """A value for every parameter with a fixed name, and one name of every family."""
    fixed = {
        name: list(one.choices[:1]) if one.choices else VALUES[one.takes]
        for name, one in FIXED.items()
    }
    return {**fixed, **OF_FAMILIES}


def test_each_family_has_a_name_here():
    for family in FAMILIES:
        assert any(family.form.fullmatch(name) for name in OF_FAMILIES), family.form.pattern


def steps(snapshot, statement) -> list[str]:
    """The plan of a statement, a line for each step."""
    told = []

    @listens_for(snapshot.connection, "before_cursor_execute")
    def note(_connection, _cursor, sql, bound, *_rest) -> None:
        told.append((sql, bound))

    if not snapshot.is_sqlite:
        # An empty table is read through whatever its indexes; without that way the plan shows them.
        snapshot.connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    snapshot.connection.execute(statement)
    sql, bound = told[-1]
    word = "EXPLAIN QUERY PLAN" if snapshot.is_sqlite else "EXPLAIN"
    rows = snapshot.connection.exec_driver_sql(f"{word} {sql}", bound)
    return [row[3] if snapshot.is_sqlite else row[0] for row in rows]


READ_THROUGH = re.compile(r"(?:SCAN|Seq Scan on) (?:event\w*|item|narrow)(?: |$)")
"""A step that reads all rows of a table that grows with events."""


def read_through(plan: list[str]) -> bool:
    return any(READ_THROUGH.search(one) for one in plan)


def page_of(*clauses):
    return select(*search.COLUMNS).where(*clauses).order_by(event.c.seq).limit(31)


def test_beside_an_hour_a_parameter_is_a_test_of_that_hour(store):
    with store.read() as snapshot:
        for name, value in asked().items():
            found = ways(parse({name: value, **HOUR}).conditions)
            hour = next(one for one in found if "event_time >=" in str(one.test))
            plan = steps(snapshot, page_of(*lead.clauses(found, hour)))
            assert any("event_by_event_time" in one for one in plan), (name, plan)
            assert not read_through(plan), (name, plan)


def test_alone_a_parameter_begins_at_its_index(store):
    with store.read() as snapshot:
        for name, value in asked().items():
            (way,) = ways(parse({name: value}).conditions)
            plan = steps(snapshot, page_of(*lead.clauses([way], way)))
            if way.has_index:
                assert not read_through(plan), (name, plan)
            else:
                of_master_data = name.startswith(("HASATTR", "EQATTR"))
                assert way.streams or name in UNINDEXED or of_master_data, name


def test_the_narrowest_leads_and_a_page_comes_in_portions(memory, monkeypatch):
    from asking import named

    monkeypatch.setattr(lead, "FEW_EVENTS", 2)
    monkeypatch.setattr(lead, "PORTION_EVENTS", 1)
    steps_of = ["shipping", "packing"]
    memory.take(
        *(
            named(
                f"e{n:02}",
                bizStep=steps_of[n % 2],
                bizTransactionList=[{"type": "po", "bizTransaction": "urn:x:1"}],
                eventTime=f"2026-01-01T{n:02}:00:00Z",
            )
            for n in range(20)
        )
    )
    even = [f"e{n:02}" for n in range(0, 20, 2)]
    assert memory.ask({"EQ_bizTransaction_po": "urn:x:1", "EQ_bizStep": "shipping"}) == even
    hour = {"GE_eventTime": "2026-01-01T08:00:00Z", "LT_eventTime": "2026-01-01T10:00:00Z"}
    assert memory.ask({"EQ_bizTransaction_po": "urn:x:1", **hour}) == ["e08", "e09"]
    assert memory.ask({"EQ_bizStep": "shipping", **hour}) == ["e08"]
