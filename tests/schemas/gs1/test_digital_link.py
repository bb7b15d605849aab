"""Digital Links of any domain, plain and compressed, are read strictly and written back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1 import ai, compressed_link, digital_link
from schemas.gs1.content_rules import CSET_82
from schemas.gs1.reading import read

TEXT = st.text(alphabet=CSET_82, min_size=1, max_size=20)
PACKS = st.fixed_dictionaries(
    {"01": st.just("09506000134352")},
    optional={
        "21": TEXT,
        "10": TEXT,
        "22": TEXT,
        "17": st.just("270531"),
        "3103": st.just("000123"),
        "7003": st.just("2705311200"),
        "240": st.text(alphabet="0123456789abcdef", min_size=1, max_size=30),
        "8009": st.text(alphabet="0123456789ABCDEF", min_size=1, max_size=50),
    },
)


@given(PACKS)
def test_what_is_written_is_read_back(elements):
    link = digital_link.write(elements, "https://example.com/products")
    parsed = digital_link.parse(link)
    assert parsed.findings == ()
    assert parsed.as_dict() == elements


@given(PACKS)
def test_compressed_links_say_the_same_in_less(elements):
    segment = compressed_link.compress(elements)
    assert dict(compressed_link.decompress(segment)) == elements
    link = "https://example.com/p/" + segment
    assert digital_link.parse(link).as_dict() == elements
    assert read(link).gtin == "09506000134352"
    assert len(link) < len(digital_link.write(elements, "https://example.com/p")) + 8


@pytest.mark.parametrize("code", ["253", "255", "8003", "8008", "4309", "8006", "7040", "423"])
def test_composed_values_survive_compression(code):
    values = {
        "253": "9506000134352D1",
        "255": "9506000134352",
        "8003": "09506000134352X1",
        "8008": "2705311259",
        "4309": "02790858483015297971",
        "8006": "095060001343520102",
        "7040": "1Ab-",
        "423": "528276",
    }
    assert ai.lookup(code).accepts(values[code])
    segment = compressed_link.compress({code: values[code]})
    assert compressed_link.decompress(segment) == [(code, values[code])]


def test_a_key_may_stand_open_before_the_compressed_rest():
    rest = compressed_link.compress({"10": "ABC123", "17": "270531"})
    parsed = digital_link.parse(f"https://example.com/01/9506000134352/{rest}")
    assert parsed.as_dict() == {"01": "09506000134352", "10": "ABC123", "17": "270531"}


@pytest.mark.parametrize(
    "uri",
    [
        "https://example.com/",
        "https://example.com/about/medicines",
        "https://example.com/abcdefghijkl",
        "https://example.com/10/L1",
        "https://example.com/01",
        "https://[bad/01/09506000134352",
        "https://example.com/01/09506000134352/extra",
        "https://example.com/01/09506000134352/10/A{B",
        "https://example.com/01/09506000134352/10/A%2",
        "https://example.com/01/09506000134352/10/\u00e9",
        "https://exam ple.com/01/09506000134352",
        "https://" + "a" * 9_000,
    ],
)
def test_what_is_no_digital_link_is_named_so(uri):
    assert [f.code for f in digital_link.parse(uri).findings] == ["link.no-key"]
    reading = read(uri)
    assert reading.format == "gs1-digital-link"
    assert not reading.is_valid
    assert reading.gtin is None


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("https://example.com/01/09506000134353", "ai.incorrect-check-digit"),
        ("https://example.com/01/09506000134352/21/A/10/L", "link.qualifiers"),
        ("https://example.com/01/09506000134352/10/L/235/T", "link.qualifiers"),
        ("https://example.com/01/09506000134352?21=A", "link.attribute"),
        ("https://example.com/01/09506000134352?17=271331", "ai.illegal-month"),
        ("https://example.com/01/09506000134352/21/A%20B", "ai.invalid-cset82-character"),
    ],
)
def test_faults_are_named(uri, code):
    codes = {f.code for f in digital_link.parse(uri).findings}
    assert code in codes


def test_a_query_without_end_is_cut_and_said():
    link = "https://example.com/01/09506000134352?" + "u=1&" * 300
    assert [f.code for f in digital_link.parse(link).findings] == ["link.too-many"]


@pytest.mark.parametrize("segment", ["", "A", "AQnYUc1gm", "AQnYUc1gmiCNV4J", "____________", "é"])
def test_a_segment_that_holds_nothing_whole_is_refused(segment):
    with pytest.raises(ValueError, match=r"compressed|identifier|Identifier"):
        compressed_link.decompress(segment)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_any_segment_is_answered(segment):
    try:
        found = compressed_link.decompress(segment)
    except ValueError:
        return
    assert found


def test_other_query_parameters_do_not_disturb():
    reading = read("https://example.com/01/09506000134352/21/A1?utm=x&17=270500&linkType=gs1:pip")
    assert reading.is_valid
    assert reading.expiry.isoformat() == "2027-05-31"
    assert [f.code for f in reading.findings] == ["expiry.day-00"]


def test_writing_needs_a_key_and_valid_values():
    with pytest.raises(ValueError, match="no element is a GS1 key"):
        digital_link.write({"10": "L1"})
    with pytest.raises(ValueError, match="check digit"):
        digital_link.write({"01": "09506000134353"})
    with pytest.raises(ValueError, match="no GS1 Application Identifier"):
        digital_link.write({"01": "09506000134352", "89": "1"})
    with pytest.raises(ValueError, match="no valid element"):
        compressed_link.compress({"01": "09506000134353"})
