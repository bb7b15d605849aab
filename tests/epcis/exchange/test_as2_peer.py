"""AS2 with another implementation (pyas2lib), which runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from as2_sites import own_pem, serving, trust
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from partners import Site, a_shipment

from epcis.exchange.certificates import make_own_key
from epcis.exchange.mailbox import MessageState, list_refusals
from epcis.ledger.store import Store

ROOT = Path(__file__).resolve().parents[3]
PYTHON = Path(os.environ.get("PACKTRAIL_AS2_PEER", ROOT / ".as2-peer")) / "bin/python"
SERVER = ROOT / "tests/as2_peer_server.py"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the AS2 peer is absent: sh scripts/as2_peer.sh makes it"
)
USUAL = {
    "sign": True, "encrypt": True, "enc_alg": "aes_256_cbc", "digest_alg": "sha256",
    "mdn_mode": "SYNC", "mdn_digest_alg": "sha256",
}  # fmt: skip


@pytest.fixture
def us(tmp_path):
    with closing(Store.open(f"sqlite:///{tmp_path / 'us.db'}")) as store:
        store.create_all()
        yield Site(store, tmp_path / "us", NOW)


@pytest.fixture(scope="module")
def peer_key():
    return make_own_key("PEER", datetime.now(UTC))


class Peer:
    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def taken(self) -> list[dict[str, str]]:
        with urllib.request.urlopen(f"{self.address}/taken") as answer:
            return json.load(answer)

    def send(self, to: str, body: bytes, **headers: str) -> dict[str, str]:
        named = {f"X-{name}": value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.address}/send", data=body, headers={"X-To": to, **named}
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)


@contextmanager
def connected(us, key, ours=None, **theirs):
    """Our site behind its door, and the peer, each with the other's certificate."""
    us.connect("peer", "as2", own_name="US", partner_name="THE PEER", **(ours or {}))
    pem = key.certificate.public_bytes(Encoding.PEM)
    trust(us, "peer", pem)
    private = key.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings = {
        "name": "THE PEER", "partner": "US", "key": (private + pem).decode(),
        "certificate": own_pem(us, "peer").decode(), "settings": USUAL | theirs,
    }  # fmt: skip
    process = subprocess.Popen(
        [str(PYTHON), str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process, serving(us) as door:
        try:
            process.stdin.write(json.dumps(settings) + "\n")
            process.stdin.flush()
            yield Peer(int(process.stdout.readline())), door
        finally:
            process.kill()


def point_to(us, address):
    """Set the address of the channel, which is known only once the peer runs."""
    import orjson
    from sqlalchemy import update

    from epcis.exchange.exchange_tables import exchange_channel

    settings = dict(us.channel("peer").settings) | {"address": f"{address}/as2"}
    with us.store.write(us.now) as tx:
        tx.connection.execute(
            update(exchange_channel).values(settings=orjson.dumps(settings).decode())
        )


@pytest.mark.parametrize(
    "ours",
    [
        {},
        {"encryption": "aes128-cbc", "signature": "sha512", "mic": "sha512"},
        {"compression": "before signing", "signature": "sha384", "mic": "sha384"},
        {"compression": "after signing"},
        {"mic": "sha256", "encryption": "none"},
    ],
    ids=str,
)
def test_the_peer_takes_what_we_send_and_its_signed_receipt_confirms_it(us, peer_key, ours):
    theirs = {"encrypt": ours.get("encryption") != "none"}
    with connected(us, peer_key, ours, **theirs) as (peer, _):
        point_to(us, peer.address)
        number = us.send("peer", "o-1", a_shipment(1), "ship 1.xml")
        us.work()
        [got] = peer.taken()
        assert got["status"] == "processed", got
        assert got["content"].encode("latin-1") == a_shipment(1)
        assert got["name"] == "ship 1.xml"
        found = us.message(number)
        assert found.state is MessageState.RECEIPTED, found.reason
        assert not found.reason


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {}),
        ({"compress": True, "digest_alg": "sha512", "mdn_digest_alg": "sha512"}, {}),
        ({"enc_alg": "aes_128_cbc", "sign_alg": "rsassa_pss"}, {}),
        ({"enc_alg": "tripledes_192_cbc"}, {"triple_des": "yes"}),
        ({"digest_alg": "sha1", "mdn_digest_alg": "sha1"}, {"sha1": "yes"}),
        ({"encrypt": False}, {"encrypted_only": "no"}),
    ],
    ids=str,
)
def test_we_take_what_the_peer_sends_and_it_believes_our_receipt(us, peer_key, theirs, ours):
    with connected(us, peer_key, ours, **theirs) as (peer, door):
        said = peer.send(door.address, a_shipment(1))
        assert said == {"status": "processed", "detail": None}
        us.work()
        [arrived] = us.messages()
        assert arrived.state is MessageState.KEPT
        assert arrived.file_name == "peer.xml"
        assert us.events() == 1


@pytest.mark.parametrize(
    ("theirs", "tamper", "code"),
    [
        ({"encrypt": False}, "", "insufficient-message-security"),
        # Altered where it is signed: elsewhere, as in a certificate beside it, nobody is misled.
        ({"encrypt": False}, "commissioning", "integrity-check-failed"),
        ({"enc_alg": "tripledes_192_cbc"}, "", "decryption-failed"),
        ({"digest_alg": "sha1"}, "", "authentication-failed"),
        ({"sign": False}, "", "insufficient-message-security"),
    ],
    ids=str,
)
def test_the_peer_reads_why_it_was_refused(us, peer_key, theirs, tamper, code):
    with connected(us, peer_key, {}, **theirs) as (peer, door):
        said = peer.send(door.address, a_shipment(1), **({"Tamper": tamper} if tamper else {}))
        assert said["status"].lower() == "processed/error"
        assert said["detail"] == code
        assert us.messages() == []
        with us.store.read() as snapshot:
            assert [one.code for one in list_refusals(snapshot)] == [code]
