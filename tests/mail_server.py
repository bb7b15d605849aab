"""A mail server for tests: speaks SMTP (RFC 5321) on a port of its own and keeps what it takes."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes
from email.policy import default


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 test")
        for line in self.rfile:
            word = line.split(maxsplit=1)[0].upper() if line.strip() else b""
            if word == b"QUIT":
                self._say("221 bye")
                return
            if word == b"RCPT" and self.server.refuses in line.decode():
                self._say("550 no such mailbox")
            elif word == b"DATA":
                self._say("354 go on")
                self._take()
                self._say("250 kept")
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
        self.server.kept.append(message_from_bytes(b"".join(lines), policy=default))

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class KeepingMailServer(socketserver.ThreadingTCPServer):
    """Takes every message, but for recipients whose address has `refuses` in it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.kept = []
        self.refuses = "nobody@"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]
