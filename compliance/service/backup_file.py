"""The file of a backup: a tar archive under Zstandard, locked where there is a passphrase.

`about.json` comes first, `manifest.json` with the SHA-256 of every file last; between them lie
`database/copy`, and files in `keys`, `archive`, `exports` and `incoming`. Without a passphrase
`tar --zstd -t` lists it.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from contextlib import ExitStack, contextmanager
from datetime import datetime  # noqa: TC003  # msgspec reads the fields' types
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import zstandard

from compliance.service.sealed_stream import (
    MAGIC,
    SealedReader,
    SealedStreamRefused,
    SealedWriter,
)
from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO, BinaryIO

    from _typeshed import WriteableBuffer

FORM = 1
ABOUT, MANIFEST, DATABASE = "about.json", "manifest.json", "database/copy"
SMALL_FILE_BYTES_MAX = 64 << 20
"""Longest about.json and manifest.json."""
_NAME = re.compile(r"(?:database/copy|(?:keys|archive|exports|incoming)/(?!\.\.?$)[\w.+=-]{1,200})")
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_BLOCK_BYTES = 1 << 20
_PRESSED_BYTES = 2048
"""Read at once: however they were pressed, what comes of them is at most 64 MiB."""
_TAKE_ANOTHER = "nothing was restored; take another backup"


class BackupRefused(Refused):
    """There will be no backup, or nothing is restored; the text says why and what to do."""


class BackupAbout(msgspec.Struct, frozen=True):
    """What a backup is of."""

    form: int
    made: datetime
    packtrail: str
    """Version of the program that made it."""
    database: str
    """The kind of database; it is restored to the same kind."""
    revision: str
    """Of the database's tables."""
    origin: str
    """Name of the log in its checkpoints; empty where nothing was logged yet."""


class KeptFile(msgspec.Struct, frozen=True):
    """A file in a backup."""

    size_bytes: int
    sha256: str


class BackupWriter:
    """Adds files to a backup, one after the other; each is read once."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.files: dict[str, KeptFile] = {}

    def add(self, name: str, path: Path) -> None:
        """Add a file as `name`. Raises OSError, and BackupRefused where it shrinks meanwhile."""
        with path.open("rb") as source:
            size_bytes = os.fstat(source.fileno()).st_size
            self._put(name, source, size_bytes)

    def add_json(self, name: str, value: object) -> None:
        """Add a value as JSON."""
        written = msgspec.json.encode(value)
        self._put(name, io.BytesIO(written), len(written))

    def _put(self, name: str, source: BinaryIO, size_bytes: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size_bytes, 0o600
        counted = _Digested(source)
        try:
            self._tar.addfile(member, counted)
        except OSError as fault:
            if fault.errno is None:  # tarfile's own, where a file ends early
                raise BackupRefused(f"{name} changed while it was read: try again") from fault
            raise
        self.files[name] = KeptFile(size_bytes, counted.digest.hexdigest())


class _Digested:
    """A file that is read, and the digest of what was."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = sha256()

    def read(self, size: int = -1) -> bytes:
        found = self._source.read(size)
        self.digest.update(found)
        return found


@contextmanager
def written_backup(out: Path, passphrase: str, about: BackupAbout) -> Iterator[BackupWriter]:
    """A backup to be filled; it appears at `out`, whole and on the disk, at the end of the block.

    Never replaces a file. Raises BackupRefused and OSError; then nothing is left.
    """
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            os.chmod(part, 0o600)  # noqa: PTH101  # a file handle's, whatever the umask
            with _packed(file, passphrase) as tar:
                writer = BackupWriter(tar)
                writer.add_json(ABOUT, about)
                yield writer
                writer.add_json(MANIFEST, dict(writer.files))
            file.flush()
            os.fsync(file.fileno())
        os.link(part, out)  # as a rename, but refused where the file is there
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _packed(file: BinaryIO, passphrase: str) -> Iterator[tarfile.TarFile]:
    with ExitStack() as layers:
        target = file
        if passphrase:
            target = layers.enter_context(SealedWriter(file, passphrase))  # type: ignore[assignment]  # it is written to
        press = zstandard.ZstdCompressor(level=3, write_checksum=True)
        pressed = layers.enter_context(press.stream_writer(target, closefd=False))
        yield layers.enter_context(tarfile.open(fileobj=pressed, mode="w|"))


