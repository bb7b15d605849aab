"""What scanners transmit is read to the letter, in linear time, and written back the same."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.gs1 import ai, element_string
from schemas.gs1.content_rules import CSET_82, check_digit
from schemas.gs1.element_string import GS
from schemas.gs1.reading import read

TEXT = st.text(alphabet=CSET_82, min_size=1, max_size=20)
GTIN = st.integers(0, 10**13 - 1).map(lambda n: f"{n:013}").map(lambda p: p + check_digit(p))
PACKS = st.fixed_dictionaries(
    {"01": GTIN, "21": TEXT},
    optional={"10": TEXT, "17": st.dates().map(lambda d: d.strftime("%y%m%d"))},
)


@given(PACKS, st.randoms(use_true_random=False))
def test_what_is_written_is_read_back(elements, rng):
    order = list(elements.items())
    rng.shuffle(order)
    for parsed in (
        element_string.parse(element_string.transmitted(order)),
        element_string.parse(GS + element_string.transmitted(order) + GS),
    ):
        assert parsed.findings == ()
        assert parsed.as_dict() == elements
        assert [e.ai for e in parsed.elements] == [code for code, _ in order]


@given(PACKS)
def test_positions_point_at_the_identifiers(elements):
    data = element_string.transmitted(elements)
    for element in element_string.parse(data).elements:
        assert data[element.position :].startswith(element.ai + element.value)


@given(st.text(alphabet=CSET_82 + GS + "^( \x00é", max_size=80))
@example("01095060001343521" + GS)
def test_a_known_shape_reads_as_step_by_step(data):
    # Met often enough, a text may take the short way, and must say the same.
    first = element_string.parse(data)
    for _ in range(element_string.SIGHTINGS_MIN):
        assert element_string.parse(data) == first
    assert element_string._parse_step_by_step(data, whole_item=False) == first


def test_a_line_of_packs_takes_the_short_way_and_a_faulty_pack_does_not():
    good = "0109506000134352211A" + GS + "1727053110L1"
    for _ in range(element_string.SIGHTINGS_MIN):
        assert element_string.parse(good).findings == ()
    assert (good[:2] + good[16:18]) in element_string._SHAPES
    wrong = good.replace("09506000134352", "09506000134353")
    found = element_string.parse(wrong).findings
    assert [(f.code, f.where.position) for f in found] == [("ai.incorrect-check-digit", 2)]
    month = good.replace("270531", "271331")
    assert [f.code for f in element_string.parse(month).findings] == ["ai.illegal-month"]


def test_a_forgotten_separator_is_named_where_it_matters():
    (finding,) = element_string.parse("0109506000134352" + "21" + "A" * 21 + "17270531").findings
    assert finding.code == "ai.too-long"
    assert finding.where.position == 18 + 20
    assert "separator" in finding.hint


def test_a_symbol_alone_may_lack_what_its_sister_holds_but_a_typed_text_may_not():
    (scanned,) = read("]C110L1").findings
    (typed,) = read("(10)L1").findings
    assert (scanned.code, scanned.severity) == ("ai.missing-partner", "warning")
    assert (typed.code, typed.severity) == ("ai.missing-partner", "error")


def test_two_packs_run_together_are_not_one_pack():
    one = "0109506000134352" + "21A1" + GS
    reading = read("]d2" + one + one.replace("A1", "A2"))
    assert {"ai.repeated"} == {f.code for f in reading.findings}
    assert not reading.is_valid


def test_brackets_inside_data_stay_data():
    parsed = element_string.parse_bracketed("(01)09506000134352(21)A(1)(B)")
    assert parsed.as_dict()["21"] == "A(1)(B)"


@given(st.lists(st.sampled_from(["(10)", "(21)", "(", ")", "A", "(8003)"]), max_size=5), TEXT)
def test_data_that_looks_like_an_identifier_survives_brackets(parts, rest):
    elements = {"01": "09506000134352", "21": ("".join(parts) + rest)[:20], "10": rest}
    text = element_string.bracketed(elements)
    assert element_string.parse_bracketed(text).as_dict() == elements


def test_writing_refuses_what_reading_would():
    with pytest.raises(ValueError, match="check digit"):
        element_string.transmitted({"01": "09506000134353"})
    with pytest.raises(ValueError, match="no GS1 Application Identifier"):
        element_string.transmitted({"89": "A"})


def _mutated(rng, count):
    """Strings a broken scanner might give: good ones with bytes lost, swapped, doubled, added."""
    alphabet = CSET_82 + GS + "()^~|[]{}\\ \x00\x04\x1e\r\né\u0661\ud7ff\U0001f48a"
    seeds = [
        "]d20109506000134352" + "21ABC" + GS + "1727053110L1",
        "(01)09506000134352(21)ABC(17)270531",
        "https://id.gs1.org/01/09506000134352/21/ABC?17=270531",
        "https://id.gs1.org/AQnYUc1gmiCNV4JGQhcNT6K6c",
        "[)>\x1e06\x1d9N110375286414\x1d1TL1\x1dD270531\x1dSA1\x1e\x04",
        "+A123BJC5D6E71G",
        "urn:epc:id:sgtin:9506000.013435.A1",
        "-03752864",
        "4006381333931",
        "00195060001234567890",
    ]
    codes = ai.codes()
    for _ in range(count):
        text = list(rng.choice(seeds))
        for _ in range(rng.randrange(6)):
            place = rng.randrange(len(text) + 1)
            kind = rng.randrange(5)
            if kind == 0 and text:
                del text[min(place, len(text) - 1)]
            elif kind == 1:
                text.insert(place, rng.choice(alphabet))
            elif kind == 2 and text:
                text[min(place, len(text) - 1)] = rng.choice(alphabet)
            elif kind == 3:
                text[place:place] = list(rng.choice(codes)) + [rng.choice(alphabet)] * 3
            else:
                text = text[place:] + text[:place]
        yield "".join(text)


def _read_all(count, seed):
    rng = random.Random(seed)
    for text in _mutated(rng, count):
        reading = read(text)
        # Whatever was wrong is a finding; what counts as a pack has a sound GTIN.
        assert reading.is_valid or reading.findings
        assert reading.format != "unknown" or not reading.is_valid
        assert reading.gtin is None or read(reading.gtin).format == "ean-upc"


def test_damaged_texts_give_findings_only():
    _read_all(4_000, seed=1)


@pytest.mark.slow
def test_a_hundred_thousand_damaged_texts_give_findings_only():
    _read_all(100_000, seed=2)


@given(st.text(max_size=300))
@example("(" * 200)
@example("\x1d" * 200)
@example("https://" + "01/" * 90)
@example("[)>\x1e06" + "\x1d" * 100)
def test_any_text_at_all_is_answered(text):
    reading = read(text)
    assert reading.text == text
    assert reading.as_dict()["format"] == reading.format


@pytest.mark.parametrize(
    "unit",
    ["10A" + GS, "(10)A", "(", "01/", "\x1d", "9N1", "é", "0109506000134352"],
    ids=["elements", "brackets", "open", "path", "separators", "ppn", "letters", "gtins"],
)
@pytest.mark.parametrize("head", ["", "]d2", "(01)", "https://x/", "[)>\x1e06\x1d", "+"])
def test_work_grows_no_faster_than_the_text(head, unit):
    """Ten times the text costs at most ten times the steps (2 kB against 200 bytes)."""
    short, long = (head + unit * (size // len(unit)) for size in (200, 2_000))
    assert _steps(long) <= 10 * _steps(short)


def _steps(text):
    """Function calls and lines that reading takes: a clock that no other process disturbs."""
    import sys

    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += 1
        return trace

    read(text)  # identifiers are compiled on first use
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(text)
    finally:
        sys.settrace(before)
    return count


def test_a_text_of_the_size_limit_is_answered_and_a_longer_one_refused():
    assert not read("10" + "A" * 99_000).is_valid
    assert not read("(10)A" * 19_000).is_valid
    assert [f.code for f in read("1" * 100_001).findings] == ["text.too-long"]
