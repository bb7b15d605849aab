"""Packed or oddly encoded files as a plain stream of bytes, with bounds against bombs.

Out comes what the readers take: XML in an encoding that is a superset of ASCII, or JSON in UTF-8.
"""

from __future__ import annotations

import codecs
import gzip
import io
import shutil
import tempfile
import weakref
import zipfile
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from epcis.codec.at_rest import PlainFile
from epcis.codec.sniff import SNIFF_BYTES, Packing, Sniffed, Syntax, encoding_of, sniff
from schemas.finding import Finding, Severity

if TYPE_CHECKING:
    from epcis.codec.limits import DocumentLimits
    from epcis.codec.refusal import FindingCollector

_SPOOL_MEMORY_BYTES: Final = 16 * 2**20
_DEPTH_MAX: Final = 2
"""A gzip inside a zip happens; more than two layers do not."""
_UNPACKING_FAULTS: Final = (OSError, EOFError, zlib.error, zipfile.BadZipFile)


class PlainStream(io.RawIOBase):
    """The plain bytes of a document; reading more than the limits allow refuses it."""

    def __init__(self, limits: DocumentLimits, collector: FindingCollector) -> None:
        super().__init__()
        self._limits = limits
        self._collector = collector
        self._source: BinaryIO = io.BytesIO()
        self._ahead = b""
        self._start: int | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self.is_transcoded = False
        """The bytes were not an ASCII superset; now they are UTF-8, whatever they say inside."""
        self.sniffed = Sniffed(Packing.PLAIN)
        self.bytes_read = 0

    def open(self, source: BinaryIO | bytes) -> PlainStream:
        """Look into the source, layer by layer, until it is plain XML or JSON."""
        self._source = io.BytesIO(source) if isinstance(source, bytes) else source
        self._start = self._source.tell() if self._source.seekable() else None
        for _ in range(_DEPTH_MAX + 1):
            self._ahead = self._fetch(SNIFF_BYTES)
            found = sniff(self._ahead)
            if isinstance(found, Finding):
                raise self._collector.refuse(found.code, found.what, found.hint)
            self.sniffed = found
            if found.packing is Packing.PLAIN:
                return self._plain(found)
            inner = _Rewound(self._ahead, self._source)
            self._start = None
            self._source = self._unpacked(inner, found.packing)
        raise self._collector.refuse(
            "document.packed-too-deep",
            "the file is packed several times over",
            "Pack the document once, with gzip or zip.",
        )

    def _fetch(self, size: int) -> bytes:
        try:
            parts, missing = [], size
            while missing > 0 and (part := self._source.read(missing)):
                parts.append(part)
                missing -= len(part)
            return b"".join(parts)
        except _UNPACKING_FAULTS as fault:
            raise self._collector.refuse(
                "document.packed-damaged",
                f"the packed file cannot be unpacked: {fault}",
                "Pack and send the document again.",
            ) from fault

    def _plain(self, found: Sniffed) -> PlainStream:
        encoding = encoding_of(self._ahead)
        self.bytes_read = len(self._ahead)
        if encoding == "utf-8-sig":
            self._ahead = self._ahead[3:]
            self._start = None if self._start is None else self._start + 3
        elif encoding != "utf-8":
            self._decoder = codecs.getincrementaldecoder(encoding)()
            self.is_transcoded = True
            self._ahead = self._transcode(self._ahead)
            if found.syntax is Syntax.JSON_LD:
                self._collector.note(
                    "json.not-utf-8",
                    Severity.WARNING,
                    f"the JSON is written in {encoding}, it should be in UTF-8",
                    "Write JSON in UTF-8 (RFC 8259 section 8.1).",
                )
        return self

    def _unpacked(self, packed: _Rewound, packing: Packing) -> BinaryIO:
        if packing is Packing.GZIP:
            plain: BinaryIO = cast("BinaryIO", gzip.GzipFile(fileobj=packed))
        else:
            plain = self._zip_member(packed)
        return cast("BinaryIO", _Measured(plain, packed, self._limits, self._collector))

    def _zip_member(self, packed: _Rewound) -> BinaryIO:
        spool = tempfile.SpooledTemporaryFile(_SPOOL_MEMORY_BYTES)  # noqa: SIM115  # the archive's
        weakref.finalize(self, spool.close)
        while part := packed.read(2**20):
            spool.write(part)
            if packed.count > self._limits.document_bytes_max:
                raise self._too_large()
        spool.seek(0)
        try:
            archive = zipfile.ZipFile(spool)
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or members[0].flag_bits & 1:
                raise self._collector.refuse(
                    "document.zip-members",
                    f"the zip file holds {len(members)} files"
                    if len(members) != 1
                    else "the zip file is locked with a password",
                    "Put one document, without a password, into each zip file.",
                )
            return cast("BinaryIO", archive.open(members[0]))
        except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as fault:
            raise self._collector.refuse(
                "document.packed-damaged",
                f"the zip file cannot be read: {fault}",
                "Pack and send the document again.",
            ) from fault

    def _too_large(self) -> Exception:
        return self._collector.refuse(
            "document.too-large",
            f"the document is larger than {self._limits.document_bytes_max} bytes",
            "Send it in several documents.",
        )

    def _transcode(self, part: bytes, *, final: bool = False) -> bytes:
        assert self._decoder is not None
        try:
            return self._decoder.decode(part, final).encode("utf-8", "strict")
        except UnicodeError as fault:
            raise self._collector.refuse(
                "document.encoding",
                f"the bytes are not what the file's encoding allows: {fault}",
                "Write the document in UTF-8.",
            ) from fault

    def readable(self) -> bool:
        """Always."""
        return True

    def peek(self, size: int) -> bytes:
        """Up to `size` bytes ahead, without consuming them."""
        while len(self._ahead) < size and (part := self._more(size - len(self._ahead))):
            self._ahead += part
        return self._ahead[:size]

    def as_it_lies(self) -> PlainFile | None:
        """The plain bytes where each can be read again; None for what is packed or a pipe.

        Reading there moves this stream: `go_on_from` says where it is to be read on.
        """
        if self._start is None or self._decoder is not None:
            return None
        here = self._source.tell()
        file = PlainFile(self._source, start=self._start)
        self._source.seek(here)
        if file.size_bytes > self._limits.document_bytes_max:
            raise self._too_large()
        return file

    def at_rest(self) -> PlainFile:
        """The same of a stream from which nothing has been read: it goes into a file if need be."""
        file = self.as_it_lies()
        if file is not None:
            return file
        spool = tempfile.NamedTemporaryFile()  # noqa: SIM115  # closed with the PlainFile
        try:
            shutil.copyfileobj(self, spool, 2**20)
            return PlainFile(cast("BinaryIO", spool), ours=spool)
        except BaseException:
            spool.close()
            raise

    @property
    def position(self) -> int:
        """How many bytes have been read of a document that is read as it lies."""
        return self._source.tell() - len(self._ahead) - (self._start or 0)

    def go_on_from(self, position: int) -> None:
        """Read on from there, in a document that is read as it lies."""
        self._source.seek(position + (self._start or 0))
        self._ahead = b""
        self.bytes_read = position

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        if size is None or size < 0:
            parts = [self._ahead]
            self._ahead = b""
            while part := self._more(2**20):
                parts.append(part)
            return b"".join(parts)
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        return self._more(size)

    def _more(self, size: int) -> bytes:
        part = self._fetch(size)
        self.bytes_read += len(part)
        if self.bytes_read > self._limits.document_bytes_max:
            raise self._too_large()
        if self._decoder is None:
            return part
        plain = self._transcode(part, final=not part)
        return plain or (self._more(size) if part else b"")


class _Rewound(io.RawIOBase):
    """A stream with the bytes that were looked at put back in front, counting what is read."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._first = first
        self._rest = rest
        self.count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._first:
            size = len(self._first) if size is None or size < 0 else size
            part, self._first = self._first[:size], self._first[size:]
        else:
            part = self._rest.read(size) or b""
        self.count += len(part)
        return part


class _Measured(io.RawIOBase):
    """An unpacked stream that stops a bomb: too many plain bytes for the packed ones."""

    def __init__(
        self, plain: BinaryIO, packed: _Rewound, limits: DocumentLimits, collector: FindingCollector
    ) -> None:
        super().__init__()
        self._plain = plain
        self._packed = packed
        self._limits = limits
        self._collector = collector
        self._count = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        part = self._plain.read(size)
        self._count += len(part)
        allowed = max(
            self._limits.packed_free_bytes, self._packed.count * self._limits.packed_ratio_max
        )
        if self._count > allowed:
            raise self._collector.refuse(
                "document.packed-bomb",
                f"the file unpacks to more than {self._limits.packed_ratio_max} times its size",
                "Send the document plain, or packed as usual.",
            )
        return part
