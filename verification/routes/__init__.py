"""The routes of this floor but for the hot ones, which `HotRoutes` answers in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from verification.routes import (
    labels,
    national,
    national_alerts,
    national_peers,
    national_uploads,
    oversight,
    partners,
    sensors,
    serials,
)
from verification.routes.national_interfaces import INTERFACES

if TYPE_CHECKING:
    from collections.abc import Iterator

_interfaces = APIRouter()
for _interface in INTERFACES:
    _interfaces.routes.extend(_interface.routes)


def routers() -> Iterator[APIRouter]:
    """Every router of this floor; where two take one address, the earlier answers."""
    yield _interfaces
    yield national.router
    yield national_uploads.router
    yield national_alerts.router
    yield national_peers.router
    yield partners.router
    yield oversight.router
    yield sensors.router
    yield serials.router
    yield labels.router
