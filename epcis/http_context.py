"""What every HTTP route on any floor may ask of the front desk, and how it says no.

The front desk (`compliance.service.app`) puts the store, the clock and the settings on the
application and the caller on the request; routes take them from here, so that no floor reaches up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from fastapi.responses import JSONResponse

from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from epcis.clock import Clock
    from epcis.ledger.store import Store


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name on the API key or token, what it may do, and the party it acts for."""

    name: str
    scopes: frozenset[str]
    """Of capture, query, verify, recall, export, admin."""
    party: str | None = None
    """Canonical GLN key (`/414/0355555000013`); None sees everything its scopes allow."""
    client: str = ""
    """Address the request came from, for budgets against guessing."""

    @property
    def is_anonymous(self) -> bool:
        """Whether the request brought no credentials.

        >>> Caller("", frozenset()).is_anonymous
        True
        """
        return not self.name


def problem_response(problem: Problem) -> JSONResponse:
    """The HTTP answer for a problem."""
    return JSONResponse(
        problem.as_dict(),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def store_of(request: Request) -> Store:
    """The store this application serves."""
    return cast("Store", request.app.state.store)


def now_of(request: Request) -> datetime:
    """The current time by the application's clock, in UTC."""
    return cast("Clock", request.app.state.clock)()


def settings_of(request: Request) -> Any:  # noqa: ANN401  # the settings class lives upstairs
    """The application's settings, `compliance.service.settings.Settings`."""
    return request.app.state.settings


def caller_of(request: Request) -> Caller:
    """Who asks; the front desk has authenticated every request before a route sees it."""
    return cast("Caller", request.state.caller)


def needs(scope: str) -> Callable[[Request], Caller]:
    """A FastAPI dependency that lets only callers with `scope` pass."""

    def check(request: Request) -> Caller:
        caller = caller_of(request)
        if caller.is_anonymous:
            raise Problem(
                401,
                "Who are you?",
                "send an API key or token as 'Authorization: Bearer …'",
                type="epcisException:SecurityException",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope not in caller.scopes:
            raise Problem(
                403,
                "Not allowed",
                f"this needs the scope '{scope}', which {caller.name} does not have",
                type="epcisException:SecurityException",
            )
        return caller

    return check
