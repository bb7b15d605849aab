"""Identifiers in hashes are spelled as the reference generator spells them."""

from __future__ import annotations

import random

import pytest

from schemas.gs1.epc import SHAPES
from schemas.gs1.hash_link import constrained_link

SERIAL = [*"!'()*+,.-:;=_ABCXYZabc0123456789", "%22", "%26", "%2F", "%3C", "%3E", "%3F", "%25"]
LINK_TEXT = "'.-;=_ABCabc0123456789"
LENGTHS = {
    "00": 18, "01": 14, "253": 13, "255": 13, "402": 17, "414": 13, "417": 13, "8003": 14,
    "8006": 18, "8017": 18, "8018": 18, "8004": 12, "401": 12, "8010": 12,
}  # fmt: skip
ROUNDS = 3_000


def _digits(dice, count):
    return "".join(dice.choices("0123456789", k=count))


def _urn(dice):
    scheme, shape = dice.choice(list(SHAPES.items()))
    length = dice.randint(6, 11)
    number = _digits(dice, 20)
    parts = [number[:length], number[length : shape.digits]]
    if not shape.digits:
        parts[1] = "".join(dice.choices("0123456789ABCXYZ-", k=5))
    if scheme == "itip":
        parts += ["01", "02"]
    if shape.serial:
        numeric = scheme in ("sgcn", "cpi")
        parts.append(
            str(dice.randint(1, 9999))
            if numeric
            else "".join(dice.choices(SERIAL, k=dice.randint(1, 16)))
        )
    kind = "class" if scheme == "lgtin" else "id"
    if dice.random() < 0.15 and scheme in ("sgtin", "grai", "gdti", "sgcn", "cpi", "itip", "upui"):
        kind, parts[-1] = "idpat", "*"
    return f"urn:epc:{kind}:{scheme}:{'.'.join(parts)}"


def _link(dice):
    domain = dice.choice(["https://id.gs1.org", "http://example.com/a/b", "https://x.example:8080"])
    key, length = dice.choice(list(LENGTHS.items()))
    link = f"{domain}/{key}/{_digits(dice, length)}"
    if key == "01":
        name, length = dice.choice([("01", 14), ("gtin", 14), ("gtin", 13), ("01", 12), ("01", 8)])
        link = f"{domain}/{name}/{_digits(dice, length)}"
    if key in ("01", "8006"):
        for names in (("10", "lot"), ("21", "ser")):
            if dice.random() < 0.4:
                text = "".join(dice.choices(LINK_TEXT, k=dice.randint(1, 12)))
                link += f"/{dice.choice(names)}/{text}"
    if key == "414" and dice.random() < 0.5:
        link += "/254/" + "".join(dice.choices(LINK_TEXT, k=6))
    return link + dice.choice(["", "?17=270531"])


@pytest.mark.parametrize("make", [_urn, _link])
def test_links_are_those_of_the_reference_generator(make):
    normaliser = pytest.importorskip(
        "epcis_event_hash_generator.dl_normaliser",
        reason="the reference generator is not installed",
    ).normaliser
    dice = random.Random(make.__name__)
    uris = [make(dice) for _ in range(ROUNDS)]
    changed = 0
    for uri in uris:
        # What the reference cannot normalise it leaves as it is.
        expected = normaliser(uri) or uri
        assert constrained_link(uri) == expected
        changed += expected != uri
    assert changed > ROUNDS / 2


def test_a_consumer_variant_goes_whatever_follows_it():
    # The reference leaves the link as it is where the rest is longer than twenty characters.
    link = "https://id.gs1.org/01/04012345111118/22/variant-7/10/lot-number-1/21/serial-1"
    assert constrained_link(link) == "https://id.gs1.org/01/04012345111118/21/serial-1"
