"""A signed snapshot of everything that is stopped, small enough for a till without a line.

Stopped lots are listed; stopped packs are a Bloom filter, which says "surely not stopped" or "ask".
It never says OK by itself: a till that is offline records the pack and sends it later (Art. 29).
"""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta  # msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from sqlalchemy import or_, select, union
from starlette.responses import Response

from epcis.clock import day_in
from epcis.database.site_zone import site_day, zone_of
from epcis.http_context import now_of, store_of
from epcis.problem import Problem
from epcis.store.event_tables import item, item_state, lot, master_data_lot
from verification.context import verification_context_of, verification_settings_of
from verification.decision.facts import (
    LOOK_PACKS_MAX,
    day_of,
    known_pack,
    look,
    speaks_against,
)
from verification.decision.many import is_pack, judge_product, name_of
from verification.decision.restrictions import current_restrictions
from verification.decision.words import LotState, PackState, Word
from verification.registry import history
from verification.registry.pack_tables import batch, pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from starlette.requests import Request

    from epcis.database.transactions import Snapshot
    from verification.decision.restrictions import Restrictions

FALSE_POSITIVES = 0.001
"""Share of packs in trade that a till would ask about without need."""
AGE_MAX = timedelta(days=3)
"""A snapshot older than this is not to be trusted at all."""
VERSION = 2
SAYS = {
    "": "Not among the stopped packs; whether it is genuine cannot be known here: check seal and"
    " print, record the pack and send it when the line is back.",
    "stale": "Cannot tell: the snapshot is too old; fetch a new one.",
    "withdrawn": "Do not supply: the product is withdrawn.",
    "expired": "Do not supply: the pack is past its expiry date.",
    "lot": "Do not supply: the lot is stopped, or it was not given and another lot is.",
    "pack": "Wait: this pack may be stopped (one in a thousand is not); ask when the line is back.",
}
"""What a person at a till without a line reads, by what `OfflineSnapshot.stops` gives."""
_HEAD_CHARS = len("/01/00000000000000/21/")


class Signer(Protocol):
    """Whoever signs the snapshot: Ed25519 over its bytes."""

    def sign(self, data: bytes, /) -> bytes:
        """The signature."""
        ...


class SnapshotContent(msgspec.Struct, frozen=True):
    """What the snapshot says."""

    version: int
    made: datetime
    stopped_packs: int
    bits: int
    hashes: int
    filter: bytes
    lots: tuple[tuple[str, str], ...]
    """GTIN and lot of every lot that is stopped, or in a case; the lot is empty for all of them."""
    withdrawn: tuple[str, ...]
    """GTINs withdrawn from the market."""
    last_days: tuple[tuple[str, str, date], ...] = ()
    """GTIN, lot and last day of lots that are over, or will be while the snapshot is fresh."""
    zone: str = "UTC"
    """Time zone of the site (IANA), where an expiry day ends."""


@dataclass(frozen=True, slots=True)
class OfflineSnapshot:
    """A snapshot that was checked."""

    content: SnapshotContent

    def age(self, now: datetime) -> timedelta:
        """How long ago it was made."""
        return now - self.content.made

    def stops(
        self, gtin: str, serial: str, lot: str | None, now: datetime, expiry: date | None = None
    ) -> str:
        """Why a pack must wait: `stale`, `withdrawn`, `expired`, `lot`, `pack`; else empty.

        `pack` may be wrong for one pack in a thousand: it means ask, not stop. Where the lot is not
        given and any lot of the product is stopped, the pack may be of that lot.
        """
        if self.age(now) > AGE_MAX:
            return "stale"
        content = self.content
        if gtin in content.withdrawn:
            return "withdrawn"
        today = day_in(content.zone, now)
        if expiry is not None and today > expiry and not self._is_extended(gtin, lot, today):
            return "expired"
        key = history.pack_key(gtin, serial)
        places = _places(key, content.bits, content.hashes) if content.bits else iter(())
        if content.bits and all(content.filter[at >> 3] >> (at & 7) & 1 for at in places):
            return "pack"
        stopped = {of for code, of in content.lots if code == gtin}
        over = {of for code, of, last in content.last_days if code == gtin and today > last}
        if (lot is None and stopped | over) or stopped & {lot, ""}:
            return "lot"
        return "expired" if lot in over else ""

    def _is_extended(self, gtin: str, lot: str | None, today: date) -> bool:
        """Whether the manufacturer gave the lot a later day than the printed one."""
        last = [day for code, of, day in self.content.last_days if (code, of) == (gtin, lot)]
        return bool(last) and today <= max(last)


