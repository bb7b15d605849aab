"""Check a Packtrail dossier.

    python3 verify_dossier.py DOSSIER.asice ROOT.pem

Exit code 0: intact, signed by whom you trust, and every entry stands in the signed log.
Exit code 1: tampered with, damaged, or not a dossier.   Exit code 2: cannot tell.

Needs Python 3.9 or newer and the openssl program; reads nothing else and no network. This file
is part of every dossier; take it from a dossier you trust, or from its maker.
"""

from __future__ import annotations

import base64
import calendar
import hashlib
import json
import re
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, LargeZipFile, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

MANIFEST = "META-INF/ASiCManifest001.xml"
SIGNATURE = "META-INF/signature001.p7s"
SUMS = "SHA256SUMS"
MIMETYPE = b"application/vnd.etsi.asic-e+zip"
COMMENT = b"packtrail sha256="
END_BYTES = 22 + len(COMMENT) + 64
REQUIRED = (
    "mimetype",
    "events.ndjson",
    "events.csv",
    "records.ndjson",
    "log/index.bin",
    "log/proof.bin",
    "manifest.json",
    "report.pdf",
    "report.json",
    "log/checkpoint",
    "log/checkpoint.tsr",
    "log/key.pem",
    "verify_dossier.py",
    "viewer.html",
    "README.txt",
    SUMS,
    MANIFEST,
    SIGNATURE,
)
ALLOWED = frozenset((*REQUIRED, "events.xlsx", "extracts.ndjson"))
MEMBERS_MAX = 64
SMALL_BYTES_MAX = 16 * 1024 * 1024
LINE_BYTES_MAX = 256 * 1024 * 1024
RATIO_MAX = 400
PIECE_BYTES = 1 << 18
INDEX_HEAD = struct.Struct(">8sQ")
INDEX_RECORD = struct.Struct(">QBBQI32s32s32s16s")
ENTRY = struct.Struct(">BB32s32s32sQ")
NOTHING, EVENT, EVENT_PUBLIC, ENTRY_ONLY, RECORD, RECORD_PUBLIC = range(6)
OPENSSL_WAIT_S = 60
FOREIGN = "the root certificate given is not the one this dossier is signed under"
OUTSIDE = "it was signed outside of the time its certificate is valid"


class Tampered(Exception):  # noqa: N818  # a verdict
    """The dossier is not what was sealed: (code, what is wrong)."""


class Signatures(Protocol):
    """Checks signatures: with the openssl program here, with libraries in Packtrail itself."""

    def note(self, text: bytes, signature: bytes, key_pem: bytes) -> None:
        """The checkpoint is signed by the log's key (Ed25519)."""

    def stamp(self, data: bytes, token: bytes, root_pem: bytes) -> int:
        """The token is a time stamp of the data; the stamped time, seconds since 1970."""

    def signature(self, manifest: bytes, signature: bytes, root_pem: bytes) -> int:
        """The manifest is signed, and was at a time when the signer was valid and not revoked."""


class CannotTell(Exception):  # noqa: N818  # a verdict
    """Something is missing to decide: (code, what is missing)."""


