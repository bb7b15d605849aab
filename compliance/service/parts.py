"""What an application is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from compliance.seal import Keys
    from compliance.service.settings import Settings
    from epcis.clock import Clock
    from epcis.ledger.store import Store


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one application; the clock is one of them so that tests can turn it."""

    settings: Settings
    store: Store
    keys: Keys
    clock: Clock
    pages_need_sign_in: bool = False


def utc_now() -> datetime:
    """The clock of a real server."""
    return datetime.now(UTC)
