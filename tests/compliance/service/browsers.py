"""A browser in front of an application, with a clock that turns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx

from compliance.service.access import Grant

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WORD = "correct horse battery"
ANN = Grant.of_role("ann", "manufacturer")
ADMIN = Grant("root", frozenset({"admin", "query", "verify"}))
HTML = {"Accept": "text/html"}


class TurningClock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Browser:
    """One browser at an address of its own; keeps its cookie."""

    def __init__(self, app, address: str) -> None:
        transport = httpx.ASGITransport(app, client=(address, 5))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    def get(self, path: str, **more) -> httpx.Response:
        return asyncio.run(self.http.get(path, headers=HTML, **more))

    def post(self, path: str, **data: str) -> httpx.Response:
        return asyncio.run(self.http.post(path, data=data, headers=HTML))

    def sign_in(self, name: str = "ann", password: str = WORD) -> httpx.Response:
        return self.post("/sign-in", name=name, password=password)
