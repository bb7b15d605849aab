"""Events and headers as bytes in a row: MessagePack, then zstd."""

from __future__ import annotations

import threading

import msgspec
import zstandard

from epcis.model import Event, Header

_LEVEL = 3
_ENCODER = msgspec.msgpack.Encoder()
_EVENT: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_HEADER = msgspec.msgpack.Decoder(Header)
UNPACKED_BYTES_MAX = 1 << 30
"""A row that unpacks to more is damaged."""


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


def pack_event(event: Event) -> bytes:
    """An event, faithful to every field."""
    return squeeze(_ENCODER.encode(event))


def unpack_event(data: bytes) -> Event:
    """The inverse of `pack_event`."""
    event: Event = _EVENT.decode(unsqueeze(data))
    return event


def pack_header(header: Header) -> bytes:
    """All of a document that is not an event."""
    return squeeze(_ENCODER.encode(header))


def unpack_header(data: bytes) -> Header:
    """The inverse of `pack_header`."""
    return _HEADER.decode(unsqueeze(data))
