"""The open connections to others: peer repositories and partners' responders.

What is down is remembered from request to request, and a connection once opened is used again.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from epcis.tls import trusted_authorities
from verification.peers.peers import Peers
from verification.vrs.ask import Requester

if TYPE_CHECKING:
    import httpx

    from verification.settings import VerificationSettings


class PartnerConnections:
    """Peers and requester of one application over one HTTP client; belongs to one event loop."""

    def __init__(self, settings: VerificationSettings) -> None:
        self._settings = settings

    @cached_property
    def _http(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(
            timeout=self._settings.partner_budget_s, verify=trusted_authorities()
        )

    @cached_property
    def peers(self) -> Peers:
        """The repositories that are asked for packs unknown here."""
        return Peers(self._settings.peers, self._http, self._settings.peer_patience)

    @cached_property
    def requester(self) -> Requester:
        """Asks partners' responders."""
        settings = self._settings
        return Requester(
            self._http,
            budget_s=settings.partner_budget_s,
            credentials=settings.credentials,
            holder=settings.wallet_holder,
            keys=settings.partner_keys,
        )

    async def close(self) -> None:
        """Close what was opened; whoever asks later opens it anew."""
        opened = self.__dict__.pop("_http", None)
        self.__dict__.pop("peers", None)
        self.__dict__.pop("requester", None)
        if opened is not None:
            await opened.aclose()
