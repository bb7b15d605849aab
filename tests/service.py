"""The service as it is installed, to be killed and started again while clients go on asking."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

import orjson
from hands import Ran, hand

from epcis.codec.document import write_event_json

DEADLINE_S = 60.0
"""How long a test waits for the service before it fails."""


class Service:
    """`packtrail serve` over one database, with an API key; each start has a port of its own."""

    def __init__(
        self,
        folder: Path,
        database: str,
        *,
        scopes: str = "capture,query,verify,admin",
        **settings: object,
    ) -> None:
        self.data = folder / "data"
        self._log = folder / "service.log"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PACKTRAIL_")},
            "PACKTRAIL_DATA_DIR": str(self.data),
            "PACKTRAIL_DATABASE": database,
            "PYTHONUNBUFFERED": "1",
            **{f"PACKTRAIL_{name.upper()}": str(value) for name, value in settings.items()},
        }
        made = self.run("access", "new-key", "line", "--scopes", scopes, "--json")
        self.key = made.json["key"]
        self.port = 0

    def run(self, *words: str) -> Ran:
        """A command on the machine of this service."""
        return hand(self.environment)(*words)

    def root_pem(self) -> bytes:
        """Its root certificate."""
        return self.run("keys", "root").out.encode()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start and wait until it says where it listens."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "compliance.service.cli", "serve", "--port", "0"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if address := re.search(r"listens on http://[^:]+:(\d+)/", line):
                self.port = int(address[1])
                return
        raise AssertionError(f"the service did not start: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def ask(
        self, method: str, path: str, body: bytes = b"", timeout_s: float = DEADLINE_S
    ) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        headers = {"Authorization": f"Bearer {self.key}"}
        if body:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON at an address; fails where it is not 200."""
        status, _, body = self.ask("GET", path)
        assert status == 200, body
        return orjson.loads(body)

    @property
    def incoming(self) -> list[Path]:
        """Bodies of captures that lie on the disk."""
        return list(self.data.parent.rglob("*.body"))

    @property
    def log(self) -> str:
        return self._log.read_text()

    def open_files(self) -> int:
        """Sockets and files the process holds."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024


def document(*events: Any) -> bytes:
    """An EPCIS document of these events."""
    listed = [orjson.loads(write_event_json(one)) for one in events]
    for one in listed:
        one.pop("@context", None)
    return orjson.dumps(
        {
            "@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-06-01T00:00:00Z",
            "epcisBody": {"eventList": listed},
        }
    )


def eventually(condition: Any, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition()` holds."""
    turns = threading.Event()
    for _ in range(int(deadline_s / 0.05)):
        if condition():
            return
        turns.wait(0.05)
    raise AssertionError("it did not come to that")
