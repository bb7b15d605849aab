"""Cases, licences and audits: kept, moved by their rules, and shown to inspectors as they ask."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from compliance.cases.cases import (
    CaseKind,
    CaseRefused,
    NewCase,
    Notice,
    State,
    correct_facts,
    find_case,
    list_cases,
    open_case,
    take_step,
)
from compliance.cases.form_3911 import EDITIONS, form_3911
from compliance.dossier import AuthorityReport, Inspection
from compliance.partners.audits import AuditRefused, close_audit, due_after, list_audits, plan_audit
from compliance.partners.licences import (
    LicenceRefused,
    end_licence,
    enter_licence,
    licence_from,
    licences,
)
from compliance.partners.names import product_attributes
from compliance.reports import licences as licence_report
from compliance.reports.service_times import LONGER, add_times, times_between
from epcis.capture import capture, record
from epcis.fsck.log import audit_log
from epcis.ledger.store import Store
from epcis.model import ErrorDeclaration
from tests.compliance.test_dossier import GTIN, NOW, STORY, at, pack
from tests.compliance.test_dossier_kinds import Dossier
from tests.verdicts import verify_and_log
from verification.decision.act import Asked

SUSPICION = NewCase(
    CaseKind.SUSPECT, "counterfeit", GTIN, "print differs from the maker's", lot="L7",
    facts={"ingredients": "paracetamol", "quantity": "10 packs"},
)  # fmt: skip
LICENCE = {
    "gln": "0355555000013", "name": "North Pharma", "role": "manufacturer",
    "kind": "registration", "authority": "FDA", "number": "510-77",
    "valid_from": "2026-01-01", "valid_to": "2026-12-31", "source": "FDA's list, looked up",
}  # fmt: skip


@pytest.fixture
def told(store: Store) -> Store:
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
    return store


def moved(store: Store, case_id: str, act: str, *, hours: float = 0, **how):
    with store.write(NOW + timedelta(hours=hours)) as writing:
        return take_step(writing, case_id, act, by="Ada", **how)


def opened(store: Store, wanted: NewCase = SUSPICION):
    with store.write(NOW) as tx:
        return open_case(tx, wanted, by="Ada")


def word(store: Store, serial: str = "101") -> str:
    return verify_and_log(store, Asked(GTIN, serial), now=NOW, client="shop").word


def test_suspect_product_is_set_aside_cleared_and_sold_again(told):
    assert word(told) == "OK"
    case = opened(told)
    assert word(told) == "CHECK"
    for step in ("quarantined", "investigating"):
        moved(told, case.id, step)
    assert (
        moved(told, case.id, "cleared", note="the maker changed its print").state is State.CLEARED
    )
    assert word(told) == "OK"
    assert list(audit_log(told)) == []


def test_illegitimate_product_has_a_day_for_its_notices_and_never_comes_back(told):
    case = opened(told)
    moved(told, case.id, "investigating")
    case = moved(told, case.id, "illegitimate", hours=1, note="serial never issued by the maker")
    assert case.due == NOW + timedelta(hours=25)
    moved(told, case.id, "fda notified", hours=2, incident="2026-0042")
    moved(told, case.id, "partners notified", hours=30)
    for step in ("disposed", "termination requested", "terminated"):
        case = moved(told, case.id, step, hours=40, note="destroyed under witness")
    assert (case.state, case.incident) == (State.TERMINATED, "2026-0042")
    assert case.notified(Notice.FDA) == NOW + timedelta(hours=2)
    assert word(told) == "STOP"


def test_a_case_goes_only_where_the_law_lets_it_and_says_where_it_can(told):
    case = opened(told)
    with pytest.raises(CaseRefused, match="cannot become terminated; it can: fda notified"):
        moved(told, case.id, "terminated")
    moved(told, case.id, "investigating")
    with pytest.raises(CaseRefused, match="say in a note why"):
        moved(told, case.id, "cleared")
    with pytest.raises(CaseRefused, match="no case C-none"):
        moved(told, "C-none", "cleared")


@pytest.mark.parametrize(
    ("day", "good"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_a_licence_is_good_from_its_first_day_to_its_last(day, good):
    held = licence_from(LICENCE)
    assert held.is_valid_on(day) is good
    assert held.authorizes_on(day) is good
    word = licence_report._rows(day, held.gln, [held])[0][-1]
    assert (word == "yes") is good


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"category": "rumour"}, "is one of: counterfeit"),
        ({"lot": "", "serial": ""}, "a lot, or a serial number"),
        ({"what": " "}, "say what was seen"),
        ({"facts": {"colour": "red"}}, "not a fact of Form FDA 3911: colour"),
        ({"facts": {"contact": "x" * 3000}}, "a fact has"),
    ],
)
def test_a_case_that_cannot_be_is_refused_with_a_word(told, change, says):
    with pytest.raises(CaseRefused, match=says):
        opened(told, NewCase(**{**{n: getattr(SUSPICION, n) for n in NewCase.__slots__}, **change}))


def test_an_exception_stops_nothing_and_is_resolved(told):
    case = opened(told, NewCase(CaseKind.EXCEPTION, "overage", GTIN, "two packs too many"))
    assert word(told) == "OK"
    assert moved(told, case.id, "resolved", note="supplier sent data").state is State.RESOLVED
    with told.read() as snapshot:
        assert [one.id for one in list_cases(snapshot)] == [case.id]
        assert find_case(snapshot, "C-none") is None


def test_form_3911_is_filled_from_the_case_and_the_partners_master_data(store, examples):
    example = examples / "shipment.xml"
    capture(store, example.read_bytes(), now=NOW)
    wanted = NewCase(
        CaseKind.SUSPECT, "stolen", "00355555678908", "lorry stolen", lot="L77",
        facts={"contact": "Ada, +1 555 0100", "product_name": ""},
    )  # fmt: skip
    with store.write(NOW) as tx:
        case = open_case(tx, wanted, by="Ada")
    case = moved(store, case.id, "investigating")
    case = moved(store, case.id, "illegitimate", note="police report")
    with store.read() as snapshot:
        master = product_attributes(snapshot, "00355555678908")
    said = {one.name: one for one in form_3911(case, master)}
    assert (said["report_type"].number, said["report_type"].value) == (1, "Initial")
    assert said["illegitimate"].value == NOW.date().isoformat()
    for name in ("product_name", "strength", "dosage_form", "ndc"):
        assert said[name].value == master[{"product_name": "regulatedProductName",
            "strength": "strengthDescription", "dosage_form": "dosageFormType",
            "ndc": "additionalTradeItemIdentification"}[name]]  # fmt: skip
    assert (said["classification"].value, said["lot"].value) == ("stolen", "L77")
    assert said["event"].value == "lorry stolen"
    assert (said["contact"].number, said["contact"].value) == (23, "Ada, +1 555 0100")
    assert said["drug_use"].value == ""
    case = moved(store, case.id, "fda notified", incident="2026-7")
    assert form_3911(case, {})[0].value == "Follow-up"
    draft = {one.name: one.number for one in form_3911(case, {}, edition="2025-draft")}
    assert (draft["place"], draft["initial_notification"]) == (3, 4)
    with pytest.raises(LookupError, match="there are 2015, 2025-draft"):
        form_3911(case, {}, edition="1999")


def corrected(store: Store, case_id: str, facts: dict[str, str], reason: str = ""):
    with store.write(NOW + timedelta(hours=3)) as tx:
        return correct_facts(tx, case_id, facts, by="Bert", reason=reason)


def test_a_fact_of_form_3911_is_corrected_after_the_notice_and_both_values_stay(told):
    case = opened(told)
    moved(told, case.id, "investigating")
    moved(told, case.id, "illegitimate", hours=1, note="serial never issued by the maker")
    moved(told, case.id, "fda notified", hours=2)
    after = corrected(
        told, case.id, {"quantity": "12 packs", "strength": "500 mg"}, "counted once more"
    )
    assert (after.state, after.why) == (State.ILLEGITIMATE, "serial never issued by the maker")
    step = after.steps[-1]
    assert (step.by, step.act, step.at) == ("Bert", "facts corrected", NOW + timedelta(hours=3))
    assert step.note.splitlines() == [
        "quantity: 12 packs (before: 10 packs)",
        "strength: 500 mg (before: nothing)",
        "reason: counted once more",
    ]
    form = {one.name: one.value for one in form_3911(after, {"strengthDescription": "5 mg"})}
    assert (form["quantity"], form["strength"], form["report_type"]) == (
        "12 packs", "500 mg", "Follow-up",
    )  # fmt: skip
    assert "ingredients" not in corrected(told, case.id, {"ingredients": ""}, "unknown").facts
    assert list(audit_log(told)) == []


@pytest.mark.parametrize(
    ("facts", "reason", "says"),
    [
        ({"quantity": "12 packs"}, " ", "say in a reason why this changes: quantity"),
        ({"quantity": "10 packs"}, "so", "none of these facts differs"),
        ({"lot": "L8"}, "so", "not a fact of Form FDA 3911: lot"),
        ({"quantity": "1" * 2_001}, "so", "2000 characters at most"),
        ({"strength": "5 mg"}, "s" * 4_001, "4000 characters at most"),
    ],
)
def test_a_correction_that_cannot_be_changes_nothing(told, facts, reason, says):
    case = opened(told)
    with pytest.raises(CaseRefused, match=says):
        corrected(told, case.id, facts, reason)
    with told.read() as snapshot:
        assert find_case(snapshot, case.id) == case


def test_every_edition_of_the_form_numbers_its_fields_once_and_in_order():
    for fields in EDITIONS.values():
        numbers = [number for number, _, _ in fields]
        assert numbers == sorted(set(numbers))
        assert len({name for _, name, _ in fields}) == len(fields)


def test_a_licence_answers_for_the_day_of_the_trade(told):
    with told.write(NOW) as tx:
        entered = enter_licence(tx, licence_from(LICENCE), by="Ada")
        end_licence(tx, entered.id, date(2026, 6, 1), by="Ada")
    with told.read() as snapshot:
        (found,) = licences(snapshot, ["0355555000013"])
        assert licences(snapshot, ["0399999000024"]) == []
    assert found.authorizes_on(date(2026, 5, 31))
    assert not found.authorizes_on(date(2026, 6, 1))
    assert not licence_from({**LICENCE, "kind": "DEA registration"}).authorizes_on(date(2026, 5, 1))
    with told.write(NOW) as tx, pytest.raises(LicenceRefused, match="ended on 2026-06-01"):
        end_licence(tx, entered.id, date(2026, 7, 1), by="Ada")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gln": "0355555000014"}, "check digit"),
        ({"role": "king"}, "king"),
        ({"valid_from": "soon"}, "soon"),
        ({"valid_to": "2025-01-01"}, "ends before it begins"),
        ({"number": ""}, "'number' is missing"),
        ({"authority": "x" * 300}, "at most 200"),
    ],
)
def test_a_licence_that_cannot_be_is_refused_with_a_word(change, says):
    with pytest.raises(LicenceRefused, match=says):
        licence_from({**LICENCE, **change})


def test_audits_are_planned_done_and_due_by_law(told):
    with told.write(NOW) as tx:
        planned = plan_audit(tx, date(2026, 9, 1), scope="access", auditor="TÜV", by="Ada")
        close_audit(tx, planned.id, date(2026, 9, 2), outcome="no findings", by="Ada")
    with told.write(NOW) as tx, pytest.raises(AuditRefused, match="done on 2026-09-02 already"):
        close_audit(tx, planned.id, date(2026, 9, 3), outcome="again", by="Ada")
    with told.read() as snapshot:
        assert [one.outcome for one in list_audits(snapshot)] == ["no findings"]
    assert due_after([date(2031, 6, 1)], date(2026, 5, 3)) == date(2034, 6, 1)
    assert due_after([date(2028, 2, 29)], date(2026, 5, 3)) == date(2029, 2, 28)


def test_service_times_are_added_up_by_day_and_area(told):
    day = NOW.date()
    with told.write(NOW) as tx:
        add_times(tx, day, {("fmd", 10): 90, ("fmd", 500): 3, ("page", 10): 7})
        add_times(tx, day, {("fmd", 10): 5, ("fmd", LONGER): 2})
    with told.read() as snapshot:
        (found,) = times_between(snapshot, day, day)
    assert (found.answers, found.within()) == (100, 95)
    assert (found.quantile_ms(0.95), found.quantile_ms(0.999)) == (10, None)


LONG = (NOW - timedelta(days=30), NOW + timedelta(days=30))


def section(found: Dossier, title: str) -> dict:
    (said,) = [one for one in found.report["sections"] if one["title"] == title]
    return {**said, "facts": dict(said["facts"])}


def test_the_inspection_packet_tells_whether_partners_were_authorized(
    store, keys, tmp_path, examples
):
    example = examples / "shipment.xml"
    capture(store, example.read_bytes(), now=NOW)
    seller = {**LICENCE, "gln": "0355555000013", "valid_from": "2010-01-01", "valid_to": ""}
    with store.write(NOW) as tx:
        enter_licence(tx, licence_from(seller), by="Ada")
    ever = Inspection(datetime(2000, 1, 1, tzinfo=UTC), NOW + timedelta(days=30))
    found = Dossier(store, ever, keys, tmp_path)
    said = section(found, "Trading partners and their licences")
    by_gln = {row[1]: row for row in said["rows"]}
    assert by_gln["0355555000013"][-1] == "yes"
    assert by_gln["0366666000014"][-1] == "NO: no licence on file"
    assert said["facts"]["of them not shown to be authorized"] == "1"
    assert section(found, "Shipments")["facts"]["shipments"] == "1"
    assert section(found, "Transaction information")["rows"]
    assert '"licence-entered"' in json.dumps(found.records)


def test_the_inspection_packet_has_cases_their_form_and_corrections(told, keys, tmp_path):
    case = opened(told)
    moved(told, case.id, "investigating")
    moved(told, case.id, "illegitimate", note="never issued")
    moved(told, case.id, "fda notified", hours=30)
    opened(told, NewCase(CaseKind.EXCEPTION, "clerical error", GTIN, "wrong day on the ASN"))
    wrong = ErrorDeclaration(declaration_time=NOW.isoformat(), reason="incorrect_data")
    with told.write(NOW) as tx:
        record(tx, (STORY[4].__class__(**at(3), action="OBSERVE", biz_step="inspecting",
                     epcs=(pack(107),), error_declaration=wrong),))  # fmt: skip
    found = Dossier(told, Inspection(*LONG), keys, tmp_path)
    suspect = section(found, "Suspect and illegitimate product")
    assert suspect["facts"] == {"cases": "1", "notices late or not made": "1"}
    assert suspect["rows"][0][8].endswith("(late)")
    assert suspect["rows"][0][9].startswith("not yet; due")
    form = section(found, f"Form FDA 3911 for case {case.id}")
    assert ["5", "Classification of notification", "counterfeit"] in form["rows"]
    assert ["8", "Drug use", "(to be filled in)"] in form["rows"]
    assert section(found, "Exceptions")["facts"]["not yet resolved"] == "1"
    assert section(found, "Corrected events")["rows"][0][4] == "incorrect_data"
    assert section(found, "Quarantine")["rows"][0][:3] == [GTIN, "L7", ""]
    acts = {one.get("act") for one in found.records}
    assert {"case-open", "case-illegitimate", "case-fda-notified"} <= acts


def test_the_packet_of_a_new_house_says_that_nothing_was_found(told, keys, tmp_path):
    found = Dossier(told, AuthorityReport(*LONG, "39(a)"), keys, tmp_path)
    assert section(found, "Speed of answers")["facts"]["is the limit kept?"] == (
        "no answers were measured"
    )
    due = section(found, "Audits of the repository")["facts"]["next audit due"]
    assert due == "2027-05-03"
