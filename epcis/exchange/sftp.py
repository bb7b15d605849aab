"""SFTP channels: files fetched from a partner's server and left there (the extra `sftp`).

The server is known by the key that was entered for it, never by the first one that answers. A file
is written under a name that begins with a dot and renamed when it is whole; a file that is still
growing, by size or time, is left alone until it rests. What was taken is moved to a folder `done`
beside it, or deleted, as the channel says.
"""

from __future__ import annotations

import asyncio
import posixpath
import stat
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Final, TypeVar

from epcis.exchange.channel import ChannelSetting
from epcis.exchange.exchange import Delivery
from epcis.exchange.folder import UNFINISHED, fitting_name
from epcis.exchange.mailbox import (
    ArrivedMessage,
    MessageRefused,
    MessageState,
    Refusal,
    note_refusal,
    receive,
)
from epcis.exchange.spool import CHUNK_BYTES, Region
from epcis.subscribe.destination import BadDestination, Destination, resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine
    from datetime import datetime

    from asyncssh import SFTPClient

    from epcis.exchange.channel import Channel
    from epcis.exchange.exchange import Exchange
    from epcis.exchange.mailbox import ExchangeMessage

FILES_PER_LOOK: Final = 100
NAMES_MAX: Final = 10_000
"""Names in a folder of the partner's server beyond which it is not read."""
CONNECT_TIMEOUT_S: Final = 20
SESSION_TIMEOUT_S: Final = 600
LOOK_EVERY: Final = timedelta(seconds=30)
FAULT_CHARACTERS_MAX: Final = 500
_T = TypeVar("_T")
MOVE, DELETE = "move", "delete"
SFTP_SETTINGS: Final = (
    ChannelSetting("host", "name or address of the partner's server", None),
    ChannelSetting("port", "its port", "22"),
    ChannelSetting("user", "our user name there", None),
    ChannelSetting("host_key", "key of the server, as ssh-keyscan prints it after the name", None),
    ChannelSetting("in_folder", "folder there with files for us; empty: we only send"),
    ChannelSetting("out_folder", "folder there that we leave files in; empty: we only fetch"),
    ChannelSetting(
        "after", "what happens there with a file we took", MOVE, (MOVE, DELETE)
    ),
    ChannelSetting("private_key", "our private key, as OpenSSH writes it", is_secret=True),
    ChannelSetting("password", "our password there, where no key is accepted", is_secret=True),
)  # fmt: skip
"""Settings of an SFTP channel."""


@dataclass(slots=True)
class _SftpLooks:
    """When each channel was looked into, and what each file looked like then."""

    seen: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    next_look: dict[str, datetime] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    """Channels whose server could not be reached the last time."""


class SftpAway(Exception):  # noqa: N818  # says what it is
    """The partner's server cannot be used; the text says why and what to do."""


@asynccontextmanager
async def _session(exchange: Exchange, channel: Channel) -> AsyncIterator[SFTPClient]:
    """A session with the partner's server. Raises `SftpAway`."""
    import asyncssh

    host, port = channel.setting("host"), channel.setting("port")
    key, password = (channel.secret(exchange.box, one) for one in ("private_key", "password"))
    try:
        to = Destination.parse(f"https://{host}:{port}/")
        address = resolve(to, private_allowed=exchange.private_allowed, any_port=True)
        known = asyncssh.import_public_key(channel.setting("host_key"))
        keys = [asyncssh.import_private_key(key)] if key else []
    except BadDestination as fault:
        raise SftpAway(f"{host}:{port} {fault}") from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise SftpAway(
            "host_key or private_key is no key of OpenSSH without a passphrase: enter it again"
        ) from None
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            connection = await asyncssh.connect(
                address, to.port, username=channel.setting("user"), client_keys=keys or None,
                password=password or None, known_hosts=([known], [], []), config=None,
                agent_path=None, connect_timeout=CONNECT_TIMEOUT_S,
            )  # fmt: skip
    except asyncssh.HostKeyNotVerifiable:
        raise SftpAway(
            "the server shows another key than the one entered: ask the partner whether it"
            " changed, and enter the new one only if it says so"
        ) from None
    except asyncssh.PermissionDenied:
        raise SftpAway(
            "the server refuses our user name, key or password: ask the partner to admit our key"
        ) from None
    except TimeoutError:
        raise SftpAway(f"{host}:{port} did not answer in time") from None
    except (asyncssh.Error, OSError) as fault:
        raise SftpAway(f"{host}:{port}: {fault}") from None
    async with connection, connection.start_sftp_client() as client:
        yield client


def deliver_by_sftp(
    exchange: Exchange, channel: Channel, message: ExchangeMessage, body: Region
) -> Delivery:
    """Leave a message in the partner's folder, under its name only once it is whole."""
    folder = channel.setting("out_folder")
    if not folder:
        return Delivery(MessageState.DEAD, f"channel {channel.name} has no folder to send to")
    path = posixpath.join(folder, fitting_name(message))
    try:
        asyncio.run(_within_time(_put(exchange, channel, path, body)))
    except SftpAway as fault:
        return Delivery(MessageState.WAITING, str(fault))
    return Delivery(MessageState.DELIVERED)


