"""Lot and expiry are read in every namespace and form that files use."""

from __future__ import annotations

from datetime import date

import pytest
from chain import at, pack
from hypothesis import given
from hypothesis import strategies as st

from epcis.check.lot import tells_lot_plainly
from epcis.lot_facts import local_name, lot_facts, read_expiry
from epcis.model import Node, ObjectEvent

NAMESPACES = (
    "urn:epcglobal:cbv:mda", "urn:epcglobal:cbv:mda:", "urn:epcglobal:cbv:mda#",
    "http://epcis.gs1us.org/hc/ns", "http://epcis.gs1us.org/hc/ns#", "https://ref.gs1.org/cbv/",
    "http://ns.gs1.org/cbv/", "https://gs1.org/voc/", "https://www.gs1.org/voc/",
)  # fmt: skip


def told(namespace, lot="L1", expiry="2027-05-31", wrap=False):
    nodes = (
        Node(namespace=namespace, name="lotNumber", children=(lot,)),
        Node(namespace=namespace, name="itemExpirationDate", children=(expiry,)),
    )
    if wrap:
        nodes = (Node(namespace="urn:x", name="batch", children=nodes),)
    return ObjectEvent(event_time=at(0), action="ADD", epcs=(pack(1),), ilmd=nodes)


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("namespace", NAMESPACES)
def test_lot_and_expiry_in_every_namespace_of_gs1(namespace, wrap):
    assert lot_facts(told(namespace, wrap=wrap)) == ("L1", "2027-05-31")
    assert list(tells_lot_plainly(told(namespace))) == []


def test_another_namespace_is_read_where_no_known_one_tells_and_is_a_finding():
    foreign = told("http://example.com/ns", lot="X9")
    assert lot_facts(foreign) == ("X9", "2027-05-31")
    assert {one.code for one in tells_lot_plainly(foreign)} == {"event.lot-namespace"}
    both = ObjectEvent(
        event_time=at(0), action="ADD", ilmd=(*foreign.ilmd, *told(NAMESPACES[0]).ilmd)
    )
    assert lot_facts(both) == ("L1", "2027-05-31")


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)))
def test_a_day_is_read_in_every_form(day):
    iso = day.isoformat()
    assert read_expiry(iso) == (day, "")
    odd = [f"{iso}T00:00:00Z", f"{iso}T23:59:59.999+02:00", f"{iso}Z", f"{iso}+02:00",
           f"{day:%Y%m%d}", f"{day:%Y/%m/%d}", f"{day:%y%m%d}"]  # fmt: skip
    for text in odd:
        assert read_expiry(text).day == day, text
        has_zone_alone = text in (f"{iso}Z", f"{iso}+02:00")
        assert bool(read_expiry(text).odd) is not has_zone_alone, "XML Schema lets a day have one"


@given(st.integers(2000, 2099), st.integers(1, 12))
def test_a_month_stands_for_its_last_day(year, month):
    last = date(year + month // 12, month % 12 + 1, 1).toordinal() - 1
    for text in (f"{year}-{month:02}", f"{year}-{month:02}-00", f"{year % 100:02}{month:02}00"):
        assert read_expiry(text).day == date.fromordinal(last), text


@pytest.mark.parametrize("text", ["", "never", "31.05.2027", "2027-13-01", "2027-02-30", "0000-01"])
def test_what_is_no_date_is_kept_as_written(text):
    assert read_expiry(text).day is None
    if text:
        assert lot_facts(told(NAMESPACES[0], expiry=text)) == ("L1", text)
        assert [one.code for one in tells_lot_plainly(told(NAMESPACES[0], expiry=text))] == [
            "event.expiry-unreadable"
        ]


def test_attributes_by_their_local_names():
    for head in ("urn:epcglobal:cbv:mda#", "http://epcis.gs1us.org/hc/ns#", "https://gs1.org/voc/"):
        assert local_name(head + "regulatedProductName") == "regulatedProductName"
    assert local_name("http://example.com/ns#lotNumber") == "http://example.com/ns#lotNumber"
