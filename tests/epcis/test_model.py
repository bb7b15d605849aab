"""Event times as instants, and events as values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.model import Node, ObjectEvent, instant_of


@pytest.mark.parametrize(
    ("written", "offset", "instant"),
    [
        ("2026-01-02T03:04:05Z", None, "2026-01-02T03:04:05+00:00"),
        ("2026-01-02T03:04:05.678+01:00", "-05:00", "2026-01-02T02:04:05.678000+00:00"),
        ("2026-01-02T03:04:05", "-05:30", "2026-01-02T08:34:05+00:00"),
        ("2026-01-02T03:04:05", None, "2026-01-02T03:04:05+00:00"),
        ("2026-01-31T24:00:00Z", None, "2026-02-01T00:00:00+00:00"),
        ("2026-01-31T12:00:00z", None, "2026-01-31T12:00:00+00:00"),
        (" 2026-01-02T03:04:05Z ", None, "2026-01-02T03:04:05+00:00"),
    ],
)
def test_a_written_time_is_an_instant(written, offset, instant):
    assert instant_of(written, offset).isoformat() == instant


@pytest.mark.parametrize("written", ["", "yesterday", "2026-13-01T00:00:00Z", "22-07-2026"])
def test_what_is_no_time_is_refused(written):
    with pytest.raises(ValueError):
        instant_of(written)


@given(st.datetimes(datetime(1975, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))  # noqa: DTZ001  # the strategy adds zones
def test_any_time_with_a_zone_keeps_its_instant(moment):
    assert instant_of(moment.isoformat()) == moment.astimezone(UTC)


def test_the_text_of_a_tree_is_all_its_character_data():
    tree = Node(name="a", children=("one ", Node(name="b", children=("two",)), " three "))
    assert tree.text == "one two three"


def test_events_are_values():
    one, other = (
        ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD", epcs=("urn:x:1",))
        for _ in range(2)
    )
    assert one == other
    with pytest.raises(AttributeError):
        one.action = "DELETE"
