"""A manufacturer uploads before release; what would break the law is refused with its reason."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import msgspec
import pytest

from epcis.capture import record
from epcis.http_context import Caller
from epcis.store.items import items_of_lot
from epcis.trace import trace
from tests.verdicts import verify
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.rule_pack import shipped
from verification.decision.words import LotState, PackState, Reason
from verification.fmd.event import commissioning_of
from verification.fmd.perform import query
from verification.fmd.stop_upload import (
    Exemption,
    StateUpload,
    StopUpload,
    change_states,
    exempt,
    exemptions,
    stop,
)
from verification.fmd.upload import (
    Batch,
    Market,
    Product,
    must_verify,
    repacks_of,
    upload_batch,
    upload_product,
)
from verification.registry.pack_registry import IrreversibleError, set_lot_state
from verification.serials.guessable import longest_run, serial_space

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GTIN = "05901234123457"
MAH = Who(client="mah", role=ParticipantRole.MAH, authorisation="MAH-1")
RULES = shipped()
PRODUCT = Product(
    code=GTIN,
    name="Trailol 20 mg tablets",
    common_name="trailol",
    form="Tablet",
    strength="20 mg",
    pack_type="Blister",
    pack_size=30,
    markets=(Market(country="IE", mah_name="Trail Pharma", mah_address="1 Road, Cork"),),
)


def serials(count, seed=7):
    chance = random.Random(seed)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return tuple("".join(chance.choices(letters, k=12)) for _ in range(count))


def lot(**changed):
    values = {
        "code": GTIN,
        "lot": "L1",
        "expiry": date(2028, 5, 31),
        "markets": ("IE",),
        "serials": serials(50),
        "released": date(2026, 11, 23),
    }
    return Batch(**(values | changed))


def codes(receipt):
    return {one["code"].removeprefix("upload.") for one in receipt.findings}


@pytest.fixture
def uploaded(store):
    with store.write(NOW) as tx:
        assert upload_product(tx, PRODUCT, MAH).accepted
        receipt = upload_batch(tx, lot(), MAH, RULES)
    assert (receipt.accepted, receipt.stored) == (True, 50)
    return store


def test_uploaded_packs_can_be_verified_at_once(uploaded):
    with uploaded.read() as snapshot:
        answer = verify(snapshot, GTIN, serials(50)[3], "L1", date(2028, 5, 31), now=NOW)
    assert answer.reason is Reason.GENUINE


@pytest.mark.parametrize(
    "field", ["name", "common_name", "form", "strength", "pack_type", "pack_size", "markets"]
)
def test_every_mandatory_element_of_master_data_is_demanded(store, field):
    empty = {"pack_size": None, "markets": ()}.get(field, " ")
    with store.write(NOW) as tx:
        receipt = upload_product(tx, msgspec.structs.replace(PRODUCT, **{field: empty}), MAH)
    assert (receipt.accepted, codes(receipt)) == (False, {"missing"})


def test_master_data_is_versioned_and_loses_no_market(uploaded):
    other = Market(country="FI", mah_name="x", mah_address="y")
    with uploaded.write(NOW) as tx:
        moved = upload_product(tx, msgspec.structs.replace(PRODUCT, markets=(other,)), MAH)
        assert codes(moved) == {"market-removed"}
        both = msgspec.structs.replace(PRODUCT, markets=(*PRODUCT.markets, other))
        assert upload_product(tx, both, MAH).version == 2
        stranger = Who(client="x", role=ParticipantRole.MAH, authorisation="other")
        assert codes(upload_product(tx, both, stranger)) == {"owner"}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"released": date(2026, 11, 21)}, "after-release"),
        ({"expiry": date(2026, 11, 23)}, "expiry"),
        ({"markets": ("FI",)}, "market"),
        ({"markets": ()}, "market"),
        ({"lot": "x" * 21}, "lot"),
        ({"code": "00355555678908"}, "product-unknown"),
        ({"serials": ()}, "serials"),
        ({"serials": ("ab cd",)}, "serial"),
        ({"serials": ("ABCDEFGHJKL2", "ABCDEFGHJK")}, "serial-length"),
        ({"serials": tuple(f"{n:014d}" for n in range(100))}, "sequential"),
        ({"serials": ("1234", "9876")}, "guessable"),
        ({"lot": "L1", "expiry": date(2028, 6, 30)}, "expiry-immutable"),
    ],
)
def test_what_the_law_forbids_is_refused_and_stores_nothing(uploaded, changed, code):
    wanted = lot(**({"lot": "L2", "serials": serials(20, 9)} | changed))
    with uploaded.write(NOW) as tx:
        receipt = upload_batch(tx, wanted, MAH, RULES)
    assert not receipt.accepted
    assert code in codes(receipt)
    assert receipt.stored == 0


def test_known_serials_are_rejected_one_by_one(uploaded):
    mixed = (*serials(50)[:5], *serials(20, 11))
    with uploaded.write(NOW) as tx:
        receipt = upload_batch(tx, lot(serials=mixed), MAH, RULES)
    assert (receipt.accepted, receipt.stored) == (True, 20)
    assert set(receipt.rejected_serials) == set(serials(50)[:5])


def test_a_repack_is_tied_to_its_source_and_warns_where_nothing_was_taken_out(uploaded):
    wanted = lot(lot="RP1", serials=serials(5, 21), source=((GTIN, "L1", 150),))
    with uploaded.write(NOW) as tx:
        receipt = upload_batch(tx, wanted, MAH, RULES)
    assert receipt.accepted
    assert codes(receipt) == {"repack-source"}


def test_recall_and_withdrawal_hold_at_once_and_for_ever(uploaded):
    with uploaded.write(NOW) as tx:
        assert stop(tx, StopUpload(code=GTIN, lot="L1", reason="particles"), MAH).accepted
    with uploaded.read() as snapshot:
        assert verify(snapshot, GTIN, serials(50)[0], now=NOW).reason is Reason.RECALLED
    with pytest.raises(IrreversibleError), uploaded.write(NOW) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.ACTIVE, "x", now=NOW, by="mah")
    with uploaded.write(NOW) as tx:
        withdrawal = StopUpload(code=GTIN, markets=("IE",), reason="risk")
        assert stop(tx, withdrawal, MAH).accepted
    with uploaded.read() as snapshot:
        assert verify(snapshot, GTIN, "x", now=NOW, market="IE").reason is Reason.UNKNOWN_SERIAL
        answer = verify(snapshot, GTIN, serials(50)[0], now=NOW, market="IE")
        assert answer.reason is Reason.WITHDRAWN


def test_the_chance_of_guessing_is_measured_by_length_and_characters():
    assert serial_space(["0123456789"]) == 10**10
    assert serial_space(["ABCDEF12"]) == 36**8
    assert longest_run(["5", "3", "4", "90"]) == 3
    assert longest_run([]) == 0


def test_designated_wholesalers_need_not_be_verified():
    market = Market(country="IE", mah_name="T", mah_address="x", wholesalers=("W1",))
    product = msgspec.structs.replace(PRODUCT, markets=(market,))
    assert not must_verify(product, "W1", "IE")
    assert must_verify(product, "W2", "IE")
    assert must_verify(product, "W1", "FI")


STRANGER = Who(client="x", role=ParticipantRole.MAH, authorisation="MAH-2")
TILL = Who(client="till", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"markets": ("FI",)}, "market"),
        ({"markets": ("ie",)}, "market"),
        ({"code": "00355555678908"}, "product-unknown"),
        ({"lot": "L9"}, "lot-unknown"),
        ({"lot": "l1"}, "lot-case"),
        ({"lot": ""}, "lot-unknown"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_a_recall_that_names_nothing_known_is_refused_and_holds_nothing(uploaded, changed, code):
    wanted = {"code": GTIN, "lot": "L1", "markets": ("IE",), "reason": "particles"} | changed
    with uploaded.write(NOW) as tx:
        receipt = stop(tx, StopUpload(**wanted), MAH)
    assert (receipt.accepted, codes(receipt)) == (False, {code})
    with uploaded.read() as snapshot:
        answer = verify(snapshot, GTIN, serials(50)[0], now=NOW, market="IE")
    assert answer.reason is Reason.GENUINE


@pytest.mark.parametrize(("who", "code"), [(STRANGER, "owner"), (TILL, "role")])
def test_only_the_owner_uploads_anything(uploaded, who, code):
    with uploaded.write(NOW) as tx:
        receipts = [
            upload_product(tx, PRODUCT, who),
            upload_batch(tx, lot(lot="L2", serials=serials(5, 3)), who, RULES),
            stop(tx, StopUpload(code=GTIN, lot="L1", reason="x"), who),
            stop(tx, StopUpload(code=GTIN, reason="x"), who),
            exempt(tx, Exemption(code=GTIN, lot="L0", reason="x", markets=("IE",)), who),
            change_states(tx, state(), who, RULES),
        ]
    assert [(one.accepted, codes(one)) for one in receipts] == [(False, {code})] * 6


def state(**changed):
    values = {
        "code": GTIN,
        "lot": "L1",
        "serials": serials(50)[:2],
        "state": PackState.STOLEN,
        "reason": "lorry robbed",
    }
    return StateUpload(**(values | changed))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"lot": "l1"}, "lot-case"),
        ({"lot": "L2"}, "lot-unknown"),
        ({"reason": ""}, "reason"),
        ({"state": PackState.SUPPLIED}, "state"),
        ({"serials": ()}, "serials"),
        ({"serials": ("a b",)}, "serial"),
        ({"code": "00355555678908"}, "product-unknown"),
    ],
)
def test_a_state_upload_that_names_nothing_known_is_refused(uploaded, changed, code):
    with uploaded.write(NOW) as tx:
        receipt = change_states(tx, state(**changed), MAH, RULES)
    assert (receipt.accepted, codes(receipt)) == (False, {code})


def test_a_state_upload_changes_each_pack_and_names_those_it_could_not(uploaded):
    first, second = serials(50)[:2]
    with uploaded.write(NOW) as tx:
        receipt = change_states(tx, state(serials=(first, "NOSUCHSERIAL")), MAH, RULES)
    assert (receipt.stored, receipt.rejected_serials) == (1, ("NOSUCHSERIAL",))
    assert codes(receipt) == {"pack-serial-unknown"}
    with uploaded.read() as snapshot:
        assert verify(snapshot, GTIN, first, now=NOW).reason is Reason.STOLEN
        assert verify(snapshot, GTIN, second, now=NOW).reason is Reason.GENUINE


def test_nothing_is_uploaded_for_a_withdrawn_product_or_a_recalled_lot(uploaded):
    with uploaded.write(NOW) as tx:
        stop(tx, StopUpload(code=GTIN, lot="L1", reason="particles"), MAH)
        more = upload_batch(tx, lot(serials=serials(5, 77)), MAH, RULES)
        assert codes(more) == {"recalled"}
        stop(tx, StopUpload(code=GTIN, markets=("IE",), reason="risk"), MAH)
        fresh = lot(lot="L2", serials=serials(5, 78))
        assert codes(upload_batch(tx, fresh, MAH, RULES)) == {"withdrawn"}
        assert codes(upload_product(tx, PRODUCT, MAH)) == {"withdrawn"}


def test_a_second_lot_that_differs_by_case_only_is_refused(uploaded):
    with uploaded.write(NOW) as tx:
        receipt = upload_batch(tx, lot(lot="l1", serials=serials(5, 4)), MAH, RULES)
    assert codes(receipt) == {"lot-case"}


def test_uploaded_packs_are_commissioned_as_events_too(uploaded):
    key = f"/01/{GTIN}/21/{serials(50)[3]}"
    with uploaded.read() as snapshot:
        story = trace(snapshot, key).as_dict()
        lot_items = list(items_of_lot(snapshot, GTIN, "L1"))
    (event,) = story["events"]
    assert event["bizStep"] == "commissioning"
    assert len(lot_items) == 50
    assert {item.expiry for item in lot_items} == {date(2028, 5, 31)}


def test_packs_that_events_made_before_are_not_made_twice_and_a_conflict_is_told(uploaded):
    same, other = serials(4, 31)[:2], serials(4, 31)[2:]
    with uploaded.write(NOW) as tx:
        for lot_, some in (("L5", same), ("L6", other)):
            packs = [(GTIN, one) for one in some]
            day = date(2028, 5, 31)
            record(tx, [commissioning_of(packs, MAH, NOW, lot=lot_, expiry=day)])
        receipt = upload_batch(tx, lot(lot="L5", serials=serials(4, 31)), MAH, RULES)
    assert (receipt.stored, set(receipt.rejected_serials)) == (2, set(other))
    assert codes(receipt) == {"serial-conflict"}
    with uploaded.read() as snapshot:
        assert len(trace(snapshot, f"/01/{GTIN}/21/{same[0]}").as_dict()["events"]) == 1


def test_a_recall_names_the_lots_that_were_repacked_from_the_recalled_one(uploaded):
    with uploaded.write(NOW) as tx:
        for seed in (21, 22):  # in two uploads: the doses add up
            wanted = lot(lot="RP1", serials=serials(5, seed), source=((GTIN, "L1", 150),))
            assert upload_batch(tx, wanted, MAH, RULES).accepted
        receipt = stop(tx, StopUpload(code=GTIN, lot="L1", reason="particles"), MAH)
        assert repacks_of(tx, GTIN, "L1") == [(GTIN, "RP1", 300)]
    assert (receipt.accepted, codes(receipt)) == (True, {"repacked"})


def test_the_authority_exempts_a_lot_in_its_own_market(uploaded):
    nca = Who(client="hpra", role=ParticipantRole.NCA, market="IE")
    wanted = Exemption(code=GTIN, lot="OLD1", reason="made before", markets=("IE",))
    with uploaded.write(NOW) as tx:
        foreign = msgspec.structs.replace(nca, market="FI")
        assert codes(exempt(tx, wanted, foreign)) == {"market"}
        assert exempt(tx, wanted, nca).accepted
        assert exempt(tx, wanted, nca).accepted
        assert exemptions(tx) == [{"code": GTIN, "lot": "OLD1", "market": "IE"}]
        asked = PackRequest(operation=PackAct.VERIFY, code=GTIN, serial="1", lot="OLD1")
        pharmacy = msgspec.structs.replace(TILL, market="IE")
        assert query(tx, asked, pharmacy, RULES, NOW).hub == "A74"


def test_uploads_over_http(client, holder, as_participant):
    holder.caller = Caller("mah", frozenset({"capture", "recall", "verify"}), None)
    unregistered = client.post("/fmd/uploads/product", json=msgspec.to_builtins(PRODUCT))
    assert unregistered.status_code == 403
    as_participant("mah", "mah")
    wanted = msgspec.to_builtins(msgspec.structs.replace(PRODUCT, code="04150037528643"))
    assert client.post("/fmd/uploads/product", json=wanted).json()["version"] == 1
    packs = msgspec.to_builtins(lot(code="04150037528643"))
    assert client.post("/fmd/uploads/batch", json=packs).json()["stored"] == 50
    late = packs | {"lot": "L9", "released": "2026-01-01", "serials": ["AAAABBBBCCC2"]}
    refused = client.post("/fmd/uploads/batch", json=late)
    assert refused.status_code == 422
    assert refused.json()["findings"][0]["code"] == "upload.after-release"
    recall = {"code": "04150037528643", "lot": "L1", "reason": "particles"}
    unknown = client.post("/fmd/uploads/recall", json=recall | {"lot": "l1", "reason": ""})
    assert unknown.status_code == 422
    found = {one["code"] for one in unknown.json()["findings"]}
    assert found == {"upload.lot-case", "upload.reason"}
    assert client.post("/fmd/uploads/recall", json=recall).status_code == 200
    repacks = client.get("/fmd/lots/04150037528643/L1/repacks")
    assert repacks.json() == []
    pack = {"gtin": "04150037528643", "serial": packs["serials"][0]}
    assert client.post("/packs/verify", json=pack).json()["reason"] == "recalled"
    assert client.post("/fmd/uploads/batch", json={"x": 1}).status_code == 400
