"""Long JSON-LD documents are read in portions, and say the same as if read whole."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.documents import write_json
from epcis.codec.document import (
    DocumentLimits,
    DocumentRefused,
    Syntax,
    convert,
    open_document,
    read_document,
)
from epcis.codec.jsonld import event_list, read

CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", {"x": "urn:x:"}]


@contextmanager
def portions_of(size_bytes: int):
    """Every document is long, and its portions are as small as this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "WHOLE_BYTES_MAX", 0)
        patch.setattr(event_list, "PORTION_BYTES", size_bytes)
        patch.setattr(event_list, "_BLOCK_BYTES", size_bytes)
        yield


def assert_same_both_ways(document: bytes, size_bytes: int = 700) -> None:
    whole = read_document(document)
    with portions_of(size_bytes):
        in_portions = read_document(document)
    assert in_portions == whole


def events(count: int, seed: int = 1) -> list[dict]:
    out = io.StringIO()
    write_json(out, count)
    made = json.loads(out.getvalue())["epcisBody"]["eventList"]
    dice = random.Random(seed)
    for event in made:
        for name in ("epcList", "childEPCs"):
            if name in event:
                event[name] = event[name][: dice.randint(1, 4)]
    return made


def document(listed: list, **members) -> dict:
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-02T03:04:05Z",
        "epcisBody": {"eventList": listed},
        **members,
    }


def behind_the_events() -> dict:
    """A document with its members in alphabetical order, as many programs write them."""
    header = {"x:notes": [{"x:a": 1}, {"x:b": "]}}"}], "x:last": [{"x:eventTime": "no"}]}
    made = document(events(30), epcisHeader=header)
    return dict(sorted(made.items()))


def test_every_document_reads_the_same_in_portions(json_documents):
    for path in json_documents:
        assert_same_both_ways(path.read_bytes())


@pytest.mark.parametrize("indent", [None, 1])
def test_a_header_behind_the_events_is_known_before_the_first_of_them(indent):
    text = json.dumps(behind_the_events(), indent=indent).encode()
    assert_same_both_ways(text)
    with portions_of(700):
        reader = open_document(text)
        next(iter(reader))
        assert reader.header.creation_date == "2026-01-02T03:04:05Z"
        assert [node.name for node in reader.header.header_extensions] == ["notes", "notes", "last"]


def test_objects_that_look_like_events_do_not_mislead_the_cutting():
    inner = {"type": "ObjectEvent", "eventTime": "2026-01-01T00:00:00Z"}
    made = events(20)
    for event in made[::3]:
        event["x:copies"] = [inner, inner, inner]
        event["x:text"] = '},{"type":"ObjectEvent","eventTime":"'
    for separators in ((",", ":"), (", ", ": ")):
        text = json.dumps(document(made), separators=separators).encode()
        for size in (200, 400, 700, 5000):
            assert_same_both_ways(text, size)


def test_a_list_of_things_with_times_behind_the_events_is_no_part_of_them():
    text = json.dumps(document(events(10), other=[{"eventTime": "x"}, {"eventTime": "y"}]))
    assert_same_both_ways(text.encode())
    body = {"eventList": events(10), "x:seen": [{"eventTime": "x"}]}
    text = json.dumps({**document([]), "epcisBody": body})
    # What no document we know holds may be refused, but never read as something else.
    with portions_of(700), pytest.raises(DocumentRefused) as refused:
        read_document(text.encode())
    assert refused.value.findings[-1].code == "json.malformed"


def test_results_of_a_query_are_read_in_portions_too():
    results = {"queryName": "q", "resultsBody": {"eventList": events(20)}}
    made = document([], type="EPCISQueryDocument", epcisBody={"queryResults": results})
    assert_same_both_ways(json.dumps(made).encode())


@pytest.mark.parametrize("size", [1, 30, 300, 3000])
def test_an_event_larger_than_a_portion_makes_it_grow(size):
    assert_same_both_ways(json.dumps(document(events(8))).encode(), size)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from([None, 0, 2]),
    st.integers(50, 3000),
    st.lists(st.text(alphabet='{}[],:"\\ aé\n', max_size=12), max_size=6),
)
def test_any_layout_reads_the_same_in_portions(dice, indent, size, texts):
    made = events(dice.randint(0, 12))
    for number, text in enumerate(texts):
        if made:
            dice.choice(made)[f"x:m{number}"] = dice.choice([text, [{"x:t": text}, [text]], {}])
    for event in made:
        members = list(event.items())
        dice.shuffle(members)
        event.clear()
        event.update(members)
    whole = list(document(made).items())
    dice.shuffle(whole)
    assert_same_both_ways(json.dumps(dict(whole), indent=indent).encode(), size)


