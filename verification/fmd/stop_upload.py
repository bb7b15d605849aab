"""What the owner of a product says of packs already uploaded: recalled, withdrawn, stolen, exempt.

Each upload names what it means exactly; a product, lot or market that is not known, an empty reason
or a lot that differs by upper and lower case is refused with a finding, because a stop that holds
nothing would be taken for one that holds (2016/161 Art. 40).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

import msgspec
from sqlalchemy import delete, insert, select

from schemas.finding import is_acceptable
from verification.decision.act import CHANGES, PackAct, PackRequest, ParticipantRole
from verification.decision.restrictions import EVERYWHERE, changed
from verification.decision.words import LotState, PackState, ProductState
from verification.fmd.perform import perform
from verification.fmd.upload import (
    Uploaded,
    fault,
    held_product,
    is_withdrawn,
    known_lots,
    receipt_of,
    repacks_of,
    right_faults,
)
from verification.registry.pack_registry import set_lot_state, set_product_state
from verification.registry.pack_tables import batch, exempt_lot
from verification.serials.guessable import FINDINGS_MAX, SERIALS_MAX, TEXT_82

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction
    from schemas.finding import Finding
    from verification.decision.act import Who
    from verification.decision.rule_pack import RulePack

REASON_CHARACTERS_MAX = 500
NATIONAL = (ParticipantRole.NCA, ParticipantRole.NMVO)
"""Who may exempt a lot beside the owner of its product: the authority and the system's operator."""
_OPERATION_TO = {
    one.target: one
    for one in CHANGES
    if one not in (PackAct.UNDO, PackAct.PARTIAL_SUPPLY, PackAct.SUPPLY)
}


class StopUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recall of a lot, or with no lot the withdrawal of a product."""

    code: str
    reason: str
    lot: str | None = None
    markets: tuple[str, ...] = ()
    """ISO 3166 countries; none means every market."""


class _By(TypedDict):
    """Where, when and by whom a state is set."""

    market: str
    now: datetime
    by: str


class StateUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new state of single packs of one lot, as stolen packs or free samples (Art. 40(b), 41)."""

    code: str
    lot: str
    serials: tuple[str, ...]
    state: PackState
    reason: str


