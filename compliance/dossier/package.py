"""The dossier as one file: ASiC-E (ETSI EN 319 162-1) with one CAdES signature over all of it.

The ZIP has exactly one form: fixed order, fixed times, and a comment with the SHA-256 of everything
before it. The comment exposes even a changed byte that ZIP programs ignore.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import quoteattr
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import BinaryIO

MIMETYPE = b"application/vnd.etsi.asic-e+zip"
MANIFEST = "META-INF/ASiCManifest001.xml"
SIGNATURE = "META-INF/signature001.p7s"
SUMS = "SHA256SUMS"
COMMENT = b"packtrail sha256="
PIECE_BYTES = 1 << 18
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DEFLATE_LEVEL = 1
"""Lines of events are so alike that the fastest level compresses enough."""
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3

MIME_TYPES = {
    ".pdf": "application/pdf",
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
    ".py": "text/x-python",
    ".bin": "application/octet-stream",
    ".tsr": "application/timestamp-reply",
    ".pem": "application/x-pem-file",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside the dossier."""

    name: str
    size_bytes: int
    sha256: bytes


class Package:
    """A dossier being written; files are hashed and compressed in one pass."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = ZipFile(file, "w", allowZip64=True)
        self.members: list[Member] = []
        self._put_bytes("mimetype", MIMETYPE, ZIP_STORED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        """Close the file; a package that was not sealed is worthless."""
        self._zip.close()

    def add(self, name: str, content: bytes) -> Member:
        """Add a file held in memory."""
        self._put_bytes(name, content, ZIP_DEFLATED)
        self.members.append(Member(name, len(content), sha256(content).digest()))
        return self.members[-1]

    def add_file(self, name: str, path: Path) -> Member:
        """Add a file from the disk, piece by piece."""
        digest = sha256()
        size_bytes = path.stat().st_size
        info = _info(name, ZIP_DEFLATED)
        info.file_size = size_bytes
        with path.open("rb") as source, self._zip.open(info, "w") as target:
            while piece := source.read(PIECE_BYTES):
                digest.update(piece)
                target.write(piece)
        self.members.append(Member(name, size_bytes, digest.digest()))
        return self.members[-1]

    def seal(self, sign: Callable[[bytes], bytes]) -> None:
        """Add sums, manifest and signature, and close the file.

        `sign` makes the detached signature of the manifest.
        """
        self.add(SUMS, sums_of(self.members))
        manifest = manifest_of(self.members)
        self._put_bytes(MANIFEST, manifest, ZIP_DEFLATED)
        self._put_bytes(SIGNATURE, sign(manifest), ZIP_DEFLATED)
        self._zip.comment = COMMENT + b"0" * 64
        self._zip.close()
        self._sign_off()

    def _sign_off(self) -> None:
        """Write the SHA-256 of everything before into the last 64 bytes."""
        digest = sha256()
        self._file.flush()
        left = self._file.seek(0, os.SEEK_END) - 64
        self._file.seek(0)
        while left:
            piece = self._file.read(min(left, PIECE_BYTES))
            digest.update(piece)
            left -= len(piece)
        self._file.seek(-64, os.SEEK_END)
        self._file.write(digest.hexdigest().encode())
        self._file.flush()
        os.fsync(self._file.fileno())

    def _put_bytes(self, name: str, content: bytes, method: int) -> None:
        self._zip.writestr(_info(name, method), content, method, _DEFLATE_LEVEL)


def _info(name: str, method: int) -> ZipInfo:
    info = ZipInfo(name, _EPOCH)
    info.compress_type = method
    info._compresslevel = _DEFLATE_LEVEL  # type: ignore[attr-defined]  # noqa: SLF001  # `open` takes it from nowhere else
    info.create_system = _UNIX
    info.external_attr = _REGULAR_FILE
    return info


def sums_of(members: Sequence[Member]) -> bytes:
    """The list that `sha256sum --strict -c` reads.

    >>> sums_of([Member("a.csv", 0, bytes(32))]).decode().split()[1]
    'a.csv'
    """
    return "".join(f"{one.sha256.hex()}  {one.name}\n" for one in members).encode()


def manifest_of(members: Sequence[Member]) -> bytes:
    """The ASiC manifest over the files: what the signature is over (EN 319 162-1, annex A.4)."""
    references = "".join(_reference(one) for one in members)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"'
        ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
        f'<asic:SigReference URI="{SIGNATURE}" MimeType="application/pkcs7-signature"/>\n'
        f"{references}</asic:ASiCManifest>\n"
    ).encode()


def _reference(member: Member) -> str:
    suffix = member.name[member.name.rfind(".") :] if "." in member.name else ""
    return (
        f"<asic:DataObjectReference URI={quoteattr(member.name)}"
        f' MimeType="{MIME_TYPES.get(suffix, "text/plain")}">'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{base64.b64encode(member.sha256).decode()}</ds:DigestValue>"
        "</asic:DataObjectReference>\n"
    )
