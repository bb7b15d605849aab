"""What an entry says survives being written down, and two different things never look alike."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epcis.ledger.checkpoint import Checkpoint, LogKey, Note, NoteRefused
from epcis.ledger.entry import LeafKind, LogEntry, commit
from epcis.ledger.record import EventParts, parts_of
from epcis.model import BizTransaction, Node, ObjectEvent

hashes = st.binary(min_size=32, max_size=32)
entries = st.builds(
    LogEntry, st.sampled_from(LeafKind), hashes, hashes, hashes, st.integers(0, 2**64 - 1)
)


@given(entries)
def test_an_entry_is_read_back_as_it_was_written(entry: LogEntry):
    assert LogEntry.parse(entry.preimage()) == entry


@given(entries, entries)
def test_different_entries_have_different_leaves(one: LogEntry, other: LogEntry):
    assert (one == other) == (one.leaf() == other.leaf())


@given(st.binary(max_size=120))
def test_bytes_that_no_entry_has_are_refused_or_read(data: bytes):
    with suppress(ValueError):
        assert LogEntry.parse(data).preimage() == data


@given(st.text(st.characters(exclude_characters="\n", codec="utf-8"), min_size=1),
       st.integers(0, 2**62), hashes)  # fmt: skip
def test_a_checkpoint_is_read_back_as_it_was_written(origin: str, size: int, root: bytes):
    said = Checkpoint(origin, size, root)
    assert Checkpoint.parse(str(said)) == said


@given(st.text(max_size=200))
def test_any_text_is_a_note_or_refused(text: str):
    for parse in (Note.parse, Checkpoint.parse, LogKey.parse):
        with suppress(NoteRefused):
            parse(text)


def test_a_secret_is_hidden_by_a_salt_of_its_own():
    one = commit(LeafKind.ACCESS, b"{}", b"yes")
    other = commit(LeafKind.ACCESS, b"{}", b"yes")
    assert one.public_hash == other.public_hash
    assert one.confidential_hash != other.confidential_hash


@given(
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
def test_a_line_is_cut_into_the_parts_it_was_made_of(public: dict, confidential: dict):
    import msgspec

    parts = EventParts(
        msgspec.json.encode(public), msgspec.json.encode(confidential) if confidential else b""
    )
    line = parts.line
    assert parts.is_line
    if confidential:
        assert line[: parts.cut] + b"}" == parts.public
        assert b"{" + line[parts.cut + 1 :] == parts.confidential
        assert msgspec.json.decode(line) == {**public, **confidential}
    else:
        assert line == parts.public


GOLDEN_PUBLIC = (
    b'{"@context":["https://ref.gs1.org/standards/epcis/epcis-context.jsonld",'
    b'{"ns1":"http://x.example/"}],"type":"ObjectEvent",'
    b'"eventTime":"2026-01-02T03:04:05.000Z","eventTimeZoneOffset":"+01:00",'
    b'"epcList":["urn:epc:id:sgtin:0355555.067890.1"],"action":"OBSERVE","bizStep":"shipping"}'
)
GOLDEN_CONFIDENTIAL = (
    b'{"bizTransactionList":[{"type":"po","bizTransaction":"urn:x:1"}],"ns1:price":"7"}'
)


def test_the_bytes_of_an_event_never_change():
    """If this fails, logs in the field no longer verify: see decision 0070 before changing it."""
    event = ObjectEvent(
        event_time="2026-01-02T03:04:05.000Z",
        event_time_zone_offset="+01:00",
        action="OBSERVE",
        biz_step="urn:epcglobal:cbv:bizstep:shipping",
        epcs=("urn:epc:id:sgtin:0355555.067890.1",),
        biz_transactions=(BizTransaction(id="urn:x:1", type="urn:epcglobal:cbv:btt:po"),),
        extensions=(Node(namespace="http://x.example/", name="price", children=("7",)),),
    )
    assert parts_of(event) == EventParts(GOLDEN_PUBLIC, GOLDEN_CONFIDENTIAL)


def test_an_entry_of_another_version_is_refused():
    written = bytearray(LogEntry(LeafKind.CASE, bytes(32), bytes(32), bytes(32), 1).preimage())
    written[0] = 9
    with pytest.raises(ValueError, match="version 9"):
        LogEntry.parse(bytes(written))
