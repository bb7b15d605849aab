"""A manufacturer uploads before release; what would break the law is refused with its reason."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

import msgspec
import pytest

from epcis.http_context import Caller
from verification.decision.verdict import LotState, Reason
from verification.decision.verify import verify
from verification.fmd.operation import Role, Who
from verification.fmd.rulepack import shipped
from verification.fmd.upload import (
    Batch,
    Market,
    Product,
    longest_run,
    must_verify,
    recall_batch,
    serial_space,
    upload_batch,
    upload_product,
    withdraw_product,
)
from verification.registry.pack_registry import IrreversibleError, set_lot_state

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GTIN = "05901234123457"
MAH = Who(client="mah", role=Role.MAH, authorisation="MAH-1")
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
        stranger = Who(client="x", authorisation="other")
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
        recall_batch(tx, GTIN, "L1", markets=(), reason="x", who=MAH)
    with uploaded.read() as snapshot:
        assert verify(snapshot, GTIN, serials(50)[0], now=NOW).reason is Reason.RECALLED
    with pytest.raises(IrreversibleError), uploaded.write(NOW) as tx:
        set_lot_state(tx, GTIN, "L1", LotState.ACTIVE, "x", now=NOW, by="mah")
    with uploaded.write(NOW) as tx:
        withdraw_product(tx, GTIN, markets=("IE",), reason="x", who=MAH)
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


def test_uploads_over_http(client, holder):
    holder.caller = Caller("mah", frozenset({"capture", "recall", "verify"}), None)
    wanted = msgspec.to_builtins(msgspec.structs.replace(PRODUCT, code="04150037528643"))
    assert client.post("/fmd/uploads/product", json=wanted).json()["version"] == 1
    packs = msgspec.to_builtins(lot(code="04150037528643"))
    assert client.post("/fmd/uploads/batch", json=packs).json()["stored"] == 50
    late = packs | {"lot": "L9", "released": "2026-01-01", "serials": ["AAAABBBBCCC2"]}
    refused = client.post("/fmd/uploads/batch", json=late)
    assert refused.status_code == 422
    assert refused.json()["findings"][0]["code"] == "upload.after-release"
    recall = {"code": "04150037528643", "lot": "L1", "reason": "particles"}
    assert client.post("/fmd/uploads/recall", json=recall).status_code == 200
    pack = {"gtin": "04150037528643", "serial": packs["serials"][0]}
    assert client.post("/packs/verify", json=pack).json()["reason"] == "recalled"
    assert client.post("/fmd/uploads/batch", json={"x": 1}).status_code == 400
