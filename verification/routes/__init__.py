"""The routes of this floor but for the hot ones, which `HotRoutes` answers in front of them."""

from __future__ import annotations

from fastapi import APIRouter

from verification.routes import (
    national,
    national_alerts,
    national_rest,
    national_soap,
    national_uploads,
    oversight,
    partners,
)

router = APIRouter()
router.routes.extend((*national_rest.ROUTES, *national_soap.ROUTES))
router.include_router(national.router)
router.include_router(national_uploads.router)
router.include_router(national_alerts.router)
router.include_router(partners.router)
router.include_router(oversight.router)
