"""A repository on a real socket: the routes below `/epcis`, a clock to turn, callers to be.

A test folder takes the fixtures by `from repository import repository, served`.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import httpx
import orjson
import pytest
import uvicorn
from asking import CONTEXT
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from epcis.capture_job import run_jobs
from epcis.http_context import Caller, EpcisContext, problem_response
from epcis.ledger.store import Store
from epcis.problem import Problem
from epcis.routes.all import routers
from epcis.subscribe.delivery import run_subscriptions

EVERYTHING = frozenset({"capture", "query", "verify", "recall", "export", "admin"})
DEADLINE_S = 20.0
"""How long a test waits for background work before it fails."""


@dataclass
class Repository:
    """A running repository and what a test may turn on it."""

    store: Store
    settings: SimpleNamespace
    now: datetime = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    callers: dict[str, Caller] = field(default_factory=dict)
    url: str = ""

    server: uvicorn.Server | None = None

    def stop(self) -> None:
        """Let the server end, as at a shutdown."""
        self.server.should_exit = True

    def clock(self) -> datetime:
        return self.now

    def later(self, **delta) -> None:
        self.now += timedelta(**delta)

    def client(self, token: str = "all", **headers) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", **headers},
            timeout=DEADLINE_S,
        )

    def capture(self, body: bytes, media_type: str = "application/xml", **headers) -> dict:
        """Capture a document and wait until its job is done."""
        with self.client(**headers) as client:
            answer = client.post(
                "/epcis/capture", content=body, headers={"Content-Type": media_type}
            )
            assert answer.status_code == 202, answer.text
            return self.finished(client, answer.headers["Location"])

    def captured(self, store_at: datetime, body: bytes, **headers) -> dict:
        """Capture at a point in time; the job must succeed."""
        self.now = store_at
        job = self.capture(body, **headers)
        assert job["success"], job
        return job

    def finished(self, client: httpx.Client, location: str) -> dict:
        turns = threading.Event()
        for _ in range(int(DEADLINE_S / 0.02)):
            job = client.get(location, headers={"Accept": "application/json"}).json()
            if not job["running"]:
                return job
            turns.wait(0.02)
        raise AssertionError(f"job still runs: {job}")


class WhoAsks:
    """The gate of these tests: the token is the name of a caller."""

    def __init__(self, app, repository: Repository) -> None:
        self.app = app
        self.repository = repository

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] in ("http", "websocket"):
            token = dict(scope["headers"]).get(b"authorization", b"").decode()[7:]
            caller = self.repository.callers.get(token, Caller("", frozenset()))
            scope.setdefault("state", {})["caller"] = caller
        await self.app(scope, receive, send)


def make_app(repository: Repository) -> FastAPI:
    stop = asyncio.Event()

    @asynccontextmanager
    async def lifespan(_app):
        allowed = repository.settings.webhooks_to_private_addresses
        jobs = (
            run_jobs(repository.store, repository.clock, stop),
            run_subscriptions(
                repository.store,
                repository.clock,
                stop,
                private_allowed=allowed,
                company_prefixes=repository.settings.company_prefixes,
            ),
        )
        tasks = [asyncio.create_task(one) for one in jobs]
        yield
        stop.set()
        await asyncio.gather(*tasks)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.context = EpcisContext(
        store=repository.store, clock=repository.clock, settings=repository.settings
    )
    for router in routers():
        app.router.routes.extend(router.routes)

    @app.exception_handler(Problem)
    async def problem(_request, fault):
        return problem_response(fault)

    @app.exception_handler(HTTPException)
    async def http(_request, fault):
        headers = dict(fault.headers or {})
        return problem_response(Problem(fault.status_code, fault.detail, "", headers=headers))

    app.add_middleware(WhoAsks, repository=repository)
    return app


@pytest.fixture
def repository(tmp_path):
    """A new, empty repository that does not answer on a socket yet."""
    made = new_repository(tmp_path)
    yield made
    made.store.close()


def new_repository(folder: Path) -> Repository:
    """A repository in a database file of its own."""
    store = Store.open(str(folder / "memory.db"))
    store.create_all()
    return repository_over(store)


def repository_over(store: Store) -> Repository:
    """A repository over a store that has its tables."""
    settings = SimpleNamespace(
        upload_bytes_max=64 * 2**20,
        events_per_capture_max=10_000,
        webhooks_to_private_addresses=True,
        company_prefixes=(),
        data_dir=None,
    )
    made = Repository(store, settings)
    made.callers = {
        "all": Caller("all", EVERYTHING),
        "reader": Caller("reader", frozenset({"query"})),
        "sender": Caller("sender", frozenset({"capture"})),
    }
    return made


@pytest.fixture
def served(repository):
    """The repository, answering on a socket."""
    with serving(repository):
        yield repository


class serving:  # noqa: N801  # reads as a with statement
    def __init__(self, repository: Repository, *, with_workers: bool = True) -> None:
        self.repository = repository
        self.lifespan = "on" if with_workers else "off"

    def __enter__(self) -> Repository:
        config = uvicorn.Config(
            make_app(self.repository),
            host="127.0.0.1",
            port=0,
            log_level="error",
            lifespan=self.lifespan,
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        turns = threading.Event()
        while not self.server.started:
            assert self.thread.is_alive(), "the server did not start"
            turns.wait(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.repository.url = f"http://127.0.0.1:{port}"
        self.repository.server = self.server
        return self.repository

    def __exit__(self, *_exc) -> None:
        self.server.should_exit = True
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive(), "the server did not stop"


@dataclass
class Webhook:
    """A subscriber on a socket: keeps what it is sent and answers as told."""

    received: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    """Status codes to answer with, one each; 200 once they are used up."""
    url: str = ""
    bell: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list:
        with self.bell:
            done = self.bell.wait_for(lambda: len(self.received) >= count, DEADLINE_S)
            assert done, f"{len(self.received)} of {count} deliveries came"
            return list(self.received)


@pytest.fixture
def webhook():
    """A subscriber that listens on this machine."""
    hook = Webhook()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with hook.bell:
                status = hook.answers.pop(0) if hook.answers else 200
                hook.received.append((status, dict(self.headers), body))
                hook.bell.notify_all()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", hook.url + "elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    hook.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield hook
    server.shutdown()
    server.server_close()
    thread.join(DEADLINE_S)


def event(letter: str, **members) -> dict:
    return {
        "@context": CONTEXT,
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{letter}",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "ADD",
        "bizStep": "shipping",
        "epcList": [f"urn:epc:id:sgtin:0614141.107346.{letter}"],
        **members,
    }


def send(repository, *letters: str, **members) -> None:
    with repository.client(**{"Content-Type": "application/json"}) as client:
        for letter in letters:
            body = orjson.dumps(event(letter, **members))
            assert client.post("/epcis/events", content=body).status_code == 201


def eventually(condition) -> None:
    turns = threading.Event()
    for _ in range(int(DEADLINE_S / 0.02)):
        if condition():
            return
        turns.wait(0.02)
    raise AssertionError("it did not come to that")
