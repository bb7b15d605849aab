"""A pack of another market: asked for at peers, flagged, never denied because a line is down."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn

from epcis.capture import record
from epcis.http_context import Caller
from epcis.ledger.store import Store
from tests.shipped_pack import shipping
from verification.decision.act import PackAct, PackRequest, ParticipantRole, Who
from verification.decision.words import Word
from verification.peers.intermarket import Origin
from verification.peers.peers import Patience, Peer, PeerFound, Peers
from verification.registry.participants import register
from verification.settings import VerificationSettings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOREIGN = {"gtin": "04150037528643", "serial": "F1", "lot": "X1", "expiry": "270531"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Holder:
    def __init__(self, caller):
        self.caller = caller


class Running:
    """An application on a real port of this machine."""

    def __init__(self, app):
        self.port = free_port()
        config = uvicorn.Config(app, port=self.port, log_level="error", lifespan="off", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self):
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            threading.Event().wait(0.01)
        return f"http://127.0.0.1:{self.port}"

    def __exit__(self, *fault):
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture
def abroad(tmp_path, clock, put_pack, put_product, make_app, make_holder):  # noqa: PLR0917  # fixtures
    """Another country's repository, running, which knows the foreign pack."""
    store = Store.open(str(tmp_path / "abroad.db"))
    store.create_all()
    with store.write(NOW) as tx:
        put_product(tx, FOREIGN["gtin"])
        put_pack(tx, "F1", gtin=FOREIGN["gtin"], lot="X1")
        register(tx, Who(client="till-1", role=ParticipantRole.REPOSITORY, market="FI"), by="qa")
    with Running(make_app(store, clock, make_holder())) as url:
        yield url
    store.close()


@pytest.fixture
def with_peers(packs, clock, holder, make_app, make_client):
    def make(*urls):
        peers = tuple(Peer(f"peer{number}", url) for number, url in enumerate(urls))
        app = make_app(
            packs,
            clock,
            holder,
            VerificationSettings(peers=peers, market="FI", peer_patience=Patience(20)),
        )
        return make_client(app)

    return make


def test_a_foreign_pack_is_supplied_at_its_own_repository_and_flagged(with_peers, abroad):
    client = with_peers(abroad)
    supplied = client.post("/packs/supply", json=FOREIGN).json()
    assert (supplied["verdict"], supplied["state"], supplied["intermarket"]) == (
        "OK",
        "Supplied",
        True,
    )
    again = client.post("/packs/supply", json=FOREIGN)
    assert (again.status_code, again.json()["soap"]) == (409, "NMVS_NC_PCK_19")


def test_a_silent_peer_is_no_answer_and_soon_left_alone(with_peers):
    closed = f"http://127.0.0.1:{free_port()}"
    client = with_peers(closed)
    for _ in range(7):
        answer = client.post("/packs/supply", json=FOREIGN)
        said = answer.json()
        assert (answer.status_code, said["verdict"], said["result"]) == (
            504,
            "UNKNOWN",
            "cannot-tell",
        )
        assert "alert" not in said


def test_a_peer_where_we_are_not_registered_tells_nothing(with_peers, make_app, clock, tmp_path):
    store = Store.open(str(tmp_path / "strict.db"))
    store.create_all()
    with Running(make_app(store, clock, Holder(Caller("x", frozenset({"verify"}))))) as url:
        said = with_peers(url).post("/packs/supply", json=FOREIGN).json()
    store.close()
    assert (said["result"], said["verdict"], said["colour"]) == ("cannot-tell", "UNKNOWN", "amber")


def test_a_silent_peer_outweighs_one_that_does_not_confirm(with_peers, abroad):
    client = with_peers(f"http://127.0.0.1:{free_port()}", abroad)
    said = client.post("/packs/supply", json=FOREIGN | {"serial": "F9"}).json()
    assert (said["result"], "alert" in said) == ("cannot-tell", False)


