"""A question that cannot be asked is refused by the standard's name, saying which parameter."""

from __future__ import annotations

import pytest
from asking import named
from hypothesis import given
from hypothesis import strategies as st

from epcis.database import reading
from epcis.query import bounded
from epcis.query.conditions import Query
from epcis.query.names import Names, UnknownName
from epcis.query.parameter_table import FIXED
from epcis.query.parameters import PARAMETERS_MAX, QueryRefused, parse, piped
from epcis.query.values import VALUES_MAX

REFUSED = [
    ({"EQ_bizstep": "shipping"}, "EQ_bizstep"),
    ({"nonsense": "1"}, "nonsense"),
    ({"EQ_foo": "1"}, "EQ_foo"),
    ({"EQ_bizStep": ""}, "empty"),
    ({"EQ_bizStep": []}, "empty"),
    ({"EQ_bizStep": "shipping|"}, "empty"),
    ({"EQ_bizStep": [1]}, "EQ_bizStep"),
    ({"EQ_bizStep": {"a": 1}}, "EQ_bizStep"),
    ({"EQ_action": "MOVE"}, "MOVE"),
    ({"eventType": "Event"}, "Event"),
    ({"GE_eventTime": "yesterday"}, "yesterday"),
    ({"GE_eventTime": "2026-13-01T00:00:00Z"}, "2026-13"),
    ({"GE_eventTime": ["2026-01-01T00:00:00Z", "x"]}, "GE_eventTime"),
    ({"GE_eventTime": "0001-01-01T00:00:00+14:00"}, "GE_eventTime"),
    ({"EQ_quantity": "many"}, "many"),
    ({"EQ_quantity": "NaN"}, "NaN"),
    ({"EQ_quantity": True}, "EQ_quantity"),
    ({"GE_quantity_KGM": "1e999999999"}, "1e999999999"),
    ({"GE_value_celsius": 5}, "GE_value_celsius"),
    ({"EQ_unknown:field": "x"}, "GS1-Extensions"),
    ({"GE_ex:field": "soon"}, "number"),
    ({"EXISTS_errorDeclaration": "maybe"}, "true or false"),
    ({"orderDirection": "UP", "orderBy": "eventTime"}, "ASC"),
    ({"orderBy": "bizStep"}, "bizStep"),
    ({"eventCountLimit": 5}, "orderBy"),
    ({"eventCountLimit": 5, "maxEventCount": 5, "orderBy": "eventTime"}, "exclude"),
    ({"maxEventCount": 0}, "whole number"),
    ({"maxEventCount": 2.5}, "whole number"),
    ({"maxEventCount": "-1"}, "whole number"),
    ({"MATCH_epc": "urn:epc:idpat:sgtin:*.107346.*"}, "wildcard"),
    ({"MATCH_epc": "urn:epc:idpat:sgtin:0614141.*.7"}, "wildcard"),
    ({"MATCH_epc": "urn:epc:idpat:sgtin:0614141.1.*"}, "digits"),
    ({"MATCH_epc": "urn:epc:idpat:sgtin:06x4141.107346.*"}, "company prefix"),
    ({"MATCH_epc": "urn:epc:idpat:sgtin:0614141.107346.[9-5]"}, "upwards"),
    ({"MATCH_epcClass": "urn:epc:idpat:sgtin:0614141.107346.[1-5]"}, "wildcard"),
    ({"MATCH_epc": "urn:epc:idpat:grai:0614141.*.7"}, "wildcard"),
    ({"MATCH_epc": "urn:epc:idpat:grai:0614141.*"}, "3 fields"),
    ({"MATCH_epc": "urn:epc:idpat:giai:061x141.*"}, "company prefix"),
    ({"MATCH_epc": "urn:epc:idpat:gdti:0614141.1.*"}, "digits"),
    ({"MATCH_epc": "urn:epc:idpat:sscc:*.1"}, "wildcard"),
    ({"HASATTR_epcs": "x"}, "HASATTR_epcs"),
    ({"EQ_bizStep": "a\x00b"}, "character"),
]


@pytest.mark.parametrize(("asked", "word"), REFUSED)
def test_the_refusal_names_the_parameter_and_what_is_wrong(asked, word):
    raw = {n: v for n, v in asked.items() if not isinstance(v, str)} | piped(
        {n: v for n, v in asked.items() if isinstance(v, str)}
    )
    with pytest.raises(QueryRefused) as refused:
        parse(raw, Names({"ex": "https://example.org/ext/"}))
    assert refused.value.name == "QueryParameterException"
    assert word in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once():
    with pytest.raises(QueryRefused) as refused:
        parse({"EQ_action": ["MOVE"], "GE_eventTime": "x", "nonsense": 1, "maxEventCount": 0})
    assert len(refused.value.findings) == 4
    assert {one.where.path for one in refused.value.findings} >= {"EQ_action", "GE_eventTime"}


@pytest.mark.parametrize(
    "asked",
    [
        {"EQ_bizStep": ["x"] * (VALUES_MAX + 1)},
        {f"EXISTS_ex:f{n}": "" for n in range(PARAMETERS_MAX + 1)},
        {"EQ_bizStep": ["x" * 100_000]},
    ],
)
def test_too_much_at_once_is_told_as_too_complex(asked):
    with pytest.raises(QueryRefused) as refused:
        parse(asked)
    assert refused.value.name == "QueryTooComplexException"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
families = st.sampled_from(
    ["EQ_value_CEL", "GE_quantity_KGM", "EQ_source_x", "HASATTR_readPoint", "EQ_ex:f", "GT_ex:f"]
)


@given(st.dictionaries(st.sampled_from([*FIXED, "orderBy", "x"]) | families, anything, max_size=4))
def test_whatever_is_sent_is_a_query_or_a_refusal(asked):
    refused: QueryRefused | None = None
    query: Query | None = None
    try:
        query = parse(asked, Names({"ex": "urn:ex"}))
    except QueryRefused as said:
        refused = said
    assert isinstance(query, Query) if refused is None else refused.findings


@pytest.mark.parametrize(
    "header",
    ["ex", "=http://x", "ex=", "ex=http://x,ex=http://y", ",".join(f"p{n}=u" for n in range(101))],
)
def test_a_malformed_extension_header_is_refused(header):
    with pytest.raises(UnknownName):
        Names.of_header(header)


def test_a_question_that_takes_too_long_is_given_up_and_the_next_one_answered(memory, monkeypatch):
    memory.take(*(named(letter, **{"ex:f": letter}) for letter in "abcdef"))
    monkeypatch.setattr(reading, "STEPS", 1)
    monkeypatch.setattr(bounded, "QUERY_S_MAX", 0.0)
    slow = "(SELECT count(*) FROM event a, event b, event c, event d, event e, event f, event g)"
    with (
        memory.store.read() as snapshot,
        pytest.raises(QueryRefused) as refused,
        bounded.bounded(snapshot),
    ):
        snapshot.connection.exec_driver_sql(f"SELECT {slow}").fetchall()
    assert refused.value.name == "QueryTooComplexException"
    monkeypatch.undo()
    assert memory.ask({"EQ_ex:f": "b"}) == ["b"]
