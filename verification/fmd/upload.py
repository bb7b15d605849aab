"""What a manufacturer uploads before release: products, lots with their serial numbers, repacks.

Every fault is a finding; a document with an error stores nothing, while serial numbers that exist
already are rejected one by one (2016/161 Art. 4, 33 to 35, 40, 42).
"""

from __future__ import annotations

import re
import string
from datetime import date  # noqa: TC003  # msgspec reads the annotations at run time
from hashlib import sha256, shake_256
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, insert, select, update

from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver
from epcis.ledger.entry import LeafKind
from schemas.finding import Finding, Severity, Where, is_acceptable
from verification.decision.verdict import LotState, PackState, ProductState
from verification.fmd import cause
from verification.registry.pack_registry import set_lot_state, set_product_state
from verification.registry.pack_tables import batch, pack, product, product_version, repack_link
from verification.vrs.question import MalformedError, gtin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from epcis.ledger.store import Transaction
    from verification.fmd.operation import Who
    from verification.fmd.rulepack import RulePack

WHOLESALERS_FRESH_MONTHS = 13
SUM_BYTES = 256
"""Of `packs_sum`: so long that no other set of packs can be made to have the same sum."""
SERIALS_MAX = 1_000_000
"""Serial numbers in one upload."""
RUN_MAX = 16
"""Consecutive numbers among the serials beyond which they are not random (Art. 4(b)(ii))."""
FINDINGS_MAX = 100
"""Findings of one kind; more are counted in the last one."""
_TEXT_82 = re.compile(r"[!-\"%-?A-Z_a-z]{1,20}\Z")
_MARKET = re.compile(r"[A-Z]{2}\Z")
_ALPHABETS = (string.digits, string.ascii_uppercase, string.ascii_lowercase)
_PACK = (
    "code", "serial", "lot", "expiry", "state", "since_us", "location", "authorisation", "repeats",
    "version", "stolen", "public",
)  # fmt: skip
_FRESH = ("", "", 0, 1, 0, 0)
"""Of a pack that nobody has done anything to: the columns from `location` on."""
_SIGNS = 20
"""Characters of GS1 charset 82 that are neither letters nor digits."""


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


def upload_product(tx: Transaction, wanted: Product, who: Who) -> Uploaded:
    """Store a new version of a product's master data."""
    found = [*_product_faults(wanted), *_market_faults(tx, wanted, who)]
    if not is_acceptable(found):
        return _receipt(found)
    table = product.c
    held = tx.connection.execute(select(table.version).where(table.code == wanted.code)).scalar()
    version = (held or 0) + 1
    details = msgspec.json.encode(wanted).decode()
    values = {
        "scheme": wanted.scheme,
        "version": version,
        "name": wanted.name,
        "details": details,
        "uploaded_us": microseconds(tx.now),
    }
    if held is None:
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
    return _receipt(found, stored=1, version=version)


def upload_batch(tx: Transaction, wanted: Batch, who: Who, rules: RulePack) -> Uploaded:
    """Store a lot and those of its serial numbers that are new."""
    found = list(_batch_faults(tx, wanted, who, rules))
    if not is_acceptable(found):
        return _receipt(found)
    known = _known_serials(tx, wanted)
    fresh = [serial for serial in dict.fromkeys(wanted.serials) if serial not in known]
    counted = len(wanted.serials) - len(fresh)
    if counted:
        found.append(
            _fault("serial-known", f"{counted} serial numbers exist already", "serials", "warning")
        )
    _store_batch(tx, wanted, who, len(fresh))
    _store_packs(tx, wanted, fresh)
    for code, lot, doses in wanted.source:
        found += _link(tx, wanted, code, lot, doses)
    told = {"upload": "lot", "code": wanted.code, "lot": wanted.lot, "packs": len(fresh)}
    expiry, at_us = wanted.expiry.isoformat(), microseconds(tx.now)
    total = packs_sum((serial, wanted.lot, expiry, at_us) for serial in fresh)
    _log(tx, told | {"sum": f"{total:x}"}, who, subject=lot_subject(wanted.code, wanted.lot))
    return _receipt(found, stored=len(fresh), rejected=tuple(sorted(known)))


