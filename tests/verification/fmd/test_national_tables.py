"""The tables of both national interface families, row by row: every operation, every code."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest
from lxml import etree

from epcis.http_context import Caller
from verification.decision.act import ParticipantRole, Who
from verification.decision.words import LotState, Result
from verification.fmd.login import FAILURES_MAX
from verification.fmd.result import SPELLINGS, soap_code
from verification.registry.pack_registry import set_lot_state
from verification.registry.participants import register

GTIN = "05901234123457"
OWNER = "/414/5901234000009"
PASSWORD, BETTER = "first-password-1", "second-password-2"
NOBODY = Caller("", frozenset(), None, "10.0.0.1")


def envelope(operation, body, header=""):
    return f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"
      xmlns:t="urn:types.nmvs.eu:v5.0"><s:Body><t:{operation}Request><Header>{header}</Header>
      <Body>{body}</Body></t:{operation}Request></s:Body></s:Envelope>""".encode()


def product(code=GTIN, lot="A123", expiry="270531", scheme="GTIN"):
    batch = f"<Batch><Id>{lot}</Id><ExpDate>{expiry}</ExpDate></Batch>"
    return f'<Product><ProductCode scheme="{scheme}">{code}</ProductCode>{batch}</Product>'


def auth(user="till", password=PASSWORD, login="pharmacy"):
    return (
        f"<Auth><ClientLoginId>{login}</ClientLoginId><UserId>{user}</UserId>"
        f"<Password>{password}</Password><SubUserId>anna</SubUserId></Auth>"
    )


@pytest.fixture
def call(client):
    """Sends one operation; gives the return code and the whole answer."""

    def send(operation, body="", header=""):
        answer = client.post("/fmd/soap", content=envelope(operation, body, header))
        assert answer.status_code == 200
        root = etree.fromstring(answer.content)
        return root.find(".//ReturnCode").get("code"), root

    return send


@pytest.fixture
def wholesale(packs, holder, everything):
    """The caller is a wholesaler that is also manufacturer: every operation is open to it."""
    holder.caller = everything
    with packs.write(packs_now()) as tx:
        who = Who(client="root", role=ParticipantRole.MAH, location="plant", authorisation=OWNER)
        register(tx, who, by="qa")
    return packs


def packs_now():
    from datetime import UTC, datetime

    return datetime(2026, 11, 22, 12, tzinfo=UTC)


SINGLES = [
    ("G110", None, "Active"),
    ("G130", None, "Destroyed"),
    ("G140", "G141", "Exported"),
    ("G150", "G151", "Sample"),
    ("G160", "G161", "FreeSample"),
    ("G170", "G171", "Locked"),
    ("G180", None, "Stolen"),
]


@pytest.mark.parametrize(("operation", "undo", "state"), SINGLES)
def test_every_single_operation_and_its_undo(call, wholesale, operation, undo, state):
    code, root = call(operation, product() + '<Pack sn="S1"/>')
    assert (code, root.find(".//Pack").get("state")) == ("NMVS_SUCCESS", state)
    if undo:
        code, root = call(undo, product() + '<Pack sn="S1"/>')
        assert (code, root.find(".//Pack").get("state")) == ("NMVS_SUCCESS", "Active")


def test_supply_and_its_undo(call):
    assert call("G120", product() + '<Pack sn="S1"/>')[0] == "NMVS_SUCCESS"
    assert call("G121", product() + '<Pack sn="S1"/>')[0] == "NMVS_SUCCESS"


BULKS = [
    ("G115", None),
    ("G135", None),
    ("G145", "G147"),
    ("G155", "G157"),
    ("G165", "G167"),
    ("G175", "G177"),
    ("G185", None),
]


def fetched(call, operation, root):
    reference = root.findtext(".//RefNMVSTrxId")
    for _ in range(400):
        code, root = call(operation, f"<RefNMVSTrxId>{reference}</RefNMVSTrxId>")
        if code == "NMVS_SUCCESS":
            return [pack.get("returnCode") for pack in root.iter("Pack")]
        assert code == "NMVS_WF_NC_01"
    raise AssertionError("the bulk was never done")