def take(snapshot: Snapshot, now: datetime, *, market: str = "") -> bytes:
    """The unsigned bytes of a snapshot as of now."""
    stops = current_restrictions(snapshot)
    # Where sensor readings count by a rule of the product, no state of an item says it all.
    ruled = {f"/01/{gtin}/21/" for gtin in stops.sensors}
    found = {key for key in _stopped_packs(snapshot) if key[:_HEAD_CHARS] not in ruled}
    for gtin in stops.sensors:
        judged = judge_product(snapshot, gtin, now, market=market)
        found.update(
            history.pack_key(gtin, one.serial) for one in judged if one.verdict is not Word.OK
        )
    keys = sorted({*found, *_packs_in_cases(stops)})
    lots = {key for key in stops.lots if stops.lot(*key, market) is not LotState.ACTIVE}
    lots |= {
        (gtin, one.lot)
        for gtin, doubts in stops.doubts.items()
        for one in doubts
        if not one.serial or one.serial_to
    }
    withdrawn = tuple(
        sorted(code for code, places in stops.withdrawn.items() if places & {market, ""})
    )
    bits = max(8, math.ceil(-len(keys) * math.log(FALSE_POSITIVES) / math.log(2) ** 2))
    hashes = max(1, round(bits / max(len(keys), 1) * math.log(2)))
    hashes = min(hashes, 16)
    content = SnapshotContent(
        version=VERSION,
        made=now,
        stopped_packs=len(keys),
        bits=bits,
        hashes=hashes,
        filter=_filter(keys, bits, hashes),
        lots=tuple(sorted(lots)),
        withdrawn=withdrawn,
        last_days=tuple(_last_days(snapshot, stops, site_day(snapshot, now + AGE_MAX))),
        zone=zone_of(snapshot),
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
        return OfflineSnapshot(msgspec.json.decode(content, type=SnapshotContent))
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


def _packs_in_cases(stops: Restrictions) -> Iterator[str]:
    for gtin, doubts in stops.doubts.items():
        for one in doubts:
            if one.serial and not one.serial_to:
                yield history.pack_key(gtin, one.serial)


def _last_days(
    snapshot: Snapshot, stops: Restrictions, until: date
) -> Iterator[tuple[str, str, date]]:
    """Lots whose last day, extensions counted, is before a day, whoever recorded it."""
    uploaded = select(batch.c.code, batch.c.lot, batch.c.expiry)
    expiries = select(lot.c.gtin, lot.c.code, lot.c.expiry)
    days: dict[tuple[str, str], date] = {}
    by_master_data = select(master_data_lot.c.gtin, master_data_lot.c.lot, master_data_lot.c.expiry)
    for gtin, code, text in snapshot.connection.execute(union(uploaded, expiries, by_master_data)):
        day = day_of(text)
        if day is not None:
            # Of two recorded days the earlier one counts: a till must rather ask.
            days[gtin, code] = min(day, days.get((gtin, code), day))
    for (gtin, code), day in sorted(days.items()):
        extended = stops.extended(gtin, code)
        last = max(day, extended) if extended is not None else day
        if last < until or extended is not None:
            yield gtin, code, last


def _stopped_packs(snapshot: Snapshot) -> Iterator[str]:
    """Keys of all packs that must not be supplied, or not yet, by registry or by event."""
    against = or_(pack.c.state != PackState.ACTIVE.value, pack.c.stolen != 0)
    rows = snapshot.connection.execute(select(pack.c.code, pack.c.serial).where(against))
    yield from (history.pack_key(code, serial) for code, serial in rows)
    states = [
        row.id
        for row in snapshot.connection.execute(select(item_state))
        if speaks_against(row.status, row.conditions)
    ]
    # What a container is in holds for all that is in it, to any depth.
    first = select(item.c.id, item.c.key).where(item.c.state_id.in_(states))
    found = first.cte(recursive=True)
    inside = select(item.c.id, item.c.key).join(found, item.c.parent == found.c.id)
    found = found.union(inside)
    for key in snapshot.connection.execute(select(found.c.key)).scalars():
        if is_pack(key):
            yield key
    yield from _recorded_in_part_or_in_conflict(snapshot)


def _recorded_in_part_or_in_conflict(snapshot: Snapshot) -> Iterator[str]:
    """Packs with no expiry on record, or of which two sources tell two lots or expiry dates."""
    run = snapshot.connection.execute
    by_master_data: dict[tuple[str, str], set[str]] = {}
    for gtin, code, expiry in run(
        select(master_data_lot.c.gtin, master_data_lot.c.lot, master_data_lot.c.expiry)
    ):
        by_master_data.setdefault((gtin, code), set()).add(expiry)
    uploaded = {
        tuple(row) for row in run(select(pack.c.code, pack.c.lot, pack.c.expiry).distinct())
    }
    doubtful = [
        (code, of)
        for code, of, expiry in uploaded
        if expiry is None or by_master_data.get((code, of or ""), {expiry}) != {expiry}
    ]
    names: list[tuple[str, str]] = []
    for code, of in doubtful:
        here = (pack.c.code == code, pack.c.lot.is_(None) if of is None else pack.c.lot == of)
        names += [tuple(row) for row in run(select(pack.c.code, pack.c.serial).where(*here))]
    codes = {code for code, _, _ in uploaded}
    lots = [
        row.id
        for row in run(select(lot.c.id, lot.c.gtin, lot.c.code, lot.c.expiry))
        if day_of(row.expiry) is None
        or (row.gtin in codes and (row.gtin, row.code, row.expiry) not in uploaded)
        or by_master_data.get((row.gtin, row.code), {row.expiry}) != {row.expiry}
    ]
    keys = [*run(select(item.c.key).where(item.c.lot.is_(None))).scalars()]
    for start in range(0, len(lots), LOOK_PACKS_MAX):
        some_lots = lots[start : start + LOOK_PACKS_MAX]
        keys += run(select(item.c.key).where(item.c.lot.in_(some_lots))).scalars()
    names += [name_of(key) for key in keys if is_pack(key)]
    yield from _without_expiry_or_with_conditions(snapshot, names)


def _without_expiry_or_with_conditions(
    snapshot: Snapshot, names: Sequence[tuple[str, str]]
) -> Iterator[str]:
    for start in range(0, len(names), LOOK_PACKS_MAX):
        some = names[start : start + LOOK_PACKS_MAX]
        _, rows = look(snapshot, some)
        for name, row in zip(some, rows, strict=True):
            known = known_pack(row)
            if known is not None and (known.expiry is None or known.conditions):
                yield history.pack_key(*name)


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
