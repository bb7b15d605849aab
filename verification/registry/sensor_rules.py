"""The setting of each product for sensor reports: the limits of its readings, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert

from epcis.database.columns import microseconds
from verification.decision.restrictions import changed, current_restrictions
from verification.decision.sensors import SensorRule
from verification.registry.pack_tables import sensor_rule

if TYPE_CHECKING:
    from epcis.database.transactions import Snapshot
    from epcis.ledger.store import Transaction


class SensorRuleRefusedError(ValueError):
    """A rule cannot be taken over; the text says why, and nothing was changed."""


def rule_of(content: bytes) -> SensorRule:
    """A rule from its JSON; raises `SensorRuleRefusedError`.

    >>> rule_of(b'{"gtin": "05901234123457", "on": false}').on
    False
    """
    try:
        return msgspec.json.decode(content, type=SensorRule)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SensorRuleRefusedError(str(error)) from None


def set_rule(tx: Transaction, rule: SensorRule, *, by: str) -> None:
    """Set the rule of a product, from this transaction on.

    Raises `SensorRuleRefusedError`, naming what is wrong.
    """
    faults = list(rule.faults())
    if faults:
        raise SensorRuleRefusedError("; ".join(faults))
    tx.connection.execute(delete(sensor_rule).where(sensor_rule.c.gtin == rule.gtin))
    tx.connection.execute(
        insert(sensor_rule).values(
            gtin=rule.gtin,
            is_on=int(rule.on),
            limits=msgspec.json.encode(rule.limits).decode(),
            since_us=microseconds(tx.now),
            by=by,
        )
    )
    changed(tx)


def end_rule(tx: Transaction, gtin: str) -> bool:
    """End the rule of a product, so that alarms count again; whether there was one."""
    gone = tx.connection.execute(delete(sensor_rule).where(sensor_rule.c.gtin == gtin)).rowcount
    changed(tx)
    return gone > 0


def rules(snapshot: Snapshot) -> list[SensorRule]:
    """All of them, by product."""
    found = current_restrictions(snapshot).sensors
    return [found[gtin] for gtin in sorted(found)]
