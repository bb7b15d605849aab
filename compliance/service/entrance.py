"""What the hot routes are given in place of the middleware: the same checks, without its layers.

Each layer of ASGI middleware wraps every message of an answer; for the routes that carry nearly all
requests that costs more than the look at the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compliance.service.answer_headers import NOT_SNIFFED, checkpoint_named

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from compliance.service.gate import Admission, BodyBounds
    from compliance.service.telemetry import AnswerCounts
    from epcis.http_context import Caller
    from epcis.ledger.store import Store
    from verification.answering.hot_routes import Headers


@dataclass(frozen=True, slots=True)
class HotEntrance:
    """Admission, limits and counts, of the same objects that all other requests pass."""

    admission: Admission
    bounds: BodyBounds
    counts: AnswerCounts
    store: Store

    def admit(self, scope: Scope, receive: Receive) -> tuple[Caller, Receive]:
        """Who asks, and `receive` under the limits of a body; raises `Problem`."""
        caller = self.admission.admit(scope).caller
        return caller, self.bounds.within(scope, receive)

    def answered(self, scope: Scope, status: int, seconds: float) -> Headers:
        """Count an answer; the headers that every answer carries."""
        self.counts.count(scope, status, seconds)
        # Only refusals have no caller: whoever was admitted may know the log.
        return (NOT_SNIFFED,) if status == 401 else (NOT_SNIFFED, *checkpoint_named(self.store))
