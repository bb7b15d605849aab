"""CMS as openssl makes and reads it, and CMS that nobody should make."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zlib
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from epcis.exchange.as2_build import As2Dress, dressed, payload_part
from epcis.exchange.as2_layers import As2Opener, As2Refused, As2Trust
from epcis.exchange.ber import BerRefused, der, der_oid
from epcis.exchange.certificates import make_own_key
from epcis.exchange.cms_content import (
    COMPRESSED_OID,
    ENVELOPED_OID,
    CmsRefused,
    OwnKey,
    compressed_head,
    decompressed,
    decrypted,
    encrypted,
    find_structure,
)
from epcis.exchange.cms_signature import (
    SignatureRefused,
    check_signature,
    read_signature,
    sign_digest,
)
from epcis.exchange.mime_entity import MimeEntity, MimeRefused, parts_of, read_entity
from epcis.exchange.spool import Region, SpoolRoom, SpoolTooLarge

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CONTENT = b"Content-Type: text/xml\r\n\r\n<a>" + bytes(range(256)) * 40 + b"</a>"


@pytest.fixture(scope="module")
def own():
    made = make_own_key("US", datetime.now(UTC))
    return OwnKey(made.certificate, made.key)


@pytest.fixture
def folder(own, tmp_path):
    pem = own.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(pem)
    (tmp_path / "cert.pem").write_bytes(own.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "content").write_bytes(CONTENT)
    return tmp_path


def openssl(folder: Path, *arguments: str) -> None:
    command = ["openssl", "cms", "-binary", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def region(content: bytes) -> Region:
    return Region.whole(io.BytesIO(content))


@pytest.fixture
def keep():
    """Where files go that are made on the way; closed when the test ends."""
    with ExitStack() as files:
        yield files.enter_context


def room(folder: Path, size_bytes_max: int = 2**28) -> SpoolRoom:
    return SpoolRoom(folder, size_bytes_max)


@pytest.mark.parametrize("cipher", ["aes128-cbc", "aes192-cbc", "aes256-cbc"])
def test_openssl_decrypts_what_we_encrypt(own, folder, cipher):
    made = b"".join(encrypted([CONTENT], len(CONTENT), own.certificate, cipher))
    (folder / "made").write_bytes(made)
    openssl(folder, "-decrypt", "-inform", "DER", "-in", "made", "-inkey", "key.pem",
            "-recip", "cert.pem", "-out", "out")  # fmt: skip
    assert (folder / "out").read_bytes() == CONTENT


@pytest.mark.parametrize("cipher", ["aes128-gcm", "aes256-gcm"])
def test_openssl_decrypts_authenticated_encryption_and_refuses_it_altered(own, folder, cipher):
    made = b"".join(encrypted([CONTENT], len(CONTENT), own.certificate, cipher))
    given = ("-decrypt", "-inform", "DER", "-in", "made", "-inkey", "key.pem", "-recip", "cert.pem")
    (folder / "made").write_bytes(made)
    openssl(folder, *given, "-out", "out")
    assert (folder / "out").read_bytes() == CONTENT
    (folder / "made").write_bytes(made[:-1] + bytes([made[-1] ^ 1]))
    with pytest.raises(subprocess.CalledProcessError):
        openssl(folder, *given, "-out", "out")


@pytest.mark.parametrize(
    "given",
    [
        ("-aes-256-cbc",),
        ("-aes-128-cbc", "-stream"),
        ("-aes-192-cbc", "-keyid"),
        ("-aes-256-gcm",),
        ("-aes-128-gcm", "-stream"),
        ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep"),
        ("-aes-256-cbc", "-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256"),
        ("-des3",),
    ],
    ids=" ".join,
)
def test_we_decrypt_what_openssl_encrypts(own, folder, given):
    options = [one for one in given if one != "-keyid" and not one.startswith("rsa_")]
    options = [one for one in options if one != "-keyopt"]
    extra = ["-keyid"] if "-keyid" in given else []
    after = [one for one in given if one.startswith("rsa_")]
    keyopts = [text for one in after for text in ("-keyopt", one)]
    openssl(folder, "-encrypt", *options, *extra, "-in", "content", "-outform", "DER",
            "-out", "made", "-recip", "cert.pem", *keyopts)  # fmt: skip
    structure = find_structure(region((folder / "made").read_bytes()))
    assert b"".join(decrypted(structure, [own], triple_des=True)) == CONTENT


@pytest.mark.parametrize(
    "given",
    [("-md", "sha256"), ("-md", "sha512"), ("-md", "sha256", "-noattr"),
     ("-md", "sha384", "-keyopt", "rsa_padding_mode:pss"), ("-md", "sha256", "-keyid")],
    ids=" ".join,
)  # fmt: skip
def test_we_check_what_openssl_signs(own, folder, given):
    first, last = given[:2], given[2:]
    openssl(folder, "-sign", *first, "-in", "content", "-outform", "DER", "-out", "made",
            "-signer", "cert.pem", "-inkey", "key.pem", *last)  # fmt: skip
    read = read_signature((folder / "made").read_bytes())
    digests = [lambda name: hashlib.new(name, b"other").digest(),
               lambda name: hashlib.new(name, CONTENT).digest()]  # fmt: skip
    assert check_signature(read, lambda n: [one(n) for one in digests], [own.certificate]) == 1
    other = make_own_key("SOMEBODY", NOW).certificate
    with pytest.raises(SignatureRefused, match="not signed by a certificate that is entered"):
        check_signature(read, lambda n: [one(n) for one in digests], [other])


VERIFY = ("-verify", "-CAfile", "cert.pem", "-purpose", "any", "-no_check_time", "-out", "out")


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_openssl_checks_what_we_sign(own, folder, digest):
    made = sign_digest(hashlib.new(digest, CONTENT).digest(), digest, own, NOW)
    (folder / "made").write_bytes(made)
    openssl(folder, *VERIFY, "-inform", "DER", "-in", "made", "-content", "content")
    (folder / "content").write_bytes(CONTENT + b" ")
    with pytest.raises(subprocess.CalledProcessError):
        openssl(folder, *VERIFY, "-inform", "DER", "-in", "made", "-content", "content")


def test_openssl_reads_the_parts_of_a_signed_message(own, folder, keep):
    dress = As2Dress("sha256", "", "", "sha256", own)
    part = payload_part(region(b"<a>\r\n</a>"), "text/xml", "a.xml")
    made, _ = dressed(part, dress, NOW, room(folder), keep)
    (folder / "made").write_bytes(made.head() + b"".join(made.chunks()))
    command = ["openssl", "cms", *VERIFY, "-inform", "SMIME", "-in", "made"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert (folder / "out").read_bytes() == b"".join(part.with_head().chunks())


# --- hostile --------------------------------------------------------------------------------------


def test_weak_ciphers_and_keys_of_others_are_refused_with_what_to_do(own, folder):
    openssl(folder, "-encrypt", "-des3", "-in", "content", "-outform", "DER", "-out", "made",
            "-recip", "cert.pem")  # fmt: skip
    made = region((folder / "made").read_bytes())
    with pytest.raises(CmsRefused, match="3DES, which is weak"):
        b"".join(decrypted(find_structure(made), [own]))
    other = make_own_key("OTHER", NOW)
    with pytest.raises(CmsRefused, match="no certificate of ours in use"):
        b"".join(
            decrypted(find_structure(made), [OwnKey(other.certificate, other.key)], triple_des=True)
        )


def test_tiny_pieces_without_end_are_refused(own):
    """64 MB of empty strings: as many steps as bytes, were they not counted."""
    pieces = der(0x04) * (32 * 2**20)
    content = der(0x30, der_oid("1.2.840.113549.1.7.1"), der(0x30), der(0xA0, pieces))
    whole = der(0x30, der_oid(ENVELOPED_OID),
                der(0xA0, der(0x30, der(2, b"\0"), der(0x31), content)))  # fmt: skip
    with pytest.raises(CmsRefused):
        b"".join(decrypted(find_structure(region(whole)), [own]))
    inner = der(0x30, der_oid("1.2.840.113549.1.7.1"), der(0xA0, der(0x24, pieces)))
    packed = der(0x30, der_oid(COMPRESSED_OID), der(0xA0, der(0x30, der(2, b"\0"), inner)))
    with pytest.raises(CmsRefused, match="too many tiny pieces"):
        for _ in decompressed(find_structure(region(packed))):
            pass


def test_deep_nesting_is_refused():
    deep = b"\x30\x80" * 100_000
    with pytest.raises((CmsRefused, BerRefused)):
        find_structure(region(deep))
    deep = b""
    for _ in range(40):
        deep = der(0x24, deep)
    inner = der(0x30, der_oid("1.2.840.113549.1.7.1"), der(0xA0, deep))
    packed = der(0x30, der_oid(COMPRESSED_OID), der(0xA0, der(0x30, der(2, b"\0"), inner)))
    with pytest.raises(CmsRefused, match="too deeply"):
        b"".join(decompressed(find_structure(region(packed))))


def test_a_bomb_stops_at_the_largest_message(folder):
    bomb = zlib.compress(bytes(200 * 2**20), 9)
    made = compressed_head(len(bomb)) + bomb
    with pytest.raises(SpoolTooLarge):
        room(folder, 2**20).write(decompressed(find_structure(region(made))))


def entity(kind: str, body: bytes) -> MimeEntity:
    whole = region(body)
    return MimeEntity({"content-type": kind}, whole, whole)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/signed", b"--x\r\n"),
        ('multipart/signed; boundary=""', b"--\r\n--\r\n"),
        ("multipart/signed; boundary=x", b"--x\r\nA: b\r\n\r\nno end"),
        ("multipart/signed; boundary=x", b"--x\r\n" * 5000),
        ("multipart/signed; boundary=x", b"\n--xa" * 5000),
        ("multipart/signed; boundary=x", b""),
        (f"multipart/signed; boundary={'x' * 5000}", b"--" + b"x" * 5000),
    ],
)
def test_parts_that_do_not_fit_are_refused(kind, body):
    with pytest.raises(MimeRefused):
        parts_of(entity(kind, body))


@pytest.mark.parametrize(
    "block", [b"A: b\r\n" * 5000 + b"\r\n", b"x" * 100_000, b"no header\r\n\r\n", b"A : \x00"]
)
def test_headers_that_do_not_fit_are_refused(block):
    with pytest.raises(MimeRefused):
        read_entity(region(block))


def test_damaged_messages_are_refused_and_never_fail_otherwise(own, folder, keep):
    """One byte is another one: a refusal, or the same content under its signature."""
    trust = As2Trust([own], [own.certificate])
    dress = As2Dress("sha256", "aes256-cbc", "before", "sha256", own, own.certificate)
    part = payload_part(region(b"<a/>"), "text/xml", "a.xml")
    made, _ = dressed(part, dress, NOW, room(folder), keep)
    body, kind = b"".join(made.chunks()), made.headers["Content-Type"]
    whole = 0
    for at in range(0, len(body), 7):
        damaged = body[:at] + bytes([body[at] ^ 0x41]) + body[at + 1 :]
        try:
            opened = As2Opener(trust, room(folder), keep).open(entity(kind, damaged))
        except As2Refused:
            continue
        if opened.signature:  # without one it is refused by what its channel asks for
            assert b"".join(opened.payload.chunks()) == b"<a/>"
            whole += 1
    assert whole < len(body) // 70


MEMORY = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from epcis.exchange.as2_build import As2Dress, dressed, payload_part
from epcis.exchange.as2_layers import As2Opener, As2Trust
from epcis.exchange.certificates import make_own_key
from epcis.exchange.cms_content import OwnKey
from epcis.exchange.mime_entity import MimeEntity
from epcis.exchange.spool import SpoolRoom

made = make_own_key("US", datetime.now(UTC))
own = OwnKey(made.certificate, made.key)
room = SpoolRoom(Path(sys.argv[1]), 2**28)
piece = bytes(range(256)) * 4096
body = room.write(piece for _ in range(100))
dress = As2Dress("sha256", "aes256-cbc", "", "sha256", own, own.certificate)
bare = payload_part(body, "text/xml", "a")
part, mic = dressed(bare, dress, datetime.now(UTC), room, id)
sent = room.write(part.chunks())
entity = MimeEntity({"content-type": part.headers["Content-Type"]}, sent, sent)
opened = As2Opener(As2Trust([own], [own.certificate]), room, id).open(entity)
assert opened.payload.digest("sha256") == body.digest("sha256")
assert f"{opened.mic_of.mic('sha256')}, sha256" == mic
print(next(one for one in open("/proc/self/status") if one.startswith("VmHWM")).split()[1])
"""


def test_a_hundred_megabytes_never_stand_in_memory(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 150 * 1024  # its peak, in kilobytes
