"""Two partners say `ex:`, each by a context of their own; both are understood ever after."""

from __future__ import annotations

import orjson
import pytest
from asking import CONTEXT, Memory
from material import own
from typer.testing import CliRunner

from compliance.service.cli import command_line
from epcis.codec.document import Syntax, open_document, write_event_json
from epcis.detached import detached
from epcis.hash import event_hash, value_prefixes
from epcis.ledger.store import Store

OURS, THEIRS = "https://ours.example/ns/", "https://theirs.example/words#"


@pytest.fixture
def memory(tmp_path):
    store = Store.open(str(tmp_path / "memory.db"))
    store.create_all()
    yield Memory(store)
    store.close()


def document(letter: str, namespace: str, **members) -> bytes:
    event = {
        "type": "ObjectEvent",
        "eventID": f"urn:event:{letter}",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": ["urn:epc:id:sgtin:0614141.107346.1", "ex:crate-1"],
        "bizStep": "ex:blending",
        "disposition": "active",
        "persistentDisposition": {"set": ["ex:mixed"]},
        "readPoint": {"id": "ex:door"},
        "bizTransactionList": [{"type": "ex:order", "bizTransaction": "ex:4711"}],
        "sourceList": [{"type": "ex:blender", "source": "ex:plant"}],
        "sensorElementList": [
            {
                "sensorMetadata": {"deviceID": "ex:probe"},
                "sensorReport": [{"type": "ex:Haze", "stringValue": "ex:not-a-name"}],
            }
        ],
        "ex:grade": "ex:A",
        **members,
    }
    return orjson.dumps(
        {
            "@context": [CONTEXT, {"ex": namespace}],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": [event]},
        }
    )


@pytest.mark.parametrize(
    ("name", "local"),
    [
        ("EQ_bizStep", "blending"),
        ("EQ_persistentDisposition_set", "mixed"),
        ("EQ_readPoint", "door"),
        ("WD_readPoint", "door"),
        ("MATCH_epc", "crate-1"),
        ("MATCH_anyEPC", "crate-1"),
        ("EQ_type", "Haze"),
        ("EQ_deviceID", "probe"),
    ],
)
def test_each_is_found_by_what_he_meant(memory, name, local):
    memory.take_bytes(document("a", OURS))
    memory.take_bytes(document("b", THEIRS))
    assert memory.ask(**{name: [OURS + local]}) == ["a"]
    assert memory.ask(**{name: [THEIRS + local]}) == ["b"]
    assert memory.ask(**{name: ["ex:" + local]}) == []  # asked with a third meaning of the prefix


def test_kinds_of_parties_and_transactions_are_found_too(memory):
    memory.take_bytes(document("a", OURS))
    memory.take_bytes(document("b", THEIRS))
    assert memory.ask(**{f"EQ_source_{THEIRS}blender": [THEIRS + "plant"]}) == ["b"]
    assert memory.ask(**{f"EQ_bizTransaction_{OURS}order": [OURS + "4711"]}) == ["a"]
    assert memory.ask(EQ_stringValue=["ex:not-a-name"]) == ["a", "b"]
    assert memory.ask(**{f"EQ_{OURS}grade": ["ex:A"]}) == ["a"]


@pytest.mark.parametrize("own_context", [False, True])
def test_an_event_is_given_out_with_its_own_prefix_and_whole_names(own_context):
    bound = {"@context": {"ex": THEIRS}} if own_context else {}
    (event,) = detached(open_document(document("a", OURS, **bound)))
    namespace = THEIRS if own_context else OURS
    told = orjson.loads(write_event_json(event))
    assert told["bizStep"] == namespace + "blending"
    assert told["readPoint"] == {"id": namespace + "door"}
    assert told["ex:grade"] == "ex:A"
    assert told["@context"][-1] == {"ex": namespace}


def test_the_hash_is_the_one_a_partner_computes():
    """The names are spelled out as the hash wants them, so that the id does not change."""
    assert_same_hashes(own(".jsonld"))


def test_the_hash_of_each_published_vector_is_the_one_a_partner_computes(shared):
    assert_same_hashes(sorted((shared / "epcis/hash-vectors").glob("*.jsonld")))


def assert_same_hashes(paths):
    assert paths
    for path in paths:
        text = path.read_bytes()
        reader = open_document(text)
        as_written = [(event, value_prefixes(reader.header)) for event in reader]
        alone = detached(open_document(text))
        for (event, prefixes), other in zip(as_written, alone, strict=True):
            assert event_hash(other, namespaces=prefixes) == event_hash(event, namespaces=prefixes)


def test_an_event_with_a_context_of_its_own_hashes_by_it(packtrail_hash):
    own = document("a", OURS, **{"@context": {"ex": THEIRS}})
    assert packtrail_hash(own) == packtrail_hash(document("a", THEIRS))
    assert packtrail_hash(own) != packtrail_hash(document("a", OURS))


@pytest.fixture
def packtrail_hash(tmp_path):
    """What `packtrail hash` says of a document."""

    def said(text: bytes) -> str:
        path = tmp_path / "document.jsonld"
        path.write_bytes(text)
        return CliRunner().invoke(command_line(), ["hash", str(path)]).output

    return said


def test_xml_has_no_compact_names_and_keeps_its_prefixes():
    text = (
        b'<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:ex="urn:x:ns"'
        b' schemaVersion="2.0" creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>'
        b"<ObjectEvent><eventTime>2026-01-01T00:00:00Z</eventTime>"
        b"<eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList><epc>ex:1</epc></epcList>"
        b"<action>ADD</action><ex:grade>A</ex:grade></ObjectEvent>"
        b"</EventList></EPCISBody></epcis:EPCISDocument>"
    )
    reader = open_document(text)
    (event,) = detached(reader)
    assert reader.stream.sniffed.syntax is Syntax.XML_2_0
    assert event.epcs == ("ex:1",)
    assert orjson.loads(write_event_json(event))["ex:grade"] == "A"