# What the manifest says: JSON, held to the files by the checks themselves.
def check(path: str | PathLike[str], root_pem: bytes | None, crypto: Signatures) -> dict[str, Any]:
    """Check everything; the answer says what was found.

    Raises Tampered, CannotTell, or OSError where the file cannot be read.
    """
    with Path(path).open("rb") as file:
        whole(file)
        try:
            with ZipFile(file) as archive:
                return check_archive(archive, root_pem, crypto)
        except (BadZipFile, LargeZipFile, zlib.error, EOFError, NotImplementedError) as fault:
            raise Tampered("zip.damaged", f"the archive is damaged: {fault}") from fault
        except (struct.error, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as fault:
            raise Tampered("content.damaged", f"a file is damaged: {fault}") from fault


# What the manifest says: JSON, held to the files by the checks themselves.
def check_archive(archive: ZipFile, root_pem: bytes | None, crypto: Signatures) -> dict[str, Any]:
    """Check an opened archive, outside to inside."""
    members = check_members(archive)
    digests = {name: digest_of(archive, members[name]) for name in members}
    manifest = small(archive, members[MANIFEST])
    check_references(manifest, digests)
    check_sums(small(archive, members[SUMS]), digests)
    manifest_read = check_manifest(small(archive, members["manifest.json"]), digests)
    root, size = check_checkpoint(archive, members, crypto)
    entries = check_entries(archive, members, manifest_read, root, size)
    check_extracts(archive, members, manifest_read)
    if not root_pem:
        raise CannotTell("trust.none", "no root certificate was given to check the signature with")
    signed_at = crypto.signature(manifest, small(archive, members[SIGNATURE]), root_pem)
    note = small(archive, members["log/checkpoint"])
    crypto.stamp(note, small(archive, members["log/checkpoint.tsr"]), root_pem)
    return {"signed_at": signed_at, "entries": entries, "log_size": size, "manifest": manifest_read}


def whole(file: IO[bytes]) -> None:
    """The file ends as a dossier does, and its last 64 bytes are the SHA-256 of the others."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_BYTES))
    end = file.read()
    if len(end) < END_BYTES or end[:4] != b"PK\x05\x06" or end[22:-64] != COMMENT:
        raise Tampered("zip.end", "this is not a complete Packtrail dossier")
    count = struct.unpack("<H", end[10:12])[0]
    if count > MEMBERS_MAX:
        raise Tampered("zip.members", f"the archive has {count} files; a dossier has fewer")
    digest, left = hashlib.sha256(), size - 64
    file.seek(0)
    while left:
        piece = file.read(min(left, PIECE_BYTES))
        digest.update(piece)
        left -= len(piece)
    if digest.hexdigest().encode() != end[-64:]:
        raise Tampered("zip.bytes", "bytes of the file were changed")
    file.seek(0)


def check_members(archive: ZipFile) -> dict[str, ZipInfo]:
    """Only the files a dossier has, once each, back to back, none of them out of proportion."""
    members: dict[str, ZipInfo] = {}
    offset = 0
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if info.filename in members:
            raise Tampered("zip.twice", f"{info.filename!r} stands in the archive twice")
        check_member(info)
        if info.header_offset != offset:
            raise Tampered("zip.gap", f"there are foreign bytes before {info.filename}")
        members[info.filename] = info
        offset = end_of(archive, info)
    missing = [name for name in REQUIRED if name not in members]
    if missing:
        raise Tampered("zip.missing", f"{', '.join(missing)} is missing")
    if offset != archive.start_dir:
        raise Tampered("zip.gap", "there are foreign bytes behind the files")
    first = min(members.values(), key=lambda one: one.header_offset)
    if first.filename != "mimetype" or small(archive, first) != MIMETYPE:
        raise Tampered("zip.mimetype", "the archive does not begin with the type of a dossier")
    return members


def check_member(info: ZipInfo) -> None:
    """A file that a dossier may have, packed in a usual way and proportion."""
    name = info.filename
    if name not in ALLOWED or info.orig_filename != name:
        raise Tampered("zip.unlisted", f"{name!r} does not belong into a dossier")
    if info.flag_bits & 0x1 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise Tampered("zip.method", f"{name} is encrypted or packed in another way")
    if info.external_attr >> 16 not in (0o100644, 0):
        raise Tampered("zip.link", f"{name} is not a regular file")
    if info.file_size > RATIO_MAX * info.compress_size + SMALL_BYTES_MAX:
        raise Tampered("zip.bomb", f"{name} unpacks to far too much")


def end_of(archive: ZipFile, info: ZipInfo) -> int:
    """Where a file of the archive ends."""
    file = archive.fp
    assert file is not None
    file.seek(info.header_offset)
    head = file.read(30)
    if len(head) != 30 or info.flag_bits & 0x8:
        raise Tampered("zip.damaged", f"the head of {info.filename} is damaged")
    name, extra = struct.unpack("<HH", head[26:30])
    return int(info.header_offset + 30 + name + extra + info.compress_size)


def small(archive: ZipFile, info: ZipInfo) -> bytes:
    """A file that fits into memory."""
    if info.file_size > SMALL_BYTES_MAX:
        raise Tampered("zip.size", f"{info.filename} is too large")
    return archive.read(info)


def digest_of(archive: ZipFile, info: ZipInfo) -> tuple[int, bytes]:
    """Size and SHA-256 of a file, read piece by piece."""
    digest, size = hashlib.sha256(), 0
    with archive.open(info) as file:
        while True:
            piece = file.read(PIECE_BYTES)
            if not piece:
                return size, digest.digest()
            digest.update(piece)
            size += len(piece)


def check_references(manifest: bytes, digests: dict[str, tuple[int, bytes]]) -> None:
    """Check that every file is in the signed list with its digest, and the list names no other."""
    text = manifest.decode("utf-8")
    listed = dict(
        re.findall(
            r'<asic:DataObjectReference URI="([^"<&]+)" MimeType="[^"<&]+">'
            r'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
            r"<ds:DigestValue>([A-Za-z0-9+/=]+)</ds:DigestValue></asic:DataObjectReference>\n",
            text,
        )
    )
    if text.count("<asic:DataObjectReference") != len(listed):
        raise Tampered("manifest.form", "the list of files is not as a dossier has it")
    expected = set(digests) - {"mimetype", MANIFEST, SIGNATURE}
    if set(listed) != expected:
        odd = ", ".join(sorted(set(listed) ^ expected))
        raise Tampered("manifest.files", f"the signed list and the archive differ in: {odd}")
    for name, listed_one in listed.items():
        if base64.b64encode(digests[name][1]).decode() != listed_one:
            raise Tampered("manifest.digest", f"{name} was changed after it was sealed")


def check_sums(sums: bytes, digests: dict[str, tuple[int, bytes]]) -> None:
    """Check that SHA256SUMS, for `sha256sum`, has the same digests."""
    listed = {one[66:]: one[:64] for one in sums.decode().splitlines() if one[64:66] == "  "}
    expected = set(digests) - {"mimetype", SUMS, MANIFEST, SIGNATURE}
    if set(listed) != expected or any(digests[n][1].hex() != listed[n] for n in expected):
        raise Tampered("sums", "SHA256SUMS does not say what is in the archive")


# What the manifest says: JSON, held to the files by the checks themselves.
def check_manifest(manifest: bytes, digests: dict[str, tuple[int, bytes]]) -> dict[str, Any]:
    """Check that the manifest has a known form and the right sizes."""
    manifest_read = json.loads(manifest)
    if not isinstance(manifest_read, dict) or manifest_read.get("format") != "packtrail-dossier-1":
        raise CannotTell("manifest.version", "the dossier has a form this program does not know")
    for one in manifest_read["files"]:
        size, digest = digests.get(one["name"], (-1, b""))
        if (size, digest.hex()) != (one["size"], one["sha256"]):
            raise Tampered("manifest.size", f"{one['name']} has not the size the manifest says")
    return manifest_read


def check_checkpoint(
    archive: ZipFile, members: dict[str, ZipInfo], crypto: Signatures
) -> tuple[bytes, int]:
    """Root and size of the log, signed by the log's key."""
    note = small(archive, members["log/checkpoint"]).decode("utf-8")
    body, _, tail = note.partition("\n\n")
    lines = body.split("\n")
    signature = tail.split("\n")[0].split(" ")
    if len(lines) < 3 or len(signature) != 3 or not lines[1].isdigit():
        raise Tampered("checkpoint.form", "log/checkpoint is not a signed checkpoint")
    raw = base64.b64decode(signature[2])
    key = small(archive, members["log/key.pem"])
    crypto.note((body + "\n").encode("utf-8"), raw[4:], key)
    return base64.b64decode(lines[2]), int(lines[1])


def check_entries(
    # What the manifest says: JSON, held to the files by the checks themselves.
    archive: ZipFile,
    members: dict[str, ZipInfo],
    manifest_read: dict[str, Any],  # JSON of the manifest
    root: bytes,
    size: int,
) -> int:
    """Check that every line is in the log: leaves and proof lead to the signed root."""
    counts = {"events": 0, "records": 0, "withheld": 0}
    run = CompleteRun(manifest_read.get("complete"), size)
    with (
        archive.open(members["events.ndjson"]) as events,
        archive.open(members["records.ndjson"]) as records,
        archive.open(members["log/index.bin"]) as index,
        archive.open(members["log/proof.bin"]) as proof,
    ):
        magic, total = INDEX_HEAD.unpack(index.read(INDEX_HEAD.size))
        if magic != b"PKTRLOG1":
            raise Tampered("index.form", "log/index.bin is not an index")
        leaves = leaves_of(index, total, events=events, records=records, counts=counts, run=run)
        if root_from(leaves, size, hashes_of(proof)) != root:
            raise Tampered("log.proof", "the entries do not stand in the signed log as shown")
        if index.read(1) or events.read(1) or records.read(1):
            raise Tampered("index.rest", "there are lines that belong to no entry of the log")
    if counts != manifest_read.get("counts"):
        raise Tampered("manifest.counts", "the manifest has other counts than the files")
    run.done()
    return int(total)


# What the manifest says: JSON, held to the files by the checks themselves.
def check_extracts(archive: ZipFile, members: dict[str, ZipInfo], listed: dict[str, Any]) -> None:
    """Check the statements: their number, order, and that each is about an entry not shown whole.

    Only the signature over the file proves what they say.
    """
    count = 0
    if "extracts.ndjson" in members:
        with (
            archive.open(members["log/index.bin"]) as index,
            archive.open(members["extracts.ndjson"]) as extracts,
        ):
            _, total = INDEX_HEAD.unpack(index.read(INDEX_HEAD.size))
            hidden = (
                record[0]
                for record in (
                    INDEX_RECORD.unpack(index.read(INDEX_RECORD.size)) for _ in range(total)
                )
                if record[1] not in (EVENT, RECORD)
            )
            while True:
                line = extracts.readline(LINE_BYTES_MAX)
                if not line:
                    break
                place = json.loads(line)["place"]
                if place not in hidden:
                    raise Tampered(
                        "extracts.place", f"a statement about entry {place} is misplaced"
                    )
                count += 1
    if count != listed.get("extracts", 0):
        raise Tampered("extracts.count", "the number of statements is not the one in the manifest")


class CompleteRun:
    """The run of neighbouring entries that a complete dossier has, and the entries next to it."""

    def __init__(self, complete: dict[str, int] | None, size: int) -> None:
        self.complete = complete
        self.size = size
        self.next = max(0, complete["first"] - 1) if complete else 0

    def see(self, index: int, shown: int, time_us: int) -> None:
        """Check the next entry, in the run or next to it."""
        if self.complete is None:
            return
        if index != self.next:
            raise Tampered("log.incomplete", f"log entry {self.next} is missing")
        before = index < self.complete["first"]
        if before and (shown == NOTHING or time_us >= self.complete["from_us"]):
            raise Tampered("log.incomplete", "the run begins later than the period")
        after = index > self.complete["last"]
        if after and (shown == NOTHING or time_us < self.complete["to_us"]):
            raise Tampered("log.incomplete", "the run ends earlier than the period")
        self.next = index + 1

    def done(self) -> None:
        """No more entries are there."""
        if self.complete and self.next != min(self.complete["last"] + 2, self.size):
            raise Tampered("log.incomplete", f"log entry {self.next} is missing")


def leaves_of(
    index: IO[bytes],
    total: int,
    *,
    events: IO[bytes],
    records: IO[bytes],
    counts: dict[str, int],
    run: CompleteRun,
) -> Iterator[tuple[int, bytes]]:
    """(place, leaf hash) of every entry, computed from the lines where there are any."""
    last_time = 0
    for _ in range(total):
        place, shown, kind, time_us, cut, subject, public, secret, salt = INDEX_RECORD.unpack(
            index.read(INDEX_RECORD.size)
        )
        run.see(place, shown, time_us)
        if shown == NOTHING:
            counts["withheld"] += 1
            yield place, subject
            continue
        if time_us < last_time:
            raise Tampered(
                "log.time", f"log entry {place} claims an earlier time than the one before"
            )
        last_time = time_us
        if shown in (EVENT, EVENT_PUBLIC):
            counts["events"] += 1
            public, secret = parts(line_of(events), cut, secret, salt, is_whole=shown == EVENT)
        elif shown in (RECORD, RECORD_PUBLIC):
            counts["records"] += 1
            public, secret = parts(line_of(records), cut, secret, salt, is_whole=shown == RECORD)
        elif shown == ENTRY_ONLY:
            counts["withheld"] += 1
        else:
            raise Tampered("index.form", f"log entry {place} is shown in an unknown way")
        entry = ENTRY.pack(1, kind, subject, public, secret, time_us)
        yield place, hashlib.sha256(b"\x00" + entry).digest()


def line_of(file: IO[bytes]) -> bytes:
    """The next line, without its end."""
    line = file.readline(LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        raise Tampered("index.lines", "a line is missing")
    return line[:-1]


def parts(
    line: bytes, cut: int, secret_hash: bytes, salt: bytes, *, is_whole: bool
) -> tuple[bytes, bytes]:
    """The hashes of a line's public and confidential part."""
    if not is_whole or cut == len(line) - 1:
        if is_whole:
            secret_hash = hashlib.sha256().digest()
        return hashlib.sha256(line).digest(), secret_hash
    if not 0 < cut < len(line) - 1 or line[cut : cut + 1] not in (b",", b" "):
        raise Tampered("index.cut", "a line cannot be cut where the index says")
    public = line[:cut] + b"}"
    secret = b"{" + line[cut + 1 :]
    return hashlib.sha256(public).digest(), hashlib.sha256(salt + secret).digest()


def hashes_of(file: IO[bytes]) -> Iterator[bytes]:
    """The hashes of the proof."""
    while True:
        one = file.read(32)
        if not one:
            return
        if len(one) != 32:
            raise Tampered("proof.form", "log/proof.bin is cut off")
        yield one


def root_from(leaves: Iterator[tuple[int, bytes]], size: int, hashes: Iterator[bytes]) -> bytes:
    """The root that leaves and proof lead to (RFC 9162; proof in depth-first order)."""
    ahead = [next(leaves, None)]

    def walk(start: int, end: int) -> bytes:
        leaf = ahead[0]
        if leaf is None or leaf[0] >= end:
            sibling = next(hashes, None)
            if sibling is None:
                raise Tampered("proof.short", "log/proof.bin is too short")
            return sibling
        if leaf[0] < start:
            raise Tampered("index.order", "the entries are not in the order of the log")
        if end - start == 1:
            ahead[0] = next(leaves, None)
            return leaf[1]
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        left = walk(start, middle)
        return hashlib.sha256(b"\x01" + left + walk(middle, end)).digest()

    root = walk(0, size) if size else hashlib.sha256().digest()
    if ahead[0] is not None:
        raise Tampered("index.order", "an entry lies outside the log or out of order")
    if next(hashes, None) is not None:
        raise Tampered("proof.long", "log/proof.bin is too long")
    return root


class OpenSsl:
    """What signatures need; here by the openssl program."""

    def __init__(self) -> None:
        try:
            run_openssl(["version"], {})
        except OSError as fault:
            raise CannotTell("openssl.missing", "the openssl program is not there") from fault

    def note(self, text: bytes, signature: bytes, key_pem: bytes) -> None:
        """The checkpoint is signed by the log's key (Ed25519)."""
        command = "pkeyutl -verify -pubin -inkey {key} -rawin -in {text} -sigfile {sig}"
        code, _ = run_openssl(command.split(), {"key": key_pem, "text": text, "sig": signature})
        if code:
            raise Tampered("checkpoint.signature", "the signature under the checkpoint is wrong")

    def stamp(self, data: bytes, token: bytes, root_pem: bytes) -> int:
        """The token is a time stamp of the data; the stamped time, seconds since 1970."""
        at = time_of(token)
        command = "ts -verify -data {data} -in {token} -token_in -CAfile {root} -attime " + str(at)
        code, output = run_openssl(
            command.split(), {"data": data, "token": token, "root": root_pem}
        )
        if code:
            raise trouble_of("stamp", output)
        return at

    def signature(self, manifest: bytes, signature: bytes, root_pem: bytes) -> int:
        """The manifest is signed, and was at a time when the signer was valid and not revoked."""
        value, token = stamp_in(signature)
        at = self.stamp(value, token, root_pem)
        command = (
            "cms -verify -cades -binary -inform DER -in {sig} -content {manifest} -CAfile {root}"
            " -purpose any -crl_check_all -out {none} -attime " + str(at)
        )
        code, output = run_openssl(
            command.split(),
            {"sig": signature, "manifest": manifest, "root": root_pem, "none": b""},
        )
        if code:
            raise trouble_of("signature", output)
        return at


def trouble_of(what: str, output: str) -> Exception:
    """The exception for openssl's error output."""
    foreign = (
        "unable to get local issuer",
        "self-signed certificate in certificate chain",
        "self signed certificate in certificate chain",
        "unable to get issuer certificate",
        "Error loading file",
        "unable to load certificates",
        "no certificate or crl found",
    )
    if any(word in output for word in foreign):
        return CannotTell(
            "trust.foreign",
            "the root certificate given is not the one this dossier is signed under",
        )
    for word, code, meaning in (
        ("certificate revoked", "signer.revoked", "the signer's certificate was revoked"),
        (
            "certificate has expired",
            "signer.expired",
            "it was signed outside of the certificate's time",
        ),
        (
            "certificate is not yet valid",
            "signer.early",
            "it was signed outside of the certificate's time",
        ),
        ("unable to get certificate CRL", "crl.missing", "the revocation list is missing"),
    ):
        if word in output:
            return Tampered(code, meaning)
    return Tampered(f"{what}.wrong", f"the {what} is wrong")


def run_openssl(arguments: list[str], files: dict[str, bytes]) -> tuple[int, str]:
    """Run openssl with a file in place of each `{name}`; returns exit code and output."""
    with tempfile.TemporaryDirectory(prefix="dossier-") as folder:
        paths = {}
        for name, content in files.items():
            path = Path(folder) / name
            path.write_bytes(content)
            paths[name] = str(path)
        command = ["openssl", *(one.format(**paths) for one in arguments)]
        done = subprocess.run(  # noqa: S603  # a fixed program with fixed arguments
            command, capture_output=True, timeout=OPENSSL_WAIT_S, check=False
        )
        return done.returncode, (done.stderr + done.stdout).decode("utf-8", "replace")


STAMP_ATTRIBUTE = bytes.fromhex("060b2a864886f70d010910020e")
TST_INFO = bytes.fromhex("060b2a864886f70d0109100104")


def der(data: bytes, at: int = 0) -> tuple[int, int, int]:
    """(tag, start of content, end) of the DER value at an offset."""
    try:
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start : start + count], "big") if count else len(data)
            start += count
    except IndexError:
        raise Tampered("signature.form", "the signature cannot be read") from None
    if start + length > len(data):
        raise Tampered("signature.form", "the signature is cut off")
    return tag, start, start + length


