"""The routes of this floor but for the hot ones, which `HotRoutes` answers in front of them."""

from __future__ import annotations

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

router = APIRouter()
for interface in INTERFACES:
    router.routes.extend(interface.routes)
router.include_router(national.router)
router.include_router(national_uploads.router)
router.include_router(national_alerts.router)
router.include_router(national_peers.router)
router.include_router(partners.router)
router.include_router(oversight.router)
router.include_router(sensors.router)
router.include_router(serials.router)
router.include_router(labels.router)
