"""Two companies that exchange files over AS2, each behind an HTTP server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from partners import Site

from epcis.exchange.as2_inbound import As2Visit
from epcis.exchange.certificates import (
    CertificateOwner,
    certificates_of,
    trust_certificate,
)
from epcis.exchange.spool import Region


def own_pem(site: Site, channel: str) -> bytes:
    """Our newest certificate of a channel."""
    with site.store.read() as snapshot:
        found = certificates_of(snapshot, channel, CertificateOwner.OURS)
    return found[-1].pem.encode()


def trust(site: Site, channel: str, pem: bytes) -> None:
    with site.store.write(site.now) as tx:
        trust_certificate(tx, channel, pem, by="Ada")


def post(site: Site, headers: dict[str, str], body: Region) -> tuple[int, dict[str, str], bytes]:
    """What a site answers to a request, as its route does."""
    visit = As2Visit(site.exchange, headers)
    answer = visit.refused_at_once() or visit.take(body)
    return answer.status, answer.headers, answer.content


class Door:
    """The HTTP server in front of a site; `tamper` and `log` see every request."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[bytes] = []
        self.tamper = lambda headers, body: (headers, body)
        self.is_silent = False
        self.address = ""

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        import io

        self.requests.append((headers, body))
        status, told, content = post(
            self.site, *self._as_region(*self.tamper(dict(headers), body), io.BytesIO)
        )
        self.answers.append(content)
        return status, told, content

    @staticmethod
    def _as_region(headers, body, file):
        return headers, Region.whole(file(body))


def handler_of(door: Door) -> type[BaseHTTPRequestHandler]:
    """What answers requests at a door."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, told, content = door.take(headers, body)
            if door.is_silent:  # as a server that dies after its commit and before its answer
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in told.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving(site: Site) -> Iterator[Door]:
    door = Door(site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(door))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    door.address = f"http://127.0.0.1:{server.server_address[1]}/as2"
    with closing(server.socket):
        try:
            yield door
        finally:
            server.shutdown()
            thread.join()
