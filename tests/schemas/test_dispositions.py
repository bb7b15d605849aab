"""Every disposition of CBV 1.0 to 2.0 in every spelling says what a careful pharmacist hears."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from material import NO_PUBLISHED, PUBLISHED

from schemas.cbv import DISPOSITIONS
from schemas.dispositions import (
    MEANINGS,
    Condition,
    DispositionKind,
    End,
    condition_of,
    is_lifted_by_name,
    meaning,
)

SPELLINGS = (
    "{}", "urn:epcglobal:cbv:disp:{}", "cbv:Disp-{}", "https://ref.gs1.org/cbv/Disp-{}",
    "http://ref.gs1.org/cbv/Disp-{}", "https://ns.gs1.org/cbv/Disp-{}",
    "http://ns.gs1.org/cbv/Disp-{}", "urn:epcglobal:fmcg:disp:{}", " {} ",
)  # fmt: skip
NEUTRAL = {
    "completeness_inferred", "completeness_verified", "container_closed", "container_open",
    "in_progress", "in_transit",
}  # fmt: skip
MAY_BE_SOLD = {"sellable_accessible", "sellable_not_accessible", "conformant", "available"}
ENDED = {
    "destroyed": End.DESTROYED, "disposed": End.DESTROYED, "dispensed": End.DISPENSED,
    "partially_dispensed": End.DISPENSED, "retail_sold": End.DISPENSED, "stolen": End.STOLEN,
    "inactive": End.DECOMMISSIONED,
}  # fmt: skip
OLD = {
    "non_sellable_expired": Condition.EXPIRED,
    "non_sellable_recalled": Condition.RECALLED,
    "non_sellable_damaged": Condition.DAMAGED,
    "non_sellable_no_pedigree_match": Condition.NO_PEDIGREE_MATCH,
    "non_sellable_disposed": End.DESTROYED,
    "non_sellable_other": Condition.NOT_SELLABLE,
}


@given(st.sampled_from(DISPOSITIONS.words), st.sampled_from(SPELLINGS))
def test_every_word_says_the_same_in_every_spelling(word, spelling):
    said = meaning(spelling.format(word))
    assert said == MEANINGS[word]
    if word in NEUTRAL:
        assert said.kind is DispositionKind.NEUTRAL
    elif word in MAY_BE_SOLD:
        assert said.kind is DispositionKind.SELLABLE
    elif word in ENDED:
        assert (said.kind, said.says) == (DispositionKind.ENDED, ENDED[word])
    elif word != "active":
        assert said.kind is DispositionKind.NOT_SELLABLE
        assert condition_of(said) in set(Condition)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(("word", "says"), OLD.items())
def test_words_of_cbv_1_0_still_warn(word, says, spelling):
    assert meaning(spelling.format(word)).says is says


def test_the_table_has_every_word_of_the_published_ontology():
    path = PUBLISHED / "epcis" / "standard" / "ontology" / "CBV.ttl"
    if not path.is_file():
        pytest.skip(NO_PUBLISHED)
    words = set(re.findall(r"^cbv:Disp-(\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert words == set(DISPOSITIONS.words)
    assert words <= set(MEANINGS)


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("contaminated", "unknown_disposition:contaminated"),
        ("urn:epcglobal:cbv:disp:held_by_qa", "unknown_disposition:held_by_qa"),
        ("http://x.org/disp/on hold", "unknown_disposition:http://x.org/disp/on%20hold"),
        ("http://x.org/disp/active", "unknown_disposition:http://x.org/disp/active"),
        ("http://x.org/disp/Recalled", "recalled"),
        ("urn:packtrail:disp:quarantined", "quarantined"),
    ],
)
def test_a_word_that_nobody_knows_is_kept_by_name_and_one_that_warns_is_heard(written, condition):
    assert condition_of(meaning(written)) == condition


@given(st.text(max_size=300))
def test_any_text_gives_one_word_without_spaces(text):
    condition = condition_of(meaning(text))
    assert condition is None or len(condition.split()) == 1


def test_recalled_and_expired_are_lifted_by_no_word():
    kept = {one for one in Condition if not is_lifted_by_name(one)}
    assert {Condition.RECALLED, Condition.EXPIRED, Condition.SEEN_AFTER_END} <= kept
    assert not kept & {Condition.DAMAGED, Condition.MISMATCH, Condition.QUARANTINED}
