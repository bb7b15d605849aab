"""Master data of a lot tells the expiry of its packs, as ILMD does; two dates are a conflict."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import orjson
import pytest
from chain import GTIN, commission, pack
from msgspec.structs import replace

from epcis.capture import capture, record
from epcis.fsck import fsck
from epcis.model import Node
from tests.verdicts import verify
from verification.decision.many import judge_all
from verification.decision.words import Reason, Word
from verification.offline.offline_snapshot import OfflineSnapshot, SnapshotContent, take

NOW = datetime(2026, 6, 1, tzinfo=UTC)
URN = "urn:epc:class:lgtin:9521321.000001.L1"
LINK = f"https://id.gs1.org/01/{GTIN}/10/L1"
CBV = "urn:epcglobal:cbv:mda#"


def xml(expiry, name=CBV + "itemExpirationDate", lot=URN, version="1.2", created="2026-05-01"):
    """A master data document of EPCIS 1.2 or 2.0."""
    root = (
        "urn:epcglobal:epcis-masterdata:xsd:1" if version == "1.2" else "urn:epcglobal:epcis:xsd:2"
    )
    tag = "EPCISMasterDataDocument" if version == "1.2" else "EPCISDocument"
    words = f"""<VocabularyList><Vocabulary type="urn:epcglobal:epcis:vtype:EPCClass">
      <VocabularyElementList><VocabularyElement id="{lot}">
        <attribute id="{name}">{expiry}</attribute>
      </VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList>"""
    body = f"<EPCISBody>{words}</EPCISBody>"
    if version != "1.2":
        body = f"""<EPCISHeader><extension><EPCISMasterData>{words}</EPCISMasterData></extension>
          </EPCISHeader><EPCISBody><EventList/></EPCISBody>"""
    return (
        f'<e:{tag} xmlns:e="{root}" schemaVersion="{version}"'
        f' creationDate="{created}T00:00:00Z">{body}</e:{tag}>'
    ).encode()


def json_ld(expiry, lot=LINK):
    element = {
        "id": lot,
        "attributes": [{"id": "cbvmda:itemExpirationDate", "attribute": expiry}],
    }
    words = {"type": "urn:epcglobal:epcis:vtype:EPCClass", "vocabularyElementList": [element]}
    return orjson.dumps(
        {
            "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-05-01T00:00:00Z",
            "epcisHeader": {"epcisMasterData": {"vocabularyList": [words]}},
            "epcisBody": {"eventList": []},
        }
    )


def made(expiry):
    """The commissioning of the one pack; without an expiry in ILMD where that is None."""
    event = commission(0, [pack(0)], expiry=expiry or "")
    if expiry is None:
        event = replace(event, ilmd=event.ilmd[:1])
    return event


def asked(store, now=NOW, expiry=None):
    with store.read() as snapshot:
        return verify(snapshot, GTIN, "P0", expiry=expiry, now=now)


@pytest.mark.parametrize(
    "document",
    [
        xml("2028-05-31"),
        xml("2028-05-31", "http://epcis.gs1us.org/hc/ns#itemExpirationDate"),
        xml("2028-05-31", "urn:epcglobal:hc:mda#expirationDate"),
        xml("2028-05-31T00:00:00Z", "https://gs1.org/voc/expirationDate"),
        xml("2028-05", "http://example.com/lots#itemExpirationDate"),
        xml("280531", lot=LINK),
        xml("2028-05-31", version="2.0"),
        json_ld("2028-05-31"),
        json_ld("2028-05-31", URN),
    ],
    ids=[
        "1.2",
        "gs1us",
        "hc",
        "voc-dateTime",
        "foreign-month",
        "barcode",
        "2.0",
        "json",
        "json-urn",
    ],
)
@pytest.mark.parametrize("first", ["master data", "event"])
def test_a_pack_without_expiry_in_its_event_gets_that_of_its_lot(store, document, first):
    if first == "event":
        with store.write(NOW) as tx:
            record(tx, [made(None)])
        assert asked(store).reason is Reason.EXPIRY_NOT_RECORDED
    capture(store, document, now=NOW)
    if first == "master data":
        with store.write(NOW) as tx:
            record(tx, [made(None)])
    answer = asked(store)
    assert (answer.word, answer.facts.pack.expiry) == (Word.OK, date(2028, 5, 31))
    late = asked(store, datetime(2028, 6, 1, tzinfo=UTC))
    assert (late.word, late.reason) == (Word.STOP, Reason.EXPIRED)
    assert asked(store, expiry=date(2028, 6, 30)).reason is Reason.EXPIRY_DIFFERS
    assert list(fsck(store, now=NOW)) == []


def test_master_data_that_says_another_day_is_a_conflict_and_both_are_shown(store):
    with store.write(NOW) as tx:
        record(tx, [made("2028-05-31")])
    capture(store, xml("2028-05"), now=NOW)
    assert asked(store).word is Word.OK, "the month ends on that day"
    capture(store, xml("2029-05-31", created="2026-05-02"), now=NOW)
    answer = asked(store)
    assert (answer.word, answer.reason) == (Word.STOP, Reason.EXPIRY_CONFLICT)
    assert "2028-05-31, 2029-05-31" in answer.say
    assert answer.as_dict()["expiries_recorded"] == ["2028-05-31", "2029-05-31"]
    with store.read() as snapshot:
        assert [one.verdict for one in judge_all(snapshot, NOW)] == [Word.STOP]
        content = msgspec.json.decode(take(snapshot, NOW), type=SnapshotContent)
    assert OfflineSnapshot(content).stops(GTIN, "P0", "L1", NOW)
    capture(store, xml("2028-05-31", created="2026-05-03"), now=NOW)
    assert asked(store).word is Word.OK, "the sender has corrected its master data"


def test_two_entries_of_master_data_that_differ_are_a_conflict(store):
    with store.write(NOW) as tx:
        record(tx, [made(None)])
    capture(store, xml("2028-05-31"), now=NOW)
    capture(store, json_ld("2028-06-30"), now=NOW)
    assert asked(store).reason is Reason.EXPIRY_CONFLICT


def test_an_odd_date_in_master_data_is_no_date(store):
    with store.write(NOW) as tx:
        record(tx, [made(None)])
    capture(store, xml("next spring"), now=NOW)
    answer = asked(store)
    assert answer.reason is Reason.EXPIRY_NOT_RECORDED
    assert answer.facts.pack.expiry_is_odd


def test_another_lot_or_product_is_not_meant(store):
    with store.write(NOW) as tx:
        record(tx, [made("2028-05-31")])
    for lot in ("urn:epc:class:lgtin:9521321.000001.L2", "urn:epc:class:lgtin:9521321.000002.L1"):
        capture(store, xml("2020-05-31", lot=lot), now=NOW)
    assert asked(store).word is Word.OK


def test_lots_with_signs_that_a_link_escapes_are_found(store):
    event = commission(0, [pack(0)], lot="A/1%")
    event = replace(event, ilmd=(Node(namespace=CBV[:-1], name="lotNumber", children=("A/1%",)),))
    with store.write(NOW) as tx:
        record(tx, [event])
    capture(store, xml("2028-05-31", lot="urn:epc:class:lgtin:9521321.000001.A%2F1%25"), now=NOW)
    assert asked(store).word is Word.OK
