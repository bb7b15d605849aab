"""OpenTelemetry: a real collector's address gets one span a request, with no pack in it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hands import hand
from service import Service, eventually

from compliance.service import tracing
from compliance.service.settings import Settings

SERIAL = "SERIALOFAPATIENT"


@pytest.fixture
def collector():
    """Where spans are sent, and the bodies that came."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def spans(bodies: list[bytes]) -> list:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return [
        span
        for body in bodies
        for of in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


def test_each_request_is_a_span_that_names_its_route_and_no_pack(collector, tmp_path):
    address, bodies = collector
    url = f"sqlite:///{tmp_path / 'packtrail.db'}"
    uncompressed = {"OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    service = Service(tmp_path, url, traces_to=address)
    service.environment |= uncompressed
    with service:
        service.ask("GET", f"/epcis/epcs/urn:epc:id:sgtin:950600.0013435.{SERIAL}/events")
        service.ask("GET", f"/packs/status?gtin=09506000134352&serial={SERIAL}")
        service.ask("GET", "/live")
        service.process.terminate()  # what is left is sent before it ends
        eventually(lambda: len(spans(bodies)) == 3)
    found = spans(bodies)
    assert {span.name for span in found} == {
        "GET /epcis/epcs/{epc:path}/events", "GET packs", "GET /live",
    }  # fmt: skip
    assert not any(SERIAL.encode() in body for body in bodies)
    assert not any(service.key.encode() in body for body in bodies)
    statuses = {
        attribute.value.int_value
        for span in found
        for attribute in span.attributes
        if attribute.key == "http.response.status_code"
    }
    assert 200 in statuses


def test_without_its_libraries_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(tracing, "_EXTRA", ("opentelemetry.nowhere",))
    settings = Settings(data_dir=tmp_path, traces_to="http://127.0.0.1:9/v1/traces")
    assert "packtrail[otel]" in (tracing.missing_tracing(settings) or "")
    assert tracing.missing_tracing(Settings(data_dir=tmp_path)) is None


def test_doctor_asks_whether_the_collector_answers(tmp_path):
    told = hand(
        {
            "PACKTRAIL_DATA_DIR": str(tmp_path),
            "PACKTRAIL_TRACES_TO": "http://127.0.0.1:9/v1/traces",
        }
    )("doctor", "--json")
    said = {one["name"]: one for one in json.loads(told.out)}
    assert not said["collector of traces"]["well"]
    assert "spans are lost" in said["collector of traces"]["means"]
