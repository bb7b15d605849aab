"""Which routes the application has: every floor's own, the pages, and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request
from sqlalchemy import text

from compliance.routes import (
    acts,
    cases,
    duties,
    exchange,
    exports,
    holds,
    quarantine,
    recall_notices,
    recalls,
    sheets,
)
from compliance.service import (
    alert_pages,
    answer_pages,
    dossier_pages,
    exchange_pages,
    identifier_pages,
    jump_pages,
    label_pages,
    oidc_sign_in,
    oversight_pages,
    quarantine_pages,
    recall_pages,
    scan_pages,
    scanning_routes,
    serials_pages,
    sheet_pages,
    sign_in_pages,
    telemetry,
    token_routes,
    workstation,
)
from epcis.http_context import store_of
from epcis.routes import log
from epcis.routes.all import routers as epcis_routers
from verification.routes import router as verification_router

if TYPE_CHECKING:
    from collections.abc import Iterator

health_router = APIRouter(tags=["health"])


@health_router.get("/health")
def health(request: Request) -> dict[str, object]:
    """Whether the server and its database answer."""
    with store_of(request).read() as snapshot:
        snapshot.connection.execute(text("SELECT 1"))
    return {"status": "ok"}


def include_floors(app: FastAPI) -> None:
    """Put every floor's routes on the application, lower floors first."""
    for router in _routers():
        app.include_router(router)


def _routers() -> Iterator[APIRouter]:
    yield health_router
    yield telemetry.router
    yield token_routes.router
    yield from epcis_routers()
    yield log.router
    yield scanning_routes.router
    yield verification_router
    yield scan_pages.router
    yield identifier_pages.router
    yield recall_pages.router
    yield jump_pages.router
    yield acts.router
    yield recall_pages.router
    yield answer_pages.router
    yield oidc_sign_in.router
    yield sign_in_pages.router
    yield oversight_pages.router
    yield alert_pages.router
    yield workstation.router
    yield dossier_pages.router
    yield serials_pages.router
    yield label_pages.router
    yield recall_notices.router
    yield recalls.router
    yield quarantine_pages.router
    yield quarantine.router
    yield sheet_pages.router
    yield sheets.router
    yield holds.router
    yield exports.router
    yield cases.router
    yield duties.router
    yield exchange_pages.router
    yield exchange.router
