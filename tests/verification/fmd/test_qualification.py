"""The 13 cases of the national qualification test book, through both families of interfaces."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import pytest
from lxml import etree

from verification.alerts.alert import alerts
from verification.decision.act import ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.words import LotState
from verification.registry.history import history
from verification.registry.pack_registry import set_lot_state
from verification.registry.participants import register
from verification.settings import VerificationSettings

GTIN, PPN, NTIN = "05901234123457", "110375286414", "04150037528643"
LOT, EXPIRY = "A123", "270531"
OWNER = "/414/5901234000009"
RULES = "EU-2016/161-FR"


class Rest:
    """A client of the REST family; outcomes in words both families share."""

    name = "rest"

    def __init__(self, client):
        self.client = client

    def _one(self, method, serial, body=None, *, lot=LOT, expiry=EXPIRY, code=GTIN, manual=False):
        scheme = "ppn" if len(code) == 12 else "gs1"
        url = f"/fmd/product/{scheme}/{code}/pack/{quote(serial, safe='')}"
        more = [("batch", lot), ("expiry", expiry)]
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in more if value)
        headers = {"emvs-data-entry-mode": "manual" if manual else "non-manual"}
        answer = self.client.request(method, f"{url}?{query}", json=body, headers=headers)
        said = answer.json()
        return {
            "ok": answer.status_code == 200,
            "state": said.get("state"),
            "alert": said.get("alertId"),
            "warning": said.get("warning"),
            "code": said["operationCode"],
        }

    def verify(self, serial, **more):
        return self._one("GET", serial, **more)

    def change(self, serial, state, **more):
        return self._one("PATCH", serial, {"state": state}, **more)

    def late(self, serial, scanned, customer):
        body = {"state": "Supplied", "scanned": scanned, "customer": customer}
        return self._one("PATCH", serial, body)

    def bulk(self, serials, state=None, **more):
        pack = {"productCode": GTIN, "batchId": LOT, "expiryDate": EXPIRY}
        body = {"packs": [pack | {"serialNumber": serial} for serial in serials]}
        headers = {"emvs-data-entry-mode": "non-manual"}
        sent = self.client.post(
            "/fmd/product/packs", json=body | ({"state": state} if state else {}), headers=headers
        )
        assert sent.status_code == 202
        assert {"operationCode", "eta", "expires"} <= set(sent.json())
        got = patient(lambda: self.client.get(sent.headers["location"]), lambda a: a.status_code)
        return [one["result"].get("state") for one in got.json()["packs"]]


G = {
    None: "G110",
    "Supplied": "G120",
    "Destroyed": "G130",
    "Exported": "G140",
    "Sample": "G150",
    "FreeSample": "G160",
    "Locked": "G170",
    "Stolen": "G180",
}


class Soap:
    """A client of the SOAP family."""

    name = "soap"

    def __init__(self, client):
        self.client = client
        self.serial_states = {}
        self.beside = ""

    def call(self, operation, packs, *, lot=LOT, expiry=EXPIRY, code=GTIN, manual=False, more=""):
        scheme = "PPN" if len(code) == 12 else "GTIN"
        batch = f"<Id>{escape(lot)}</Id><ExpDate>{expiry}</ExpDate>" if lot else ""
        serials = "".join(f"<Pack sn={quoteattr(serial)}{self.beside}/>" for serial in packs)
        body = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
          xmlns:t="urn:types.nmvs.eu:v5.0"><s:Body><t:{operation}Request>
          <Header><Transaction><ManualEntry>{str(manual).lower()}</ManualEntry></Transaction></Header>
          <Body>{more}<Product><ProductCode scheme="{scheme}">{code}</ProductCode>
          <Batch>{batch}</Batch></Product>{serials}</Body>
          </t:{operation}Request></s:Body></s:Envelope>"""
        answer = self.client.post("/fmd/soap", content=body.encode())
        return etree.fromstring(answer.content)

    def _one(self, operation, serial, **more):
        root = self.call(operation, [serial], **more)
        code, pack = root.find(".//ReturnCode"), root.find(".//Pack")
        said = code.get("code")
        return {
            "ok": said in ("NMVS_SUCCESS", "NMVS_NC_PCK_23"),
            "state": pack.get("state") if pack is not None else None,
            "alert": root.findtext(".//UniqueAlertId"),
            "warning": code.get("desc") if said != "NMVS_SUCCESS" else None,
            "code": said,
        }

    def verify(self, serial, **more):
        return self._one("G110", serial, **more)

    def change(self, serial, state, **more):
        operation = G[state] if state != "Active" else self.undo_of(serial)
        answer = self._one(operation, serial, **more)
        if answer["ok"]:
            self.serial_states[serial] = state
        return answer

    def late(self, serial, scanned, customer):
        self.beside = f' scanned="{scanned}" customer="{customer}"'
        return self._one("G120", serial)

    def undo_of(self, serial):
        return G[self.serial_states.get(serial, "Supplied")][:3] + "1"

    def bulk(self, serials, state=None, undo_of="Supplied"):
        operation = G[state if state != "Active" else undo_of][:3]
        operation += "7" if state == "Active" else "5"
        sent = self.call(operation, serials)
        reference = sent.findtext(".//RefNMVSTrxId")
        more = f"<RefNMVSTrxId>{reference}</RefNMVSTrxId>"
        got = patient(
            lambda: self.call("G188", [], more=more),
            lambda root: 202 if root.find(".//Packs") is None else 200,
        )
        return [pack.get("state") for pack in got.iter("Pack")]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def patient(ask, status):
    """Ask until it is no longer being worked on; the application does the work between calls."""
    deadline = time.monotonic() + 30
    while status(answer := ask()) == 202:
        assert time.monotonic() < deadline, "the bulk is not worked off"
    return answer