def test_a_transaction_id_used_here_is_not_used_again_abroad(with_peers, abroad):
    client = with_peers(abroad)
    own = {"gtin": "05901234123457", "serial": "S1", "transaction": "T-1"}
    assert client.post("/packs/supply", json=own).json()["state"] == "Supplied"
    again = client.post("/packs/supply", json=FOREIGN | {"transaction": "T-1"})
    assert (again.status_code, again.json()["result"]) == (409, "transaction-reused")
    first = client.post("/packs/supply", json=FOREIGN | {"transaction": "T-2"}).json()
    assert client.post("/packs/supply", json=FOREIGN | {"transaction": "T-2"}).json() == first
    other = client.post("/packs/supply", json=own | {"serial": "S2", "transaction": "T-2"})
    said = other.json()
    assert (said["result"], said["serial"]) == ("transaction-reused", "S2")
    assert not {"state", "lot", "expiry", "standing", "alert", "cause", "intermarket"} & set(said)


def test_one_peer_that_knows_is_enough(with_peers, abroad):
    closed = f"http://127.0.0.1:{free_port()}"
    client = with_peers(closed, abroad)
    assert client.post("/packs/supply", json=FOREIGN).json()["state"] == "Supplied"


def test_what_no_peer_knows_is_unknown(with_peers, abroad):
    client = with_peers(abroad)
    said = client.post("/packs/supply", json=FOREIGN | {"gtin": "00355555678908"}).json()
    assert (said["result"], said["verdict"]) == ("product-unknown", Word.UNKNOWN)


TICK_S = 0.02
BUDGET_S = 0.4
SUPPLY = PackRequest(operation=PackAct.SUPPLY, code="04150037528643", serial="F1")
TILL = Origin(
    client="till-1", role=ParticipantRole.PHARMACY, location="P1", authorisation="A1", market="FI"
)
VERIFY = PackRequest(operation=PackAct.VERIFY, code="04150037528643", serial="F1")


