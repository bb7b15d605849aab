"""Returned packs, and what the history of questions gives away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.verdicts import verdict
from verification.alerts.anomalies import of_client, of_pack
from verification.decision.act import Asked
from verification.decision.facts import Facts, KnownPack
from verification.decision.words import LotState, PackState
from verification.offline import offline_snapshot
from verification.registry.history import Past
from verification.registry.pack_registry import set_lot_state
from verification.returns import saleable_return
from verification.returns.saleable_return import Decision, ReturnProof
from verification.returns.sold import Sale
from verification.vrs.ask import PartnerAnswer

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GTIN = "05901234123457"
SOLD = ReturnProof(Sale("urn:uuid:1", NOW, "/414/9506000134352", ()))
YES, NO = (
    PartnerAnswer(answered=True, verified=True),
    PartnerAnswer(answered=True, verified=False, reason="x"),
)


def own(state=PackState.ACTIVE, expiry=date(2027, 5, 31), **more):
    facts = Facts(Asked(GTIN, "S1", "A123", expiry), KnownPack(state, "A123", expiry), **more)
    return verdict(facts, NOW)


@pytest.mark.parametrize(
    ("ours", "partner", "sold", "decision"),
    [
        (own(), YES, True, Decision.RESELL),
        (own(), NO, True, Decision.QUARANTINE),
        (own(), None, True, Decision.WAIT),
        (own(), PartnerAnswer(answered=False, status=504), True, Decision.WAIT),
        (own(), YES, False, Decision.QUARANTINE),
        (own(), PartnerAnswer(answered=True, verified=True, info="Recalled"), True, Decision.SCRAP),
        (
            own(),
            PartnerAnswer(answered=True, verified=True, info="Suspect"),
            True,
            Decision.QUARANTINE,
        ),
        (own(PackState.SUPPLIED), YES, True, Decision.QUARANTINE),
        (own(expiry=date(2026, 1, 1)), YES, True, Decision.SCRAP),
        (own(lot_state=LotState.RECALLED), YES, True, Decision.SCRAP),
        (own(lot_state=LotState.HELD), YES, True, Decision.WAIT),
    ],
)
def test_a_return_is_resold_only_when_everything_says_yes(ours, partner, sold, decision):
    known = SOLD if sold else ReturnProof(None)
    assert saleable_return.decide_return(ours, partner, known)[0] is decision


def test_the_proof_is_kept_for_the_resale(store):
    with store.write(NOW) as tx:
        kept = saleable_return.keep(tx, own(), YES, known=SOLD)
    with store.read() as snapshot:
        found, proof = saleable_return.proof_for_resale(snapshot, GTIN, "S1")
        assert found == kept
        assert proof["partner"]["verified"] is True
        with pytest.raises(LookupError):
            saleable_return.proof_for_resale(snapshot, GTIN, "S2")


def row(minutes=0, serial="S1", operation="verify", result="genuine", place="P1"):
    at = NOW + timedelta(minutes=minutes)
    return Past(at, None, GTIN, serial, operation, result, "c", place, None, None, {})


def codes(found):
    return [one.finding.code for one in found]


def test_one_pack_in_two_places_in_impossible_time():
    two = [row(0), row(29, place="P2")]
    assert codes(of_pack(two)) == ["anomaly.two-places"]
    assert of_pack([row(0), row(31, place="P2")]) == []
    far = {"P1": (53.35, -6.26), "P2": (60.17, 24.94)}
    assert codes(of_pack([row(0), row(60, place="P2")], far)) == ["anomaly.two-places"]
    assert of_pack([row(0), row(180, place="P2")], far) == []


def test_a_supplied_pack_that_is_asked_about_elsewhere():
    supplied = row(0, operation="supply", result="done")
    assert codes(of_pack([supplied, row(600, place="P2")])) == ["anomaly.after-supply"]
    undone = row(5, operation="undo", result="done")
    assert of_pack([supplied, undone, row(600, place="P2")]) == []
    assert of_pack([supplied, row(600)]) == []


def test_bursts_and_probing():
    many = [row(n / 1000, serial=str(n * 7)) for n in range(200)]
    assert codes(of_client(many)) == ["anomaly.burst"]
    probe = [row(n, serial=str(1000 + n), result="unknown-serial") for n in range(6)]
    assert codes(of_client(probe)) == ["anomaly.probing"]
    spread = [row(n, serial=str(1000 + 9 * n), result="unknown-serial") for n in range(6)]
    assert of_client(spread) == []


def test_a_till_without_a_line_stops_what_was_stopped(packs, put_pack):
    key = Ed25519PrivateKey.generate()
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with packs.write(NOW) as tx:
        for number in range(500):
            put_pack(tx, f"X{number}", state="Supplied")
        set_lot_state(tx, GTIN, "BAD", LotState.RECALLED, "x", now=NOW, by="qa")
    with packs.read() as snapshot:
        sealed = offline_snapshot.seal(offline_snapshot.take(snapshot, NOW), key)
    snapshot = offline_snapshot.open_snapshot(sealed, pem)
    assert all(snapshot.stops(GTIN, f"X{number}", None, NOW) == "pack" for number in range(500))
    assert snapshot.stops(GTIN, "S1", "BAD", NOW) == "lot"
    assert snapshot.stops(GTIN, "S1", "A123", NOW + timedelta(days=4)) == "stale"
    free = sum(snapshot.stops(GTIN, f"free{number}", "A123", NOW) == "" for number in range(5000))
    assert free >= 4950
    assert len(sealed) < 4000
    for at in (10, len(sealed) // 2, len(sealed) - 5):
        broken = bytearray(sealed)
        broken[at] ^= 1
        with pytest.raises(offline_snapshot.SnapshotRefusedError):
            offline_snapshot.open_snapshot(bytes(broken), pem)


def test_the_snapshot_over_http(client, app, holder, make_app, make_client):
    assert client.get("/fmd/snapshot").status_code == 503
    key = Ed25519PrivateKey.generate()
    context = app.state.context
    signing = make_app(context.store, context.clock, holder, snapshot_key=key)
    client = make_client(signing)
    assert client.get("/fmd/snapshot").status_code == 200