@pytest.fixture
def settings():
    return VerificationSettings(rules=RULES, market="FR")


@pytest.fixture(params=[Rest, Soap], ids=lambda family: family.name)
def system(request, client, packs):
    return request.param(client)


@pytest.fixture
def as_role(packs, clock):
    def become(role):
        with packs.write(clock.now) as tx:
            who = Who(client="till-1", role=role, location="P1", authorisation=OWNER, market="FR")
            register(tx, who, by="admin")

    return become


SERIALS = ["S1", "S2", "S3"]


def test_01_bulk_verify(system):
    assert system.bulk([*SERIALS, "S99"]) == ["Active"] * 3 + [None]


def test_02_and_03_bulk_supply_and_reactivate(system):
    assert system.bulk(SERIALS, "Supplied") == ["Supplied"] * 3
    assert system.verify("S1")["state"] == "Supplied"
    assert system.bulk(SERIALS, "Active") == ["Active"] * 3
    assert system.verify("S1")["state"] == "Active"


def test_04_bulk_decommission(system):
    assert system.bulk(SERIALS, "Destroyed") == ["Destroyed"] * 3


def test_05_single_verify_and_a_lot_outside_the_rules(system, packs, put_pack, exempt):
    answer = system.verify("S1")
    assert (answer["ok"], answer["state"], answer["alert"]) == (True, "Active", None)
    exempt(GTIN, "OLD1")
    outside = system.verify("77", lot="OLD1")
    assert outside["code"] in ("41020006", "NMVS_NC_PC_06")
    assert outside["alert"] is None


def test_06_single_supply_and_double_dispense(system):
    assert system.change("S1", "Supplied")["state"] == "Supplied"
    tolerated = [system.change("S1", "Supplied") for _ in range(2)]
    assert all(one["ok"] and one["warning"] and not one["alert"] for one in tolerated)
    third = system.change("S1", "Supplied")
    assert not third["ok"]
    assert third["alert"].startswith("FR-")


