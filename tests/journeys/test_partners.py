"""Two houses and a wallet: really started servers that know each other by their settings only."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hands import hand, serve_in

from verification.vrs.credential import CredentialOutcome, LocalTestWallet

GTIN = "05901234123457"
GLN = "0355555000013"
ISSUER = "did:web:issuer.example"
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CREDENTIAL = {
    "type": ["VerifiableCredential", "DSCSAATPCredential"],
    "issuer": {"id": ISSUER},
    "issuanceDate": "2026-01-01T00:00:00Z",
    "expirationDate": "2126-01-01T00:00:00Z",
}
PRODUCT = {
    "code": GTIN,
    "name": "Trailol 20 mg tablets",
    "common_name": "trailolum",
    "form": "tablet",
    "strength": "20 mg",
    "pack_type": "box",
    "pack_size": 30,
    "markets": [{"country": "US", "mah_name": "Trail", "mah_address": "Road 1"}],
}


class WalletServer:
    """The OCI wallet API as published: with the misspelt name that its schema demands."""

    def __init__(self):
        self.local = LocalTestWallet(
            ec.generate_private_key(ec.SECP256K1()),
            clock=lambda: datetime.now(UTC),
            credential=CREDENTIAL,
            trusted=frozenset({ISSUER}),
        )
        self.refuses = False
        self.asked = []
        outer = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                said = outer.answer(self.path, self.headers.get("Authorization"), body)
                content = json.dumps(said).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, path, token, body):
        act = path.removeprefix("/api/v1/verifiablePresentation/")
        self.asked.append((act, token))
        if self.refuses:
            return {"success": False, "errors": ["no"], "errorCodes": ["vc_not_found"]}
        if act == "generate":
            made = asyncio.run(self.local.present(body["corrUUID"], ""))
            return {"success": True, "verifablePresentation": made}
        uuid = json.loads(_body(body["verifablePresentation"]))["nonce"]
        checked = asyncio.run(self.local.check(body["verifablePresentation"], uuid, ""))
        if checked.outcome is CredentialOutcome.VALID:
            return {"success": True}
        return {"success": False, "errors": ["bad"], "errorCodes": list(checked.codes)}


def _body(jwt):
    import base64

    part = jwt.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where both houses keep their files."""
    return tmp_path_factory.mktemp("partners")


@pytest.fixture(scope="module")
def bare():
    """The environment without any settings."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PACKTRAIL_")}
    return kept | {"PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def wallet():
    """A wallet behind a real address."""
    made = WalletServer()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(20)


@pytest.fixture(scope="module")
def serials():
    return ["".join(secrets.choice(ALPHABET) for _ in range(12)) for _ in range(3)]


@pytest.fixture(scope="module")
def manufacturer(bare, folder, wallet, serials):
    """The manufacturer's house: it wants credentials, and knows its packs."""
    home = folder / "manufacturer"
    settings = bare | {
        "PACKTRAIL_DATA_DIR": str(home),
        "PACKTRAIL_OWNER_GLN": GLN,
        "PACKTRAIL_CREDENTIAL_POLICY": "require",
        "PACKTRAIL_WALLET_URL": wallet.url,
    }
    run = hand(settings)
    admin = run("access", "new-key", "maker", "--scopes", "capture,query,verify,admin").out.strip()
    partner = run("access", "new-key", "wholesaler", "--scopes", "verify").out.strip()
    (folder / "partner.key").write_text(partner)
    with serve_in(settings) as server, _as(server, admin) as client:
        _ok(client.put("/fmd/participants/maker", json={"role": "mah", "location": "plant"}))
        repository = {"role": "repository", "market": "US"}
        _ok(client.put("/fmd/participants/wholesaler", json=repository))
        _ok(client.post("/fmd/uploads/product", json=PRODUCT))
        batch = {"code": GTIN, "lot": "A1", "expiry": "2031-05-31", "markets": ["US"]}
        _ok(client.post("/fmd/uploads/batch", json=batch | {"serials": serials}))
        yield server.address


def _as(server, key):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=server.address, headers=headers, timeout=60)


