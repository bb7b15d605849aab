"""An item is found however it was written, and so is all a pattern means; nothing else is."""

from __future__ import annotations

import pytest
from asking import named


def test_an_identifier_is_found_however_it_was_written(memory):
    link = "https://id.gs1.org/01/10614141073464/21/B1"
    memory.take(
        named("a"),
        {"eventID": "urn:event:b", "epcList": [link]},
        {
            "type": "AggregationEvent",
            "eventID": "urn:event:c",
            "parentID": "urn:epc:id:sscc:0614141.1234567890",
            "childEPCs": ["urn:epc:id:sgtin:0614141.107346.B1"],
        },
        {
            "type": "TransformationEvent",
            "eventID": "urn:event:d",
            "inputEPCList": [link],
            "outputEPCList": ["urn:epc:id:sgtin:0614141.107346.OUT"],
        },
    )
    urn = "urn:epc:id:sgtin:0614141.107346.B1"
    for epc in (urn, link, "https://pharma.example/01/10614141073464/21/B1"):
        assert memory.ask(MATCH_epc=[epc]) == ["b", "c"]
        assert memory.ask(MATCH_anyEPC=[epc]) == ["b", "c", "d"]
        assert memory.ask(MATCH_inputEPC=[epc]) == ["d"]
    assert memory.ask(MATCH_parentID=["https://id.gs1.org/00/106141412345678908"]) == ["c"]
    assert memory.ask(MATCH_epc=["https://id.gs1.org/00/106141412345678908"]) == []
    assert memory.ask(MATCH_outputEPC=["urn:epc:id:sgtin:0614141.107346.OUT"]) == ["d"]


PATTERNS_MATCH_WHOLE = [
    ("urn:epc:idpat:sgtin:0614141.107346.*", ["a", "b"]),
    ("urn:epc:id:sgtin:0614141.107346.*", ["a", "b"]),
    ("https://id.gs1.org/01/10614141073464", ["a", "b"]),
    ("urn:epc:idpat:sgtin:0614141.*.*", ["a", "b", "c"]),
    ("urn:epc:idpat:sgtin:*.*.*", ["a", "b", "c", "d"]),
    ("urn:epc:idpat:sscc:0614141.*", ["e"]),
    ("urn:epc:idpat:sgtin:0614141.107347.[5-20]", ["c"]),
    ("urn:epc:idpat:sgtin:0614141.107347.[13-20]", []),
    ("urn:epc:idpat:sgtin:0614142.*.*", ["d"]),
    ("urn:epc:idpat:gid:95100000.12345.*", ["f"]),
    ("urn:epc:idpat:grai:0614141.12345.*", ["g"]),
    ("urn:epc:id:sgtin:0614141.107346.1%2F_", ["b"]),
    ("urn:epc:id:sgtin:0614141.107346.1%25_", []),
]


def test_patterns_match_whole_classes_and_no_wildcard_leaks(memory):
    epcs = {
        "a": "urn:epc:id:sgtin:0614141.107346.1AA",
        "b": "urn:epc:id:sgtin:0614141.107346.1%2F_",
        "c": "urn:epc:id:sgtin:0614141.107347.12",
        "d": "urn:epc:id:sgtin:0614142.107346.1",
        "e": "urn:epc:id:sscc:0614141.1234567890",
        "f": "urn:epc:id:gid:95100000.12345.400",
        "g": "urn:epc:id:grai:0614141.12345.77",
    }
    memory.take(*({"eventID": f"urn:event:{n}", "epcList": [epc]} for n, epc in epcs.items()))
    told = [(asked, memory.ask(MATCH_anyEPC=[asked])) for asked, _ in PATTERNS_MATCH_WHOLE]
    assert told == PATTERNS_MATCH_WHOLE


KINDS_OF_THINGS = {
    "sgln": ["0614141.12345.400", "0614142.12345.400"],
    "grai": ["0614141.12345.400", "0614141.12346.400"],
    "giai": ["0614141.12345400", "0614142.1"],
    "gdti": ["0614141.12345.400", "0614142.12345.400"],
    "sgcn": ["4012345.67890.04711", "4012346.67890.04711"],
    "cpi": ["0614141.123ABC.1", "0614141.123ABCD.1"],
    "itip": ["4012345.012345.01.02.987", "4012345.012345.02.02.987"],
    "upui": ["1234567.089456.51qIgY", "1234567.089457.51qIgY"],
    "gsrn": ["0614141.1234567890", "0614142.1234567890"],
    "gsrnp": ["0614141.1234567890", "0614142.1234567890"],
    "pgln": ["0614141.12345", "0614142.12345"],
    "ginc": ["0614141.xyz3311cba", "0614142.xyz3311cba"],
    "gsin": ["0614141.123456789", "0614142.123456789"],
}


