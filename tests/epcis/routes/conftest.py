"""A repository on a real socket: the routes below `/epcis`, a clock to turn, callers to be."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from epcis.capture_job import run_jobs
from epcis.desk import Caller, Problem, problem_response
from epcis.routes.all import routers
from epcis.store.database import Store

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
    workers: list = field(default_factory=list)

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
        jobs = [run_jobs(repository.store, repository.clock, stop)]
        jobs += [work(repository, stop) for work in repository.workers]
        tasks = [asyncio.create_task(one) for one in jobs]
        yield
        stop.set()
        await asyncio.gather(*tasks)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.store = repository.store
    app.state.clock = repository.clock
    app.state.settings = repository.settings
    for router in routers():
        app.include_router(router)

    @app.exception_handler(Problem)
    async def problem(_request, fault):
        return problem_response(fault)

    app.add_middleware(WhoAsks, repository=repository)
    return app


@pytest.fixture
def repository(tmp_path):
    store = Store.open(str(tmp_path / "memory.db"))
    store.create_all()
    settings = SimpleNamespace(
        upload_bytes_max=64 * 2**20,
        events_per_capture_max=10_000,
        webhooks_to_private_addresses=True,
    )
    made = Repository(store, settings)
    made.callers = {
        "all": Caller("all", EVERYTHING),
        "reader": Caller("reader", frozenset({"query"})),
        "sender": Caller("sender", frozenset({"capture"})),
    }
    yield made
    store.close()


@pytest.fixture
def served(repository):
    """The repository, answering on a socket."""
    with serving(repository):
        yield repository


class serving:  # noqa: N801  # reads as a with statement
    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def __enter__(self) -> Repository:
        config = uvicorn.Config(
            make_app(self.repository), host="127.0.0.1", port=0, log_level="error", lifespan="on"
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
        return self.repository

    def __exit__(self, *_exc) -> None:
        self.server.should_exit = True
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive(), "the server did not stop"
