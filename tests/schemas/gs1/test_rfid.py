"""Tags are read and written bit for bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.gs1 import rfid
from schemas.gs1.content_rules import CSET_82
from schemas.gs1.epc import canonical_key
from schemas.gs1.rfid import _URN_SAFE


def test_the_example_of_the_tag_data_standard():
    tag = rfid.decode("3074257BF7194E4000001A85")
    assert (tag.name, tag.filter_value) == ("sgtin-96", 3)
    assert tag.uri == "urn:epc:id:sgtin:0614141.812345.6789"
    assert rfid.encode(tag.uri, filter_value=3) == "3074257BF7194E4000001A85"
    assert canonical_key(tag.uri) == "/01/80614141123458/21/6789"


@given(
    layout=st.sampled_from(rfid.SCHEMES),
    partition=st.integers(0, 6),
    filter_value=st.integers(0, 7),
    digits=st.integers(0, 10**13 - 1),
    number=st.integers(0, 2**38 - 1),
    text=st.text(alphabet=CSET_82, min_size=1, max_size=16),
)
def test_what_is_written_is_read_back(*, layout, partition, filter_value, digits, number, text):
    length = 12 - partition
    row = f"{digits:013}"
    prefix, reference = row[:length], row[length : layout.reference_digits]
    serial = text.translate(_URN_SAFE) if layout.text_serial else str(number)
    if layout.scheme == "sscc":
        reference = f"{digits:017}"[length:17]
    if layout.scheme == "giai":
        reference = serial
    parts = [prefix, reference] + ([serial] if layout.serial_bits else [])
    uri = f"urn:epc:id:{layout.scheme}:{'.'.join(parts)}"
    tag = rfid.decode(rfid.encode(uri, filter_value=filter_value, name=layout.name))
    assert tag == rfid.Tag(layout.name, filter_value, uri)


def test_the_shortest_encoding_that_holds_the_serial_is_chosen():
    number = rfid.encode("urn:epc:id:sgtin:0614141.812345.6789")
    text = rfid.encode("urn:epc:id:sgtin:0614141.812345.00A")
    assert (len(number), rfid.decode(number).name) == (24, "sgtin-96")
    assert (len(text), rfid.decode(text).name) == (52, "sgtin-198")
    # A leading zero cannot be kept in a number.
    assert rfid.decode(rfid.encode("urn:epc:id:sgtin:0614141.812345.007")).name == "sgtin-198"


@pytest.mark.parametrize(
    "memory", ["", "30", "zz", "FF74257BF7194E4000001A85", "307C257BF7194E4000001A85", "3" * 65]
)
def test_what_is_no_tag_is_refused(memory):
    with pytest.raises(ValueError, match=r"."):
        rfid.decode(memory)


@given(st.binary(min_size=12, max_size=26))
def test_any_memory_is_answered(memory):
    for header in {layout.header for layout in rfid.SCHEMES}:
        try:
            tag = rfid.decode((bytes([header]) + memory[1:]).hex())
        except ValueError:
            continue
        again = rfid.encode(tag.uri, filter_value=tag.filter_value, name=tag.name)
        assert rfid.decode(again) == tag


@pytest.mark.parametrize(
    ("uri", "name", "reason"),
    [
        ("urn:epc:id:sgtin:0614141.812345.A1", "sgtin-96", "no number of 38 bits"),
        ("urn:epc:id:sgtin:0614141.812345.999999999999", "sgtin-96", "no number of 38 bits"),
        ("urn:epc:id:gdti:0614141.12345.1", None, "has no encoding"),
        ("urn:epc:id:sgtin:06141.81234512.1", None, "6 to 12 digits"),
        ("urn:epc:id:sgtin:0614141.812345." + "A" * 21, "sgtin-198", "more than 20 characters"),
        ("urn:epc:class:lgtin:0614141.812345.1", None, "no EPC URN"),
        ("https://id.gs1.org/01/09506000134352/21/1", None, "no EPC URN"),
    ],
)
def test_what_no_tag_can_hold_is_refused_with_a_reason(uri, name, reason):
    with pytest.raises(ValueError, match=reason):
        rfid.encode(uri, name=name)
    with pytest.raises(ValueError, match="0 to 7"):
        rfid.encode("urn:epc:id:sgtin:0614141.812345.1", filter_value=8)