@pytest.mark.parametrize("scheme", KINDS_OF_THINGS)
def test_a_pattern_reaches_things_of_its_scheme_however_little_it_fixes(memory, scheme):
    """A fleet of crates is asked for by its owner's company prefix, not crate by crate."""
    one, other = KINDS_OF_THINGS[scheme]
    memory.take(
        {"eventID": "urn:event:a", "epcList": [f"urn:epc:id:{scheme}:{one}"]},
        {"eventID": "urn:event:b", "epcList": [f"urn:epc:id:{scheme}:{other}"]},
        {"eventID": "urn:event:c", "epcList": ["urn:epc:id:sgtin:0614141.107346.1"]},
    )
    fields = one.split(".")
    both = [left.split(".") for left in (one, other)]
    for fixed in range(len(fields)):
        pattern = ".".join([*fields[:fixed], *("*" for _ in fields[fixed:])])
        found = [n for n, it in zip("ab", both, strict=True) if it[:fixed] == fields[:fixed]]
        assert memory.ask(MATCH_epc=[f"urn:epc:idpat:{scheme}:{pattern}"]) == found, pattern


def test_a_class_of_crates_is_one_however_it_is_written(memory):
    memory.take(
        {"eventID": "urn:event:a", "epcList": ["urn:epc:id:grai:0614141.12345.400"]},
        {"eventID": "urn:event:b", "epcList": ["urn:epc:id:grai:0614141.12346.1"]},
    )
    assert memory.ask(MATCH_epc=["https://id.gs1.org/8003/00614141123452"]) == ["a"]
    assert memory.ask(MATCH_epc=["urn:epc:idpat:grai:0614141.12345.[399-401]"]) == ["a"]
    assert memory.ask(MATCH_epc=["urn:epc:idpat:grai:0614141.12345.[1-9]"]) == []


def test_classes_are_matched_in_the_quantity_lists(memory):
    def amount(epc_class):
        return [{"epcClass": epc_class, "quantity": 5}]

    memory.take(
        {"eventID": "urn:event:a", "quantityList": amount("urn:epc:class:lgtin:4012345.012345.99")},
        {
            "eventID": "urn:event:b",
            "quantityList": amount("https://id.gs1.org/01/04012345123456/10/99"),
        },
        {
            "type": "TransformationEvent",
            "eventID": "urn:event:c",
            "inputQuantityList": amount("urn:epc:class:lgtin:4012345.012345.99"),
            "outputQuantityList": amount("urn:epc:idpat:sgtin:4012345.012345.*"),
        },
    )
    lot = "https://id.gs1.org/01/04012345123456/10/99"
    assert memory.ask(MATCH_epcClass=[lot]) == ["a", "b"]
    assert memory.ask(MATCH_anyEPCClass=["urn:epc:class:lgtin:4012345.012345.99"]) == [
        "a",
        "b",
        "c",
    ]
    assert memory.ask(MATCH_inputEPCClass=[lot]) == ["c"]
    assert memory.ask(MATCH_outputEPCClass=["https://id.gs1.org/01/04012345123456"]) == ["c"]
    assert memory.ask(MATCH_anyEPCClass=["urn:epc:class:lgtin:4012345.012345.*"]) == [
        "a",
        "b",
        "c",
    ]
    assert memory.ask(MATCH_anyEPCClass=["urn:epc:class:lgtin:4012345.*.*"]) == ["a", "b", "c"]
    assert memory.ask(MATCH_outputEPCClass=["urn:epc:idpat:sgtin:4012345.*.*"]) == ["c"]
    memory.take(
        {"eventID": "urn:event:d", "quantityList": amount("urn:epc:idpat:grai:1234567.12345.*")}
    )
    assert memory.ask(MATCH_epcClass=["urn:epc:idpat:grai:1234567.*.*"]) == ["d"]
    assert memory.ask(MATCH_epcClass=["urn:epc:idpat:grai:1234568.*.*"]) == []
