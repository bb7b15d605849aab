"""From a backup to an installation where nothing is yet; then everything is checked."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, update

import compliance.service.migrations.tables  # noqa: F401  # so that `fsck` knows every register
from compliance.fsck import fsck
from compliance.service.backup_file import DATABASE, BackupAbout, BackupRefused, unpack
from compliance.service.migrate import newest_revision, open_migrated
from epcis.archive.archive_tables import archive_file
from epcis.capture_job import incoming
from epcis.database.whole_copy import CopyRefused, is_occupied, kind_of, put_back
from epcis.store.event_tables import capture_job

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.service.settings import Settings
    from epcis.ledger.store import Store
    from schemas.finding import Finding


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore."""

    about: BackupAbout
    findings: tuple[Finding, ...]
    """Of the check afterwards; none where all is sound."""

    def as_dict(self) -> dict[str, object]:
        """The restore as `packtrail restore --json` prints it."""
        return {
            "made": self.about.made.isoformat(),
            "origin": self.about.origin,
            "findings": [one.as_dict() for one in self.findings],
        }


def restore(file: Path, settings: Settings, *, now: datetime) -> Restored:
    """Restore a backup to where the settings say, which must be empty.

    Nothing is put in place before the whole file was read and found good. Raises BackupRefused,
    StoreAway and OSError.
    """
    _refuse_what_is_there(settings)

    def check(about: BackupAbout) -> None:
        _refuse_what_does_not_fit(about, settings)

    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=settings.data_dir) as folder:
        stage = Path(folder)
        about = unpack(file, settings.backup_passphrase, stage, check)
        _put_folder(stage / "keys", settings.keys_folder)
        _put_folder(stage / "archive", settings.archive_folder)
        _put_folder(stage / "exports", settings.exports_folder)
        try:
            put_back(settings.database_url, stage / DATABASE)
        except CopyRefused as fault:
            raise BackupRefused(str(fault)) from fault
        store = open_migrated(settings)
        try:
            _put_folder(stage / "incoming", incoming(store, settings.data_dir))
            _say_where_files_lie(store, settings, now=now)
            found = tuple(fsck(store, now=now, keys_folder=settings.keys_folder))
        finally:
            store.close()
    return Restored(about, found)


def _refuse_what_is_there(settings: Settings) -> None:
    """A restore replaces nothing."""
    folders = (settings.keys_folder, settings.archive_folder, settings.exports_folder)
    full = [str(one) for one in folders if one.is_dir() and any(one.iterdir())]
    if is_occupied(settings.database_url):
        full.insert(0, "the database")
    if full:
        raise BackupRefused(
            f"a restore replaces nothing, and {', '.join(full)} is there already: restore to"
            " an empty place (PACKTRAIL_DATA_DIR, --database), or move away what is there"
        )


def _refuse_what_does_not_fit(about: BackupAbout, settings: Settings) -> None:
    kind = kind_of(settings.database_url)
    if about.database != kind:
        raise BackupRefused(
            f"this backup is of a database of the kind {about.database}, and --database names one"
            f" of the kind {kind}: restore it to the same kind"
        )
    if about.revision > newest_revision():
        raise BackupRefused(
            f"Packtrail {about.packtrail} made this backup, with tables newer than this program"
            " knows: update Packtrail"
        )


def _put_folder(staged: Path, place: Path) -> None:
    """Move what was unpacked to where it belongs."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in sorted(staged.glob("*")):
        shutil.move(path, place / path.name)


def _say_where_files_lie(store: Store, settings: Settings, *, now: datetime) -> None:
    """Rows that name a file name it where it is now; for the archive that is a logged change."""
    bodies, archive = incoming(store, settings.data_dir), str(settings.archive_folder)
    job, file = capture_job.c, archive_file.c
    waiting = select(job.id, job.body_path).where(job.running, job.body_path.is_not(None))
    with store.write(now) as tx:
        for row in tx.connection.execute(waiting).all():
            place = str(bodies / Path(row.body_path).name)
            tx.connection.execute(
                update(capture_job).where(job.id == row.id).values(body_path=place)
            )
        for number in tx.connection.scalars(select(file.id).where(file.folder != archive)).all():
            tx.connection.execute(
                update(archive_file).where(file.id == number).values(folder=archive)
            )
