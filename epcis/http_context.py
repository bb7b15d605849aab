"""What every HTTP route on any floor may ask of the front desk, and how it says no.

The front desk (`compliance.service.app`) puts the store, the clock and the settings on the
application and the caller on the request; routes take them from here, so that no floor reaches up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from fastapi import Request
from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from epcis.ledger.store import Store
    from schemas.finding import Finding

Clock = Callable[[], datetime]


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


@dataclass
class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem
    """A refusal, told as RFC 9457 problem+json.

    `type` is the EPCIS exception (`epcisException:ValidationException`) where the standard has one.
    """

    status: int
    title: str
    detail: str
    type: str = "about:blank"
    findings: tuple[Finding, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The problem as a JSON object.

        >>> Problem(404, "Not found", "no such pack").as_dict()["status"]
        404
        """
        body: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.findings:
            body["findings"] = [finding.as_dict() for finding in self.findings]
        return body


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
