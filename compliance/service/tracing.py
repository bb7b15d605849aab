"""OpenTelemetry: one span for each request, sent to a collector; an extra, off until it is set.

A span names the route, never the address that was asked for: what stands in its place in the
address names packs, and a collector is often somebody else's.
"""

from __future__ import annotations

from importlib import metadata, util
from typing import TYPE_CHECKING, Self

from compliance.service.telemetry import area_of, method_of, route_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from compliance.service.settings import Settings

_EXTRA = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def missing_tracing(settings: Settings) -> str | None:
    """One sentence where spans are asked for and cannot be sent; None where all is well."""
    if not settings.traces_to or all(_is_there(name) for name in _EXTRA):
        return None
    return (
        "PACKTRAIL_TRACES_TO is set and the libraries of OpenTelemetry are not installed:"
        " pip install 'packtrail[otel]', or leave the setting empty"
    )


def _is_there(name: str) -> bool:
    try:
        return util.find_spec(name) is not None
    except ModuleNotFoundError:  # of what it lies in
        return False


class Tracing:
    """ASGI middleware in front of everything: a span for each request, sent in batches."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        self._app = app
        self._provider = provider
        self._tracer: Tracer = provider.get_tracer("packtrail")

    @classmethod
    def to(cls, address: str, app: ASGIApp) -> Self:
        """Spans go to a collector's address, by OTLP over HTTP."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        about = {"service.name": "packtrail", "service.version": metadata.version("packtrail")}
        provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
        return cls(app, provider)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, within a span that continues the caller's trace where it names one."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.propagate import extract
        from opentelemetry.trace import SpanKind, StatusCode

        names = ("traceparent", "tracestate")
        attributes = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.decode("latin-1") in names
        }
        method = method_of(scope["method"])
        with self._tracer.start_as_current_span(
            method, context=extract(attributes), kind=SpanKind.SERVER, record_exception=False
        ) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    route = route_of(scope) or area_of(scope["path"])
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.request.method", method)
                    span.set_attribute("http.route", route)
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self._app(scope, receive, noted)

    def close(self) -> None:
        """Send what is left, and end."""
        self._provider.shutdown()
