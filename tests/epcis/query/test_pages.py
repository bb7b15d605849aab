"""A long answer is read page by page while others keep sending: nothing is missed or seen twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asking import EX, named
from hypothesis import given
from hypothesis import strategies as st

from epcis.query import paging, search, seen, visible
from epcis.query.names import Names
from epcis.query.parameters import QueryRefused, parse


def pages(memory, query, *, rows_max, between=None, selection=None):
    """All pages of a query, with something happening between them."""
    selection = selection or search.Selection()
    found, after = [], None
    while True:
        with memory.store.read() as snapshot:
            if selection.top is None:
                selection = search.Selection(
                    selection.party, selection.effective, search.newest(snapshot)
                )
            page = search.page(snapshot, query, selection, rows_max=rows_max, after=after)
        found.append([one.event_id.removeprefix("urn:event:") for one in page.events])
        after = page.after
        if after is None:
            return found
        if between:
            between()


def letters(found):
    return [one for page in found for one in page]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "abcdefg"),
        ({"orderBy": "eventTime", "orderDirection": "ASC"}, "fgabcde"),
        ({"orderBy": "eventTime"}, "edcbagf"),
        ({"orderBy": "recordTime", "orderDirection": "ASC"}, "abcdefg"),
        ({"orderBy": "ex:rank", "orderDirection": "ASC"}, "acgfbed"),
        ({"orderBy": "ex:name", "orderDirection": "ASC"}, "cgedbaf"),
    ],
)
def test_pages_follow_each_other_in_order_while_captures_go_on(memory, asked, expected):
    """Every page size gives the same sequence; later events do not slip in or push one out."""
    ranks = {"b": 9, "d": 100, "e": 10.5, "f": -3}
    names = {"a": "b", "b": "Z", "d": "A|1", "e": "A", "f": "ä"}
    times = {letter: f"2026-01-0{at}T00:00:00Z" for at, letter in enumerate("fgabcde", 1)}
    memory.take(
        *(
            named(
                letter,
                eventTime=times[letter],
                **({"ex:rank": ranks[letter]} if letter in ranks else {}),
                **({"ex:name": names[letter]} if letter in names else {}),
            )
            for letter in "abcdefg"
        )
    )
    query = parse(asked, Names({"ex": EX}))
    assert "".join(letters(pages(memory, query, rows_max=100))) == expected
    count = 0

    def send_another():
        nonlocal count
        count += 1
        memory.now += timedelta(seconds=1)
        memory.take(named(f"x{count}", eventTime=f"2026-01-0{count % 7 + 1}T12:00:00Z"))

    for rows_max in (1, 2, 3):
        assert "".join(letters(pages(memory, query, rows_max=rows_max))) == expected
    shown = pages(
        memory, query, rows_max=2, between=send_another, selection=search.Selection(top=7)
    )
    assert "".join(letters(shown)) == expected
    assert count


def test_exactly_as_many_as_allowed_is_fine_and_one_more_is_too_large(memory):
    memory.take(*(named(letter) for letter in "abc"))
    with memory.store.read() as snapshot:
        search.refuse_if_too_many(snapshot, parse({}), search.Selection(), 3)
        with pytest.raises(QueryRefused) as refused:
            search.refuse_if_too_many(snapshot, parse({}), search.Selection(), 2)
    assert refused.value.name == "QueryTooLargeException"


@pytest.mark.parametrize("few", [0, 5000])
def test_a_partner_sees_its_own_events_only_and_pages_through_them(memory, monkeypatch, few):
    """From its own list where that is short, along all events where it is not: the same answer."""
    monkeypatch.setattr(visible, "FEW_EVENTS", few)
    mine, other = "urn:epc:id:sgln:0614141.00001.0", "urn:epc:id:sgln:4012345.00001.0"
    for at, letter in enumerate("abcdef"):
        memory.take(
            named(
                letter,
                sourceList=[{"type": "owning_party", "source": mine if at % 2 else other}],
                eventTime=f"2026-01-01T0{at}:00:00Z",
            )
        )
    party = "/414/0614141000012"
    assert memory.ask(party=party) == ["b", "d", "f"]
    assert memory.ask({"EQ_eventID": "urn:event:a"}, party=party) == []
    shown = pages(memory, parse({}), rows_max=2, selection=search.Selection(party=party))
    assert shown == [["b", "d"], ["f"]]
    with memory.store.read() as snapshot:
        keys = seen.item_keys(snapshot, party=party, after=0, rows_max=10)
        assert [key[-1] for _, key in keys] == ["b", "d", "f"]
        assert not seen.item_is_seen(snapshot, "/01/10614141073464/21/a", party=party)


@given(
    st.binary(max_size=20),
    st.integers(0, 2**40),
    st.lists(
        st.integers(-(2**53), 2**53)
        | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
        min_size=1,
        max_size=3,
    ),
)
def test_a_token_is_read_back_as_it_was_made(mark, expires, after):
    expires = min(expires, 253402300799)
    cursor = paging.PageCursor(mark, expires, tuple(after), 7, None)
    assert paging._decoded(paging.token(cursor)) == cursor


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_a_token(text):
    with pytest.raises(paging.BadToken):
        paging._decoded(text)