def recall_batch(
    tx: Transaction, code: str, lot: str, *, markets: Sequence[str], reason: str, who: Who
) -> None:
    """Recall a lot in markets, or everywhere where none is named; it cannot be taken back."""
    for market in markets or ("",):
        set_lot_state(
            tx, code, lot, LotState.RECALLED, reason, now=tx.now, by=who.client, market=market
        )


def withdraw_product(
    tx: Transaction, code: str, *, markets: Sequence[str], reason: str, who: Who
) -> None:
    """Withdraw a product from markets, or everywhere; it cannot be taken back."""
    for market in markets or ("",):
        set_product_state(
            tx, code, ProductState.WITHDRAWN, reason, market=market, now=tx.now, by=who.client
        )


def must_verify(details: Product, supplier: str, market: str) -> bool:
    """Whether a wholesaler must verify packs from a supplier (Art. 20(b), 36(g)).

    Not from the holder itself or a wholesaler it has designated by contract.
    """
    for one in details.markets:
        if one.country == market:
            return supplier not in (*one.wholesalers, one.mah_name)
    return True


def serial_space(serials: Sequence[str]) -> int:
    """How many serial numbers of that length and those characters are possible.

    >>> serial_space(["12345", "54321"])
    100000
    """
    used = set("".join(serials))
    letters = sum(len(alphabet) for alphabet in _ALPHABETS if used & set(alphabet))
    signs = _SIGNS if used - set("".join(_ALPHABETS)) else 0
    return int((letters + signs) ** min((len(one) for one in serials), default=0))


def longest_run(serials: Sequence[str]) -> int:
    """The longest run of consecutive numbers among the serials.

    >>> longest_run(["10", "11", "12", "99"])
    3
    """
    numbers = sorted(int(one) for one in serials if one.isdigit() and one.isascii())
    longest = run = min(len(numbers), 1)
    for before, after in pairwise(numbers):
        run = run + 1 if after == before + 1 else 1
        longest = max(longest, run)
    return longest


def _product_faults(wanted: Product) -> Iterator[Finding]:
    try:
        gtin_of(wanted.code)
    except MalformedError as error:
        yield _fault("code", str(error), "code")
    for field in ("name", "common_name", "form", "strength", "pack_type"):
        if not getattr(wanted, field).strip():
            yield _fault("missing", f"{field} is missing (A16)", field)
    if wanted.pack_size is None or wanted.pack_size < 1:
        yield _fault("missing", "pack_size is missing (A16)", "pack_size")
    if not wanted.markets:
        yield _fault("missing", "at least one market is needed (A16)", "markets")


def _market_faults(tx: Transaction, wanted: Product, who: Who) -> Iterator[Finding]:
    countries = {market.country for market in wanted.markets}
    for market in wanted.markets:
        where = f"markets/{market.country}"
        if not _MARKET.match(market.country):
            yield _fault("market", "a market is an ISO 3166 country of two letters", where)
        if not market.mah_name or not market.mah_address:
            yield _fault("missing", "name and address of the holder are missing (A16)", where)
        as_of = market.wholesalers_as_of
        months = WHOLESALERS_FRESH_MONTHS
        if market.wholesalers and as_of and (tx.now.date() - as_of).days > months * 31:
            old = f"the list of wholesalers is older than {months} months"
            yield _fault("wholesalers", old, where, "warning")
    row = tx.connection.execute(
        select(product.c.details, product.c.owner).where(product.c.code == wanted.code)
    ).first()
    if row is None:
        return
    if row.owner != who.authorisation:
        yield _fault("owner", "the product belongs to another company", "code")
    held = msgspec.json.decode(row.details, type=Product)
    for gone in sorted({market.country for market in held.markets} - countries):
        yield _fault("market-removed", f"market {gone} cannot be removed", "markets")