@pytest.mark.parametrize("damage", ["cut", "tail", "comma", "brace", "quote", "twice"])
def test_damage_is_refused_or_told_the_same_both_ways(damage):
    text = json.dumps(document(events(40)))
    middle = text.index('"eventTime"', len(text) // 2)
    text = {
        "cut": text[:middle],
        "tail": text + "x",
        "comma": text.replace("]}}", ",]}}"),
        "brace": text[: middle - 1] + "}" + text[middle:],
        "quote": text[:middle] + text[middle + 1 :],
        "twice": text[:middle] + '"eventTime": "2026-01-01T00:00:00Z", ' + text[middle:],
    }[damage]

    def verdict() -> tuple[int, set[str]]:
        try:
            read_whole = read_document(text.encode())
        except DocumentRefused as refused:
            return 0, {finding.code for finding in refused.findings}
        return len(read_whole.events), {finding.code for finding in read_whole.findings}

    whole = verdict()
    with portions_of(700):
        assert verdict() == whole
    assert whole[1] == {"json.member-repeated" if damage == "twice" else "json.malformed"}


def test_packed_piped_and_transcoded_documents_are_laid_in_a_file_first(tmp_path):
    text = json.dumps(behind_the_events())
    whole = read_document(text.encode())
    plain = tmp_path / "day.jsonld"
    plain.write_bytes(text.encode("utf-8-sig"))
    with portions_of(700):
        assert read_document(gzip.compress(text.encode())) == whole
        in_utf_16 = read_document(text.encode("utf-16"))
        assert (in_utf_16.header, in_utf_16.events) == (whole.header, whole.events)
        with plain.open("rb") as source:
            assert tuple(open_document(source)) == whole.events
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb") as writing:
            writing.write(text.encode())
        with os.fdopen(read_end, "rb") as piped:
            assert tuple(open_document(piped)) == whole.events


def test_limits_hold_in_portions_too():
    text = json.dumps(document(events(40))).encode()
    with portions_of(700):
        for limits, code in (
            (DocumentLimits(events_max=20), "document.too-many-events"),
            (DocumentLimits(document_bytes_max=5000), "document.too-large"),
        ):
            with pytest.raises(DocumentRefused) as refused:
                read_document(text, limits=limits)
            assert refused.value.findings[-1].code == code
        large = events(40)
        large[20]["x:text"] = "x" * 5000
        with pytest.raises(DocumentRefused) as refused:
            read_document(
                json.dumps(document(large)).encode(), limits=DocumentLimits(event_bytes_max=2000)
            )
        assert refused.value.findings[-1].code == "document.part-too-large"
        assert refused.value.findings[-1].where.path == "/epcisBody/eventList/20"


def refusal(text: bytes, limits: DocumentLimits | None = None) -> tuple[str, str | None]:
    with pytest.raises(DocumentRefused) as refused:
        read_document(text, limits=limits or DocumentLimits())
    last = refused.value.findings[-1]
    return last.code, last.where.path


def test_what_is_long_and_no_document_of_events_is_refused_without_reading_it_all():
    small = DocumentLimits(event_bytes_max=2**20, event_values_max=1000)
    text = json.dumps(document(events(3000))).encode()
    at_list = "/epcisBody/eventList"
    assert refusal(text[: 3 * len(text) // 4], small) == ("json.malformed", at_list)
    crowd = b'{"x": [' + b"{}," * 400_000 + b"{}]}"
    assert refusal(crowd, small) == ("document.part-too-large", "/")
    assert refusal(b"[" * 2_000_000, small) == ("document.part-too-large", "/")
    assert refusal(b"[" * 2_000_000)[0] in ("json.malformed", "document.too-deep")
    behind = document(events(3000), **{"x:y": list(range(3000))})
    assert refusal(json.dumps(behind).encode(), small) == ("document.part-too-large", "/")


def test_progress_is_told_portion_by_portion():
    text = json.dumps(document(events(200))).encode()
    seen: list[int] = []
    with portions_of(3000):
        convert(text, io.BytesIO(), Syntax.XML_2_0, progress=seen.append)
    assert seen == sorted(seen)
    assert len(set(seen)) > 10
    assert seen[-1] > len(text) * 0.9
