"""The routes of this floor: `router` for the front desk, `FastLane` for the hot ones."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.routing import Route

from verification.fmd.operation import CHANGES
from verification.routes import (
    national,
    national_alerts,
    national_rest,
    national_soap,
    national_uploads,
    oversight,
    partners,
)
from verification.routes.counter import (
    Counter,
    FastLane,
    close_counter,
    counter_of,
    hot_route,
    is_hot,
)
from verification.routes.reply import Reply, refusal_at

__all__ = [
    "Counter",
    "FastLane",
    "Reply",
    "close_counter",
    "counter_of",
    "is_hot",
    "refusal_at",
    "router",
]


class _Hot:
    """Starlette takes an object, not a function, as a plain ASGI endpoint."""

    __call__ = staticmethod(hot_route)


_HOT_PATHS = (
    "/verify/gtin/{rest:path}",
    "/verify/checkConnectivity",
    "/checkConnectivity",
    "/packs/verify",
    "/packs/status",
    *(f"/packs/{operation.value}" for operation in CHANGES),
)

router = APIRouter()
router.routes.extend(Route(path, _Hot(), include_in_schema=False) for path in _HOT_PATHS)
router.routes.extend((*national_rest.ROUTES, *national_soap.ROUTES))
router.include_router(national.router)
router.include_router(national_uploads.router)
router.include_router(national_alerts.router)
router.include_router(partners.router)
router.include_router(oversight.router)
