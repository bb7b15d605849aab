"""A backup while the server runs: one moment of the database, and the files that it names.

Acts end up in it whole or not at all. Files are pinned by hard links, so that whoever finishes a
job or erases an archive meanwhile takes nothing away: the keys and the waiting bodies before the
moment, whatever the moment names besides right after it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from compliance.dossier.dossier_tables import export_job
from compliance.dossier.jobs import file_of
from compliance.service.backup_file import (
    DATABASE,
    FORM,
    BackupAbout,
    BackupRefused,
    written_backup,
)
from compliance.service.migrate import current_revision
from epcis.archive.reading import files as archive_files
from epcis.capture_job import incoming
from epcis.database.whole_copy import CopyRefused, copy_whole, is_occupied, kind_of
from epcis.ledger.ledger_tables import ledger_head
from epcis.ledger.store import Store
from epcis.store.event_tables import capture_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from compliance.service.settings import Settings
    from epcis.database.transactions import Snapshot

MOMENTS_MAX = 20
"""Moments tried until one is found whose files are all there."""


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """What a backup became."""

    file: Path
    about: BackupAbout
    size_bytes: int
    files: int
    is_locked: bool
    lacks: tuple[str, ...]
    """Files that the database names and that are not where they belong."""
    outside: tuple[str, ...]
    """Files and folders that settings name and that are the operator's to keep."""

    def as_dict(self) -> dict[str, object]:
        """The backup as `packtrail backup --json` prints it."""
        return {
            "file": str(self.file),
            "made": self.about.made.isoformat(),
            "sizeBytes": self.size_bytes,
            "files": self.files,
            "locked": self.is_locked,
            "lacks": list(self.lacks),
            "outside": list(self.outside),
        }


def make_backup(settings: Settings, out: Path, *, now: datetime) -> MadeBackup:
    """Write a backup to the new file `out`; changes nothing, not even the database's revision.

    Raises BackupRefused, StoreAway and OSError.
    """
    if not is_occupied(settings.database_url):
        raise BackupRefused("there is no database to back up: name it by --database")
    if out.exists():
        raise BackupRefused(f"{out} exists already: backups never replace a file")
    store = Store.open(settings.database_url)
    try:
        return _made(store, settings, out, now=now)
    finally:
        store.close()


def _made(store: Store, settings: Settings, out: Path, *, now: datetime) -> MadeBackup:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    revision = current_revision(store.engine) or ""
    with (
        tempfile.TemporaryDirectory(prefix=".backup-", dir=settings.data_dir) as pins,
        tempfile.TemporaryDirectory(prefix=".packtrail-backup-", dir=out.parent) as beside,
    ):
        copy = Path(beside) / "copy"
        pinned = _Pinned(Path(pins))
        for left in reversed(range(MOMENTS_MAX)):
            lacks, origin = _take_moment(store, settings, pinned, copy, is_last=not left)
            if copy.exists():
                break
        kind = kind_of(settings.database_url)
        version = metadata.version("packtrail")
        about = BackupAbout(FORM, now, version, kind, revision, origin)
        with written_backup(out, settings.backup_passphrase, about) as backup:
            backup.add(DATABASE, copy)
            copy.unlink()
            for name, path in sorted(pinned.files.items()):
                backup.add(name, path)
        return MadeBackup(
            out,
            about,
            out.stat().st_size,
            len(pinned.files) + 1,
            bool(settings.backup_passphrase),
            tuple(lacks),
            tuple(_outside(settings)),
        )


def _take_moment(
    store: Store, settings: Settings, pinned: _Pinned, copy: Path, *, is_last: bool
) -> tuple[list[str], str]:
    """Copy the database as of now, unless files that it names cannot be had; they are returned."""
    bodies = incoming(store, settings.data_dir)
    pinned.forget()
    before = _marks(settings.keys_folder)
    pinned.folder("keys", settings.keys_folder)
    ahead = {path.name: pinned.pin(path) for path in bodies.glob("*.body")}
    with store.read() as snapshot:
        origin = snapshot.connection.scalar(select(ledger_head.c.origin)) or ""
        lacks = [
            str(path)
            for name, path in _named(snapshot, settings)
            if not pinned.file(name, path, ahead.get(path.name))
        ]
        is_steady = before == _marks(settings.keys_folder)
        if (is_steady and not lacks) or is_last:
            try:
                copy_whole(snapshot, copy)
            except CopyRefused as fault:
                raise BackupRefused(str(fault)) from fault
    return lacks, origin


def _named(snapshot: Snapshot, settings: Settings) -> Iterator[tuple[str, Path]]:
    """Each file that the database names: how a backup calls it, and where it lies."""
    for file in archive_files(snapshot):
        if file.erased is None and file.restored is None:
            yield f"archive/{file.name}", file.path
    ready = select(export_job.c.id).where(export_job.c.state == "ready")
    # Where several servers share one database, finished dossiers lie in it.
    for job_id in snapshot.connection.scalars(ready) if snapshot.has_one_writer else ():
        path = file_of(settings.exports_folder, job_id)
        yield f"exports/{path.name}", path
    waiting = select(capture_job.c.body_path).where(
        capture_job.c.running, capture_job.c.body_path.is_not(None)
    )
    for body in snapshot.connection.scalars(waiting):
        yield f"incoming/{Path(body).name}", Path(body)


def _marks(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a key was made or revoked; the checkpoint held there changes always."""
    found = folder.glob("*") if folder.is_dir() else ()
    return {
        path.name: (stat.st_ino, stat.st_mtime_ns)
        for path in found
        if not path.name.startswith(("signed-", ".")) and (stat := path.stat())
    }


def _outside(settings: Settings) -> Iterator[str]:
    """Files and folders that settings name: what the operator wrote, a backup does not hold."""
    ours = {"data_dir", "archive_dir", "keys_dir"}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        named = value if isinstance(value, tuple) else (value,)
        if name not in ours:
            yield from (f"{name}: {path}" for path in named if isinstance(path, Path))


class _Pinned:
    """Files held by hard links in a folder, or copied where they lie on another disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self.files: dict[str, Path] = {}
        """By the name in the backup."""

    def forget(self) -> None:
        """Begin anew."""
        self.files.clear()

    def folder(self, name: str, folder: Path) -> None:
        """Pin each finished file of a folder."""
        for path in folder.glob("*") if folder.is_dir() else ():
            if path.is_file() and not path.name.startswith("."):
                self.file(f"{name}/{path.name}", path)

    def file(self, name: str, path: Path, ahead: Path | None = None) -> bool:
        """Pin a file, or take the pin made `ahead`; whether it could be had."""
        place = ahead or self.pin(path)
        if place is not None:
            self.files[name] = place
        return place is not None

    def pin(self, path: Path) -> Path | None:
        """Hold a file; None where there is none."""
        self._count += 1
        place = self._folder / str(self._count)
        try:
            os.link(path, place)
        except FileNotFoundError:
            return None
        except OSError:
            try:
                shutil.copyfile(path, place)
            except FileNotFoundError:
                return None
        return place
