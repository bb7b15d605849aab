"""Acts as the doors ask for them: the warehouse's own, and those that a quarantine does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import IntegrityError

from compliance.quarantine.acts import perform_by_quarantine
from compliance.warehouse.picking import perform_for_orders
from epcis.database.transactions import StoreContended
from verification.acts.kinds import KINDS, ActShape
from verification.acts.once import once

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.ledger.store import Store, Transaction
    from verification.acts.perform import ActContext
    from verification.acts.request import ActAnswer, ActRequest

ATTEMPTS_MAX = 4
"""How often an act is tried that collides with a captured file."""


def do_act(store: Store, act: ActRequest, context: ActContext, now: datetime) -> ActAnswer:
    """Do one act in a transaction of its own. Raises `Problem`, StoreFull or StoreAway."""
    for _ in range(ATTEMPTS_MAX - 1):
        try:
            with store.write(now) as tx:
                return act_in(tx, act, context)
        except (StoreContended, IntegrityError):
            continue
    with store.write(now) as tx:
        return act_in(tx, act, context)


def act_in(tx: Transaction, act: ActRequest, context: ActContext) -> ActAnswer:
    """Do one act as part of the caller's transaction."""
    work = perform_by_quarantine if _is_quarantine(act) else perform_for_orders
    return once(tx, act, context.caller, lambda: work(tx, act, context))


def _is_quarantine(act: ActRequest) -> bool:
    return KINDS[act.kind].shape is ActShape.BY_QUARANTINE
