"""A policy says how long things are kept; nobody gets below the law without saying why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.retention.policy import (
    LAW,
    POLICY_BYTES_MAX,
    Period,
    PolicyRefused,
    RecordClass,
    RetentionPolicy,
    parse_policy,
    read_policy,
)

periods = st.builds(
    lambda count, unit: Period.parse(f"{count} {unit}"),
    st.integers(1, 900),
    st.sampled_from(["days", "months", "years"]),
)
moments = st.integers(0, 14_000).map(
    lambda days: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days)
)


def refused(text):
    with pytest.raises(PolicyRefused) as fault:
        parse_policy(text)
    return [finding.code for finding in fault.value.findings]


@given(periods)
def test_a_period_is_written_as_it_is_read(period):
    assert Period.parse(str(period)) == period


@given(periods, periods, st.lists(moments, min_size=5, max_size=5))
def test_what_is_not_called_shorter_never_ends_earlier(one, other, days):
    if not one.is_shorter_than(other) and other.months <= 12 * 100 and one.months <= 12 * 100:
        assert all(one.before(day) <= other.before(day) for day in days)


@given(moments, st.integers(1, 1200))
def test_so_many_months_ago_is_that_day_or_the_months_last(now, months):
    before = Period(months=months).before(now)
    assert (now.year - before.year) * 12 + now.month - before.month == months
    next_month = (before.replace(day=28) + timedelta(days=4)).replace(day=1)
    last_day = (next_month - timedelta(days=1)).day
    assert before.day == min(now.day, last_day)


@pytest.mark.parametrize(
    ("now", "period", "before"),
    [
        ("2026-03-31", "1 month", "2026-02-28"),
        ("2028-03-31", "1 month", "2028-02-29"),
        ("2026-07-31", "1 month", "2026-06-30"),
        ("2026-05-30", "3 months", "2026-02-28"),
        ("2026-01-31", "1 month", "2025-12-31"),
        ("2026-12-31", "12 months", "2025-12-31"),
        ("2028-02-29", "6 years", "2022-02-28"),
        ("2028-02-29", "4 years", "2024-02-29"),
    ],
)
def test_a_period_that_began_at_a_months_end_is_over_at_a_months_end(now, period, before):
    day = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert Period.parse(period).before(day).date().isoformat() == before


@pytest.mark.parametrize("text", ["", "6", "years", "0 days", "-1 day", "6 weeks", "1.5 years"])
def test_what_is_no_period_is_said(text):
    with pytest.raises(ValueError, match="write '90 days'"):
        Period.parse(text)


def test_the_default_destroys_nothing_that_a_law_asks_for():
    for rule in RetentionPolicy().rules:
        if rule.record in LAW:
            assert rule.erase_after is None
    assert {rule.record for rule in RetentionPolicy().rules} == set(RecordClass)


@pytest.mark.parametrize("record", sorted(LAW))
def test_shorter_than_the_law_needs_a_word(record):
    archive = 'archive_after = "1 month"\n' if record in ("events", "documents") else ""
    text = f'[{record}]\n{archive}erase_after = "59 months"\n'
    assert refused(text) == ["retention.below-law"]
    assert refused(text + 'shorter_than_law_because = "  "\n') == ["retention.below-law"]
    policy = parse_policy(text + 'shorter_than_law_because = "a test system without real packs"')
    assert policy.rule(record).because.startswith("a test system")
    parse_policy(f'[{record}]\n{archive}erase_after = "6 years"\n')


@pytest.mark.parametrize(
    "text",
    [
        "[event]\n",
        "events = 1\n",
        '[events]\nafter = "1 year"\n',
        "[events]\narchive_after = 5\n",
        '[events]\narchive_after = "5"\n',
        '[events]\narchive_after = "never"\nerase_after = "9 years"\n',
        '[events]\narchive_after = "9 years"\nerase_after = "8 years"\n',
        '[sessions]\narchive_after = "1 year"\n',
        "[events\n",
        "#" * (POLICY_BYTES_MAX + 1),
    ],
)
def test_what_is_no_policy_is_said_and_not_guessed(text):
    assert refused(text) == ["retention.policy"]


@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_is_refused(text):
    try:
        assert len(parse_policy(text).rules) == len(RecordClass)
    except PolicyRefused as fault:
        told = fault.findings
        assert told


def test_a_policy_is_read_from_a_file(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('[sessions]\nerase_after = "7 days"\n')
    assert read_policy(path).rule(RecordClass.SESSIONS).erase_after == Period(days=7)
    assert read_policy(None) == RetentionPolicy()
    path.write_bytes(b"\xff")
    with pytest.raises(PolicyRefused, match="UTF-8"):
        read_policy(path)
