"""The history is looked through beside the requests: each odd thing is told once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from epcis.http_context import Caller
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from verification.alerts import watch
from verification.alerts.anomalies import DEFAULT_LIMITS
from verification.alerts.watch import ROWS_A_LOOK_MAX, look
from verification.decision.act import ParticipantRole, Who
from verification.registry.participants import register

GTIN = "05901234123457"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PACK = {"gtin": GTIN, "serial": "S1", "lot": "A123", "expiry": "270531"}
LATER = timedelta(minutes=1)


@pytest.fixture
def two_pharmacies(packs):
    """Two clients, each with premises of its own."""
    with packs.write(NOW) as tx:
        for name in ("north", "south"):
            register(
                tx,
                Who(
                    client=name,
                    role=ParticipantRole.PHARMACY,
                    location=f"{name} street",
                    authorisation=name,
                ),
                by="qa",
            )
    return packs


@pytest.fixture
def as_(holder, client):
    """Lets a caller ask."""

    def ask(name, path, **body):
        holder.caller = Caller(name, holder.caller.scopes, None, "10.0.0.1")
        return client.post(path, json=PACK | body)

    return ask


def looked(store, clock):
    clock.now += LATER
    return look(store, clock.now, DEFAULT_LIMITS)


def kinds(store):
    with store.read() as snapshot:
        span = {"since": NOW - timedelta(days=1), "until": NOW + timedelta(days=30)}
        return sorted(one.kind for one in watch.anomalies(snapshot, **span))


def test_a_copy_is_found_and_told_once(two_pharmacies, as_, clock):
    as_("north", "/packs/verify")
    clock.now += timedelta(minutes=3)
    as_("south", "/packs/verify")
    assert looked(two_pharmacies, clock) == (2, 1)
    assert looked(two_pharmacies, clock) == (0, 0)
    as_("south", "/packs/verify", serial="S2")
    assert looked(two_pharmacies, clock) == (1, 0)
    assert kinds(two_pharmacies) == ["anomaly.two-places"]
    with two_pharmacies.read() as snapshot:
        entries = select(ledger_entry.c.public).where(ledger_entry.c.kind == int(LeafKind.REGISTER))
        told = [bytes(one) for one in snapshot.connection.execute(entries).scalars()]
    assert sum(b'"anomaly"' in one for one in told) == 1


def test_a_pack_that_lives_on_after_its_supply(two_pharmacies, as_, clock):
    assert as_("north", "/packs/supply").status_code == 200
    looked(two_pharmacies, clock)
    clock.now += timedelta(days=2)
    as_("south", "/packs/verify")
    assert looked(two_pharmacies, clock).found == 1
    assert kinds(two_pharmacies) == ["anomaly.after-supply"]


def test_probing_goes_on_from_one_look_to_the_next(two_pharmacies, as_, clock):
    for number in range(3):
        as_("north", "/packs/verify", serial=str(1000 + number))
    assert looked(two_pharmacies, clock) == (3, 0)
    for number in range(3, 6):
        as_("north", "/packs/verify", serial=str(1000 + number))
    assert looked(two_pharmacies, clock).found == 1
    as_("north", "/packs/verify", serial="1006")
    assert looked(two_pharmacies, clock).found == 0
    assert kinds(two_pharmacies) == ["anomaly.probing"]


def test_tills_without_premises_are_no_places(packs, as_, clock):
    assert as_("till-1", "/packs/supply").status_code == 200
    as_("till-2", "/packs/lock")
    as_("till-2", "/packs/verify")
    assert looked(packs, clock).found == 0


def test_what_is_under_way_is_left_for_the_next_look(two_pharmacies, as_, clock):
    as_("north", "/packs/verify")
    assert look(two_pharmacies, clock.now, DEFAULT_LIMITS) == (0, 0)
    assert looked(two_pharmacies, clock).rows == 1


def test_a_look_is_a_portion_and_the_next_goes_on(two_pharmacies, client, holder, clock):
    holder.caller = Caller("north", frozenset({"verify"}), None, "10.0.0.1")
    many = ROWS_A_LOOK_MAX + 20
    for _ in range(many // 130):
        client.together([("POST", "/packs/verify", PACK)] * 130)
    asked = many // 130 * 130
    first = looked(two_pharmacies, clock)
    assert first == (ROWS_A_LOOK_MAX, 1)
    assert looked(two_pharmacies, clock) == (asked - ROWS_A_LOOK_MAX, 0)
    assert kinds(two_pharmacies) == ["anomaly.burst"]


def test_an_operator_reads_and_closes_them(  # noqa: PLR0917  # fixtures
    two_pharmacies, as_, client, holder, everything, clock
):
    as_("north", "/packs/verify")
    as_("south", "/packs/verify")
    looked(two_pharmacies, clock)
    span = "since=2026-11-22T00:00:00Z&until=2026-11-23T00:00:00Z"
    holder.caller = everything
    (odd,) = client.get(f"/anomalies?{span}&only_open=true").json()
    assert (odd["kind"], odd["serial"]) == ("anomaly.two-places", "S1")
    assert client.post(f"/anomalies/{odd['id']}/close", json={"comment": ""}).status_code == 400
    assert client.post("/anomalies/none/close", json={"comment": "x"}).status_code == 404
    closed = client.post(f"/anomalies/{odd['id']}/close", json={"comment": "a shared scanner"})
    assert closed.json()["closed_by"] == "root"
    assert client.post(f"/anomalies/{odd['id']}/close", json={"comment": "x"}).status_code == 404
    assert client.get(f"/anomalies?{span}&only_open=true").json() == []
    assert client.get("/anomalies?since=2026-11-22&until=2026-11-23").status_code == 400
