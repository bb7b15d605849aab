"""Folder channels: a partner, or the operator's own ERP, leaves files and takes files away.

Below the channel's folder: `in` (files for us; those taken move to `in/done` or `in/refused`),
`out` (files for the partner) and `receipts` (what became of each file we took, as JSON). A file is
written under a name that begins with a dot or ends with `.tmp` or `.part`, and renamed when it is
whole; such names are never read. A file that is still growing is left alone until it rests.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from epcis.exchange.exchange import Delivery
from epcis.exchange.mailbox import ArrivedMessage, MessageRefused, MessageState, receive
from epcis.exchange.spool import Region

if TYPE_CHECKING:
    from pathlib import Path

    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage

UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
"""Ends of names that writers use until a file is whole."""
FILES_PER_LOOK: Final = 100
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(slots=True)
class _Looks:
    """Size and time of change of each file at the last look: one that rests has the same twice."""

    seen: dict[Path, dict[Path, tuple[int, int]]] = field(default_factory=dict)
    """By folder, then by file."""


def channel_folder(exchange: Exchange, channel: Channel) -> Path:
    """The folder of a channel, with its parts."""
    folder = exchange.folder / channel.name
    for part in ("in/done", "in/refused", "out", "receipts"):
        (folder / part).mkdir(mode=0o770, parents=True, exist_ok=True)
    return folder


def collect_files(exchange: Exchange, channel: Channel) -> bool:
    """Take the files that are whole; whether there was one."""
    folder = channel_folder(exchange, channel) / "in"
    looks = exchange.store.companions.one(_Looks).seen
    before, taken, waiting = looks.get(folder, {}), False, {}
    for path in sorted(folder.iterdir())[: FILES_PER_LOOK * 10]:
        if path.name.startswith(".") or path.name.lower().endswith(UNFINISHED):
            continue
        with suppress(FileNotFoundError):
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                continue
            mark = (found.st_size, found.st_mtime_ns)
            if before.get(path) != mark:
                waiting[path] = mark
                continue
            _take(exchange, channel, path)
            taken = True
    looks[folder] = waiting
    return taken


def _take(exchange: Exchange, channel: Channel, path: Path) -> None:
    """Store a file as a message and move it away; a crash in between repeats that, once stored."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, "rb") as file:
        body = Region.whole(file)
        end = "done"
        if body.size_bytes > exchange.size_bytes_max:
            end = "refused"
        else:
            digest = body.digest("sha256").hex()
            arrived = ArrivedMessage(
                channel.name,
                f"{path.name}#{digest[:16]}",
                body,
                file_name=path.name,
                is_acknowledged=False,
            )
            try:
                receive(exchange.store, arrived, exchange.clock())
            except MessageRefused:
                end = "refused"
    path.replace(path.parent / end / path.name)


def deliver_file(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, body: Region
) -> Delivery:
    """Put a message into the folder `out`, under its name only once it is whole."""
    folder = channel_folder(exchange, channel) / "out"
    _write_whole(folder / fitting_name(message), body)
    return Delivery(MessageState.DELIVERED)


def acknowledge_by_file(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, receipt: dict[str, object]
) -> None:
    """Tell what became of a file: `receipts/NAME.json`."""
    import io

    folder = channel_folder(exchange, channel) / "receipts"
    content = orjson.dumps(receipt, option=orjson.OPT_INDENT_2)
    _write_whole(folder / f"{fitting_name(message)}.json", Region.whole(io.BytesIO(content)))


def fitting_name(message: ExchangeMessage) -> str:
    """A file name without anything that could lead out of the folder, different for each message.

    The same message, delivered again after a crash, replaces its own file.
    """
    name = _UNFIT.sub("-", message.file_name.rpartition("/")[2])[-120:].lstrip(".-") or "message"
    return f"{message.id:08d}-{name}"


def _write_whole(path: Path, body: Region) -> None:
    made = path.with_name(f".{path.name}.tmp")
    with made.open("wb") as file:
        for chunk in body.chunks():
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
