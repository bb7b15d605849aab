"""What an application carries for the routes of this floor, and for the floor below."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, cast

from epcis.http_context import EpcisContext
from verification.answering.answers import Answering
from verification.fmd import bulk
from verification.fmd.login import NationalLogins
from verification.peers.partner_connections import PartnerConnections
from verification.settings import VerificationSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from starlette.requests import HTTPConnection

BACKGROUND_MAX = 8
"""Bulks worked off at once; more wait for their results to be asked for."""


class BackgroundWork:
    """Bulks and uploads that are worked off on threads beside the requests."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, key: str, work: Callable[[], None]) -> None:
        """Do the work named `key`, unless it is under way or `BACKGROUND_MAX` others are.

        What does not start here is not lost: its results are polled for, and each poll tries again.
        """
        if key in self._running or len(self._running) >= BACKGROUND_MAX:
            return
        task = asyncio.create_task(asyncio.to_thread(work))
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))


@dataclass(frozen=True, kw_only=True)
class VerificationContext(EpcisContext):
    """The parts of an application that verification needs; one event loop's."""

    verification: VerificationSettings = field(default_factory=VerificationSettings)
    snapshot_key: Ed25519PrivateKey | None = None
    """Signs offline snapshots; None where there are none."""
    background: BackgroundWork = field(default_factory=BackgroundWork)
    national_logins: NationalLogins = field(default_factory=NationalLogins)
    """Lets clients of the national interface in."""
    connections: PartnerConnections = field(init=False)
    answering: Answering = field(init=False)

    def __post_init__(self) -> None:
        connections = PartnerConnections(self.verification)
        answering = Answering(self.store, self.clock, self.verification, connections)
        object.__setattr__(self, "connections", connections)
        object.__setattr__(self, "answering", answering)

    def work_off_bulk(self, bulk_id: str) -> None:
        """Go on with a bulk beside the requests."""
        rules, answers_max = self.verification.rule_pack, self.verification.unknown_answers_a_day
        work = partial(bulk.work_off, self.store, bulk_id, self.clock, rules, answers_max)
        self.background.begin(bulk_id, work)

    async def close(self) -> None:
        """Finish what is under way and close the connections to others."""
        self.answering.close()
        await self.connections.close()


def verification_context_of(request: HTTPConnection) -> VerificationContext:
    """What the application of a request carries, as far as this floor knows."""
    return cast("VerificationContext", request.app.state.context)


def verification_settings_of(request: HTTPConnection) -> VerificationSettings:
    """How verification is run in the application of a request."""
    return verification_context_of(request).verification
