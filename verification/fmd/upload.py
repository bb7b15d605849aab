"""What a manufacturer uploads before release: products, lots with their serial numbers, repacks.

Every fault is a finding; a document with an error stores nothing, while serial numbers that exist
already are rejected one by one (2016/161 Art. 4, 33 to 35, 40, 42). Uploaded packs are commissioned
by an EPCIS event in the same act, so that trace, recall, stock and dossiers know them.
"""

from __future__ import annotations

import re
from datetime import date  # noqa: TC003  # msgspec reads the annotations at run time
from hashlib import sha256, shake_256
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import delete, func, insert, select, update

from epcis.capture import record
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from epcis.store.item_status import ItemStatus
from epcis.store.items import items
from schemas.finding import Finding, Severity, Where, is_acceptable
from verification.decision.act import ParticipantRole
from verification.decision.restrictions import current_restrictions
from verification.decision.words import LotState, PackState, ProductState
from verification.fmd import cause
from verification.fmd.event import EVENT_PACKS_MAX, commissioning_of
from verification.registry.history import pack_key
from verification.registry.pack_tables import batch, pack, product, product_version, repack_link
from verification.registry.rights import is_anothers, participants_company
from verification.serials.guessable import TEXT_82, serial_faults
from verification.vrs.question import MalformedError, gtin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from verification.decision.act import Who
    from verification.decision.rule_pack import RulePack

WHOLESALERS_FRESH_MONTHS = 13
SUM_BYTES = 256
"""Of `packs_sum`: so long that no other set of packs can be made to have the same sum."""
_MARKET = re.compile(r"[A-Z]{2}\Z")
_PACK = (
    "code", "serial", "lot", "expiry", "state", "since_us", "location", "authorisation", "repeats",
    "version", "stolen", "public",
)  # fmt: skip
_FRESH = ("", "", 0, 1, 0, 0)
"""Of a pack that nobody has done anything to: the columns from `location` on."""
UPLOADERS = (ParticipantRole.MAH, ParticipantRole.PARALLEL_DISTRIBUTOR)
"""Who may upload anything: marketing authorisation holders and those who repack for a market."""


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What a product is in one market."""

    country: str
    national_code: str = ""
    article_57_code: str = ""
    mah_name: str = ""
    mah_address: str = ""
    manufacturer_address: str = ""
    wholesalers: tuple[str, ...] = ()
    wholesalers_as_of: date | None = None


class Product(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Product master data (Art. 33(2))."""

    code: str
    name: str = ""
    common_name: str = ""
    form: str = ""
    strength: str = ""
    pack_type: str = ""
    pack_size: int | None = None
    scheme: str = "GTIN"
    atc: tuple[str, ...] = ()
    markets: tuple[Market, ...] = ()


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lot and its packs."""

    code: str
    lot: str
    expiry: date
    markets: tuple[str, ...]
    serials: tuple[str, ...]
    released: date | None = None
    source: tuple[tuple[str, str, int], ...] = ()
    """Of a repack: product code, lot and doses of what went into it (Art. 35(4))."""


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of an upload."""

    accepted: bool
    stored: int = 0
    """Packs stored, or 1 for a product."""
    version: int | None = None
    rejected_serials: tuple[str, ...] = ()
    findings: tuple[dict[str, object], ...] = ()


class HeldProduct(NamedTuple):
    """A product as it is recorded now."""

    owner: str
    version: int
    details: Product

    @property
    def markets(self) -> frozenset[str]:
        """The countries it is sold in."""
        return frozenset(market.country for market in self.details.markets)


def held_product(snapshot: Snapshot, code: str) -> HeldProduct | None:
    """The uploaded product with this code; None where nobody uploaded it."""
    table = product.c
    row = snapshot.connection.execute(
        select(table.owner, table.version, table.details).where(table.code == code)
    ).first()
    if row is None:
        return None
    return HeldProduct(row.owner, row.version, msgspec.json.decode(row.details, type=Product))


def right_faults(held: HeldProduct | None, who: Who) -> Iterator[Finding]:
    """Why a client may not upload anything about a product: its role, or another's product."""
    if who.role not in UPLOADERS:
        may = " and ".join(role.value for role in UPLOADERS)
        yield fault("role", f"a client registered as {who.role} uploads nothing, {may} do", "code")
    elif held is not None and held.owner not in participants_company(who).names:
        yield fault("owner", "the product belongs to another company", "code")


