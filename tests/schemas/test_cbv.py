"""A word of the Core Business Vocabulary is one word, however a partner spells it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import cbv

KINDS = sorted(cbv.VOCABULARIES)
IN_SCHEMA = {
    "bizstep": "bizStep",
    "disp": "disposition",
    "btt": "bizTransaction-type",
    "sdt": "source-dest-type",
    "er": "error-reason",
    "comp": "component",
    "alert": "sensorAlertType",
    "measurement": "measurementType",
}
WORDS = [(kind, word) for kind in KINDS for word in cbv.VOCABULARIES[kind].words]


@pytest.mark.parametrize("kind", KINDS)
def test_the_words_are_those_of_the_published_schema(shared, kind):
    text = (shared / "epcis/standard/json-schema/epcis-2.0.1.json").read_bytes()
    choices = json.loads(text)["definitions"][IN_SCHEMA[kind]]["anyOf"]
    published = next(choice["enum"] for choice in choices if "enum" in choice)
    assert sorted(cbv.VOCABULARIES[kind].words) == sorted(published)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if cbv.VOCABULARIES[kind].stem])
def test_the_web_uris_are_those_of_the_published_ontology(shared, kind):
    stem = cbv.VOCABULARIES[kind].stem
    ontology = (shared / "epcis/standard/ontology/CBV.ttl").read_text(encoding="utf-8")
    published = set(re.findall(rf"^cbv:({stem}\S+)", ontology, re.MULTILINE))
    ours = {cbv.web_uri(kind, word).removeprefix(cbv.CBV_WEB) for kind_, word in WORDS
            if kind_ == kind}  # fmt: skip
    assert ours == published


@given(st.sampled_from(WORDS))
def test_every_spelling_is_read_as_the_bare_word(word):
    kind, bare = word
    for spelling in (
        bare,
        cbv.urn(kind, bare),
        cbv.web_uri(kind, bare),
        cbv.compact(kind, bare),
        cbv.web_uri(kind, bare).replace("https://ref.", "https://ns."),
        cbv.web_uri(kind, bare).replace("https://", "http://"),
    ):
        assert cbv.bare(kind, spelling) == bare
        assert cbv.is_standard(kind, spelling)
        assert cbv.web_uri(kind, spelling) == cbv.web_uri(kind, bare)


@given(st.sampled_from(KINDS), st.text())
def test_what_is_no_word_of_ours_comes_back_unchanged(kind, text):
    if not cbv.is_standard(kind, text):
        assert cbv.urn(kind, text) == text or cbv.successor(kind, text)
        assert cbv.bare(kind, text) == text or cbv.successor(kind, text)


def test_words_of_cbv_1_are_known_and_not_standard():
    old = "urn:epcglobal:cbv:disp:non_sellable_recalled"
    assert cbv.bare("disp", old) == "non_sellable_recalled"
    assert cbv.successor("disp", old) == "recalled"
    assert not cbv.is_standard("disp", old)
    assert cbv.successor("disp", "recalled") is None


def test_a_word_of_one_vocabulary_is_none_of_another():
    assert not cbv.is_standard("disp", "shipping")
    assert cbv.bare("disp", "urn:epcglobal:cbv:bizstep:shipping").endswith("shipping")
    assert cbv.bare("disp", "urn:epcglobal:cbv:bizstep:shipping") != "shipping"
