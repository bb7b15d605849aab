"""Three hundred senders stop half way: others are served meanwhile, and nothing of them stays."""

from __future__ import annotations

import select
import socket
import threading
import time

import pytest
from chain import pack, see
from service import Service, eventually

from epcis.codec.document import write_event_json

SENDERS = 300
BODY_DEADLINE_S = 4
HEAD_DEADLINE_S = 3
MEMORY_GROWTH_BYTES_MAX = 64 * 2**20


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("half-open")
    limits = {"body_deadline_s": BODY_DEADLINE_S, "head_deadline_s": HEAD_DEADLINE_S}
    with Service(tmp_path, f"sqlite:///{tmp_path}/packtrail.db", **limits) as started:
        assert started.ask("POST", "/epcis/events", event(0))[0] == 201  # everything is loaded
        yield started


def event(number: int) -> bytes:
    return write_event_json(see(number, [pack(f"h{number}")], "storing"))


def lines(service: Service, count: int, sent: bytes) -> list[socket.socket]:
    """Connections that sent this much and no more."""
    opened = []
    for _ in range(count):
        line = socket.create_connection(("127.0.0.1", service.port), timeout=30)
        line.sendall(sent)
        opened.append(line)
    return opened


def answers(waiting: list[socket.socket]) -> list[bytes]:
    """What each connection is told before the service ends it."""
    told = dict.fromkeys(waiting, b"")
    left = set(waiting)
    ends = time.monotonic() + 60
    while left:
        assert time.monotonic() < ends, f"{len(left)} connections were not let go"
        for line in select.select(list(left), [], [], 5)[0]:
            try:
                part = line.recv(65_536)
            except ConnectionResetError:
                part = b""
            told[line] += part
            if not part:
                left.discard(line)
    for line in waiting:
        line.close()
    return list(told.values())


def half_an_upload(service: Service) -> bytes:
    head = (
        f"POST /epcis/capture HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
        f"Authorization: Bearer {service.key}\r\n"
        "Content-Type: application/json\r\nContent-Length: 600000\r\n\r\n"
    )
    return head.encode() + b" " * 100_000


def test_half_open_uploads_are_reaped_while_others_are_served(service):
    files, memory = service.open_files(), service.memory_bytes()
    stalled = lines(service, SENDERS, half_an_upload(service))
    eventually(lambda: len(service.incoming) >= SENDERS)
    for number in range(1, 6):
        assert service.ask("POST", "/epcis/events", event(number))[0] == 201
    assert len(service.get("/epcis/events")["epcisBody"]["queryResults"]) > 0
    told = answers(stalled)
    assert {one.split(b"\r\n")[0] for one in told} == {b"HTTP/1.1 408 Request Timeout"}
    assert all(b"problem+json" in one for one in told)
    eventually(lambda: not service.incoming)
    eventually(lambda: service.open_files() <= files + 8)
    assert service.memory_bytes() - memory < MEMORY_GROWTH_BYTES_MAX
    assert service.get("/epcis/capture") == []


def test_a_body_that_comes_in_drops_is_given_up(service):
    """No pause is long, and still it would take days."""
    (line,) = lines(service, 1, half_an_upload(service).replace(b" " * 100_000, b""))
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(BODY_DEADLINE_S / 10):
            try:
                line.sendall(b" ")
            except OSError:
                return

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        (told,) = answers([line])
        assert told.startswith(b"HTTP/1.1 408 ")
    finally:
        stop.set()
        dripping.join()
    eventually(lambda: not service.incoming)


def test_a_sender_that_hangs_up_leaves_nothing(service):
    for line in lines(service, 50, half_an_upload(service)):
        line.close()
    eventually(lambda: not service.incoming)
    assert service.get("/epcis/capture") == []


def test_heads_that_never_end_are_let_go(service):
    """More of them than requests may be served at once."""
    files = service.open_files()
    begun = lines(service, SENDERS, b"GET /epcis/events HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert service.ask("POST", "/epcis/events", event(1))[0] == 201
    dripping, stop = lines(service, 1, b"GET / HTTP/1.1\r\n")[0], threading.Event()

    def drip() -> None:
        while not stop.wait(0.2):
            try:
                dripping.sendall(b"X-More: 1\r\n")
            except OSError:
                return

    drops = threading.Thread(target=drip)
    drops.start()
    told = answers([*begun, dripping])
    stop.set()
    drops.join()
    assert {one.split(b"\r\n")[0] for one in told[:SENDERS]} == {b"HTTP/1.1 408 Request Timeout"}
    eventually(lambda: service.open_files() <= files + 8)


def test_the_deadline_counts_anew_for_every_head_of_a_connection(service):
    ask = f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n\r\n".encode()
    line = lines(service, 1, ask)[0]
    whole = b""
    while not whole.endswith(b"}"):
        whole += line.recv(65_536)
    assert whole.startswith(b"HTTP/1.1 200")
    line.sendall(ask[:10])
    assert answers([line])[0].startswith(b"HTTP/1.1 408")
