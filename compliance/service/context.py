"""What an application is made of: the one context that its routes and workers share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, cast

from prometheus_client import CollectorRegistry

from compliance.context import ComplianceContext
from compliance.seal.checkpoint import seal_log
from compliance.service.first_run_code import FirstRunCode
from compliance.service.practice import practice_of
from epcis.codec.document import DocumentLimits
from epcis.exchange.exchange import Exchange
from epcis.exchange.secret_box import KEY_BYTES, KEY_FILE, SecretBox
from epcis.http_context import utc_now
from verification.image.limits import PictureLimits
from verification.image.reader import PictureReader
from verification.image.turns import PictureTurns

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from starlette.requests import HTTPConnection

    from compliance.seal import Keys
    from compliance.service.settings import Settings
    from epcis.clock import Clock
    from epcis.ledger.store import Store


def _nothing() -> None:
    """Where no server runs, nothing begins again."""


@dataclass(frozen=True, kw_only=True)
class ServiceContext(ComplianceContext):
    """The parts of one application; the clock is one of them so that tests can turn it."""

    settings: Settings
    keys: Keys
    picture_reader: PictureReader
    picture_turns: PictureTurns = field(default_factory=PictureTurns)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    """What telemetry counts; one for each application, so that two do not mix."""
    pages_need_sign_in: bool = False
    first_run_code: FirstRunCode = field(default_factory=FirstRunCode)
    begin_again: Callable[[], None] = _nothing
    """Has the server begin again with the settings as they are now."""

    @classmethod
    def of(
        cls,
        settings: Settings,
        store: Store,
        keys: Keys,
        clock: Clock = utc_now,
        *,
        pages_need_sign_in: bool = False,
    ) -> Self:
        """The context of an application over a store that is open and migrated."""
        limits = PictureLimits(
            size_bytes_max=settings.picture_bytes_max, pixels_max=settings.picture_pixels_max
        )
        return cls(
            store=store,
            clock=clock,
            settings=settings,
            exchange=exchange_for(settings, store, keys, clock),
            sign_checkpoint=lambda: seal_log(store, keys, now=clock()).note,
            verification=practice_of(settings),
            snapshot_key=keys.log,
            keys=keys,
            picture_reader=PictureReader(limits=limits),
            pages_need_sign_in=pages_need_sign_in,
        )


def exchange_for(settings: Settings, store: Store, keys: Keys, clock: Clock = utc_now) -> Exchange:
    """What exchange with partners works with, under these settings."""
    seed = keys.secret(KEY_FILE, secrets.token_bytes(KEY_BYTES))
    return Exchange(
        store=store,
        clock=clock,
        box=SecretBox.of(seed, settings.key_passphrase),
        folder=settings.exchange_folder,
        data_dir=settings.data_dir,
        private_allowed=settings.webhooks_to_private_addresses,
        size_bytes_max=settings.upload_bytes_max,
        limits=DocumentLimits(events_max=settings.events_per_capture_max),
    )


def service_context(app: FastAPI) -> ServiceContext:
    """What an application carries."""
    return cast("ServiceContext", app.state.context)


def service_context_of(request: HTTPConnection) -> ServiceContext:
    """What the application of a request carries."""
    return cast("ServiceContext", request.app.state.context)