def unpack(
    file: Path, passphrase: str, into: Path, check: Callable[[BackupAbout], None]
) -> BackupAbout:
    """Write what a backup holds into the folder `into`, and find it whole and unchanged.

    `check` is called before anything is written. Raises BackupRefused, and OSError where there is
    no room.
    """
    try:
        with file.open("rb") as source:
            return _unpacked(_opened(file, source, passphrase), into, check)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, msgspec.MsgspecError) as fault:
        raise BackupRefused(f"{file} is damaged or cut off ({fault}): {_TAKE_ANOTHER}") from fault
    except SealedStreamRefused as fault:
        raise BackupRefused(f"{file}: {fault}: nothing was restored") from fault


def _opened(file: Path, source: BinaryIO, passphrase: str) -> BinaryIO:
    """The bytes of the tar archive."""
    begins = source.read(len(MAGIC))
    if begins == MAGIC:
        if not passphrase:
            raise BackupRefused(f"{file} is locked: set PACKTRAIL_BACKUP_PASSPHRASE")
        source = io.BufferedReader(SealedReader(source, passphrase))
    elif begins.startswith(_ZSTANDARD):
        source.seek(0)
    else:
        raise BackupRefused(f"{file} is no backup of Packtrail, or its beginning is damaged")
    return io.BufferedReader(_Unpressed(source))


class _Unpressed(io.RawIOBase):
    """The bytes of a Zstandard frame that must be whole; raises EOFError where it is not."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._held = source, b""
        self._press = zstandard.ZstdDecompressor().decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._held:
            piece = self._source.read(_PRESSED_BYTES)
            if self._press.eof:
                if piece:
                    raise EOFError("more follows after its end")
                return 0
            if not piece:
                raise EOFError("it ends too early")
            self._held = self._press.decompress(piece)
        room = memoryview(buffer).cast("B")
        given = self._held[: len(room)]
        room[: len(given)] = given
        self._held = self._held[len(given) :]
        return len(given)


def _unpacked(source: BinaryIO, into: Path, check: Callable[[BackupAbout], None]) -> BackupAbout:
    found: dict[str, KeptFile] = {}
    about: BackupAbout | None = None
    with tarfile.open(fileobj=source, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is None or member.name in found:
                raise BackupRefused(f"a backup holds no {member.name!r}: {_TAKE_ANOTHER}")
            if about is None:
                written = _small(content)
                about = _about(member.name, written)
                check(about)
                found[ABOUT] = KeptFile(len(written), sha256(written).hexdigest())
            elif member.name == MANIFEST:
                listed = msgspec.json.decode(_small(content), type=dict[str, KeptFile])
                _compare(found, listed)
                break
            else:
                found[member.name] = _extracted(member.name, content, into)
        else:
            raise BackupRefused(f"the backup ends before its list of files: {_TAKE_ANOTHER}")
    while source.read(_BLOCK_BYTES):
        pass  # the end is checked too
    assert about is not None  # the list of files is never the first
    return about


def _about(name: str, written: bytes) -> BackupAbout:
    if name != ABOUT:
        raise BackupRefused("this is a tar archive, but no backup of Packtrail")
    about = msgspec.json.decode(written, type=BackupAbout)
    if about.form != FORM:
        raise BackupRefused(
            f"Packtrail {about.packtrail} made this backup in form {about.form}; this program"
            f" reads form {FORM}: use the other program"
        )
    return about


def _small(content: IO[bytes]) -> bytes:
    found = content.read(SMALL_FILE_BYTES_MAX + 1)
    if len(found) > SMALL_FILE_BYTES_MAX:
        raise BackupRefused(f"a list of the backup is too long: {_TAKE_ANOTHER}")
    return found


def _extracted(name: str, content: IO[bytes], into: Path) -> KeptFile:
    if not _NAME.fullmatch(name):
        raise BackupRefused(f"a backup holds no file {name!r}: {_TAKE_ANOTHER}")
    place = into / name
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size_bytes = sha256(), 0
    with place.open("xb") as target:
        os.chmod(place, 0o600)  # noqa: PTH101  # whatever the umask
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return KeptFile(size_bytes, digest.hexdigest())


def _compare(found: dict[str, KeptFile], listed: dict[str, KeptFile]) -> None:
    if differs := sorted(name for name in found | listed if found.get(name) != listed.get(name)):
        raise BackupRefused(f"the backup's {differs[0]} is not what was kept: {_TAKE_ANOTHER}")
