"""The web application: every floor's routes behind one gate, and the work that runs beside them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from compliance.seal.checkpoint import seal_log
from compliance.service.gate import BodyLimit, Gate
from compliance.service.jobs import background_work
from compliance.service.oidc import TokenReader
from compliance.service.practice import practice_of
from compliance.service.routers import include_floors
from compliance.service.telemetry import Telemetry
from epcis.archive.reading import ArchiveAway
from epcis.database.transactions import StoreAway, StoreFull
from epcis.problem import Problem
from epcis.routes.described import REFUSED, path_described
from epcis.routes.problems import answer_anywhere
from schemas.finding import Finding, Severity, Where
from verification.image.limits import Limits
from verification.image.worker import PictureReader
from verification.routes import FastLane, close_counter
from verification.routes.described import hot_paths, hot_schemas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from compliance.service.parts import Parts
    from compliance.service.settings import Settings
    from epcis.ledger.store import Store

_log = structlog.get_logger(__name__)
STATIC = Path(__file__).parent / "static"
_CSP = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
NOT_SNIFFED = (b"x-content-type-options", b"nosniff")
"""What every answer says besides."""
_HEADERS = (
    NOT_SNIFFED,
    (b"content-security-policy", _CSP.encode()),
    # Not no-referrer: browsers then send "Origin: null" with our own forms, which the gate refuses.
    (b"referrer-policy", b"same-origin"),
)
"""What whatever a browser may show says besides."""


def create_app(parts: Parts) -> FastAPI:
    """The application over a store that is open and migrated."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        with PictureReader(limits=_picture_limits(parts.settings)) as reader:
            app.state.picture_reader = reader
            async with background_work(parts, stop, app.state.registry):
                yield
        await close_counter(app.state)

    app = FastAPI(
        title="Packtrail",
        summary="Track-and-trace compliance for medicines",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.settings = parts.settings
    app.state.store = parts.store
    app.state.keys = parts.keys
    app.state.clock = parts.clock
    app.state.verification = practice_of(parts.settings)
    app.state.snapshot_key = parts.keys.log
    app.state.seal_log = lambda: seal_log(parts.store, parts.keys, now=parts.clock()).note
    app.state.registry = CollectorRegistry()
    app.state.pages_need_sign_in = parts.pages_need_sign_in
    include_floors(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _describe_hot_routes(app)
    _add_problem_handlers(app)
    _add_middleware(app, parts)
    return app


def _describe_hot_routes(app: FastAPI) -> None:
    """Put the routes of the fast lane into the OpenAPI document beside the framework's own."""
    of_framework = app.openapi

    def openapi() -> dict[str, Any]:
        document = of_framework()
        document["paths"].update(hot_paths())
        document["components"]["schemas"].update(hot_schemas())
        document["components"]["securitySchemes"] = _SECURITY_SCHEMES
        document["security"] = [{"bearer": []}, {}]
        _describe_refusals(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way


def _describe_refusals(document: dict[str, Any]) -> None:
    """Every operation may answer with a problem, and names what stands in its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            answers = operation.setdefault("responses", {})
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]  # the framework's own, which Packtrail answers as a problem
            answers.update({name: one for name, one in REFUSED.items() if name not in answers})
            named = operation.setdefault("parameters", [])
            known = {one["name"] for one in named if one["in"] == "path"}
            for one in path_described(path)["parameters"]:
                if one["name"] not in known:
                    named.append(one)


_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key or OpenID Connect token. While no key was made, callers on this "
        "machine need none.",
    }
}


def _picture_limits(settings: Settings) -> Limits:
    return Limits(size_bytes_max=settings.picture_bytes_max, pixels_max=settings.picture_pixels_max)


def _add_middleware(app: FastAPI, parts: Parts) -> None:
    """Outermost last: answer headers, the body's limits, the gate, the hot routes' own lane."""
    settings = parts.settings
    app.add_middleware(FastLane)
    app.add_middleware(
        Gate,
        store=parts.store,
        clock=parts.clock,
        settings=settings,
        tokens=TokenReader.of(settings),
    )
    app.add_middleware(
        BodyLimit,
        bytes_max=settings.upload_bytes_max,
        pause_s_max=settings.body_deadline_s,
    )
    app.add_middleware(AnswerHeaders, store=parts.store)
    app.add_middleware(Telemetry, registry=app.state.registry)


def checkpoint_named(store: Store) -> tuple[tuple[bytes, bytes], ...]:
    """The header that names the newest signed checkpoint; none before one was signed.

    Whoever keeps it can later have the log proved to continue it: two parties that were told
    different checkpoints of one size hold the proof of a fork.
    """
    return ((b"packtrail-checkpoint", store.signed.encode()),) if store.signed else ()


class AnswerHeaders:
    """ASGI middleware: the newest checkpoint, and what keeps a browser from doing too much."""

    def __init__(self, app: ASGIApp, store: Store) -> None:
        self.app = app
        self.store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, adding headers to the answer."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = dict(message["headers"])
                is_json = b"json" in present.get(b"content-type", b"json")
                told = (*checkpoint_named(self.store), *((NOT_SNIFFED,) if is_json else _HEADERS))
                extra = [pair for pair in told if pair[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, adding)


def _add_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, exc: Problem) -> Response:
        return answer_anywhere(request, exc)

    @app.exception_handler(HTTPException)
    async def http(request: Request, exc: HTTPException) -> Response:
        headers = dict(exc.headers or {})
        told = Problem(exc.status_code, exc.detail, exc.detail, headers=headers)
        return answer_anywhere(request, told)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, exc: RequestValidationError) -> Response:
        return answer_anywhere(request, _of_validation(exc))

    @app.exception_handler(Exception)
    async def fault(request: Request, exc: Exception) -> Response:
        _log.error("request failed", method=request.method, path=request.url.path, exc_info=exc)
        return answer_anywhere(request, _OUR_FAULT)

    @app.exception_handler(StoreFull)
    async def full(request: Request, exc: StoreFull) -> Response:
        del exc
        return answer_anywhere(request, _NO_SPACE)

    @app.exception_handler(ArchiveAway)
    async def archived(request: Request, exc: ArchiveAway) -> Response:
        return answer_anywhere(request, exc.problem)

    @app.exception_handler(StoreAway)
    async def away(request: Request, exc: StoreAway) -> Response:
        return answer_anywhere(request, _store_away(exc))


def _of_validation(exc: RequestValidationError) -> Problem:
    findings = tuple(
        Finding(
            f"request.{fault['type'].replace('_', '-')}",
            Severity.ERROR,
            fault["msg"],
            "see /openapi.json for what this route takes",
            Where(path="/".join(str(step) for step in fault["loc"])),
        )
        for fault in exc.errors()
    )
    what = "; ".join(f"{finding.where.path}: {finding.what}" for finding in findings)
    kind = "epcisException:ValidationException"
    return Problem(400, "Request not understood", what, type=kind, findings=findings)


_OUR_FAULT = Problem(
    500,
    "Fault of ours",
    "this request met a fault in Packtrail; nothing of it was stored; the operator's log has more",
    type="epcisException:ImplementationException",
)
_NO_SPACE = Problem(
    507,
    "No space left",
    "the database has no room; nothing of this request was stored; free space and send it again",
    type="epcisException:ImplementationException",
)


def _store_away(exc: StoreAway) -> Problem:
    return Problem(
        503,
        "Database not available",
        "nothing of this request was stored; send it again in a moment",
        type="epcisException:ImplementationException",
        headers={"Retry-After": str(exc.retry_after_s)},
    )
