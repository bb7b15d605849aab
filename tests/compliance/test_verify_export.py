"""Whatever is done to a dossier, the check says so in a word and never falls over."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import pytest
from asn1crypto import cms

from compliance.dossier import EventPeriod, export, verify_export
from compliance.dossier.package import COMMENT, SIGNATURE, Package
from compliance.dossier.verify_dossier import CannotTell, OpenSsl, Tampered, check
from compliance.seal import Keys
from compliance.seal.cades import sign_beside
from epcis.capture import record
from epcis.ledger.store import Store
from tests.compliance.test_dossier import NOW, STORY

SCRIPT = Path(__file__).parents[2] / "compliance/dossier/verify_dossier.py"
PERIOD = EventPeriod(NOW - timedelta(days=30), NOW + timedelta(days=30), by_record_time=True)


@pytest.fixture(scope="session")
def sealed(tmp_path_factory, keys: Keys) -> bytes:
    """An intact dossier."""
    folder = tmp_path_factory.mktemp("sealed")
    store = Store.open(str(folder / "packtrail.db"))
    store.create_all()
    with store.write(NOW) as tx:
        record(tx, STORY)
    export(store, PERIOD, folder / "all.asice", keys, now=NOW, by="inspector")
    store.close()
    return (folder / "all.asice").read_bytes()


@pytest.fixture
def verdict(tmp_path: Path, keys: Keys):
    """Check bytes: the exit code and the code of what was found.

    Whatever the bytes are, the script that dossiers ship must say the same by openssl alone.
    """
    has_openssl = shutil.which("openssl") is not None

    def judge(content: bytes, root: bytes | None = keys.root_pem()) -> tuple[int, str]:
        path = tmp_path / "dossier.asice"
        path.write_bytes(content)
        outcome = verify_export(path, root)
        if has_openssl:
            assert by_the_script(path, root) == outcome.exit_code, outcome.findings
        return outcome.exit_code, outcome.findings[0].code

    return judge


def by_the_script(path: Path, root: bytes | None) -> int:
    """The exit code of the script, run within this process."""
    try:
        check(path, root, OpenSsl())
    except Tampered:
        return 1
    except (CannotTell, OSError):
        return 2
    return 0


def resealed(content: bytes) -> bytes:
    """The container's own SHA-256 made right again, as a forger would."""
    return content[:-64] + sha256(content[:-64]).hexdigest().encode()


