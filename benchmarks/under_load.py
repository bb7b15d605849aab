"""What a started server does under load: small documents, and questions beside a large file.

    python -m benchmarks.under_load [small|large|pictures|overload] [--postgresql URL]

`small`: one event as a document by `/epcis/capture` against the same by `/epcis/events`, in turns
on one server; processor time of the server for each, and documents a second of four clients.
`large`: a question about a genuine pack every 50 ms, each on its own connection, while a file of
100 MB (XML, then JSON) is captured; waits count from when a question was due.
`pictures`: a genuine picture of a pack every half second, while six pictures made to take all the
time that a picture may take are sent again and again by the same client.
`overload`: eight clients that ask without a pause (questions about packs, queries, small
documents), then eighty: what is answered, how soon, what is refused, and the server's memory.
"""

from __future__ import annotations

import argparse
import http.client
import io
import itertools
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
import numpy as np
from PIL import Image
from service import Service, document  # type: ignore[import-not-found]  # the tests' own

from benchmarks.documents import documents
from epcis.model import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS, CLIENTS, TURNS = 100, 4, 5
EVENTS, ASKED_EVERY_S = int(os.environ.get("PACKTRAIL_BENCHMARK_EVENTS", "27000")), 0.05
IDLE_S = 10.0
BUSY_CLIENTS, OVERLOADED_S = 8, float(os.environ.get("PACKTRAIL_BENCHMARK_S", "60"))
HOSTILE_PICTURES, ATTACKED_S, SCANNED_EVERY_S = 6, 20.0, 0.5
QUESTION = b'{"gtin": "05901234123457", "serial": "sgenuine"}'
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

    def __init__(self, service: Service, media_type: str = "application/json") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        self._headers = {
            "Authorization": f"Bearer {service.key}",
            "Content-Type": media_type,
        }

    def post(self, path: str, body: bytes) -> int:
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def get(self, path: str) -> int:
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def post_for_job(self, path: str, body: bytes) -> str:
        """The address of the job that a capture was answered with."""
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return "/epcis/capture/" + answer.headers["Location"].rpartition("/")[2]


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


def large(service: Service) -> None:
    """Questions about a genuine pack, one every 20 ms, while a large file is captured."""
    sender = Sender(service)
    assert sender.post("/epcis/capture", one_event("sgenuine")) == 202
    idle = _asked_while(service, _for_a_while(IDLE_S))[0]
    print(
        f"verify while nothing is captured: p50 {_at(idle, 0.5):.0f} ms, p99 {_at(idle, 0.99):.0f}"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for path in documents(Path(scratch), EVENTS):
            media_type = "application/xml" if path.suffix == ".xml" else "application/json"
            job = Sender(service, media_type).post_for_job("/epcis/capture", path.read_bytes())
            waits, refused, longest_s = _asked_while(service, partial(_runs, service, job))
            size_mb = path.stat().st_size / 1e6
            print(
                f"verify while {size_mb:.0f} MB {path.suffix} are captured ({longest_s:.0f} s):"
                f" p50 {_at(waits, 0.5):.0f} ms, p99 {_at(waits, 0.99):.0f} ms, longest"
                f" {waits[-1]:.0f} ms of {len(waits)}, {refused} refused"
            )


def pictures(service: Service) -> None:
    """Genuine scans beside six hostile pictures: fields of random modules without a code."""
    genuine = (Path(__file__).parent.parent / "docs/examples/pack.png").read_bytes()
    hostile = _field_of_modules()
    scan = partial(_scanned, service)
    assert scan(genuine) == 200
    calm = [_ms(partial(scan, genuine)) for _ in range(10)]
    is_over = threading.Event()

    def attack() -> None:
        while not is_over.is_set():
            scan(hostile)

    attackers = [threading.Thread(target=attack) for _ in range(HOSTILE_PICTURES)]
    for one in attackers:
        one.start()
    begun_s = time.perf_counter()
    waits = []
    while time.perf_counter() - begun_s < ATTACKED_S:
        waits.append(_ms(partial(_answered, scan, genuine)))
        time.sleep(SCANNED_EVERY_S)
    is_over.set()
    for one in attackers:
        one.join()
    waits.sort()
    print(
        f"a genuine scan: {statistics.median(calm):.0f} ms alone; beside {HOSTILE_PICTURES} hostile"
        f" pictures p50 {_at(waits, 0.5):.0f} ms, longest {waits[-1]:.0f} ms of {len(waits)}"
    )


def _scanned(service: Service, picture: bytes) -> int:
    return Sender(service, "image/png").post("/packs/scan", picture)


def _answered(scan: Callable[[bytes], int], picture: bytes) -> None:
    assert scan(picture) == 200


def _ms(act: Callable[[], object]) -> float:
    begun_s = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun_s)