def upload_product(tx: Transaction, wanted: Product, who: Who) -> Uploaded:
    """Store a new version of a product's master data."""
    known = held_product(tx, wanted.code)
    found = list(right_faults(known, who))
    if not found and known is None and is_anothers(tx, participants_company(who), wanted.code):
        what = "its GTIN begins with the company prefix of another participant: let that one upload"
        found = [fault("owner", what, "code")]
    if not found:
        found = [*_product_faults(wanted), *_market_faults(tx, wanted, known)]
    if not is_acceptable(found):
        return receipt_of(found)
    table = product.c
    version = (known.version if known else 0) + 1
    details = msgspec.json.encode(wanted).decode()
    values = {
        "scheme": wanted.scheme,
        "version": version,
        "name": wanted.name,
        "details": details,
        "uploaded_us": microseconds(tx.now),
    }
    if known is None:
        owner = who.authorisation
        tx.connection.execute(insert(product).values(code=wanted.code, owner=owner, **values))
    else:
        tx.connection.execute(update(product).where(table.code == wanted.code).values(**values))
    tx.connection.execute(
        insert(product_version).values(
            code=wanted.code,
            version=version,
            details=details,
            uploaded_us=microseconds(tx.now),
            by=who.client,
        )
    )
    _log(tx, {"upload": "product", "code": wanted.code, "version": version}, who)
    return receipt_of(found, stored=1, version=version)


def upload_batch(tx: Transaction, wanted: Batch, who: Who, rules: RulePack) -> Uploaded:
    """Store a lot and those of its serial numbers that are new."""
    held = held_product(tx, wanted.code)
    found = list(right_faults(held, who)) or list(_batch_faults(tx, wanted, held, rules))
    if not is_acceptable(found):
        return receipt_of(found)
    known = _known_serials(tx, wanted)
    made, other = _recorded_by_events(tx, wanted, known)
    if known:
        what = f"{len(known)} serial numbers exist already"
        found.append(fault("serial-known", what, "serials", "warning"))
    if other:
        what = f"{len(other)} packs were commissioned with another lot or expiry"
        found.append(fault("serial-conflict", what, "serials", "warning"))
    rejected = known | other
    fresh = [serial for serial in dict.fromkeys(wanted.serials) if serial not in rejected]
    _store_batch(tx, wanted, who, len(fresh))
    _store_packs(tx, wanted, fresh)
    _commission(tx, wanted, [serial for serial in fresh if serial not in made], who)
    for code, lot, doses in wanted.source:
        found += _link(tx, wanted, code, lot, doses)
    details = {"upload": "lot", "code": wanted.code, "lot": wanted.lot, "packs": len(fresh)}
    expiry, at_us = wanted.expiry.isoformat(), microseconds(tx.now)
    total = packs_sum((serial, wanted.lot, expiry, at_us) for serial in fresh)
    _log(tx, details | {"sum": f"{total:x}"}, who, subject=lot_subject(wanted.code, wanted.lot))
    return receipt_of(found, stored=len(fresh), rejected=tuple(sorted(rejected)))


def must_verify(details: Product, supplier: str, market: str) -> bool:
    """Whether a wholesaler must verify packs from a supplier (Art. 20(b), 36(g)).

    Not from the holder itself or a wholesaler it has designated by contract.
    """
    for one in details.markets:
        if one.country == market:
            return supplier not in (*one.wholesalers, one.mah_name)
    return True


def _product_faults(wanted: Product) -> Iterator[Finding]:
    try:
        gtin_of(wanted.code)
    except MalformedError as error:
        yield fault("code", str(error), "code")
    for field in ("name", "common_name", "form", "strength", "pack_type"):
        if not getattr(wanted, field).strip():
            yield fault("missing", f"{field} is missing (A16)", field)
    if wanted.pack_size is None or wanted.pack_size < 1:
        yield fault("missing", "pack_size is missing (A16)", "pack_size")
    if not wanted.markets:
        yield fault("missing", "at least one market is needed (A16)", "markets")


def _market_faults(tx: Transaction, wanted: Product, held: HeldProduct | None) -> Iterator[Finding]:
    countries = {market.country for market in wanted.markets}
    for market in wanted.markets:
        where = f"markets/{market.country}"
        if not _MARKET.match(market.country):
            yield fault("market", "a market is an ISO 3166 country of two letters", where)
        if not market.mah_name or not market.mah_address:
            yield fault("missing", "name and address of the holder are missing (A16)", where)
        as_of = market.wholesalers_as_of
        months = WHOLESALERS_FRESH_MONTHS
        if market.wholesalers and as_of and (tx.now.date() - as_of).days > months * 31:
            old = f"the list of wholesalers is older than {months} months"
            yield fault("wholesalers", old, where, "warning")
    if held is None:
        return
    for gone in sorted(held.markets - countries):
        yield fault("market-removed", f"market {gone} cannot be removed", "markets")
    if all(is_withdrawn(tx, wanted.code, market) for market in countries):
        yield fault("withdrawn", "the product is withdrawn from all its markets", "code")


