"""A pack of another market: asked for at peers, flagged, never denied because a line is down."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime

import pytest
import uvicorn

from epcis.store.database import Store
from verification.peers import Found, Patience, Peer, Peers
from verification.settings import VerificationSettings
from verification.verdict import Word

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FOREIGN = {"gtin": "04150037528643", "serial": "F1", "lot": "X1", "expiry": "270531"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    with store.write(NOW) as act:
        put_product(act, FOREIGN["gtin"])
        put_pack(act, "F1", gtin=FOREIGN["gtin"], lot="X1")
    with Running(make_app(store, clock, make_holder())) as url:
        yield url
    store.close()


@pytest.fixture
def with_peers(packs, clock, holder, make_app, make_client):
    def make(*urls):
        peers = tuple(Peer(f"peer{number}", url) for number, url in enumerate(urls))
        app = make_app(packs, clock, holder, VerificationSettings(peers=peers))
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


def test_one_peer_that_knows_is_enough(with_peers, abroad):
    closed = f"http://127.0.0.1:{free_port()}"
    client = with_peers(closed, abroad)
    assert client.post("/packs/supply", json=FOREIGN).json()["state"] == "Supplied"


def test_what_no_peer_knows_is_unknown(with_peers, abroad):
    client = with_peers(abroad)
    said = client.post("/packs/supply", json=FOREIGN | {"gtin": "00355555678908"}).json()
    assert (said["result"], said["verdict"]) == ("product-unknown", Word.UNKNOWN)


def test_a_peer_that_never_answers_costs_its_budget_and_no_more():
    import httpx

    from verification.fmd.operation import Operation, PackRequest

    async def ask():
        async def silent(reader, writer):
            await reader.read()
            writer.close()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, httpx.AsyncClient() as http:
            peers = Peers((Peer("p", f"http://127.0.0.1:{port}"),), http, Patience(0.05))
            request = PackRequest(operation=Operation.VERIFY, code="04150037528643", serial="F1")
            return await peers.ask(request, change=False)

    assert asyncio.run(ask()).found is Found.SILENT


def test_a_return_is_verified_at_its_manufacturer_and_decided(  # noqa: PLR0917  # fixtures
    client, holder, everything, packs, clock, make_app, make_holder
):
    holder.caller = everything
    pack = {"gtin": "05901234123457", "serial": "S1", "lot": "A123", "expiry": "270531"}
    returned = pack | {"we_sold_it": True}
    unasked = client.post("/packs/returns", json=returned).json()
    assert (unasked["return"]["decision"], unasked["partner"]["status"]) == ("wait", 404)
    with Running(make_app(packs, clock, make_holder())) as url:
        entry = {
            "gtin": pack["gtin"],
            "base_url": f"{url}/verify",
            "responder_gln": "0355555000013",
            "valid_from": "2026-01-01T00:00:00Z",
        }
        assert client.request("PUT", "/verify/directory/hub", json=[entry]).json() == {"entries": 1}
        answer = client.post("/packs/returns", json=returned).json()
    assert (answer["return"]["decision"], answer["partner"]["verified"]) == ("resell", True)
    assert client.get("/verify/directory").json()[0]["gtin"] == pack["gtin"]
    assert client.post("/packs/returns", json={}).status_code == 400
    assert client.request("PUT", "/verify/directory/hub", json=[{}]).status_code == 422
    assert client.get("/verify/requests/none").status_code == 404