@pytest.mark.parametrize(("operation", "undo"), BULKS)
def test_every_bulk_operation_and_its_undo(call, wholesale, operation, undo):
    packs = product() + '<Pack sn="S1"/><Pack sn="S2"/>'
    for one in (operation, undo):
        if one:
            code, root = call(one, packs)
            assert code == "NMVS_SUCCESS"
            assert fetched(call, "G188", root) == ["NMVS_SUCCESS"] * 2


def test_a_mixed_bulk_is_fetched_by_g196(call):
    item = (
        f'<Item reqType="G120">{product()}<Pack sn="S1"/></Item>'
        f'<ItemUndo reqType="G121">{product()}<Pack sn="S1"/></ItemUndo>'
    )
    code, root = call("G195", f"<TrxList>{item}</TrxList>")
    assert code == "NMVS_SUCCESS"
    assert fetched(call, "G196", root) == ["NMVS_SUCCESS"] * 2


MALFORMED = [
    (product(code="05901234123458"), "S1", "NMVS_FE_GR_01"),
    (product(code="x"), "S1", "NMVS_FE_GR_01"),
    (product(code="110375286415", scheme="PPN"), "S1", "NMVS_FE_GR_02"),
    (product(scheme="NDC"), "S1", "NMVS_FE_GR_01"),
    (product(expiry="271301"), "S1", "NMVS_FE_LOT_07"),
    (product(expiry="soon"), "S1", "NMVS_FE_LOT_07"),
    (product(lot="a b"), "S1", "NMVS_FE_LOT_07"),
    (product(), "", "NMVS_FE_SN_01"),
    (product(), "x" * 21, "NMVS_FE_SN_01"),
    ("", "S1", "NMVS_TE_XM_02"),
]


@pytest.mark.parametrize(("body", "serial", "code"), MALFORMED)
def test_what_is_malformed_has_its_code(call, body, serial, code):
    assert call("G110", f'{body}<Pack sn="{serial}"/>')[0] == code


UNKNOWN = [("G131", "NMVS_TE_REQ_02"), ("G190", "NMVS_TE_REQ_02"), ("Hello", "NMVS_TE_REQ_02")]


@pytest.mark.parametrize(("operation", "code"), [*UNKNOWN, ("SinglePackPing", "NMVS_SUCCESS")])
def test_operations_that_there_are_not(call, operation, code):
    assert call(operation)[0] == code


@pytest.mark.parametrize("operation", ["G115", "G125", "G195"])
def test_an_empty_bulk_is_refused(call, operation):
    assert call(operation, product())[0] == "NMVS_TE_XM_02"


@pytest.mark.parametrize("operation", ["G188", "G196"])
def test_a_bulk_of_another_or_of_nobody_is_not_there(call, operation):
    assert call(operation, "<RefNMVSTrxId>none</RefNMVSTrxId>")[0] == "NMVS_FE_TX_02"


class Case:
    """One row of the table of alert codes: how it comes about, and its spellings."""

    def __init__(self, result, operation, serial, *, lot="A123", expiry="270531", before=()):
        self.result = result
        self.operation = operation
        self.pack = (serial, lot, expiry)
        self.before = before