def _field_of_modules() -> bytes:
    modules = np.random.default_rng(1).integers(0, 2, (1200, 1200), np.uint8) * 255
    file = io.BytesIO()
    Image.fromarray(np.kron(modules, np.ones((5, 5), np.uint8))).save(file, "PNG")
    return file.getvalue()


def overload(service: Service) -> None:
    """Ten times as many clients as keep the server busy; each asks again as soon as it may."""
    sender = Sender(service)
    assert sender.post("/epcis/capture", one_event("sgenuine")) == 202
    for clients in (BUSY_CLIENTS, 10 * BUSY_CLIENTS):
        before_mb, is_over = _memory_mb(service), threading.Event()
        seen: list[tuple[str, int, float]] = []
        threads = [
            threading.Thread(target=_keep_asking, args=(service, number, seen, is_over))
            for number in range(clients)
        ]
        threads.append(threading.Thread(target=_keep_looking, args=(service, seen, is_over)))
        for one in threads:
            one.start()
        time.sleep(OVERLOADED_S)
        is_over.set()
        for one in threads:
            one.join()
        for kind in ("verify", "query", "capture", "health"):
            served = sorted(ms for name, status, ms in seen if name == kind and status < 300)
            refused = sum(name == kind and status in (429, 503) for name, status, _ in seen)
            others = sum(name == kind for name, _, _ in seen) - len(served) - refused
            print(
                f"{clients} clients, {kind}: {len(served)} answered, p50 {_at(served, 0.5):.0f} ms,"
                f" p99 {_at(served, 0.99):.0f} ms; {refused} refused, {others} otherwise"
            )
        print(f"{clients} clients: memory {before_mb:.0f} MB, then {_memory_mb(service):.0f} MB")


def _keep_asking(
    service: Service, number: int, seen: list[tuple[str, int, float]], is_over: threading.Event
) -> None:
    sender, dice = Sender(service), random.Random(number)
    asks: dict[str, Callable[[int], int]] = {
        "verify": lambda _: sender.post("/packs/verify", QUESTION),
        "query": lambda _: sender.get("/epcis/events?perPage=10&EQ_bizStep=storing"),
        "capture": lambda turn: sender.post("/epcis/capture", one_event(f"o{number}x{turn}")),
    }
    for turn in itertools.count():
        if is_over.is_set():
            return
        kind = dice.choices(list(asks), (6, 2, 2))[0]
        begun_s = time.perf_counter()
        status = asks[kind](turn + 1_000_000 * len(seen))
        seen.append((kind, status, 1000 * (time.perf_counter() - begun_s)))


def _keep_looking(
    service: Service, seen: list[tuple[str, int, float]], is_over: threading.Event
) -> None:
    sender = Sender(service)
    while not is_over.wait(0.2):
        begun_s = time.perf_counter()
        seen.append(("health", sender.get("/health"), 1000 * (time.perf_counter() - begun_s)))


def _memory_mb(service: Service) -> float:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _for_a_while(idle_s: float) -> Callable[[], bool]:
    end_s = time.perf_counter() + idle_s
    return lambda: time.perf_counter() < end_s


def _runs(service: Service, job: str) -> bool:
    return bool(service.get(job)["running"])


def _asked_while(service: Service, goes_on: Callable[[], bool]) -> tuple[list[float], int, float]:
    """Milliseconds each question took from when it was due, how many were refused, seconds."""
    waits: list[float] = []
    refused, running = 0, True
    begun_s = time.perf_counter()
    lock = threading.Lock()

    def ask(due_s: float) -> None:
        nonlocal refused
        status = Sender(service).post("/packs/verify", QUESTION)
        with lock:
            waits.append(1000 * (time.perf_counter() - due_s))
            refused += status != 200

    def watch() -> None:
        nonlocal running
        while goes_on():
            time.sleep(0.5)
        running = False

    watcher = threading.Thread(target=watch)
    watcher.start()
    asking = []
    due_s = time.perf_counter()
    while running:
        time.sleep(max(0.0, due_s - time.perf_counter()))
        asking.append(threading.Thread(target=ask, args=(due_s,)))
        asking[-1].start()
        due_s += ASKED_EVERY_S
    for one in (watcher, *asking):
        one.join()
    return sorted(waits), refused, time.perf_counter() - begun_s


def _at(waits: list[float], share: float) -> float:
    return waits[min(len(waits) - 1, int(len(waits) * share))]


PARTS: dict[str, Callable[[Service], None]] = {
    "small": small,
    "large": large,
    "pictures": pictures,
    "overload": overload,
}


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
