"""A store with a product of three lots, and a counter that answers over HTTP within the test."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from json import dumps
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from fastapi import FastAPI

import verification.registry.pack_tables  # noqa: F401  # declares this floor's tables
from epcis.http_context import Caller, problem_response
from epcis.ledger.store import Store
from epcis.problem import Problem
from verification.answering.hot_routes import HotRoutes
from verification.context import VerificationContext
from verification.routes import routers
from verification.settings import VerificationSettings

GTIN = "05901234123457"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EXPIRY = date(2027, 5, 31)
PACK_SCOPES = frozenset({"verify", "supply", "act", "destroy"})
PHARMACY = Caller("till-1", PACK_SCOPES, None, "10.0.0.1")


class TurningClock:
    """A clock that a test can set."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return TurningClock()


@pytest.fixture
def store(tmp_path):
    store = Store.open(str(tmp_path / "packs.db"))
    store.create_all()
    yield store
    store.close()


def _put_pack(tx, serial, *, gtin=GTIN, lot="A123", expiry=EXPIRY, state="Active", **more):
    """A pack as an upload leaves it."""
    from epcis.database.columns import microseconds
    from verification.registry.pack_tables import pack

    tx.connection.execute(
        pack.insert().values(
            code=gtin,
            serial=serial,
            lot=lot,
            expiry=expiry.isoformat() if expiry else None,
            state=state,
            since_us=microseconds(more.get("since", tx.now)),
            location=more.get("location", ""),
            authorisation=more.get("authorisation", ""),
            repeats=0,
            version=1,
            stolen=0,
            public=0,
        )
    )


@pytest.fixture
def put_pack():
    """Puts a pack into the registry, as an upload would."""
    return _put_pack


def _put_product(tx, gtin=GTIN, *, owner="/414/5901234000009"):
    """A product as an upload leaves it."""
    from epcis.database.columns import microseconds
    from verification.registry.pack_tables import product

    tx.connection.execute(
        product.insert().values(
            code=gtin,
            scheme="GTIN",
            version=1,
            name="Trailol 20 mg",
            details=dumps({"code": gtin, "name": "Trailol 20 mg"}),
            owner=owner,
            uploaded_us=microseconds(tx.now),
        )
    )


@pytest.fixture
def put_product():
    """Puts a product into the registry, as an upload would."""
    return _put_product


@pytest.fixture
def exempt(store):
    """Puts a lot on the list of exemptions."""
    from verification.decision.restrictions import changed
    from verification.registry.pack_tables import exempt_lot

    def put(code, lot, market=""):
        with store.write(NOW) as tx:
            tx.connection.execute(exempt_lot.insert().values(code=code, lot=lot, market=market))
            changed(tx)

    return put


def _register(store, client, role="pharmacy", location="", **more):
    from verification.decision.act import ParticipantRole, Who
    from verification.registry.participants import register

    who = Who(
        client=client, role=ParticipantRole(role), location=location or f"{client} street", **more
    )
    with store.write(NOW) as tx:
        register(tx, who, by="qa")
    return who


@pytest.fixture
def as_participant(store):
    """Registers a client of `store`: name, role, premises, and what else `Who` holds."""
    return lambda client, role="pharmacy", **more: _register(store, client, role, **more)


@pytest.fixture
def registered(packs):
    """The store whose only till is a registered pharmacy."""
    _register(packs, PHARMACY.name)
    return packs


@pytest.fixture
def packs(store):
    """The store with one product and the active packs S1 to S5 of lot A123."""
    with store.write(NOW) as tx:
        _put_product(tx)
        for number in range(1, 6):
            _put_pack(tx, f"S{number}")
    return store


class AsCaller:
    """Stands where the front desk's gate stands: every request comes from `caller`."""

    def __init__(self, app, holder):
        self._app = app
        self._holder = holder

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            scope.setdefault("state", {})["caller"] = self._holder.caller
        await self._app(scope, receive, send)


