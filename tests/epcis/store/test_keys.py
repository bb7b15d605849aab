"""Keys of whole lists are those of its EPCs one by one, whatever the list looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.database.columns import pack_key, unpack_key, unpack_keys
from epcis.store.keys import LIST_REMEMBERED_EPCS_MAX, packed_keys, product_of
from epcis.store.payload import epcs_of, run_of
from schemas.gs1.epc import canonical_key

STARTS = (
    "urn:epc:id:sgtin:9521321.000001.",
    "urn:epc:id:sgtin:9521321.000001.A",
    "urn:epc:id:sgtin:9521321.0000012.",
    "urn:epc:id:sscc:9521321.1",
    "urn:epc:id:sscc:9521321.",
    "urn:epc:id:giai:9521321.",
    "urn:epc:id:sgln:9521321.00001.",
    "https://id.gs1.org/01/09521321000018/21/",
    "https://id.gs1.org/01/09521321000018/21/0?17=27050",
    "https://id.gs1.org/01/09521321000018/10/L1/21/",
    "https://shop.example/gtin/09521321000018/ser/",
    "https://id.gs1.org/00/09521321",
    "urn:x:",
    "",
)


@st.composite
def lists(draw):
    """EPCs of one beginning, mostly with digits behind it, sometimes with a stranger among them."""
    start = draw(st.sampled_from(STARTS))
    digits = draw(st.integers(1, 22))
    serials = st.one_of(
        st.integers(0, 10**digits - 1).map(lambda number: f"{number:0{digits}d}"),
        st.sampled_from(["", "A", "00", "0?x=1", "%2F1"]),
    )
    of_digits = st.integers(0, 10**digits - 1).map(lambda number: f"{number:0{digits}d}")
    some = draw(st.lists(draw(st.sampled_from([of_digits, serials])), max_size=9))
    return tuple(start + serial for serial in some)


@given(lists())
def test_the_keys_of_a_list_are_those_of_its_epcs(epcs):
    one_by_one = tuple(dict.fromkeys(pack_key(canonical_key(epc)) for epc in epcs))
    assert packed_keys(epcs) == one_by_one


@given(lists())
def test_a_run_is_its_epcs(epcs):
    run = run_of(epcs)
    assert run is None or epcs_of(run) == epcs


@pytest.mark.parametrize("size", [LIST_REMEMBERED_EPCS_MAX, LIST_REMEMBERED_EPCS_MAX + 1])
def test_long_lists_are_not_remembered_and_have_the_same_keys(size):
    epcs = tuple(f"urn:epc:id:sgtin:9521321.000001.{number:09d}" for number in range(size))
    assert [unpack_key(key) for key in packed_keys(epcs)] == list(map(canonical_key, epcs))


@given(st.sampled_from(STARTS), st.integers(0, 10**9))
def test_the_product_of_a_key_is_in_its_text(start, number):
    key = canonical_key(f"{start}{number}")
    product = key[4:18] if key.startswith("/01/") else None
    assert product_of(pack_key(key)) == product


@given(st.lists(lists(), max_size=3))
def test_packed_keys_come_back_however_they_are_mixed(some):
    keys = [canonical_key(epc) for epcs in some for epc in epcs]
    assert list(unpack_keys((pack_key(key),) for key in keys)) == keys


def test_a_key_that_looks_like_a_serial_with_a_byte_before_it_is_its_own():
    serial = pack_key("/01/09521321000018/21/000000000007")
    odd = serial.decode("latin-1")
    assert list(unpack_keys([(serial,), (pack_key(odd),)])) == [unpack_key(serial), odd]
