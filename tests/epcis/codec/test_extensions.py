"""User extensions as trees survive both syntaxes, whatever is in them."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from epcis.codec.document import Syntax, convert, read_document, write_document
from epcis.model import Header, Node, ObjectEvent
from tests.epcis.codec.documents import converted

NAMESPACES = ("http://example.com/a/", "urn:example:b", "http://example.com/c#", "")
names = st.sampled_from(["grade", "lot-number", "x1", "type", "set", "id", "extension"])
texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
).filter(lambda text: not text.isspace())
foreign = st.sampled_from(NAMESPACES[:3])
attributes = st.lists(
    st.tuples(st.sampled_from(NAMESPACES), names, texts), max_size=3, unique_by=lambda a: a[:2]
).map(tuple)


def joined(children: list[Node | str]) -> tuple[Node | str, ...]:
    """Children as a parser gives them: no two texts beside each other."""
    out: list[Node | str] = []
    for child in children:
        if isinstance(child, str) and out and isinstance(out[-1], str):
            out[-1] += child
        else:
            out.append(child)
    return tuple(out)


def below(children):
    return st.builds(
        lambda namespace, name, attributes, children: Node(
            namespace=namespace, name=name, attributes=attributes, children=joined(children)
        ),
        st.sampled_from(NAMESPACES),
        names,
        attributes,
        st.lists(st.one_of(texts, children), max_size=4),
    )


leaves = st.builds(
    lambda namespace, name, text: Node(namespace=namespace, name=name, children=(text,)),
    st.sampled_from(NAMESPACES),
    names,
    texts,
)
trees = st.recursive(leaves, below, max_leaves=8)
user_fields = st.lists(
    st.builds(lambda tree, namespace: structs.replace(tree, namespace=namespace), trees, foreign),
    max_size=4,
).map(tuple)


def event_with(extensions, ilmd):
    return ObjectEvent(
        event_time="2026-01-02T03:04:05Z",
        event_time_zone_offset="+00:00",
        action="ADD",
        epcs=("urn:epc:id:sgtin:0355555.055555.1",),
        extensions=extensions,
        ilmd=ilmd or None,
    )


def rewritten(event, *chain):
    out = io.BytesIO()
    header = Header(creation_date="2026-01-02T03:04:05Z", schema_version="2.0")
    write_document(header, [event], out, chain[0])
    for syntax in chain[1:]:
        source, out = out.getvalue(), io.BytesIO()
        convert(source, out, syntax, validate=False)
    return read_document(out.getvalue(), validate=False).events


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(user_fields, user_fields)
def test_any_tree_survives_xml_and_json(extensions, ilmd):
    event = event_with(extensions, ilmd)
    for chain in (
        (Syntax.XML_1_2,),
        (Syntax.XML_2_0,),
        (Syntax.JSON_LD,),
        (Syntax.XML_1_2, Syntax.JSON_LD, Syntax.XML_2_0, Syntax.XML_1_2),
    ):
        (after,) = rewritten(event, *chain)
        assert structs.replace(after, namespaces=()) == event, chain


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**20), 10**20),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
        st.just(""),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["ext:a", "ext:b", "plain", "odd name", "9"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(json_values)
def test_any_json_value_survives_json_and_xml(value):
    document = {
        "@context": [
            "https://ref.gs1.org/standards/epcis/epcis-context.jsonld",
            {"ext": "http://example.com/ext/"},
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:05Z",
        "epcisBody": {
            "eventList": [
                {
                    "type": "ObjectEvent",
                    "eventTime": "2026-01-02T03:04:05Z",
                    "eventTimeZoneOffset": "+00:00",
                    "epcList": [],
                    "action": "OBSERVE",
                    "ext:value": value,
                }
            ]
        },
    }
    text = json.dumps(document).encode()
    for chain in (
        (Syntax.JSON_LD,),
        (Syntax.XML_2_0, Syntax.JSON_LD),
        (Syntax.XML_1_2, Syntax.JSON_LD),
    ):
        again = text
        for syntax in chain:
            out = io.BytesIO()
            convert(again, out, syntax, validate=False)
            again = out.getvalue()
        (event,) = json.loads(again)["epcisBody"]["eventList"]
        assert event["ext:value"] == value, chain


def test_numbers_keep_the_digits_they_were_written_with():
    event = (
        b'{"@context": {"ext": "http://example.com/ext/"}, "type": "ObjectEvent",'
        b' "eventTime": "2026-01-02T03:04:05Z", "eventTimeZoneOffset": "+00:00",'
        b' "action": "ADD", "epcList": [], "quantityList": [{"epcClass": "urn:x:y",'
        b' "quantity": 12.500, "uom": "KGM"}],'
        b' "ext:long": 123456789012345678901234567890.10, "ext:small": 1E-7}'
    )
    out = io.BytesIO()
    convert(event, out, Syntax.JSON_LD, validate=False)
    for digits in (b"12.500", b"123456789012345678901234567890.10", b"1E-7"):
        assert digits in out.getvalue()


@pytest.mark.parametrize("inside", ["<a>{}</a>", "<a>t{}</a>", "<a/><a>{}</a>", '<a b="c">t{}</a>'])
def test_what_nests_as_deep_as_xml_allows_survives_json(inside):
    tree = "leaf"
    for _ in range(95):
        tree = inside.format(tree)
    event = (
        "<ObjectEvent><eventTime>2026-01-02T03:04:05Z</eventTime>"
        "<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList/><action>ADD</action>"
        f'<x:y xmlns:x="urn:x">{tree}</x:y></ObjectEvent>'
    )
    (before,) = read_document(event.encode()).events
    for syntax in (Syntax.JSON_LD, Syntax.XML_2_0):
        (again,) = read_document(converted(event.encode(), syntax)).events
        assert again.extensions == before.extensions
