"""The one judgement about any number of packs, a few at a time, so that memory does not grow.

Reports and dossiers count and list packs by it, never by a row of their own choice. They serve no
market in particular, so what holds in any market counts.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from epcis.database.columns import unpack_key
from epcis.database.raw_driver import RawDriver
from epcis.store.items import serials_of_lot
from verification.decision.act import TO_LOOK_UP, Asked
from verification.decision.decide import decide
from verification.decision.facts import LOOK_PACKS_MAX, facts_from, look, serial_ranges
from verification.decision.restrictions import ANYWHERE
from verification.decision.rule_pack import shipped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from verification.decision.words import PackState, Reason, Word

PackName = tuple[str, str]
"""Product code and serial."""

_UPLOADED = "SELECT code, serial FROM pack"
_UPLOADED_OF_PRODUCT = "SELECT code, serial FROM pack WHERE code = ?"
_UPLOADED_OF_LOT = "SELECT code, serial FROM pack WHERE lot = ? AND code = ?"
_ITEM_KEYS = "SELECT key FROM item_key WHERE key >= ? AND key < ?"
_SERIALIZED = (b"\x01", b"\x03")
"""Between these are the packed keys of packs (`epcis.database.columns`)."""


class JudgedPack(NamedTuple):
    """What the engine says of one pack; the texts of an unknown one are empty."""

    gtin: str
    serial: str
    lot: str
    state: PackState | None
    """None: the pack is not recorded."""
    verdict: Word
    reasons: tuple[Reason, ...]
    """Gravest first; `genuine` alone where nothing speaks against it."""
    uploaded_lot: str | None
    """By the registry; None where it has no row of the pack."""


def judge_packs(
    snapshot: Snapshot, packs: Iterable[PackName], now: datetime, *, market: str = ANYWHERE
) -> Iterator[JudgedPack]:
    """The judgement of each pack, in the order given; nothing is alerted or kept."""
    waiting = iter(packs)
    while some := list(islice(waiting, LOOK_PACKS_MAX)):
        stops, rows = look(snapshot, some)
        for (code, serial), row in zip(some, rows, strict=True):
            asked = Asked(code, serial)
            facts = facts_from(snapshot, asked, None, stops, row, market=market)
            judgement = decide(facts, TO_LOOK_UP, shipped(), now)
            pack = facts.pack
            yield JudgedPack(
                code,
                serial,
                (pack.lot or "") if pack is not None else "",
                pack.state if pack is not None else None,
                judgement.verdict,
                judgement.reasons,
                (row.lot or "") if row.state is not None else None,
            )


def judge_all(snapshot: Snapshot, now: datetime) -> Iterator[JudgedPack]:
    """The judgement of every pack on record, each once: uploaded ones, then those events tell."""
    driver = RawDriver(snapshot)
    uploaded = ((code, serial) for code, serial in driver.stream(_UPLOADED))
    yield from judge_packs(snapshot, uploaded, now)
    names = (unpack_key(bytes(key)) for (key,) in driver.stream(_ITEM_KEYS, _SERIALIZED))
    for one in judge_packs(snapshot, map(name_of, names), now):
        if one.uploaded_lot is None:
            yield one


def judge_product(
    snapshot: Snapshot, gtin: str, now: datetime, *, market: str
) -> Iterator[JudgedPack]:
    """The judgement of every pack of a product as in a market, each once."""
    driver = RawDriver(snapshot)
    uploaded = ((code, serial) for code, serial in driver.stream(_UPLOADED_OF_PRODUCT, (gtin,)))
    yield from judge_packs(snapshot, uploaded, now, market=market)
    for first, last in serial_ranges(gtin):
        names = (unpack_key(bytes(key)) for (key,) in driver.stream(_ITEM_KEYS, (first, last)))
        for one in judge_packs(snapshot, map(name_of, names), now, market=market):
            if one.uploaded_lot is None:
                yield one


def judge_lot(snapshot: Snapshot, gtin: str, lot: str, now: datetime) -> Iterator[JudgedPack]:
    """The judgement of every pack for which an upload or any event records this lot, each once."""
    uploaded = RawDriver(snapshot).stream(_UPLOADED_OF_LOT, (lot, gtin))
    yield from judge_packs(snapshot, ((code, serial) for code, serial in uploaded), now)
    names = map(name_of, serials_of_lot(snapshot, gtin, lot))
    for one in judge_packs(snapshot, names, now):
        if one.uploaded_lot != lot:
            yield one


def name_of(key: str) -> PackName:
    """Product code and serial of a pack's canonical key.

    >>> name_of("/01/00355555678908/21/A%2F1")
    ('00355555678908', 'A/1')
    """
    _, _, code, _, serial = key.split("/")
    return code, unquote(serial)


def is_pack(key: str) -> bool:
    """Whether a canonical key names a pack.

    >>> is_pack("/01/00355555678908/21/A1"), is_pack("/00/003555550000000017")
    (True, False)
    """
    return key.startswith("/01/") and "/21/" in key
