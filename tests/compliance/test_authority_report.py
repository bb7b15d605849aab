"""The report an authority may ask of a repository, line by line of 2016/161 Art. 36(j), 37, 39."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

import pytest

from compliance.dossier import AuthorityReport
from compliance.partners.audits import close_audit, plan_audit
from compliance.recall.recall import open_recall
from compliance.reports.service_times import add_times
from compliance.service.access import Grant, new_key
from epcis.capture import record
from epcis.ledger.store import Store
from tests.chain import see
from tests.compliance.test_dossier import NOW
from tests.compliance.test_dossier_kinds import Dossier
from verification.alerts import alert
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.fmd.perform import perform
from verification.fmd.upload import Batch, Market, Product, upload_batch, upload_product
from verification.registry.participants import register

GTIN = "00355555678908"
MAKER = Who(
    client="maker", role=ParticipantRole.MAH, location="Plant", authorisation="MAH-1", market="DE"
)
SHOP = Who(
    client="corner-shop",
    role=ParticipantRole.PHARMACY,
    location="Market St 1",
    authorisation="PH-77",
    market="DE",
)
QUIET = Who(
    client="quiet-shop",
    role=ParticipantRole.PHARMACY,
    location="Hill St 9",
    authorisation="PH-78",
    market="DE",
)
_CHANCE = random.Random(7)
SERIALS = tuple(
    "".join(_CHANCE.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=12)) for _ in range(20)
)
PRODUCT = Product(
    code=GTIN, name="Paracetamol 500 mg", common_name="paracetamol", form="tablet",
    strength="500 mg", pack_type="box", pack_size=20,
    markets=(Market(country="DE", mah_name="North Pharma", mah_address="Dover",
                    manufacturer_address="Plant 1", wholesalers=("W1",),
                    wholesalers_as_of=NOW.date()),),
)  # fmt: skip
SPAN = (NOW - timedelta(days=1), NOW + timedelta(days=1))


def ask(store: Store, who: Who, operation: str, serial: str, **more):
    request = PackRequest(
        operation=PackAct(operation), code=GTIN, serial=serial, lot="L7",
        expiry=date(2028, 5, 31), **more,
    )  # fmt: skip
    with store.write(NOW) as tx:
        return perform(tx, [(request, who)], shipped())[0]


@pytest.fixture
def month(store: Store) -> Store:
    """A maker uploads, a pharmacy verifies and supplies, one serial is not genuine."""
    with store.write(NOW - timedelta(hours=2)) as tx:
        for who in (MAKER, SHOP, QUIET):
            register(tx, who, by="Registrar")
        new_key(tx, Grant("corner-shop", frozenset({"verify"}), None), now=tx.now)
        assert upload_product(tx, PRODUCT, MAKER).accepted
        for lot, released in (("L7", NOW.date()), ("L8", None)):
            serials = SERIALS if lot == "L7" else tuple(one[::-1] for one in SERIALS)
            made = Batch(code=GTIN, lot=lot, expiry=date(2028, 5, 31), markets=("DE",),
                         serials=serials, released=released)  # fmt: skip
            assert upload_batch(tx, made, MAKER, shipped()).accepted
    ask(store, SHOP, "verify", SERIALS[0])
    ask(store, SHOP, "supply", SERIALS[0], manual=True)
    ask(store, SHOP, "supply", SERIALS[1], scanned=NOW - timedelta(hours=2))
    ask(store, SHOP, "undo", SERIALS[1])
    false = ask(store, SHOP, "verify", "NOTISSUED9")
    assert false.alert
    with store.write(NOW + timedelta(hours=5)) as tx:
        alert.move(tx, false.alert, alert.Status.CLOSED, by="Nora", reason="scanner fault")
        add_times(tx, NOW.date(), {("fmd", 25): 97, ("fmd", 500): 3})
        planned = plan_audit(tx, date(2026, 4, 1), scope="all of it", auditor="TÜV", by="Ada")
        close_audit(tx, planned.id, date(2026, 4, 2), outcome="no findings", by="Ada")
    open_recall(store, GTIN, "L8", reason="wrong leaflet", by="Ada", now=NOW)
    return store


@pytest.fixture
def report(month: Store, keys, tmp_path) -> dict[str, dict]:
    return sections(Dossier(month, AuthorityReport(*SPAN), keys, tmp_path))


def sections(found: Dossier) -> dict[str, dict]:
    return {
        one["title"]: {**one, "facts": dict(one["facts"]),
                       "rows": [dict(zip(one["columns"], row, strict=True)) for row in one["rows"]]}
        for one in found.report["sections"]
    }  # fmt: skip


def test_36j_who_supplies_the_public_is_seen_to_verify_and_decommission(report):
    (shop,) = [
        one for one in report["Compliance of participants"]["rows"] if one["who"] == "corner-shop"
    ]
    assert (shop["role"], shop["licence"], shop["place"]) == ("pharmacy", "PH-77", "Market St 1")
    assert (shop["operations"], shop["verified"], shop["decommissioned"]) == ("5", "2", "2")
    assert (shop["undone"], shop["late"], shop["typed"], shop["alerts"]) == ("1", "1", "1", "1")
    assert shop["alerts in 1,000"] == "200.0"


def test_36j_a_pharmacy_that_never_connected_stands_out(report):
    rows = {one["who"]: one for one in report["Compliance of participants"]["rows"]}
    assert (rows["quiet-shop"]["operations"], rows["quiet-shop"]["last"]) == ("0", "never")
    assert report["Compliance of participants"]["facts"]["without any operation"] == "2"


def test_36j_a_holder_is_seen_to_upload_before_release_and_recall_in_every_market(report):
    said = report["Uploads of manufacturers and marketing authorisation holders"]
    lots = {one["lot"]: one for one in said["rows"]}
    assert (lots["L7"]["before release"], lots["L8"]["before release"]) == ("yes", "not given")
    assert (lots["L7"]["held by"], lots["L7"]["product"]) == ("MAH-1", "Paracetamol 500 mg")
    assert (lots["L8"]["recalled in"], lots["L7"]["recalled in"]) == ("everywhere", "")
    assert said["facts"]["uploaded after release"] == "0"


def test_36j_falsifications_are_listed_with_cause_and_time_to_close(report):
    said = report["Potential falsifications"]
    (found,) = said["rows"]
    assert (found["serial"], found["state"], found["place"]) == (
        "NOTISSUED9", "Closed", "Market St 1",
    )  # fmt: skip
    assert said["facts"]["hours to close, middle of all"] == "5.0"
    assert found["likely cause"]


def test_36j_packs_are_counted_by_state(report):
    said = report["States of packs"]
    rows = {(one["state"], one["verdict"], one["gravest"]): one["packs"] for one in said["rows"]}
    assert rows == {
        ("Supplied", "STOP", "dispensed"): "1",
        ("Active", "OK", "genuine"): "19",
        ("Active", "STOP", "recalled"): "20",
    }
    assert (said["facts"]["packs"], said["facts"]["may be supplied"]) == ("40", "19")


def test_36j_what_partners_report_of_a_pack_counts_as_much_as_the_registry(month, keys, tmp_path):
    """An event says that an uploaded pack is damaged, another tells of packs nobody uploaded."""
    seen = see(0, [f"https://id.gs1.org/01/{GTIN}/21/{SERIALS[5]}"], "inspecting", "recalled")
    unheard = see(1, [f"https://id.gs1.org/01/{GTIN}/21/{n}" for n in range(3)], "storing")
    with month.write(NOW) as tx:
        record(tx, [seen, unheard])
    found = sections(Dossier(month, AuthorityReport(*SPAN), keys, tmp_path))
    rows = {
        (one["state"], one["gravest"]): one["packs"] for one in found["States of packs"]["rows"]
    }
    assert rows["Active", "genuine"] == "18"
    assert rows["Active", "recalled"] == "21"
    assert sum(map(int, rows.values())) == 43
    lots = {
        one["lot"]: one
        for one in found["Uploads of manufacturers and marketing authorisation holders"]["rows"]
    }
    assert (lots["L7"]["packs"], lots["L7"]["may be supplied"]) == ("20", "18")
    assert lots["L7"]["recalled in"] == "1 packs, by their events"
    assert (lots["L8"]["packs"], lots["L8"]["may be supplied"]) == ("20", "0")


def test_35_1f_the_share_of_answers_within_300_ms_is_told(report):
    said = report["Speed of answers"]
    assert (said["facts"]["within 300 ms"], said["facts"]["is the limit kept?"]) == (
        "97.00%",
        "yes",
    )
    assert said["rows"][0]["95 % ms"] == "up to 25"


def test_37b_users_are_listed_with_role_licence_and_who_verified_them(report):
    users = {one["who"]: one for one in report["Users and their roles"]["rows"]}
    assert (users["corner-shop"]["may"], users["corner-shop"]["licence"]) == ("verify", "PH-77")
    assert {one["by"] for one in users.values()} == {"Registrar"}


def test_37_changes_of_users_are_listed_with_their_place_in_the_log(report):
    said = report["Access, changes of users, and exports"]
    acts = [one["act"] for one in said["rows"]]
    assert acts.count("participant-registered") == 3
    assert "key-made" in acts
    assert all(one["log entry"].isdigit() for one in said["rows"])


def test_37e_audits_done_and_due_are_told(report):
    said = report["Audits of the repository"]
    assert said["rows"][0]["outcome"] == "no findings"
    assert said["facts"]["next audit due"] == "2027-04-02"


def test_36i_and_39a_every_record_behind_the_tables_is_in_the_dossier(month, keys, tmp_path):
    found = Dossier(month, AuthorityReport(*SPAN), keys, tmp_path)
    operations = [one["operation"] for one in found.records if "operation" in one]
    assert operations.count("verify") == 2
    assert operations.count("supply") == 2
    assert any("alert" in one and one.get("status") == "Closed" for one in found.records)


@pytest.mark.parametrize("purpose", ["39(b)", "39(c)"])
def test_39bc_reimbursement_and_vigilance_see_packs_and_no_people(month, keys, tmp_path, purpose):
    found = Dossier(month, AuthorityReport(*SPAN, purpose), keys, tmp_path)
    said = sections(found)
    assert set(said) == {"Packs supplied", "States of packs", "Recalls"}
    assert said["Packs supplied"]["facts"] == {
        "packs: supply": "2", "packs: partial-supply": "0", "packs: undo": "1",
    }  # fmt: skip
    text = json.dumps([found.report, found.records, found.events, found.manifest])
    assert "corner-shop" not in text
    assert "Market St 1" not in text
    assert found.manifest["redaction"]["name"] == "regulator-eu-39bc"


def test_38_commercial_papers_are_not_in_a_supervisors_copy(month, keys, tmp_path):
    found = Dossier(month, AuthorityReport(*SPAN), keys, tmp_path)
    assert found.manifest["redaction"]["name"] == "regulator-eu"
    assert found.manifest["redaction"]["classes"]["documents"] == "leave out"
