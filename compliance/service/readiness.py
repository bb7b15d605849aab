"""Whether the server lives and can serve: for whoever starts, stops and balances servers.

`/live` asks nothing of anything: where it does not answer, the process is to be started again.
`/ready` asks what a request needs: where it refuses, requests go to another server. A database that
is away makes a server unready and leaves it alive: starting it again would help nobody.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import text

from compliance.service.context import service_context_of
from epcis.database.transactions import StoreAway, StoreFull
from epcis.http_context import store_of
from epcis.problem import Problem

if TYPE_CHECKING:
    from pathlib import Path

    from epcis.ledger.store import Store

router = APIRouter(tags=["health"])
FREE_BYTES_MIN: Final = 64 * 1024 * 1024
"""With less room where data lies, a server takes no requests."""
_log = structlog.get_logger(__name__)


@router.get("/live")
def live() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/health")
def health(request: Request) -> dict[str, str]:
    """Whether the server and its database answer."""
    _ask_database(store_of(request))
    return {"status": "ok"}


@router.get("/ready")
def ready(request: Request) -> dict[str, str]:
    """Whether requests can be served now; else 503 with what is missing."""
    context = service_context_of(request)
    try:
        _ask_database(context.store)
    except (StoreAway, StoreFull) as fault:
        raise _not_ready(f"the database: {fault}") from None
    free = room(context.settings.data_dir)
    if free < FREE_BYTES_MIN:
        _log.warning("not ready", reason="the disk of the data directory is full")
        raise _not_ready("the disk of the data directory is full")
    return {"status": "ready"}


def room(folder: Path) -> int:
    """Free bytes where a folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _ask_database(store: Store) -> None:
    with store.read() as snapshot:
        snapshot.connection.execute(text("SELECT 1"))


def _not_ready(what: str) -> Problem:
    headers = {"Retry-After": str(StoreAway.retry_after_s)}
    return Problem(503, "Not ready", f"no requests can be served now: {what}", headers=headers)
