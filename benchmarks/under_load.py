"""What a started server does under load: small documents, and questions beside a large file.

    python -m benchmarks.under_load [small|large|...] [--postgresql URL]

`small`: one event as a document by `/epcis/capture` against the same by `/epcis/events`, in turns
on one server; processor time of the server for each, and documents a second of four clients.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from service import Service, document  # type: ignore[import-not-found]  # the tests' own

from epcis.model import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS, CLIENTS, TURNS = 100, 4, 5
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def processor_s(service: Service) -> float:
    """What the server used so far."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND


def one_event(name: str) -> bytes:
    """A document of one event about one pack."""
    body: bytes = document(
        ObjectEvent(
            event_time=datetime.now(UTC).isoformat(),
            event_time_zone_offset="+00:00",
            action="OBSERVE",
            biz_step="storing",
            epcs=(f"https://id.gs1.org/01/05901234123457/21/{name}",),
        )
    )
    return body


class Sender:
    """A connection that is kept open, as partners' systems keep theirs."""

    def __init__(self, service: Service) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        self._headers = {
            "Authorization": f"Bearer {service.key}",
            "Content-Type": "application/json",
        }

    def post(self, path: str, body: bytes) -> int:
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status


def small(service: Service) -> None:
    numbers = iter(range(10**9))

    def send(path: str, many: int) -> None:
        sender = Sender(service)
        for _ in range(many):
            assert sender.post(path, one_event(f"s{next(numbers)}")) in (201, 202)

    def cost(path: str) -> tuple[float, float]:
        before_s, begun_s = processor_s(service), time.perf_counter()
        send(path, DOCUMENTS)
        return processor_s(service) - before_s, time.perf_counter() - begun_s

    for path in ("/epcis/events", "/epcis/capture"):
        send(path, 20)
    told = [(cost("/epcis/events"), cost("/epcis/capture")) for _ in range(TURNS)]
    for place, unit in enumerate(("processor time", "wall clock")):
        ratio = statistics.median(ours[place] / theirs[place] for theirs, ours in told)
        print(f"a small document by capture / by events, {unit}: {ratio:.2f} x")
    ours_ms = 1000 * statistics.median(ours[1] for _, ours in told) / DOCUMENTS
    print(f"one by capture: {ours_ms:.1f} ms")
    threads = [
        threading.Thread(target=send, args=("/epcis/capture", DOCUMENTS)) for _ in range(CLIENTS)
    ]
    begun_s = time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    rate = CLIENTS * DOCUMENTS / (time.perf_counter() - begun_s)
    print(f"four clients: {rate:.0f} documents a second, stored when answered")


PARTS: dict[str, Callable[[Service], None]] = {"small": small}


def main() -> None:
    """Run the parts named, or all, on a server of their own."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("parts", nargs="*", choices=[[], *PARTS])
    arguments.add_argument("--postgresql", default="", help="URL of an empty database")
    options = arguments.parse_args()
    for name in options.parts or PARTS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            with Service(folder, options.postgresql or str(folder / "load.db")) as service:
                PARTS[name](service)


if __name__ == "__main__":
    main()
