"""The installed service without a disk or without its database: it says so, and goes on after."""

from __future__ import annotations

import http.client
import os
import subprocess
import threading

import orjson
import pytest
from chain import pack, see
from databases import new_cluster
from service import Service, document, eventually

from epcis.codec.document import write_event_json

EXCEPTION = "epcisException:ImplementationException"


def event(sender: int, number: int, packs: int = 40) -> bytes:
    named = [pack(f"{sender}x{number}x{n}") for n in range(packs)]
    return write_event_json(see(number % 5000, named, "storing"))


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 12 MB for everything the service keeps."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_507_and_room_lets_the_same_process_go_on(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(4 << 20))
    with Service(small_disk, f"sqlite:///{small_disk}/packtrail.db") as service:
        assert service.ask("POST", "/epcis/events", event(0, 0))[0] == 201
        process = service.process
        kept, status = 1, 201
        while status == 201:
            status, headers, body = service.ask("POST", "/epcis/events", event(1, kept, packs=2000))
            kept += status == 201
        assert status == 507, body
        problem = orjson.loads(body)
        assert problem["type"] == EXCEPTION
        assert "room" in problem["detail"]
        assert headers["content-type"] == "application/problem+json"
        packs = [pack(f"d{number}") for number in range(2000)]
        refused = service.ask("POST", "/epcis/capture", document(see(1, packs, "storing")))
        assert refused[0] == 507
        assert service.ask("GET", "/epcis/events?perPage=1")[0] == 200  # reading goes on
        ballast.unlink()
        assert service.ask("POST", "/epcis/events", event(1, kept))[0] == 201
        eventually(lambda: not any(job["running"] for job in service.get("/epcis/capture")))
        assert service.process is process
        assert process.poll() is None


@pytest.fixture
def own_cluster():
    yield from new_cluster()


@pytest.mark.postgresql
def test_a_database_that_restarts_is_503_with_retry_after_and_the_pool_heals(own_cluster, tmp_path):
    answers: list[tuple[int, dict[str, str], bytes]] = []
    stop, warm, away = threading.Event(), threading.Event(), threading.Event()
    with Service(tmp_path, own_cluster.new_database()) as service:

        def send(sender: int) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                try:
                    answer = service.ask("POST", "/epcis/events", event(sender, number))
                except (OSError, http.client.HTTPException) as fault:
                    answer = (0, {}, repr(fault).encode())
                answers.append(answer)
                if answer[0] == 503:
                    away.set()
                    stop.wait(0.05)
                if len(answers) > 20:
                    warm.set()

        senders = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for sender in senders:
            sender.start()
        try:
            assert warm.wait(60)
            own_cluster.stop("fast")
            assert away.wait(60)
            status, headers, body = service.ask("GET", "/epcis/events")
            assert (status, orjson.loads(body)["type"]) == (503, EXCEPTION)
            assert int(headers["retry-after"]) > 0
            status, headers, _ = service.ask(
                "POST", "/epcis/capture", document(see(1, [pack("d")], "storing"))
            )
            assert status == 503
            assert int(headers["retry-after"]) > 0
            own_cluster.start()
            before = len(answers)
            eventually(lambda: sum(a[0] == 201 for a in answers[before:]) >= 20)
        finally:
            stop.set()
            for sender in senders:
                sender.join()
        assert {status for status, _, _ in answers} == {201, 503}, [
            one for one in answers if one[0] not in (201, 503)
        ][:3]
        refused = [headers for status, headers, _ in answers if status == 503]
        assert all(int(headers["retry-after"]) > 0 for headers in refused)
        taken = sum(status == 201 for status, _, _ in answers)
        found = service.get("/epcis/events?perPage=1000&eventType=ObjectEvent")
        listed = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        assert len(listed) == min(taken, 1000)
        assert not service.incoming
