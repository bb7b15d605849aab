"""Every kind of dossier an authority or a partner may ask for, and what it proves."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest

from compliance.dossier import (
    AuditTrail,
    AuthorityReport,
    Case,
    EventPeriod,
    ExportRefused,
    Inspection,
    LotHistory,
    Pack,
    RecallOf,
    Recipient,
    Shipment,
    Verifications,
    export,
    verify_export,
)
from compliance.dossier.index import HEADER, RECORD, Shown
from compliance.dossier.redaction import shipped
from compliance.recall.recall import open_recall
from epcis.capture import record
from epcis.ledger.entry import LeafKind
from epcis.ledger.store import Store
from tests.chain import commission
from tests.compliance.test_dossier import GTIN, NOW, STORY, pack
from tests.verdicts import verify_and_log
from verification.decision.act import Asked


@pytest.fixture
def busy(store: Store) -> Store:
    """A day: goods come, somebody signs in, a pack is asked for, a lot is recalled."""
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
        tx.log(LeafKind.ACCESS, b'{"act":"signed-in","name":"Ada"}')
        tx.log(LeafKind.ACCESS, b'{"act":"signed-in","name":"Bo"}')
    verify_and_log(store, Asked(GTIN, "101"), now=NOW, client="pharmacy")
    open_recall(store, GTIN, "L7", reason="wrong strength", by="Ada", now=NOW)
    return store


class Dossier:
    """A dossier that was checked, opened."""

    def __init__(self, store, selection, keys, folder: Path, **how) -> None:
        path = folder / "dossier.asice"
        export(
            store,
            selection,
            path,
            keys,
            now=NOW + timedelta(hours=1),
            by="inspector",
            recipient=Recipient(**how),
        )
        outcome = verify_export(path, keys.root_pem())
        assert outcome.exit_code == 0, outcome.findings
        with ZipFile(path) as archive:
            self.manifest = json.loads(archive.read("manifest.json"))
            self.events = [json.loads(x) for x in archive.read("events.ndjson").splitlines()]
            self.records = [json.loads(x) for x in archive.read("records.ndjson").splitlines()]
            index = archive.read("log/index.bin")[HEADER.size :]
            self.report = json.loads(archive.read("report.json"))
        self.index = [RECORD.unpack_from(index, at) for at in range(0, len(index), RECORD.size)]
        self.shown = [Shown(one[1]) for one in self.index]


def section(found, title):
    return next(one for one in found.report["sections"] if one["title"] == title)


LONG = (NOW - timedelta(days=30), NOW + timedelta(days=30))


def test_a_pack_comes_with_the_questions_asked_about_it(busy, keys, tmp_path):
    found = Dossier(busy, Pack(GTIN, "101"), keys, tmp_path)
    assert [one["operation"] for one in found.records] == ["verify"]
    assert len(found.events) == 3


def test_a_lot_comes_with_its_recall(busy, keys, tmp_path):
    found = Dossier(busy, LotHistory(GTIN, "L7"), keys, tmp_path)
    assert "wrong strength" in json.dumps(found.records)


def test_a_pack_of_two_lots_is_in_the_dossier_of_either(busy, keys, tmp_path):
    with busy.write(NOW) as tx:
        record(tx, [commission(0, [pack(101)], lot="L9")])
    second = Dossier(busy, LotHistory(GTIN, "L9"), keys, tmp_path)
    (row,) = section(second, "Judgement of packs")["rows"]
    reasons = "recalled, lot-conflict, expiry-conflict, commissioned-twice"
    assert row == [GTIN, "L9", "101", "Active", "STOP", reasons]
    assert len(second.events) == 4
    first = Dossier(busy, LotHistory(GTIN, "L7"), keys, tmp_path)
    facts = dict(section(first, "Judgement of packs")["facts"])
    assert (facts["packs"], facts["not to be supplied"]) == ("10", "10")


def test_a_case_and_a_shipment_say_what_may_be_done_with_the_packs_inside(busy, keys, tmp_path):
    for selection in (Case("003555550000001232"), Shipment("=cmd|calc")):
        found = section(Dossier(busy, selection, keys, tmp_path), "Judgement of packs")
        assert [row[2] for row in found["rows"]] == ["100", "101", "102", "103", "104"]
        assert {row[5] for row in found["rows"]} == {"recalled"}


def test_a_shipment_is_everything_under_its_order(busy, keys, tmp_path):
    found = Dossier(busy, Shipment("=cmd|calc"), keys, tmp_path)
    assert [one["bizStep"] for one in found.events] == ["shipping"]


def test_a_recall_is_told_with_the_history_of_its_lot(busy, keys, tmp_path):
    with busy.read() as snapshot:
        from compliance.recall.record import list_recalls

        recall = list_recalls(snapshot)[0]
    found = Dossier(busy, RecallOf(recall.id), keys, tmp_path)
    assert len(found.events) == 4
    assert recall.id in json.dumps(found.records)
    assert "wrong strength" in json.dumps(found.report)
    with pytest.raises(ExportRefused, match="no recall"):
        Dossier(busy, RecallOf("R-none"), keys, tmp_path)


def test_an_audit_trail_tells_what_one_person_did(busy, keys, tmp_path):
    ada = Dossier(busy, AuditTrail(*LONG, who="Ada"), keys, tmp_path)
    assert not ada.events
    assert [one["act"] for one in ada.records] == ["signed-in", "lot-state", "recall-opened"]
    assert "Bo" not in json.dumps(ada.records)
    everybody = Dossier(busy, AuditTrail(*LONG), keys, tmp_path)
    assert len(everybody.records) > len(ada.records)


def test_the_verification_log_has_every_question(busy, keys, tmp_path):
    found = Dossier(busy, Verifications(*LONG), keys, tmp_path)
    assert [one["result"] for one in found.records]
    assert {one["operation"] for one in found.records} == {"verify"}


@pytest.mark.parametrize("selection", [Inspection(*LONG), AuthorityReport(*LONG, "39(a)")])
def test_an_authority_gets_its_packet(busy, keys, tmp_path, selection):
    found = Dossier(busy, selection, keys, tmp_path)
    assert found.records
    titles = {section["title"] for section in found.report["sections"]}
    assert {"Questions about packs", "Recalls"} <= titles


def test_a_period_of_recording_is_complete_by_proof(busy, keys, tmp_path):
    hour = timedelta(hours=1)
    period = EventPeriod(NOW - hour, NOW + hour, by_record_time=True)
    found = Dossier(busy, period, keys, tmp_path)
    places = [one[0] for one in found.index]
    assert places == list(range(places[0], places[-1] + 1))
    assert found.shown[0] is Shown.ENTRY
    assert found.manifest["complete"]["first"] == places[0] + 1


def test_an_empty_period_is_shown_to_be_empty(busy, keys, tmp_path):
    period = EventPeriod(NOW - timedelta(hours=2), NOW - timedelta(hours=1), by_record_time=True)
    found = Dossier(busy, period, keys, tmp_path)
    assert found.shown == [Shown.ENTRY, Shown.ENTRY]


def test_what_a_party_may_not_see_is_only_counted(busy, keys, tmp_path):
    period = EventPeriod(*LONG, by_record_time=True)
    found = Dossier(
        busy, period, keys, tmp_path, party="/414/0312345000002", profile=shipped("partner")
    )
    assert not found.events
    assert not found.records
    assert set(found.shown) == {Shown.NOTHING}