REST_STATE = {
    "G110": None,
    "G120": "Supplied",
    "G121": "Active",
    "G130": "Destroyed",
    "G170": "Locked",
    "G180": "Stolen",
}
CASES = [
    Case(Result.DONE, "G110", "S1"),
    Case(Result.DONE, "G120", "S1"),
    Case(Result.LOT_AND_SERIAL_UNKNOWN, "G110", "X1", lot="B9"),
    Case(Result.SERIAL_UNKNOWN, "G110", "X1"),
    Case(Result.LOT_DIFFERS, "G120", "S1", lot="C77"),
    Case(Result.EXPIRY_DIFFERS, "G120", "S1", expiry="270530"),
    Case(Result.ALREADY_IN_STATE, "G120", "S1", before=["G120"]),
    Case(Result.IMPOSSIBLE, "G130", "S1", before=["G120"]),
    Case(Result.IMPOSSIBLE, "G120", "S1", before=["G130"]),
    Case(Result.UNDO_REFUSED, "G121", "S1", before=["G130"]),
    Case(Result.UNDO_TOO_LATE, "G121", "S1", before=["G120", "wait"]),
    Case(Result.UNDO_ELSEWHERE, "G121", "S1", before=["G120", "move"]),
    Case(Result.NOT_ALLOWED, "G170", "S1"),
    Case(Result.RECALLED, "G120", "S1", before=["recall"]),
    Case(Result.HELD, "G120", "S1", before=["hold"]),
    Case(Result.EXPIRED, "G120", "S1", before=["expire"]),
]
ALERTS = frozenset(
    {
        Result.LOT_AND_SERIAL_UNKNOWN,
        Result.SERIAL_UNKNOWN,
        Result.LOT_DIFFERS,
        Result.EXPIRY_DIFFERS,
        Result.ALREADY_IN_STATE,
        Result.IMPOSSIBLE,
    }
)


@pytest.fixture
def prepared(packs, clock, holder, as_participant):
    """Brings a pack into the state a case needs."""
    days = {"wait": 11, "expire": 300}
    states = {"recall": LotState.RECALLED, "hold": LotState.HELD}

    def prepare(step):
        if step in days:
            clock.now += timedelta(days=days[step])
        elif step == "move":
            as_participant("till-9")
            holder.caller = replace(holder.caller, name="till-9", client="10.0.0.9")
        else:
            with packs.write(clock.now) as tx:
                set_lot_state(tx, GTIN, "A123", states[step], "x", now=clock.now, by="qa")

    return prepare


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.result}-{c.operation}")
def test_every_result_has_its_soap_code_and_alert(call, prepared, case):
    serial, lot, expiry = case.pack
    body = product(lot=lot, expiry=expiry) + f'<Pack sn="{serial}"/>'
    for step in case.before:
        if step.startswith("G"):
            assert call(step, body)[0] == "NMVS_SUCCESS"
        else:
            prepared(step)
    code, root = call(case.operation, body)
    assert code == soap_code(case.result)
    assert (root.findtext(".//UniqueAlertId") is not None) == (case.result in ALERTS)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.result}-{c.operation}")
def test_every_result_has_its_rest_status_code_and_alert(client, prepared, case):
    serial, lot, expiry = case.pack
    headers = {"emvs-data-entry-mode": "non-manual"}
    url = f"/fmd/product/gs1/{GTIN}/pack/{quote(serial)}?batch={lot}&expiry={expiry}"

    def tx(operation):
        state = REST_STATE[operation]
        method, body = ("PATCH", {"state": state}) if state else ("GET", None)
        return client.request(method, url, json=body, headers=headers)

    for step in case.before:
        if step.startswith("G"):
            assert tx(step).status_code == 200
        else:
            prepared(step)
    answer = tx(case.operation)
    said, spelling = answer.json(), SPELLINGS[case.result]
    assert answer.status_code == spelling.http
    first = {200: "1", 403: "3", 404: "4", 409: "5"}[spelling.http]
    assert said["operationCode"].startswith(first)
    assert len(said["operationCode"]) == 8
    assert ("alertId" in said) == (case.result in ALERTS)
    assert ("information" in said) == (spelling.http == 200)


def test_a_rest_answer_names_the_product(client, packs):
    from verification.registry.pack_tables import product as table

    with packs.write(packs_now()) as tx:
        details = '{"name": "Trailol 20 mg", "markets": [{"country": "FI", "national_code": "N1"}]}'
        tx.connection.execute(table.update().values(details=details))
    headers = {"emvs-data-entry-mode": "non-manual"}
    said = client.get(f"/fmd/product/gs1/{GTIN}/pack/S1", headers=headers).json()
    assert (said["productName"], said["nhrn"]) == ("Trailol 20 mg", "N1")


