"""What every HTTP route on any floor may ask of the front desk, and how it says no.

The front desk (`compliance.service.app`) puts one context on the application and the caller on each
request; routes take both from here. Each floor adds its own part to the context by inheritance.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Final, Protocol, cast

from epcis.database.transactions import StoreAway, StoreFull
from epcis.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import HTTPConnection, Request
    from starlette.responses import JSONResponse

    from epcis.clock import Clock
    from epcis.ledger.store import Store


def utc_now() -> datetime:
    """The clock of a real server."""
    return datetime.now(UTC)


class EpcisSettings(Protocol):
    """What this floor's routes read of the operator's settings."""

    @property
    def upload_bytes_max(self) -> int:
        """Largest request body, in bytes."""

    @property
    def events_per_capture_max(self) -> int:
        """Most events in one captured document."""

    @property
    def company_prefixes(self) -> tuple[str, ...]:
        """GS1 company prefixes beside GS1's table: a URN needs their length."""

    @property
    def webhooks_to_private_addresses(self) -> bool:
        """Whether subscriptions may deliver to private and loopback addresses."""

    @property
    def data_dir(self) -> Path | None:
        """Folder of everything on disk; None: beside the database."""


@dataclass(frozen=True, kw_only=True)
class EpcisContext:
    """What an application carries for its routes, as far as this floor knows."""

    store: Store
    clock: Clock
    settings: EpcisSettings
    sign_checkpoint: Callable[[], str] | None = None
    """Signs the log as it stands and gives the checkpoint's note; None where nobody signs."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name on the API key or token, what it may do, and the party it acts for."""

    name: str
    scopes: frozenset[str]
    """What it may do: names of `compliance.service.access.SCOPES`."""
    party: str | None = None
    """Canonical GLN key (`/414/0355555000013`); None sees everything its scopes allow."""
    client: str = ""
    """Address the request came from, for budgets against guessing."""
    role: str = ""
    """A role of `compliance.service.policy.ROLES`; empty where the key names scopes alone."""

    @property
    def is_anonymous(self) -> bool:
        """Whether the request brought no credentials.

        >>> Caller("", frozenset()).is_anonymous
        True
        """
        return not self.name


REFUSING: Final = (Problem, StoreAway, StoreFull)
"""What a look at the database may raise that is no fault of ours; `refusal_of` words it."""


def refusal_of(fault: Problem | StoreAway | StoreFull) -> Problem:
    """What every door answers: the problem itself, 503 for a database away, 507 for a full one.

    >>> refusal_of(StoreFull("the disk is full")).status
    507
    """
    if isinstance(fault, Problem):
        return fault
    kind = "epcisException:ImplementationException"
    if isinstance(fault, StoreFull):
        what = f"{fault}; nothing of this request was stored; make room and send it again"
        return Problem(507, "No space left", what, type=kind)
    return Problem(
        503,
        "Database not available",
        f"{fault}; nothing of this request was stored; send it again in a moment",
        type=kind,
        headers={"Retry-After": str(fault.retry_after_s)},
    )


def problem_response(problem: Problem) -> JSONResponse:
    """The HTTP answer for a problem."""
    from starlette.responses import JSONResponse

    return JSONResponse(
        problem.as_dict(),
        status_code=problem.status,
        headers=problem.headers,
        media_type="application/problem+json",
    )


def context_of(request: HTTPConnection) -> EpcisContext:
    """What the application of a request or WebSocket carries."""
    return cast("EpcisContext", request.app.state.context)


def store_of(request: HTTPConnection) -> Store:
    """The store this application serves."""
    return context_of(request).store


def now_of(request: HTTPConnection) -> datetime:
    """The current time by the application's clock, in UTC."""
    return context_of(request).clock()


def settings_of(request: HTTPConnection) -> EpcisSettings:
    """The operator's settings, as far as this floor reads them."""
    return context_of(request).settings


def caller_of(request: HTTPConnection) -> Caller:
    """Who asks; the front desk has authenticated every request before a route sees it."""
    return cast("Caller", request.state.caller)


def needs(scope: str) -> Callable[[Request], Caller]:
    """A FastAPI dependency that lets only callers with `scope` pass."""
    from starlette.requests import Request  # who only runs commands does without any web framework

    def check(request: Request) -> Caller:
        caller = caller_of(request)
        need_scope(caller, scope)
        return caller

    given = Parameter("request", Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    check.__signature__ = Signature([given])  # type: ignore[attr-defined]  # what FastAPI reads
    check.scope = scope  # type: ignore[attr-defined]  # compared with the policy table by a test
    return check


def need_scope(caller: Caller, scope: str) -> None:
    """Raises `Problem` 401 for a caller without credentials, 403 for one without `scope`."""
    if caller.is_anonymous:
        raise not_known()
    if scope not in caller.scopes:
        raise Problem(
            403,
            "Not allowed",
            f"this needs the scope '{scope}', which {caller.name} does not have",
            type="epcisException:SecurityException",
        )


def not_known() -> Problem:
    """The answer to a caller without credentials."""
    return Problem(
        401,
        "Authentication required",
        "send an API key or token as 'Authorization: Bearer …'",
        type="epcisException:SecurityException",
        headers={"WWW-Authenticate": "Bearer"},
    )