def _batch_faults(tx: Transaction, wanted: Batch, who: Who, rules: RulePack) -> Iterator[Finding]:
    row = tx.connection.execute(select(product).where(product.c.code == wanted.code)).first()
    if row is None:
        yield _fault("product-unknown", "upload the product's master data first", "code")
        return
    if row.owner != who.authorisation:
        yield _fault("owner", "the product belongs to another company", "code")
    sold_in = {market.country for market in msgspec.json.decode(row.details, type=Product).markets}
    for market in wanted.markets:
        if market not in sold_in:
            yield _fault("market", f"the product has no market {market}", "markets")
    if not wanted.markets:
        yield _fault("market", "name at least one market", "markets")
    if not _TEXT_82.match(wanted.lot):
        yield _fault("lot", "a lot has 1 to 20 characters of GS1 charset 82", "lot")
    if wanted.released is not None and wanted.released < tx.now.date():
        yield _fault("after-release", "the lot was released before this upload", "released")
    if wanted.expiry <= (wanted.released or tx.now.date()):
        yield _fault("expiry", "the lot expires before its release", "expiry")
    yield from _held_batch_faults(tx, wanted)
    yield from _serial_faults(tx, wanted, rules)


def _held_batch_faults(tx: Transaction, wanted: Batch) -> Iterator[Finding]:
    held = tx.connection.execute(
        select(batch).where(batch.c.code == wanted.code, batch.c.lot == wanted.lot)
    ).first()
    if held is None:
        return
    if held.expiry != wanted.expiry.isoformat():
        what = f"the lot is known with expiry {held.expiry} (NMVS_FE_LOT_02)"
        yield _fault("expiry-immutable", what, "expiry")
    if set(held.markets.split(",")) != set(wanted.markets):
        yield _fault("market-immutable", "the lot's markets cannot be changed", "markets")


def _serial_faults(tx: Transaction, wanted: Batch, rules: RulePack) -> Iterator[Finding]:
    serials = wanted.serials
    if not 1 <= len(serials) <= SERIALS_MAX:
        yield _fault("serials", f"an upload has 1 to {SERIALS_MAX} serial numbers", "serials")
        return
    bad = [at for at, one in enumerate(serials) if not _TEXT_82.match(one)]
    for at in bad[:FINDINGS_MAX]:
        what = "a serial has 1 to 20 characters of GS1 charset 82"
        yield _fault("serial", what, f"serials/{at}")
    if bad:
        return
    if len({len(one) for one in serials}) > 1:
        yield _fault("serial-length", "the serials of a lot have one length", "serials")
    if longest_run(serials) > RUN_MAX:
        yield _fault("sequential", "the serials run in sequence and can be guessed", "serials")
    issued = tx.connection.execute(
        select(func.count())
        .select_from(pack)
        .where(pack.c.code == wanted.code, pack.c.state == PackState.ACTIVE.value)
    ).scalar_one()
    space = serial_space(serials)
    if (issued + len(serials)) * rules.serial_space_min > space:
        what = (
            f"{issued + len(serials)} serials of {space} possible ones: the chance of guessing one"
            f" is above 1 in {rules.serial_space_min} (Art. 4(c))"
        )
        yield _fault("guessable", what, "serials")


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
    tx.connection.execute(
        insert(repack_link).values(
            code=wanted.code,
            lot=wanted.lot,
            from_code=code,
            from_lot=lot,
            doses=doses,
            at_us=microseconds(tx.now),
        )
    )
    gone = (PackState.CHECKED_OUT.value, PackState.DESTROYED.value)
    used = tx.connection.execute(
        select(func.count())
        .select_from(pack)
        .where(pack.c.code == code, pack.c.lot == lot, pack.c.state.in_(gone))
    ).scalar_one()
    if not used:
        what = f"no pack of {code} lot {lot} was decommissioned before (A67)"
        yield _fault("repack-source", what, "source", "warning")


def _fault(code: str, what: str, path: str, severity: str = "error") -> Finding:
    return Finding(f"upload.{code}", Severity(severity), what, "", Where(path=path))


def _receipt(
    found: Sequence[Finding],
    *,
    stored: int = 0,
    version: int | None = None,
    rejected: tuple[str, ...] = (),
) -> Uploaded:
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
    said, by = msgspec.json.encode(public), msgspec.json.encode(who)
    tx.log(LeafKind.MASTER_DATA, said, by, subject=subject)