def _ok(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def settings(bare, folder, wallet, manufacturer):
    """The wholesaler's settings: files beside each other, as an operator would write them."""
    peers = [{"name": "maker", "base_url": manufacturer, "key_file": "partner.key"}]
    base_url = f"{manufacturer}/verify"
    entry = {
        "gtin": GTIN,
        "base_url": base_url,
        "responder_gln": GLN,
        "valid_from": "2026-01-01T00:00:00Z",
    }
    (folder / "peers.json").write_text(json.dumps(peers))
    (folder / "directory.json").write_text(json.dumps([entry]))
    (folder / "keys.json").write_text(json.dumps({base_url: "partner.key"}))
    (folder / "wallet.token").write_text("wallet-token\n")
    return bare | {
        "PACKTRAIL_DATA_DIR": str(folder / "wholesaler"),
        "PACKTRAIL_OWNER_GLN": "0366666000014",
        "PACKTRAIL_PEERS_FILE": str(folder / "peers.json"),
        "PACKTRAIL_VERIFICATION_DIRECTORY": str(folder / "directory.json"),
        "PACKTRAIL_PARTNER_KEYS_FILE": str(folder / "keys.json"),
        "PACKTRAIL_WALLET_URL": wallet.url,
        "PACKTRAIL_WALLET_TOKEN_FILE": str(folder / "wallet.token"),
        "PACKTRAIL_WALLET_HOLDER": "did:web:wholesaler.example",
    }


def directory_is_there(client):
    """Wait until the worker has taken the directory over."""
    for _ in range(400):
        if client.get("/verify/directory").json():
            return
        threading.Event().wait(0.05)
    raise AssertionError("the directory was not taken over")


@pytest.fixture(scope="module")
def wholesaler(settings):
    """The wholesaler's house, started with these settings only."""
    with serve_in(settings) as server, _as(server, "") as client:
        yield client


def sold(wholesaler, serial):
    """The wholesaler ships a pack to a pharmacy."""
    event = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "ObjectEvent",
        "eventTime": "2026-11-20T10:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": "shipping",
        "disposition": "in_transit",
        "epcList": [f"https://id.gs1.org/01/{GTIN}/21/{serial}"],
        "sourceList": [
            {"type": "possessing_party", "source": "https://id.gs1.org/414/0366666000014"}
        ],
        "destinationList": [
            {"type": "possessing_party", "destination": "https://id.gs1.org/414/9506000134352"}
        ],
    }
    answer = wholesaler.post("/epcis/events", json=event)
    assert answer.status_code == 201, answer.text


def test_a_return_is_verified_at_a_peer_and_at_the_manufacturer(wholesaler, wallet, serials):
    pack = {"gtin": GTIN, "serial": serials[0], "lot": "A1", "expiry": "310531"}
    seen = _ok(wholesaler.post("/packs/verify", json=pack))
    assert (seen["verdict"], seen["intermarket"]) == ("OK", True)
    directory_is_there(wholesaler)
    assert _ok(wholesaler.post("/packs/returns", json=pack))["return"]["why"] == "not sold by us"
    sold(wholesaler, serials[0])
    answer = _ok(wholesaler.post("/packs/returns", json=pack))
    assert answer["partner"].get("verified") is True, (answer, wallet.asked)
    assert answer["return"]["decision"] == "resell"
    assert ("generate", "Bearer wallet-token") in wallet.asked
    assert "verify" in [act for act, _ in wallet.asked]
    proof = _ok(wholesaler.get(f"/packs/returns/{GTIN}/{serials[0]}"))
    assert proof["proof"]["partner"]["responder"] == GLN
    listed = _ok(wholesaler.get("/packs/returns"))
    assert answer["return"]["id"] in [one["id"] for one in listed]


def test_a_wallet_that_refuses_makes_a_return_wait(wholesaler, wallet, serials):
    directory_is_there(wholesaler)
    sold(wholesaler, serials[1])
    wallet.refuses = True
    pack = {"gtin": GTIN, "serial": serials[1], "lot": "A1", "expiry": "310531"}
    answer = _ok(wholesaler.post("/packs/returns", json=pack))
    wallet.refuses = False
    assert answer["return"]["decision"] == "wait"
    assert answer["partner"].get("verified") is None
    waiting = _ok(wholesaler.get("/packs/returns?only_waiting=true"))
    assert [one["serial"] for one in waiting] == [serials[1]]


def test_doctor_knows_rules_peers_and_wallet(settings, tmp_path):
    run = hand(settings | {"PACKTRAIL_DATA_DIR": str(tmp_path)})
    said = {one["name"]: one for one in run("doctor", "--json").json}
    assert said["rule pack"]["well"]
    assert said["peer maker"]["well"]
    assert said["wallet"]["well"]
    (tmp_path / "p.json").write_text('[{"name": "x", "base_url": "http://far.example"}]')
    more = {"PACKTRAIL_PEERS_FILE": str(tmp_path / "p.json"), "PACKTRAIL_DATA_DIR": str(tmp_path)}
    broken = hand(settings | more)("doctor", "--json")
    assert broken.code == 1
    fault = next(one for one in broken.json if one["name"] == "verification")
    assert "https" in fault["says"]


def test_a_tampered_rule_pack_keeps_the_server_from_starting(bare, tmp_path):
    (tmp_path / "EU-2016-161.json").write_text('{"id": "EU-2016/161"}')
    (tmp_path / "EU-2016-161.sig").write_text("AAAA\n")
    ran = hand(bare | {"PACKTRAIL_RULE_PACKS_DIR": str(tmp_path)})("serve", "--port", "0")
    assert (ran.code, ran.out) == (2, "")
    assert "not signed by a trusted key" in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_doctor_and_the_start_say_when_nobody_is_named_as_responder(
    environment, serving, packtrail
):
    told = {one["name"]: one for one in packtrail("doctor", "--json").json}["operator's GLN"]
    assert not told["well"]
    assert "PACKTRAIL_OWNER_GLN is not set" in told["says"]
    assert "0000000000000" in told["says"]
    with serving() as server:
        assert "PACKTRAIL_OWNER_GLN is not set" in server.greeting
    named = environment | {"PACKTRAIL_OWNER_GLN": "0355555000013"}
    told = {one["name"]: one for one in hand(named)("doctor", "--json").json}["operator's GLN"]
    assert (told["well"], told["says"]) == (True, "0355555000013")
    with serve_in(named) as server:
        assert "PACKTRAIL_OWNER_GLN" not in server.greeting
