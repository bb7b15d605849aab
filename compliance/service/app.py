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
from starlette.exceptions import HTTPException

from compliance.service.answer_headers import AnswerHeaders
from compliance.service.compression import Compression
from compliance.service.entrance import HotEntrance
from compliance.service.error_pages import ErrorPages
from compliance.service.gate import Admission, BodyBounds, BodyLimit, Gate
from compliance.service.jobs import background_work
from compliance.service.oidc import TokenReader
from compliance.service.overload import Overload, refuse_busy
from compliance.service.policing import Guard, Policing, guarded
from compliance.service.routers import include_floors
from compliance.service.telemetry import AnswerCounts, Telemetry, route_of
from compliance.service.tracing import Tracing
from epcis.archive.reading import ArchiveAway
from epcis.database.transactions import StoreAway, StoreFull
from epcis.http_context import refusal_of
from epcis.problem import Problem
from epcis.routes.described import REFUSED, path_parameters
from epcis.routes.problems import answer_anywhere
from schemas.finding import Finding, Severity, Where
from verification.answering.hot_routes import HotRoutes
from verification.routes.described import hot_paths, hot_schemas

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from compliance.service.context import ServiceContext


_log = structlog.get_logger(__name__)
STATIC = Path(__file__).parent / "static"


class Application(FastAPI):
    """The framework behind the hot routes.

    Its own outer layers cost 20 microseconds a request, a third of what a status query takes.
    """

    hot_routes: ASGIApp
    """What answers first: the hot routes, behind the tracing where that is on."""
    overload: Overload
    """What stands around that, and refuses what there is no room for."""
    outermost: ASGIApp
    """What stands around the framework itself, so that its own faults pass it too."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a hot route, or leave the request to the framework."""
        await self.overload(scope, receive, send)

    async def framework(self, scope: Scope, receive: Receive, send: Send) -> None:
        """All that the framework answers, as pages for people and compressed."""
        await self.outermost(scope, receive, send)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The framework's own answer."""
        await super().__call__(scope, receive, send)


def create_app(context: ServiceContext) -> FastAPI:
    """The application over a store that is open and migrated."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = asyncio.Event()
        with context.picture_reader:
            async with background_work(context, stop):
                yield
        await context.close()
        if isinstance(app.hot_routes, Tracing):
            await asyncio.to_thread(app.hot_routes.close)

    app = Application(
        title="Packtrail",
        summary="Track-and-trace compliance for medicines",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.context = context
    include_floors(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _describe_hot_routes(app)
    _add_problem_handlers(app)
    _add_middleware(app, context)
    return app


def _describe_hot_routes(app: FastAPI) -> None:
    """Put the hot routes into the OpenAPI document beside the framework's own."""
    of_framework = app.openapi

    def openapi() -> dict[str, Any]:  # as FastAPI declares it
        document = of_framework()
        document["paths"].update(hot_paths())
        document["components"]["schemas"].update(hot_schemas())
        document["components"]["securitySchemes"] = _SECURITY_SCHEMES
        document["security"] = [{"bearer": []}, {}]
        _describe_refusals(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents this way


def _describe_refusals(document: dict[str, Any]) -> None:  # an OpenAPI document
    """Every operation may answer with a problem, and names what stands in its path."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            answers = operation.setdefault("responses", {})
            if "HTTPValidationError" in str(answers.get("422")):
                del answers["422"]  # the framework's own, which Packtrail answers as a problem
            answers.update({name: one for name, one in REFUSED.items() if name not in answers})
            named = operation.setdefault("parameters", [])
            known = {one["name"] for one in named if one["in"] == "path"}
            named.extend(one for one in path_parameters(path) if one["name"] not in known)


_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key or OpenID Connect token. While no key was made, callers on this "
        "machine need none.",
    }
}


def _add_middleware(app: Application, context: ServiceContext) -> None:
    """Outermost last: policy, gate, body limits, counts; pages, headers, packing; hot routes."""
    settings, store = context.settings, context.store
    admission = Admission(store, context.clock, settings, TokenReader.of(settings))
    bounds = BodyBounds(settings.upload_bytes_max, settings.body_deadline_s)
    counts = AnswerCounts(context.registry, logs=settings.log_answers)
    guard = Guard(guarded(app.routes), context)
    app.add_middleware(Policing, guard=guard)
    app.add_middleware(Gate, admission=admission)
    app.add_middleware(BodyLimit, bounds=bounds)
    outer = Compression(AnswerHeaders(ErrorPages(app.answer), store))
    app.outermost = Telemetry(outer, counts=counts)
    entrance = HotEntrance(admission, bounds, counts, store)
    refusing = Telemetry(Compression(AnswerHeaders(ErrorPages(refuse_busy), store)), counts=counts)
    app.hot_routes = HotRoutes(app.framework, parts=context, entrance=entrance)
    if settings.traces_to:
        app.hot_routes = Tracing.to(settings.traces_to, app.hot_routes)
    app.overload = Overload(app.hot_routes, refusing=refusing)


def _add_problem_handlers(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, exc: Problem) -> Response:
        return answer_anywhere(request, exc)

    @app.exception_handler(HTTPException)
    async def http(request: Request, exc: HTTPException) -> Response:
        headers = dict(exc.headers or {})
        problem = Problem(exc.status_code, exc.detail, exc.detail, headers=headers)
        return answer_anywhere(request, problem)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, exc: RequestValidationError) -> Response:
        return answer_anywhere(request, _of_validation(exc))

    @app.exception_handler(Exception)
    async def fault(request: Request, exc: Exception) -> Response:
        _log.error(
            "request failed", method=request.method, route=route_of(request.scope), exc_info=exc
        )
        return answer_anywhere(request, _OUR_FAULT)

    @app.exception_handler(ArchiveAway)
    async def archived(request: Request, exc: ArchiveAway) -> Response:
        return answer_anywhere(request, exc.problem)

    @app.exception_handler(StoreFull)
    @app.exception_handler(StoreAway)
    async def unavailable(request: Request, exc: StoreAway | StoreFull) -> Response:
        return answer_anywhere(request, refusal_of(exc))


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
