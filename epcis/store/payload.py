"""Events and headers as bytes in a row: MessagePack, then zstd.

Long lists of serials are most of an event and compress badly as text, so a list of EPCs that are
alike up to a number of digits is kept as its common beginning and the numbers.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import msgspec
import zstandard

from epcis.model import Event, Header

if TYPE_CHECKING:
    from collections.abc import Sequence


_LEVEL = 1  # on these short texts as good as 9, and four times as fast
_RUN_MIN = 4
_DIGITS_MAX = 18
_RUNS_REMEMBERED_MAX = 256
_RUN_REMEMBERED_EPCS_MAX = 1000
_NUMBER_BYTES = tuple(((10**digits - 1).bit_length() + 7) // 8 for digits in range(19))
UNPACKED_BYTES_MAX = 1 << 30
"""A row that unpacks to more is damaged."""
OUTLINE = b"A"
"""How the payload of an archived event begins; a zstd frame begins otherwise."""


class EventArchived(ValueError):  # noqa: N818  # a state of the event
    """The event itself lies in the archive; `epcis.archive.reading` fetches it from there."""

    def __init__(self) -> None:
        super().__init__("the event is archived; only its outline is here")


class Run(msgspec.Struct, frozen=True, array_like=True):
    """EPCs that differ only in a number of so many digits."""

    start: str
    digits: int
    numbers: bytes


_Lists: TypeAlias = dict[str, Run]
_ENCODER = msgspec.msgpack.Encoder()
_ROW: msgspec.msgpack.Decoder[tuple[_Lists, Event]] = msgspec.msgpack.Decoder(tuple[_Lists, Event])
_HEADER: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)
_LISTS = ("epcs", "child_epcs", "input_epcs", "output_epcs")


class _Codecs(threading.local):
    """Compressors hold state and belong to one thread."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_codecs = _Codecs()


def squeeze(data: bytes) -> bytes:
    """Any bytes, smaller.

    >>> unsqueeze(squeeze(b"abc"))
    b'abc'
    """
    return _codecs.compress(data)


def unsqueeze(data: bytes) -> bytes:
    """The inverse of `squeeze`. Raises zstandard.ZstdError for damaged bytes."""
    return _codecs.decompress(data, max_output_size=UNPACKED_BYTES_MAX)


def run_of(epcs: Sequence[str]) -> Run | None:
    r"""EPCs as a run, or None where they are too few or not alike.

    >>> run_of(("urn:x:07", "urn:x:13", "urn:x:10", "urn:x:99"))
    Run(start='urn:x:', digits=2, numbers=b'\x07\r\nc')
    """
    if len(epcs) < _RUN_MIN:
        return None
    # The keys of the items are made from the same run, see keys.py.
    return _remembered(tuple(epcs)) if len(epcs) <= _RUN_REMEMBERED_EPCS_MAX else _run_of(epcs)


def _run_of(epcs: Sequence[str]) -> Run | None:
    width = len(epcs[0])
    start = _common_start(min(epcs), max(epcs)).rstrip("0123456789")
    digits = width - len(start)
    if not 0 < digits <= _DIGITS_MAX or any(len(epc) != width for epc in epcs):
        return None
    at = len(start)
    numbers = [epc[at:] for epc in epcs]
    joined = "".join(numbers)
    if not (joined.isascii() and joined.isdigit()):
        return None
    size = _NUMBER_BYTES[digits]
    return Run(start, digits, b"".join([int(number).to_bytes(size, "big") for number in numbers]))


_remembered = lru_cache(_RUNS_REMEMBERED_MAX)(_run_of)


def _common_start(low: str, high: str) -> str:
    """How the least and the greatest of some texts, and so all of them, begin."""
    for at, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return low[:at]
    return low


def epcs_of(run: Run) -> tuple[str, ...]:
    """The inverse of `run_of`.

    >>> epcs_of(Run("urn:x:", 2, bytes([7, 13])))
    ('urn:x:07', 'urn:x:13')
    """
    size, digits, numbers = _NUMBER_BYTES[run.digits], run.digits, run.numbers
    return tuple(
        f"{run.start}{int.from_bytes(numbers[at : at + size], 'big'):0{digits}d}"
        for at in range(0, len(numbers), size)
    )


def pack_event(event: Event) -> bytes:
    """An event, faithful to every field."""
    runs: _Lists = {}
    for name in _LISTS:
        epcs = getattr(event, name, None)
        if epcs and (run := run_of(epcs)) is not None:
            runs[name] = run
    if runs:
        event = msgspec.structs.replace(event, **dict.fromkeys(runs))
    return squeeze(_ENCODER.encode((runs, event)))


def unpack_event(data: bytes) -> Event:
    """The inverse of `pack_event`. Raises ValueError or ZstdError for damaged bytes.

    Raises EventArchived, a ValueError, where only the outline is here.
    """
    try:
        plain = unsqueeze(data)
    except zstandard.ZstdError:
        if is_outline(data):
            raise EventArchived from None
        raise
    runs, event = _ROW.decode(plain)
    if runs:
        event = msgspec.structs.replace(event, **{name: epcs_of(run) for name, run in runs.items()})
    return event


def pack_outline(outline: Event) -> bytes:
    """What stays of an archived event (`epcis.archive.outline`), so that nobody takes it for all.

    >>> from epcis.model import ObjectEvent
    >>> event = ObjectEvent(event_time="2026-01-02T03:04:05Z", action="ADD")
    >>> is_outline(pack_outline(event)), unpack_outline(pack_outline(event)) == event
    (True, True)
    """
    return OUTLINE + pack_event(outline)


def is_outline(payload: bytes) -> bool:
    """Whether a row's payload is only the outline of an archived event."""
    return isinstance(payload, bytes) and payload[:1] == OUTLINE


def unpack_outline(payload: bytes) -> Event:
    """An event as far as item state needs it: all of it, or its outline where it is archived.

    Raises ValueError or ZstdError for damaged bytes.
    """
    return unpack_event(payload[1:] if is_outline(payload) else payload)


def pack_header(header: Header) -> bytes:
    """All of a document that is not an event."""
    return squeeze(_ENCODER.encode(header))


def unpack_header(data: bytes) -> Header:
    """The inverse of `pack_header`."""
    return _HEADER.decode(unsqueeze(data))
