"""MIME (RFC 2045, 2046) on the disk: headers, parts and transfer encodings, byte for byte.

A signature is over bytes, so parts are places in what came and are never written anew. Python's
own parser would read all of it into memory and loses how lines ended.
"""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import unquote

from schemas.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from epcis.exchange.spool import Region, SpoolRoom

HEADER_BYTES_MAX: Final = 64 * 1024
HEADERS_MAX: Final = 200
PARTS_MAX: Final = 20
QUOTED_BYTES_MAX: Final = 32 * 1024 * 1024
_FALSE_STARTS_MAX: Final = 1_000
"""Lines that begin as a boundary does and are none."""
_BOUNDARY_CHARACTERS_MAX: Final = 200
_WINDOW_BYTES: Final = 256 * 1024
_PARAMETER: Final = re.compile(
    r';\s*([^\s=;"]{1,80})\s*=\s*("(?:[^"\\]|\\.){0,1000}"|[^;\s"]{0,1000})'
)
_HEADER: Final = re.compile(r"([!-9;-~]{1,100})\s*:\s*(.*)", re.DOTALL)


class MimeRefused(Refused):
    """Bytes that are no MIME."""


@dataclass(frozen=True, slots=True)
class MimeEntity:
    """Headers and a body, both of them places in a file."""

    headers: dict[str, str]
    """By lower-case name, unfolded; the first of each."""
    whole: Region
    """With its headers, where they came with it."""
    body: Region

    def get(self, name: str) -> str:
        """A header; empty where it is absent."""
        return self.headers.get(name, "")

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.get("content-type").partition(";")[0].strip().lower() or "text/plain"

    def parameter(self, header: str, name: str) -> str:
        """A parameter of a header; empty where it is absent."""
        return parameters_of(self.get(header)).get(name, "")

    @property
    def file_name(self) -> str:
        """The name its sender gave it, without any folder; empty where it has none."""
        found = self.parameter("content-disposition", "filename")
        found = found or self.parameter("content-type", "name")
        return re.split(r"[/\\]", found)[-1].strip()[:200]


def parameters_of(value: str) -> dict[str, str]:
    r"""The parameters of a header (RFC 2045 section 5.1, RFC 2231) by lower-case name.

    >>> parameters_of('a/b; Charset=x; name="c;d"; filename*=utf-8\'\'%e2%82%ac.xml')
    {'charset': 'x', 'name': 'c;d', 'filename': '€.xml'}
    """
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value[:4_000]):
        name, given = match[1].lower(), match[2]
        if given.startswith('"'):
            given = re.sub(r"\\(.)", r"\1", given[1:-1])
        if name.endswith("*"):
            name, given = name[:-1], unquote(given.rpartition("'")[2], errors="replace")
        found.setdefault(name, "".join(one for one in given if one.isprintable()))
    return found


def read_headers(block: str) -> dict[str, str]:
    r"""Headers from their lines, unfolded. Raises `MimeRefused`.

    >>> read_headers("A: b\r\n c\r\nD: e")
    {'a': 'b c', 'd': 'e'}
    """
    unfolded = re.sub(r"\r?\n[ \t]+", " ", block)
    lines = [one for one in re.split(r"\r?\n", unfolded) if one]
    if len(lines) > HEADERS_MAX:
        raise MimeRefused(f"it has more than {HEADERS_MAX} headers")
    found: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match is None:
            raise MimeRefused("a line among the headers is no header")
        found.setdefault(match[1].lower(), match[2].strip())
    return found


def read_entity(region: Region) -> MimeEntity:
    """Headers and body of some bytes. Raises `MimeRefused`."""
    start = region.at(0, HEADER_BYTES_MAX)
    if start.startswith((b"\r\n", b"\n")):
        return MimeEntity({}, region, region.part(2 if start[:1] == b"\r" else 1))
    found = re.search(rb"\r?\n\r?\n", start)
    if found is None:
        raise MimeRefused("its headers do not end")
    headers = read_headers(start[: found.start()].decode("utf-8", "replace"))
    return MimeEntity(headers, region, region.part(found.end()))


