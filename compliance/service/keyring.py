"""API keys looked up once and remembered until they end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from compliance.service import access
from epcis.database.columns import microseconds
from epcis.database.raw_driver import RawDriver

if TYPE_CHECKING:
    from collections.abc import Callable

    from compliance.service.access import Grant
    from epcis.clock import Clock
    from epcis.database.transactions import Snapshot
    from epcis.http_context import Caller
    from epcis.ledger.store import Store

REMEMBERED_MAX = 1024
"""Keys held at once, and addresses that one comes from; beyond that all are forgotten."""
UNSEEN_IN_A_FILE_S_MAX, UNSEEN_ON_A_SERVER_S_MAX = 0.05, 1.0
"""How long it may go unseen that a key was revoked; its expiry is seen at once."""
_END = "SELECT revoked_us, expires_us FROM api_key WHERE id = ?"


@dataclass(slots=True)
class _Held:
    grant: Grant
    seen_s: float
    expires_us: int | None
    callers: dict[str, Caller] = field(default_factory=dict)
    """By the address they come from."""


class KeyRing:
    """What keys give, remembered between requests.

    The grant of a key never changes, so only its end is looked for again: once in
    a while by `timer`, however many requests there are.
    """

    def __init__(
        self, store: Store, clock: Clock, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._timer = timer
        is_file = store.file is not None
        self._unseen_s_max = UNSEEN_IN_A_FILE_S_MAX if is_file else UNSEEN_ON_A_SERVER_S_MAX
        self._held: dict[str, _Held] = {}

    def grant(self, text: str) -> Grant | None:
        """What an API key gives now; None where it is unknown, expired or revoked."""
        held = self._living(text)
        return None if held is None else held.grant

    def caller(self, text: str, client: str) -> Caller | None:
        """The caller with an API key, from the address `client`; None where the key is not good."""
        held = self._living(text)
        if held is None:
            return None
        known = held.callers.get(client)
        if known is None:
            if len(held.callers) >= REMEMBERED_MAX:
                held.callers.clear()
            known = held.callers[client] = held.grant.caller(client)
        return known

    def _living(self, text: str) -> _Held | None:
        held = self._held.get(text) or self._look_up(text)
        if held is not None and self._timer() - held.seen_s >= self._unseen_s_max:
            held = self._seen_again(text, held)
        if held is None:
            return None
        if held.expires_us is None or microseconds(self._clock()) < held.expires_us:
            return held
        return None

    def _look_up(self, text: str) -> _Held | None:
        """What an unknown key gives, to be held from now on."""
        # The time before the look: what happens meanwhile is not seen.
        seen_s = self._timer()
        with self._store.read() as snapshot:
            grant = access.grant_of_key(snapshot, text, self._clock())
            end = _end_of(snapshot, text) if grant else None
        if grant is None or end is None:
            return None
        if len(self._held) >= REMEMBERED_MAX:
            self._held.clear()
        held = self._held[text] = _Held(grant, seen_s, end.expires_us)
        return held

    def _seen_again(self, text: str, held: _Held) -> _Held | None:
        """A key that is held, unless it was revoked meanwhile; one statement of the driver."""
        seen_s = self._timer()
        with self._store.read() as snapshot:
            end = _end_of(snapshot, text)
        if end is None or end.revoked_us is not None:
            del self._held[text]
            return None
        held.seen_s, held.expires_us = seen_s, end.expires_us
        return held


class _End(NamedTuple):
    """When a key ends or was ended."""

    revoked_us: int | None
    expires_us: int | None


def _end_of(snapshot: Snapshot, text: str) -> _End | None:
    row = RawDriver(snapshot).one(_END, (text.split("_", 2)[1],))
    return None if row is None else _End(*row)