def is_withdrawn(tx: Transaction, code: str, market: str) -> bool:
    """Whether a product is withdrawn from a market, for good."""
    return current_restrictions(tx).product(code, market) is ProductState.WITHDRAWN


def _batch_faults(
    tx: Transaction, wanted: Batch, held: HeldProduct | None, rules: RulePack
) -> Iterator[Finding]:
    if held is None:
        yield fault("product-unknown", "upload the product's master data first", "code")
        return
    for market in wanted.markets:
        if market not in held.markets:
            yield fault("market", f"the product has no market {market[:20]!r}", "markets")
        elif is_withdrawn(tx, wanted.code, market):
            yield fault("withdrawn", f"the product is withdrawn from {market}", "markets")
    if not wanted.markets:
        yield fault("market", "name at least one market", "markets")
    if not TEXT_82.match(wanted.lot):
        yield fault("lot", "a lot has 1 to 20 characters of GS1 charset 82", "lot")
    if wanted.released is not None and wanted.released < tx.now.date():
        yield fault("after-release", "the lot was released before this upload", "released")
    if wanted.expiry <= (wanted.released or tx.now.date()):
        yield fault("expiry", "the lot expires before its release", "expiry")
    yield from _held_batch_faults(tx, wanted)
    issued = tx.connection.execute(
        select(func.count())
        .select_from(pack)
        .where(pack.c.code == wanted.code, pack.c.state == PackState.ACTIVE.value)
    ).scalar_one()
    for code, what, path in serial_faults(wanted.serials, issued, rules.serial_space_min):
        yield fault(code, what, path)


def _held_batch_faults(tx: Transaction, wanted: Batch) -> Iterator[Finding]:
    stops = current_restrictions(tx)
    states = {stops.lot(wanted.code, wanted.lot, market) for market in (*wanted.markets, "")}
    if states & {LotState.RECALLED, LotState.CLOSED}:
        yield fault("recalled", "the lot is recalled: no more packs of it are taken in", "lot")
    lots = known_lots(tx, wanted.code, wanted.lot)
    twins = sorted(lots - {wanted.lot})
    if twins and wanted.lot not in lots:
        what = f"the product has a lot {twins[0]} that differs by upper and lower case only"
        yield fault("lot-case", what, "lot")
    here = (batch.c.code == wanted.code, batch.c.lot == wanted.lot)
    held = tx.connection.execute(select(batch).where(*here)).first()
    if held is None:
        return
    if held.expiry != wanted.expiry.isoformat():
        what = f"the lot is known with expiry {held.expiry} (NMVS_FE_LOT_02)"
        yield fault("expiry-immutable", what, "expiry")
    if set(held.markets.split(",")) != set(wanted.markets):
        yield fault("market-immutable", "the lot's markets cannot be changed", "markets")


_LOTS = (
    "SELECT lot FROM batch WHERE code = ? AND lower(lot) = ?"
    " UNION SELECT code FROM lot WHERE gtin = ? AND lower(code) = ?"
)


def known_lots(snapshot: Snapshot, code: str, lot: str) -> set[str]:
    """The lots of a product, uploaded or named by events, that read like `lot` in any case."""
    values = (code, lot.lower(), code, lot.lower())
    return {str(known) for (known,) in RawDriver(snapshot).all(_LOTS, values)}


def _known_serials(tx: Transaction, wanted: Batch) -> set[str]:
    known: set[str] = set()
    serials = list(wanted.serials)
    for start in range(0, len(serials), 500):
        some = serials[start : start + 500]
        rows = tx.connection.execute(
            select(pack.c.serial).where(pack.c.code == wanted.code, pack.c.serial.in_(some))
        )
        known.update(serial for (serial,) in rows)
    return known


def _recorded_by_events(
    tx: Transaction, wanted: Batch, known: set[str]
) -> tuple[set[str], set[str]]:
    """Serials that events commissioned before this upload, and those with another lot or expiry."""
    made: set[str] = set()
    other: set[str] = set()
    lots, days = ("", wanted.lot), (None, wanted.expiry)
    new = [serial for serial in dict.fromkeys(wanted.serials) if serial not in known]
    for start in range(0, len(new), EVENT_PACKS_MAX):
        by_key = {pack_key(wanted.code, one): one for one in new[start : start + EVENT_PACKS_MAX]}
        for key, item in items(tx, list(by_key)).items():
            if item.status is not ItemStatus.NONE:
                made.add(by_key[key])
            if item.lot not in lots or item.expiry not in days:
                other.add(by_key[key])
    return made, other


def _commission(tx: Transaction, wanted: Batch, serials: Sequence[str], who: Who) -> None:
    """Record the packs as commissioned; those that an event commissioned before are left alone."""
    for start in range(0, len(serials), EVENT_PACKS_MAX):
        packs = [(wanted.code, one) for one in serials[start : start + EVENT_PACKS_MAX]]
        event = commissioning_of(packs, who, tx.now, lot=wanted.lot, expiry=wanted.expiry)
        record(tx, [event])