def test_07_single_reactivate_within_ten_days_at_the_same_place(system, clock):
    system.change("S1", "Supplied")
    clock.now += timedelta(hours=240)
    assert system.change("S1", "Active")["state"] == "Active"
    system.change("S1", "Supplied")
    clock.now += timedelta(hours=240, seconds=1)
    late = system.change("S1", "Active")
    assert not late["ok"]
    assert late["code"] in ("51420200", "51420201", "NMVS_NC_PCK_20")
    assert late["alert"] is None


def test_08_single_decommission(system, as_role):
    assert system.change("S1", "Destroyed")["state"] == "Destroyed"
    refused = system.change("S2", "FreeSample")
    assert refused["code"] in ("31000001", "NMVS_FE_BR_01")
    as_role(ParticipantRole.MAH)
    assert system.change("S2", "FreeSample")["state"] == "FreeSample"


def test_09_alerts(system, packs, clock, as_role, put_pack):
    """Fifteen steps: each wrong value or state, with its code and whether it alerts."""
    as_role(ParticipantRole.WHOLESALER)
    with packs.write(clock.now) as tx:
        put_pack(tx, "R1", lot="REC")
        set_lot_state(tx, GTIN, "REC", LotState.RECALLED, "x", now=clock.now, by="mah")
        put_pack(tx, "E1", lot="OLD", expiry=clock.now.date() - timedelta(days=1))
    old = (clock.now - timedelta(days=1)).strftime("%y%m%d")
    codes = set()

    def step(answer, *, alert, codes_of):
        assert bool(answer["alert"]) == alert, answer
        assert answer["code"] in codes_of, answer
        if answer["alert"]:
            codes.add(answer["alert"])

    unknown = "00355555678908"
    step(system.verify("S1", code=unknown), alert=False, codes_of={"41020000", "NMVS_NC_PC_01"})
    step(system.verify("T9", lot="ZZ"), alert=True, codes_of={"41020002", "NMVS_FE_LOT_03"})
    step(system.verify("T9"), alert=True, codes_of={"41020001", "NMVS_NC_PC_02"})
    step(
        system.verify("S1", lot="ZZ"),
        alert=True,
        codes_of={"41020007", "41020009", "NMVS_FE_LOT_13"},
    )
    step(system.verify("S1", expiry="270430"), alert=True, codes_of={"41020005", "NMVS_FE_LOT_12"})
    step(system.verify("S1", expiry="270500"), alert=False, codes_of={"11100100", "NMVS_SUCCESS"})
    system.change("S1", "Exported")
    step(system.verify("S1"), alert=False, codes_of={"11120500", "NMVS_NC_PCK_11"})
    step(system.change("S1", "Supplied"), alert=True, codes_of={"51220501", "NMVS_NC_PCK_22"})
    step(system.change("S1", "Exported"), alert=True, codes_of={"51320501", "NMVS_NC_PCK_22"})
    system.change("S2", "Destroyed")
    step(system.change("S2", "Supplied"), alert=True, codes_of={"51220301", "NMVS_NC_PCK_22"})
    step(system.change("S3", "Active"), alert=False, codes_of={"11400100", "NMVS_SUCCESS"})
    step(
        system.change("R1", "Supplied", lot="REC"),
        alert=False,
        codes_of={"51220100", "NMVS_FE_LOT_01"},
    )
    step(
        system.change("E1", "Supplied", lot="OLD", expiry=old),
        alert=False,
        codes_of={"51220100", "NMVS_NC_PCK_02"},
    )
    step(
        system.change("R1", "Destroyed", lot="REC"),
        alert=False,
        codes_of={"11300300", "NMVS_SUCCESS"},
    )
    system.change("S4", "Stolen")
    step(system.change("S4", "Supplied"), alert=True, codes_of={"51220701", "NMVS_NC_PCK_22"})
    with packs.read() as snapshot:
        since, until = clock.now - timedelta(days=1), clock.now + timedelta(days=1)
        kept = {one.id for one in alerts(snapshot, since=since, until=until)}
    assert kept == codes


