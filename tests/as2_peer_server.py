"""An AS2 partner made of pyas2lib, in a process and an environment of its own.

Reads one JSON object from standard input (names, key, certificate, settings), prints its port, and
serves: `POST /as2` takes a message and answers with the receipt; `POST /send` sends the body to the
address in `X-To` and answers with what the receipt says; `GET /taken` lists what was taken.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer


def main() -> None:  # noqa: C901  # its parts share the imports that only this process has
    # It stands in the peer's own environment alone, and every module here is imported by the run.
    from pyas2lib.as2 import Mdn, Message, Organization, Partner

    settings = json.loads(sys.stdin.readline())
    us = Organization(
        as2_name=settings["name"],
        sign_key=settings["key"].encode(),
        sign_key_pass=None,
        decrypt_key=settings["key"].encode(),
        decrypt_key_pass=None,
        domain="peer",
    )
    them = Partner(
        as2_name=settings["partner"],
        verify_cert=settings["certificate"].encode(),
        encrypt_cert=settings["certificate"].encode(),
        validate_certs=False,
        **settings["settings"],
    )
    taken: list[dict[str, str]] = []

    def _lines(headers) -> bytes:
        return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n"

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value.replace("\r", "").replace("\n", ""))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer(json.dumps(taken).encode(), {"Content-Type": "application/json"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/as2":
                self._take(body)
            else:
                self._send(body)

        def _take(self, body: bytes) -> None:
            message = Message()
            known = [one["id"] for one in taken if one["status"] == "processed"]
            status, fault, mdn = message.parse(
                _lines(self.headers) + body,
                find_org_cb=lambda _: us,
                find_partner_cb=lambda _: them,
                find_message_cb=lambda number, _: number in known,
            )
            content = message.content
            taken.append(
                {
                    "id": message.message_id,
                    "status": status,
                    "fault": str(fault[0]) if fault and fault[0] else "",
                    "content": content.decode("latin-1") if content else "",
                    "name": message.payload.get_filename() or "",
                }
            )
            self._answer(mdn.content if mdn else b"", mdn.headers if mdn else {})

        def _send(self, body: bytes) -> None:
            message = Message(us, them)
            message.build(
                body, filename="peer.xml", subject="peer",
                content_type=self.headers.get("X-Type", "application/xml"),
            )  # fmt: skip
            content, headers = message.content, dict(message.headers)
            if old := self.headers.get("X-Tamper", "").encode():
                assert content.count(old) == 1, "what is altered stands in the signed part"
                content = content.replace(old, bytes([old[0] ^ 1]) + old[1:])
            request = urllib.request.Request(
                self.headers["X-To"],
                data=content,
                headers={name: " ".join(value.split()) for name, value in headers.items()},
            )
            with urllib.request.urlopen(request) as answer:
                mdn, got = Mdn(), answer.read()
                status, detail = mdn.parse(
                    _lines(answer.headers) + got,
                    find_message_cb=lambda _number, _recipient: message,
                )
            told = {"status": status, "detail": detail}
            self._answer(json.dumps(told).encode(), {"Content-Type": "application/json"})

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