def _store_batch(tx: Transaction, wanted: Batch, who: Who, packs: int) -> None:
    here = (batch.c.code == wanted.code, batch.c.lot == wanted.lot)
    more = update(batch).where(*here).values(packs=batch.c.packs + packs)
    if tx.connection.execute(more).rowcount:
        return
    version = select(product.c.version).where(product.c.code == wanted.code)
    tx.connection.execute(
        insert(batch).values(
            code=wanted.code,
            lot=wanted.lot,
            expiry=wanted.expiry.isoformat(),
            product_version=tx.connection.execute(version).scalar_one(),
            markets=",".join(sorted(set(wanted.markets))),
            serial_shape=cause.shape(wanted.serials[0]),
            released=wanted.released.isoformat() if wanted.released else None,
            packs=packs,
            owner=who.authorisation,
            uploaded_us=microseconds(tx.now),
        )
    )


def _store_packs(tx: Transaction, wanted: Batch, serials: Sequence[str]) -> None:
    since_us, expiry = microseconds(tx.now), wanted.expiry.isoformat()
    alike = (wanted.lot, expiry, PackState.ACTIVE.value, since_us, *_FRESH)
    rows = [(wanted.code, serial, *alike) for serial in serials]
    RawDriver(tx).insert("pack", _PACK, rows)


def _link(tx: Transaction, wanted: Batch, code: str, lot: str, doses: int) -> Iterator[Finding]:
    """Tie a repack to its source; packs that are still active there are worth a warning (A67)."""
    link = {"code": wanted.code, "lot": wanted.lot, "from_code": code, "from_lot": lot}
    before = tx.connection.execute(
        delete(repack_link)
        .where(*(repack_link.c[name] == value for name, value in link.items()))
        .returning(repack_link.c.doses)
    ).scalar()
    tx.connection.execute(
        insert(repack_link).values(**link, doses=doses + (before or 0), at_us=microseconds(tx.now))
    )
    gone = (PackState.CHECKED_OUT.value, PackState.DESTROYED.value)
    used = tx.connection.execute(
        select(func.count())
        .select_from(pack)
        .where(pack.c.code == code, pack.c.lot == lot, pack.c.state.in_(gone))
    ).scalar_one()
    if not used:
        what = f"no pack of {code} lot {lot} was decommissioned before (A67)"
        yield fault("repack-source", what, "source", "warning")


def repacks_of(snapshot: Snapshot, code: str, lot: str) -> list[tuple[str, str, int]]:
    """The lots that were repacked from a lot, as (product code, lot, doses)."""
    table = repack_link.c
    rows = snapshot.connection.execute(
        select(table.code, table.lot, table.doses)
        .where(table.from_code == code, table.from_lot == lot)
        .order_by(table.code, table.lot)
    )
    return [(row.code, row.lot, row.doses) for row in rows]


def fault(code: str, what: str, path: str, severity: str = "error") -> Finding:
    """A finding of an upload."""
    return Finding(f"upload.{code}", Severity(severity), what, "", Where(path=path))


def receipt_of(
    found: Sequence[Finding],
    *,
    stored: int = 0,
    version: int | None = None,
    rejected: tuple[str, ...] = (),
) -> Uploaded:
    """The receipt that says these findings."""
    return Uploaded(
        accepted=is_acceptable(found),
        stored=stored,
        version=version,
        rejected_serials=rejected,
        findings=tuple(one.as_dict() for one in found),
    )


def lot_subject(code: str, lot: str) -> bytes:
    """The 32 bytes by which the log knows the uploads of a lot."""
    return sha256(f"lot {code} {lot}".encode()).digest()


def packs_sum(packs: Iterable[tuple[str, str | None, str | None, int]]) -> int:
    """One number for a set of new packs (serial, lot, expiry, since_us), whatever their order.

    A sum modulo 2^2048 of hashes of that length: uploads add up, and no other set has it.

    >>> one, other = ("1", "L", "E", 7), ("2", "L", "E", 7)
    >>> packs_sum([one, other]) == packs_sum([other, one])
    True
    """
    total = sum(
        int.from_bytes(shake_256(msgspec.json.encode(pack)).digest(SUM_BYTES), "big")
        for pack in packs
    )
    return total % (1 << 8 * SUM_BYTES)


def _log(tx: Transaction, public: dict[str, object], who: Who, subject: bytes = b"") -> None:
    content, by = msgspec.json.encode(public), msgspec.json.encode(who)
    tx.log(LeafKind.MASTER_DATA, content, by, subject=subject)