def test_10_manual_entry_is_flagged(system, packs):
    system.verify("S1", manual=True)
    system.verify("S1", manual=False)
    with packs.read() as snapshot:
        kept = [
            past.record["request"].get("manual", False) for past in history(snapshot, GTIN, "S1")
        ]
    assert kept == [True, False]


HARD = "!\"%&'()*+,-./", "0:;<=>?A_az", "17270531", "01X21Y10Z"


def test_11_character_set_82_and_a_ppn(system, packs, clock, put_pack, put_product):
    with packs.write(clock.now) as tx:
        put_product(tx, NTIN)
        for serial in HARD:
            put_pack(tx, serial, lot="L&<%/+")
            put_pack(tx, serial, gtin=NTIN, lot="L&<%/+")
    for serial in HARD:
        assert system.verify(serial, lot="L&<%/+")["state"] == "Active"
        assert system.verify(serial, lot="L&<%/+", code=PPN)["state"] == "Active"


def test_12_invalid_elements_reach_the_server_and_are_named(system):
    wrong = {
        "61020008 NMVS_FE_GR_01": {"code": "05901234123458"},
        "61020006 NMVS_FE_LOT_07": {"lot": "x" * 21},
        "61020007 NMVS_FE_LOT_07": {"expiry": "271301"},
    }
    for codes, values in wrong.items():
        answer = system.verify("S1", **values)
        assert answer["code"] in codes
        assert not answer["ok"]
    assert system.verify("x" * 21)["code"] in ("61020011", "NMVS_FE_SN_01")
    assert system.verify("a b")["code"] in ("61020011", "NMVS_FE_SN_01")


def test_13_report_of_alerts(system, client, clock):
    system.verify("T9")
    since = quote((clock.now - timedelta(days=1)).isoformat())
    until = quote((clock.now + timedelta(days=1)).isoformat())
    (one,) = client.get(f"/fmd/alerts?since={since}&until={until}").json()
    assert (one["hub"], one["serial"], one["status"]) == ("A3", "T9", "New")
    assert client.get(f"/fmd/alerts/{one['id']}").json()["id"] == one["id"]


def test_the_entry_mode_header_is_needed(client):
    url = f"/fmd/product/gs1/{GTIN}/pack/S1"
    assert client.get(url).json()["operationCode"] == "61020012"
    mode = {"emvs-data-entry-mode": "other"}
    assert client.get(url, headers=mode).json()["operationCode"] == "61020013"


