"""Every router below `/epcis`, in the order in which addresses are looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epcis.routes import capture, events, live, queries, resources, soap, subscriptions

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> tuple[APIRouter, ...]:
    """The routers of the repository, for the front desk to put on its application."""
    return (
        capture.router,
        events.router,
        live.router,
        subscriptions.router,
        queries.router,
        soap.router,
        resources.router,
    )