def rebuilt(sealed: bytes, change, *, names=None) -> bytes:
    """The dossier packed anew with members changed: (name, content) -> content or None."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(sealed)) as source, ZipFile(out, "w") as target:
        for info in source.infolist():
            content = change(info.filename, source.read(info))
            if content is not None:
                kept = ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
                kept.compress_type = info.compress_type
                kept.external_attr, kept.create_system = info.external_attr, 3
                target.writestr(kept, content)
        for name in names or ():
            target.writestr(name, b"x")
        target.comment = COMMENT + b"0" * 64
    return resealed(out.getvalue())


def test_an_intact_dossier_is_intact(sealed, verdict):
    assert verdict(sealed) == (0, "dossier.intact")
    assert verdict(rebuilt(sealed, lambda _, content: content)) == (0, "dossier.intact")


def test_500_random_byte_changes_are_all_noticed(sealed, verdict):
    chance = random.Random(500)
    for _ in range(500):
        place = chance.randrange(len(sealed))
        changed = bytearray(sealed)
        changed[place] ^= chance.randint(1, 255)
        assert verdict(bytes(changed))[0] == 1, place


def test_changes_with_the_containers_digest_made_right_are_noticed_where_they_mean_anything(
    sealed, verdict
):
    chance = random.Random(7)
    with ZipFile(io.BytesIO(sealed)) as archive:
        names = archive.namelist()
    for name in names:

        def flip(member: str, content: bytes, name: str = name) -> bytes:
            if member != name or not content:
                return content
            changed = bytearray(content)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            return bytes(changed)

        with ZipFile(io.BytesIO(sealed)) as archive:
            is_empty = not archive.read(name)
        # The signature carries a copy of the root, of which only the given one counts.
        if not is_empty and name != SIGNATURE:
            exit_code, code = verdict(rebuilt(sealed, flip))
            assert exit_code == 1, (name, code)


def test_extra_missing_and_doubled_members_are_refused(sealed, verdict):
    same = lambda _, content: content  # noqa: E731  # the shortest way to say it
    assert verdict(rebuilt(sealed, same, names=["extra.txt"])) == (1, "dossier.zip.unlisted")
    for name in ("../up.txt", "/etc/absolute", "log\\checkpoint", "inner.asice"):
        assert verdict(rebuilt(sealed, same, names=[name])) == (1, "dossier.zip.unlisted")
    with pytest.warns(UserWarning, match="Duplicate"):
        doubled = rebuilt(sealed, same, names=["events.csv"])
    assert verdict(doubled) == (1, "dossier.zip.twice")
    with ZipFile(io.BytesIO(sealed)) as archive:
        names = archive.namelist()
    for missing in names:
        without = rebuilt(
            sealed, lambda name, content, missing=missing: None if name == missing else content
        )
        assert verdict(without)[0] == 1, missing


def swap_line(member: str):
    def change(name: str, content: bytes) -> bytes:
        if name != member:
            return content
        lines = content.splitlines(keepends=True)
        return b"".join([lines[1], lines[0], *lines[2:]])

    return change


def forged(sealed: bytes, keys: Keys, change) -> bytes:
    """A forgery by somebody who holds the sealing key: content changed and signed anew."""
    file = io.BytesIO()
    file.fileno = lambda: 0  # type: ignore[method-assign]  # nothing to flush to a disk
    with ZipFile(io.BytesIO(sealed)) as source, pytest.MonkeyPatch.context() as patch:
        patch.setattr("compliance.dossier.package.os.fsync", lambda _: None)
        package = Package(file)
        for name in source.namelist():
            if name not in ("mimetype", "SHA256SUMS") and not name.startswith("META-INF/"):
                package.add(name, change(name, source.read(name)))
        package.seal(lambda manifest: sign_beside(manifest, keys))
    return file.getvalue()


def without_line(member: str):
    def change(name: str, content: bytes) -> bytes:
        return b"".join(content.splitlines(keepends=True)[1:]) if name == member else content

    return change


def with_other_word(name: str, content: bytes) -> bytes:
    return content.replace(b"inspecting", b"destroying") if name == "events.ndjson" else content


@pytest.mark.parametrize(
    "change", [with_other_word, without_line("events.ndjson"), swap_line("events.ndjson")]
)
def test_even_who_holds_the_sealing_key_cannot_change_what_was_logged(
    sealed, keys, verdict, monkeypatch, change
):
    said = {}

    def with_manifest(name: str, content: bytes) -> bytes:
        changed = change(name, content)
        said[name] = changed
        if name != "manifest.json":
            return changed
        import json

        told = json.loads(content)
        for one in told["files"]:
            one["size"] = len(said[one["name"]])
            one["sha256"] = sha256(said[one["name"]]).hexdigest()
        return json.dumps(told).encode()

    exit_code, code = verdict(forged(sealed, keys, with_manifest))
    assert exit_code == 1
    assert code.startswith(("dossier.log", "dossier.index", "dossier.proof"))


def test_without_the_right_root_nobody_can_tell(sealed, verdict, tmp_path):
    assert verdict(sealed, None) == (2, "dossier.trust.none")
    foreign = Keys.open(tmp_path / "others").root_pem()
    assert verdict(sealed, foreign) == (2, "dossier.trust.foreign")
    assert verdict(sealed, b"no certificate")[0] == 2
    assert verify_export(tmp_path / "not there", foreign).exit_code == 2


def test_a_revoked_signer_is_refused_by_everybody(sealed, tmp_path, verdict):
    house = Keys.open(tmp_path / "keys")
    signer = house.seal
    house.revoke(signer.certificate)
    house._may_sign = lambda _: None  # type: ignore[method-assign]  # the thief does not ask
    content = forged(sealed, house, lambda _, content: content)
    assert verdict(content, house.root_pem())[0] == 1
    stolen = tmp_path / "stolen.asice"
    stolen.write_bytes(content)
    with pytest.raises(Tampered) as refused, ZipFile(stolen) as archive:
        OpenSsl().signature(
            archive.read("META-INF/ASiCManifest001.xml"),
            archive.read(SIGNATURE),
            house.root_pem(),
        )
    assert refused.value.args[0] == "signer.revoked"


def test_a_seal_made_outside_of_the_certificates_time_is_refused(sealed, tmp_path, verdict):
    later = [datetime.now(UTC)]
    house = Keys.open(tmp_path / "keys", clock=lambda: later[0])
    later[0] += timedelta(days=365 * 4)
    house._may_sign = lambda _: None  # type: ignore[method-assign]  # the thief does not ask
    content = forged(sealed, house, lambda _, content: content)
    exit_code, code = verdict(content, house.root_pem())
    assert exit_code == 1
    assert code in ("dossier.signer.expired", "dossier.signature.untrusted")


def test_a_seal_without_revocation_list_is_refused(sealed, keys, verdict):
    def strip(name: str, content: bytes) -> bytes:
        if name != SIGNATURE:
            return content
        signed = cms.ContentInfo.load(content)
        signed["content"]["crls"] = cms.RevocationInfoChoices([])
        return signed.dump()

    assert verdict(rebuilt(sealed, strip)) == (1, "dossier.crl.missing")


NO_DOSSIERS = {
    "nothing": b"",
    "a word": b"hello",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(500),
}


@pytest.mark.parametrize("what", NO_DOSSIERS)
def test_what_is_no_dossier_is_called_so(verdict, what):
    assert verdict(NO_DOSSIERS[what]) == (1, "dossier.zip.end")


def test_a_truncated_dossier_is_called_so(sealed, verdict):
    for left in (10, len(sealed) // 2, len(sealed) - 1):
        assert verdict(sealed[:left]) == (1, "dossier.zip.end")
    assert verdict(b"junk" + sealed)[0] == 1
    assert verdict(sealed + b"junk")[0] == 1


def test_an_ordinary_archive_is_not_taken_for_a_dossier(sealed, verdict):
    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        archive.writestr("dossier.asice", sealed)
    assert verdict(out.getvalue())[0] == 1


def test_an_encrypted_member_is_refused(sealed, verdict):
    changed = bytearray(sealed)
    central = changed.rindex(b"PK\x01\x02")
    changed[central + 8] |= 1
    assert verdict(resealed(bytes(changed)))[0] == 1


def test_a_million_members_are_refused_unread(verdict):
    count = struct.pack("<HH", 0xFFFF, 0xFFFF)
    end = b"PK\x05\x06" + bytes(4) + count + bytes(8) + struct.pack("<H", len(COMMENT) + 64)
    assert verdict(resealed(end + COMMENT + b"0" * 64)) == (1, "dossier.zip.members")


def test_a_bomb_is_refused_unread(sealed, verdict):
    bomb = io.BytesIO()
    member = ZipInfo("events.ndjson")
    member.compress_type, member.external_attr = ZIP_DEFLATED, 0o100644 << 16
    with ZipFile(bomb, "w") as archive:
        archive.writestr(member, bytes(64 * 1024 * 1024))
        archive.comment = COMMENT + b"0" * 64
    assert verdict(resealed(bomb.getvalue())) == (1, "dossier.zip.bomb")


def test_the_shipped_script_and_packtrail_agree_on_changes(sealed, keys, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    root = keys.root_pem()
    chance = random.Random(3)
    cases = [sealed]
    for _ in range(8):
        changed = bytearray(sealed)
        changed[chance.randrange(len(changed))] ^= 255
        cases.append(bytes(changed))
    for content in cases:
        path = tmp_path / "one.asice"
        path.write_bytes(content)
        (tmp_path / "root.pem").write_bytes(root)
        said = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), str(path), str(tmp_path / "root.pem")],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert said.returncode == verify_export(path, root).exit_code


def test_the_script_says_what_it_needs(tmp_path, sealed):
    (tmp_path / "d.asice").write_bytes(sealed)
    for arguments, code in (([], 2), (["nowhere.asice"], 2), (["d.asice"], 2)):
        said = subprocess.run(
            [sys.executable, "-I", str(SCRIPT), *arguments],
            cwd=tmp_path, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert said.returncode == code


def test_openssl_says_foreign_revoked_and_expired_in_its_own_words(sealed, keys, tmp_path):
    path = tmp_path / "d.asice"
    path.write_bytes(sealed)
    assert check(path, keys.root_pem(), OpenSsl())["entries"] > 0
    with pytest.raises(Exception, match=r"trust\.foreign"):
        check(path, Keys.open(tmp_path / "others").root_pem(), OpenSsl())
