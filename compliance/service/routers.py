"""Which routes the application has: every floor's own, the pages, and health."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compliance.routes import (
    acts,
    as2,
    cases,
    duties,
    exchange,
    exports,
    files,
    holds,
    quarantine,
    recall_notices,
    recalls,
    receiving,
    sheets,
    transactions,
)
from compliance.service import (
    alert_pages,
    answer_pages,
    docs_pages,
    dossier_pages,
    exchange_pages,
    file_pages,
    first_run_pages,
    identifier_pages,
    jump_pages,
    key_pages,
    label_pages,
    line_pages,
    oidc_sign_in,
    order_pages,
    oversight_pages,
    proof_pages,
    quarantine_pages,
    readiness,
    recall_pages,
    receiving_pages,
    reference_pages,
    scan_pages,
    scanning_routes,
    sensor_pages,
    serials_pages,
    sheet_pages,
    sign_in_pages,
    stock_pages,
    telemetry,
    token_routes,
    transaction_pages,
    work_pages,
    workstation,
)
from epcis.routes import log
from epcis.routes.all import routers as epcis_routers
from verification.routes import router as verification_router

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI


def include_floors(app: FastAPI) -> None:
    """Put every floor's routes on the application, lower floors first."""
    for router in _routers():
        app.include_router(router)


def _routers() -> tuple[APIRouter, ...]:
    """Every router; where two take one address, the earlier answers."""
    return (
        readiness.router,
        telemetry.router,
        token_routes.router,
        *epcis_routers(),
        log.router,
        scanning_routes.router,
        verification_router,
        scan_pages.router,
        identifier_pages.router,
        recall_pages.router,
        reference_pages.router,
        docs_pages.router,
        jump_pages.router,
        key_pages.router,
        acts.router,
        first_run_pages.router,
        recall_pages.router,
        answer_pages.router,
        oidc_sign_in.router,
        sign_in_pages.router,
        oversight_pages.router,
        proof_pages.router,
        alert_pages.router,
        workstation.router,
        dossier_pages.router,
        files.router,
        file_pages.router,
        transaction_pages.router,
        transactions.router,
        receiving.router,
        receiving_pages.router,
        serials_pages.router,
        label_pages.router,
        recall_notices.router,
        line_pages.router,
        order_pages.router,
        recalls.router,
        stock_pages.router,
        work_pages.router,
        quarantine_pages.router,
        quarantine.router,
        sensor_pages.router,
        sheet_pages.router,
        sheets.router,
        holds.router,
        exports.router,
        cases.router,
        duties.router,
        exchange_pages.router,
        exchange.router,
        as2.router,
    )