class Answer:
    """What came back: status, headers by lower-case name, body."""

    def __init__(self, status, headers, content):
        self.status_code = status
        self.headers = {name.decode(): value.decode() for name, value in headers}
        self.content = content

    def json(self):
        return json.loads(self.content)


class Client:
    """Speaks ASGI to an application on one event loop; the URL goes in byte for byte."""

    def __init__(self, app):
        self.app = app
        self._runner = asyncio.Runner()

    def __enter__(self):
        self._runner.__enter__()
        return self

    def __exit__(self, *fault):
        self._runner.run(self._shut_down())
        self._runner.__exit__(*fault)

    async def _shut_down(self):
        """Start and stop the application, as a server does at its end."""
        messages = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive():
            return {"type": next(messages)}

        async def send(message):
            assert message["type"] in ("lifespan.startup.complete", "lifespan.shutdown.complete")

        await self.app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def post(self, url, **more):
        return self.request("POST", url, **more)

    def request(self, method, url, *, json=None, content=b"", headers=None):
        return self._runner.run(self.send(method, url, json=json, content=content, headers=headers))

    def together(self, requests):
        """Send (method, url, json) requests at the same moment; answers in order."""

        async def all_of_them():
            return await asyncio.gather(*(self.send(m, u, json=j) for m, u, j in requests))

        return self._runner.run(all_of_them())

    async def send(self, method, url, *, json=None, content=b"", headers=None):
        body = content if json is None else dumps(json).encode()
        sent = {"host": "counter"} | {k.lower(): v for k, v in (headers or {}).items()}
        if json is not None:
            sent.setdefault("content-type", "application/json")
        raw_path, _, query = url.encode().partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path.decode()),
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
            "client": ("10.0.0.1", 1234),
            "server": ("counter", 80),
        }
        heard = []

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message):
            heard.append(message)

        await self.app(scope, receive, send)
        start = heard[0]
        whole = b"".join(part.get("body", b"") for part in heard[1:])
        return Answer(start["status"], start["headers"], whole)


class Holder:
    def __init__(self, caller):
        self.caller = caller


class HolderEntrance:
    """The entrance of the hot routes: everybody is `caller`, and nothing is counted."""

    def __init__(self, holder):
        self._holder = holder

    def admit(self, scope, receive):
        return self._holder.caller, receive

    def answered(self, scope, status, seconds):
        return ()


def _make_app(store, clock, holder, settings=None, **parts):
    context = VerificationContext(
        store=store,
        clock=clock,
        settings=SimpleNamespace(),
        verification=settings or VerificationSettings(responder_gln="0355555000013"),
        **parts,
    )

    @asynccontextmanager
    async def lifespan(_):
        yield
        await context.close()

    app = FastAPI(lifespan=lifespan)
    app.state.context = context
    for router in routers():
        app.router.routes.extend(router.routes)

    @app.exception_handler(Problem)
    async def problem(_, exc):
        return problem_response(exc)

    app.add_middleware(AsCaller, holder=holder)
    app.add_middleware(HotRoutes, parts=context, entrance=HolderEntrance(holder))
    return app


@pytest.fixture
def make_app():
    """Builds an application over a store, as the front desk would."""
    return _make_app


@pytest.fixture
def make_client():
    """Builds clients that are closed after the test."""
    made = []

    def make(app):
        made.append(Client(app).__enter__())
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


@pytest.fixture
def make_holder():
    """Builds a holder of the pharmacy's caller."""
    return lambda caller=PHARMACY: Holder(caller)


@pytest.fixture
def everything():
    """A caller who may do everything."""
    scopes = PACK_SCOPES | {"capture", "query", "recall", "export", "admin"}
    return Caller("root", scopes, None, "10.0.0.1")


@pytest.fixture
def holder():
    return Holder(PHARMACY)


@pytest.fixture
def settings():
    return VerificationSettings(responder_gln="0355555000013")


@pytest.fixture
def app(packs, clock, holder, settings):
    return _make_app(packs, clock, holder, settings)


@pytest.fixture
def client(app):
    """A client of the counter, in this process and over real ASGI."""
    with Client(app) as client:
        yield client
