"""The open lines to others: peer repositories and partners' responders; one set per application.

What is down is remembered from request to request, and a line once opened is used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx

from verification.fmd.peers import Peers
from verification.settings import settings_of
from verification.vrs.ask import Requester

if TYPE_CHECKING:
    from verification.settings import VerificationSettings


class Lines:
    """Peers and requester over one HTTP client; belongs to one event loop."""

    def __init__(self, settings: VerificationSettings) -> None:
        self._http = httpx.AsyncClient(timeout=settings.partner_budget_s)
        self.peers = Peers(settings.peers, self._http, settings.peer_patience)
        self.requester = Requester(
            self._http,
            budget_s=settings.partner_budget_s,
            credentials=settings.credentials,
            holder=settings.wallet_holder,
            keys=settings.partner_keys,
        )

    async def close(self) -> None:
        """Close the lines."""
        await self._http.aclose()


def lines_of(state: Any) -> Lines:  # noqa: ANN401  # Starlette's State
    """The lines of an application, opened at first use."""
    held = getattr(state, "lines", None)
    if held is None:
        held = state.lines = Lines(settings_of(state))
    return cast("Lines", held)


async def close_lines(state: Any) -> None:  # noqa: ANN401  # as above
    """Close an application's lines, where any were opened."""
    held = getattr(state, "lines", None)
    if held is not None:
        state.lines = None
        await held.close()
