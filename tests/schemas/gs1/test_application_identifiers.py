"""The table of Application Identifiers says what GS1's dictionary says, and judges as GS1 does."""

from __future__ import annotations

import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.gs1 import ai, content_rules, coupons, element_string
from schemas.gs1.ai_table import ROWS

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "ai_table.py"


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("ai_table_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_and_dictionary_agree(generator, shared):
    text = (shared / "gs1" / "gs1-syntax-dictionary.txt").read_text(encoding="utf-8")
    rows = generator.read_dictionary(text)
    assert [tuple(row) for row in rows] == list(ROWS)
    assert generator.write_table(rows) == generator.TABLE.read_text(encoding="utf-8")


def test_all_541_identifiers_are_there_and_compile():
    found = [ai.lookup(code) for code in ai.codes()]
    assert len(found) == 541
    assert all(f is not None and f.accepts("") is False for f in found)
    assert sum(f.predefined for f in found) == 337
    assert sum(f.attribute for f in found) == 525
    # Dictionary entries, a range counted once: 16 of them are Digital Link primary keys.
    assert len({f.code for f in found if f.qualifiers is not None}) == 16


def test_no_identifier_is_the_beginning_of_another():
    codes = sorted(ai.codes())
    assert not [(a, b) for a, b in pairwise(codes) if b.startswith(a)]


def _linter_vectors(shared):
    return json.loads((shared / "gs1" / "linter-vectors.json").read_text(encoding="utf-8"))


def test_every_published_content_rule_vector(shared):
    disagreements = []
    for vector in _linter_vectors(shared):
        judged = _judge(vector)
        if judged != vector["error"] or (judged is None) != vector["valid"]:
            disagreements.append((vector, judged))
    assert disagreements == []


def _judge(vector):
    """A vector that speaks of a data source gets one that says so."""
    answer = {"invalid_gcp_prefix": False, "gcp_datasource_offline": None}
    linter, value = vector["linter"], vector["input"]
    if vector["error"] in answer and linter in ("gcppos1", "gcppos2", "couponcode"):
        rule = {
            "gcppos1": content_rules.company_prefix,
            "gcppos2": content_rules.company_prefix_second,
            "couponcode": coupons.coupon_code,
        }[linter]
        return rule(value, lambda _: answer[vector["error"]])
    return content_rules.RULES[linter](value)


def test_every_published_element_string_vector(shared):
    path = shared / "gs1" / "element-string-vectors.json"
    vectors = json.loads(path.read_text(encoding="utf-8"))
    assert len(vectors) == 130
    wrong = [v for v in vectors if _is_acceptable(v) != v["valid"]]
    assert wrong == []


def _is_acceptable(vector):
    """Each vector asks one question; findings of other questions do not count."""
    text = vector["input"]
    if text.startswith("^"):
        parsed = element_string.parse(text.replace("^", element_string.GS))
    else:
        parsed = element_string.parse_bracketed(text)
    errors = {f.code for f in parsed.findings if f.severity == "error"}
    question = vector["check"].rpartition(":")[2]
    if question == "validateAIrepeats":
        # The identifier 89 of these vectors does not exist; only repeats are asked about.
        return "ai.repeated" not in errors
    return not errors


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("423", ["528", "528276"], ["52", "5282", "000", "528276840250710036"]),
        ("4324", ["2706010830", "2706000000"], ["2706012460", "270601"]),
        ("7007", ["270601", "270601270602"], ["2706", "270600"]),
        ("7040", ["1ABC"], ["AABC", "1AB", "1AB="]),
        ("8003", ["09506000134352", "09506000134352X"], ["19506000134352", "09506000134353"]),
        ("8008", ["27060108", "2706010859", "270601085959"], ["2706012460", "27060108595"]),
        ("8030", ["abc_-", "1=="], ["a+b", "="]),
    ],
)
def test_composed_fields(code, good, bad):
    identifier = ai.lookup(code)
    assert [v for v in good if not identifier.accepts(v)] == []
    assert [v for v in bad if identifier.accepts(v)] == []
    # The explanation never contradicts the verdict.
    assert all(ai.explain(identifier, v) is None for v in good)
    assert all(ai.explain(identifier, v) is not None for v in bad)


def _likely_values(identifier):
    """Strings near what a field accepts: its length or one off, its characters or others."""
    numeric = all(part.kind == "N" for part in identifier.components)
    alphabet = "0123456789" if numeric else "0123456789ABCXYZabc/-+=%_"
    sizes = st.integers(0, identifier.length_max + 1)
    shapes = [st.text(alphabet=alphabet, min_size=n, max_size=n) for n in (0, 1)]
    shapes.append(sizes.flatmap(lambda n: st.text(alphabet=alphabet, min_size=n, max_size=n)))
    shapes.append(st.text(max_size=6))
    return st.one_of(shapes)


@given(st.sampled_from(ai.codes()).flatmap(lambda c: st.tuples(st.just(c), _near(c))))
@settings(max_examples=1_500, deadline=None)
def test_what_is_refused_is_explained_and_what_is_accepted_is_not(pair):
    code, value = pair
    identifier = ai.lookup(code)
    fault = ai.explain(identifier, value)
    assert identifier.accepts(value) == (fault is None)
    assert fault is None or 0 <= fault.position <= len(value)


def _near(code):
    return _likely_values(ai.lookup(code))


@given(
    st.lists(
        st.sampled_from(["01", "10", "11", "17", "21", "240", "310", "3103", "37", "400", "712"]),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_what_we_accept_another_reader_reads_the_same(codes, data):
    """biip is laxer: it may read what we refuse, but never refuse or cut otherwise what we take."""
    from biip import ParseError
    from biip.gs1_messages import GS1Message

    sound = {"01": st.just("09506000134352"), "17": st.sampled_from(["270531", "270500"])}
    text = "".join(
        code
        + data.draw(sound.get(code, _near(code)))
        + data.draw(st.sampled_from(["", element_string.GS]))
        for code in codes
        if ai.lookup(code)
    )
    ours = element_string.parse(text)
    if any(finding.severity == "error" for finding in ours.findings):
        return
    try:
        theirs = GS1Message.parse(text)
    except ParseError as refusal:
        raise AssertionError(f"biip refuses {text!r}: {refusal}") from refusal
    assert [(e.ai.ai, e.value) for e in theirs.element_strings] == [
        (e.ai, e.value) for e in ours.elements
    ]
