"""A small capturing server to be killed: answers 201 only for what is stored.

    python receiver.py DATABASE_URL

Prints its port. 507 where the disk is full, 503 where the database is away.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from epcis.capture import capture
from epcis.store.database import Store, StoreAway, StoreFull


def serve(url: str) -> None:
    store = Store.open(url)

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name the library calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                capture(store, body, now=datetime.now(UTC))
                status = 201
            except StoreFull:
                status = 507
            except StoreAway:
                status = 503
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1])
