"""A partner schedules a query; it must run at the times it named and at no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.query.schedule import BOUNDS, Schedule, ScheduleError

NOON = datetime(2026, 5, 14, 12, 0, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"second": "30"}, "2026-05-14T12:00:30+00:00"),
        ({"minute": "0,30"}, "2026-05-14T12:30:00+00:00"),
        ({"second": "0", "minute": "0"}, "2026-05-14T13:00:00+00:00"),
        ({"hour": "1", "minute": "5"}, "2026-05-15T01:05:00+00:00"),
        ({"dayOfWeek": "1"}, "2026-05-18T00:00:00+00:00"),
        ({"dayOfWeek": "[6-7]", "hour": "8"}, "2026-05-16T08:00:00+00:00"),
        ({"dayOfMonth": "31"}, "2026-05-31T00:00:00+00:00"),
        ({"month": "2", "dayOfMonth": "29"}, "2028-02-29T00:00:00+00:00"),
        ({"month": "1"}, "2027-01-01T00:00:00+00:00"),
    ],
)
def test_the_next_run_is_the_first_instant_the_schedule_names(fields, expected):
    assert Schedule.parse(fields).after(NOON).isoformat() == expected


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "no field"),
        ({"minute": "60"}, "outside"),
        ({"minute": "[20-10]"}, "backwards"),
        ({"minute": "*/5"}, "neither"),
        ({"minute": "-1"}, "neither"),
        ({"minutes": "5"}, "minutes"),
        ({"month": "2", "dayOfMonth": "30"}, "never"),
        ({"minute": "1," * 4000}, "longer"),
        ({"dayOfWeek": "0"}, "outside"),
        ({"minute": 5}, "text"),
        ({"minute": "0", "hour": None}, "text"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused_by_name(fields, word):
    with pytest.raises(ScheduleError, match=word):
        Schedule.parse(fields)


@given(
    st.dictionaries(
        st.sampled_from(["second", "minute", "hour", "dayOfWeek"]), st.integers(1, 7).map(str)
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001  # made UTC below
)
def test_a_run_is_later_matches_every_field_and_nothing_lies_between(fields, moment):
    if not fields:
        return
    moment = moment.replace(tzinfo=UTC)
    schedule = Schedule.parse(fields)
    run = schedule.after(moment)
    assert moment < run < moment + timedelta(days=9)
    found = {"second": run.second, "minute": run.minute, "hour": run.hour}
    found["dayOfWeek"] = run.isoweekday()
    for name, number in fields.items():
        assert found[name] == int(number)
    assert schedule.after(run - timedelta(seconds=1)) == run
    assert set(schedule.as_dict()) <= set(BOUNDS)
