"""The short way for the hot routes: gate, limits, counters and answer in one step.

Each layer of ASGI middleware wraps every message of an answer; for the routes that carry nearly all
requests that costs more than the look at the database. The layers' own decisions are used here, of
the same objects that all other requests pass.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from compliance.service.app import NOT_SNIFFED, checkpoint_named
from compliance.service.gate import BodyLimit, Gate
from compliance.service.telemetry import Telemetry
from epcis.database.transactions import StoreAway
from epcis.problem import Problem
from verification.routes import Counter, counter_of, is_hot, refusal_at

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

    from epcis.ledger.store import Store


class _House(NamedTuple):
    """The application's own layers, and what stands behind them."""

    gate: Gate
    limit: BodyLimit
    telemetry: Telemetry
    counter: Counter
    store: Store


class Express:
    """ASGI application in front of Packtrail's own: answers the hot routes, passes on the rest."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._house: _House | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hot route; take the ordinary way for any other."""
        if scope["type"] != "http" or not is_hot(scope["path"]):
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":
                self._house = None  # its counter is closed now
            return
        begun_s = time.perf_counter()
        house = self._house or self._find_house()
        try:
            caller, _ = house.gate.admit(scope)
            timed = house.limit.within(scope, receive)
            reply = await house.counter.reply(scope, timed, caller)
        except (Problem, StoreAway) as fault:
            reply = refusal_at(scope["path"], fault)
        house.telemetry.count(scope, reply.status, time.perf_counter() - begun_s)
        await reply.send(send, NOT_SNIFFED, *checkpoint_named(house.store))

    def _find_house(self) -> _House:
        """The layers that the application was built with."""
        if self._app.middleware_stack is None:
            self._app.middleware_stack = self._app.build_middleware_stack()
        layers: dict[type[Any], Any] = {}
        layer: Any = self._app.middleware_stack
        while layer is not None:
            layers[type(layer)] = layer
            layer = getattr(layer, "app", None)
        state = self._app.state
        self._house = _House(
            layers[Gate], layers[BodyLimit], layers[Telemetry], counter_of(state), state.store
        )
        return self._house
