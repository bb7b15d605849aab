"""Keys live where a house keeps them, and a seal that should not be made is not made."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.serialization import load_der_public_key
from sqlalchemy import select

from compliance.seal import Keys, SealRefused
from compliance.seal.cades import sign_beside
from compliance.seal.checkpoint import (
    log_key,
    log_key_change,
    log_key_pem,
    seal_log,
    sign,
    stamp_checkpoint,
    stamp_is_due,
)
from compliance.seal.library import finish
from compliance.seal.operator_keys import open_keys
from compliance.seal.remote import KeyInService, Service
from compliance.seal.signer import Authority, KeyInFile
from compliance.seal.timestamp import stamp
from epcis.ledger.append import LogForked
from epcis.ledger.checkpoint import Checkpoint, LogKey, Note, NoteRefused
from epcis.ledger.entry import LeafKind
from epcis.ledger.ledger_tables import ledger_entry
from epcis.ledger.store import Store
from epcis.ledger.tree import Tree

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def openssl(command: str, folder: Path) -> bytes:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    done = subprocess.run(
        ["openssl", *command.split()], cwd=folder, capture_output=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def verified(content: bytes, signature: bytes, keys: Keys, folder: Path) -> bytes:
    """What openssl says about a CAdES signature."""
    (folder / "content").write_bytes(content)
    (folder / "sig").write_bytes(signature)
    (folder / "root.pem").write_bytes(keys.root_pem())
    return openssl(
        "cms -verify -cades -binary -inform DER -in sig -content content -CAfile root.pem"
        " -purpose any -crl_check_all -out /dev/null",
        folder,
    )


def test_keys_are_made_at_first_use_for_their_owner_only(tmp_path):
    made = Keys.open(tmp_path / "keys", "open sesame")
    again = Keys.open(tmp_path / "keys", "open sesame")
    assert made.root_pem() == again.root_pem()
    for path in (tmp_path / "keys").iterdir():
        assert path.stat().st_mode & 0o077 == 0
        if path.suffix == ".key":
            assert b"ENCRYPTED" in path.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


@pytest.mark.parametrize(("passphrase", "word"), [("wrong", "is wrong"), (None, "is needed")])
def test_a_wrong_passphrase_is_called_so(tmp_path, passphrase, word):
    Keys.open(tmp_path / "keys", "open sesame")
    with pytest.raises(SealRefused, match=word):
        Keys.open(tmp_path / "keys", passphrase)


def test_a_folder_that_cannot_be_made_is_called_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SealRefused, match="cannot be used"):
        Keys.open(tmp_path / "file" / "keys")


def test_after_rotation_old_seals_stay_good_and_new_ones_come_from_the_new_key(tmp_path):
    keys = Keys.open(tmp_path / "keys")
    first = keys.seal.certificate
    old = sign_beside(b"old", keys)
    keys.rotate()
    assert keys.seal.certificate.serial_number != first.serial_number
    assert b"successful" in verified(b"old", old, keys, tmp_path)
    assert b"successful" in verified(b"new", sign_beside(b"new", keys), keys, tmp_path)
    assert len(keys.certificates()) == 4


def test_a_revoked_key_seals_nothing_more(tmp_path):
    keys = Keys.open(tmp_path / "keys")
    with pytest.raises(SealRefused, match="no reason"):
        keys.revoke(keys.seal.certificate, "bored")
    keys.revoke(keys.seal.certificate)
    with pytest.raises(SealRefused, match="revoked"):
        sign_beside(b"x", keys)
    keys.rotate()
    assert b"successful" in verified(b"x", sign_beside(b"x", keys), keys, tmp_path)


@pytest.mark.parametrize(("days", "word"), [(365 * 4, "expired"), (-30, "not valid yet")])
def test_a_key_seals_only_while_its_certificate_is_valid(tmp_path, days, word):
    Keys.open(tmp_path / "keys")
    later = Keys.open(tmp_path / "keys", clock=lambda: datetime.now(UTC) + timedelta(days=days))
    with pytest.raises(SealRefused, match=word):
        sign_beside(b"x", later)


def test_a_foreign_certificate_seals_nothing(tmp_path):
    theirs = Keys.open(tmp_path / "theirs").seal
    ours = Keys.open(tmp_path / "ours", seal=theirs)
    with pytest.raises(SealRefused, match="not issued by"):
        sign_beside(b"x", ours)


# --- tokens -------------------------------------------------------------------------------------


@pytest.fixture
def softhsm(tmp_path, monkeypatch):
    """A software token with a key pair on it."""
    pkcs11 = pytest.importorskip("pkcs11", reason="packtrail[hsm] is not installed")
    if not SOFTHSM.exists() or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 is not installed")
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tmp_path}/tokens\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    name = f"house-{secrets.token_hex(4)}"
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", name, "--pin", "1234",
         "--so-pin", "5678"],
        check=True, capture_output=True, env=os.environ,
    )  # fmt: skip
    from pkcs11.util.ec import encode_named_curve_parameters

    library = pkcs11.lib(str(SOFTHSM))
    library.reinitialize()
    token = library.get_token(token_label=name)
    with token.open(user_pin="1234", rw=True) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        parameters.generate_keypair(store=True, label="seal")
    return name


def _public_key_on(name: str):
    """The public half of the key, as an operator reads it from the token to have it certified."""
    import pkcs11
    from pkcs11.util.ec import encode_ec_public_key

    with pkcs11.lib(str(SOFTHSM)).get_token(token_label=name).open(user_pin="1234") as session:
        key = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, label="seal")
        return load_der_public_key(encode_ec_public_key(key))


@pytest.mark.filterwarnings("ignore::Warning")  # the token library uses what others deprecate
def test_a_key_on_a_token_seals_and_openssl_agrees(softhsm, tmp_path):
    from compliance.seal.token import KeyOnToken, Slot

    slot = Slot(str(SOFTHSM), softhsm, "1234", "seal")
    house = Keys.open(tmp_path / "keys")
    certificate = house.certify(_public_key_on(softhsm), "token of the house")
    keys = Keys.open(tmp_path / "keys", seal=KeyOnToken(slot, certificate))
    assert b"successful" in verified(b"x", sign_beside(b"x", keys), keys, tmp_path)
    for wrong, word in (
        (Slot(str(SOFTHSM), "nowhere", "1234", "seal"), "no token"),
        (Slot(str(SOFTHSM), softhsm, "9999", "seal"), "PIN"),
        (Slot(str(SOFTHSM), softhsm, "1234", "other"), "no one key"),
        (Slot("/nowhere.so", softhsm, "1234", "seal"), "cannot be used"),
    ):
        with pytest.raises(SealRefused, match=word):
            KeyOnToken(wrong, certificate).sign_digest(bytes(32))


# --- services -----------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[tuple[str, dict]]:
    """A small HTTP service; its answers are made by `desk["answer"]`."""
    desk: dict = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            desk["authorization"] = self.headers.get("Authorization")
            status, kind, answer = desk["answer"](body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", desk
    server.shutdown()
    server.server_close()
    thread.join()


def signing(signer: KeyInFile):
    def answer(body: bytes):
        digest = base64.b64decode(json.loads(body)["digest"])
        said = {"signature": base64.b64encode(signer.sign_digest(digest)).decode()}
        return 200, "application/json", json.dumps(said).encode()

    return answer


def test_a_key_in_a_service_seals_and_openssl_agrees(served, tmp_path):
    address, desk = served
    house = Keys.open(tmp_path / "keys")
    desk["answer"] = signing(house.seal)
    far = KeyInService(Service(address, "secret", "seal-1"), house.seal.certificate)
    keys = Keys.open(tmp_path / "keys", seal=far)
    assert b"successful" in verified(b"x", sign_beside(b"x", keys), keys, tmp_path)
    assert desk["authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((500, "text/plain", b"no"), "cannot be used"),
        ((200, "text/plain", b"not json"), "cannot be used"),
        ((200, "application/json", b"[]"), "no signature"),
        ((200, "application/json", b'{"signature":"%%"}'), "no signature"),
        ((200, "application/json", b'{"signature":"AAAA"}'), "another key"),
    ],
)
def test_a_service_that_errs_makes_no_broken_seal(served, tmp_path, answer, word):
    address, desk = served
    desk["answer"] = lambda _: answer
    house = Keys.open(tmp_path / "keys")
    far = KeyInService(Service(address, "secret", "seal-1"), house.seal.certificate)
    with pytest.raises(SealRefused, match=word):
        far.sign_digest(bytes(32))


# --- time stamps --------------------------------------------------------------------------------


@pytest.fixture
def authority(served, tmp_path) -> tuple[Keys, dict, Keys]:
    """(our keys, the authority's desk, the authority's keys)."""
    address, desk = served
    theirs = Keys.open(tmp_path / "authority", organisation="Time and Co")
    ours = Keys.open(tmp_path / "ours", authority=Authority(address, (theirs.root,)))

    def answer(body: bytes):
        request = tsp.TimeStampReq.load(body)
        response = finish(theirs.stamper.async_request_tsa_response(request))
        return 200, "application/timestamp-reply", response.dump()

    desk["answer"] = answer
    return ours, desk, theirs


def test_an_authoritys_stamp_is_one_that_openssl_believes(authority, tmp_path):
    ours, _, theirs = authority
    token = stamp(ours.stamper, sha256(b"data").digest())
    (tmp_path / "data").write_bytes(b"data")
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "root.pem").write_bytes(theirs.root_pem())
    said = openssl("ts -verify -data data -in token -token_in -CAfile root.pem", tmp_path)
    assert b"Verification: OK" in said


def lying(desk: dict, change):
    honest = desk["answer"]

    def answer(body: bytes):
        return honest(change(tsp.TimeStampReq.load(body)).dump())

    return answer


def other_digest(request):
    request["message_imprint"]["hashed_message"] = bytes(32)
    return request


def other_nonce(request):
    request["nonce"] = 7
    return request


@pytest.mark.parametrize(
    ("change", "word"), [(other_digest, "something else"), (other_nonce, "another request")]
)
def test_an_authority_that_answers_something_else_is_not_believed(authority, change, word):
    ours, desk, _ = authority
    desk["answer"] = lying(desk, change)
    with pytest.raises(SealRefused, match=word):
        stamp(ours.stamper, bytes(range(32)))


# httpx leaves what it has not read to the garbage collector, which Python 3.13 remarks on.
@pytest.mark.filterwarnings("ignore:coroutine method 'aclose':RuntimeWarning")
@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ((503, "text/plain", b""), "cannot be reached"),
        ((200, "text/plain", b"garbage"), "gave no time stamp"),
        ((200, "x", bytes.fromhex("30053003020102")), "gave no time stamp"),
        ((200, "x", bytes(70_000)), "without end"),
    ],
)
def test_an_authority_that_is_down_or_talks_nonsense_is_named(authority, answer, word):
    ours, desk, _ = authority
    desk["answer"] = lambda _: answer
    with pytest.raises(SealRefused, match=word):
        stamp(ours.stamper, bytes(32))


def test_an_authority_with_a_wrong_clock_or_a_foreign_key_is_not_believed(authority, tmp_path):
    ours, _, _ = authority
    ours.clock = lambda: datetime.now(UTC) - timedelta(minutes=6)
    with pytest.raises(SealRefused, match="clock"):
        stamp(ours.stamper, bytes(32))
    foreign = Keys.open(tmp_path / "foreign").root
    other = Keys.open(tmp_path / "ours", authority=Authority(ours.authority.url, (foreign,)))
    with pytest.raises(SealRefused, match="not trusted"):
        stamp(other.stamper, bytes(32))


# --- checkpoints --------------------------------------------------------------------------------


def test_openssl_alone_verifies_a_checkpoint(tmp_path, keys):
    checkpoint = Checkpoint("packtrail/log/1", 3, bytes(32))
    note = Note.parse(sign(checkpoint, keys))
    (tmp_path / "body").write_text(note.text)
    (tmp_path / "sig").write_bytes(note.signatures[0][2])
    (tmp_path / "key.pem").write_bytes(log_key_pem(keys))
    said = openssl("pkeyutl -verify -pubin -inkey key.pem -rawin -in body -sigfile sig", tmp_path)
    assert b"Signature Verified Successfully" in said


def test_a_note_is_believed_only_from_the_logs_key(keys, tmp_path):
    checkpoint = Checkpoint("packtrail/log/1", 3, bytes(32))
    note = sign(checkpoint, keys)
    key = log_key(keys, "packtrail/log/1")
    assert Note.parse(note).checkpoint([LogKey.parse(str(key))]) == checkpoint
    assert str(Note.parse(note)) == note
    other = log_key(Keys.open(tmp_path / "other"), "packtrail/log/1")
    with pytest.raises(NoteRefused, match="no key"):
        Note.parse(note).checkpoint([other])
    with pytest.raises(NoteRefused, match="wrong"):
        Note.parse(note.replace("\n3\n", "\n4\n")).checkpoint([key])
    for odd in ("", "x", "a\n3\n\n", note[:-1], note.replace("\u2014", "-"), "x" * 20_000):
        with pytest.raises(NoteRefused):
            Note.parse(odd).checkpoint([key])
    for odd in ("", "a+b", "a+00000000+AAAA", "name+12345678+AQ=="):
        with pytest.raises(NoteRefused):
            LogKey.parse(odd)


def test_the_log_is_sealed_once_per_size_and_stamped_once_a_day(store: Store, keys):
    with store.write(NOW) as tx:
        tx.log(LeafKind.SETTING, b"{}")
    assert stamp_is_due(store, now=NOW)
    first = seal_log(store, keys, now=NOW)
    assert seal_log(store, keys, now=NOW + timedelta(hours=1)) == first
    token = stamp_checkpoint(store, keys, first, now=NOW)
    assert stamp_checkpoint(store, keys, first, now=NOW) == token
    assert not stamp_is_due(store, now=NOW + timedelta(hours=23))
    assert stamp_is_due(store, now=NOW + timedelta(hours=24))
    with store.read() as snapshot:
        assert Tree(snapshot.connection).checkpoint() == first.checkpoint


def test_who_signs_at_the_same_moment_signs_the_same(store: Store, keys):
    for number in range(6):
        with store.write(NOW) as tx:
            tx.log(LeafKind.SETTING, b"{}")
        with ThreadPoolExecutor(max_workers=4) as signers:
            sealed = [signers.submit(seal_log, store, keys, now=NOW) for _ in range(4)]
            sizes = {one.result().checkpoint.size for one in sealed}
        assert max(sizes) > number
        again = seal_log(store, keys, now=NOW)
        assert again.checkpoint.size >= max(sizes)


def test_a_log_that_lost_or_changed_what_was_signed_is_not_signed_again(store: Store, keys):
    with store.write(NOW) as tx:
        tx.log(LeafKind.SETTING, b"{}")
    seal_log(store, keys, now=NOW)
    with store.write(NOW) as tx:
        tx.driver.cursor().execute("UPDATE ledger_head SET size = 1, frontier = (SELECT leaf"
                                    " FROM ledger_entry WHERE idx = 0)")  # fmt: skip
    with pytest.raises(LogForked, match="lost entries"):
        seal_log(store, keys, now=NOW)


def test_a_change_of_keys_is_an_entry_of_the_log(store: Store, keys):
    log_key_change(store, "key-revoked", keys.root, by="Ada", now=NOW)
    seal_log(store, keys, now=NOW)
    with store.read() as snapshot:
        said = snapshot.connection.scalars(
            select(ledger_entry.c.public).where(ledger_entry.c.kind == int(LeafKind.KEY))
        ).all()
    assert any(b'"key-revoked"' in one for one in said)
    assert any(b'"log key"' in one for one in said)


def test_the_settings_say_where_the_keys_are(tmp_path, served):
    address, desk = served
    plain = {
        "keys_folder": tmp_path / "keys", "key_passphrase": "open sesame", "time_authority": "",
        "time_authority_roots": None, "seal_certificate": None, "seal_token_module": "",
        "seal_token": "", "seal_token_pin": "", "seal_service": "", "seal_service_token": "",
        "seal_key": "seal",
    }  # fmt: skip
    house = open_keys(SimpleNamespace(**plain))
    (tmp_path / "seal.pem").write_bytes((tmp_path / "keys" / "seal-1.pem").read_bytes())
    desk["answer"] = signing(house.seal)
    far = {**plain, "seal_service": address, "seal_certificate": tmp_path / "seal.pem"}
    keys = open_keys(SimpleNamespace(**far))
    assert b"successful" in verified(b"x", sign_beside(b"x", keys), keys, tmp_path)
    assert "authorization" in desk
    stamped = {**plain, "time_authority": address, "time_authority_roots": tmp_path / "seal.pem"}
    assert open_keys(SimpleNamespace(**stamped)).authority.url == address
    for odd, word in (
        ({"time_authority": address}, "needs its roots"),
        ({"seal_service": address}, "needs its certificate"),
        ({"seal_service": address, "seal_certificate": tmp_path / "none"}, "cannot be read"),
    ):
        with pytest.raises(SealRefused, match=word):
            open_keys(SimpleNamespace(**{**plain, **odd}))