async def _put(exchange: Exchange, channel: Channel, path: str, body: Region) -> None:
    head, name = posixpath.split(path)
    made = posixpath.join(head, f".{name}.tmp")
    async with _session(exchange, channel) as client:
        async with client.open(made, "wb") as file:
            for chunk in body.chunks():
                await file.write(chunk)
        # The same message after a crash replaces its own file; not every server renames over one.
        if await client.exists(path):
            await client.remove(path)
        await client.rename(made, path)


def collect_by_sftp(exchange: Exchange, channel: Channel) -> bool:
    """Take the files that are whole, every half minute; whether there was one.

    A server that cannot be reached is noted at the channel, and asked again the next time.
    """
    if not channel.setting("in_folder"):
        return False
    looks, now = exchange.store.companions.one(_SftpLooks), exchange.clock()
    if channel.name in looks.next_look and now < looks.next_look[channel.name]:
        return False
    looks.next_look[channel.name] = now + LOOK_EVERY
    try:
        taken = asyncio.run(_within_time(_collect(exchange, channel, looks)))
    except SftpAway as fault:
        _note(exchange, channel, "sftp-away", str(fault))
        return False
    looks.away.discard(channel.name)
    return taken


def _note(exchange: Exchange, channel: Channel, code: str, what: str) -> None:
    """Keep why nothing came, once until it comes again."""
    looks = exchange.store.companions.one(_SftpLooks)
    if channel.name in looks.away:
        return
    looks.away.add(channel.name)
    with exchange.store.write(exchange.clock()) as tx:
        note_refusal(tx, Refusal(channel.name, channel.setting("host"), "", code, what))


async def _collect(exchange: Exchange, channel: Channel, looks: _SftpLooks) -> bool:
    folder, taken, waiting = channel.setting("in_folder"), 0, {}
    before = looks.seen.get(channel.name, {})
    async with _session(exchange, channel) as client:
        for name, mark in sorted((await _whole_files(client, folder)).items()):
            if before.get(name) != mark:
                waiting[name] = mark
            elif taken < FILES_PER_LOOK:
                await _take(exchange, channel, client, name)
                taken += 1
    looks.seen[channel.name] = waiting
    return taken > 0


async def _whole_files(client: SFTPClient, folder: str) -> dict[str, tuple[int, int]]:
    """Regular files under names of whole ones, with their size and time of change."""
    found: dict[str, tuple[int, int]] = {}
    async for entry in client.scandir(folder):
        name, about = str(entry.filename), entry.attrs
        if name.startswith(".") or name.lower().endswith(UNFINISHED) or "/" in name:
            continue
        if about.permissions is not None and not stat.S_ISREG(about.permissions):
            continue
        found[name] = (about.size or 0, about.mtime or 0)
        if len(found) >= NAMES_MAX:
            break
    return found


async def _take(exchange: Exchange, channel: Channel, client: SFTPClient, name: str) -> None:
    """Store a file as a message, then move it away; a crash in between repeats that, once stored.

    A file that is too large, or whose name was used for other bytes, stays under `refused`.
    """
    folder = channel.setting("in_folder")
    path, end = posixpath.join(folder, name), "done"
    with exchange.spool.open() as file:
        is_whole = await _fetch(client, path, file, exchange.size_bytes_max)
        body = Region.whole(file)
        digest = body.digest("sha256").hex()
        arrived = ArrivedMessage(
            channel.name, f"{name}#{digest[:16]}", body, file_name=name, is_acknowledged=False
        )
        try:
            if is_whole:
                await asyncio.to_thread(receive, exchange.store, arrived, exchange.clock())
            else:
                end = "refused"
        except MessageRefused:
            end = "refused"
    if end == "done" and channel.setting("after") == DELETE:
        await client.remove(path)
        return
    goal = posixpath.join(folder, end)
    await client.makedirs(goal, exist_ok=True)
    there = posixpath.join(goal, name)
    if await client.exists(there):
        await client.remove(there)
    await client.rename(path, there)


async def _fetch(client: SFTPClient, path: str, file: IO[bytes], bytes_max: int) -> bool:
    """Read a file to the disk; False where it is larger than `bytes_max`."""
    size_bytes = 0
    async with client.open(path, "rb") as source:
        while chunk := await source.read(CHUNK_BYTES):
            assert isinstance(chunk, bytes), "it was opened for bytes"
            size_bytes += len(chunk)
            if size_bytes > bytes_max:
                return False
            file.write(chunk)
    return True


async def _within_time(work: Coroutine[None, None, _T]) -> _T:
    """The work's result. Raises `SftpAway` for what a server does, or does not do in time."""
    try:
        from asyncssh import Error
    except ImportError:
        work.close()
        raise SftpAway("SFTP needs the extra: pip install 'packtrail[sftp]'") from None
    try:
        async with asyncio.timeout(SESSION_TIMEOUT_S):
            return await work
    except TimeoutError:
        raise SftpAway("the partner's server did not answer in time; it is asked again") from None
    except (Error, OSError) as fault:
        raise SftpAway(f"the partner's server broke off: {fault}"[:FAULT_CHARACTERS_MAX]) from None
