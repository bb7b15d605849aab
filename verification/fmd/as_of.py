"""Acts done while the line was down: they keep their time, and are judged as of then (Art. 29).

The time must be plausible: not before the pack was uploaded or its lot released, not in the future,
and no longer ago than the rule pack's limit.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from epcis.database.columns import microseconds, moment_of
from epcis.ledger.register import versions_of
from verification.decision.restrictions import EVERYWHERE, WEIGHT_OF_LOT, OpenDoubt, gravest
from verification.decision.words import Doubt, LotState, ProductState
from verification.registry.pack_tables import (
    batch,
    doubt,
    expiry_extension,
    lot_state,
    past_doubt,
    product_market,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from epcis.database.transactions import Snapshot
    from verification.decision.act import PackRequest
    from verification.decision.facts import Facts
    from verification.decision.rule_pack import RulePack

CLOCKS_DIFFER = timedelta(minutes=5)
"""How much later than ours a client's clock may go."""


def judged_at(request: PackRequest, now: datetime) -> datetime:
    """The time an act is judged at: when it was scanned, where that was before it was sent."""
    scanned = request.scanned
    return scanned if scanned is not None and scanned < now else now


def facts_as_of(
    snapshot: Snapshot, facts: Facts, request: PackRequest, rules: RulePack, now: datetime
) -> Facts:
    """The facts as they were when a pack was scanned; as they are where that is now.

    What stopped the lot, the product or the pack later did not stop it then; what stopped it then
    and was lifted since did. Each state of a lot is in the log with the time it began.
    """
    at = judged_at(request, now)
    if request.scanned is not None and request.scanned > now + CLOCKS_DIFFER:
        return msgspec.structs.replace(facts, time_plausible=False)
    if at == now:
        return facts
    if not _is_plausible(snapshot, facts, at, rules, now):
        return msgspec.structs.replace(facts, time_plausible=False)
    changes: dict[str, object] = {
        "lot_state": _lot_state_at(snapshot, facts, at),
        "extended": _extended_at(snapshot, facts, at),
    }
    if facts.product_state is ProductState.WITHDRAWN:
        changes["product_state"] = _product_state_at(snapshot, facts, at)
    changes["doubt"] = _doubt_at(snapshot, facts, at)
    return msgspec.structs.replace(facts, **changes)


def _is_plausible(
    snapshot: Snapshot, facts: Facts, at: datetime, rules: RulePack, now: datetime
) -> bool:
    if now - at > timedelta(hours=rules.offline_h_max):
        return False
    lot = facts.pack.lot if facts.pack is not None else None
    if lot is None:
        return True
    row = snapshot.connection.execute(
        select(batch.c.uploaded_us, batch.c.released).where(
            batch.c.code == facts.asked.gtin, batch.c.lot == lot
        )
    ).first()
    if row is None:
        return True
    is_uploaded = at >= moment_of(row.uploaded_us)
    return is_uploaded and (row.released is None or at.date().isoformat() >= row.released)


def _markets(facts: Facts) -> tuple[str, str]:
    return EVERYWHERE, facts.who.market if facts.who is not None else EVERYWHERE


def _lots(facts: Facts) -> tuple[str, ...]:
    """Every lot that is recorded for the pack; the printed one where none is recorded."""
    lot = (facts.pack.lot if facts.pack is not None else None) or facts.asked.lot
    return facts.lots_recorded or ((lot,) if lot is not None else ())


def _lot_state_at(snapshot: Snapshot, facts: Facts, at: datetime) -> LotState:
    """The gravest state that the lot had then, in the market of whoever asks or everywhere."""
    at_us = microseconds(at)
    states = [LotState.ACTIVE]
    for lot in (*_lots(facts), ""):  # under an empty lot stands the recall of a whole product
        for market in dict.fromkeys(_markets(facts)):
            versions = versions_of(snapshot, lot_state, (facts.asked.gtin, lot, market))
            begun = [row for _, row in versions if row is not None and _since_us(row) <= at_us]
            states += [LotState(str(row["state"])) for row in begun[-1:]]
    return max(states, key=WEIGHT_OF_LOT.__getitem__)


def _extended_at(snapshot: Snapshot, facts: Facts, at: datetime) -> date | None:
    """The later expiry that the lot had been given by then."""
    at_us = microseconds(at)
    lot = (facts.pack.lot if facts.pack is not None else None) or facts.asked.lot
    day: date | None = None
    for written_us, row in versions_of(snapshot, expiry_extension, (facts.asked.gtin, lot)):
        if (written_us if row is None else _since_us(row)) <= at_us:
            day = None if row is None else date.fromisoformat(str(row["expiry"]))
    return day


def _since_us(row: Mapping[str, object]) -> int:
    return int(str(row["since_us"]))


def _product_state_at(snapshot: Snapshot, facts: Facts, at: datetime) -> ProductState:
    row = snapshot.connection.execute(
        select(product_market.c.state).where(
            product_market.c.code == facts.asked.gtin,
            product_market.c.state == ProductState.WITHDRAWN.value,
            product_market.c.market.in_(_markets(facts)),
            product_market.c.since_us <= microseconds(at),
        )
    ).first()
    return ProductState.ACTIVE if row is None else ProductState.WITHDRAWN


def _doubt_at(snapshot: Snapshot, facts: Facts, at: datetime) -> Doubt | None:
    """The gravest doubt that was open then, though it may be cleared by now."""
    at_us = microseconds(at)
    of_pack = [
        select(doubt).where(doubt.c.gtin == facts.asked.gtin, doubt.c.since_us <= at_us),
        select(past_doubt).where(
            past_doubt.c.gtin == facts.asked.gtin,
            past_doubt.c.since_us <= at_us,
            past_doubt.c.until_us > at_us,
        ),
    ]
    found = [OpenDoubt.of(row) for one in of_pack for row in snapshot.connection.execute(one)]
    serial, lots = facts.asked.serial, _lots(facts) or (None,)
    return gravest(one.kind for one in found if any(one.covers(lot, serial) for lot in lots))
