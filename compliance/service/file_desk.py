"""Files that somebody dropped on the page of files: each in a folder of its own, for an hour.

Nothing of a file is in the database until its owner presses "capture". The folder is shared by the
servers of an installation, so any of them shows how far another is.
"""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
import orjson

if TYPE_CHECKING:
    from pathlib import Path

KEPT: Final = timedelta(hours=1)
"""How long a dropped file and its report are kept."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{24}\Z")
NAME_CHARS_MAX: Final = 100


class DroppedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file on the desk."""

    id: str
    name: str
    """As the browser gave it."""
    by: str
    dropped: datetime
    size_bytes: int
    read_bytes: int = 0
    """How far the check is; of a packed file what it unpacks to."""
    profile: str = "auto"
    error: str = ""
    report: dict[str, object] | None = None
    """As `POST /files/check` answers it; None while the file is being checked."""
    capture_job: str = ""


@dataclass(frozen=True, slots=True)
class FileDesk:
    """The folder of dropped files."""

    folder: Path

    def drop(
        self, file: BinaryIO, name: str, *, by: str, profile: str, now: datetime
    ) -> DroppedFile:
        """Put a file on the desk."""
        self.tidy(now)
        one = secrets.token_urlsafe(18)
        place = self.folder / one
        place.mkdir(mode=0o700, parents=True)
        with (place / "file").open("wb") as kept:
            shutil.copyfileobj(file, kept)
        dropped = DroppedFile(
            id=one,
            name=re.sub(r"[^\w .()-]", "_", name)[-NAME_CHARS_MAX:] or "file",
            by=by,
            dropped=now,
            size_bytes=(place / "file").stat().st_size,
            profile=profile,
        )
        self.note(dropped)
        return dropped

    def note(self, dropped: DroppedFile) -> None:
        """Keep what is known of a file, in one piece."""
        place = self.folder / dropped.id
        part = place / f"state.{secrets.token_hex(4)}"
        part.write_bytes(orjson.dumps(msgspec.to_builtins(dropped)))
        part.replace(place / "state")

    def find(self, file_id: str, by: str) -> DroppedFile | None:
        """A file that this person dropped; None where there is none any more."""
        if not _ID.match(file_id):
            return None
        try:
            state = (self.folder / file_id / "state").read_bytes()
        except OSError:
            return None
        dropped = msgspec.convert(orjson.loads(state), DroppedFile)
        return dropped if dropped.by == by else None

    def path(self, dropped: DroppedFile, *, corrected: bool = False) -> Path:
        """Where the file is, or its corrected copy."""
        return self.folder / dropped.id / ("corrected" if corrected else "file")

    def tidy(self, now: datetime) -> None:
        """Remove what was dropped more than an hour ago."""
        if not self.folder.is_dir():
            return
        for place in self.folder.iterdir():
            try:
                state = orjson.loads((place / "state").read_bytes())
                is_old = now - datetime.fromisoformat(state["dropped"]) > KEPT
            except (OSError, ValueError, KeyError):
                is_old = False
            if is_old:
                shutil.rmtree(place, ignore_errors=True)