@pytest.fixture
def logins(client, holder, everything):
    """A pharmacy's login with one user, made by the operator; then nobody is signed in."""
    holder.caller = everything
    made = {"password": PASSWORD, "client": "till-1"}
    assert client.request("PUT", "/fmd/logins/pharmacy/till", json=made).status_code == 200
    short = {"password": "short", "client": "till-1"}
    assert client.request("PUT", "/fmd/logins/pharmacy/till", json=short).status_code == 422
    holder.caller = NOBODY


VERIFY = product() + '<Pack sn="S1"/>'


def test_a_first_password_is_changed_before_anything_else(call, logins):
    assert call("G110", VERIFY, auth())[0] == "NMVS_FE_AU_11"
    new = f"<NewPassword>{BETTER}</NewPassword>"
    assert call("G445", "<NewPassword>short</NewPassword>", auth())[0] == "NMVS_FE_PMS_03"
    same = f"<NewPassword>{PASSWORD}</NewPassword>"
    assert call("G445", same, auth())[0] == "NMVS_FE_PMS_02"
    assert call("G445", new, auth())[0] == "NMVS_SUCCESS"
    assert call("G110", VERIFY, auth())[0] == "NMVS_FE_AU_10"
    for _ in range(2):
        assert call("G110", VERIFY, auth(password=BETTER))[0] == "NMVS_SUCCESS"


WRONG = [
    ("", "NMVS_FE_AU_03"),
    (auth(login="nobody"), "NMVS_FE_AU_04"),
    (auth(user="nobody"), "NMVS_FE_AU_01"),
    (auth(password="wrong"), "NMVS_FE_AU_10"),
]


@pytest.mark.parametrize(("header", "code"), WRONG)
@pytest.mark.parametrize("operation", ["G110", "G115", "G188", "G195", "G445"])
def test_who_is_not_let_in_gets_a_code(call, logins, operation, header, code):
    assert call(operation, VERIFY, header)[0] == code


def test_wrong_passwords_lock_the_user(call, logins, client, holder, everything):
    codes = [call("G110", VERIFY, auth(password="wrong"))[0] for _ in range(FAILURES_MAX + 1)]
    assert codes == [*["NMVS_FE_AU_10"] * (FAILURES_MAX - 1), "NMVS_FE_AU_05", "NMVS_FE_AU_02"]
    assert call("G110", VERIFY, auth())[0] == "NMVS_FE_AU_02"
    holder.caller = everything
    made = {"password": BETTER, "client": "till-1"}
    assert client.request("PUT", "/fmd/logins/pharmacy/till", json=made).status_code == 200
    holder.caller = NOBODY
    assert call("G110", VERIFY, auth(password=BETTER))[0] == "NMVS_FE_AU_11"


def test_the_login_acts_as_its_client_and_names_the_person(call, logins, packs, client, holder):
    from verification.registry.history import history

    new = f"<NewPassword>{BETTER}</NewPassword>"
    assert call("G445", new, auth())[0] == "NMVS_SUCCESS"
    assert call("G120", VERIFY, auth(password=BETTER))[0] == "NMVS_SUCCESS"
    with packs.read() as snapshot:
        (past,) = history(snapshot, GTIN, "S1")
    assert (past.client, past.record["request"]["sub_user"]) == ("till-1", "anna")
    holder.caller = Caller("root", frozenset({"admin"}), None, "")
    assert client.request("DELETE", "/fmd/logins/pharmacy/till").status_code == 200
    assert client.request("DELETE", "/fmd/logins/pharmacy/till").status_code == 404
    holder.caller = NOBODY
    assert call("G120", VERIFY, auth(password=BETTER))[0] == "NMVS_FE_AU_04"
