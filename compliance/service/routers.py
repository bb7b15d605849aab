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
    recall_following,
    recall_notices,
    recalls,
    receiving,
    requests,
    returns,
    sheets,
    transactions,
)
from compliance.service import (
    alert_pages,
    answer_pages,
    connect_pages,
    count_pages,
    docs_pages,
    dossier_pages,
    exchange_pages,
    file_pages,
    first_run_pages,
    identifier_pages,
    insight_pages,
    inspection_pages,
    jump_pages,
    key_pages,
    label_pages,
    line_pages,
    oidc_sign_in,
    order_pages,
    outbound_pages,
    oversight_pages,
    proof_pages,
    quarantine_pages,
    readiness,
    recall_follow_pages,
    recall_pages,
    receiving_pages,
    reference_pages,
    request_pages,
    return_pages,
    scan_pages,
    scanning_routes,
    sensor_pages,
    serials_pages,
    sheet_pages,
    sign_in_pages,
    stock_pages,
    table_files,
    telemetry,
    token_routes,
    transaction_pages,
    work_pages,
    workstation,
)
from epcis.routes import log
from epcis.routes.all import routers as epcis_routers
from verification.routes import routers as verification_routers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import APIRouter, FastAPI


def include_floors(app: FastAPI) -> None:
    """Put every floor's routes on the application, lower floors first.

    The routes themselves, not `include_router`: that makes each of them a second time, which is
    a third of a second at every start.
    """
    for router in _routers():
        app.router.routes.extend(router.routes)


def _routers() -> Iterator[APIRouter]:
    """Every router; where two take one address, the earlier answers."""
    yield readiness.router
    yield telemetry.router
    yield token_routes.router
    yield from epcis_routers()
    yield log.router
    yield scanning_routes.router
    yield from verification_routers()
    yield scan_pages.router
    yield identifier_pages.router
    yield from _recalls_and_requests()
    yield reference_pages.router
    yield docs_pages.router
    yield jump_pages.router
    yield key_pages.router
    yield first_run_pages.router
    yield oidc_sign_in.router
    yield sign_in_pages.router
    yield oversight_pages.router
    yield proof_pages.router
    yield alert_pages.router
    yield workstation.router
    yield dossier_pages.router
    yield files.router
    yield file_pages.router
    yield transaction_pages.router
    yield transactions.router
    yield from _of_the_warehouse()
    yield quarantine_pages.router
    yield quarantine.router
    yield sensor_pages.router
    yield sheet_pages.router
    yield table_files.router
    yield sheets.router
    yield holds.router
    yield exports.router
    yield cases.router
    yield duties.router
    yield from _exchange_routers()


def _exchange_routers() -> Iterator[APIRouter]:
    yield connect_pages.router
    yield exchange_pages.router
    yield outbound_pages.router
    yield exchange.router
    yield as2.router


def _of_the_warehouse() -> Iterator[APIRouter]:
    yield acts.router
    yield work_pages.router
    yield receiving.router
    yield receiving_pages.router
    yield returns.router
    yield return_pages.router
    yield count_pages.router
    yield inspection_pages.router
    yield order_pages.router
    yield line_pages.router
    yield label_pages.router
    yield serials_pages.router
    yield stock_pages.router
    yield insight_pages.router


def _recalls_and_requests() -> Iterator[APIRouter]:
    """Pages first: `/recalls/board` is no id of a recall."""
    yield recall_follow_pages.router
    yield recall_pages.router
    yield answer_pages.router
    yield recall_notices.router
    yield recall_following.router
    yield recalls.router
    yield request_pages.router
    yield requests.router
