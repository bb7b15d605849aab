"""Backups that are whole, and files that are none."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import zstandard
from chain import pack, see
from msgspec.structs import replace
from service import document

from compliance.dossier.dossier_tables import export_job
from compliance.dossier.jobs import file_of, shared_dossier
from compliance.fsck import fsck
from compliance.retention.duty import Duty
from compliance.retention.policy import RetentionPolicy
from compliance.seal.operator_keys import open_keys
from compliance.service.backup import make_backup
from compliance.service.backup_file import BackupAbout, BackupRefused, written_backup
from compliance.service.migrate import MIGRATIONS, current_revision, open_migrated
from compliance.service.restore import restore
from compliance.service.sealed_stream import PIECE_BYTES
from compliance.service.settings import Settings
from epcis import capture_job
from epcis.capture import capture
from epcis.capture_job import NewJob
from epcis.capture_outcome import Behaviour
from epcis.codec.document import DocumentLimits
from epcis.database.whole_copy import CopyRefused, put_back
from epcis.store.shared_file import share_file, shared_parts
from schemas.finding import Severity

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LATER = datetime(2040, 1, 1, tzinfo=UTC)
EVENTS = 7
"""In the example shipment."""
DAMAGES = 40


@pytest.fixture
def lived_in(settings, store, examples) -> Settings:
    """The settings of a house with events and keys."""
    capture(store, (examples / "shipment.xml").read_bytes(), now=NOW)
    open_keys(settings)
    return settings


@pytest.fixture
def empty(tmp_path, database, request) -> Settings:
    """An empty place with a database of the same kind."""
    folder = tmp_path / "empty"
    if database.startswith("sqlite"):
        return Settings(data_dir=folder)
    return Settings(data_dir=folder, database=request.getfixturevalue("postgresql").new_database())


@pytest.fixture
def small(tmp_path, examples) -> tuple[Path, Settings]:
    """A backup of a file with events, and its settings."""
    settings = Settings(data_dir=tmp_path / "small")
    store = open_migrated(settings)
    capture(store, (examples / "shipment.xml").read_bytes(), now=NOW)
    store.close()
    out = tmp_path / "small.backup"
    make_backup(settings, out, now=NOW)
    return out, settings


def nothing_in(settings: Settings) -> bool:
    folder = settings.data_dir
    return not folder.exists() or not list(folder.rglob("*"))


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_a_backup_comes_back_as_it_was(lived_in, empty, tmp_path, passphrase):
    lived_in = replace(lived_in, backup_passphrase=passphrase)
    out = tmp_path / "b.backup"
    made = make_backup(lived_in, out, now=NOW)
    assert made.is_locked == bool(passphrase)
    assert out.stat().st_mode & 0o077 == 0
    back = restore(out, replace(empty, backup_passphrase=passphrase), now=NOW)
    assert back.findings == ()
    for key in lived_in.keys_folder.iterdir():
        assert (empty.keys_folder / key.name).read_bytes() == key.read_bytes()


def test_a_backup_and_a_restore_replace_nothing(lived_in, empty, tmp_path):
    out = tmp_path / "b.backup"
    make_backup(lived_in, out, now=NOW)
    whole = out.read_bytes()
    with pytest.raises(BackupRefused, match="never replace"):
        make_backup(lived_in, out, now=NOW)
    assert out.read_bytes() == whole
    with pytest.raises(BackupRefused, match=r"database, .*keys is there already"):
        restore(out, lived_in, now=NOW)
    restore(out, empty, now=NOW)
    with pytest.raises(BackupRefused, match="replaces nothing"):
        restore(out, empty, now=NOW)


def test_where_there_is_no_database_there_is_no_backup(empty, tmp_path):
    with pytest.raises(BackupRefused, match="no database"):
        make_backup(empty, tmp_path / "b.backup", now=NOW)
    assert nothing_in(empty)


def test_the_archive_and_ready_dossiers_come_along_and_are_found_where_they_are_now(
    lived_in, store, empty, tmp_path
):
    pytest.importorskip("pyarrow")
    away = tmp_path / "other disk"
    _archive(store, away)
    _ready_dossier(store, lived_in)
    out = tmp_path / "b.backup"
    made = make_backup(lived_in, out, now=NOW)
    assert made.lacks == ()
    back = restore(out, empty, now=LATER)
    assert back.findings == ()
    kept = {path.name: path.read_bytes() for path in away.iterdir()}
    assert kept
    assert {p.name: p.read_bytes() for p in empty.archive_folder.iterdir()} == kept
    assert _dossier_in(empty) == b"a dossier"


def test_a_document_that_waits_for_its_turn_is_captured_after_the_restore(
    lived_in, store, empty, tmp_path
):
    body = capture_job.incoming(store, lived_in.data_dir) / "job.body"
    body.write_bytes(document(see(1, [pack("waiting")], "storing")))
    new = NewJob("job", Behaviour.ROLLBACK, "application/json", "line", None)
    capture_job.open_job(store, new, body, now=NOW)
    out = tmp_path / "b.backup"
    make_backup(lived_in, out, now=NOW)
    body.unlink(missing_ok=True)  # PostgreSQL holds it itself
    assert restore(out, empty, now=NOW).findings == ()
    reopened = open_migrated(empty)
    assert capture_job.do_next(reopened, lambda: NOW, DocumentLimits())
    with reopened.read() as snapshot:
        told = capture_job.job(snapshot, "job", caller=None)
    assert told
    assert (told.running, told.success) == (False, True)
    assert told.events["stored"] == 1
    reopened.close()


def test_a_backup_of_the_first_migration_is_restored_by_a_later_program(
    lived_in, empty, tmp_path, monkeypatch
):
    """The upgrade path: what version 1 kept is there, sound, under the next one's tables."""
    out = tmp_path / "b.backup"
    assert make_backup(lived_in, out, now=NOW).about.revision == "0001"
    later = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, later)
    (later / "versions" / "0002_toy.py").write_text(_SECOND)
    monkeypatch.setattr("compliance.service.migrate.MIGRATIONS", later)
    assert restore(out, empty, now=NOW).findings == ()
    for settings in (empty, lived_in):  # restored, and where it was
        upgraded = open_migrated(settings)
        assert current_revision(upgraded.engine) == "0002"
        assert list(fsck(upgraded, now=NOW, keys_folder=settings.keys_folder)) == []
        with upgraded.read() as snapshot:
            count = snapshot.connection.exec_driver_sql("SELECT count(*) FROM event").scalar()
        assert count == EVENTS
        upgraded.close()


_SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
branch_labels = depends_on = None


def upgrade() -> None:
    op.create_table("toy", sa.Column("name", sa.Text(), primary_key=True))
"""


def test_a_file_that_is_gone_is_named_and_the_rest_is_backed_up(lived_in, store, empty, tmp_path):
    _ready_dossier(store, lived_in)
    file_of(lived_in.exports_folder, "D-1").unlink(missing_ok=True)
    out = tmp_path / "b.backup"
    made = make_backup(lived_in, out, now=NOW)
    is_a_file = store.has_one_writer  # PostgreSQL holds it itself, so nothing is gone
    assert [Path(one).name for one in made.lacks] == (["D-1.asice"] if is_a_file else [])
    assert restore(out, empty, now=NOW).findings == ()


def _archive(store, folder: Path) -> None:
    lines = Duty(store, RetentionPolicy(), folder, folder, LATER, "tester").run(lambda *_: None)
    assert lines[0].entries == EVENTS


def _ready_dossier(store, settings: Settings) -> None:
    with store.write(NOW) as tx:
        tx.connection.execute(
            export_job.insert().values(
                id="D-1", selection="{}", redaction="operator", by="qa", asked=NOW,
                state="ready", done=1, total=1,
            )
        )  # fmt: skip
        if not store.has_one_writer:
            share_file(tx, shared_dossier("D-1"), io.BytesIO(b"a dossier"))
            return
    file = file_of(settings.exports_folder, "D-1")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a dossier")


def _dossier_in(settings: Settings) -> bytes:
    file = file_of(settings.exports_folder, "D-1")
    if file.is_file():
        return file.read_bytes()
    store = open_migrated(settings)
    try:
        return b"".join(shared_parts(store, shared_dossier("D-1")))
    finally:
        store.close()


@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_damage_anywhere_is_noticed_and_nothing_is_put_in_place(small, tmp_path, passphrase):
    _, settings = small
    settings = replace(settings, backup_passphrase=passphrase)
    out, place = tmp_path / "b.backup", tmp_path / "damaged.backup"
    make_backup(settings, out, now=NOW)
    whole, dice = out.read_bytes(), random.Random(20261201)
    target = Settings(data_dir=tmp_path / "target", backup_passphrase=passphrase)
    cuts = [0, 1, 26, 27, 50, len(whole) - 1, *(dice.randrange(len(whole)) for _ in range(5))]
    for damaged in [*(whole[:cut] for cut in cuts), *_flipped(whole, dice, passphrase)]:
        place.write_bytes(damaged)
        with pytest.raises(BackupRefused):
            restore(place, target, now=NOW)
        assert nothing_in(target)


def _flipped(whole: bytes, dice: random.Random, passphrase: str):
    """Copies with one bit changed; of a locked file not in its salt, which costs half a second."""
    first = 82 if passphrase else 0
    for _ in range(DAMAGES if not passphrase else 4):
        changed = bytearray(whole)
        changed[dice.randrange(first, len(whole))] ^= 1 << dice.randrange(8)
        yield bytes(changed)


def test_a_wrong_passphrase_is_called_so(small, tmp_path):
    _, settings = small
    out = tmp_path / "b.backup"
    make_backup(replace(settings, backup_passphrase="right"), out, now=NOW)
    target = Settings(data_dir=tmp_path / "target")
    with pytest.raises(BackupRefused, match="passphrase is not the one"):
        restore(out, replace(target, backup_passphrase="wrong"), now=NOW)
    with pytest.raises(BackupRefused, match="is locked: set PACKTRAIL_BACKUP_PASSPHRASE"):
        restore(out, target, now=NOW)
    assert nothing_in(target)


def test_pieces_of_a_locked_file_cannot_change_places(small, tmp_path):
    _, settings = small
    (settings.keys_folder).mkdir()
    noise = random.Random(1).randbytes(3 * PIECE_BYTES)
    (settings.keys_folder / "noise.pem").write_bytes(noise)
    out = tmp_path / "b.backup"
    make_backup(replace(settings, backup_passphrase="right"), out, now=NOW)
    whole, step = out.read_bytes(), PIECE_BYTES + 16
    first, second = whole[82 : 82 + step], whole[82 + step : 82 + 2 * step]
    swapped = tmp_path / "swapped.backup"
    target = Settings(data_dir=tmp_path / "target", backup_passphrase="right")
    for pieces in (second + first, first, second, first + first + second):
        swapped.write_bytes(whole[:82] + pieces + whole[82 + 2 * step :])
        with pytest.raises(BackupRefused, match="was changed, or the file is cut off"):
            restore(swapped, target, now=NOW)


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("about.json", "{}")
    return made.getvalue()


def _tar(*names: str, link: str = "") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            if link:
                member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
    return zstandard.compress(made.getvalue())


FOREIGN = {
    "empty": b"",
    "text": b"to be or not to be " * 9,
    "zip": _zip(),
    "other tar": _tar("etc/passwd"),
    "a link": _tar("about.json", link="/etc/passwd"),
    "other zstandard": zstandard.compress(b"x" * 100_000),
    "zeros": bytes(1 << 20),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_refused_with_what_to_do(what, tmp_path):
    file = tmp_path / "foreign"
    file.write_bytes(FOREIGN[what])
    target = Settings(data_dir=tmp_path / "target")
    with pytest.raises(BackupRefused, match=r"no backup|damaged or cut off|holds no"):
        restore(file, target, now=NOW)
    assert nothing_in(target)


@pytest.mark.parametrize("name", ["../outside", "keys/../../outside", "/outside", "keys/a/b"])
def test_a_backup_writes_nowhere_but_in_its_folders(name, tmp_path):
    out, target = tmp_path / "b.backup", Settings(data_dir=tmp_path / "target")
    about = BackupAbout(1, NOW, "0", "sqlite", "0001", "")
    with written_backup(out, "", about) as backup:
        backup.add_json(name, "gotcha")
    with pytest.raises(BackupRefused, match="holds no file"):
        restore(out, target, now=NOW)
    assert not list(tmp_path.rglob("outside"))


def test_a_backup_of_another_kind_form_or_future_is_told(tmp_path):
    with pytest.raises(BackupRefused, match="to the same kind"):
        _restore_about(tmp_path, BackupAbout(1, NOW, "0", "postgresql", "0001", ""))
    with pytest.raises(BackupRefused, match="update Packtrail"):
        _restore_about(tmp_path, BackupAbout(1, NOW, "9", "sqlite", "9999", ""))
    with pytest.raises(BackupRefused, match="use the other program"):
        _restore_about(tmp_path, BackupAbout(2, NOW, "9", "sqlite", "0001", ""))


def _restore_about(folder: Path, about: BackupAbout) -> None:
    out = folder / "other.backup"
    out.unlink(missing_ok=True)
    with written_backup(out, "", about):
        pass
    restore(out, Settings(data_dir=folder / "target"), now=NOW)


@pytest.mark.postgresql
def test_a_server_whose_role_is_held_by_row_security_is_copied_whole(
    postgresql, tmp_path, examples
):
    """The service's role is no superuser: each event must be in the copy all the same."""
    here, there = postgresql.new_database_of("clerk"), postgresql.new_database_of("clerk")
    settings = Settings(data_dir=tmp_path / "here", database=here)
    store = open_migrated(settings)
    capture(store, (examples / "shipment.xml").read_bytes(), now=NOW)
    store.close()
    out = tmp_path / "b.backup"
    make_backup(settings, out, now=NOW)
    target = Settings(data_dir=tmp_path / "there", database=there)
    back = restore(out, target, now=NOW)
    assert not [one for one in back.findings if one.severity >= Severity.ERROR]
    reopened = open_migrated(target)
    with reopened.read() as snapshot:
        events = snapshot.connection.exec_driver_sql("SELECT count(*) FROM event").scalar()
    assert events == EVENTS
    reopened.close()


@pytest.mark.postgresql
def test_missing_programs_and_bad_copies_are_told_in_a_sentence(postgresql, tmp_path, monkeypatch):
    url = postgresql.new_database()
    copy = tmp_path / "copy"
    copy.write_bytes(b"PGDMP but no more")
    with pytest.raises(CopyRefused, match="pg_restore failed"):
        put_back(url, copy)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CopyRefused, match="postgresql-client"):
        put_back(url, copy)