def children(data: bytes, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """(tag, offset, start, end) of the values inside another."""
    found = []
    while start < end:
        tag, begin, stop = der(data, start)
        found.append((tag, start, begin, stop))
        start = stop
    return found


def stamp_in(signature: bytes) -> tuple[bytes, bytes]:
    """The signature value of a CMS with one signer, and the time stamp token over it."""
    try:
        _, start, end = der(signature)
        _, _, start, end = children(signature, start, end)[1]
        _, start, end = der(signature, start)
        _, _, start, end = children(signature, start, end)[-1]
        _, start, end = der(signature, start)
        signer = children(signature, start, end)
        value = next(signature[one[2] : one[3]] for one in signer if one[0] == 0x04)
        unsigned = next(one for one in signer if one[0] == 0xA1)
        for _, _, begin, _ in children(signature, unsigned[2], unsigned[3]):
            if signature[begin : begin + len(STAMP_ATTRIBUTE)] == STAMP_ATTRIBUTE:
                _, start, _ = der(signature, begin + len(STAMP_ATTRIBUTE))
                _, _, end = der(signature, start)
                return value, signature[start:end]
    except (StopIteration, IndexError):
        pass
    raise Tampered("stamp.missing", "the signature has no time stamp")


def time_of(token: bytes) -> int:
    """The time a time stamp token says, seconds since 1970."""
    found = re.search(rb"\x18[\x0f-\x16](\d{14})(?:\.\d+)?Z", token[token.find(TST_INFO) :])
    if not found:
        raise Tampered("stamp.form", "the time stamp cannot be read")
    try:
        return calendar.timegm(time.strptime(found.group(1).decode(), "%Y%m%d%H%M%S"))
    except ValueError:
        raise Tampered("stamp.form", "the time stamp cannot be read") from None


def main(arguments: list[str]) -> int:
    """Check the dossier named on the command line and say what was found."""
    if not 1 <= len(arguments) <= 2:
        return ended(2, __doc__ or "")
    try:
        root = Path(arguments[1]).read_bytes() if len(arguments) == 2 else None
        found = check(arguments[0], root, OpenSsl())
    except Tampered as fault:
        return ended(1, f"TAMPERED: {fault.args[1]} ({fault.args[0]})")
    except CannotTell as fault:
        return ended(2, f"CANNOT TELL: {fault.args[1]} ({fault.args[0]})")
    except (OSError, subprocess.TimeoutExpired) as fault:
        return ended(2, f"CANNOT TELL: {fault}")
    return ended(0, f"INTACT: {found['entries']} entries, all in a log of {found['log_size']}")


def ended(code: int, text: str) -> int:
    """Print a text, and return the exit code."""
    sys.stdout.write(text + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
