"""A signed snapshot of everything that is stopped, small enough for a till without a line.

Stopped lots are listed; stopped packs are a Bloom filter, which says "surely not stopped" or "ask".
It never says OK by itself: a till that is offline records the pack and sends it later (Art. 29).
"""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from sqlalchemy import select
from starlette.responses import Response

from epcis.http_context import now_of, store_of
from epcis.problem import Problem
from epcis.store.event_tables import item, item_state
from verification.context import verification_context_of, verification_settings_of
from verification.decision.facts import STATE_OF_ITEM
from verification.decision.restrictions import current_restrictions
from verification.decision.words import LotState, PackState
from verification.registry import history
from verification.registry.pack_tables import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from starlette.requests import Request

    from epcis.database.transactions import Snapshot

FALSE_POSITIVES = 0.001
"""Share of packs in trade that a till would ask about without need."""
AGE_MAX = timedelta(days=3)
"""A snapshot older than this is not to be trusted at all."""
VERSION = 1


class Signer(Protocol):
    """Whoever signs the snapshot: Ed25519 over its bytes."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature."""
        ...


class Content(msgspec.Struct, frozen=True):
    """What the snapshot says."""

    version: int
    made: datetime
    stopped_packs: int
    bits: int
    hashes: int
    filter: bytes
    lots: tuple[tuple[str, str], ...]
    """GTIN and lot of every stopped lot."""
    withdrawn: tuple[str, ...]
    """GTINs withdrawn from the market."""


@dataclass(frozen=True, slots=True)
class OfflineSnapshot:
    """A snapshot that was checked."""

    content: Content

    def age(self, now: datetime) -> timedelta:
        """How long ago it was made."""
        return now - self.content.made

    def stops(self, gtin: str, serial: str, lot: str | None, now: datetime) -> str:
        """Why a pack must wait: `stale`, `withdrawn`, `lot`, `pack`, or empty where nothing does.

        `pack` may be wrong for one pack in a thousand: it means ask, not stop.
        """
        if self.age(now) > AGE_MAX:
            return "stale"
        if gtin in self.content.withdrawn:
            return "withdrawn"
        if lot is not None and (gtin, lot) in self.content.lots:
            return "lot"
        key = history.pack_key(gtin, serial)
        bits, table = self.content.bits, self.content.filter
        hit = all(table[at >> 3] >> (at & 7) & 1 for at in _places(key, bits, self.content.hashes))
        return "pack" if bits and hit else ""


def take(snapshot: Snapshot, now: datetime, *, market: str = "") -> bytes:
    """The unsigned bytes of a snapshot as of now."""
    keys = list(_stopped_packs(snapshot))
    stops = current_restrictions(snapshot)
    lots = tuple(
        sorted(key for key in stops.lots if stops.lot(*key, market) is not LotState.ACTIVE)
    )
    withdrawn = tuple(
        sorted(code for code, places in stops.withdrawn.items() if places & {market, ""})
    )
    bits = max(8, math.ceil(-len(keys) * math.log(FALSE_POSITIVES) / math.log(2) ** 2))
    hashes = max(1, round(bits / max(len(keys), 1) * math.log(2)))
    hashes = min(hashes, 16)
    content = Content(
        version=VERSION,
        made=now,
        stopped_packs=len(keys),
        bits=bits,
        hashes=hashes,
        filter=_filter(keys, bits, hashes),
        lots=lots,
        withdrawn=withdrawn,
    )
    return msgspec.json.encode(content)


def seal(content: bytes, signer: Signer) -> bytes:
    """The snapshot file: content and signature."""
    signature = base64.b64encode(signer.sign(content)).decode()
    return msgspec.json.encode({"content": base64.b64encode(content).decode(), "sig": signature})


def public_pem(signer: Ed25519PrivateKey) -> bytes:
    """The public key that tills check snapshots with."""
    return signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class SnapshotRefusedError(Exception):
    """A snapshot is damaged, or signed by somebody else."""


def open_snapshot(sealed: bytes, trusted_pem: bytes) -> OfflineSnapshot:
    """A checked snapshot; raises `SnapshotRefusedError`."""
    try:
        key = load_pem_public_key(trusted_pem)
    except ValueError:
        raise SnapshotRefusedError("the trusted key is no public key, PEM") from None
    try:
        parts = msgspec.json.decode(sealed, type=dict[str, str])
        content = base64.b64decode(parts["content"], validate=True)
        if not isinstance(key, Ed25519PublicKey):
            raise SnapshotRefusedError("the trusted key must be Ed25519")
        key.verify(base64.b64decode(parts["sig"], validate=True), content)
        return OfflineSnapshot(msgspec.json.decode(content, type=Content))
    except (KeyError, ValueError, InvalidSignature) as error:
        raise SnapshotRefusedError("the snapshot is damaged or not signed by this key") from error


def response(request: Request) -> Response:
    """The snapshot over HTTP, signed by the key the front desk has put up for it."""
    signer = verification_context_of(request).snapshot_key
    if signer is None:
        raise Problem(503, "No key", "this server has no key to sign snapshots with")
    with store_of(request).read() as snapshot:
        market = verification_settings_of(request).market
        content = take(snapshot, now_of(request), market=market)
    headers = {"x-snapshot-key": hashlib.sha256(public_pem(signer)).hexdigest()}
    return Response(seal(content, signer), media_type="application/json", headers=headers)


def _stopped_packs(snapshot: Snapshot) -> Iterator[str]:
    """Keys of all packs that must not be supplied, by registry or by event."""
    rows = snapshot.connection.execute(
        select(pack.c.code, pack.c.serial).where(pack.c.state != PackState.ACTIVE.value)
    )
    yield from (history.pack_key(code, serial) for code, serial in rows)
    ended = [status for status in STATE_OF_ITEM if status not in ("active", "")]
    yield from snapshot.connection.execute(
        select(item.c.key)
        .join(item_state, item_state.c.id == item.c.state_id)
        .where(item_state.c.status.in_(ended))
    ).scalars()


def _filter(keys: Iterable[str], bits: int, hashes: int) -> bytes:
    table = bytearray((bits + 7) // 8)
    for key in keys:
        for at in _places(key, bits, hashes):
            table[at >> 3] |= 1 << (at & 7)
    return bytes(table)


def _places(key: str, bits: int, hashes: int) -> Iterator[int]:
    """The filter's bits of a key, by two halves of one hash (Kirsch and Mitzenmacher)."""
    digest = hashlib.sha256(key.encode()).digest()
    first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")
    return ((first + turn * second) % bits for turn in range(hashes))
