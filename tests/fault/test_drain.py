"""SIGTERM: what is under way is finished and acknowledged, and nothing new is begun."""

from __future__ import annotations

import asyncio
import signal
import socket
from datetime import UTC, datetime

from chain import pack, see
from service import DEADLINE_S, Service, document, eventually
from sqlalchemy import func, select

from epcis import capture_job
from epcis.capture_job import NewJob
from epcis.capture_outcome import Behaviour
from epcis.codec.document import write_event_json
from epcis.ledger.store import Store
from epcis.store import event_tables

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_request_under_way_is_answered_and_the_server_ends_by_itself(tmp_path, database):
    body = write_event_json(see(1, [pack("drained")], "storing"))
    with Service(tmp_path, database) as service:
        head = (
            f"POST /epcis/events HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {service.key}\r\n"
            "Content-Type: application/json\r\nExpect: 100-continue\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", service.port), DEADLINE_S) as line:
            line.sendall(head.encode())
            assert line.recv(1000).startswith(b"HTTP/1.1 100")  # the request is being served
            line.sendall(body[:20])
            service.process.send_signal(signal.SIGTERM)
            eventually(lambda: not listens(service.port))
            line.sendall(body[20:])
            answer = line.makefile("rb").readline()
        assert answer.split()[1] == b"201", answer
        service.process.wait(DEADLINE_S)
        assert service.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in service.log
    assert stored(database) == 1


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), DEADLINE_S).close()
    except ConnectionRefusedError:
        return False
    return True


def stored(url: str) -> int:
    store = Store.open(url)
    with store.read() as snapshot:
        found = snapshot.connection.scalar(select(func.count()).select_from(event_tables.event))
    store.close()
    return found


def test_a_job_under_way_is_finished_and_the_next_one_waits_for_the_next_start(store):
    for number in (1, 2):
        body = capture_job.incoming(store) / f"job{number}.body"
        body.write_bytes(document(see(number, [pack(number)], "storing")))
        new = NewJob(f"job{number}", Behaviour.ROLLBACK, "application/json", "line", None)
        capture_job.open_job(store, new, body, now=NOW)

    async def stopped_at_the_first_job() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def clock() -> datetime:
            # Asked in the worker's thread when it takes a job: that is when the signal comes.
            asyncio.run_coroutine_threadsafe(_set(stop), loop).result(DEADLINE_S)
            return NOW

        await capture_job.run_jobs(store, clock, stop, workers=1)

    asyncio.run(stopped_at_the_first_job())
    with store.read() as snapshot:
        left = [one.id for one in capture_job.jobs(
            snapshot, caller=None, after=None, rows_max=9) if one.running]  # fmt: skip
        done = snapshot.connection.scalar(select(func.count()).select_from(event_tables.event))
    assert (left, done) == (["job2"], 1)


async def _set(stop: asyncio.Event) -> None:
    stop.set()