class Dripping:
    """A peer that lets its answers drip, on the loop of whoever asks: `ticks` counts its time."""

    def __init__(self, *, status_after=0):
        self.status_after = status_after
        self.ticks = 0
        self.requests = 0

    async def tick(self, times=1):
        for _ in range(times):
            await asyncio.sleep(TICK_S)
            self.ticks += 1

    async def __call__(self, reader, writer):
        try:
            first = await reader.readline()
            self.requests += b"/fmd/intermarket" in first
            if self.requests == 1 and self.status_after:
                await self.tick(self.status_after)
                await self.whole(writer)
            else:
                await self.forever(writer)
        except (ConnectionError, asyncio.CancelledError):
            """Whoever asked has gone."""
        finally:
            writer.close()

    async def whole(self, writer):
        answer = {
            "code": "04150037528643",
            "serial": "F1",
            "operation": "verify",
            "result": "done",
            "reason": "genuine",
            "state": "Active",
            "at": "2026-11-22T12:00:00Z",
        } | dict.fromkeys(("hub", "soap", "rest", "say", "rules", "rules_sha256"), "")
        body = json.dumps(answer | {"http": 200}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()

    async def forever(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await self.tick()


def asked_of(peer, request, *, change):
    """What a peer on this loop is heard to say."""

    async def ask():
        server = await asyncio.start_server(peer, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(30), server, httpx.AsyncClient() as http:
            peers = Peers((Peer("p", url),), http, Patience(BUDGET_S))
            until_s = peers.deadline_s()
            heard = await peers.find(request, TILL, until_s)
            if change and heard.found is PeerFound.KNOWN:
                heard = await peers.perform(heard.peer, request, TILL, until_s)
            return heard

    return asyncio.run(ask())


def test_a_body_that_drips_costs_the_budget_and_no_more():
    peer = Dripping()
    assert asked_of(peer, VERIFY, change=False).found is PeerFound.SILENT
    assert peer.ticks <= BUDGET_S / TICK_S + 1


def test_finding_and_changing_a_pack_share_one_budget():
    # A budget for each would give the change all of its ticks after these.
    peer = Dripping(status_after=6)
    assert asked_of(peer, SUPPLY, change=True).found is PeerFound.SILENT
    assert peer.ticks <= BUDGET_S / TICK_S + 1


def test_a_peer_that_accepts_nobody_is_silent():
    with socket.socket() as full, socket.socket() as waiting, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (waiting, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())

        async def ask():
            async with asyncio.timeout(30), httpx.AsyncClient() as http:
                url = f"http://127.0.0.1:{full.getsockname()[1]}"
                peers = Peers((Peer("p", url),), http, Patience(0.05))
                return await peers.find(VERIFY, TILL, peers.deadline_s())

        assert asyncio.run(ask()).found is PeerFound.SILENT


@pytest.mark.parametrize(
    "said",
    [
        b"<html>",
        b"[]",
        b'{"result": 7}',
        b'{"result": "done"}',
        b'{"result": "not-allowed"}',
        b'{"result": "cannot-tell"}',
        b" " * 70_000,
    ],
)
def test_what_is_no_answer_is_silence(said):
    async def peer(reader, writer):
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(said) + said)
        writer.close()

    assert asked_of(peer, VERIFY, change=False).found is PeerFound.SILENT


def test_a_verification_at_the_counter_asks_peers_too(with_peers, abroad):
    client = with_peers(abroad)
    said = client.post("/packs/verify", json=FOREIGN).json()
    assert (said["verdict"], said["reason"], said["intermarket"]) == ("OK", "genuine", True)
    wrong = client.post("/packs/verify", json=FOREIGN | {"expiry": "270530"}).json()
    assert (wrong["verdict"], wrong["reason"]) == ("STOP", "expiry-differs")
    assert client.get(f"/fmd/alerts/{wrong['alert']}").json()["result"] == "expiry-differs"
    made_up = client.post("/packs/verify", json=FOREIGN | {"serial": "F9"}).json()
    assert (made_up["verdict"], made_up["reason"]) == ("STOP", "unknown-serial")
    assert client.get(f"/fmd/alerts/{made_up['alert']}").json()["hub"] == "A3"
    unknown = client.post("/packs/verify", json=FOREIGN | {"gtin": "00355555678908"}).json()
    assert (unknown["verdict"], unknown["reason"]) == ("UNKNOWN", "unknown-product")


def test_a_silent_peer_makes_no_stop_and_no_alert(with_peers):
    client = with_peers(f"http://127.0.0.1:{free_port()}")
    for serial in ("F1", "S99"):
        said = client.post("/packs/verify", json=FOREIGN | {"serial": serial}).json()
        assert (said["verdict"], said["reason"]) == ("UNKNOWN", "cannot-tell")
        assert "alert" not in said


def test_a_return_is_verified_at_its_manufacturer_and_decided(  # noqa: PLR0917  # fixtures
    client, holder, everything, packs, clock, make_app, make_holder
):
    holder.caller = everything
    pack = {"gtin": "05901234123457", "serial": "S1", "lot": "A123", "expiry": "270531"}
    stranger = client.post("/packs/returns", json=pack).json()["return"]
    assert (stranger["decision"], stranger["why"]) == ("quarantine", "not sold by us")
    with packs.write(clock()) as tx:
        key = f"/01/{pack['gtin']}/21/S1"
        record(tx, [shipping(key, clock(), "0355555000013", "9506000134352")])
    unasked = client.post("/packs/returns", json=pack).json()
    assert (unasked["return"]["decision"], unasked["partner"]["status"]) == ("wait", 404)
    with Running(make_app(packs, clock, make_holder())) as url:
        entry = {
            "gtin": pack["gtin"],
            "base_url": f"{url}/verify",
            "responder_gln": "0355555000013",
            "valid_from": "2026-01-01T00:00:00Z",
        }
        assert client.request("PUT", "/verify/directory/hub", json=[entry]).json() == {"entries": 1}
        answer = client.post("/packs/returns", json=pack).json()
    assert (answer["return"]["decision"], answer["partner"]["verified"]) == ("resell", True)
    assert client.get("/verify/directory").json()[0]["gtin"] == pack["gtin"]
    assert client.post("/packs/returns", json=[]).status_code == 400
    assert client.request("PUT", "/verify/directory/hub", json=[{}]).status_code == 422
    assert client.get("/verify/requests/none").status_code == 404


def test_a_stranger_learns_no_more_at_a_peer_than_here(with_peers, abroad, holder):
    client = with_peers(abroad)
    holder.caller = Caller("stranger", frozenset({"verify"}), "/414/0366666000014", "10.9.9.9")
    told = {
        client.post("/packs/verify", json=FOREIGN | wrong).json()["reason"]
        for wrong in ({"serial": "F9"}, {"lot": "B"}, {"expiry": "270530"})
    }
    assert told == {"not-confirmed"}
    statuses = [
        client.post("/packs/verify", json=FOREIGN | {"serial": f"X{n}"}).status_code
        for n in range(22)
    ]
    assert statuses == [200] * 19 + [429] * 3