class Exemption(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lot that needs no safety features in markets, as one made before they were needed."""

    code: str
    lot: str
    reason: str
    markets: tuple[str, ...]


def stop(tx: Transaction, wanted: StopUpload, who: Who) -> Uploaded:
    """Recall a lot or withdraw a product, at once and for good.

    Raises `IrreversibleError` where a state that is final would change.
    """
    found = list(_stop_faults(tx, wanted, who))
    if not is_acceptable(found):
        return receipt_of(found)
    reason = wanted.reason.strip()
    for market in wanted.markets or (EVERYWHERE,):
        by = _By(market=market, now=tx.now, by=who.client)
        if wanted.lot is None:
            set_product_state(tx, wanted.code, ProductState.WITHDRAWN, reason, **by)
        else:
            set_lot_state(tx, wanted.code, wanted.lot, LotState.RECALLED, reason, **by)
    return receipt_of(found, stored=len(wanted.markets) or 1)


def change_states(tx: Transaction, wanted: StateUpload, who: Who, rules: RulePack) -> Uploaded:
    """Change packs of a lot one by one; a pack that cannot be changed is rejected and named."""
    found = list(_state_faults(tx, wanted, who))
    if not is_acceptable(found):
        return receipt_of(found)
    operation = _OPERATION_TO[wanted.state]
    requests = [
        PackRequest(
            operation=operation,
            code=wanted.code,
            serial=serial,
            lot=wanted.lot,
            reason=wanted.reason,
            is_bulk=True,
        )
        for serial in dict.fromkeys(wanted.serials)
    ]
    answers = perform(tx, [(request, who) for request in requests], rules)
    failed = [answer for answer in answers if answer.http != 200]
    found += [
        fault(f"pack-{one.result}", one.say, f"serials/{one.serial}", "warning")
        for one in failed[:FINDINGS_MAX]
    ]
    rejected = tuple(sorted(one.serial for one in failed))
    return receipt_of(found, stored=len(answers) - len(failed), rejected=rejected)


def exempt(tx: Transaction, wanted: Exemption, who: Who) -> Uploaded:
    """Put a lot on the list of exemptions of markets."""
    found = list(_exemption_faults(tx, wanted, who))
    if not is_acceptable(found):
        return receipt_of(found)
    for market in sorted(set(wanted.markets)):
        here = {"code": wanted.code, "lot": wanted.lot, "market": market}
        tx.connection.execute(delete(exempt_lot).where(*_where(here)))
        tx.connection.execute(insert(exempt_lot).values(**here))
    changed(tx)
    return receipt_of(found, stored=len(set(wanted.markets)))


def exemptions(snapshot: Snapshot) -> list[dict[str, str]]:
    """The list of exemptions, by product, lot and market."""
    table = exempt_lot.c
    rows = snapshot.connection.execute(
        select(exempt_lot).order_by(table.code, table.lot, table.market)
    )
    return [{"code": row.code, "lot": row.lot, "market": row.market} for row in rows]


def _stop_faults(tx: Transaction, wanted: StopUpload, who: Who) -> Iterator[Finding]:
    yield from _reason_faults(wanted.reason)
    held = held_product(tx, wanted.code)
    denied = list(right_faults(held, who))
    yield from denied
    if denied:
        return
    if held is None:
        yield fault("product-unknown", _NO_PRODUCT, "code")
        return
    yield from _market_faults(wanted.markets, held.markets)
    if wanted.lot is None:
        return
    lot_faults = list(_lot_faults(tx, wanted.code, wanted.lot))
    yield from lot_faults
    if lot_faults:
        return
    sold_in = _markets_of_lot(tx, wanted.code, wanted.lot)
    for market in wanted.markets:
        if sold_in and market in held.markets and market not in sold_in:
            what = f"the lot was not uploaded for {market}; the recall holds there all the same"
            yield fault("lot-market", what, "markets", "warning")
    for code, lot, doses in repacks_of(tx, wanted.code, wanted.lot):
        what = f"{doses} doses of this lot were repacked as {code} lot {lot}: recall that lot too"
        yield fault("repacked", what, "lot", "warning")


_NO_PRODUCT = "nobody uploaded this product; compare the code, or upload its master data first"


def _state_faults(tx: Transaction, wanted: StateUpload, who: Who) -> Iterator[Finding]:
    yield from _reason_faults(wanted.reason)
    if wanted.state not in _OPERATION_TO:
        may = ", ".join(sorted(state.value for state in _OPERATION_TO if state))
        yield fault("state", f"an upload sets one of: {may}", "state")
    if not 1 <= len(wanted.serials) <= SERIALS_MAX:
        yield fault("serials", f"an upload has 1 to {SERIALS_MAX} serial numbers", "serials")
    bad = [at for at, one in enumerate(wanted.serials) if not TEXT_82.match(one)]
    for at in bad[:FINDINGS_MAX]:
        yield fault("serial", "a serial has 1 to 20 characters of charset 82", f"serials/{at}")
    held = held_product(tx, wanted.code)
    denied = list(right_faults(held, who))
    yield from denied
    if denied:
        return
    if held is None:
        yield fault("product-unknown", _NO_PRODUCT, "code")
        return
    yield from _lot_faults(tx, wanted.code, wanted.lot)


def _exemption_faults(tx: Transaction, wanted: Exemption, who: Who) -> Iterator[Finding]:
    yield from _reason_faults(wanted.reason)
    held = held_product(tx, wanted.code)
    denied = [] if who.role in NATIONAL else list(right_faults(held, who))
    yield from denied
    if denied:
        return
    if held is None:
        yield fault("product-unknown", _NO_PRODUCT, "code")
        return
    yield from _market_faults(wanted.markets, held.markets)
    if not wanted.markets:
        yield fault("market", "name the markets that the exemption holds in", "markets")
    foreign = [one for one in wanted.markets if who.market and one != who.market]
    if who.role in NATIONAL and foreign:
        yield fault("market", f"you speak for {who.market} only", "markets")
    if not TEXT_82.match(wanted.lot):
        yield fault("lot", "a lot has 1 to 20 characters of GS1 charset 82", "lot")
    elif all(is_withdrawn(tx, wanted.code, one) for one in wanted.markets):
        yield fault("withdrawn", "the product is withdrawn there", "code")


def _reason_faults(reason: str) -> Iterator[Finding]:
    if not reason.strip():
        yield fault("reason", "the reason is missing", "reason")
    elif len(reason) > REASON_CHARACTERS_MAX:
        yield fault("reason", f"a reason has {REASON_CHARACTERS_MAX} characters at most", "reason")


def _market_faults(markets: Sequence[str], known: frozenset[str]) -> Iterator[Finding]:
    for market in markets:
        if market not in known:
            what = f"the product has no market {market[:20]!r}; it has {', '.join(sorted(known))}"
            yield fault("market", what, "markets")


def _lot_faults(tx: Transaction, code: str, lot: str) -> Iterator[Finding]:
    """Why a lot is not one of the product's: lots are compared by exact characters."""
    lots = known_lots(tx, code, lot) if TEXT_82.match(lot) else set()
    if lot in lots:
        return
    twins = ", ".join(sorted(lots))
    if twins:
        yield fault(
            "lot-case", f"the lot is written {twins}, with that upper and lower case", "lot"
        )
    else:
        yield fault("lot-unknown", "the product has no such lot; compare it with the print", "lot")


def _markets_of_lot(tx: Transaction, code: str, lot: str) -> frozenset[str]:
    """The markets a lot was uploaded for; none where only events name it."""
    where = (batch.c.code == code, batch.c.lot == lot)
    text = tx.connection.execute(select(batch.c.markets).where(*where)).scalar()
    return frozenset(text.split(",")) if text else frozenset()


def _where(values: dict[str, str]) -> list[ColumnElement[bool]]:
    return [exempt_lot.c[name] == value for name, value in values.items()]
