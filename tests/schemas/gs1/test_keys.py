"""One thing has one key, however a partner writes it, and goes back to every other spelling."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.gs1 import digital_link, element_string, keys
from schemas.gs1.company_prefix import CompanyPrefixes
from schemas.gs1.content_rules import CSET_82, check_digit
from schemas.gs1.epc import SHAPES, canonical_key, identify
from schemas.gs1.epc_pattern import parse as parse_pattern

PREFIX = "9506000"
EXAMPLES = {
    keys.Gtin: "09506000134352",
    keys.Sgtin: "(01)09506000134352(21)A/1",
    keys.Lgtin: "(01)09506000134352(10)L+1",
    keys.Upui: "(01)09506000134352(235)T1",
    keys.Itip: "(8006)095060001343520102(21)A1",
    keys.Sscc: "195060001234567890",
    keys.Gln: "9506000134352",
    keys.Sgln: "(414)9506000134352(254)dock 1".replace(" ", "-"),
    keys.Pgln: "9506000134352",
    keys.Grai: "(8003)09506000134352X1",
    keys.Giai: "(8004)9506000ASSET",
    keys.Gsrn: "950600012345678907",
    keys.Gsrnp: "950600012345678907",
    keys.Gdti: "(253)9506000134352D1",
    keys.Sgcn: "(255)950600013435277",
    keys.Cpi: "(8010)9506000PART-1(8011)12",
    keys.Ginc: "(401)9506000CONS",
    keys.Gsin: "95060001234567893",
}
SERIAL = st.text(alphabet=CSET_82, min_size=1, max_size=20)


def seven(_number):
    return len(PREFIX)


def test_every_kind_of_key_has_an_example():
    kinds = {
        kind
        for _, kind in inspect.getmembers(keys, inspect.isclass)
        if issubclass(kind, keys._Key) and kind is not keys._Key
    }
    assert kinds == set(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_every_key_goes_round_by_every_way(kind):
    key = kind.parse(EXAMPLES[kind])
    assert kind.parse(str(key)) == key
    assert str(key) == EXAMPLES[kind]
    assert kind.parse(key.to_digital_link("https://example.com/some/path")) == key
    assert element_string.parse(key.to_element_string()).as_dict() == key.elements()
    urn = key.to_urn(seven)
    assert urn.startswith("urn:epc:")
    if kind is not keys.Gtin:
        assert kind.parse(urn) == key
        assert canonical_key(urn) == canonical_key(key.to_digital_link())
    assert key.to_urn(lambda number: None) is None


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("text", ["", "x", "(01)", "http://", "urn:epc:id:sgtin:1.2.3", "1" * 99])
def test_what_is_no_key_is_refused_with_a_reason(kind, text):
    with pytest.raises(ValueError, match=r"."):
        kind.parse(text)


def test_an_invalid_value_cannot_be_built():
    with pytest.raises(ValueError, match="check digit"):
        keys.Sgtin("09506000134353", "A1")
    with pytest.raises(ValueError, match="too long"):
        keys.Sgtin("09506000134352", "A" * 21)


@given(SERIAL)
def test_any_serial_survives_urn_and_link(serial):
    pack = keys.Sgtin("09506000134352", serial)
    urn, link = pack.to_urn(seven), pack.to_digital_link()
    assert canonical_key(urn) == canonical_key(link) == "/01/" + link.split("/01/")[1]
    assert identify(link).to_urn(seven) == urn
    assert identify(urn).to_digital_link() == link
    assert keys.Sgtin.parse(urn) == keys.Sgtin.parse(link) == pack


@given(
    st.sampled_from(sorted(s for s, shape in SHAPES.items() if shape.digits)),
    st.integers(6, 12),
    st.integers(0, 10**20 - 1),
    st.sampled_from(["0", "A1", "12", "*"]),
)
def test_urns_of_any_prefix_length_come_back(scheme, length, digits, serial):
    shape = SHAPES[scheme]
    text = str(digits).zfill(20)
    parts = [text[:length], text[length : shape.digits]]
    if scheme == "itip":
        parts += ["01", "02"]
    if scheme == "sgcn":
        serial = serial.replace("A1", "7")
    kind = "id"
    if shape.serial:
        parts.append(serial)
        kind = "idpat" if serial == "*" else "class" if scheme == "lgtin" else "id"
    assume(not (serial == "*" and scheme in ("sgln", "lgtin", "upui")))
    assume(not (scheme in ("grai", "gdti", "sgcn") and serial == "0"))
    urn = f"urn:epc:{kind}:{scheme}:{'.'.join(parts)}"
    thing = identify(urn)
    assert thing.key.startswith(f"/{shape.ai}/")
    assert thing.to_urn() == urn
    # What the URN showed is proof enough to lead the link back to it.
    prefixes = CompanyPrefixes(published=False)
    prefixes.learn(urn)
    again = identify(thing.to_digital_link())
    assert again.key == thing.key
    proven = prefixes.length(text)
    assert proven == length
    assert again.to_urn(lambda _: length) == urn


@pytest.mark.parametrize(
    "spelling",
    [
        "urn:epc:id:sgtin:9506000.013435.A1",
        "https://id.gs1.org/01/09506000134352/21/A1",
        "http://ID.example.org/x/y/01/09506000134352/21/A1/",
        "https://example.com/gtin/9506000134352/ser/A1?17=270531&linkType=all",
        "https://example.com/01/09506000134352/22/cpv/10/L1/21/A1#top",
        "https://id.gs1.org/01/09506000134352/21/%41%31",
    ],
)
def test_every_spelling_of_one_pack_has_one_key(spelling):
    assert canonical_key(spelling) == "/01/09506000134352/21/A1"
    assert canonical_key(spelling) == "/01/09506000134352/21/A1"  # from the cache


def test_what_is_remembered_of_a_product_leads_no_other_link_astray():
    link = "https://id.gs1.org/01/09506000134352/21/"
    assert canonical_key(link + "A1") == "/01/09506000134352/21/A1"
    assert canonical_key(link + "B2") == "/01/09506000134352/21/B2"
    assert canonical_key(link + "B/2") == link + "B/2"
    assert canonical_key(link + "B2?17=270531") == "/01/09506000134352/21/B2"
    assert canonical_key(link + "B%2F2") == "/01/09506000134352/21/B%2F2"
    assert canonical_key(link + "B" * 21) == link + "B" * 21
    assert canonical_key(link.replace("/21/", "?u=/21/") + "B2") == "/01/09506000134352"


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("urn:epc:id:sgln:9506000.13435.0", "/414/9506000134352"),
        ("urn:epc:id:sgln:9506000.13435.d-1", "/414/9506000134352/254/d-1"),
        ("urn:epc:id:sscc:9506000.1123456789", "/00/195060001234567890"),
        ("urn:epc:id:pgln:950600013435.", "/417/9506000134352"),
        ("urn:epc:idpat:sgtin:9506000.013435.*", "/01/09506000134352"),
        ("https://id.gs1.org/01/09506000134352", "/01/09506000134352"),
        ("urn:epc:class:lgtin:9506000.013435.A.B", "/01/09506000134352/10/A.B"),
        ("urn:epc:id:sgtin:9506000.013435.A.B%2FC", "/01/09506000134352/21/A.B%2FC"),
    ],
)
def test_keys_of_other_things(uri, key):
    assert canonical_key(uri) == key


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epc:id:gid:95100000.12345.400",
        "urn:epc:id:sgtin:9506000.01343.A1",
        "urn:epc:id:sgtin:950600A.013435.A1",
        "urn:epc:id:sgtin:9506000.013435",
        "urn:epc:id:sgtin:9506000.013435.",
        "urn:epc:idpat:sgtin:9506000.*.*",
        "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8",
        "https://example.com/epc/01/09506000134353/21/A1",
        "https://example.com/orders/10/12",
        "http://",
        "",
        "café",
    ],
)
def test_what_holds_no_key_stays_as_it_is(uri):
    assert canonical_key(uri) == uri
    assert identify(uri).to_digital_link() is None


@given(st.text(max_size=200))
def test_any_text_has_a_key(text):
    for start in ("", "urn:epc:id:sgtin:", "https://id.gs1.org/01/", "urn:epc:idpat:"):
        assert canonical_key(start + text)[:1] in (start[:1], "/", text[:1])
        parse_pattern(start + text)


def test_the_length_of_a_prefix_is_looked_up_told_or_proven_but_never_guessed():
    assert CompanyPrefixes().length("0614141123452") is not None
    unknown = CompanyPrefixes(published=False)
    assert unknown.length("0614141123452") is None
    told = CompanyPrefixes(["0614141"])
    assert told("0614141123452") == 7
    # The operator's word stands above what URNs show; contradicting proofs prove nothing.
    told.learn("urn:epc:id:sgtin:06141411.2345.A1")
    assert told.length("0614141123452") == 7
    unknown.learn("urn:epc:id:sgtin:0614141.012345.A1")
    unknown.learn("urn:epc:id:sgtin:06141411.02345.A1")
    unknown.learn("urn:uuid:1")
    assert unknown.length("0614141123452") is None
    assert unknown.proven() == {"0614141", "06141411"}
    with pytest.raises(ValueError, match="4 to 12 digits"):
        CompanyPrefixes(["12"])


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        (
            "urn:epc:idpat:sgtin:9506000.013435.*",
            ["urn:epc:id:sgtin:9506000.013435.A1", "https://x.example/01/09506000134352/21/A%2F"],
            ["urn:epc:id:sgtin:9506000.113435.A1", "urn:epc:class:lgtin:9506000.013435.A1"],
        ),
        (
            "urn:epc:idpat:sgtin:9506000.*.*",
            ["urn:epc:id:sgtin:9506000.013435.A1", "urn:epc:id:sgtin:9506000.913435.A1"],
            [
                "urn:epc:id:sgtin:9506001.013435.A1",
                "https://id.gs1.org/01/09506000134352",
                "urn:epc:class:lgtin:9506000.013435.L1",
            ],
        ),
        (
            "urn:epc:idpat:sgln:9506000.*.*",
            ["urn:epc:id:sgln:9506000.13435.0", "urn:epc:id:sgln:9506000.13435.dock"],
            ["urn:epc:id:sgln:9506001.13435.0", "urn:epc:id:pgln:9506000.13435"],
        ),
        (
            "urn:epc:idpat:grai:9506000.*.*",
            ["urn:epc:id:grai:9506000.13435.X1"],
            ["urn:epc:id:grai:9506001.13435.X1"],
        ),
        (
            "urn:epc:id:sgln:9506000.13435.0",
            ["https://id.gs1.org/414/9506000134352"],
            ["https://id.gs1.org/414/9506000134352/254/dock"],
        ),
        (
            "https://id.gs1.org/8003/09506000134352",
            ["urn:epc:id:grai:9506000.13435.X1"],
            ["urn:epc:id:grai:9506000.13436.X1"],
        ),
        (
            "urn:epc:idpat:sgtin:9506000.013435.[5-12]",
            ["urn:epc:id:sgtin:9506000.013435.5", "urn:epc:id:sgtin:9506000.013435.12"],
            ["urn:epc:id:sgtin:9506000.013435.13", "urn:epc:id:sgtin:9506000.013435.5A"],
        ),
        (
            "urn:epc:idpat:sscc:9506000.*",
            ["urn:epc:id:sscc:9506000.1123456789"],
            ["urn:epc:id:sscc:9506001.1123456789"],
        ),
        (
            "urn:epc:idpat:sgln:9506000.13435.*",
            ["urn:epc:id:sgln:9506000.13435.0", "urn:epc:id:sgln:9506000.13435.dock"],
            ["urn:epc:id:sgln:9506000.13436.0"],
        ),
        (
            "urn:epc:idpat:grai:9506000.13435.*",
            ["urn:epc:id:grai:9506000.13435.X1"],
            ["urn:epc:id:grai:9506000.13436.X1"],
        ),
        (
            "urn:epc:idpat:sgtin:*.*.*",
            ["urn:epc:id:sgtin:9506000.013435.A1"],
            ["urn:epc:id:sscc:9506000.1123456789"],
        ),
        (
            "https://id.gs1.org/01/09506000134352",
            ["urn:epc:id:sgtin:9506000.013435.A1", "urn:epc:idpat:sgtin:9506000.013435.*"],
            ["urn:epc:id:sgtin:9506000.113435.A1"],
        ),
        (
            "urn:epc:id:sgtin:9506000.013435.A_1",
            ["https://id.gs1.org/01/09506000134352/21/A_1"],
            ["https://id.gs1.org/01/09506000134352/21/AB1"],
        ),
    ],
)
def test_patterns_find_urns_and_links_alike(pattern, inside, outside):
    found = parse_pattern(pattern)
    for uri in inside:
        assert canonical_key(uri).startswith(found.key_prefix)
        assert found.matches(canonical_key(uri))
    assert not any(found.matches(canonical_key(uri)) for uri in outside)


@pytest.mark.parametrize(
    "uri",
    [
        "urn:epc:idpat:sgtin:*.013435.*",
        "urn:epc:idpat:sgtin:9506000.*.A1",
        "urn:epc:idpat:sgtin:9506000.013435",
        "urn:epc:idpat:sgtin:95A6000.*.*",
        "urn:epc:idpat:nothing:1.2.3",
    ],
)
def test_a_pattern_that_breaks_the_grammar_is_none(uri):
    assert parse_pattern(uri) is None


@given(st.integers(0, 10**13 - 1))
def test_short_gtins_are_filled_up(number):
    gtin = f"{number:013}" + check_digit(f"{number:013}")
    for length in (8, 12, 13):
        short = gtin[-length:]
        if short.zfill(14) == gtin:
            assert str(keys.Gtin.parse(short)) == gtin
            link = f"https://example.com/01/{short}"
            assert digital_link.parse(link).as_dict() == {"01": gtin}