def parts_of(entity: MimeEntity) -> list[Region]:
    """The parts of a multipart entity (RFC 2046 section 5.1.1), as they stand in it.

    The line break before a boundary belongs to the boundary. Raises `MimeRefused`.
    """
    boundary = entity.parameter("content-type", "boundary")
    if not 0 < len(boundary) <= _BOUNDARY_CHARACTERS_MAX or not boundary.isascii():
        raise MimeRefused("its parts have no boundary")
    parts: list[Region] = []
    begun: int | None = None
    for before, after, is_last in _boundaries(entity.body, b"--" + boundary.encode()):
        if begun is not None:
            parts.append(entity.body.part(begun, max(before, begun)))
        begun = after
        if is_last:
            return parts
        if len(parts) >= PARTS_MAX:
            raise MimeRefused(f"it has more than {PARTS_MAX} parts")
    raise MimeRefused("its last boundary is missing: it breaks off")


def _boundaries(body: Region, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Each boundary: where the part before it ends, where the next begins, whether it is last."""
    false_starts = 0
    for at in _places(body, mark):
        line = body.at(at + len(mark), 200)
        found = re.match(rb"(--)?[ \t]*(\r?\n|$)", line)
        if found is None and not line.startswith(b"--"):
            false_starts += 1
            if false_starts > _FALSE_STARTS_MAX:
                raise MimeRefused("its boundary stands in its content")
            continue
        before = body.at(max(at - 2, 0), min(at, 2))
        breaks = 2 if before == b"\r\n" else 1 if before.endswith(b"\n") else 0
        is_last = line.startswith(b"--")
        yield at - breaks, at + len(mark) + (found.end() if found else 2), is_last


def _places(body: Region, mark: bytes) -> Iterator[int]:
    """Where lines begin with a mark."""
    if body.at(0, len(mark)) == mark:
        yield 0
    wanted, at, carried = b"\n" + mark, 0, b""
    while at < body.size_bytes:
        chunk = body.at(at, _WINDOW_BYTES)
        if not chunk:
            return
        window, base = carried + chunk, at - len(carried)
        found = window.find(wanted)
        while found >= 0:
            yield base + found + 1
            found = window.find(wanted, found + 1)
        carried = window[-(len(wanted) - 1) :]
        at += len(chunk)


def decoded(entity: MimeEntity, room: SpoolRoom, keep: Callable[[IO[bytes]], object]) -> Region:
    """The body without its transfer encoding (RFC 2045 section 6); `keep` gets any new file.

    Raises `MimeRefused`.
    """
    encoding = entity.get("content-transfer-encoding").strip().lower()
    if encoding in ("", "7bit", "8bit", "binary"):
        return entity.body
    if encoding == "base64":
        made = room.write(_from_base64(entity.body.chunks()))
    elif encoding == "quoted-printable":
        if entity.body.size_bytes > QUOTED_BYTES_MAX:
            raise MimeRefused("it is too large for quoted-printable; send it as binary")
        made = room.write([quopri.decodestring(entity.body.read(QUOTED_BYTES_MAX))])
    else:
        raise MimeRefused(f"its transfer encoding '{encoding[:40]}' is unknown")
    keep(made.file)
    return made


def _from_base64(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    try:
        for chunk in chunks:
            pure = rest + chunk.translate(None, b"\r\n\t ")
            whole = len(pure) // 4 * 4
            yield binascii.a2b_base64(pure[:whole], strict_mode=True)
            rest = pure[whole:]
        yield binascii.a2b_base64(rest, strict_mode=True)
    except binascii.Error:
        raise MimeRefused("what should be base64 is not") from None


def base64_lines(content: bytes) -> bytes:
    """Base64 in lines of 76 characters, ended by CRLF (RFC 2045 section 6.8)."""
    encoded = binascii.b2a_base64(content, newline=False)
    lines = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
    return b"\r\n".join(lines)