def test_bad_xml_gets_a_return_code(client):
    for body in (b"", b"<", b"<a/>", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', b"\xff\xfe"):
        root = etree.fromstring(client.post("/fmd/soap", content=body).content)
        assert root.find(".//ReturnCode").get("code").startswith("NMVS_TE_XM_0")
    soap = Soap(client)
    assert soap.call("G131", ["S1"]).find(".//ReturnCode").get("code") == "NMVS_TE_REQ_02"
    assert soap.call("G120", ["S1", "S2"]).find(".//ReturnCode").get("code") == "NMVS_TE_XM_02"
    assert soap.call("Ping", []).find(".//ReturnCode").get("code") == "NMVS_SUCCESS"


def test_a_mixed_bulk_has_an_operation_for_each_pack(client):
    soap = Soap(client)
    product = f"<Product><ProductCode>{GTIN}</ProductCode></Product>"
    items = "".join(
        f'<Item reqType="{code}">{product}<Pack sn="{serial}"/></Item>'
        for code, serial in (("G120", "S1"), ("G130", "S2"), ("G110", "S3"))
    )
    sent = soap.call("G195", [], more=f"<TrxList>{items}</TrxList>")
    more = f"<RefNMVSTrxId>{sent.findtext('.//RefNMVSTrxId')}</RefNMVSTrxId>"
    got = patient(
        lambda: soap.call("G196", [], more=more),
        lambda root: 202 if root.find(".//Packs") is None else 200,
    )
    states = [pack.get("state") for pack in got.iter("Pack")]
    assert states == ["Supplied", "Destroyed", "Active"]


def test_a_mixed_bulk_is_done_in_the_order_of_its_items(client):
    """Supplied by mistake and taken back at once: the pack can be sold in the end."""
    soap = Soap(client)
    product = f"<Product><ProductCode>{GTIN}</ProductCode></Product>"
    acts = (("Item", "G120"), ("ItemUndo", "G121"), ("Item", "G110"), ("Item", "G150"))
    items = "".join(
        f'<{kind} reqType="{code}">{product}<Pack sn="S1"/></{kind}>' for kind, code in acts
    )
    sent = soap.call("G195", [], more=f"<TrxList>{items}</TrxList>")
    more = f"<RefNMVSTrxId>{sent.findtext('.//RefNMVSTrxId')}</RefNMVSTrxId>"
    got = patient(
        lambda: soap.call("G196", [], more=more),
        lambda root: 202 if root.find(".//Packs") is None else 200,
    )
    states = [pack.get("state") for pack in got.iter("Pack")]
    assert states == ["Supplied", "Active", "Active", "Sample"]


def test_a_comment_inside_a_value_does_not_cut_it(client):
    cut = f"{LOT[:2]}--{LOT[2:]}"
    body = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
      xmlns:t="urn:types.nmvs.eu:v5.0"><s:Body><t:G110Request><Body><Product>
      <ProductCode scheme="GTIN">{GTIN}</ProductCode><Batch><Id>{cut}</Id>
      <ExpDate>{EXPIRY}</ExpDate></Batch></Product><Pack sn="S1"/></Body></t:G110Request>
      </s:Body></s:Envelope>""".replace("--", "<!-- scanned -->")
    root = etree.fromstring(client.post("/fmd/soap", content=body.encode()).content)
    assert root.find(".//ReturnCode").get("code") == "NMVS_SUCCESS"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("batch=", "61020006"),
        ("batch=A123&batch=A124", "61020006"),
        ("expiry=", "61020007"),
        ("expiry=270531&expiry=270630", "61020007"),
    ],
)
def test_an_empty_or_repeated_parameter_is_malformed_and_not_left_out(client, query, code):
    url = f"/fmd/product/gs1/{GTIN}/pack/S1?{query}"
    answer = client.get(url, headers={"emvs-data-entry-mode": "non-manual"})
    assert (answer.status_code, answer.json()["operationCode"]) == (422, code)


def test_a_malformed_pack_of_a_bulk_is_named(client):
    body = {"packs": [{"productCode": GTIN, "serialNumber": one} for one in ("S1", "a b")]}
    mode = {"emvs-data-entry-mode": "non-manual"}
    answer = client.post("/fmd/product/packs", json=body, headers=mode)
    assert (answer.status_code, answer.json()["operationCode"]) == (422, "61020011")
    assert answer.json()["warning"].startswith("packs/1: ")


def test_the_rules_of_the_country_decide():
    assert shipped(RULES).double_supply.repeats_max == 2


def test_an_act_done_while_the_line_was_down_keeps_its_time(system, packs, clock, as_role):
    """A wholesaler's act of yesterday: its time, and whom it supplied, go with it."""
    as_role(ParticipantRole.WHOLESALER)
    yesterday = (clock.now - timedelta(days=1)).isoformat()
    told = system.late("S1", yesterday, "prison")
    assert told["ok"], told
    with packs.read() as snapshot:
        (past,) = history(snapshot, GTIN, "S1")
    assert past.scanned == clock.now - timedelta(days=1)
    assert past.record["request"]["customer"] == "prison"
    naive = system.late("S2", yesterday.removesuffix("+00:00"), "prison")
    assert naive["code"] in ("61020014", "NMVS_FE_REQ_02")
    ahead = (clock.now + timedelta(days=1)).isoformat()
    assert system.late("S2", ahead, "prison")["code"] in ("61020014", "NMVS_FE_REQ_02")
